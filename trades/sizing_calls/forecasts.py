"""Projections of goals, and their frontiers, composed and asked of the solver."""

from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal

from goals.decisions.policies import PolicyName
from goals.decisions.policies.base import Needs
from goals.decisions.progress import PortfolioFigures, can_still_move
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import AfterAchieved, GoalStatus, Measure
from goals.models import FinancialGoal, TradingHalt
from goals.projection.edge import Edge
from goals.projection.goal_projection import (
    growth,
    measure_goal_frontier,
    project_goal,
)
from goals.projection.policy_functions import GoalPolicy
from goals.projection.policy_tables import DeadlineInputs, make_inputs, solve
from goals.projection.trade_sample import TradeSample
from goals.services.failing import describe_failure
from goals.services.figures_at import FiguresAt, read_figures
from goals.services.funding import find_lack_of_money
from goals.services.policy_tables import find_solved
from goals.services.risk_state import find_halt
from goals.services.trade_forecasts import (
    TradeForecast,
    barrier_of,
    days_until,
    dispersion_in,
    goal_path_of,
    solve_for,
    table_settings,
    trades_in,
    whole_trades,
)
from mastertrade.db.transactions import atomic
from mastertrade.values.in_text import marks_of
from mastertrade.values.money import ONE, ZERO
from trades.sizing_calls.forecast_answers import (
    ConstantPoint,
    FrontierAnswer,
    PolicyPoint,
)
from trades.sizing_calls.projection import Asked, Certain, GoalProjection
from trades.sizing_calls.records import load_sample
from trades.sizing_calls.trade_frequency import load_trades_per_day


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
    sample = load_sample(portfolio, as_of)
    edge = sample.edge
    if strategy_id is not None:
        edge = load_sample(portfolio, as_of, strategy_id=strategy_id).edge
    found = compose(
        goal,
        read_figures(portfolio, as_of),
        sample,
        edge,
        load_trades_per_day(portfolio, as_of, sample.growths.size),
        find_halt(portfolio, as_of),
        now or as_of,
    )
    asked = found.asked
    if asked is None:
        return found
    policy = policy_of(goal, asked, as_of)
    figures = project_goal(
        asked.edge,
        policy,
        trades_left=asked.trades_left,
        stop_loss=asked.stop_loss,
        dispersion=asked.dispersion,
    )
    return replace(found, policy=policy, figures=figures)


def compose(
    goal: FinancialGoal,
    at: FiguresAt,
    sample: TradeSample,
    edge: Edge | None,
    trades_per_day: Decimal,
    halt: TradingHalt | None,
    now: datetime,
) -> GoalProjection:
    """All that a projection as of the figures follows from, with nothing walked yet."""
    as_of, portfolio_figures = at.at, at.portfolio_figures
    progress = goal.measure_by(portfolio_figures)
    path = goal_path_of(goal, progress, portfolio_figures.live_equity)
    certain = _find_certain(goal, portfolio_figures, as_of)
    is_halted = halt is not None and halt.lasts_beyond(goal.period_ends_at)
    days = None
    if goal.period_ends_at is not None:
        trades_from = as_of
        if halt is not None and not is_halted:  # a day's halt, which ends in time
            trades_from = max(as_of, halt.halted_until or as_of)
        days = days_until(goal.period_ends_at, trades_from)
    missing = certain.reason
    if missing is None and path is None:
        lack = find_lack_of_money(goal.portfolio, at)
        if lack is not None:
            missing = lack.detail
        elif not is_halted:
            missing = "the portfolio has no equity to trade with at the last marks"
    if missing is None and days is None:
        missing = "the goal has no deadline"
    if missing is None and edge is None and not is_halted:
        missing = f"fewer than {FEWEST_TRADES} closed trades allow no estimate"
    asked = None
    if missing is None and path and edge and days is not None:
        asked = Asked(
            edge=edge,
            path=path,
            trades_left=trades_in(days, trades_per_day),
            days_left=days,
            stop_loss=barrier_of(goal, path, at, now, trades_per_day),
            dispersion=dispersion_in(sample, days, as_of),
        )
    return GoalProjection(
        goal=goal,
        as_of=as_of,
        progress=progress,
        path=path,
        edge=edge,
        trades_per_day=trades_per_day,
        days_left=days,
        halt=halt,
        certain=certain,
        missing=missing,
        asked=asked,
    )


def _find_certain(
    goal: FinancialGoal, portfolio_figures: PortfolioFigures, as_of: datetime
) -> Certain:
    if goal.has_failed(as_of):
        return Certain(describe_failure(goal), ZERO)
    if goal.achieved_at is not None and goal.achieved_at <= as_of:
        return Certain("the goal was achieved", ONE)
    if goal.status == GoalStatus.CANCELLED:
        return Certain("the goal was cancelled")
    if goal.period.is_over(as_of):
        return Certain("the period is over", ZERO)
    if as_of < goal.period_starts_at:
        return Certain("the period has not begun")
    is_return = goal.kind.measures is Measure.RETURN
    is_over = not can_still_move(goal.kind.measures, goal.baseline, portfolio_figures)
    if is_over or (is_return and portfolio_figures.unit_value == 0):
        why = "the portfolio was ruined, and with it the units that measure the goal"
        return Certain(why, ZERO, why)
    return Certain()


@atomic
def frontier_of(found: GoalProjection) -> FrontierAnswer:
    """What sizes and policies would come to; without points its `reason` says why.

    While trading is halted the points are those if it were resumed now, and `reason`
    says so. Writes nothing but a solved table, for the next call.
    """
    goal, asked, policy, frontier = found.goal, found.asked, found.policy, None
    if asked is not None and policy is not None:
        frontier = measure_goal_frontier(
            asked.edge,
            policy,
            trades_left=asked.trades_left,
            days_left=float(asked.days_left),
            stop_loss=asked.stop_loss,
            dispersion=asked.dispersion,
            table=find_solved(_inputs_of(goal, asked), found.as_of),
        )
    points = None if frontier is None else frontier.frontier
    reason = found.reason_of_frontier
    return FrontierAnswer(
        goal_id=goal.pk,
        as_of=found.as_of,
        policy=goal.policy,
        reason=reason,
        marks=marks_of(reason),
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


def policy_of(
    goal: FinancialGoal,
    asked: Asked,
    as_of: datetime,
    forecast: TradeForecast | None = None,
    *,
    rough: bool = False,
) -> GoalPolicy:
    """The goal's policy inside its bounds; not above 1 where the record forbids it.

    With a forecast a solved table is stored for the next decision, or read from there.
    A `rough` one is solved quickly, and kept nowhere.
    """
    policy, path, edge = PolicyName(goal.policy), asked.path, asked.edge
    table, trades_a_row = None, 1.0
    is_solved = policy.rule.needs is Needs.SOLVED_TABLE
    if is_solved and forecast is not None:
        table = solve_for(goal, path, asked.trades_left, asked.stop_loss, forecast)
    elif is_solved and rough:
        trades = whole_trades(asked.trades_left)
        inputs, trades_a_row = _inputs_of(goal, asked).roughly(trades)
        table = solve(inputs)
    elif is_solved:
        table = find_solved(_inputs_of(goal, asked), as_of)
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


def _inputs_of(goal: FinancialGoal, asked: Asked) -> DeadlineInputs:
    """What `deadline_optimal` is solved for."""
    settings = table_settings(goal, asked.path, asked.trades_left, asked.stop_loss)
    return make_inputs(asked.edge, **settings)
