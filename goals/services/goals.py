"""Creating and changing goals."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from django.db.models import Q

from goals.decisions.periods import calendar_end, local_date, period_of
from goals.decisions.policies import HIGHEST_FACTOR, LOWEST_FACTOR, PolicyName
from goals.decisions.progress import status_rebuilt
from goals.enums import AfterAchieved, GoalStatus, GoalType, HistoryKind, Measure
from goals.models import (
    FinancialGoal,
    GoalForecast,
    GoalProgressHistory,
    Portfolio,
    User,
)
from goals.models.goals import (
    CONDITIONS,
    HIGHEST_STOP_PENALTY,
    MOST_TRADING_DAYS,
    SIZED_BY,
)
from goals.services.alerting import Occasion, alert_goals
from goals.services.failing import describe_failure, fail_from_start
from goals.services.funding import deposit_call
from goals.services.ledger import GoalMove, judge_beginning, measure_goal
from goals.services.opening import (
    measure_conditions,
    open_period,
    wrong_in_target,
    wrong_in_way,
)
from goals.services.portfolios import (
    find_portfolio,
    lock_portfolio,
    lock_portfolio_of_goal,
)
from mastertrade.db.transactions import atomic
from mastertrade.values import in_text
from mastertrade.values.exceptions import (
    GoalExists,
    GoalNotActive,
    InvalidInput,
    PortfolioRuined,
    TooManyGoals,
)
from mastertrade.values.in_text import exact, say
from mastertrade.values.money import FACTOR, HUNDRED, MONEY, PERCENT
from mastertrade.values.validation import refuse, require_decimal, require_word

EARLIEST_DATE = date(1970, 1, 1)
LATEST_DATE = date(2200, 12, 31)
PRIORITIES = range(1, 11)
MOST_GOALS = 50
# What a projection was made for; of another goal it says nothing.
PROJECTED_BY = ("target_value", "target_date", *SIZED_BY)
# The same of a kept forecast, whose words name the conditions.
FORECAST_BY = (*PROJECTED_BY, *CONDITIONS)
# What says when a goal is achieved: a change is measured at once.
JUDGED_BY = ("target_value", "target_date", *CONDITIONS)
CHANGEABLE = (*JUDGED_BY, "priority", "recurring", *SIZED_BY)


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

    Dates default to today and the end of the calendar period. A start in the past
    takes its baseline from the ledger as of then, and what happened since counts; a
    start in the future takes it when the period begins. `settings`: priority,
    recurring, policy, min_factor, max_factor, stop_penalty, after_achieved,
    min_trading_days, best_day_max_pct.
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
    in_target = wrong_in_target(goal.kind, target_value, start_value)
    refuse(chain(wrong_in_goal(goal, today), in_target))
    _refuse_ruin(goal, locked)
    _refuse_same(goal, as_of, start_date=start_date, start_value=start_value)
    _refuse_crowd(locked, as_of)
    open_period(
        goal, locked, as_of, start_value=start_value, begins_today=start == today
    )
    fail_from_start(goal, locked, as_of)
    return goal


@atomic
def update_goal(
    *, user: User, goal_id: int, as_of: datetime, **changes: Any
) -> FinancialGoal:
    """Change a running goal; `status` pauses (paused) and resumes (active) it.

    A new target, deadline or condition is measured at once and leaves a history row.
    """
    portfolio = lock_portfolio_of_goal(user=user, goal_id=goal_id)
    goal = FinancialGoal.objects.locked().get(pk=goal_id)
    status = changes.pop("status", None)
    _refuse_ended(goal, as_of)
    progress, status_before = goal.progress, GoalStatus(goal.status)
    if status is not None:
        _change_status(goal, require_word("status", status, GoalStatus))
    if goal.period_starts_at <= as_of:
        judge_beginning(goal)
    before = [getattr(goal, name) for name in CHANGEABLE]
    asked = {name: getattr(goal, name) for name in FORECAST_BY}
    _apply(goal, changes)
    retargeted = [getattr(goal, name) for name in JUDGED_BY] != before[: len(JUDGED_BY)]
    refuse(_wrong_change(goal, portfolio, as_of, retargeted=retargeted))
    asked_anew = {one for one in FORECAST_BY if getattr(goal, one) != asked[one]}
    if asked_anew:
        GoalForecast.objects.filter(goal=goal).delete()
    if asked_anew.intersection(PROJECTED_BY):
        goal.forget_projection()
    goal.updated_at = as_of
    if retargeted:
        _retarget(goal, portfolio, as_of)
    if [getattr(goal, name) for name in CHANGEABLE] != before:
        start = {"start_date": goal.start_date, "start_value": goal.start_value}
        _refuse_same(goal, as_of, **start)
    goal.save()
    move = GoalMove(goal, progress, goal.progress, status_before)
    alert_goals(portfolio, [move], Occasion(as_of, as_of))
    return goal


@atomic
def cancel_goal(*, user: User, goal_id: int, as_of: datetime) -> FinancialGoal:
    """End a goal without judging it; it and its rows stay readable."""
    lock_portfolio_of_goal(user=user, goal_id=goal_id)
    goal = FinancialGoal.objects.locked().get(pk=goal_id)
    if goal.status == GoalStatus.CANCELLED:
        return goal
    _refuse_ended(goal, as_of)
    if goal.stands_failed:
        raise GoalNotActive(f"{describe_failure(goal)} It cannot be cancelled.")
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
    for name in ("min_factor", "max_factor", "stop_penalty"):
        require_decimal(name, getattr(goal, name), FACTOR)
    if goal.best_day_max_pct is not None:
        require_decimal("best_day_max_pct", goal.best_day_max_pct, PERCENT)
    require_word("policy", goal.policy, PolicyName)
    require_word("after_achieved", goal.after_achieved, AfterAchieved)


def wrong_in_goal(goal: FinancialGoal, today: date | None) -> Iterator[InvalidInput]:
    """What a goal's settings and its period say that cannot be.

    `today` is local; None where the portfolio, and so its time zone, is unknown.
    """
    return chain(
        _wrong_settings(goal), _wrong_period(goal, today), _wrong_conditions(goal)
    )


def find_wrong_goal(
    user: User, fields: Mapping[str, Any], as_of: datetime
) -> Iterator[InvalidInput]:
    """What `create_goal` would refuse in `fields`, some of which may be missing."""
    today, equity = None, None
    try:
        portfolio = find_portfolio(user, fields.get("portfolio"))
        today = local_date(as_of, portfolio.time_zone)
        equity = portfolio.portfolio_figures.live_equity
    except InvalidInput as unknown:
        yield unknown
    goal_type = GoalType(fields.get("goal_type", GoalType.PORTFOLIO_VALUE))
    start = fields.get("start_date") or today or EARLIEST_DATE
    goal = FinancialGoal(
        goal_type=goal_type,
        start_date=start,
        target_date=fields.get("target_date") or calendar_end(goal_type, start),
        **{name: fields[name] for name in CHANGEABLE[2:] if name in fields},
    )
    yield from wrong_in_goal(goal, today)
    target_value, start_value = fields.get("target_value"), fields.get("start_value")
    if start_value is None and goal_type.measures is Measure.VALUE and start == today:
        start_value = equity
    yield from wrong_in_target(goal_type, target_value, start_value)


def find_wrong_change(
    user: User, goal_id: int, fields: Mapping[str, Any], as_of: datetime
) -> Iterator[InvalidInput]:
    """What `update_goal` would refuse in `fields`, given what the goal has."""
    mine = FinancialGoal.objects.filter(user_id=user.username, pk=goal_id)
    for goal in mine.select_related("portfolio"):
        before = [getattr(goal, name) for name in JUDGED_BY]
        for name in CHANGEABLE:
            if name in fields:
                setattr(goal, name, fields[name])
        retargeted = [getattr(goal, name) for name in JUDGED_BY] != before
        for wrong in _wrong_change(goal, goal.portfolio, as_of, retargeted=retargeted):
            if wrong.field in fields or wrong.field not in {
                "start_date",
                "target_date",
            }:
                yield wrong


def _wrong_change(
    goal: FinancialGoal, portfolio: Portfolio, as_of: datetime, *, retargeted: bool
) -> Iterator[InvalidInput]:
    yield from _wrong_settings(goal)
    if retargeted:
        yield from _wrong_period(goal, local_date(as_of, portfolio.time_zone))
        yield from wrong_in_way(goal.target_value, goal.start_value)
        yield from _wrong_conditions(goal)


def _wrong_conditions(goal: FinancialGoal) -> Iterator[InvalidInput]:
    needed, share = goal.min_trading_days, goal.best_day_max_pct
    if needed is not None and not 1 <= needed <= MOST_TRADING_DAYS:
        yield InvalidInput(
            "min_trading_days", f"must be from 1 to {MOST_TRADING_DAYS}, or null."
        )
    elif needed is not None and goal.target_date is not None:
        days = (goal.target_date - goal.start_date).days + 1
        if needed > days > 0:
            yield InvalidInput(
                "min_trading_days",
                f"must not be above {days}, the days from {goal.start_date} to "
                f"{goal.target_date}.",
            )
    if share is not None and not 0 < share <= HUNDRED:
        yield InvalidInput(
            "best_day_max_pct", "must be above 0 and at most 100 (percent), or null."
        )


def _wrong_settings(goal: FinancialGoal) -> Iterator[InvalidInput]:
    for name in ("min_factor", "max_factor"):
        if not LOWEST_FACTOR <= getattr(goal, name) <= HIGHEST_FACTOR:
            yield InvalidInput(
                name, f"must be from {LOWEST_FACTOR} to {HIGHEST_FACTOR}."
            )
    if goal.min_factor > goal.max_factor:
        both = exact(goal.min_factor), exact(goal.max_factor)
        words = say("{} must not be above max_factor, {}.", *both)
        yield InvalidInput("min_factor", words)
    if not 0 <= goal.stop_penalty <= HIGHEST_STOP_PENALTY:
        yield InvalidInput(
            "stop_penalty",
            f"must be from 0 (only passing counts) to {HIGHEST_STOP_PENALTY}.",
        )
    if goal.priority not in PRIORITIES:
        yield InvalidInput("priority", "must be from 1 (highest) to 10.")
    if goal.recurring and goal.target_date is None:
        yield InvalidInput("recurring", "A goal needs a target_date to recur.")


def _wrong_period(goal: FinancialGoal, today: date | None) -> Iterator[InvalidInput]:
    for name in ("start_date", "target_date"):
        day = getattr(goal, name)
        if day is not None and not EARLIEST_DATE <= day <= LATEST_DATE:
            yield InvalidInput(name, f"must be from {EARLIEST_DATE} to {LATEST_DATE}.")
            return  # a period that cannot be has no other error
    if goal.target_date is None:
        if goal.kind.calendar is not None:
            yield InvalidInput("target_date", f"is needed by a {goal.goal_type} goal.")
    elif goal.target_date < goal.start_date:
        yield InvalidInput(
            "target_date", f"must not be before the start_date, {goal.start_date}."
        )
    elif today is not None and goal.target_date < today:
        yield InvalidInput(
            "target_date",
            f"{goal.target_date} is in the past; today is {today} in the portfolio's "
            "time zone.",
        )


def _refuse_ruin(goal: FinancialGoal, portfolio: Portfolio) -> None:
    if goal.kind.measures is Measure.RETURN and portfolio.account.is_ruined:
        raise PortfolioRuined(
            f"Portfolio {portfolio.name} is ruined: there is no unit value to measure "
            f"a return from until the next deposit. Deposit: "
            f"{deposit_call(portfolio)}."
        )


def _refuse_same(goal: FinancialGoal, as_of: datetime, **given: Any) -> None:
    """Refuse a goal that the portfolio has: it would decide the same twice.

    It has the same kind, target, last day and settings but `recurring`, which decides
    nothing in its period; its first day only where one is `given`, for its default is
    today. A return of units that ruin ended is over.
    """
    same = FinancialGoal.objects.exclude(status=GoalStatus.FAILED).filter(
        _not_ended(as_of),
        portfolio=goal.portfolio,
        goal_type=goal.goal_type,
        **{name: getattr(goal, name) for name in CHANGEABLE if name != "recurring"},
        **{name: value for name, value in given.items() if value is not None},
    )
    if goal.kind.measures is Measure.RETURN:
        same = same.exclude(start_unit_run__lt=goal.portfolio.unit_run)
    known = same.exclude(pk=goal.pk).order_by("goal_id").first()
    if known is not None:
        until = "" if goal.target_date is None else f" until {goal.target_date}"
        recurs = ""
        if known.recurring != goal.recurring:
            recurs = " and recurring" if known.recurring else " and not recurring"
        raise GoalExists(
            say(
                "Portfolio {} has this goal already: {}{}, is {}{}. Use it, change "
                "it{}, or cancel it first{}.",
                goal.portfolio.name,
                known.words,
                until,
                known.status_at(as_of),
                recurs,
                in_text.call(f" with PATCH /api/goals/{known.pk}/"),
                in_text.call(" with DELETE"),
            ),
            goal_id=known.pk,
        )


def _not_ended(as_of: datetime) -> Q:
    runs = Q(period_ends_at=None) | Q(period_ends_at__gt=as_of)
    return runs & Q(ended_at=None)


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
        raise GoalNotActive(
            f"Goal {goal.pk} is {status} and has ended; create another."
        )


def _change_status(goal: FinancialGoal, status: GoalStatus) -> None:
    if goal.status == GoalStatus.FAILED:
        raise GoalNotActive(f"{describe_failure(goal)} It cannot be {status}.")
    match status:
        case GoalStatus.PAUSED:
            goal.status = GoalStatus.PAUSED
        case GoalStatus.ACTIVE if goal.status == GoalStatus.PAUSED:
            goal.status = status_rebuilt(
                GoalStatus.ACTIVE,
                achieved=goal.achieved_at is not None,
                ended=False,
                failed=goal.stands_failed,
            )
        case GoalStatus.ACTIVE:
            pass  # already active, or achieved and running
        case _:
            raise InvalidInput("status", "can be set to paused or active.")


def _retarget(goal: FinancialGoal, portfolio: Portfolio, as_of: datetime) -> None:
    if goal.status == GoalStatus.FAILED:
        raise GoalNotActive(
            f"{describe_failure(goal)} Its target and deadline cannot be changed."
        )
    if goal.achieved_at is not None:
        raise GoalNotActive(
            f"Goal {goal.pk} was achieved; its target, deadline and conditions can "
            "no longer be changed."
        )
    period = period_of(goal.start_date, goal.target_date, portfolio.time_zone)
    goal.period_ends_at = period.ends_at
    effective_at = max(as_of, portfolio.last_entry_at or as_of)
    measure_conditions(goal, portfolio, as_of)
    if goal.period_starts_at <= effective_at:
        measure_goal(goal, portfolio.portfolio_figures, effective_at)
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
