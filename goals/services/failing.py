"""Goals that fail by a breach of a limit, and that are undone with it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from goals.decisions.periods import local_date
from goals.decisions.progress import status_rebuilt
from goals.enums import GoalStatus, HistoryKind
from goals.models import (
    FinancialGoal,
    GoalProgressHistory,
    Portfolio,
    TradingHalt,
)
from goals.services.alerting import Occasion, alert_goals
from goals.services.ledger import GoalMove
from mastertrade.values import in_text
from mastertrade.values.in_text import Text, cased, instant, say


def failing_halts(portfolio: Portfolio, since: datetime | None) -> list[TradingHalt]:
    """The halts by which goals fail, oldest first, withdrawn ones apart."""
    halts = portfolio.halts.filter(withdrawn_at=None, figures__fails=True)
    if since is not None:
        halts = halts.filter(halted_at__gte=since)
    return list(halts.order_by("halted_at", "halt_id"))


def follow_failures(
    portfolio: Portfolio,
    *,
    since: datetime | None,
    now: datetime,
    reason: str = "",
    moves: Sequence[GoalMove] = (),
) -> list[GoalMove]:
    """Let goals fail, or stand again, by the halts there are; returns who changed.

    The portfolio is locked. Goals whose period ended before `since` are left as they
    are (None: all are looked at). `moves` are goals the caller has locked and saved:
    these change in place. With a `reason` the history gets a `restated` row.
    """
    goals = (
        FinancialGoal.objects.locked()
        .filter(portfolio=portfolio)
        .exclude(status=GoalStatus.CANCELLED)
    )
    if since is not None:
        goals = goals.filter(Q(period_ends_at__gt=since) | Q(period_ends_at=None))
    known = {move.goal.pk: move.goal for move in moves}
    found = [known.get(goal.pk, goal) for goal in goals]
    begins = min((goal.period_starts_at for goal in found), default=since)
    halts = failing_halts(portfolio, begins) if found else []
    turned = [
        move
        for goal in found
        if (move := _fail(goal, portfolio, halts, now, reason)) is not None
    ]
    others = [move for move in turned if move.goal.pk not in known]
    occasion = Occasion(now, now, reason=halts[0].why if halts else "")
    alert_goals(portfolio, others, occasion)  # of `moves` their caller does
    return turned


def fail_from_start(goal: FinancialGoal, portfolio: Portfolio, now: datetime) -> None:
    """Let a goal that was just made fail by a breach that its period contains."""
    last = portfolio.last_halted_at
    if last is None or last < goal.period_starts_at:
        return
    halts = failing_halts(portfolio, goal.period_starts_at)
    move = _fail(goal, portfolio, halts, now, "")
    if move is not None:
        alert_goals(portfolio, [move], Occasion(now, now, reason=halts[0].why))


def find_failing(
    goal: FinancialGoal, portfolio: Portfolio, halts: Sequence[TradingHalt]
) -> TradingHalt | None:
    """The first of these halts that a goal fails by; they are in the order of time."""
    begins_at, period = _begins_at(goal, portfolio), goal.period
    failing = (
        halt
        for halt in halts
        if begins_at <= halt.halted_at and period.contains(halt.halted_at)
    )
    return next(failing, None)


def with_failure(goals: QuerySet[FinancialGoal]) -> QuerySet[FinancialGoal]:
    """The same goals, each with why it failed as `failure`; None where it has not.

    And with the cause of the halt by which it failed, as `failure_cause`.
    """
    halts = _halts_of(OuterRef("portfolio_id"), OuterRef("failed_at"))
    return goals.annotate(
        failure=Subquery(halts.values("reason")[:1]),
        failure_cause=Subquery(halts.values("cause")[:1]),
    )


def describe_failure(goal: FinancialGoal) -> Text:
    """When and why a goal failed, and what would undo it: two sentences."""
    failed_at = goal.failed_at or goal.updated_at
    halt = _halts_of(goal.portfolio_id, failed_at).first()
    failed = say("{} failed at {}", in_text.goal(goal.pk), instant(failed_at))
    return say(
        "{}{}. It stands until what caused it is voided or corrected.",
        cased(failed),
        "" if halt is None else say(": {}", halt.why),
    )


def _halts_of(portfolio_id: Any, failed_at: Any) -> QuerySet[TradingHalt]:
    """Those by which a goal failed at that time, the oldest first."""
    halts = TradingHalt.objects.filter(
        portfolio=portfolio_id,
        withdrawn_at=None,
        figures__fails=True,
        halted_at=failed_at,
    )
    return halts.order_by("halt_id")


def _fail(
    goal: FinancialGoal,
    portfolio: Portfolio,
    halts: Sequence[TradingHalt],
    now: datetime,
    reason: str,
) -> GoalMove | None:
    first = find_failing(goal, portfolio, halts)
    failed_at = None if first is None else first.halted_at
    if failed_at == goal.failed_at:
        return None
    status_before, goal.failed_at = GoalStatus(goal.status), failed_at
    goal.status = status_rebuilt(
        status_before,
        achieved=goal.achieved_at is not None,
        ended=goal.ended_at is not None,
        failed=goal.stands_failed,
    )
    goal.updated_at = now
    goal.save(update_fields=["status", "failed_at", "updated_at"])
    move = GoalMove(goal, goal.progress, goal.progress, status_before)
    if move.turned is None:
        return None
    note = move.turned if first is None else f"{move.turned} {first.reason}."
    at = failed_at or portfolio.last_entry_at or now
    GoalProgressHistory.objects.create(
        goal=goal,
        kind=HistoryKind.RESTATED if reason else HistoryKind.CHANGE,
        snapshot_date=local_date(at, portfolio.time_zone),
        effective_at=at,
        recorded_at=now,
        current_value=goal.current_value,
        target_value=goal.target_value,
        progress_pct=goal.progress_pct,
        note=f"{reason}; {note}" if reason else note,
    )
    return move


def _begins_at(goal: FinancialGoal, portfolio: Portfolio) -> datetime:
    """A goal made for today begins when it is made, not with what failed before."""
    made_today = goal.start_date == local_date(goal.created_at, portfolio.time_zone)
    if made_today and goal.previous_goal_id is None:
        return max(goal.period_starts_at, goal.created_at)
    return goal.period_starts_at
