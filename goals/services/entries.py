"""A trade is entered, or an entry turns out to be none.

Nothing is booked by it; but with the last trading day that a goal requires this may be
achieved, where it shows its target already, and it may be a day's last trade.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from goals.decisions.periods import local_date
from goals.decisions.progress import status_after
from goals.enums import GoalStatus, HistoryKind
from goals.models import FinancialGoal, Portfolio, TradeEntry
from goals.models.goals import FinancialGoalQuerySet
from goals.services.conditions import count_trading_days
from goals.services.figures import HistoryRow, write_figures
from goals.services.halts import enforce_limits
from goals.services.ledger import GoalMove, needs_marks
from goals.services.limit_history import read_history
from goals.services.limit_rebuilding import restate_limits
from goals.services.rebuilding import rebuild_ledger


def counts_entry(portfolio: Portfolio, entered_at: datetime | OuterRef) -> Exists:
    """Whether a goal's trading days may be others by an entry at this time.

    Part of a statement that is asked anyway. `entered_at` may be an expression.
    """
    return Exists(_counting(portfolio, entered_at))


def _counting(
    portfolio: Portfolio, entered_at: datetime | OuterRef
) -> FinancialGoalQuerySet:
    counting: FinancialGoalQuerySet = FinancialGoal.objects.filter(
        Q(period_ends_at=None) | Q(period_ends_at__gt=entered_at),
        Q(trading_days_met_at=None) | Q(trading_days_met_at__gte=entered_at),
        portfolio=portfolio,
        min_trading_days__isnull=False,
        period_starts_at__lte=entered_at,
    )
    return counting.exclude(status=GoalStatus.CANCELLED)


def may_fill_day(portfolio: Portfolio, entered_at: datetime) -> bool:
    """Whether a number of trades a day is set, or limits were changed since."""
    changed_at = portfolio.limits_changed_at
    is_before_change = changed_at is not None and entered_at <= changed_at
    return portfolio.max_trades_per_day is not None or is_before_change


def judge_entry(
    portfolio: Portfolio, entered_at: datetime, now: datetime, reason: str
) -> None:
    """Halt entries where the day's number of trades is reached by one just written.

    `portfolio` must be locked. One of before other entries, or halts, or changes of
    limits, or of a day that is over, is judged as if it had come in order.
    """
    if not may_fill_day(portfolio, entered_at):
        return
    if _is_judged_without(portfolio, entered_at, now):
        history = read_history(portfolio)
        restate_limits(portfolio, history, since=entered_at, now=now, reason=reason)
    else:
        enforce_limits(portfolio, now, at=entered_at)


def _is_judged_without(
    portfolio: Portfolio, entered_at: datetime, now: datetime
) -> bool:
    changed_at, halted_at = portfolio.limits_changed_at, portfolio.last_halted_at
    if changed_at is not None and entered_at <= changed_at:
        return True
    began_at = portfolio.day_start(portfolio.trading_day(now))
    if entered_at < began_at or (halted_at is not None and entered_at < halted_at):
        return True
    later = TradeEntry.objects.filter(portfolio=portfolio, entered_at__gt=entered_at)
    return entered_at < now and later.exists()


def note_entry(
    portfolio: Portfolio, entered_at: datetime, now: datetime, reason: str
) -> Sequence[GoalMove]:
    """Count trading days again after an entry was written; returns the goals it moved.

    `portfolio` must be locked by the caller, who has found that `counts_entry`. An
    entry before something that was judged rebuilds what follows it, for `reason`.
    """
    goals = list(_counting(portfolio, entered_at).locked())
    before = [goal.trading_days_met_at for goal in goals]
    count_trading_days(portfolio, goals, now)
    newest = portfolio.last_entry_at
    for goal, was_met_at in zip(goals, before, strict=True):
        met_at = goal.trading_days_met_at
        is_late = met_at is not None and newest is not None and met_at < newest
        if met_at != was_met_at and (is_late or goal.achieved_at is not None):
            return rebuild_ledger(portfolio, since=entered_at, now=now, reason=reason)
    moves = [_judge(goal) for goal in goals]
    achieved = [move for move in moves if move is not None]
    rows = [_row(portfolio, move, reason) for move in achieved]
    write_figures([], goals, rows, now)
    return achieved


def _row(portfolio: Portfolio, move: GoalMove, reason: str) -> HistoryRow:
    goal = move.goal
    assert goal.achieved_at is not None  # by the move
    return HistoryRow(
        goal,
        _kind_of(portfolio, goal),
        local_date(goal.achieved_at, portfolio.time_zone),
        goal.achieved_at,
        goal.current_value,
        goal.progress_pct,
        f"{reason}; {move.turned}" if goal.ended_at else "",
    )


def _judge(goal: FinancialGoal) -> GoalMove | None:
    """Achieve a goal whose trading days are complete and whose target is reached."""
    met_at, status_before = goal.trading_days_met_at, GoalStatus(goal.status)
    if goal.achieved_at is not None or met_at is None:
        return None
    if not goal.is_reached_by(goal.progress):
        return None
    goal.achieved_at = met_at
    goal.status, _ = status_after(
        status_before, was_achieved=True, progress_pct=goal.progress_pct
    )
    return GoalMove(goal, goal.progress, goal.progress, status_before)


def _kind_of(portfolio: Portfolio, goal: FinancialGoal) -> HistoryKind:
    if goal.ended_at is not None:
        return HistoryKind.RESTATED
    return HistoryKind.MARK if needs_marks(portfolio, goal) else HistoryKind.TRADE
