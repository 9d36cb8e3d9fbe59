"""Creating and changing goals."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from goals.enums import (
    AfterAchieved,
    GoalStatus,
    GoalType,
    HistoryKind,
    Measure,
    PolicyName,
)
from goals.models import FinancialGoal, GoalProgressHistory, Portfolio, User
from goals.periods import calendar_end, local_date, period_of
from goals.policies import HIGHEST_FACTOR, LOWEST_FACTOR
from goals.services.funding import deposit_call
from goals.services.ledger import measure_goal
from goals.services.opening import open_period, validate_target
from goals.services.portfolios import lock_portfolio, lock_portfolio_of_goal
from mastertrade.exceptions import (
    GoalNotActive,
    InvalidInput,
    PortfolioRuined,
    TooManyGoals,
)
from mastertrade.money import FACTOR, MONEY
from mastertrade.transactions import atomic
from mastertrade.validation import require_decimal, require_word

EARLIEST_DATE = date(1970, 1, 1)
LATEST_DATE = date(2200, 12, 31)
PRIORITIES = range(1, 11)
MOST_GOALS = 50
# What a projection was made for; of another goal it says nothing.
PROJECTED_BY = ("target_value", "target_date", "policy", "min_factor", "max_factor")
CHANGEABLE = (
    "target_value",
    "target_date",
    "priority",
    "recurring",
    "policy",
    "min_factor",
    "max_factor",
    "after_achieved",
)


@atomic
def create_goal(
    *,
    user: User,
    goal_type: GoalType,
    target_value: Decimal,
    as_of: datetime,
    portfolio: int | str | None = None,
    start_date: date | None = None,
    target_date: date | None = None,
    start_value: Decimal | None = None,
    **settings: Any,
) -> FinancialGoal:
    """Create a goal, with its first history rows.

    Dates left out are today and the end of the calendar period. A start in the past
    takes its baseline from the ledger as of then, and what happened since counts; a
    start in the future takes it when the period begins. `settings`: priority,
    recurring, policy, min_factor, max_factor, after_achieved.
    """
    locked = lock_portfolio(user=user, portfolio=portfolio)
    today = local_date(as_of, locked.time_zone)
    start = start_date or today
    goal_type = require_word("goal_type", goal_type, GoalType)
    goal = FinancialGoal(
        user=user,
        portfolio=locked,
        goal_type=goal_type,
        target_value=target_value,
        start_date=start,
        target_date=target_date or calendar_end(goal_type, start),
        created_at=as_of,
        updated_at=as_of,
    )
    _apply(goal, settings)
    _validate_period(goal, today)
    _refuse_ruin(goal, locked)
    _refuse_crowd(locked, as_of)
    open_period(
        goal, locked, as_of, start_value=start_value, begins_today=start == today
    )
    return goal


@atomic
def update_goal(
    *, user: User, goal_id: int, as_of: datetime, **changes: Any
) -> FinancialGoal:
    """Change a running goal; `status` pauses (paused) and resumes (active) it.

    A new target or deadline is measured at once and leaves a history row.
    """
    portfolio = lock_portfolio_of_goal(user=user, goal_id=goal_id)
    goal = FinancialGoal.objects.locked().get(pk=goal_id)
    status = changes.pop("status", None)
    _refuse_ended(goal, as_of)
    if status is not None:
        _change_status(goal, require_word("status", status, GoalStatus))
    before = goal.target_value, goal.target_date
    judged_by = [getattr(goal, name) for name in PROJECTED_BY]
    _apply(goal, changes)
    if [getattr(goal, name) for name in PROJECTED_BY] != judged_by:
        goal.forget_projection()
    goal.updated_at = as_of
    if (goal.target_value, goal.target_date) != before:
        _retarget(goal, portfolio, as_of)
    goal.save()
    return goal


@atomic
def cancel_goal(*, user: User, goal_id: int, as_of: datetime) -> FinancialGoal:
    """End a goal without judging it; it and its rows stay readable."""
    lock_portfolio_of_goal(user=user, goal_id=goal_id)
    goal = FinancialGoal.objects.locked().get(pk=goal_id)
    if goal.status == GoalStatus.CANCELLED:
        return goal
    _refuse_ended(goal, as_of)
    goal.status = GoalStatus.CANCELLED
    goal.ended_at = goal.updated_at = as_of
    goal.save(update_fields=["status", "ended_at", "updated_at"])
    return goal


def _apply(goal: FinancialGoal, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if name not in CHANGEABLE:
            raise InvalidInput(name, "cannot be changed.")
        setattr(goal, name, value)
    require_decimal("target_value", goal.target_value, MONEY)
    for name in ("min_factor", "max_factor"):
        bound = require_decimal(name, getattr(goal, name), FACTOR)
        if not LOWEST_FACTOR <= bound <= HIGHEST_FACTOR:
            raise InvalidInput(
                name, f"must lie between {LOWEST_FACTOR} and {HIGHEST_FACTOR}."
            )
    if goal.min_factor > goal.max_factor:
        raise InvalidInput("min_factor", "must not be above max_factor.")
    if goal.priority not in PRIORITIES:
        raise InvalidInput("priority", "must lie between 1 (highest) and 10.")
    if goal.recurring and goal.target_date is None:
        raise InvalidInput(
            "recurring", "A goal without target_date has no next period."
        )
    require_word("policy", goal.policy, PolicyName)
    require_word("after_achieved", goal.after_achieved, AfterAchieved)


def _validate_period(goal: FinancialGoal, today: date) -> None:
    for name in ("start_date", "target_date"):
        day = getattr(goal, name)
        if day is not None and not EARLIEST_DATE <= day <= LATEST_DATE:
            raise InvalidInput(
                name, f"must lie between {EARLIEST_DATE} and {LATEST_DATE}."
            )
    if goal.target_date is None:
        if goal.kind.months is not None:
            raise InvalidInput("target_date", f"is needed by a {goal.goal_type} goal.")
        return
    if goal.target_date < goal.start_date:
        raise InvalidInput("target_date", "must not lie before start_date.")
    if goal.target_date < today:
        raise InvalidInput("target_date", f"{goal.target_date} is over already.")


def _refuse_ruin(goal: FinancialGoal, portfolio: Portfolio) -> None:
    if goal.kind.measures is Measure.RETURN and portfolio.account.is_ruined:
        raise PortfolioRuined(
            f"Portfolio {portfolio.name} is ruined: there is no unit value to measure "
            f"a return from until a deposit starts anew. Deposit: "
            f"{deposit_call(portfolio)}."
        )


def _refuse_crowd(portfolio: Portfolio, as_of: datetime) -> None:
    """At most `MOST_GOALS` that have not ended; `portfolio` must be locked.

    A recurring goal whose period is over and not rolled yet counts, for its successor:
    that one takes its place, so that a roll-over is never refused.
    """
    runs = Q(period_ends_at=None) | Q(period_ends_at__gt=as_of) | Q(recurring=True)
    running = FinancialGoal.objects.filter(runs, portfolio=portfolio, ended_at=None)
    if running.count() >= MOST_GOALS:
        raise TooManyGoals(
            f"Portfolio {portfolio.name} has {MOST_GOALS} goals that have not ended; "
            "cancel one first."
        )


def _refuse_ended(goal: FinancialGoal, as_of: datetime) -> None:
    ended = goal.status in {GoalStatus.CANCELLED, GoalStatus.MISSED}
    if ended or goal.ended_at is not None or goal.period.is_over(as_of):
        status = goal.status_at(as_of)
        raise GoalNotActive(f"Goal {goal.pk} is {status} and its period is over.")


def _change_status(goal: FinancialGoal, status: GoalStatus) -> None:
    match status:
        case GoalStatus.PAUSED:
            goal.status = GoalStatus.PAUSED
        case GoalStatus.ACTIVE if goal.status == GoalStatus.PAUSED:
            achieved = goal.achieved_at is not None
            goal.status = GoalStatus.ACHIEVED if achieved else GoalStatus.ACTIVE
        case GoalStatus.ACTIVE:
            pass  # already active, or achieved and running
        case _:
            raise InvalidInput("status", "can be set to paused or active.")


def _retarget(goal: FinancialGoal, portfolio: Portfolio, as_of: datetime) -> None:
    if goal.achieved_at is not None:
        raise GoalNotActive(
            f"Goal {goal.pk} was achieved; its target and deadline stay as they were."
        )
    _validate_period(goal, local_date(as_of, portfolio.time_zone))
    validate_target(goal)
    period = period_of(goal.start_date, goal.target_date, portfolio.time_zone)
    goal.period_ends_at = period.ends_at
    effective_at = max(as_of, portfolio.last_entry_at or as_of)
    if goal.period_starts_at <= effective_at:
        measure_goal(goal, portfolio.reading, effective_at)
    GoalProgressHistory.objects.create(
        goal=goal,
        kind=HistoryKind.CHANGE,
        snapshot_date=local_date(effective_at, portfolio.time_zone),
        effective_at=effective_at,
        recorded_at=as_of,
        current_value=goal.current_value,
        target_value=goal.target_value,
        progress_pct=goal.progress_pct,
    )
