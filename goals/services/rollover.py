"""The end of a period: judge the goal, open the next one of a recurring goal."""

import logging
from datetime import datetime

from django.db import DatabaseError, transaction
from django.db.models import Q

from goals.enums import GoalStatus
from goals.models import FinancialGoal, Portfolio
from goals.periods import following_period
from goals.progress import status_after, status_at_end
from goals.services.goals import LATEST_DATE
from goals.services.opening import open_period
from goals.services.reaching import HUNDRED
from mastertrade.exceptions import DomainError, InvalidInput
from mastertrade.transactions import atomic

logger = logging.getLogger(__name__)

CARRIED = (
    "user_id",
    "goal_type",
    "priority",
    "recurring",
    "policy",
    "min_factor",
    "max_factor",
    "after_achieved",
)


def roll_goals(
    *, as_of: datetime, portfolio_id: int | None = None
) -> list[FinancialGoal]:
    """End every goal whose period is over; returns the goals that were opened.

    A portfolio value that showed its target before its period is achieved by the time
    that begins.

    One transaction a portfolio, whose lock makes it happen exactly once however many
    call at the same time. Periods that went by unnoticed are caught up one by one. A
    portfolio that fails stops no other: the rest is rolled, then an `ExceptionGroup`
    is raised that holds every failure, with the portfolio's key as its note.
    """
    due = FinancialGoal.objects.filter(_is_over(as_of) | _begins_reached(as_of))
    if portfolio_id is not None:
        due = due.filter(portfolio_id=portfolio_id)
    keys = due.order_by("portfolio_id").values_list("portfolio_id", flat=True)
    opened: list[FinancialGoal] = []
    failures: list[Exception] = []
    for key in keys.distinct():
        try:
            opened += _roll_portfolio(key, as_of)
        except (DomainError, DatabaseError) as failure:
            failure.add_note(f"portfolio {key}")
            failures.append(failure)
    if failures:
        raise ExceptionGroup("some portfolios could not be rolled", failures)
    return opened


def _is_over(as_of: datetime) -> Q:
    return Q(ended_at=None, period_ends_at__lte=as_of)


def _begins_reached(as_of: datetime) -> Q:
    shows_target = Q(achieved_at=None, progress_pct__gte=HUNDRED, ended_at=None)
    return (
        shows_target & Q(period_starts_at__lte=as_of) & ~Q(status=GoalStatus.CANCELLED)
    )


@atomic
def _roll_portfolio(portfolio_id: int, as_of: datetime) -> list[FinancialGoal]:
    portfolio = Portfolio.objects.locked().get(pk=portfolio_id)
    goals = FinancialGoal.objects.locked().filter(portfolio=portfolio)
    opened: list[FinancialGoal] = []
    for goal in goals.filter(_is_over(as_of) | _begins_reached(as_of)):
        _judge_beginning(goal, as_of)
        if not goal.period.is_over(as_of):
            continue
        following = _end(goal, portfolio, as_of)
        while following is not None:
            opened.append(following)
            over_too = following.period.is_over(as_of)
            following = _end(following, portfolio, as_of) if over_too else None
    return opened


def _judge_beginning(goal: FinancialGoal, as_of: datetime) -> None:
    """Achieve a goal that has begun with its target in sight; saved here."""
    unreached = goal.achieved_at is None and goal.status != GoalStatus.CANCELLED
    if not unreached or goal.progress_pct < HUNDRED:
        return
    goal.achieved_at, goal.updated_at = goal.period_starts_at, as_of
    goal.status, _ = status_after(
        GoalStatus(goal.status), was_achieved=True, progress_pct=goal.progress_pct
    )
    goal.save(update_fields=["status", "achieved_at", "updated_at"])


def _end(
    goal: FinancialGoal, portfolio: Portfolio, as_of: datetime
) -> FinancialGoal | None:
    """Judge the goal; open the next period's, if it recurs."""
    paused = goal.status == GoalStatus.PAUSED
    goal.status = status_at_end(
        GoalStatus(goal.status), was_achieved=goal.achieved_at is not None
    )
    goal.ended_at = goal.period_ends_at
    goal.updated_at = as_of
    goal.save(update_fields=["status", "ended_at", "updated_at"])
    if not goal.recurring or goal.target_date is None:
        return None
    start_date, target_date = following_period(
        goal.kind, goal.start_date, goal.target_date
    )
    if target_date > LATEST_DATE:
        return None
    following = FinancialGoal(
        portfolio=portfolio,
        target_value=goal.target_value,
        start_date=start_date,
        target_date=target_date,
        previous_goal=goal,
        status=GoalStatus.PAUSED if paused else GoalStatus.ACTIVE,
        created_at=as_of,
        updated_at=as_of,
        **{name: getattr(goal, name) for name in CARRIED},
    )
    way = goal.target_value - goal.start_value
    try:
        with transaction.atomic():
            open_period(following, portfolio, as_of, way=way)
    except InvalidInput as refused:
        # The chain ends here; the goal that is over is judged all the same.
        logger.warning("Goal %s is followed by none: %s", goal.goal_id, refused)
        return None
    return following
