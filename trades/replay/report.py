"""What a replay amounts to: the policy's run next to its baseline.

The baseline trades the same strategies on the same prices with the same costs and
limits, every size the base size (factor 1.0). It is no copy of the policy's trades:
after the first other size equity, halts and the goal's band differ, so the runs choose
other strategies and skip other signals.

Returns and drawdowns are in percent. The drawdown is the deepest fall of the live
equity (open positions at the bar's close) from its highest close before. A goal counts
as reached when its progress touched 100 % at a closed trade, as its status says, even
if it fell back. Periods that the prices cut short are open and count for nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from goals.decisions.policies import PolicyName
from goals.enums import GoalStatus, GoalType
from mastertrade.values.money import FACTOR, HUNDRED, PERCENT, exactly, round_to
from trades.replay.halts import EntryStops, HaltSpan
from trades.replay.records import Decision, EquityPoint, ReplayResult

CURVE_POINTS = 520  # enough for a chart of the width of a page
LOG_SCALE_FROM = Decimal(3)  # highest over lowest equity
# Differences smaller than what is shown are none.
SHOWN_PLACES = Decimal("0.1")


class PeriodOutcome(StrEnum):
    """How the goal of one period ended."""

    REACHED = "reached"
    MISSED = "missed"
    OPEN = "open"


class Effect(StrEnum):
    """How the policy did in this run, compared with the baseline."""

    HELPED = "helped"
    HURT = "hurt"
    MIXED = "mixed"
    NONE = "none"


WORST_FIRST = (Effect.HURT, Effect.MIXED, Effect.NONE, Effect.HELPED)


@dataclass(frozen=True, slots=True)
class GoalOutcome:
    """One period's goal as the ledger left it. Dates are in UTC, both included."""

    start_date: date
    target_date: date | None
    target_value: Decimal
    progress_pct: Decimal
    status: GoalStatus

    @property
    def outcome(self) -> PeriodOutcome:
        """Reached, missed, or still open."""
        if self.status is GoalStatus.ACHIEVED:
            return PeriodOutcome.REACHED
        if self.status in {GoalStatus.MISSED, GoalStatus.FAILED}:
            return PeriodOutcome.MISSED
        return PeriodOutcome.OPEN

    def contains(self, at: datetime) -> bool:
        """Whether that instant lies in the period."""
        day = at.date()
        last = self.target_date
        return self.start_date <= day and (last is None or day <= last)


@dataclass(frozen=True, slots=True)
class PeriodSummary:
    """One period: its goal, the trades closed in it and the sizes decided in it."""

    start_date: date
    target_date: date | None
    target_value: Decimal
    progress_pct: Decimal  # at the end
    outcome: PeriodOutcome
    trades: int  # closed in the period, so those that moved its goal
    blocked: int  # decisions to trade nothing
    factor_min: Decimal | None  # None without a decision that traded
    factor_max: Decimal | None
    strategies: tuple[str, ...]  # chosen in the period, in the order of first use


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Live equity at a bar's close."""

    at: datetime
    equity: Decimal


@dataclass(frozen=True, slots=True)
class FactorPoint:
    """The factor of a decision that traded."""

    at: datetime
    factor: Decimal


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run: what it earned, what it risked, what it reached."""

    policy: PolicyName
    opening_equity: Decimal
    final_equity: Decimal
    return_pct: Decimal
    max_drawdown_pct: Decimal
    periods_reached: int
    periods_ended: int
    reached_pct: Decimal | None  # of the periods that ended; None without one
    trades: int
    win_rate_pct: Decimal | None  # None without a trade
    fees: Decimal
    blocked: int
    mean_factor: Decimal | None  # None without a trade
    periods: tuple[PeriodSummary, ...]
    equity: tuple[CurvePoint, ...]
    factors: tuple[FactorPoint, ...]
    halted_at: datetime | None = None  # from when on nothing was traded any more
    halts: tuple[HaltSpan, ...] = ()
    days_halted: int = 0  # of all halts; one that nobody ended lasts until the last bar
    stops: tuple[EntryStops, ...] = ()
    challenge: str = ""  # of a preset: passed, failed or ran out, in words


@dataclass(frozen=True, slots=True)
class Comparison:
    """Policy minus factor 1.0, in percentage points; a deeper fall is positive."""

    return_points: Decimal
    drawdown_points: Decimal
    reached_points: Decimal
    effect: Effect


@dataclass(frozen=True, slots=True)
class BuyAndHold:
    """Everything bought at the first open and sold at the last close, after costs."""

    return_pct: Decimal
    max_drawdown_pct: Decimal
    final_equity: Decimal
    equity: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class InstrumentReport:
    """Both runs over one instrument's prices.

    Reports stored by earlier versions know neither `hold` nor the limit.
    """

    symbol: str
    first_at: datetime
    last_at: datetime
    bars: int
    goal_type: GoalType
    target_value: Decimal
    policy_run: RunSummary
    constant_run: RunSummary
    hold: BuyAndHold | None = None
    hard_drawdown_pct: Decimal | None = None

    @property
    def comparison(self) -> Comparison:
        """The policy's run against the one at factor 1.0."""
        return compare_runs(self.policy_run, self.constant_run)

    @property
    def runs(self) -> tuple[RunSummary, RunSummary]:
        """The policy's run, and the one at factor 1.0."""
        return self.policy_run, self.constant_run

    @property
    def is_logarithmic(self) -> bool:
        """Whether the equity spans so much that its axis is logarithmic."""
        curves = [run.equity for run in self.runs]
        if self.hold is not None:
            curves.append(self.hold.equity)
        points = [point.equity for curve in curves for point in curve]
        return min(points) > 0 and max(points) / min(points) >= LOG_SCALE_FROM

    @property
    def periods(self) -> list[tuple[PeriodSummary, PeriodSummary | None]]:
        """The policy's periods, the newest first, each with the baseline's."""
        baseline = {one.start_date: one for one in self.constant_run.periods}
        return [
            (one, baseline.get(one.start_date))
            for one in reversed(self.policy_run.periods)
        ]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """All instruments of one replay, when it was made and by which command."""

    instruments: tuple[InstrumentReport, ...]
    made_at: datetime | None = None
    command: str = ""

    @property
    def worst_first(self) -> list[InstrumentReport]:
        """Those that the policy did worse on first, of them the lowest returns."""

        def rank(report: InstrumentReport) -> tuple[int, Decimal]:
            compared = report.comparison
            return WORST_FIRST.index(compared.effect), compared.return_points

        return sorted(self.instruments, key=rank)


def build_report(
    *,
    goal_type: GoalType,
    target_value: Decimal,
    policy: PolicyName,
    policy_result: ReplayResult,
    policy_goals: Sequence[GoalOutcome],
    constant_result: ReplayResult,
    constant_goals: Sequence[GoalOutcome],
    hold: BuyAndHold | None = None,
    hard_drawdown_pct: Decimal | None = None,
    challenges: tuple[str, str] = ("", ""),
) -> InstrumentReport:
    """Summarise both runs over the same prices; `challenges` are what came of each."""
    if policy_result.symbol != constant_result.symbol:
        raise ValueError("both runs must be over the same instrument")
    return InstrumentReport(
        symbol=policy_result.symbol,
        first_at=policy_result.equity[0].at,
        last_at=policy_result.equity[-1].at,
        bars=policy_result.bars,
        goal_type=goal_type,
        target_value=target_value,
        policy_run=summarise_run(policy, policy_result, policy_goals, challenges[0]),
        constant_run=summarise_run(
            PolicyName.CONSTANT, constant_result, constant_goals, challenges[1]
        ),
        hold=hold,
        hard_drawdown_pct=hard_drawdown_pct,
    )


def summarise_run(
    policy: PolicyName,
    result: ReplayResult,
    goals: Sequence[GoalOutcome],
    challenge: str = "",
) -> RunSummary:
    """Count and sum one run; `goals` are its periods' goals in order of time."""
    traded = [made for made in result.decisions if not made.plan.is_blocked]
    periods = tuple(_summarise_period(goal, result) for goal in goals)
    ended = [item for item in periods if item.outcome is not PeriodOutcome.OPEN]
    reached = sum(item.outcome is PeriodOutcome.REACHED for item in ended)
    wins = sum(trade.profit_loss > 0 for trade in result.trades)
    final_equity = result.equity[-1].realised
    return RunSummary(
        challenge=challenge,
        policy=policy,
        opening_equity=result.opening_equity,
        final_equity=final_equity,
        return_pct=percent_of(
            final_equity - result.opening_equity, result.opening_equity
        ),
        max_drawdown_pct=max_drawdown_pct(result.opening_equity, result.equity),
        periods_reached=reached,
        periods_ended=len(ended),
        reached_pct=_share(reached, len(ended)),
        trades=len(result.trades),
        win_rate_pct=_share(wins, len(result.trades)),
        fees=sum((trade.fees for trade in result.trades), Decimal(0)),
        blocked=result.blocked,
        mean_factor=_mean_factor(traded),
        periods=periods,
        equity=curve_of(result.equity),
        factors=tuple(FactorPoint(made.at, made.plan.factor) for made in traded),
        halted_at=next(
            (halt.began for halt in result.halts if halt.ended is None), None
        ),
        halts=result.halts,
        days_halted=sum(halt.days(result.equity[-1].at) for halt in result.halts),
        stops=result.stops,
    )


def compare_runs(policy: RunSummary, constant: RunSummary) -> Comparison:
    """Compare one run with the other: better in one respect and worse in none helped.

    The respects are the return, the deepest fall and the share of periods reached,
    each as far as it is shown (a tenth of a point). Both ways at once is mixed.
    """
    return_points = policy.return_pct - constant.return_pct
    drawdown_points = policy.max_drawdown_pct - constant.max_drawdown_pct
    reached_points = (policy.reached_pct or Decimal(0)) - (
        constant.reached_pct or Decimal(0)
    )
    gains = (return_points, -drawdown_points, reached_points)
    shown = [shown_difference(points) for points in gains]
    better, worse = any(item > 0 for item in shown), any(item < 0 for item in shown)
    effect = {
        (True, True): Effect.MIXED,
        (True, False): Effect.HELPED,
        (False, True): Effect.HURT,
        (False, False): Effect.NONE,
    }[better, worse]
    return Comparison(return_points, drawdown_points, reached_points, effect)


@exactly
def shown_difference(points: Decimal) -> Decimal:
    """Percentage points as far as they are shown."""
    return points.quantize(SHOWN_PLACES)


@exactly
def max_drawdown_pct(opening: Decimal, points: Iterable[EquityPoint]) -> Decimal:
    """The deepest fall of the live equity below its peak so far, in percent."""
    peak, deepest = opening, Decimal(0)
    for point in points:
        peak = max(peak, point.live)
        deepest = max(deepest, (peak - point.live) / peak)
    return round_to(deepest * HUNDRED, PERCENT)


def _summarise_period(goal: GoalOutcome, result: ReplayResult) -> PeriodSummary:
    trades = [trade for trade in result.trades if goal.contains(trade.closed_at)]
    made = [item for item in result.decisions if goal.contains(item.at)]
    traded = [item for item in made if not item.plan.is_blocked]
    factors = [item.plan.factor for item in traded]
    return PeriodSummary(
        start_date=goal.start_date,
        target_date=goal.target_date,
        target_value=goal.target_value,
        progress_pct=goal.progress_pct,
        outcome=goal.outcome,
        trades=len(trades),
        blocked=len(made) - len(traded),
        factor_min=min(factors, default=None),
        factor_max=max(factors, default=None),
        strategies=tuple(dict.fromkeys(item.plan.strategy_id for item in traded)),
    )


def _mean_factor(traded: Sequence[Decision]) -> Decimal | None:
    if not traded:
        return None
    total = sum((item.plan.factor for item in traded), Decimal(0))
    return round_to(total / len(traded), FACTOR)


def _share(part: int, whole: int) -> Decimal | None:
    return percent_of(Decimal(part), Decimal(whole)) if whole else None


@exactly
def percent_of(part: Decimal, whole: Decimal) -> Decimal:
    """A share in percent, rounded as the ledger rounds percentages."""
    return round_to(part / whole * HUNDRED, PERCENT)


def curve_of(points: Sequence[EquityPoint]) -> tuple[CurvePoint, ...]:
    """At most about `CURVE_POINTS` of the points, the last one always among them."""
    step = max(1, -(-len(points) // CURVE_POINTS))
    kept = list(points[-1::-step])
    return tuple(CurvePoint(point.at, point.live) for point in reversed(kept))
