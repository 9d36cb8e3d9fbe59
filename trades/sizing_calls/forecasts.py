"""Projections of goals: for a reader, and stored with the goals by the daily job."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import F, Min, Q
from django.db.models.functions import Coalesce

from goals.decisions.policies import PolicyName
from goals.decisions.policies.base import Needs
from goals.decisions.progress import GoalProgress, PortfolioFigures, can_still_move
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import AfterAchieved, GoalStatus, Measure, PortfolioKind
from goals.models import FinancialGoal, Portfolio, TradingHalt
from goals.projection.barrier import Barrier
from goals.projection.edge import Edge
from goals.projection.forecast import is_unreachable, required_growth
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import (
    Chances,
    growth,
    measure_chances,
    measure_goal_frontier,
    project_goal,
)
from goals.projection.policy_functions import GoalPolicy
from goals.projection.policy_tables import (
    DeadlineInputs,
    DeadlineTable,
    anchor_of,
    make_inputs,
    solve,
)
from goals.services.alerting import Occasion, alert_goals, standing
from goals.services.failing import describe_failure
from goals.services.funding import find_lack_of_money
from goals.services.goals import PROJECTED_BY
from goals.services.policy_tables import find_solved
from goals.services.risk_state import FiguresAt, find_halt, read_figures
from goals.services.trade_forecasts import (
    TradeForecast,
    barrier_of,
    days_until,
    dispersion_in,
    goal_path_of,
    progress_of,
    solve_for,
    trades_in,
    whole_trades,
)
from mastertrade.db.transactions import atomic
from mastertrade.values import in_text
from mastertrade.values.in_text import join, say
from mastertrade.values.money import HUNDRED, ONE, ZERO
from trades.sizing_calls.forecast_answers import (
    ConstantPoint,
    FrontierAnswer,
    PolicyPoint,
)
from trades.sizing_calls.projection import Asked, GoalProjection
from trades.sizing_calls.records import load_record, load_sample
from trades.sizing_calls.trade_frequency import load_trades_per_day

FIELDS = (
    "probability",
    "probability_low",
    "probability_high",
    "projected_trades",
    "projected_at",
    "projected_figures_at",
    "unreachable",
)
# What of a goal its projection answers; with another one it is another question.
ASKED = (*PROJECTED_BY, "start_value")
# Time passes too: a projection is out of date after a day whatever was booked.
PROJECTED_FOR = timedelta(days=1)
NEVER = datetime.min.replace(tzinfo=UTC)


def _days_left(goal: FinancialGoal, from_at: datetime) -> Decimal | None:
    if goal.period_ends_at is None:
        return None
    return days_until(goal.period_ends_at, from_at)


@atomic
def project(
    goal: FinancialGoal,
    as_of: datetime,
    *,
    strategy_id: str | None = None,
    now: datetime | None = None,
) -> GoalProjection:
    """The projection of a goal; writes nothing but a solved table, for the next call.

    By the edge of its portfolio's trades, or of one strategy's; trades a day are
    the portfolio's.
    """
    portfolio = goal.portfolio
    at = read_figures(portfolio, as_of)
    portfolio_figures = at.portfolio_figures
    sample = load_sample(portfolio, as_of)
    edge = sample.edge
    if strategy_id is not None:
        edge = load_sample(portfolio, as_of, strategy_id=strategy_id).edge
    per_day = load_trades_per_day(portfolio, as_of, sample.growths.size)
    halt = find_halt(portfolio, as_of)
    is_halted = halt is not None and halt.lasts_beyond(goal.period_ends_at)
    days = _days_left(goal, _trading_from(goal, as_of, halt))
    trades_left = None if days is None else trades_in(days, per_day)
    progress = progress_of(goal, portfolio_figures)
    path = goal_path_of(goal, progress, portfolio_figures.live_equity)
    certain = _find_certain(goal, portfolio_figures, as_of)
    reason, unreachable = certain[1], certain[2]
    figures, asked = None, None
    if reason is None and path is None:
        lack = find_lack_of_money(portfolio, at)
        if lack is not None:
            reason = lack.detail
        elif not is_halted:
            reason = "the portfolio has no equity to trade with at the last marks"
    if reason is None and trades_left is None:
        reason = "the goal has no deadline"
    if reason is None and edge is None and not is_halted:
        reason = f"fewer than {FEWEST_TRADES} closed trades allow no estimate"
    probability = certain[0]
    if reason is None and path and edge and trades_left is not None:
        stop = barrier_of(goal, path, at, now or as_of, per_day)
        asked = Asked(
            policy=policy_of(goal, path, edge, trades_left, stop, as_of),
            days_left=days or ZERO,
            stop_loss=stop,
            dispersion=dispersion_in(sample, days or ZERO, as_of),
        )
        figures = project_goal(
            edge,
            asked.policy,
            trades_left=trades_left,
            stop_loss=stop,
            dispersion=asked.dispersion,
        )
        probability, unreachable = figures.probability, figures.unreachable
    is_halted = is_halted and reason is None
    if is_halted:
        probability = _without_a_trade(progress)
    if reason is None and halt is not None:
        says = "trades are counted from its end"
        if halt.lasts_beyond(goal.period_ends_at):
            says = "this is the probability without another trade"
        reason = _say_halted(goal, halt, says)
    if probability is not None and probability > 0:
        reason = _with_conditions(goal, as_of, reason)
    return GoalProjection(
        goal=goal,
        as_of=as_of,
        progress=progress,
        path=path,
        edge=edge,
        trades_per_day=per_day,
        trades_left=trades_left,
        required_per_day=(
            None if goal.has_failed(as_of) else _required_per_day(path, days)
        ),
        probability=probability,
        figures=figures,
        unreachable=unreachable,
        reason=reason,
        is_halted=is_halted,
        asked=asked,
    )


@atomic
def measure_frontier_of(
    goal: FinancialGoal, as_of: datetime, *, now: datetime | None = None
) -> FrontierAnswer:
    """What sizes and policies would come to; without points its `reason` says why.

    While trading is halted the points are those if it were resumed now, and `reason`
    says so. Writes nothing but a solved table, for the next call.
    """
    found = project(goal, as_of, now=now)
    reason, frontier = found.reason, None
    asked, edge, left, path = found.asked, found.edge, found.trades_left, found.path
    if asked is not None and edge is not None and left is not None and path is not None:
        if found.is_halted:
            halt = find_halt(goal.portfolio, as_of)
            assert halt is not None
            says = "each point is what it would come to if trading were resumed now"
            reason = _with_conditions(goal, as_of, _say_halted(goal, halt, says))
        inputs = _inputs_of(goal, path, edge, left, asked.stop_loss)
        frontier = measure_goal_frontier(
            edge,
            asked.policy,
            trades_left=left,
            days_left=float(asked.days_left),
            stop_loss=asked.stop_loss,
            dispersion=asked.dispersion,
            table=find_solved(inputs, as_of),
        )
    points = None if frontier is None else frontier.frontier
    return FrontierAnswer(
        goal_id=goal.pk,
        as_of=as_of,
        policy=goal.policy,
        reason=reason,
        marks=in_text.marks_of(reason),
        suggestions=found.suggestions,
        unreachable=found.unreachable is not None,
        constants=tuple(
            ConstantPoint(**asdict(point), factor=factor)
            for factor, point in (points.constants if points else ())
        ),
        policies=tuple(
            PolicyPoint(**asdict(point), policy=str(name))
            for name, point in (points.policies.items() if points else ())
        ),
        verdict=None if frontier is None else frontier.verdict,
    )


def _trading_from(
    goal: FinancialGoal, as_of: datetime, halt: TradingHalt | None
) -> datetime:
    """From when trades may come: now, or when a day's halt ends."""
    if halt is None or halt.lasts_beyond(goal.period_ends_at):
        return as_of
    return max(as_of, halt.halted_until or as_of)


def _with_conditions(
    goal: FinancialGoal, as_of: datetime, reason: str | None
) -> str | None:
    """Conditions are not projected: without them a goal is reached more often."""
    achieved = goal.achieved_at is not None and goal.achieved_at <= as_of
    if achieved or not goal.has_conditions:
        return reason
    names = join(
        " and ", (in_text.name(condition.name) for condition in goal.conditions)
    )
    bound = say("{} is not modelled, so the probability is an upper bound", names)
    return bound if reason is None else say("{} Also, {}.", reason, bound)


def _without_a_trade(progress: GoalProgress) -> Decimal:
    return ONE if progress.progress_pct >= HUNDRED else ZERO


def _say_halted(goal: FinancialGoal, halt: TradingHalt, says: str) -> str:
    resume = f" Resume it with POST /api/portfolios/{goal.portfolio_id}/resume/."
    return say(
        "trading is halted, and {}. {}{}", says, halt.words, in_text.call(resume)
    )


def _required_per_day(path: GoalPath | None, days: Decimal | None) -> Decimal | None:
    if path is None or days is None:
        return None
    return growth(
        required_growth(float(days), float(path.goal_return), float(path.equity))
    )


def _find_certain(
    goal: FinancialGoal, portfolio_figures: PortfolioFigures, as_of: datetime
) -> tuple[Decimal | None, str | None, str | None]:
    """Probability, reason and why unreachable, where there is nothing to project."""
    if goal.has_failed(as_of):
        return ZERO, describe_failure(goal), None
    if goal.achieved_at is not None and goal.achieved_at <= as_of:
        return ONE, "the goal was achieved", None
    if goal.status == GoalStatus.CANCELLED:
        return None, "the goal was cancelled", None
    if goal.period.is_over(as_of):
        return ZERO, "the period is over", None
    if as_of < goal.period_starts_at:
        return None, "the period has not begun", None
    is_return = goal.kind.measures is Measure.RETURN
    is_over = not can_still_move(goal.kind.measures, goal.baseline, portfolio_figures)
    if is_over or (is_return and portfolio_figures.unit_value == 0):
        why = "the portfolio was ruined, and with it the units that measure the goal"
        return ZERO, why, why
    return None, None, None


def policy_of(
    goal: FinancialGoal,
    path: GoalPath,
    edge: Edge,
    trades_left: Decimal,
    barrier: Barrier,
    as_of: datetime,
    forecast: TradeForecast | None = None,
    *,
    rough: bool = False,
) -> GoalPolicy:
    """The goal's policy inside its bounds; not above 1 where the record forbids it.

    With a forecast a solved table is stored for the next decision, or read from there.
    A `rough` one is solved quickly, and kept nowhere.
    """
    policy = PolicyName(goal.policy)
    table: DeadlineTable | None = None
    trades_a_row = 1.0
    is_solved = policy.rule.needs is Needs.SOLVED_TABLE
    if is_solved and forecast is not None:
        table = solve_for(goal, path, trades_left, barrier, forecast)
    elif is_solved:
        inputs = _inputs_of(goal, path, edge, trades_left, barrier)
        if rough:
            inputs, trades_a_row = inputs.roughly(whole_trades(trades_left))
            table = solve(inputs)
        else:
            table = find_solved(inputs, as_of)
    return GoalPolicy(
        policy=policy,
        path=path,
        min_factor=goal.min_factor,
        max_factor=goal.max_factor,
        after_achieved=AfterAchieved(goal.after_achieved),
        edge=growth(edge.shrunk_mean),
        table=table,
        cap=None if edge.allows_more else ONE,
        trades_a_row=trades_a_row,
    )


def _inputs_of(
    goal: FinancialGoal,
    path: GoalPath,
    edge: Edge,
    trades_left: Decimal,
    barrier: Barrier,
) -> DeadlineInputs:
    """What `deadline_optimal` is solved for."""
    return make_inputs(
        edge,
        trades_left=whole_trades(trades_left),
        goal_return=path.goal_return,
        barrier=barrier,
        min_factor=goal.min_factor,
        max_factor=goal.max_factor,
        equity=anchor_of(path.equity, path.goal_return),
        stop_penalty=goal.stop_penalty,
    )


def find_projectable(as_of: datetime, keys: Sequence[int] | None = None) -> list[int]:
    """The keys of the live portfolios with a projection that is out of date.

    Of those named, or of all; the one that has waited longest comes first.
    """
    goals = FinancialGoal.objects.filter(
        is_projectable(as_of), is_out_of_date(as_of), portfolio__kind=PortfolioKind.LIVE
    )
    if keys is not None:
        goals = goals.filter(portfolio_id__in=keys)
    oldest = Min(Coalesce("projected_at", NEVER))
    found = goals.order_by().values("portfolio_id").annotate(oldest=oldest)
    return [one["portfolio_id"] for one in found.order_by("oldest", "portfolio_id")]


def is_out_of_date(
    as_of: datetime,
    made: str = "projected_at",
    figures: str = "projected_figures_at",
    goal: str = "",
) -> Q:
    """Goals whose projection is missing, a day old, or made before the last change.

    Of their portfolio: a trade, a flow, a mark, a halt, a limit. What a goal itself is
    projected by takes its projection with it. A later one than `as_of` stays. The same
    of rows with a `goal__`, by the columns of when they were `made` and of what.
    """
    changed = ~Q(**{figures: F(f"{goal}portfolio__updated_at")})
    is_old = Q(**{f"{made}__lte": as_of - PROJECTED_FOR})
    return Q(**{made: None}) | is_old | (changed & Q(**{f"{made}__lte": as_of}))


def is_projectable(as_of: datetime, goal: str = "") -> Q:
    """The goals that the daily run projects; the same of rows with a `goal__`."""
    runs = {
        "status__in": (GoalStatus.ACTIVE, GoalStatus.PAUSED),
        "achieved_at": None,
        "ended_at": None,
        "period_starts_at__lte": as_of,
        "period_ends_at__gt": as_of,
    }
    return Q(**{goal + name: value for name, value in runs.items()})


def refresh_projections(*, as_of: datetime, portfolio_id: int | None = None) -> int:
    """Store probability and `unreachable` with every running goal; how many.

    A portfolio's goals share its record.
    """
    keys = find_projectable(as_of) if portfolio_id is None else [portfolio_id]
    return sum(_refresh(key, as_of) for key in keys)


def _refresh(portfolio_id: int, as_of: datetime) -> int:
    """What takes long is done between two transactions, and holds no lock."""
    goals, figures, forecast, halt = _read(portfolio_id, as_of)
    for goal in goals:
        found, goal.unreachable = _judge(goal, figures, forecast, as_of, halt)
        goal.probability = found.probability if found else None
        goal.probability_low = found.low if found else None
        goal.probability_high = found.high if found else None
        goal.projected_trades = forecast.record.trades
        goal.projected_at = as_of
        # What was booked after `as_of` is not in it.
        goal.projected_figures_at = min(forecast.portfolio.updated_at, as_of)
    return _write(portfolio_id, goals, as_of)


@atomic
def _read(
    portfolio_id: int, as_of: datetime
) -> tuple[list[FinancialGoal], FiguresAt, TradeForecast, TradingHalt | None]:
    portfolio = _lock(portfolio_id)
    mine = FinancialGoal.objects.filter(portfolio_id=portfolio_id)
    goals = list(mine.filter(is_projectable(as_of)).order_by("pk"))
    for goal in goals:
        goal.portfolio = portfolio
    sample = load_sample(portfolio, as_of)
    halt = find_halt(portfolio, as_of)
    forecast = TradeForecast(
        portfolio=portfolio,
        record=load_record(portfolio.user, portfolio, as_of),
        trades_per_day=load_trades_per_day(portfolio, as_of, sample.growths.size),
        read_sample=lambda: sample,
        now=as_of,
    )
    return goals, read_figures(portfolio, as_of), forecast, halt


@atomic
def _write(portfolio_id: int, judged: list[FinancialGoal], as_of: datetime) -> int:
    """All but the goals that became others meanwhile; the next run projects those.

    A projection of a later time stays, which another worker has written.
    Alerts of what their health turned by it.
    """
    portfolio = _lock(portfolio_id)
    mine = FinancialGoal.objects.locked().filter(portfolio_id=portfolio_id)
    now = {goal.pk: goal for goal in mine.filter(is_projectable(as_of))}
    same = []
    for goal in judged:
        found = now.get(goal.pk)
        if found is None or (found.projected_at or NEVER) > as_of:
            continue
        if all(getattr(goal, one) == getattr(found, one) for one in ASKED):
            for name in FIELDS:
                setattr(found, name, getattr(goal, name))
            same.append(found)
    FinancialGoal.objects.bulk_update(same, FIELDS)
    alert_goals(portfolio, standing(same), Occasion(as_of, as_of))
    return len(same)


def _lock(portfolio_id: int) -> Portfolio:
    return Portfolio.objects.locked().select_related("user").get(pk=portfolio_id)


def _judge(
    goal: FinancialGoal,
    figures: FiguresAt,
    forecast: TradeForecast,
    as_of: datetime,
    halt: TradingHalt | None,
) -> tuple[Chances | None, bool]:
    edge, portfolio_figures = forecast.edge, figures.portfolio_figures
    probability, reason, unreachable = _find_certain(goal, portfolio_figures, as_of)
    progress = progress_of(goal, portfolio_figures)
    path = goal_path_of(goal, progress, portfolio_figures.live_equity)
    days = _days_left(goal, _trading_from(goal, as_of, halt))
    if reason is None and halt is not None and halt.lasts_beyond(goal.period_ends_at):
        probability = _without_a_trade(progress)
    certain = None
    if probability is not None:
        certain = Chances(probability, probability, probability)
    if reason is not None or path is None or edge is None or days is None:
        return certain, unreachable is not None
    left = trades_in(days, forecast.trades_per_day)
    stop = barrier_of(goal, path, figures, as_of, forecast.trades_per_day)
    why = is_unreachable(
        edge,
        trades_left=forecast.measure_left(days, as_of),
        goal_return=float(path.goal_return),
        equity=float(path.equity),
        max_factor=float(goal.max_factor),
        stop_loss=stop,
    )
    if certain is not None:  # halted: whether it were reachable if trading resumed
        return certain, why is not None
    policy = policy_of(goal, path, edge, left, stop, as_of, forecast)
    chances = measure_chances(
        edge,
        policy,
        trades_left=left,
        stop_loss=stop,
        dispersion=dispersion_in(forecast.sample, days, as_of),
    )
    return chances, why is not None
