"""Booking into a portfolio's ledger, and moving the goals it measures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from goals.decisions.accounting import OpenTrade, book_cash_flow, book_profit
from goals.decisions.periods import local_date
from goals.decisions.progress import (
    GoalProgress,
    PortfolioFigures,
    status_after,
)
from goals.enums import EntryKind, GoalStatus, HistoryKind, Measure
from goals.models import CashFlow, FinancialGoal, Portfolio
from goals.services.conditions import LastEntry, measure_best_days
from goals.services.figures import HistoryRow, write_figures
from goals.services.floor_raising import follow_booking, is_judged_later
from goals.services.floors import reference_at
from mastertrade.db.raw_sql import columns_of, load
from mastertrade.values.money import EXACT


@dataclass(frozen=True, slots=True)
class GoalMove:
    """What a booking did to one goal."""

    goal: FinancialGoal
    before: GoalProgress
    after: GoalProgress
    status_before: GoalStatus

    @property
    def turned(self) -> str | None:
        """What became of its status, in words; None where it is what it was."""
        if self.goal.status == self.status_before:
            return None
        return f"{self.status_before} turned {self.goal.status}."


@dataclass(frozen=True, slots=True)
class ClosedProfit:
    """The profit of a close, and what the trade carried of it (see `accounting`).

    `closed_trade_id` is the trade's own, or that of the part of it that was closed.
    """

    amount: Decimal
    trade_id: int
    closed_trade_id: int
    carried: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Flow:
    """A cash flow that is written, with the open trades it is valued by."""

    cash_flow: CashFlow
    marked: Sequence[OpenTrade] = ()

    @property
    def amount(self) -> Decimal:
        return Decimal(self.cash_flow.amount)


def is_late(portfolio: Portfolio, effective_at: datetime) -> bool:
    """Whether an entry is before the newest one and so changes what came after."""
    newest = portfolio.last_entry_at
    return newest is not None and effective_at < newest


def append_entry(
    *,
    portfolio: Portfolio,
    entry: ClosedProfit | Flow,
    effective_at: datetime,
    recorded_at: datetime,
    reason: str,
) -> list[GoalMove] | None:
    """Book a closed trade's profit or a cash flow behind all others; move the goals.

    `portfolio` must be locked by the caller, in whose transaction this runs and who
    has written the trade or the cash flow. The cost does not depend on how many
    entries there are. An entry that is before others needs a rebuild instead, and
    so does one that a period, or limits, behind it were judged without: None, and
    nothing is done.
    `reason` goes to the history of goals whose period is over.
    """
    if is_late(portfolio, effective_at):
        return None
    if is_judged_later(portfolio, effective_at, recorded_at):
        return None
    goals = load(FinancialGoal, LOCK_GOALS, [portfolio.portfolio_id, effective_at])
    if any(_is_judged_without(goal, effective_at) for goal in goals):
        return None
    before, reference = portfolio.account, reference_at(portfolio, effective_at)
    last_entry = LastEntry.of(portfolio)
    carries = _book(portfolio, entry)
    is_close = isinstance(entry, ClosedProfit)
    follow_booking(portfolio, before, reference, effective_at, is_close=is_close)
    day, part = portfolio.day_part(effective_at)
    portfolio.last_entry_at = effective_at
    portfolio.updated_at = recorded_at
    kind = EntryKind.CASH_FLOW if isinstance(entry, Flow) else EntryKind.TRADE
    moves, changed = _measure_goals(portfolio, goals, kind, effective_at, last_entry)
    write_figures(
        [portfolio],
        changed,
        _history(portfolio, moves, kind, effective_at, reason),
        recorded_at,
        also=DAY if carries is None else DAY + CARRY_ENTRY,
        parameters={
            **(carries or {}),
            "day": day,
            "part": part,
            "is_close": is_close,
        },
    )
    return moves


def _book(portfolio: Portfolio, entry: ClosedProfit | Flow) -> dict[str, Any] | None:
    """Set the portfolio's figures; what the entry did to what trades carry, as columns.

    None where a close ends nothing that was carried.
    """
    before = portfolio.account
    if isinstance(entry, ClosedProfit):
        portfolio.apply_figures(book_profit(before, entry.amount, entry.carried))
        if entry.carried == 0:
            return None
        return {
            "cash_flow_id": None,
            "units_bought": None,
            "closed_trade_id": entry.closed_trade_id,
            "trade_ids": [entry.trade_id],
            "changes": [-entry.carried],
        }
    account, carrying = book_cash_flow(before, entry.amount, entry.marked)
    portfolio.apply_figures(account)
    with localcontext(EXACT):
        entry.cash_flow.units = account.units - before.units
        changes = [
            after.carried - trade.carried
            for trade, after in zip(entry.marked, carrying, strict=True)
        ]
    return {
        "cash_flow_id": entry.cash_flow.cash_flow_id,
        "units_bought": entry.cash_flow.units,
        "closed_trade_id": None,
        "trade_ids": [trade.trade_id for trade in carrying],
        "changes": changes,
    }


def _note(move: GoalMove, reason: str) -> str:
    """Why a goal that was judged stands elsewhere now."""
    return reason if move.turned is None else f"{reason}; {move.turned}"


def _is_judged_without(goal: FinancialGoal, effective_at: datetime) -> bool:
    """Whether the value its period began with was judged before this entry came."""
    met_at = goal.trading_days_met_at
    if met_at is not None and goal.achieved_at is not None and effective_at <= met_at:
        return True  # and so was the value that its trading days were complete with
    judged = goal.achieved_at is not None or goal.ended_at is not None
    comes_first = effective_at < goal.period_starts_at
    return judged and comes_first and goal.kind.measures is Measure.VALUE


# SQL, because every booking asks it and Django composes a query longer than this runs.
# In key order, so that two writers cannot deadlock.
LOCK_GOALS = f"""
SELECT {columns_of(FinancialGoal, "g")} FROM financial_goals g
WHERE portfolio_id = %s AND (period_ends_at > %s OR period_ends_at IS NULL)
  AND status <> 'cancelled'
ORDER BY goal_id FOR NO KEY UPDATE
"""


def _measure_goals(
    portfolio: Portfolio,
    goals: list[FinancialGoal],
    kind: EntryKind,
    effective_at: datetime,
    before: LastEntry,
) -> tuple[list[GoalMove], list[FinancialGoal]]:
    """Measure every goal whose period contains the entry; carry baselines to come.

    A trade leaves a history row with every goal, a cash flow with those it moved.
    """
    portfolio_figures = portfolio.portfolio_figures
    running = [goal for goal in goals if goal.period_starts_at <= effective_at]
    coming = [goal for goal in goals if goal.period_starts_at > effective_at]
    for goal in coming:
        carry_baseline(goal, portfolio_figures)
    for goal in running:
        judge_beginning(goal)
    measure_best_days(portfolio, running, effective_at, before)
    moves = [measure_goal(goal, portfolio_figures, effective_at) for goal in running]
    changed = running
    if kind is EntryKind.CASH_FLOW:
        moves = [move for move in moves if move.before != move.after]
        moved = {move.goal for move in moves}
        # A flow may be the first entry of a day, and the best day is by day.
        changed = [g for g in running if g in moved or g.best_day_max_pct is not None]
    return moves, [*coming, *changed]


def set_baseline(goal: FinancialGoal, portfolio_figures: PortfolioFigures) -> None:
    """Take over the ledger's figures that the goal will be measured from."""
    goal.start_unit_value = portfolio_figures.unit_value
    goal.start_unit_run = portfolio_figures.run
    goal.start_realized_pnl = portfolio_figures.realized_pnl


def carry_baseline(goal: FinancialGoal, portfolio_figures: PortfolioFigures) -> None:
    """Keep the baseline of a goal whose period is to come at the newest figures.

    A portfolio value is the live equity at any time; before its period it is shown,
    not judged.
    """
    set_baseline(goal, portfolio_figures)
    if goal.kind.measures is Measure.VALUE:
        shown = goal.measure_by(portfolio_figures)
        goal.current_value, goal.progress_pct = shown.current_value, shown.progress_pct


def judge_beginning(goal: FinancialGoal) -> bool:
    """A portfolio value is shown before its period, and judged when that begins.

    Whether it is achieved by that.
    """
    undecided = goal.achieved_at is None and goal.failed_at is None
    is_reached = undecided and goal.is_reached_by(goal.progress)
    if is_reached:
        goal.achieved_at = goal.period_starts_at
    return is_reached


def measure_goal(
    goal: FinancialGoal, portfolio_figures: PortfolioFigures, at: datetime
) -> GoalMove:
    """Set the goal's value, progress and status by a reading; the caller saves."""
    before, status_before = goal.progress, GoalStatus(goal.status)
    after = goal.measure_by(portfolio_figures)
    status, achieved = status_after(
        status_before,
        was_achieved=goal.achieved_at is not None,
        progress_pct=after.progress_pct,
        conditions_hold=goal.conditions_hold(after),
    )
    goal.current_value = after.current_value
    goal.progress_pct = after.progress_pct
    goal.status = status
    if achieved and goal.achieved_at is None:
        goal.achieved_at = max(at, goal.trading_days_met_at or at)
    return GoalMove(goal, before, after, status_before)


# The figures of the local day, or of its part.
DAY = """, day AS (
    INSERT INTO ledger_days AS d
        (portfolio_id, day, part, last_entry_at, entries, equity, units, unit_value,
         unit_run, realized_pnl, peak_unit_value, carried, redeemed_value, high_equity,
         high_unit_value, high_realized_pnl, low_unit_value, high_closed, low_closed)
    SELECT portfolio_id, %(day)s, %(part)s, last_entry_at, 1, equity, units, unit_value,
           unit_run, realized_pnl, peak_unit_value, carried, redeemed_value, equity,
           unit_value, realized_pnl, unit_value,
           CASE WHEN %(is_close)s THEN equity + carried END, equity + carried
    FROM booked
    ON CONFLICT (portfolio_id, day, part) DO UPDATE
    SET last_entry_at = excluded.last_entry_at, entries = d.entries + 1,
        equity = excluded.equity, units = excluded.units,
        unit_value = excluded.unit_value, unit_run = excluded.unit_run,
        realized_pnl = excluded.realized_pnl,
        peak_unit_value = excluded.peak_unit_value, carried = excluded.carried,
        redeemed_value = excluded.redeemed_value,
        high_equity = greatest(d.high_equity, excluded.equity),
        high_unit_value = greatest(d.high_unit_value, excluded.unit_value),
        high_realized_pnl = greatest(d.high_realized_pnl, excluded.realized_pnl),
        low_unit_value = least(d.low_unit_value, excluded.unit_value),
        high_closed = greatest(d.high_closed, excluded.high_closed),
        low_closed = least(d.low_closed, excluded.low_closed)
)"""
# What a flow bought, and what it, or a close, did to what trades carry.
CARRY_ENTRY = """, bought AS (
    UPDATE cash_flows SET units = %(units_bought)s
    WHERE cash_flow_id = %(cash_flow_id)s::bigint
), change AS (
    SELECT * FROM unnest(%(trade_ids)s::bigint[], %(changes)s::numeric[])
        AS m(trade_id, change)
), flowed AS (
    UPDATE carried_profits c SET change = m.change FROM change m
    WHERE c.cash_flow_id = %(cash_flow_id)s::bigint AND c.trade_id = m.trade_id
), closed AS (
    INSERT INTO carried_profits (portfolio_id, trade_id, closed_trade_id, change)
    SELECT portfolio_id, trade_id, %(closed_trade_id)s::bigint, change
    FROM change, booked WHERE %(closed_trade_id)s::bigint IS NOT NULL
)"""


def _history(
    portfolio: Portfolio,
    moves: list[GoalMove],
    kind: EntryKind,
    at: datetime,
    reason: str,
) -> list[HistoryRow]:
    return [
        HistoryRow(
            move.goal,
            _history_kind(portfolio, move.goal, HistoryKind(kind), at),
            local_date(at, portfolio.time_zone),
            at,
            move.goal.current_value,
            move.goal.progress_pct,
            _note(move, reason) if move.goal.ended_at else "",
        )
        for move in moves
    ]


def _history_kind(
    portfolio: Portfolio, goal: FinancialGoal, kind: HistoryKind, effective_at: datetime
) -> HistoryKind:
    if goal.ended_at is not None:
        return HistoryKind.RESTATED
    if goal.achieved_at == effective_at and needs_marks(portfolio, goal):
        return HistoryKind.MARK
    return kind


def needs_marks(portfolio: Portfolio, goal: FinancialGoal) -> bool:
    """Whether only open positions at their marks took it to its target."""
    if goal.kind.measures is not Measure.VALUE:
        return False
    realised = replace(portfolio.portfolio_figures, live_equity=portfolio.equity)
    return not goal.is_reached_by(goal.measure_by(realised))
