"""Which strategy fits a goal's progress. Pure.

The band of the goal gives the stance it wants (one that was reached stays reached), a
strategy's type and risk profile its posture; the nearer the two, the better the fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from goals.decisions.progress import describe_band
from goals.decisions.trade_record import NO_RECORD, GrowthRecord
from goals.enums import ProgressBand
from mastertrade.values import in_text
from mastertrade.values.in_text import Text, cased, exact, say
from mastertrade.values.money import ZERO, exactly
from strategies.enums import Placing, RiskProfile, Stance

TWO = Decimal(2)

# From -1 (conservative) to +1 (aggressive). Source: docs/rules.md, "Strategies".
STANCE_FOR_BAND = {
    ProgressBand.BEHIND: Stance.AGGRESSIVE,
    ProgressBand.ON_TRACK: Stance.BALANCED,
    ProgressBand.NEAR_TARGET: Stance.CONSERVATIVE,
    ProgressBand.ACHIEVED: Stance.CONSERVATIVE,
}
STANCE_SCORES = {
    Stance.AGGRESSIVE: Decimal(1),
    Stance.BALANCED: ZERO,
    Stance.CONSERVATIVE: Decimal(-1),
}
TYPE_POSTURES = {
    "momentum": Decimal(1),
    "breakout": Decimal(1),
    "mean_reversion": Decimal(-1),
}
PROFILE_SHIFTS = {
    RiskProfile.AGGRESSIVE: Decimal("0.5"),
    RiskProfile.MODERATE: ZERO,
    RiskProfile.CONSERVATIVE: Decimal("-0.5"),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A strategy that competes, with the record of its closed trades."""

    strategy_id: str
    strategy_type: str
    risk_profile: RiskProfile
    record: GrowthRecord = NO_RECORD


@dataclass(frozen=True, slots=True)
class RankedStrategy:
    """A candidate and the figures that placed it. `rank` 1 is chosen.

    `mean_growth` is the shrunk mean growth per trade that ranks, 0 where the record
    has too few trades to be judged; then its `mean` and bounds are None. Ratios.
    """

    rank: int
    strategy_id: str
    strategy_type: str
    risk_profile: RiskProfile
    posture: Decimal
    fit: Decimal
    closed_trades: int
    mean_growth: Decimal
    mean: Decimal | None
    lower: Decimal | None
    upper: Decimal | None
    disproved: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen strategy, why, and the whole ranking."""

    selected: RankedStrategy
    stance: Stance
    reason: Text
    ranking: tuple[RankedStrategy, ...]


def measure_posture(strategy_type: str, risk_profile: RiskProfile) -> Decimal:
    """How aggressive a strategy is: its type, shifted by its risk profile."""
    return TYPE_POSTURES.get(strategy_type, ZERO) + PROFILE_SHIFTS[risk_profile]


@exactly
def measure_fit(posture: Decimal, stance: Stance) -> Decimal:
    """1 where posture and stance agree, 0 where they are two steps apart."""
    return 1 - abs(posture - STANCE_SCORES[stance]) / TWO


def attach_records(
    candidates: tuple[Candidate, ...], records: Mapping[str, GrowthRecord]
) -> tuple[Candidate, ...]:
    """The candidates with their records; each must have one, if only of no trades."""
    return tuple(replace(one, record=records[one.strategy_id]) for one in candidates)


def select_strategy(
    band: ProgressBand, candidates: tuple[Candidate, ...], *, reached: bool = False
) -> Selection:
    """Rank by (disproved, fit, mean growth, strategy_id); `candidates` not empty.

    The order in which the candidates come does not matter. A goal that was `reached`
    wants what one at its target does, however far it has fallen back.
    """
    stance = STANCE_FOR_BAND[ProgressBand.ACHIEVED if reached else band]
    measured = [_measure(candidate, stance) for candidate in candidates]
    ordered = sorted(measured, key=lambda one: (*_order(one), one.strategy_id))
    ranking = tuple(replace(one, rank=rank) for rank, one in enumerate(ordered, 1))
    where = f"{describe_band(band)} of the way"
    if reached:
        where = "the goal is reached, so"
    return Selection(ranking[0], stance, _explain(where, stance, ranking), ranking)


def explain_place(one: RankedStrategy, first: RankedStrategy) -> Placing:
    """By what a strategy of a ranking comes after its first one."""
    if one is first:
        return Placing.CHOSEN
    differing = (
        placing
        for placing, own, best in zip(
            (Placing.DISPROVED, Placing.FITS_LESS, Placing.GREW_LESS),
            _order(one),
            _order(first),
            strict=True,
        )
        if own != best
    )
    return next(differing, Placing.LATER_NAME)


def _measure(candidate: Candidate, stance: Stance) -> RankedStrategy:
    """The candidate's figures; its rank is known once all are measured."""
    posture = measure_posture(candidate.strategy_type, candidate.risk_profile)
    record = candidate.record
    judged = record.judged
    return RankedStrategy(
        rank=0,
        strategy_id=candidate.strategy_id,
        strategy_type=candidate.strategy_type,
        risk_profile=candidate.risk_profile,
        posture=posture,
        fit=measure_fit(posture, stance),
        closed_trades=record.trades,
        mean_growth=record.shrunk_mean if judged else ZERO,
        mean=record.mean if judged else None,
        lower=record.lower if judged else None,
        upper=record.upper if judged else None,
        disproved=record.disproved,
    )


def _explain(where: str, stance: Stance, ranking: tuple[RankedStrategy, ...]) -> Text:
    first = ranking[0]
    equals = [other for other in ranking[1:] if _order(other) == _order(first)]
    tied = ", ".join(other.strategy_id for other in equals)
    disproved = ", ".join(one.strategy_id for one in ranking if one.disproved)
    words = say(
        "{} {} strategy is asked for; {} ({}, {}) fits best with {}{}{}.",
        where,
        _article(stance),
        first.strategy_id,
        in_text.name(first.strategy_type),
        first.risk_profile,
        exact(first.fit),
        f", tied with {tied}: the first by name is taken" if tied else "",
        f"; ruled out by their record: {disproved}" if disproved else "",
    )
    return cased(words)


def _article(stance: Stance) -> str:
    return f"an {stance}" if stance is Stance.AGGRESSIVE else f"a {stance}"


def _order(ranked: RankedStrategy) -> tuple[bool, Decimal, Decimal]:
    """Smaller comes first; equal where only the name decides."""
    return ranked.disproved, -ranked.fit, -ranked.mean_growth
