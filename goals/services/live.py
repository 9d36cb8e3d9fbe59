"""Live figures: what open positions at their last mark do to portfolios and goals."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Q

from goals.decisions.periods import local_date
from goals.enums import GoalStatus, GoalType, HistoryKind
from goals.models import FinancialGoal, Portfolio
from goals.services.halts import enforce_limits
from goals.services.ledger import GoalMove, measure_goal

# One statement, whatever the number of portfolios and goals. A mark leaves a history
# row only with a goal it took to its target: the days' snapshots keep the rest.
SAVE = """
WITH live AS (
    UPDATE portfolios p
    SET unrealized_pnl = m.unrealized_pnl, drawdown_pct = m.drawdown_pct,
        marked_at = m.marked_at, revalued_day = m.revalued_day,
        midnight_unrealized_pnl = m.midnight_unrealized_pnl, updated_at = %(now)s
    FROM unnest(
        %(portfolio_id)s::bigint[], %(unrealized_pnl)s::numeric[],
        %(drawdown_pct)s::numeric[], %(marked_at)s::timestamptz[],
        %(revalued_day)s::date[], %(midnight_unrealized_pnl)s::numeric[]
    ) AS m(portfolio_id, unrealized_pnl, drawdown_pct, marked_at, revalued_day,
           midnight_unrealized_pnl)
    WHERE p.portfolio_id = m.portfolio_id
), moved AS (
    UPDATE financial_goals g
    SET current_value = m.current_value, progress_pct = m.progress_pct,
        status = m.status, achieved_at = m.achieved_at, updated_at = %(now)s
    FROM unnest(
        %(goal_id)s::bigint[], %(goal_value)s::numeric[], %(progress_pct)s::numeric[],
        %(status)s::text[], %(achieved_at)s::timestamptz[], %(reached)s::boolean[],
        %(day)s::date[]
    ) AS m(goal_id, current_value, progress_pct, status, achieved_at, reached, day)
    WHERE g.goal_id = m.goal_id
    RETURNING g.goal_id, g.current_value, g.target_value, g.progress_pct, m.reached,
              m.day
)
INSERT INTO goal_progress_history
    (goal_id, kind, snapshot_date, effective_at, recorded_at,
     current_value, target_value, progress_pct)
SELECT goal_id, %(kind)s, day, %(at)s, %(now)s, current_value, target_value,
       progress_pct
FROM moved WHERE reached ORDER BY goal_id
"""


def save_live(
    portfolios: Sequence[Portfolio], *, at: datetime, now: datetime
) -> list[GoalMove]:
    """Write the portfolios' unrealised profit and what follows from it.

    The portfolios are locked by the caller, in key order, and carry their new
    `unrealized_pnl`. Drawdown is measured anew, and every goal for a portfolio's value
    whose period contains `at`; returns those that moved. Where a portfolio falls to a
    limit, trading is halted.
    """
    for portfolio in portfolios:
        portfolio.apply_figures(portfolio.account)
    moves = [
        (portfolio, move)
        for portfolio, goals in _value_goals(portfolios, at)
        for move in (
            measure_goal(goal, portfolio.portfolio_figures, at) for goal in goals
        )
        if move.before != move.after
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            SAVE,
            {
                "now": now,
                "at": at,
                "kind": HistoryKind.MARK,
                "portfolio_id": [row.portfolio_id for row in portfolios],
                "unrealized_pnl": [row.unrealized_pnl for row in portfolios],
                "drawdown_pct": [row.drawdown_pct for row in portfolios],
                "marked_at": [row.marked_at for row in portfolios],
                "revalued_day": [row.revalued_day for row in portfolios],
                "midnight_unrealized_pnl": [
                    row.midnight_unrealized_pnl for row in portfolios
                ],
                "goal_id": [move.goal.goal_id for _, move in moves],
                "goal_value": [move.goal.current_value for _, move in moves],
                "progress_pct": [move.goal.progress_pct for _, move in moves],
                "status": [str(move.goal.status) for _, move in moves],
                "achieved_at": [move.goal.achieved_at for _, move in moves],
                "reached": [move.goal.achieved_at == at for _, move in moves],
                "day": [local_date(at, row.time_zone) for row, _ in moves],
            },
        )
    for portfolio in portfolios:
        enforce_limits(portfolio, now)
    return [move for _, move in moves]


def _value_goals(
    portfolios: Sequence[Portfolio], at: datetime
) -> list[tuple[Portfolio, list[FinancialGoal]]]:
    goals: dict[int, list[FinancialGoal]] = {row.portfolio_id: [] for row in portfolios}
    measured = (
        FinancialGoal.objects.locked()
        .filter(
            Q(period_ends_at__gt=at) | Q(period_ends_at=None),
            portfolio_id__in=list(goals),
            goal_type=GoalType.PORTFOLIO_VALUE,
            ended_at=None,
            period_starts_at__lte=at,
        )
        .exclude(status=GoalStatus.CANCELLED)
    )
    for goal in measured:
        goals[goal.portfolio_id].append(goal)
    return [(row, goals[row.portfolio_id]) for row in portfolios]
