"""Limits that are reached now: by closes at once, by marks once they are confirmed."""

from dataclasses import replace
from datetime import datetime

from goals.decisions.breaches import (
    LONGEST_WAIT,
    SECOND_MARK_AFTER,
    Breach,
    find_breaches,
    rests_on_marks,
)
from goals.decisions.guards.base import RiskState
from goals.decisions.periods import ONE_DAY
from goals.enums import HaltCause, MarkRole, PortfolioKind
from goals.models import Portfolio
from goals.services.floors import limits_at
from goals.services.limit_marks import keep_mark, newest_mark
from goals.services.risk_state import FiguresAt, read_conditions, read_figures


def breaches_of(
    figures: FiguresAt, risk_state: RiskState, at: datetime, now: datetime
) -> list[Breach]:
    """The limits reached by the figures, dated `at`; by those in force then.

    What is reached for the day was not reached before the day began.
    """
    portfolio, day = figures.portfolio, risk_state.day
    limits, _ = limits_at(figures, now)
    ends_at = day_ends_at(portfolio, figures.at)
    in_day = at if day is None else max(at, day.began_at)
    return [
        one if one.cause is HaltCause.HARD_DRAWDOWN else replace(one, at=in_day)
        for one in find_breaches(limits, risk_state, at, ends_at)
    ]


def day_ends_at(portfolio: Portfolio, at: datetime) -> datetime:
    """The first instant of the trading day that follows."""
    return portfolio.day_start(portfolio.trading_day(at) + ONE_DAY)


def confirm(
    figures: FiguresAt,
    risk_state: RiskState,
    breaches: list[Breach],
    now: datetime,
    *,
    by_mark: bool,
) -> list[Breach]:
    """The breaches that halt: by closes at once, by marks once they are confirmed.

    The bars of a replay are no marks that may be wrong.
    """
    portfolio = figures.portfolio
    if portfolio.kind == PortfolioKind.SIMULATION:
        return breaches
    by_marks = [one for one in breaches if rests_on_marks(one.cause, risk_state)]
    closed = [one for one in breaches if one not in by_marks]
    if portfolio.suspected_at is None:
        return closed + _suspect(portfolio, by_marks, now, by_mark=by_mark)
    first = newest_mark(portfolio, MarkRole.BREACH)
    if first is None:  # deleted by hand: begin again
        _set_suspected(portfolio, None)
        return closed
    if not by_marks:
        first.delete()
        _set_suspected(portfolio, None)
    marked_at = portfolio.marked_at if by_marks and by_mark else None
    if marked_at is None or marked_at - first.at < SECOND_MARK_AFTER:
        return closed
    keep_mark(portfolio, MarkRole.BREACH, marked_at)
    _set_suspected(portfolio, None)
    at = min(marked_at, first.at + LONGEST_WAIT)
    return closed + [replace(one, at=at) for one in by_marks]


def _suspect(
    portfolio: Portfolio, breaches: list[Breach], now: datetime, *, by_mark: bool
) -> list[Breach]:
    """Wait for a second mark; a mark that has stood for long needs none any more."""
    if not breaches:
        return []
    marked_at = portfolio.marked_at or now
    keep_mark(portfolio, MarkRole.BREACH, marked_at)
    if not by_mark and now - marked_at >= LONGEST_WAIT:
        return breaches
    _set_suspected(portfolio, now if by_mark else marked_at)
    return []


def settle_waiting(
    portfolio: Portfolio, now: datetime
) -> tuple[FiguresAt, RiskState, list[Breach]] | None:
    """What a mark that has waited for long enough had reached; None: none has.

    By the figures, the limits and the peak of the mark, whatever came since.
    """
    waits_since = portfolio.suspected_at
    if waits_since is None or now - waits_since < LONGEST_WAIT:
        return None
    _set_suspected(portfolio, None)
    mark = newest_mark(portfolio, MarkRole.BREACH)
    if mark is None:  # deleted by hand
        return None
    figures = replace(
        read_figures(portfolio, mark.at), unrealized_pnl=mark.open_pnl, is_marked=True
    )
    risk_state, at = read_conditions(figures, now), mark.at + LONGEST_WAIT
    found = [
        breach
        for breach in breaches_of(figures, risk_state, at, now)
        if rests_on_marks(breach.cause, risk_state)
        and (breach.until is None or breach.until > at)  # else its day was over first
    ]
    return figures, risk_state, found


def _set_suspected(portfolio: Portfolio, at: datetime | None) -> None:
    portfolio.suspected_at = at
    portfolio.save(update_fields=["suspected_at"])
