"""Policies: how a goal's progress scales the base size. Pure.

A policy is a function of (progress, time left) alone, so it is always a table. Live
decisions, replay and projection look at the same one.
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal

from goals.enums import AfterAchieved, PolicyName, ProgressBand
from goals.progress import BAND_FLOORS_PCT
from mastertrade.exceptions import NotSupported

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
class PolicyTable:
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


LADDER = PolicyTable(
    name=PolicyName.LADDER,
    version="ladder-1",
    progress_floors_pct=(
        BAND_FLOORS_PCT[ProgressBand.ON_TRACK],
        BAND_FLOORS_PCT[ProgressBand.NEAR_TARGET],
    ),
    factors=(tuple(LADDER_FACTORS.values()),),
)
CONSTANT = PolicyTable(
    name=PolicyName.CONSTANT,
    version="constant-1",
    progress_floors_pct=(),
    factors=((ONE,),),
)
TABLES = {PolicyName.LADDER: LADDER, PolicyName.CONSTANT: CONSTANT}


def table_for(policy: PolicyName) -> PolicyTable:
    """The policy's table; `NotSupported` for one this version does not solve yet."""
    table = TABLES.get(policy)
    if table is None:
        raise NotSupported(
            f"The policy {policy} is not part of this version; use one of "
            f"{', '.join(TABLES)}."
        )
    return table
