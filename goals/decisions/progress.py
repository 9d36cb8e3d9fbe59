"""How far a goal is: value, progress, band, pace, health. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from goals.decisions.periods import Period
from goals.enums import GoalStatus, Health, Measure, ProgressBand
from mastertrade.values import in_text
from mastertrade.values.in_text import Text
from mastertrade.values.money import (
    HUNDRED,
    MONEY,
    PERCENT,
    exactly,
    format_plain,
    hold_within,
    round_to,
)

# A progress outside is held here, in percent.
PROGRESS_BOUND_PCT = Decimal(99_999_999)
SECONDS_PER_DAY = 86_400

# Lower bounds of the bands, in percent of the way. Source: docs/rules.md, "Band".
BAND_FLOORS_PCT = {
    ProgressBand.ON_TRACK: Decimal(30),
    ProgressBand.NEAR_TARGET: Decimal(80),
    ProgressBand.ACHIEVED: Decimal(100),
}
# Pace gaps in percentage points. Source: docs/rules.md, "Health".
AHEAD_GAP_PCT = Decimal(10)
LAGGING_GAP_PCT = Decimal(-10)
AT_RISK_GAP_PCT = Decimal(-25)
# Below this probability (a ratio) a goal is at risk, whatever its pace.
AT_RISK_PROBABILITY = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class Baseline:
    """Where a goal starts: its start value and the ledger's figures at that time."""

    start_value: Decimal
    unit_value: Decimal
    realized_pnl: Decimal
    run: int


@dataclass(frozen=True, slots=True)
class PortfolioFigures:
    """What a goal is measured by: the portfolio's figures at one time."""

    unit_value: Decimal
    realized_pnl: Decimal
    live_equity: Decimal
    run: int


@dataclass(frozen=True, slots=True)
class GoalProgress:
    """`current_value` in the goal's measure (percent or money)."""

    current_value: Decimal
    progress_pct: Decimal

    @property
    def band(self) -> ProgressBand:
        return band_for(self.progress_pct)


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a goal should be by now. All None for a goal without a deadline.

    Percentages of the way; `required_per_day` in the goal's measure and `health` are
    None once the goal is over.
    """

    expected_progress_pct: Decimal | None
    pace_gap_pct: Decimal | None
    required_per_day: Decimal | None
    health: Health | None
    reason: str


def measure_progress(
    measure: Measure,
    target_value: Decimal,
    baseline: Baseline,
    portfolio_figures: PortfolioFigures,
) -> GoalProgress:
    """Measure a goal from the ledger's figures at its start and now."""
    current_value = measure_value(measure, baseline, portfolio_figures)
    return GoalProgress(
        current_value,
        measure_progress_pct(current_value, baseline.start_value, target_value),
    )


@exactly
def measure_value(
    measure: Measure, baseline: Baseline, portfolio_figures: PortfolioFigures
) -> Decimal:
    """The goal's current value: percent for a return, money otherwise.

    The return of a run of units that ended in ruin is and stays -100.
    """
    match measure:
        case Measure.INCOME:
            value = portfolio_figures.realized_pnl - baseline.realized_pnl
        case Measure.VALUE:
            value = portfolio_figures.live_equity
        case Measure.RETURN if not can_still_move(measure, baseline, portfolio_figures):
            value = -HUNDRED
        case Measure.RETURN:
            value = (portfolio_figures.unit_value / baseline.unit_value - 1) * HUNDRED
    return round_to(hold_within(value, MONEY), MONEY)


def can_still_move(
    measure: Measure, baseline: Baseline, portfolio_figures: PortfolioFigures
) -> bool:
    """Whether trading can move the goal at all; not a return whose run is over."""
    if measure is not Measure.RETURN:
        return True
    return baseline.run == portfolio_figures.run and baseline.unit_value > 0


@exactly
def measure_progress_pct(
    current_value: Decimal, start_value: Decimal, target_value: Decimal
) -> Decimal:
    """Percent of the way from start to target; may be negative or above 100.

    Held at the column's bound rather than overflowing it: a tiny target must never
    keep a trade from being closed.
    """
    way = target_value - start_value
    progress = (current_value - start_value) / way * HUNDRED
    return round_to(_hold_progress(progress), PERCENT)


def band_for(progress_pct: Decimal) -> ProgressBand:
    """The band of a progress in percent; each floor belongs to the band above it."""
    band = ProgressBand.BEHIND
    for candidate, floor_pct in BAND_FLOORS_PCT.items():
        if progress_pct >= floor_pct:
            band = candidate
    return band


def show_progress(progress_pct: Decimal) -> Text:
    """As text: never beyond the floor of a band that it has not reached."""
    floors = BAND_FLOORS_PCT.values()
    nearest = min(floors, key=lambda floor: abs(floor - progress_pct))
    return in_text.percent(progress_pct, nearest)


def describe_band(band: ProgressBand) -> str:
    """The band's range in words, e.g. "from 30 to below 80 %"."""
    floors = [None, *BAND_FLOORS_PCT.values(), None]
    index = list(ProgressBand).index(band)
    low, high = floors[index], floors[index + 1]
    if low is None:
        return f"below {format_plain(high or HUNDRED)} %"
    if high is None:
        return f"from {format_plain(low)} %"
    return f"from {format_plain(low)} to below {format_plain(high)} %"


@exactly
def measure_pace(
    *,
    progress: GoalProgress,
    target_value: Decimal,
    period: Period,
    at: datetime,
    probability: Decimal | None = None,
    unreachable: bool = False,
    over: bool = False,
) -> Pace:
    """Compare the progress with the share of the period that has elapsed.

    Before the period's start 0 % is expected, after its end 100 %. `probability` (a
    ratio) and `unreachable` are the last projection of a goal that runs; one
    that is `over` has no health.
    """
    if period.ends_at is None:
        health = None if over else Health.ON_PACE
        return Pace(None, None, None, health, "no deadline, so no pace")
    whole = _seconds(period.starts_at, period.ends_at)
    elapsed = min(max(_seconds(period.starts_at, at), Decimal(0)), whole)
    expected = round_to(elapsed / whole * HUNDRED, PERCENT)
    gap = round_to(_hold_progress(progress.progress_pct - expected), PERCENT)
    health = None if over else health_for(gap, probability, unreachable=unreachable)
    words = (
        f"{in_text.percent(progress.progress_pct, expected)} of the way after "
        f"{in_text.percent(expected, progress.progress_pct)} of the time"
    )
    left = Decimal(0) if over else whole - elapsed
    required = _required_per_day(target_value - progress.current_value, left)
    return Pace(expected, gap, required, health, words)


def health_for(
    pace_gap_pct: Decimal,
    probability: Decimal | None = None,
    *,
    unreachable: bool = False,
) -> Health:
    """Health by the pace gap in percentage points, and by what is projected."""
    if unreachable:
        return Health.UNREACHABLE
    if probability is not None and probability < AT_RISK_PROBABILITY:
        return Health.AT_RISK
    if pace_gap_pct <= AT_RISK_GAP_PCT:
        return Health.AT_RISK
    if pace_gap_pct <= LAGGING_GAP_PCT:
        return Health.LAGGING
    if pace_gap_pct >= AHEAD_GAP_PCT:
        return Health.AHEAD
    return Health.ON_PACE


def status_after(
    status: GoalStatus,
    *,
    was_achieved: bool,
    progress_pct: Decimal,
    conditions_hold: bool = True,
) -> tuple[GoalStatus, bool]:
    """The status after a measurement, and whether the goal was ever achieved.

    An active goal is achieved the first time its progress reaches 100 and its
    conditions hold, and stays so;
    a paused one remembers it, and shows it when it is resumed or its period ends. A
    missed one turns achieved when a trade of its period is booked after its end. A
    failed one stays failed.
    """
    at_target = band_for(progress_pct) is ProgressBand.ACHIEVED
    achieved = was_achieved or (at_target and conditions_hold)
    if achieved and status in {GoalStatus.ACTIVE, GoalStatus.MISSED}:
        return GoalStatus.ACHIEVED, True
    return status, achieved


def stands_failed(failed_at: datetime | None, achieved_at: datetime | None) -> bool:
    """Whether a limit that fails was breached before the goal was achieved."""
    return failed_at is not None and (achieved_at is None or failed_at < achieved_at)


def status_rebuilt(
    status: GoalStatus, *, achieved: bool, ended: bool, failed: bool = False
) -> GoalStatus:
    """The status that the ledger as it is now gives, whatever it was before.

    What the user decided stays: a cancelled or a paused goal is neither judged anew.
    `failed` as `stands_failed` says, here and below.
    """
    if status in {GoalStatus.CANCELLED, GoalStatus.PAUSED}:
        return status
    if failed:
        return GoalStatus.FAILED
    if achieved:
        return GoalStatus.ACHIEVED
    return GoalStatus.MISSED if ended else GoalStatus.ACTIVE


def status_at_end(
    status: GoalStatus, *, was_achieved: bool, failed: bool = False
) -> GoalStatus:
    """The status once the period is over."""
    if status is GoalStatus.CANCELLED:
        return status
    if failed:
        return GoalStatus.FAILED
    return GoalStatus.ACHIEVED if was_achieved else GoalStatus.MISSED


def status_by_clock(
    status: GoalStatus,
    *,
    reached: bool,
    ended: bool,
    over: bool,
    failed: bool = False,
) -> GoalStatus:
    """What the roll-over makes of the status, before it has come by.

    `reached`: achieved, or at 100 % in a period that has begun, no condition being
    open. `ended`: it was rolled
    over already; `over`: its period is over.
    """
    if ended or status is GoalStatus.CANCELLED:
        return status
    if over:
        return status_at_end(status, was_achieved=reached, failed=failed)
    if reached and status is GoalStatus.ACTIVE:
        return GoalStatus.ACHIEVED
    return status


def _seconds(start: datetime, end: datetime) -> Decimal:
    """Exact seconds between two aware instants (timedelta.total_seconds is a float)."""
    delta = end - start
    whole = Decimal(delta.days * SECONDS_PER_DAY + delta.seconds)
    return whole + Decimal(delta.microseconds).scaleb(-6)


def _hold_progress(progress_pct: Decimal) -> Decimal:
    return max(-PROGRESS_BOUND_PCT, min(PROGRESS_BOUND_PCT, progress_pct))


def _required_per_day(left: Decimal, seconds_left: Decimal) -> Decimal | None:
    if seconds_left <= 0:
        return None
    # Within the last day no more than what is left.
    counted = max(seconds_left, Decimal(SECONDS_PER_DAY))
    per_day = max(left, Decimal(0)) * SECONDS_PER_DAY / counted
    return round_to(hold_within(per_day, MONEY), MONEY)
