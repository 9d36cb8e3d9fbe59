"""Live figures: what open positions at their last mark do to portfolios and goals."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from goals.decisions.periods import local_date
from goals.enums import GoalStatus, GoalType, HistoryKind
from goals.models import FinancialGoal, Portfolio
from goals.services.figures import HistoryRow, write_figures
from goals.services.floor_raising import follow_mark
from goals.services.halts import enforce_limits
from goals.services.ledger import GoalMove, judge_beginning, measure_goal


def save_live(
    portfolios: Sequence[Portfolio],
    *,
    at: datetime | None = None,
    now: datetime,
    by_mark: bool = False,
) -> list[GoalMove]:
    """Write the portfolios' unrealised profit and what follows from it.

    The portfolios are locked by the caller, in key order, and carry their new
    `unrealized_pnl`, of `at` or (default) each of its own newest mark. Drawdown is
    measured anew, and every goal for a portfolio's value whose period contains that
    time; returns those that moved. A mark leaves a history row
    only with a goal it took to its target. Where a portfolio falls to a limit, trading
    is halted.
    """
    times = {row.portfolio_id: at or row.marked_at or now for row in portfolios}
    for portfolio in portfolios:
        portfolio.apply_figures(portfolio.account)
        follow_mark(portfolio, times[portfolio.portfolio_id], by_mark=by_mark)
    moves = [
        (portfolio, move)
        for portfolio, goals in _value_goals(portfolios, times)
        for move in (_measure(goal, portfolio, times) for goal in goals)
        if move.before != move.after
    ]
    # The days' snapshots keep the rest.
    reached = [
        HistoryRow(
            move.goal,
            HistoryKind.MARK,
            local_date(move.goal.achieved_at, portfolio.time_zone),
            move.goal.achieved_at,
            move.goal.current_value,
            move.goal.progress_pct,
        )
        for portfolio, move in moves
        if move.goal.achieved_at == times[portfolio.portfolio_id]
    ]
    write_figures(portfolios, [move.goal for _, move in moves], reached, now)
    for portfolio in portfolios:
        own = [move for owner, move in moves if owner is portfolio]
        enforce_limits(portfolio, now, moves=own, by_mark=by_mark)
    return [move for _, move in moves]


def _measure(
    goal: FinancialGoal, portfolio: Portfolio, times: Mapping[int, datetime]
) -> GoalMove:
    judge_beginning(goal)
    at = times[portfolio.portfolio_id]
    return measure_goal(goal, portfolio.portfolio_figures, at)


def _value_goals(
    portfolios: Sequence[Portfolio], times: Mapping[int, datetime]
) -> list[tuple[Portfolio, list[FinancialGoal]]]:
    goals: dict[int, list[FinancialGoal]] = {row.portfolio_id: [] for row in portfolios}
    measured = (
        FinancialGoal.objects.locked()
        .filter(
            Q(period_ends_at__gt=min(times.values())) | Q(period_ends_at=None),
            portfolio_id__in=list(goals),
            goal_type=GoalType.PORTFOLIO_VALUE,
            ended_at=None,
            period_starts_at__lte=max(times.values()),
        )
        .exclude(status=GoalStatus.CANCELLED)
    )
    for goal in measured:
        if goal.period.contains(times[goal.portfolio_id]):
            goals[goal.portfolio_id].append(goal)
    return [(row, goals[row.portfolio_id]) for row in portfolios]
