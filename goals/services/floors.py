"""A portfolio's floors now and at any past time, and what they are measured from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from goals.decisions.accounting import Account
from goals.decisions.limits import (
    DayFigures,
    FloorFigures,
    FloorReference,
    Limits,
    closed_value,
    earned_value,
    live_value,
    measure_daily_floor,
    measure_floor,
    measure_soft_floor,
    money_per_value,
    raise_by,
    value_of_units,
)
from goals.decisions.periods import ONE_DAY
from goals.enums import (
    DrawdownMode,
    FloorIn,
    MarkRole,
    ValuedBy,
)
from goals.models import LedgerDay, LimitMark, Portfolio, TradingHalt
from goals.services.day_trades import DayTrades, read_day_trades
from goals.services.days import (
    account_at,
    account_before,
    newest_days,
    roll_ledger,
)
from goals.services.limit_history import (
    follows_peak,
    read_entries,
    read_history,
    walk_limits,
)
from mastertrade.values.money import ONE, UNIT_VALUE, ZERO, exactly, round_to

if TYPE_CHECKING:  # risk_state reads floors
    from goals.services.risk_state import FiguresAt

MICROSECOND = timedelta(microseconds=1)


class FloorsState(NamedTuple):
    """Where a portfolio is between its floors, and what they follow from.

    `day` is None where no rule of the limits looks at the day.
    """

    floors: FloorFigures
    day: DayFigures | None
    limits: Limits
    reference: FloorReference


def read_floors(
    figures: "FiguresAt", now: datetime, *, with_day: bool = False
) -> FloorsState:
    """The floors at the time of the figures, by the limits in force then.

    No statement for the present where no rule looks at the day, else one, and one more
    for the day's trades where a rule counts them (or `with_day`). A past time takes the
    dated limits and what raised their reference until then.
    """
    limits, reference = limits_at(figures, now)
    day = None
    if with_day or looks_at_day(limits):
        day = _read_day(figures, limits, reference, counted=with_day)
    return FloorsState(
        _measure(figures, limits, reference, day), day, limits, reference
    )


def read_past_limits(figures: "FiguresAt") -> tuple[Limits, FloorReference]:
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


@exactly
def _measure(
    figures: "FiguresAt",
    limits: Limits,
    reference: FloorReference,
    day: DayFigures | None,
) -> FloorFigures:
    account = figures.account
    closed, live = _values(figures, limits)
    daily = None
    if day is not None:
        daily = measure_daily_floor(limits, day, reference.start)
    return FloorFigures(
        closed=closed,
        live=live,
        hard=measure_floor(limits, reference),
        soft=measure_soft_floor(limits, reference),
        daily=daily,
        money_per_value=money_per_value(limits.floor_in, account),
        is_live=figures.is_marked,
        currency=figures.portfolio.currency,
    )


@exactly
def floor_ratio(figures: "FiguresAt", now: datetime, *, closed: bool) -> Decimal:
    """The hard floor of then by the live value of then, or by the closed one.

    Where it is reached, the one that a resume would set: below the present value.
    """
    account = figures.account
    limits, reference = limits_at(figures, now)
    values = _values(figures, limits)
    value = values[0] if closed else values[1]
    floor = measure_floor(limits, reference)
    if value <= 0:
        return ZERO
    if min(values) <= floor:
        present = FloorReference(figures.at, value, value, account.run)
        floor = measure_floor(limits, present)
    return round_to(max(floor, ZERO) / value, UNIT_VALUE)


def _values(figures: "FiguresAt", limits: Limits) -> tuple[Decimal, Decimal]:
    """By closed trades, and live where marks are known."""
    closed = closed_value(limits.floor_in, figures.account)
    if not figures.is_marked:
        return closed, closed
    live = live_value(limits.floor_in, figures.account, figures.unrealized_pnl)
    return closed, live


def limits_at(figures: "FiguresAt", now: datetime) -> tuple[Limits, FloorReference]:
    """The limits in force at the time of the figures, and what they measure from."""
    portfolio, at = figures.portfolio, figures.at
    if at >= now and portfolio.unit_run == figures.account.run:
        return portfolio.limits, reference_at(portfolio, at)
    return figures.past_limits


def is_at_floor(portfolio: Portfolio, now: datetime) -> bool:
    """Whether a drawdown floor is reached now; no statement."""
    limits, account = portfolio.limits, portfolio.account
    closed = closed_value(limits.floor_in, account)
    live = live_value(limits.floor_in, account, portfolio.unrealized_pnl)
    reference = reference_at(portfolio, now)
    return min(closed, live) <= measure_floor(limits, reference)


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
    is_before = reference.set_at is not None and reference.set_at >= began_at
    if is_behind or is_before:
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


def _read_day(
    figures: "FiguresAt", limits: Limits, reference: FloorReference, *, counted: bool
) -> DayFigures | None:
    """The trading day so far; None where its figures must be there and are not."""
    portfolio, at, floor_in = figures.portfolio, figures.at, limits.floor_in
    day = portfolio.trading_day(at)
    began_at, ends_at = portfolio.day_start(day), portfolio.day_start(day + ONE_DAY)
    rows = newest_days(portfolio, at)
    newest = portfolio.last_entry_at
    is_newest = newest is not None and newest <= at
    if is_newest and (not rows or rows[0].last_entry_at != newest):
        return None
    today = [row for row in rows if row.last_entry_at >= began_at]
    began = account_before(portfolio, portfolio.first_part(day), rows)
    closed = closed_value(floor_in, began)
    live = live_value(floor_in, began, _open_pnl_at_start(figures, day, began_at))
    in_money, since, paid_in = floor_in is FloorIn.MONEY, None, began.paid_in
    if began.run != figures.account.run:  # what the new run of units began with
        is_of_run = reference.run == figures.account.run
        closed = live = reference.start if is_of_run else ONE
        paid_in = reference.paid_in
    elif in_money and closed == 0:  # nothing: it begins with the first deposit
        closed = live = _first_deposit(figures, began_at)
        paid_in += closed
    resumed = _newest_resume(figures, began_at)
    if resumed is not None:
        worth = resumed.resumed_unit_value or ZERO
        since = resumed.resumed_at or began_at
        if in_money or limits.daily_profit_lock_pct is not None or counted:
            began = account_at(portfolio, since, newest_days(portfolio, since))
        closed = live = value_of_units(floor_in, began, worth)
        paid_in = began.paid_in
    flowed = figures.account.paid_in - paid_in if in_money else ZERO
    high = closed
    if limits.daily_profit_lock_pct is not None or counted:
        found = _highest_close(figures, limits, today, began, since, paid_in)
        high = max(closed, found)
    trades = DayTrades(0, 0, None)
    if counted or _counts_trades(limits):
        trades = read_day_trades(
            portfolio,
            entered_since=since or began_at,
            ended_since=since or began_at,
            at=at,
        )
    return DayFigures(
        began_at=began_at,
        ends_at=ends_at,
        anchor_live=live,
        anchor_closed=closed,
        high_closed=high,
        trades=trades.entered,
        losses_in_a_row=trades.losses,
        last_loss_at=trades.last_loss_at,
        at=at,
        flowed=flowed,
    )


def _first_deposit(figures: "FiguresAt", since: datetime) -> Decimal:
    """What a portfolio that was empty then began with; 0 while it is."""
    flows = figures.portfolio.cash_flows.filter(
        voided_at=None, flowed_at__gte=since, flowed_at__lte=figures.at
    )
    amounts = flows.order_by("flowed_at", "ledger_key").values_list("amount", flat=True)
    return round_to(amounts.first() or ZERO, UNIT_VALUE)


def _open_pnl_at_start(figures: "FiguresAt", day: date, began_at: datetime) -> Decimal:
    """The unrealised profit when the day began, as far as marks are known."""
    if figures.is_marked:
        open_pnl: Decimal = figures.portfolio.unrealized_at_midnight(day)
        return open_pnl
    # Stored where a day's first mark came: until then all stood as before.
    starts = LimitMark.objects.filter(
        portfolio=figures.portfolio, role=MarkRole.DAY_START, at__gte=began_at
    )
    stored = starts.order_by("at").values_list("open_pnl").first()
    if stored is not None:
        return Decimal(stored[0])
    revalued = figures.portfolio.revalued_day
    if revalued is None:
        return ZERO
    open_pnl = figures.portfolio.unrealized_at_midnight(max(day, revalued))
    return Decimal(open_pnl)


def _newest_resume(figures: "FiguresAt", began_at: datetime) -> TradingHalt | None:
    """The newest halt that a person ended in the day: it is measured from there."""
    last = figures.portfolio.last_halted_at  # or resumed
    if last is None or last < began_at:
        return None
    resumed = TradingHalt.objects.filter(
        portfolio=figures.portfolio,
        resumed_at__gte=began_at,
        resumed_at__lte=figures.at,
        resumed_unit_run=figures.account.run,
    )
    return resumed.order_by("-resumed_at", "halt_id").first()


def _highest_close(
    figures: "FiguresAt",
    limits: Limits,
    today: Sequence[LedgerDay],
    began: Account,
    since: datetime | None,
    paid_in: Decimal,
) -> Decimal:
    """The highest closed value of the day, after entries later than `since`.

    `began` is the account of then, or of the day's beginning, `paid_in` what flows are
    measured from.
    """
    portfolio, at, run = figures.portfolio, figures.at, figures.account.run
    day = portfolio.trading_day(at)
    rows: Sequence[LedgerDay] = today
    if began.run != run:  # only the run's own entries count
        entries = read_entries(portfolio, {day: began}, at)[day]
        own = [entry.account for entry in entries if entry.account.run == run]
        values = [earned_value(limits.floor_in, one, paid_in, None) for one in own]
        return max(values, default=ZERO)
    if today and (since is not None or today[0].last_entry_at > at):
        from_at = portfolio.day_start(day) if since is None else since + MICROSECOND
        rows = roll_ledger(portfolio, began, from_at=from_at, until_at=at + MICROSECOND)
    if limits.floor_in is FloorIn.UNITS:
        return max((row.high_unit_value for row in rows), default=ZERO)
    if not rows:
        return ZERO
    highest = max(row.high_realized_pnl for row in rows)
    return round_to(paid_in + highest, UNIT_VALUE)
