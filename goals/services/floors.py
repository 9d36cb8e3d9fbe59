"""A portfolio's floors now and at any past time, and what they are measured from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from goals.decisions.limits import (
    DayFigures,
    FloorFigures,
    FloorReference,
    Limits,
    closed_value,
    high_of,
    live_value,
    measure_daily_floor,
    measure_floors,
    measure_opening,
    paid_in_at,
    raise_by,
    reaches_floor,
)
from goals.decisions.periods import MICROSECOND, ONE_DAY
from goals.enums import (
    DrawdownMode,
    FloorIn,
    ValuedBy,
)
from goals.models import LedgerDay, Portfolio
from goals.services.day_trades import read_day_trades
from goals.services.days import account_before, newest_days
from goals.services.figures_at import FiguresAt
from goals.services.limit_history import follows_peak, read_history
from goals.services.limit_marks import read_start_pnl
from goals.services.limit_walks import walk_day, walk_limits
from mastertrade.values.money import ZERO


class FloorsState(NamedTuple):
    """Where a portfolio is between its floors, and what they follow from.

    `day` is None where no rule of the limits looks at the day.
    """

    floors: FloorFigures
    day: DayFigures | None
    limits: Limits
    reference: FloorReference


def read_floors(
    figures: FiguresAt, now: datetime, *, with_day: bool = False
) -> FloorsState:
    """The floors at the time of the figures, by the limits in force then.

    No statement for the present where no rule looks at the day, else one, and one more
    for the day's trades where a rule counts them (or `with_day`). A past time takes the
    dated limits and what raised their reference until then.
    """
    limits, reference = limits_at(figures, now)
    day = None
    if with_day or looks_at_day(limits):
        day = _read_day(figures, limits, now, counted=with_day)
    daily = None
    if day is not None:
        daily = measure_daily_floor(limits, day, reference.start)
    floors = _measure(figures, limits, reference, daily)
    return FloorsState(floors, day, limits, reference)


def drawdown_floors(figures: FiguresAt, now: datetime) -> FloorFigures:
    """The floors but the day's; no statement for the present."""
    return _measure(figures, *limits_at(figures, now), None)


def _measure(
    figures: FiguresAt,
    limits: Limits,
    reference: FloorReference,
    daily: Decimal | None,
) -> FloorFigures:
    closed, live = _values(figures, limits)
    return measure_floors(
        limits,
        reference,
        figures.account,
        closed=closed,
        live=live,
        daily=daily,
        is_live=figures.is_marked,
        currency=figures.portfolio.currency,
    )


def read_past_limits(figures: FiguresAt) -> tuple[Limits, FloorReference]:
    """The limits in force then and what their floor was measured from."""
    portfolio, at = figures.portfolio, figures.at
    history = read_history(portfolio, at)
    set_by = history.newest_reference(at + MICROSECOND)
    opening = history.opening.reference
    follows = follows_peak(history.opening, figures.account)
    if set_by is history.opening and opening is not None and follows:
        peak = figures.account.peak_unit_value
        return history.limits_at(at), replace(opening, peak=peak)
    walk = walk_limits(portfolio, history, since=at, until=at)
    return walk.limits, walk.reference


def looks_at_day(limits: Limits) -> bool:
    """Whether a rule needs the day's figures."""
    return limits.daily_loss_limit_pct is not None or limits.has_day_rules


def _counts_trades(limits: Limits) -> bool:
    return (limits.max_trades_per_day, limits.pause_after_losses) != (None, None)


class ReferenceNow(NamedTuple):
    """What floors measure from, the value they are compared with, and the day so far.

    `day` is None without a daily limit.
    """

    limits: Limits
    reference: FloorReference
    value: Decimal
    day: DayFigures | None

    @property
    def daily_floor(self) -> Decimal | None:
        if self.day is None:
            return None
        return measure_daily_floor(self.limits, self.day, self.reference.start)

    @property
    def opening(self) -> Decimal | None:
        """What a walk's first day begins with, so that it has this day's floor."""
        if self.day is None:
            return None
        return measure_opening(self.limits, self.day, self.reference.start)

    def under(self, limits: Limits, at: datetime) -> "ReferenceNow":
        """The same under other limits; a daily one that is new begins now."""
        return self._replace(limits=limits, day=self.day or _begin_day(self.value, at))


def _begin_day(value: Decimal, at: datetime) -> DayFigures:
    """A day that begins with this value, by whatever its loss is measured from."""
    return DayFigures(
        began_at=at,
        ends_at=at + ONE_DAY,
        anchor_live=value,
        anchor_closed=value,
        high_closed=value,
    )


def reference_now(figures: FiguresAt, now: datetime, *, closed: bool) -> ReferenceNow:
    """As of the figures, by the live value or the closed one.

    Where the floor is reached, as a resume would set it: from the present value. A
    statement where there is a daily limit, once for all goals.
    """
    asked = "reference", now, closed
    if asked not in figures.kept:
        figures.kept[asked] = _read_reference(figures, now, closed=closed)
    found: ReferenceNow = figures.kept[asked]
    return found


def _read_reference(figures: FiguresAt, now: datetime, *, closed: bool) -> ReferenceNow:
    account = figures.account
    state = read_floors(figures, now)
    limits, reference, day = state.limits, state.reference, state.day
    values = _values(figures, limits)
    value = values[0] if closed else values[1]
    daily = state.floors.daily
    is_at_hard = min(state.floors.lowest, value) <= state.floors.hard
    if is_at_hard:
        reference = FloorReference(figures.at, value, value, account.run)
    if daily is None:
        day = None
    elif is_at_hard or value <= daily:
        day = _begin_day(value, figures.at)  # after a resume, or the next one
    return ReferenceNow(limits, reference, value, day)


def _values(figures: FiguresAt, limits: Limits) -> tuple[Decimal, Decimal]:
    """By closed trades, and live where marks are known."""
    if limits.floor_in is FloorIn.UNITS:
        return figures.account.unit_value, figures.live_unit_value
    closed = closed_value(limits.floor_in, figures.account)
    if not figures.is_marked:
        return closed, closed
    live = live_value(limits.floor_in, figures.account, figures.unrealized_pnl)
    return closed, live


def limits_at(figures: FiguresAt, now: datetime) -> tuple[Limits, FloorReference]:
    """The limits in force at the time of the figures, and what they measure from."""
    portfolio, at = figures.portfolio, figures.at
    if at >= now and portfolio.unit_run == figures.account.run:
        limits = portfolio.limits
        return limits, reference_at(portfolio, at, limits)
    if "limits" not in figures.kept:
        figures.kept["limits"] = read_past_limits(figures)
    found: tuple[Limits, FloorReference] = figures.kept["limits"]
    return found


def is_at_floor(portfolio: Portfolio, now: datetime) -> bool:
    """Whether the closed or the live value is at a drawdown floor; no statement."""
    limits, account = portfolio.limits, portfolio.account
    closed = closed_value(limits.floor_in, account)
    live = live_value(limits.floor_in, account, portfolio.unrealized_pnl)
    reference = reference_at(portfolio, now, limits)
    return reaches_floor(limits, reference, account, min(closed, live))


def present_floors(portfolio: Portfolio, now: datetime) -> tuple[FloorFigures, Decimal]:
    """The drawdown floors by the newest entry and mark, and the peak they are below.

    No statement.
    """
    limits, account = portfolio.limits, portfolio.account
    reference = reference_at(portfolio, now, limits)
    floors = measure_floors(
        limits,
        reference,
        account,
        closed=closed_value(limits.floor_in, account),
        live=live_value(limits.floor_in, account, portfolio.unrealized_pnl),
        daily=None,
        is_live=portfolio.marked_at is not None,
        currency=portfolio.currency,
    )
    return floors, reference.peak


def reference_at(
    portfolio: Portfolio, at: datetime, limits: Limits | None = None
) -> FloorReference:
    """The stored reference, raised by the trading days that ended since. Unsaved.

    The newest entry and the newest mark must not be later than `at`. By the limits of
    now, or those that were in force until now.
    """
    limits, reference = limits or portfolio.limits, portfolio.floor_reference
    if limits.drawdown_mode is not DrawdownMode.END_OF_DAY:
        return reference
    day = portfolio.trading_day(at)
    began_at = portfolio.day_start(day)
    newest = portfolio.last_entry_at
    is_behind = newest is not None and newest >= began_at  # raised by that entry
    set_at = reference.set_at
    if set_at is None and newest is None:
        set_at = portfolio.created_at  # what it opened with is the value of that day
    if is_behind or (set_at is not None and set_at >= began_at):
        return reference
    open_pnl = None
    if limits.end_of_day_of is ValuedBy.LIVE:
        open_pnl = portfolio.unrealized_at_midnight(day)
    return raise_by(limits, reference, portfolio.account, open_pnl)


def apply_reference(portfolio: Portfolio, reference: FloorReference) -> None:
    """Measure the portfolio's floor from it from now on. Unsaved."""
    portfolio.floor_set_at = reference.set_at
    portfolio.floor_start_value = reference.start
    portfolio.floor_peak_value = reference.peak
    portfolio.floor_locked = reference.locked
    portfolio.floor_paid_in = reference.paid_in
    portfolio.floor_held_pnl = reference.held


def _read_day(
    figures: FiguresAt, limits: Limits, now: datetime, *, counted: bool
) -> DayFigures | None:
    """The trading day so far; None where its figures must be there and are not."""
    portfolio, at = figures.portfolio, figures.at
    figured = _figure_day(figures, limits, now, newest_days(portfolio, at))
    if figured is None:
        return None
    if not counted and not _counts_trades(limits):
        return replace(figured, at=at)
    since = figured.since
    if figured.resumed_at is not None:  # of that instant, entries came first
        since += MICROSECOND
    trades = read_day_trades(portfolio, entered_since=since, ended_since=since, at=at)
    return replace(
        figured,
        trades=trades.entered,
        losses_in_a_row=trades.losses,
        last_loss_at=trades.last_loss_at,
        at=at,
    )


def _figure_day(
    figures: FiguresAt, limits: Limits, now: datetime, rows: Sequence[LedgerDay]
) -> DayFigures | None:
    """The same without its trades; `rows` are the `newest_days`."""
    portfolio, at = figures.portfolio, figures.at
    began_at = portfolio.day_start(portfolio.trading_day(at))
    newest = portfolio.last_entry_at
    is_newest = newest is not None and newest <= at
    if is_newest and (not rows or rows[0].last_entry_at != newest):
        return None
    today = [row for row in rows if row.last_entry_at >= began_at]
    figured = _measure_day(figures, limits, today, rows)
    if figured is not None:
        return figured
    changed_at = portfolio.limits_changed_at
    until = at if at < now or changed_at is None else max(at, changed_at)
    return walk_day(portfolio, until)


def _measure_day(
    figures: FiguresAt,
    limits: Limits,
    today: Sequence[LedgerDay],
    rows: Sequence[LedgerDay],
) -> DayFigures | None:
    """The day from its whole rows; None where it must be walked.

    Where limits changed or a person resumed in it, later entries are not to be looked
    at, or its first money, or a new run of units, came within it.
    """
    portfolio, at, floor_in = figures.portfolio, figures.at, limits.floor_in
    day = portfolio.trading_day(at)
    began_at, changed_at = portfolio.day_start(day), portfolio.limits_changed_at
    began = account_before(portfolio, portfolio.first_part(day), rows)
    closed = closed_value(floor_in, began)
    begins_within = began.run != figures.account.run or closed <= 0
    is_cut = any(row.last_entry_at > at for row in today)
    is_changed = changed_at is not None and changed_at >= began_at
    if is_changed or is_cut or (today and begins_within):
        return None
    paid_in = paid_in_at(floor_in, began)
    high = max(
        (high_of(limits.floor_in, row, paid_in) for row in today), default=closed
    )
    return DayFigures(
        began_at=began_at,
        ends_at=portfolio.day_start(day + ONE_DAY),
        anchor_live=live_value(
            floor_in, began, _open_pnl_at_start(figures, day, began_at)
        ),
        anchor_closed=closed,
        high_closed=max(closed, high),
        flowed=paid_in_at(floor_in, figures.account) - paid_in,
    )


def _open_pnl_at_start(figures: FiguresAt, day: date, began_at: datetime) -> Decimal:
    """The unrealised profit when the day began, as far as marks are known."""
    revalued = figures.portfolio.revalued_day
    if figures.is_marked and (revalued is None or day >= revalued):
        open_pnl: Decimal = figures.portfolio.unrealized_at_midnight(day)
        return open_pnl
    stored = read_start_pnl(figures.portfolio, began_at)
    if stored is not None:
        return stored
    if revalued is None:
        return ZERO
    open_pnl = figures.portfolio.unrealized_at_midnight(max(day, revalued))
    return Decimal(open_pnl)
