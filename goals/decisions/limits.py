"""Limits as floors: values at or below which trading stops. Pure.

A portfolio's values are those of a unit (`floor_in` units: a cash flow moves none), or
of the whole portfolio in money (`floor_in` money: cash flows leave the floor). The
reference is what a floor is measured from; in money it remembers what was paid in when
it was set, so that flows since raise no peak:

    floor = peak - hard_drawdown_pct % of the peak, or of the start
    never above start * drawdown_locks_at, and there once it was reached

The peak begins at the start's value and is raised by what `drawdown_mode` says; the
start stays until the next reference.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from typing import NamedTuple, Protocol

from goals.decisions.accounting import Account, measure_live_unit_value
from goals.enums import (
    DailyLossAnchor,
    DailyLossOf,
    DailyOnBreach,
    DrawdownMode,
    DrawdownOf,
    FloorIn,
    OnBreach,
    ValuedBy,
)
from mastertrade.values.money import (
    EXACT,
    HUNDRED,
    MONEY,
    ONE,
    PERCENT,
    UNIT_VALUE,
    ZERO,
    exactly,
    hold_within,
    round_to,
)

# Where nothing may be left of a value, this share of it stands for that.
LEAST_LEFT = Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Limits:
    """Every setting of a portfolio's limits; percentages in percent, None is off.

    `drawdown_locks_at` is a ratio of the start. A portfolio's columns have these names.
    """

    drawdown_mode: DrawdownMode = DrawdownMode.TRAILING_CLOSED
    end_of_day_of: ValuedBy = ValuedBy.CLOSED
    hard_drawdown_pct: Decimal = Decimal(20)
    soft_drawdown_pct: Decimal = Decimal(10)
    drawdown_of: DrawdownOf = DrawdownOf.PEAK
    drawdown_locks_at: Decimal | None = None
    floor_in: FloorIn = FloorIn.UNITS
    daily_loss_limit_pct: Decimal | None = None
    daily_loss_of: DailyLossOf = DailyLossOf.DAY_START
    daily_loss_anchor: DailyLossAnchor = DailyLossAnchor.EQUITY
    day_starts_at: time = time.min
    daily_profit_lock_pct: Decimal | None = None
    max_trades_per_day: int | None = None
    pause_after_losses: int | None = None
    pause_minutes: int | None = None
    headroom_share_pct: Decimal | None = None
    on_breach: OnBreach = OnBreach.HALT
    daily_on_breach: DailyOnBreach = DailyOnBreach.HALT_DAY

    @property
    def has_day_rules(self) -> bool:
        """Whether entries may stop for a day, or a while, without a loss limit."""
        return (
            self.daily_profit_lock_pct is not None
            or self.max_trades_per_day is not None
            or self.pause_after_losses is not None
        )

    @property
    def guards_sizes(self) -> bool:
        """Whether a guard besides those of drawdown and daily loss asks the limits."""
        return self.has_day_rules or self.headroom_share_pct is not None


# A change of one of these is a new reference; the percentages alone leave it.
SETS_REFERENCE = ("drawdown_mode", "drawdown_of", "drawdown_locks_at", "floor_in")


def is_by_live(limits: Limits) -> bool:
    """Whether the drawdown floors are tested by the live value alone.

    A peak of live values is not compared with a closed one.
    """
    return limits.drawdown_mode is DrawdownMode.TRAILING


def needs_day_start(limits: Limits) -> bool:
    """Whether a limit looks at the live value that a trading day began with."""
    by_day_end = (limits.drawdown_mode, limits.end_of_day_of) == (
        DrawdownMode.END_OF_DAY,
        ValuedBy.LIVE,
    )
    has_daily = limits.daily_loss_limit_pct is not None
    return by_day_end or (
        has_daily and limits.daily_loss_anchor is not DailyLossAnchor.BALANCE
    )


RAISED_BY_CLOSES = (DrawdownMode.TRAILING_CLOSED, DrawdownMode.TRAILING)


@dataclass(frozen=True, slots=True)
class FloorReference:
    """What a floor is measured from: values by `floor_in`.

    `set_at` None: the portfolio's opening, before any entry. `run` is the run of units
    it belongs to; a new run of units begins with a reference of its own, at 1 (in
    money: what was paid in). `locked`: the floor has reached `drawdown_locks_at`.
    `paid_in`: see `paid_in_at`. `held`: what trades that are still open had made when
    it was taken from the present value, in money; None where none of them had lost.
    """

    set_at: datetime | None
    start: Decimal
    peak: Decimal
    run: int = 1
    locked: bool = False
    paid_in: Decimal = ZERO
    held: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What a trade that was open at a reference had made there, as far as it is open.

    In money; from the n-th ledger entry (`place`) of an instant on.
    """

    at: datetime
    place: int
    trade_id: int
    made: Decimal


@exactly
def hold(
    limits: Limits, made: Iterable[Made], at: datetime, place: int = 0
) -> Decimal | None:
    """What a reference holds of open trades right after an entry (see `held`).

    `made` in the order of time. A trade that is closed counts no more: what it lost is
    in the closed value.
    """
    known = {one.trade_id: one.made for one in made if _is_by(one, at, place)}
    lost = any(one < 0 for one in known.values())
    if not lost or limits.drawdown_mode is DrawdownMode.STATIC:
        return None
    return sum(known.values(), ZERO)


def _is_by(one: Made, at: datetime, place: int) -> bool:
    return (one.at, one.place) <= (at, place)


def paid_in_at(floor_in: FloorIn, account: Account) -> Decimal:
    """What flows since an account are measured from; 0 in units, which they leave."""
    return ZERO if floor_in is FloorIn.UNITS else account.paid_in


@exactly
def closed_value(floor_in: FloorIn, account: Account) -> Decimal:
    """What floors are compared with by closed trades: of a unit, or of all in money."""
    if floor_in is FloorIn.UNITS:
        return account.unit_value
    return round_to(account.equity + account.carried, UNIT_VALUE)


@exactly
def live_value(floor_in: FloorIn, account: Account, open_pnl: Decimal) -> Decimal:
    """The same with open positions at their marks."""
    if floor_in is FloorIn.UNITS:
        return measure_live_unit_value(account, open_pnl)
    return round_to(account.equity + open_pnl, UNIT_VALUE)


@exactly
def earned_value(
    floor_in: FloorIn, account: Account, paid_in: Decimal, open_pnl: Decimal | None
) -> Decimal:
    """The value without flows: what may raise a peak, or is the profit of a day.

    Closed, or live with an `open_pnl`. In money what was paid in at the beginning
    (`paid_in_at`) and has been realised since.
    """
    if floor_in is FloorIn.MONEY:
        return round_to(paid_in + account.realized_pnl + (open_pnl or 0), UNIT_VALUE)
    if open_pnl is None:
        return account.unit_value
    return measure_live_unit_value(account, open_pnl)


class Highest(Protocol):
    """The highest figures after the entries of a day, or a part of it."""

    high_unit_value: Decimal
    high_realized_pnl: Decimal


@exactly
def high_of(floor_in: FloorIn, row: Highest, paid_in: Decimal) -> Decimal:
    """The highest closed value of a row, without flows since `paid_in`."""
    if floor_in is FloorIn.UNITS:
        return row.high_unit_value
    return round_to(paid_in + row.high_realized_pnl, UNIT_VALUE)


@exactly
def value_of_units(floor_in: FloorIn, account: Account, unit_value: Decimal) -> Decimal:
    """What a unit was worth, as a value."""
    if floor_in is FloorIn.UNITS:
        return unit_value
    return round_to(round_to(unit_value * account.units, MONEY), UNIT_VALUE)


def first_reference(limits: Limits, account: Account) -> FloorReference:
    """The reference of a portfolio that opens with this account."""
    floor_in = limits.floor_in
    start = ONE if floor_in is FloorIn.UNITS else closed_value(floor_in, account)
    reference = FloorReference(
        set_at=None,
        start=start,
        peak=start,
        run=account.run,
        paid_in=paid_in_at(floor_in, account),
    )
    return raise_peak(limits, reference, start)


def money_per_value(floor_in: FloorIn, account: Account) -> Decimal:
    """What makes money of a value: the units, or 1."""
    return account.units if floor_in is FloorIn.UNITS else ONE


@exactly
def measure_floor(limits: Limits, reference: FloorReference) -> Decimal:
    """The hard floor: trading is halted at or below it."""
    lock = lock_value(limits, reference)
    if lock is not None and reference.locked:
        return lock
    floor = _below_peak(limits, reference, limits.hard_drawdown_pct)
    return floor if lock is None else min(floor, lock)


def has_floor(reference: FloorReference, account: Account) -> bool:
    """Whether there is a hard floor: none before the first money, none after ruin.

    One that was resumed at 0 by marks alone is at its floor of 0.
    """
    is_funded = account.units > 0 and not account.is_ruined
    return reference.peak > 0 or is_funded


def shows_floor(limits: Limits, reference: FloorReference, account: Account) -> bool:
    """Whether there is a floor in money: not before the first money, nor after ruin."""
    in_money = limits.floor_in is FloorIn.MONEY
    is_funded = account.units > 0 or (in_money and reference.peak > 0)
    return is_funded and not account.is_ruined


def reaches_floor(
    limits: Limits, reference: FloorReference, account: Account, value: Decimal
) -> bool:
    """Whether there is a hard floor and the value is at or below it."""
    is_at_or_below = value <= measure_floor(limits, reference)
    return is_at_or_below and has_floor(reference, account)


@exactly
def raise_peak(
    limits: Limits, reference: FloorReference, value: Decimal
) -> FloorReference:
    """The reference after a value that the mode counts; latches the lock."""
    if limits.drawdown_mode is DrawdownMode.STATIC:
        return reference
    raised = replace(reference, peak=max(reference.peak, value))
    lock = lock_value(limits, raised)
    if lock is None or raised.locked:
        return raised
    floor = _below_peak(limits, raised, limits.hard_drawdown_pct)
    return replace(raised, locked=floor >= lock)


def follow_entry(
    limits: Limits,
    reference: FloorReference,
    before: Account,
    account: Account,
    at: datetime,
    *,
    is_close: bool,
) -> FloorReference:
    """The reference after a ledger entry; the accounts before and after it.

    A new run of units has one of its own; where it is 0, the first entry that leaves
    money sets it. Closes raise the peak, and where everything was withdrawn
    at the marks the deposit that buys units again at what the last one was worth.
    """
    in_units = limits.floor_in is FloorIn.UNITS
    value = closed_value(limits.floor_in, account)
    is_first = reference.peak == 0 and not account.is_ruined and value > 0
    if account.run != before.run or is_first:
        paid_in = paid_in_at(limits.floor_in, account)
        first = FloorReference(at, value, value, account.run, paid_in=paid_in)
        return raise_peak(limits, first, value)
    is_raising = is_close or (in_units and account.unit_value != before.unit_value)
    if not is_raising or limits.drawdown_mode not in RAISED_BY_CLOSES:
        return reference
    return raise_by(limits, reference, account)


@exactly
def raise_by(
    limits: Limits,
    reference: FloorReference,
    account: Account,
    open_pnl: Decimal | None = None,
) -> FloorReference:
    """The reference after what was earned, closed or live, raised the peak.

    Closed values raise it only less the losses that it holds: a reference of the
    present value is below them by the open loss of then.
    """
    floor_in, paid_in = limits.floor_in, reference.paid_in
    value = earned_value(floor_in, account, paid_in, open_pnl)
    if open_pnl is None and reference.held is not None:
        value = min(value, earned_value(floor_in, account, paid_in, reference.held))
    return raise_peak(limits, reference, value)


def _below_peak(limits: Limits, reference: FloorReference, pct: Decimal) -> Decimal:
    base = reference.peak
    if limits.drawdown_of is DrawdownOf.START:
        base = reference.start
    return round_to(reference.peak - base * pct / HUNDRED, UNIT_VALUE)


def lock_value(limits: Limits, reference: FloorReference) -> Decimal | None:
    """The value above which the floor never rises; None where it may."""
    if limits.drawdown_locks_at is None:
        return None
    return round_to(reference.start * limits.drawdown_locks_at, UNIT_VALUE)


@dataclass(frozen=True, slots=True)
class DayFigures:
    """A trading day so far. Values by `floor_in`; trades and losses as counts.

    `anchor_*` are the live and the closed value when the day began; after a resume of
    the day, at `resumed_at`, both are the live value then, and `resumed_closed` is the
    closed one. `high_closed` is the highest closed value since then, without the flows
    since then; in money `flowed` is their sum: a flow is no profit of the day.
    `losses_in_a_row` are of trades that ended in it, the newest at `last_loss_at`; a
    trade that broke even ends the row, parts count once. `at` is the time of the
    figures. Trades and losses count from a resume of the day on.
    """

    began_at: datetime
    ends_at: datetime
    anchor_live: Decimal
    anchor_closed: Decimal
    high_closed: Decimal
    trades: int = 0
    losses_in_a_row: int = 0
    last_loss_at: datetime | None = None
    at: datetime | None = None
    resumed_at: datetime | None = None
    flowed: Decimal = ZERO
    resumed_closed: Decimal | None = None

    @property
    def profit_anchor(self) -> Decimal:
        """The closed value that profits of closes are measured from.

        An open loss, or profit, of a resume is none of the closes since.
        """
        closed = self.resumed_closed
        return self.anchor_closed if closed is None else closed

    @property
    def since(self) -> datetime:
        """What the day is measured from."""
        return self.resumed_at or self.began_at

    def with_trade(self, at: datetime, made: Decimal | None) -> "DayFigures":
        """After a trade was entered (`made` None), or ended with what it made."""
        if made is None:
            return replace(self, trades=self.trades + 1)
        if made >= 0:
            return replace(self, losses_in_a_row=0, last_loss_at=None)
        losses = self.losses_in_a_row + 1
        return replace(self, losses_in_a_row=losses, last_loss_at=at)


@exactly
def measure_daily_floor(
    limits: Limits, day: DayFigures, start: Decimal
) -> Decimal | None:
    """The live value at or below which the day is over; None without a limit.

    `start` is the reference's. A day that began with nothing, or less, has no floor:
    there is nothing to lose.
    """
    if limits.daily_loss_limit_pct is None:
        return None
    anchor = daily_anchor(limits, day)
    base = start if limits.daily_loss_of is DailyLossOf.START else anchor
    if anchor <= 0 or base <= 0:
        return None
    lost = base * limits.daily_loss_limit_pct / HUNDRED
    return round_to(anchor + day.flowed - lost, UNIT_VALUE)


@exactly
def measure_opening(limits: Limits, day: DayFigures, start: Decimal) -> Decimal | None:
    """The opening of a day without flows that has this day's floor; None without one.

    Where nothing flowed it is what the day's loss is measured from.
    """
    pct = limits.daily_loss_limit_pct
    if pct is None or measure_daily_floor(limits, day, start) is None:
        return None
    left = ONE
    if limits.daily_loss_of is DailyLossOf.DAY_START:
        left = max(ONE - pct / HUNDRED, LEAST_LEFT)
    # (anchor + flowed / left) * left = anchor * left + flowed
    return daily_anchor(limits, day) + day.flowed / left


@exactly
def measure_fall_pct(
    limits: Limits, reference: FloorReference, value: Decimal
) -> Decimal:
    """The fall below the reference's peak, in percent of what the floor is of."""
    of_start = limits.drawdown_of is DrawdownOf.START
    base = reference.start if of_start else reference.peak
    return _fall_pct(reference.peak, value, base)


@exactly
def measure_daily_loss_pct(
    limits: Limits, day: DayFigures, start: Decimal, live: Decimal
) -> Decimal:
    """The day's loss, in percent of what its limit is of; `start` the reference's."""
    anchor = daily_anchor(limits, day)
    base = start if limits.daily_loss_of is DailyLossOf.START else anchor
    return _fall_pct(anchor, live - day.flowed, base)


def _fall_pct(high: Decimal, value: Decimal, base: Decimal) -> Decimal:
    if value >= high:
        return round_to(ZERO, PERCENT)
    if base <= 0:
        return round_to(HUNDRED, PERCENT)
    fallen = round_to((high - value) / base * HUNDRED, PERCENT)
    return hold_within(fallen, PERCENT)


def daily_anchor(limits: Limits, day: DayFigures) -> Decimal:
    """What the day's loss is measured from."""
    match limits.daily_loss_anchor:
        case DailyLossAnchor.EQUITY:
            return day.anchor_live
        case DailyLossAnchor.BALANCE:
            return day.anchor_closed
        case DailyLossAnchor.HIGHER:
            return max(day.anchor_live, day.anchor_closed)


class NearestFloor(NamedTuple):
    """A floor by its limit's name, and how far above it the value is."""

    limit: str
    floor: Decimal
    room: Decimal


@dataclass(frozen=True, slots=True)
class FloorFigures:
    """Where a portfolio is between its values and its floors. Values by `floor_in`.

    `money_per_value` makes money of a value: the units, or 1. `is_live`: open positions
    were valued at their marks; else only closes were looked at. `by_live`: the drawdown
    floors are tested by the live value alone. `daily` is None without a daily limit.
    Money in the portfolio's `currency`, which only the reasons need. Without
    `has_floor` there is no hard floor yet.
    """

    closed: Decimal
    live: Decimal
    hard: Decimal
    soft: Decimal
    daily: Decimal | None
    money_per_value: Decimal
    is_live: bool
    currency: str = ""
    by_live: bool = False
    has_floor: bool = True

    @property
    def is_at_hard(self) -> bool:
        return self.has_floor and self.lowest <= self.hard

    @property
    def lowest(self) -> Decimal:
        """What the drawdown floors are tested by."""
        return self.live if self.by_live else min(self.closed, self.live)

    @property
    @exactly
    def nearest(self) -> "NearestFloor":
        """Of the floors at which trading stops."""
        hard = NearestFloor("hard_drawdown", self.hard, self.lowest - self.hard)
        if self.daily is None or self.live - self.daily >= hard.room:
            return hard
        return NearestFloor("daily_loss", self.daily, self.live - self.daily)

    def headroom(self) -> Decimal:
        """Money to the nearest floor; 0 at or below it."""
        return max(self.money(self.nearest.room), ZERO)

    def money(self, value: Decimal) -> Decimal:
        """What a value is in money, at the units of now."""
        return round_to(EXACT.multiply(value, self.money_per_value), MONEY)


@exactly
def measure_floors(
    limits: Limits,
    reference: FloorReference,
    account: Account,
    *,
    closed: Decimal,
    live: Decimal,
    daily: Decimal | None,
    is_live: bool,
    currency: str,
) -> FloorFigures:
    """Where these values are between the floors; no soft one is below the hard one."""
    hard = measure_floor(limits, reference)
    soft = _below_peak(limits, reference, limits.soft_drawdown_pct)
    return FloorFigures(
        closed=closed,
        live=live,
        hard=hard,
        soft=max(soft, hard),
        daily=daily,
        money_per_value=money_per_value(limits.floor_in, account),
        is_live=is_live,
        currency=currency,
        by_live=is_by_live(limits),
        has_floor=has_floor(reference, account),
    )
