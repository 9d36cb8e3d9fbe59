"""A whole replay: two walks over the same prices, in one transaction."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from goals.decisions.periods import local_date
from goals.decisions.policies import PolicyName
from goals.enums import (
    AfterAchieved,
    GoalStatus,
    GoalType,
    HaltCause,
    PortfolioKind,
)
from goals.models import FinancialGoal, Portfolio, User
from goals.projection.presets import find_preset
from goals.services.challenges import goal_settings
from goals.services.goals import create_goal, update_goal
from goals.services.portfolio_settings import SETTINGS, find_wrong_settings
from goals.services.portfolios import create_portfolio
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.jsonable import to_plain
from mastertrade.values.messages import did_you_mean
from mastertrade.values.money import format_plain, round_to
from mastertrade.values.validation import fingerprint, refuse
from strategies.decisions.signals import SignalKind
from strategies.models import StrategyInstance
from strategies.services import create_strategy
from trades.models import ReplayRun
from trades.replay.bars import PriceSeries
from trades.replay.engine import replay
from trades.replay.halts import EntryStops
from trades.replay.holding import hold
from trades.replay.options import Costs, ReplaySettings, ReplayStrategy
from trades.replay.records import ReplayResult
from trades.replay.report import (
    GoalOutcome,
    InstrumentReport,
    ReplayReport,
    build_report,
)
from trades.replay.storing import report_from_dict, report_to_dict
from trades.services.deleting import REPLAYS_OF
from trades.services.live_broker import LiveBroker

# Raised whenever the same question gets other figures: what was stored is not reused.
ENGINE_VERSION = "replay-6"
STRATEGIES = tuple(
    ReplayStrategy(f"{kind}_daily", kind)
    for kind in (SignalKind.MOMENTUM, SignalKind.MEAN_REVERSION, SignalKind.BREAKOUT)
)
REPLAYED_SETTINGS = (*SETTINGS[1:], "day_starts_at")  # all but the name
Progress = Callable[[int, int], None]  # bars walked, bars in all


@dataclass(frozen=True, slots=True)
class ReplayQuestion:
    """What a replay is asked: a goal of a calendar period, again and again."""

    goal_type: GoalType
    target_value: Decimal
    policy: PolicyName = PolicyName.LADDER
    opening_balance: Decimal = Decimal(10_000)
    currency: str = "USD"
    costs: Costs = field(default_factory=Costs)
    settings: ReplaySettings = field(default_factory=ReplaySettings)
    # Limits and other settings of the portfolios, by name; the rest as in live trading.
    portfolio_settings: tuple[tuple[str, Any], ...] = ()
    # A phase of a challenge in place of a goal of each calendar period; "" is none.
    preset: str = ""
    phase: int = 1

    @classmethod
    def of_preset(
        cls, name: str, phase: int, given: tuple[tuple[str, Any], ...], **others: Any
    ) -> "ReplayQuestion":
        """The question of a preset's phase: its goal, money and limits.

        What is `given` goes before its limits. Days are those of the prices, so it
        takes no start of the day and no time zone from the preset.
        """
        preset = find_preset(name)
        settings = {**asdict(preset.limits), **dict(given)}
        if "day_starts_at" not in dict(given):
            del settings["day_starts_at"]
        money = {
            "opening_balance": preset.opening_balance,
            "currency": preset.currency,
        }
        return cls(
            goal_type=GoalType.YEARLY_RETURN,
            target_value=preset.phase(phase).target_pct,
            portfolio_settings=tuple(sorted(settings.items())),
            preset=name,
            phase=phase,
            **{**money, **others},
        )

    def validate(self) -> None:
        """Refuse what cannot be replayed; names the field."""
        if self.goal_type.calendar is None:
            raise InvalidInput("goal", f"{self.goal_type} has no period to repeat.")
        if self.target_value <= 0:
            raise InvalidInput("goal", "needs a target above 0.")
        if self.opening_balance <= 0:
            raise InvalidInput("opening_balance", "must be above 0.")
        for name, _ in self.portfolio_settings:
            if name not in REPLAYED_SETTINGS:
                hint = did_you_mean(name, REPLAYED_SETTINGS)
                raise InvalidInput(name, f"is no setting of a replay.{hint}")
        refuse(find_wrong_settings(None, None, dict(self.portfolio_settings)))
        shares = dict(self.portfolio_settings).get("headroom_share_pct")
        if shares is not None and self.settings.stop_ranges is None:
            raise InvalidInput(
                "headroom_share_pct",
                "needs a stop to say what a trade may lose: set stop_ranges too.",
            )

    def digest(self, series: PriceSeries) -> str:
        """The same for the same question about the same prices."""
        prices = [
            (bar.at, bar.open, bar.high, bar.low, bar.close) for bar in series.bars
        ]
        body = {
            **asdict(self),
            "engine": ENGINE_VERSION,
            "policy_version": self.policy.rule.version,
            "prices": fingerprint({"all": to_plain(prices)}),
            "symbol": series.symbol,
        }
        if not self.portfolio_settings:  # runs of before there were any are found
            del body["portfolio_settings"]
        if not self.preset:
            del body["preset"], body["phase"]
        return fingerprint({key: to_plain(value) for key, value in body.items()})


def find_replay(
    *,
    user: User,
    question: ReplayQuestion,
    series: PriceSeries,
    kind: PortfolioKind = PortfolioKind.SIMULATION,
) -> ReplayRun | None:
    """The newest finished run of the same question about the same prices."""
    question.validate()
    return (
        ReplayRun.objects.filter(
            user_id=user.username,
            parameters_digest=question.digest(series),
            policy_portfolio__kind=kind,
        )
        .order_by("-run_id")
        .first()
    )


@atomic
def run_replay(
    *,
    user: User,
    question: ReplayQuestion,
    series: PriceSeries,
    now: datetime,
    kind: PortfolioKind = PortfolioKind.SIMULATION,
    command: str = "",
    progress: Progress | None = None,
) -> ReplayRun:
    """Walk the prices with the policy and again at factor 1.0; all of it or nothing.

    Both runs stay in the database as portfolios of that kind with their goals,
    decisions and trades, and nothing is booked in them any more. Each is decided by its
    own trades alone, so the same question always gets the same figures. `now` only
    dates the run; everything in it is dated by its bars. `command` is what it was asked
    by, for the report.
    """
    question.validate()
    lock_replays(user)
    ensure_strategies(user, kind, series.bars[0].opened_at, STRATEGIES)
    run_id = _next_run_id()
    title = f"replay {run_id} {series.symbol}"
    first, second = _halves(progress)
    policy_portfolio, policy_result = _walk(
        _open_portfolio(
            user, kind, f"{title} {question.policy}", question.policy, question, series
        ),
        question,
        series,
        first,
    )
    constant_portfolio, constant_result = _walk(
        _open_portfolio(
            user, kind, f"{title} factor 1.0", PolicyName.CONSTANT, question, series
        ),
        question,
        series,
        second,
    )
    report = build_report(
        goal_type=question.goal_type,
        target_value=question.target_value,
        policy=question.policy,
        policy_result=policy_result,
        policy_goals=_read_outcomes(policy_portfolio, question),
        constant_result=constant_result,
        constant_goals=_read_outcomes(constant_portfolio, question),
        hold=hold(series, question.opening_balance, question.costs),
        hard_drawdown_pct=policy_portfolio.hard_drawdown_pct,
        challenges=(
            _challenge_words(policy_portfolio, question),
            _challenge_words(constant_portfolio, question),
        ),
    )
    for portfolio in (policy_portfolio, constant_portfolio):
        _finish(portfolio, now)
    return ReplayRun.objects.create(
        run_id=run_id,
        user=user,
        policy_portfolio=policy_portfolio,
        constant_portfolio=constant_portfolio,
        symbol=series.symbol,
        parameters_digest=question.digest(series),
        report=report_to_dict(ReplayReport((report,), now, command)),
        created_at=now,
    )


def lock_replays(user: User) -> None:
    """One replay of a user at a time until the transaction ends: strategies are shared.

    The user's row is left alone: who signs in meanwhile does not wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_advisory_xact_lock({REPLAYS_OF})", {"user_id": user.username}
        )


def _next_run_id() -> int:
    """The key of the run to be, for its portfolios' names: no two are ever the same."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('replay_runs', 'run_id'))"
        )
        (key,) = cursor.fetchone()
    return int(key)


def _walk(
    portfolio: Portfolio,
    question: ReplayQuestion,
    series: PriceSeries,
    progress: Progress | None,
) -> tuple[Portfolio, ReplayResult]:
    """One walk over the prices, in a new portfolio with its own goals."""
    user = portfolio.user
    result = replay(
        series,
        STRATEGIES,
        LiveBroker(user, portfolio, STRATEGIES),
        question.costs,
        question.settings,
        progress=progress,
    )
    _end_chain(user, portfolio, series.bars[-1].at)
    return portfolio, _with_causes(result, portfolio)


def _with_causes(result: ReplayResult, portfolio: Portfolio) -> ReplayResult:
    """The result with what halted trading, and what stopped entries for a while."""
    rows = portfolio.halts.filter(withdrawn_at=None).order_by("halted_at", "halt_id")
    lasting = {row.halted_at: HaltCause(row.cause) for row in reversed(rows)}
    stops = Counter(HaltCause(row.cause) for row in rows if row.halted_until)
    return replace(
        result,
        halts=tuple(
            replace(halt, cause=lasting.get(halt.began)) for halt in result.halts
        ),
        stops=tuple(EntryStops(cause, count) for cause, count in stops.items()),
    )


def _end_chain(user: User, portfolio: Portfolio, at: datetime) -> None:
    """The prices end here: no goal follows the last one, which stays as it stands."""
    running = FinancialGoal.objects.filter(portfolio=portfolio, ended_at=None)
    for goal_id in running.values_list("pk", flat=True):
        update_goal(user=user, goal_id=goal_id, as_of=at, recurring=False)


def _finish(portfolio: Portfolio, now: datetime) -> None:
    """From here on it is the replay's record, and nothing more is booked in it."""
    Portfolio.objects.filter(pk=portfolio.pk).update(finished_at=now)
    portfolio.finished_at = now


def _halves(progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """One count over two walks."""
    if progress is None:
        return None, None
    return (
        lambda done, total: progress(done, 2 * total),
        lambda done, total: progress(total + done, 2 * total),
    )


def read_report(run: ReplayRun) -> InstrumentReport:
    """The stored report of a run."""
    return report_from_dict(run.report).instruments[0]


def read_reports(runs: Sequence[ReplayRun]) -> ReplayReport:
    """The reports of several runs as one; it was made when the last of them was."""
    stored = [report_from_dict(run.report) for run in runs]
    return ReplayReport(
        instruments=tuple(one.instruments[0] for one in stored),
        made_at=max(run.created_at for run in runs),
        command=stored[-1].command,
    )


def ensure_strategies(
    user: User,
    kind: PortfolioKind,
    at: datetime,
    strategies: Sequence[ReplayStrategy],
) -> None:
    """Rows for the trades to refer to; one of the user's own stays what it is.

    After `lock_replays`.
    """
    have = set(
        StrategyInstance.objects.filter(user_id=user.username).values_list(
            "strategy_id", flat=True
        )
    )
    for strategy in strategies:
        if strategy.strategy_id not in have:
            create_strategy(
                user=user,
                strategy_id=strategy.strategy_id,
                strategy_name=f"{strategy.kind.replace('_', ' ').capitalize()}, daily",
                strategy_type=str(strategy.kind),
                parameters=dict(strategy.parameters),
                kind=kind,
                now=at,
            )


def _open_portfolio(
    user: User,
    kind: PortfolioKind,
    name: str,
    policy: PolicyName,
    question: ReplayQuestion,
    series: PriceSeries,
) -> Portfolio:
    """A portfolio with its first goal, both as of the first bar."""
    start = series.bars[0].opened_at
    portfolio = create_portfolio(
        user=user,
        name=name,
        kind=kind,
        currency=question.currency,
        opening_balance=question.opening_balance,
        time_zone=series.time_zone,
        now=start,
        **dict(question.portfolio_settings),
    )
    if question.preset:
        _create_challenge_goal(portfolio, policy, question, series)
        return portfolio
    create_goal(
        user=user,
        portfolio=portfolio.portfolio_id,
        goal_type=question.goal_type,
        target_value=question.target_value,
        policy=policy,
        after_achieved=(
            AfterAchieved.CONTINUE
            if policy is PolicyName.CONSTANT
            else AfterAchieved.PROTECT
        ),
        recurring=True,
        as_of=start,
    )
    return portfolio


def _create_challenge_goal(
    portfolio: Portfolio,
    policy: PolicyName,
    question: ReplayQuestion,
    series: PriceSeries,
) -> None:
    """The goal of a preset's phase: to its limit of days, or to the last bar."""
    preset, start = find_preset(question.preset), series.bars[0].opened_at
    last = local_date(series.bars[-1].at, portfolio.time_zone)
    if preset.days is not None:
        first = local_date(start, portfolio.time_zone)
        last = min(last, first + timedelta(days=preset.days - 1))
    settings = goal_settings(preset, preset.phase(question.phase))
    create_goal(
        user=portfolio.user,
        portfolio=portfolio.portfolio_id,
        target_date=last,
        as_of=start,
        **{**settings, "policy": policy},
    )


def _challenge_words(portfolio: Portfolio, question: ReplayQuestion) -> str:
    """Passed, failed or ran out; nothing without a preset."""
    if not question.preset:
        return ""
    preset = find_preset(question.preset)
    goal = FinancialGoal.objects.get(portfolio=portfolio)
    name = f"{question.preset}, {preset.phase(question.phase).name}"
    if goal.stands_failed and goal.failed_at is not None:
        halt = portfolio.halts.filter(halted_at=goal.failed_at).first()
        why = "" if halt is None else f": {halt.reason.rstrip('.')}"
        return f"{name}: failed on {goal.failed_at:%Y-%m-%d}{why}"
    if goal.achieved_at is not None:
        days = (goal.achieved_at - goal.period_starts_at).days + 1
        return f"{name}: passed on {goal.achieved_at:%Y-%m-%d}, on day {days:,}"
    progress = f"{format_plain(round_to(goal.progress_pct, (14, 1)))} % of the target"
    return f"{name}: ran out of prices or days at {progress}"


def _read_outcomes(portfolio: Portfolio, question: ReplayQuestion) -> list[GoalOutcome]:
    goals = FinancialGoal.objects.filter(portfolio=portfolio).order_by("start_date")
    return [
        GoalOutcome(
            start_date=goal.start_date,
            target_date=goal.target_date,
            target_value=goal.target_value,
            progress_pct=goal.progress_pct,
            # Only a period that is over is reached or missed, or a challenge.
            status=GoalStatus(goal.status)
            if goal.ended_at or question.preset
            else GoalStatus.ACTIVE,
        )
        for goal in goals
    ]
