"""Policies: how a goal's progress scales the base size. Pure.

A policy is a function of (progress, time left) alone, so it is always a table. Live
decisions, replay and projection look at the same one: `ladder` and `constant` at a
fixed table, `pace` at the rule here for the edge of the day, `deadline_optimal` at a
table that is solved (`goals.projection.policy_tables`).
`goals.projection.policy_functions` has them all over (trades left, equity).
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal

from goals.decisions.progress import BAND_FLOORS_PCT
from goals.enums import AfterAchieved, PolicyName, ProgressBand
from mastertrade.values.money import FACTOR, exactly, round_to

ONE = Decimal(1)

# Multipliers, no unit. Source: docs/rules.md, "Sizing".
LADDER_FACTORS = {
    ProgressBand.BEHIND: Decimal("1.3"),
    ProgressBand.ON_TRACK: ONE,
    ProgressBand.NEAR_TARGET: Decimal("0.7"),
}
AFTER_ACHIEVED_FACTORS = {
    AfterAchieved.PROTECT: Decimal("0.5"),
    AfterAchieved.CONTINUE: ONE,
    AfterAchieved.STOP: Decimal(0),
}
DEFAULT_MIN_FACTOR = Decimal("0.5")
DEFAULT_MAX_FACTOR = Decimal("1.3")
# No goal may ask for less or more than this.
LOWEST_FACTOR = Decimal("0.1")
HIGHEST_FACTOR = Decimal(2)


@dataclass(frozen=True, slots=True)
class FactorTable:
    """Factors by time left (rows) and progress (columns).

    Row i holds from `time_left_floors[i]` on (ratio of the period, 0 to 1), column j
    from `progress_floors_pct[j - 1]` on; column 0 lies below the first floor. A new
    `version` is due whenever a figure changes, so that a logged decision can be
    replayed.
    """

    name: PolicyName
    version: str
    progress_floors_pct: tuple[Decimal, ...]
    factors: tuple[tuple[Decimal, ...], ...]
    time_left_floors: tuple[Decimal, ...] = (Decimal(0),)

    def factor(self, progress_pct: Decimal, time_left_ratio: Decimal = ONE) -> Decimal:
        """The multiplier for a progress in percent and a share of time left."""
        row = max(bisect_right(self.time_left_floors, time_left_ratio) - 1, 0)
        column = bisect_right(self.progress_floors_pct, progress_pct)
        return self.factors[row][column]


LADDER = FactorTable(
    name=PolicyName.LADDER,
    version="ladder-1",
    progress_floors_pct=(
        BAND_FLOORS_PCT[ProgressBand.ON_TRACK],
        BAND_FLOORS_PCT[ProgressBand.NEAR_TARGET],
    ),
    factors=(tuple(LADDER_FACTORS.values()),),
)
CONSTANT = FactorTable(
    name=PolicyName.CONSTANT,
    version="constant-1",
    progress_floors_pct=(),
    factors=((ONE,),),
)
TABLES = {PolicyName.LADDER: LADDER, PolicyName.CONSTANT: CONSTANT}

PACE_VERSION = "pace-1"
DEADLINE_VERSION = "deadline_optimal-4"
# How much more than needed a goal that is behind strives for. No unit.
PACE_SPEED = Decimal("1.5")
# From so much progress on (percent): the pace's lowest and highest factor. None is the
# goal's own bound. Source: docs/rules.md, "Policies".
PACE_LIMITS: tuple[tuple[Decimal | None, Decimal | None, Decimal | None], ...] = (
    (None, ONE, None),
    (Decimal(40), Decimal("0.95"), Decimal("1.05")),
    (Decimal(50), None, Decimal("1.05")),
    (Decimal(80), None, ONE),
)
POLICY_VERSIONS = {
    PolicyName.LADDER: LADDER.version,
    PolicyName.CONSTANT: CONSTANT.version,
    PolicyName.PACE: PACE_VERSION,
    PolicyName.DEADLINE_OPTIMAL: DEADLINE_VERSION,
}


def pace_limits(
    progress_pct: Decimal, min_factor: Decimal, max_factor: Decimal
) -> tuple[Decimal, Decimal]:
    """The lowest and highest factor of the pace policy at a progress in percent."""
    low, high = min_factor, max_factor
    for floor, lowest, highest in PACE_LIMITS:
        if floor is None or progress_pct >= floor:
            low = min_factor if lowest is None else lowest
            high = max_factor if highest is None else highest
    return low, high


@exactly
def pace_factor(
    progress_pct: Decimal,
    need: Decimal,
    edge: Decimal,
    *,
    min_factor: Decimal,
    max_factor: Decimal,
) -> Decimal:
    """`1.5 x need / edge` inside the limits of the progress, then the goal's bounds.

    `need` is the log-growth each trade left must bring, `edge` the shrunk mean growth
    per trade at factor 1; both ratios. An edge at or below 0 cannot be sped up: 1.0
    before the limits.
    """
    low, high = pace_limits(progress_pct, min_factor, max_factor)
    wanted = ONE if edge <= 0 else PACE_SPEED * need / edge
    held = min(max(wanted, low), high)
    return round_to(min(max(held, min_factor), max_factor), FACTOR)
