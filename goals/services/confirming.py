"""Limits that are reached now: by closes at once, by marks once they are confirmed."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from goals.decisions.breaches import (
    BY_FLOORS,
    CONFIRMED_AFTER,
    SECOND_MARK_AFTER,
    Breach,
    confirm_by_second,
    find_breaches,
    split_by_marks,
)
from goals.decisions.guards.base import RiskState
from goals.decisions.periods import MICROSECOND, ONE_DAY
from goals.enums import HaltCause, MarkRole, PortfolioKind
from goals.models import LimitMark, Portfolio
from goals.services.figures_at import FiguresAt, read_figures
from goals.services.floors import limits_at
from goals.services.limit_marks import keep_mark, newest_mark, read_open_pnl
from goals.services.risk_state import read_risk_state


def breaches_of(
    figures: FiguresAt, risk_state: RiskState, at: datetime, now: datetime
) -> list[Breach]:
    """The limits reached by the figures, dated `at`; by those in force then.

    What is reached for the day was not reached before the day began; a pause that was
    over by now was none by then.
    """
    portfolio, day = figures.portfolio, risk_state.day
    limits, _ = limits_at(figures, now)
    ends_at = day_ends_at(portfolio, figures.at)
    in_day = at
    if day is not None:
        in_day = max(at, day.began_at)
        risk_state = replace(risk_state, day=replace(day, at=in_day))
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
    closed, by_marks = split_by_marks(breaches, risk_state)
    if portfolio.kind == PortfolioKind.SIMULATION:
        return closed + _halt_at_once(portfolio, by_marks)
    if not by_marks and portfolio.marked_at is not None:
        # What a day's end had raised is found by whoever looks first, at any time.
        by_floors = [one for one in closed if one.cause in BY_FLOORS]
        _halt_at_once(portfolio, by_floors)
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
    seen = _seen_at(portfolio, first, marked_at, now)
    shown = _shown_by(first, *seen, marked_at, now)
    confirmed = confirm_by_second(
        shown, by_marks, min(marked_at, first.at + CONFIRMED_AFTER)
    )
    causes = {breach.cause for breach in confirmed}
    rest = [one for one in by_marks if one.cause not in causes]
    # What only this mark shows waits for another one.
    return closed + confirmed + _suspect(portfolio, rest, now, by_mark=True)


def _suspect(
    portfolio: Portfolio, breaches: list[Breach], now: datetime, *, by_mark: bool
) -> list[Breach]:
    """Wait for a second mark; a mark that has stood for long needs none any more."""
    if not breaches:
        return []
    marked_at = portfolio.marked_at or now
    if not by_mark and now - marked_at >= CONFIRMED_AFTER:
        return _halt_at_once(portfolio, breaches)
    keep_mark(portfolio, MarkRole.BREACH, marked_at)
    _set_suspected(portfolio, now if by_mark else marked_at)
    return []


def _halt_at_once(portfolio: Portfolio, breaches: list[Breach]) -> list[Breach]:
    for at in {breach.at for breach in breaches}:
        keep_mark(portfolio, MarkRole.STOOD, at)
    return breaches


def keep_close(
    portfolio: Portfolio, risk_state: RiskState, causes: Collection[str], at: datetime
) -> None:
    """Store what was open at a close, or a change, that a floor was judged by.

    Only where the closed value alone would say otherwise: at or below the floor.
    `causes` halt already.
    """
    floors = risk_state.floors
    if floors is None or not floors.is_live or portfolio.marked_at is None:
        return
    is_hard = floors.by_live and floors.closed <= floors.hard
    is_daily = floors.daily is not None and floors.closed <= floors.daily
    if (is_hard and HaltCause.HARD_DRAWDOWN not in causes) or (
        is_daily and HaltCause.DAILY_LOSS not in causes
    ):
        keep_mark(portfolio, MarkRole.CLOSE, at)


def settle_waiting(
    portfolio: Portfolio, now: datetime
) -> tuple[FiguresAt, RiskState, list[Breach]] | None:
    """What a mark that has waited for long enough shows to be reached; None: none has.

    With the closes of until then, and by the limits and the peak of then, whatever came
    since. A day's floor is no more where that is another trading day.
    """
    waits_since = portfolio.suspected_at
    if waits_since is None or now - waits_since < CONFIRMED_AFTER:
        return None
    _set_suspected(portfolio, None)
    mark = newest_mark(portfolio, MarkRole.BREACH)
    if mark is None:  # deleted by hand
        return None
    at = mark.at + CONFIRMED_AFTER
    figures, risk_state = _seen_at(portfolio, mark, at - MICROSECOND, now)
    return figures, risk_state, _shown_by(mark, figures, risk_state, at, now)


def _seen_at(
    portfolio: Portfolio, mark: LimitMark, at: datetime, now: datetime
) -> tuple[FiguresAt, RiskState]:
    """The figures at a time with the open trades as the mark shows them."""
    figures = replace(
        read_figures(portfolio, at),
        unrealized_pnl=read_open_pnl(portfolio, mark, at),
        is_marked=True,
    )
    return figures, read_risk_state(figures, now)


def _shown_by(
    mark: LimitMark,
    figures: FiguresAt,
    risk_state: RiskState,
    at: datetime,
    now: datetime,
) -> list[Breach]:
    """What a first mark shows to be reached with the closes until then.

    A day's floor is no more where that is another trading day.
    """
    portfolio, found = figures.portfolio, breaches_of(figures, risk_state, at, now)
    _, by_marks = split_by_marks(found, risk_state)
    is_same_day = portfolio.trading_day(mark.at) == portfolio.trading_day(at)
    return [
        one for one in by_marks if is_same_day or one.cause is HaltCause.HARD_DRAWDOWN
    ]


def _set_suspected(portfolio: Portfolio, at: datetime | None) -> None:
    portfolio.suspected_at = at
    portfolio.save(update_fields=["suspected_at"])
