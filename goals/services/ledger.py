"""Booking into a portfolio's ledger, and moving the goals it measures."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Q

from goals.accounting import Account, book_cash_flow, book_profit, open_account
from goals.enums import EntryKind, GoalStatus, HistoryKind, Measure
from goals.models import CashFlow, FinancialGoal, LedgerEntry, Portfolio
from goals.models.portfolios import ACCOUNT_FIELDS
from goals.periods import local_date
from goals.progress import Progress, Reading, measure_progress, status_after
from mastertrade.exceptions import NotSupported


@dataclass(frozen=True, slots=True)
class GoalMove:
    """What a booking did to one goal."""

    goal: FinancialGoal
    before: Progress
    after: Progress
    status_before: GoalStatus


def book_entry(
    *,
    portfolio: Portfolio,
    amount: Decimal,
    effective_at: datetime,
    recorded_at: datetime,
    trade_id: int | None = None,
    cash_flow: CashFlow | None = None,
) -> list[GoalMove]:
    """Book a closed trade's profit or a cash flow; move every goal it touches.

    `portfolio` must be locked by the caller, in whose transaction this runs. The cost
    does not depend on how many entries there are. Raises `NotSupported` for an entry
    before the newest one.
    """
    refuse_late_entry(portfolio, effective_at)
    kind = EntryKind.TRADE if cash_flow is None else EntryKind.CASH_FLOW
    book = book_profit if cash_flow is None else book_cash_flow
    portfolio.take_over(book(portfolio.account, amount))
    portfolio.last_entry_at = effective_at
    portfolio.updated_at = recorded_at
    portfolio.save(
        update_fields=[
            *ACCOUNT_FIELDS,
            "unrealized_pnl",
            "last_entry_at",
            "updated_at",
        ]
    )
    LedgerEntry.objects.create(
        portfolio=portfolio,
        kind=kind,
        trade_id=trade_id,
        cash_flow=cash_flow,
        effective_at=effective_at,
        amount=amount,
        equity=portfolio.equity,
        units=portfolio.units,
        unit_value=portfolio.unit_value,
        unit_run=portfolio.unit_run,
        realized_pnl=portfolio.realized_pnl,
        peak_unit_value=portfolio.peak_unit_value,
    )
    return _move_goals(portfolio, HistoryKind(kind), effective_at, recorded_at)


def refuse_late_entry(portfolio: Portfolio, effective_at: datetime) -> None:
    """An entry before the newest one would have to rebuild what came after it."""
    if portfolio.last_entry_at is not None and effective_at < portfolio.last_entry_at:
        raise NotSupported(
            f"The ledger of portfolio {portfolio.name} already reaches "
            f"{portfolio.last_entry_at.isoformat()}; an entry before that "
            f"({effective_at.isoformat()}) is not part of this version."
        )


def read_ledger_at(portfolio: Portfolio, at: datetime) -> Reading:
    """The figures right after the last entry up to and including `at`.

    Open positions are not valued at a past time: live equity there is the realised.
    """
    return _read(portfolio, Q(effective_at__lte=at))


def read_ledger_before(portfolio: Portfolio, at: datetime) -> Reading:
    """The figures right before `at`: what a period that starts then starts from."""
    return _read(portfolio, Q(effective_at__lt=at))


def _read(portfolio: Portfolio, when: Q) -> Reading:
    entry = (
        LedgerEntry.objects.filter(when, portfolio=portfolio)
        .order_by("-effective_at", "-entry_id")
        .first()
    )
    if entry is not None:
        return entry.reading
    opened: Account = open_account(portfolio.opening_balance)
    return Reading(opened.unit_value, opened.realized_pnl, opened.equity, opened.run)


# SQL, because every booking asks it and Django composes a query longer than this runs.
# In key order, so that two writers cannot deadlock.
LOCK_GOALS = """
SELECT * FROM financial_goals
WHERE portfolio_id = %s AND (period_ends_at > %s OR period_ends_at IS NULL)
  AND status <> 'cancelled'
ORDER BY goal_id FOR NO KEY UPDATE
"""


def _move_goals(
    portfolio: Portfolio,
    kind: HistoryKind,
    effective_at: datetime,
    recorded_at: datetime,
) -> list[GoalMove]:
    """Measure every goal whose period contains the entry; carry baselines to come.

    A trade leaves a history row with every goal, a cash flow with those it moved.
    """
    reading = portfolio.reading
    goals = list(
        FinancialGoal.objects.raw(LOCK_GOALS, [portfolio.portfolio_id, effective_at])
    )
    running = [goal for goal in goals if goal.period_starts_at <= effective_at]
    coming = [goal for goal in goals if goal.period_starts_at > effective_at]
    for goal in coming:
        carry_baseline(goal, reading)
    moves = [measure_goal(goal, reading, effective_at) for goal in running]
    if kind is HistoryKind.CASH_FLOW:
        moves = [move for move in moves if move.before != move.after]
    changed = [*coming, *(move.goal for move in moves)]
    if changed:
        _save_goals(portfolio, changed, kind, effective_at, recorded_at)
    return moves


def set_baseline(goal: FinancialGoal, reading: Reading) -> None:
    """Take over the ledger's figures that the goal will be measured from."""
    goal.start_unit_value = reading.unit_value
    goal.start_unit_run = reading.run
    goal.start_realized_pnl = reading.realized_pnl


def carry_baseline(goal: FinancialGoal, reading: Reading) -> None:
    """Keep the baseline of a goal whose period is to come at the newest figures.

    A portfolio value is the live equity at any time; before its period it is shown,
    not judged.
    """
    set_baseline(goal, reading)
    if goal.kind.measures is Measure.VALUE:
        shown = measure_progress(
            goal.kind.measures, goal.target_value, goal.baseline, reading
        )
        goal.current_value, goal.progress_pct = shown.current_value, shown.progress_pct


def measure_goal(goal: FinancialGoal, reading: Reading, at: datetime) -> GoalMove:
    """Set the goal's value, progress and status by a reading; the caller saves."""
    before, status_before = goal.progress, GoalStatus(goal.status)
    after = measure_progress(
        goal.kind.measures, goal.target_value, goal.baseline, reading
    )
    status, achieved = status_after(
        status_before,
        was_achieved=goal.achieved_at is not None,
        progress_pct=after.progress_pct,
    )
    goal.current_value = after.current_value
    goal.progress_pct = after.progress_pct
    goal.status = status
    if achieved and goal.achieved_at is None:
        goal.achieved_at = at
    return GoalMove(goal, before, after, status_before)


# One statement whatever the number of goals: each goal's new figures, and its history
# row from the very same figures. A goal whose period is yet to come gets no row.
SAVE_GOALS = """
WITH moved AS (
    UPDATE financial_goals AS g
    SET current_value = m.current_value, progress_pct = m.progress_pct,
        status = m.status, achieved_at = m.achieved_at,
        start_unit_value = m.start_unit_value, start_unit_run = m.start_unit_run,
        start_realized_pnl = m.start_realized_pnl, updated_at = %(recorded_at)s
    FROM unnest(
        %(goal_id)s::bigint[], %(kind)s::text[], %(current_value)s::numeric[],
        %(progress_pct)s::numeric[], %(status)s::text[],
        %(achieved_at)s::timestamptz[], %(start_unit_value)s::numeric[],
        %(start_unit_run)s::int[], %(start_realized_pnl)s::numeric[]
    ) AS m(goal_id, kind, current_value, progress_pct, status, achieved_at,
           start_unit_value, start_unit_run, start_realized_pnl)
    WHERE g.goal_id = m.goal_id
    RETURNING g.goal_id, m.kind, g.current_value, g.target_value, g.progress_pct
)
INSERT INTO goal_progress_history
    (goal_id, kind, snapshot_date, effective_at, recorded_at,
     current_value, target_value, progress_pct)
SELECT goal_id, kind, %(snapshot_date)s, %(effective_at)s, %(recorded_at)s,
       current_value, target_value, progress_pct
FROM moved WHERE kind IS NOT NULL ORDER BY goal_id
"""
SAVED_COLUMNS = (
    "current_value",
    "progress_pct",
    "status",
    "achieved_at",
    "start_unit_value",
    "start_unit_run",
    "start_realized_pnl",
)


def _save_goals(
    portfolio: Portfolio,
    goals: list[FinancialGoal],
    kind: HistoryKind,
    effective_at: datetime,
    recorded_at: datetime,
) -> None:
    columns = {name: [getattr(goal, name) for goal in goals] for name in SAVED_COLUMNS}
    columns["status"] = [str(goal.status) for goal in goals]
    with connection.cursor() as cursor:
        cursor.execute(
            SAVE_GOALS,
            {
                **columns,
                "goal_id": [goal.goal_id for goal in goals],
                "kind": [_history_kind(goal, kind, effective_at) for goal in goals],
                "snapshot_date": local_date(effective_at, portfolio.time_zone),
                "effective_at": effective_at,
                "recorded_at": recorded_at,
            },
        )


def _history_kind(
    goal: FinancialGoal, kind: HistoryKind, effective_at: datetime
) -> str | None:
    if goal.period_starts_at > effective_at:
        return None
    return str(kind if goal.ended_at is None else HistoryKind.RESTATED)
