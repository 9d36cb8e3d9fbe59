"""Floors, days and halts after any order of arrival are those of a plain walk."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Q
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from goals.decisions.limits import Limits
from goals.enums import (
    DailyLossAnchor,
    DailyLossOf,
    DailyOnBreach,
    DrawdownMode,
    DrawdownOf,
    FloorIn,
    HaltCause,
    MarkRole,
    OnBreach,
    ValuedBy,
)
from goals.models import (
    LedgerEntry,
    LimitChange,
    LimitMark,
    Portfolio,
    TradeEntry,
    TradingHalt,
)
from goals.services.figures_at import read_figures
from goals.services.floors import read_floors
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.resuming import resume_trading
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InsufficientEquity, TradingNotHalted
from mastertrade.values.jsonable import from_plain
from tests.examples import examples
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift, mend_drift
from trades.booking.void import void_trade
from trades.models import Trade
from trades.tests.factories import TradeFactory

BEGIN = datetime(2026, 3, 6, tzinfo=UTC)  # clocks change in New York on the 8th
END = BEGIN + timedelta(days=9)
HOUR = timedelta(hours=1)
OPENING = Decimal(1000)
PLACES = Decimal(1).scaleb(-18)


@dataclass(frozen=True)
class Arrival:
    """A booking of `at`, or a change or a resume, that comes `later`."""

    what: str
    at: datetime
    amount: int
    later: timedelta
    limits: dict[str, Any] = field(default_factory=dict)

    @property
    def arrives_at(self) -> datetime:
        return min(self.at + self.later, END - timedelta(minutes=1))


percents = st.sampled_from([Decimal(5), Decimal(10), Decimal(20)])
changes = st.one_of(
    st.builds(lambda pct: {"hard_drawdown_pct": pct}, percents),
    st.builds(lambda pct: {"daily_loss_limit_pct": pct}, percents),
    st.builds(lambda mode: {"drawdown_mode": mode}, st.sampled_from(DrawdownMode)),
    st.builds(lambda floor_in: {"floor_in": floor_in}, st.sampled_from(FloorIn)),
    st.builds(lambda most: {"max_trades_per_day": most}, st.sampled_from([None, 1, 2])),
    st.builds(lambda pct: {"daily_profit_lock_pct": pct}, percents),
    st.builds(lambda row: {"pause_after_losses": row}, st.sampled_from([1, 2, 3])),
)


BOOKED = ["trade"] * 6 + ["void", "flow"]


def arrivals(*more: str) -> st.SearchStrategy[list[Arrival]]:
    one = st.builds(
        lambda hours, minute, what, amount, late, limits: Arrival(
            what,
            BEGIN + hours * HOUR + timedelta(minutes=minute),
            amount,
            late * HOUR,
            limits if what == "change" else {},
        ),
        st.integers(1, 8 * 24),
        st.integers(0, 50),
        st.sampled_from([*BOOKED, *more]),
        st.integers(-90, 90).filter(bool),
        st.sampled_from([0, 0, 0, 5, 30, 100]),
        changes,
    )
    return st.lists(
        one, min_size=2, max_size=9, unique_by=(lambda a: a.at, lambda a: a.arrives_at)
    )


limit_settings = st.fixed_dictionaries(
    {
        "drawdown_mode": st.sampled_from(DrawdownMode),
        "end_of_day_of": st.sampled_from(ValuedBy),
        "hard_drawdown_pct": percents,
        "soft_drawdown_pct": st.just(Decimal(5)),
        "drawdown_of": st.sampled_from(DrawdownOf),
        "floor_in": st.sampled_from(FloorIn),
        "drawdown_locks_at": st.sampled_from(
            [None, Decimal("0.95"), Decimal(1), Decimal("1.02")]
        ),
        "daily_loss_limit_pct": st.sampled_from([None, Decimal(3), Decimal(8)]),
        "daily_loss_of": st.sampled_from(DailyLossOf),
        "daily_loss_anchor": st.sampled_from(DailyLossAnchor),
        "day_starts_at": st.sampled_from([time.min, time(17)]),
        "on_breach": st.sampled_from(OnBreach),
        "daily_on_breach": st.sampled_from(DailyOnBreach),
    }
)


def consistent(rules: dict[str, Any]) -> bool:
    return rules["pause_minutes"] is None or rules["pause_after_losses"] is not None


day_rules = st.fixed_dictionaries(
    {
        "daily_profit_lock_pct": st.sampled_from([None, Decimal(2), Decimal(5)]),
        "max_trades_per_day": st.sampled_from([None, 1, 2]),
        "pause_after_losses": st.sampled_from([None, 1, 2]),
        "pause_minutes": st.sampled_from([None, 40, 700, 3000]),
    }
).filter(consistent)


def round_half_even(value: Decimal) -> Decimal:
    return value.quantize(PLACES)


@dataclass
class PlainWalk:
    """Entry by entry; accounts are floats of nothing: exact decimals of the rules."""

    portfolio: Portfolio
    limits: Limits
    start: Decimal
    peak: Decimal
    locked: bool = False
    set_at: datetime | None = None
    equity: Decimal = OPENING
    units: Decimal = OPENING
    unit_value: Decimal = Decimal(1)  # a flow leaves it
    began_at: datetime = BEGIN
    anchor: Decimal = Decimal(1)
    high: Decimal = Decimal(1)
    paid_in: Decimal = OPENING  # deposits less withdrawals
    reference_paid_in: Decimal = OPENING
    day_paid_in: Decimal = OPENING
    halted: bool = False
    day_halted: bool = False
    waits: bool = False
    halts: set[tuple[str, datetime, datetime | None]] = field(default_factory=set)
    trades: int = 0
    losses: int = 0
    last_loss: datetime = BEGIN
    stops: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    mark: LimitMark | None = None  # of a reference of the present value
    newest_entry: datetime | None = None

    def held(self, at: datetime) -> Decimal:
        """What is still open after `at` had lost at the reference; 0 without a loss."""
        if self.mark is None or self.limits.drawdown_mode is DrawdownMode.STATIC:
            return Decimal(0)
        held = Decimal(0)
        for key, made in self.mark.by_trade.items():
            then, now = (open_quantity(int(key), one) for one in (self.mark.at, at))
            held += Decimal(made) * min(then, now) / then if then else 0
        return min(held, Decimal(0))

    def raise_by_close(self, at: datetime) -> None:
        value, held = self.earned(self.reference_paid_in), self.held(at)
        if self.limits.floor_in is FloorIn.MONEY:
            value += held
        elif held:
            value = round_half_even((self.equity + held) / self.units)
        self.raise_to(value)

    def raise_by_pair(self, high: LimitMark) -> None:
        """By the lower of its marks, unless anything was booked or set in between."""
        first_at = high.first_at
        assert first_at is not None
        assert high.first_by_trade is not None
        booked, is_set = self.newest_entry, self.set_at
        is_void = (booked and first_at < booked) or (is_set and first_at <= is_set)
        if is_void or self.limits.drawdown_mode is not DrawdownMode.TRAILING:
            return
        made = [
            pnl - sum(Decimal(made) for key, made in was.items() if gone(key, high.at))
            for pnl, was in (
                (high.first_open_pnl or Decimal(0), high.first_by_trade),
                (high.open_pnl, high.by_trade),
            )
        ]
        value = round_half_even((self.equity + min(made)) / self.units)
        if self.limits.floor_in is FloorIn.MONEY:
            value = self.earned(self.reference_paid_in) + min(made)
        self.raise_to(value)

    def value(self) -> Decimal:
        in_units = self.limits.floor_in is FloorIn.UNITS
        return self.unit_value if in_units else round_half_even(self.equity)

    def earned(self, since: Decimal) -> Decimal:
        """Without what flowed since; units leave flows out by themselves."""
        if self.limits.floor_in is FloorIn.UNITS:
            return self.value()
        return round_half_even(self.equity - (self.paid_in - since))

    def flowed(self) -> Decimal:
        in_money = self.limits.floor_in is FloorIn.MONEY
        return self.paid_in - self.day_paid_in if in_money else Decimal(0)

    def floor(self) -> Decimal:
        limits = self.limits
        base = self.peak if limits.drawdown_of is DrawdownOf.PEAK else self.start
        floor = round_half_even(self.peak - base * limits.hard_drawdown_pct / 100)
        lock = self.lock()
        if lock is None:
            return floor
        return lock if self.locked else min(floor, lock)

    def lock(self) -> Decimal | None:
        at = self.limits.drawdown_locks_at
        return None if at is None else round_half_even(self.start * at)

    def daily_floor(self) -> Decimal | None:
        limits = self.limits
        if limits.daily_loss_limit_pct is None:
            return None
        of_start = limits.daily_loss_of is DailyLossOf.START
        base = self.start if of_start else self.anchor
        lost = base * limits.daily_loss_limit_pct / 100
        return round_half_even(self.anchor + self.flowed() - lost)

    def raise_to(self, value: Decimal) -> None:
        if self.limits.drawdown_mode is DrawdownMode.STATIC:
            return
        self.peak = max(self.peak, value)
        lock = self.lock()
        if lock is not None and not self.locked:
            self.locked, was = False, self.locked
            base = self.limits.drawdown_of is DrawdownOf.PEAK
            base_value = self.peak if base else self.start
            share = self.limits.hard_drawdown_pct / 100
            self.locked = was or round_half_even(self.peak - base_value * share) >= lock

    def test(self, at: datetime) -> None:
        value, daily = self.value(), self.daily_floor()
        if value <= self.floor() and not self.halted:
            self.halted = True
            self.halts.add((HaltCause.HARD_DRAWDOWN, at, None))
        if daily is not None and value <= daily and not self.day_halted:
            self.day_halted = True
            self.waits = self.limits.daily_on_breach is DailyOnBreach.FAIL
            ends = None if self.waits else self.day_end()
            self.halts.add((HaltCause.DAILY_LOSS, at, ends))
        self.test_rules(at)

    def test_rules(self, at: datetime) -> None:
        limits, anchor = self.limits, self.anchor
        lock, most = limits.daily_profit_lock_pct, limits.max_trades_per_day
        if lock is not None and self.high >= anchor * (100 + lock) / 100:
            self.stop(HaltCause.PROFIT_LOCK, at, self.day_end())
        if most is not None and self.trades >= most:
            self.stop(HaltCause.TRADES_PER_DAY, at, self.day_end())
        row = limits.pause_after_losses
        if row is not None and self.losses >= row:
            until = self.day_end()
            if limits.pause_minutes is not None:
                until = self.last_loss + limits.pause_minutes * HOUR / 60
            self.stop(HaltCause.LOSSES_IN_A_ROW, at, until)

    def stop(self, cause: HaltCause, at: datetime, until: datetime) -> None:
        if until <= at:
            return
        began, ends = self.stops.get(cause, (at, BEGIN))
        if ends > at:  # in force: it may last longer
            self.halts.discard((cause, began, ends))
            until = max(until, ends)
        else:
            began = at
        self.stops[cause] = began, until
        self.halts.add((cause, began, until))

    def count(self, made: Decimal | None, at: datetime) -> None:
        if made is None:
            self.trades += 1
        elif made < 0:
            self.losses, self.last_loss = self.losses + 1, at
        else:
            self.losses = 0
        self.test_rules(at)

    def count_anew(self) -> None:
        self.trades = self.losses = 0

    def day_end(self) -> datetime:
        day = self.portfolio.trading_day(self.began_at)
        return self.portfolio.day_start(day + timedelta(days=1))

    def pass_days(self, at: datetime) -> None:
        while True:
            self.begin_day() if self.day_end() <= at else None
            if self.day_end() > at:
                return

    def begin_day(self) -> None:
        self.began_at = self.day_end()
        is_older = self.set_at is None or self.set_at < self.began_at
        if self.limits.drawdown_mode is DrawdownMode.END_OF_DAY and is_older:
            self.raise_by_close(self.began_at - timedelta(microseconds=1))
        self.anchor = self.high = self.value()
        self.day_paid_in = self.paid_in
        self.day_halted = self.day_halted and self.waits
        self.count_anew()

    def book(self, entry: LedgerEntry) -> None:
        value_before, self.newest_entry = self.value(), entry.effective_at
        if entry.kind == "cash_flow":
            self.units += round_half_even(entry.amount / self.unit_value)
            self.paid_in += entry.amount
        self.equity += entry.amount
        is_close = entry.kind == "trade"
        if is_close:
            self.unit_value = round_half_even(self.equity / self.units)
        raised_by = (DrawdownMode.TRAILING, DrawdownMode.TRAILING_CLOSED)
        if is_close and self.limits.drawdown_mode in raised_by:
            self.raise_by_close(entry.effective_at)
        if is_close:
            self.high = max(self.high, self.earned(self.day_paid_in))
        assert (
            is_close
            or self.limits.floor_in is FloorIn.MONEY
            or (abs(self.value() - value_before) < Decimal("1e-9"))
        )
        self.test(entry.effective_at)

    def change(self, row: LimitChange) -> None:
        limits = from_plain(Limits, row.settings)
        if limits.floor_in is not self.limits.floor_in:
            self.anchor, self.high = (
                value * self.units
                if limits.floor_in is FloorIn.MONEY
                else round_half_even((value + self.flowed()) / self.units)
                for value in (self.anchor, self.high)
            )
            self.day_paid_in = self.paid_in
            if limits.floor_in is FloorIn.MONEY:  # to the places of money
                self.anchor, self.high = (
                    value.quantize(Decimal(1).scaleb(-8))
                    for value in (self.anchor, self.high)
                )
        self.limits = limits
        if row.start_value is not None:
            self.set_at, self.locked = row.effective_at, False
            self.mark = LimitMark.objects.get(
                portfolio=self.portfolio, role=MarkRole.REFERENCE, at=row.effective_at
            )
            was_open = [
                Decimal(made)
                for key, made in self.mark.by_trade.items()
                if open_quantity(int(key), row.effective_at)
            ]
            live = self.equity + sum(was_open, Decimal(0))
            if limits.floor_in is FloorIn.UNITS:
                live /= self.units
            self.start = self.peak = max(
                min(self.value(), round_half_even(live)), Decimal(0)
            )
            self.reference_paid_in = self.paid_in
            self.raise_to(self.peak)
        self.test(row.effective_at)

    def resume(self, at: datetime) -> None:
        self.halted = self.day_halted = self.waits = False
        unit_value = round_half_even(self.equity / self.units)
        in_units = self.limits.floor_in is FloorIn.UNITS
        self.anchor = self.high = unit_value if in_units else self.value()
        self.day_paid_in = self.paid_in
        self.stops.clear()
        self.count_anew()
        self.test(at)


def gone(key: str, at: datetime) -> bool:
    """Whether a trade is void, or was closed by then."""
    trades = TradeEntry.objects.filter(trade_id=int(key))
    return not trades.filter(Q(ended_at=None) | Q(ended_at__gt=at)).exists()


def open_quantity(trade_id: int, at: datetime) -> Decimal:
    """What of a trade is closed later, or not yet; 0 of one that is void."""
    if Trade.objects.filter(pk=trade_id, status="void").exists():
        return Decimal(0)
    rows = Trade.objects.filter(Q(pk=trade_id) | Q(parent_trade=trade_id))
    still = rows.filter(Q(exit_time=None) | Q(exit_time__gt=at))
    held = still.exclude(status="void").values_list("quantity", flat=True)
    return sum(held, Decimal(0))


def walk_plainly(portfolio: Portfolio, until: datetime) -> PlainWalk:
    rows = list(portfolio.limit_changes.order_by("effective_at", "limit_change_id"))
    opening = next((row for row in rows if row.effective_at is None), None)
    limits = portfolio.limits
    if opening is not None:
        limits = from_plain(Limits, opening.settings)
    start = Decimal(1) if limits.floor_in is FloorIn.UNITS else OPENING
    limits = replace(limits, day_starts_at=portfolio.day_starts_at)
    walk = PlainWalk(portfolio, limits, start, start, anchor=start, high=start)
    walk.began_at = portfolio.day_start(portfolio.trading_day(BEGIN))
    walk.raise_to(start)
    events: list[tuple[datetime, int, Any]] = [
        (entry.effective_at, 0, entry)
        for entry in LedgerEntry.objects.filter(portfolio=portfolio)
    ]
    events += [
        (mark.at, 1, mark)
        for mark in LimitMark.objects.filter(portfolio=portfolio, role=MarkRole.HIGH)
    ]
    for trade in TradeEntry.objects.filter(portfolio=portfolio).order_by("trade_id"):
        events.append((trade.entered_at, 0, (None,)))
        if trade.ended_at is not None:
            events.append((trade.ended_at, 0, (trade.profit_loss,)))
    resumes = portfolio.halts.exclude(resumed_at=None).values_list("resumed_at")
    events += [(row.effective_at, 2, row) for row in rows if row.effective_at]
    events += [(at, 3, None) for (at,) in resumes.distinct()]
    for at, order, event in sorted(events, key=lambda one: one[:2]):
        if at > until:
            break
        walk.pass_days(at)
        match order:
            case 0 if isinstance(event, tuple):
                walk.count(*event, at)
            case 0:
                walk.book(event)
            case 1:
                walk.raise_by_pair(event)
            case 2:
                walk.change(event)
            case 3:
                walk.resume(at)
    walk.pass_days(until)
    return walk


def arrive(portfolio: Portfolio, one: Arrival, trades: list[Any]) -> None:
    now = one.arrives_at
    of = {"user": portfolio.user, "portfolio_id": portfolio.pk, "now": now}
    match one.what:
        case "trade":
            fresh = Portfolio.objects.get(pk=portfolio.pk)
            trade = TradeFactory(
                portfolio=fresh,
                quantity=Decimal(1),
                entry_price=Decimal(100000),
                entry_time=max(one.at - abs(one.amount) % 4 * HOUR, BEGIN),
                now=now,
                override=True,
            )
            closed = close_trade(
                user=portfolio.user,
                trade_id=trade.trade_id,
                exit_price=Decimal(100000 + one.amount),
                exit_time=one.at,
                now=now,
            )
            trades.append(closed.trade)
        case "void" if trades:
            gone = trades.pop(abs(one.amount) % len(trades))
            void_trade(
                user=portfolio.user, trade_id=gone.pk, reason="mistaken", now=now
            )
        case "flow":
            try:
                record_cash_flow(
                    user=portfolio.user,
                    portfolio=portfolio.pk,
                    amount=Decimal(one.amount),
                    at=one.at,
                    now=now,
                )
            except InsufficientEquity:
                return
        case "resume":
            given = "present"
            try:
                resume_trading(**of, floor_reference=given)
            except TradingNotHalted:
                return
        case "change":
            update_portfolio(**of, **one.limits)


def arrive_open(portfolio: Portfolio, one: Arrival, opened: list[Any]) -> None:
    """A trade that is open, a pair of marks of all or one, or one of them is void."""
    now = one.arrives_at
    match one.what:
        case "open":
            trade = TradeFactory(
                portfolio=Portfolio.objects.get(pk=portfolio.pk),
                symbol="OPEN",
                quantity=Decimal(1),
                entry_price=Decimal(100000),
                entry_time=one.at,
                now=now,
                override=True,
            )
            opened.append(trade)
        case "mark" | "tick":
            marks = [Mark("OPEN", Decimal(100000 + 4 * one.amount))]
            second = [now + timedelta(seconds=6)] if one.what == "mark" else []
            for at in (now, *second):
                mark_positions(user=portfolio.user, marks=marks, now=at)
        case "close open" | "part" if opened:
            trade = opened[abs(one.amount) % len(opened)]
            trade.refresh_from_db()
            is_part = one.what == "part"
            if trade.quantity <= Decimal("0.2") and is_part:
                return
            close_trade(
                user=portfolio.user,
                trade_id=trade.pk,
                exit_price=Decimal(100000 + one.amount),
                exit_time=max(one.at, trade.entry_time),
                quantity=Decimal("0.2") if is_part else None,
                external_id=f"part of {one.at}" if is_part else None,
                now=now,
            )
            if not is_part:
                opened.remove(trade)
        case "void open" if opened:
            gone = opened.pop(abs(one.amount) % len(opened))
            void_trade(
                user=portfolio.user, trade_id=gone.pk, reason="mistaken", now=now
            )


def halts_of(portfolio: Portfolio) -> set[tuple[str, datetime, datetime | None]]:
    stored = TradingHalt.objects.filter(portfolio=portfolio, withdrawn_at=None)
    return set(stored.values_list("cause", "halted_at", "halted_until"))


def assert_as_walked(portfolio: Portfolio, at: datetime, now: datetime) -> None:
    walk = walk_plainly(portfolio, at)
    fresh = Portfolio.objects.get(pk=portfolio.pk)
    state = read_floors(read_figures(fresh, at), now, with_day=True)
    assert state.day is not None
    shown = (
        state.reference.start,
        state.reference.peak,
        state.reference.locked,
        state.floors.hard,
        state.floors.daily,
        state.day.began_at,
        state.day.anchor_closed,
        state.day.high_closed,
        state.day.flowed,
        state.day.trades,
        state.day.losses_in_a_row,
    )
    assert shown == (
        walk.start,
        walk.peak,
        walk.locked,
        walk.floor(),
        walk.daily_floor(),
        walk.began_at,
        walk.anchor,
        walk.high,
        walk.flowed(),
        walk.trades,
        walk.losses,
    ), at


def _at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


NOT_LATE, LATE = timedelta(0), 30 * HOUR
# A late loss shows that the floor was reached before a resume from the day's loss.
LATE_BEFORE_A_RESUME = {
    "rules": {},
    "limits": {
        "drawdown_mode": DrawdownMode.TRAILING,
        "hard_drawdown_pct": Decimal(5),
        "soft_drawdown_pct": Decimal(5),
        "drawdown_of": DrawdownOf.START,
        "drawdown_locks_at": Decimal("0.95"),
        "daily_loss_limit_pct": Decimal(3),
        "daily_loss_of": DailyLossOf.START,
        "day_starts_at": time(17),
    },
    "came": [
        Arrival("trade", _at(10, 13, 49), -64, NOT_LATE),
        Arrival("trade", _at(12, 6, 28), -36, NOT_LATE),
        Arrival("resume", _at(12, 6, 35), 1, NOT_LATE),
        Arrival("trade", _at(14, 0, 18), -49, NOT_LATE),
        Arrival("trade", _at(7, 13, 13), 109, NOT_LATE),
        Arrival("trade", _at(11, 9, 21), -67, LATE),
    ],
    "zone": "America/New_York",
    "highs": [],
}


@pytest.mark.slow
class AnyOrder(TestCase):
    @examples(25)
    @given(
        limits=limit_settings,
        rules=st.one_of(st.just({}), day_rules),
        came=arrivals("resume", "change"),
        zone=st.sampled_from(["UTC", "America/New_York"]),
        highs=st.lists(st.integers(1, 60), max_size=2, unique=True),
    )
    @example(**LATE_BEFORE_A_RESUME)
    def test_floors_days_and_halts_are_those_of_a_plain_walk(
        self, limits: Any, rules: Any, came: list[Arrival], zone: str, highs: list[int]
    ) -> None:
        portfolio = PortfolioFactory(time_zone=zone, now=BEGIN, **limits, **rules)
        for high in highs:  # none that puts a floor above what is left once it is gone
            at = BEGIN + 3 * high * HOUR + timedelta(minutes=55)
            LimitMark.objects.create(
                portfolio=portfolio,
                role=MarkRole.HIGH,
                at=at,
                open_pnl=Decimal(high) / 4,
                first_at=at - 10 * HOUR,
                first_open_pnl=Decimal(high) / 3,
                first_by_trade={},
            )
        trades: list[Any] = []
        for one in sorted(came, key=lambda one: one.arrives_at):
            arrive(portfolio, one, trades)
        if highs:  # stored by hand: nothing has followed them yet
            mend_drift(portfolio.pk, END)
        drift = "; ".join(map(str, find_drift([portfolio.pk])))
        assert not drift
        walk = walk_plainly(portfolio, END)
        assert halts_of(portfolio) == walk.halts
        for hours in (20, 47, 73, 101, 150):
            assert_as_walked(portfolio, BEGIN + hours * HOUR, END)
        assert_as_walked(portfolio, END, END)

    @examples(25)
    @given(
        limits=limit_settings,
        rules=st.one_of(st.just({}), day_rules),
        came=arrivals(
            "open", "open", "mark", "mark", "mark", "void open", "resume", "change"
        ),
        zone=st.sampled_from(["UTC", "America/New_York"]),
    )
    def test_what_is_open_at_marks_drifts_not_and_leaves_nothing_once_it_is_void(
        self, limits: Any, rules: Any, came: list[Arrival], zone: str
    ) -> None:
        portfolio = PortfolioFactory(time_zone=zone, now=BEGIN, **limits, **rules)
        trades: list[Any] = []
        opened: list[Any] = []
        for one in sorted(came, key=lambda one: one.arrives_at):
            arrive(portfolio, one, trades)
            arrive_open(portfolio, one, opened)
        drift = "; ".join(map(str, find_drift([portfolio.pk])))
        assert not drift
        for trade in opened:
            void_trade(
                user=portfolio.user, trade_id=trade.pk, reason="mistaken", now=END
            )
        drift = "; ".join(map(str, find_drift([portfolio.pk])))
        assert not drift
        assert halts_of(portfolio) == walk_plainly(portfolio, END).halts
        for hours in (20, 47, 73, 101, 150):
            assert_as_walked(portfolio, BEGIN + hours * HOUR, END)
        assert_as_walked(portfolio, END, END)

    @examples(25)
    @given(
        limits=limit_settings,
        came=arrivals(
            "open", "mark", "resume", "change", *["close open", "part", "void open"] * 2
        ),
        loss=st.integers(14, 60),
        zone=st.sampled_from(["UTC", "America/New_York"]),
    )
    def test_references_next_to_open_trades_are_those_of_a_plain_walk(
        self, limits: Any, came: list[Arrival], loss: int, zone: str
    ) -> None:
        # Live highs, and what flows buy at live values, are not in the plain walk.
        limits |= {"end_of_day_of": ValuedBy.CLOSED, "hard_drawdown_pct": Decimal(5)}
        if limits["drawdown_mode"] is DrawdownMode.TRAILING:
            limits["drawdown_mode"] = DrawdownMode.TRAILING_CLOSED
        portfolio = PortfolioFactory(time_zone=zone, now=BEGIN, **limits)
        trades: list[Any] = []
        opened: list[Any] = []
        halted = ("open", 5), ("open", 10), ("mark", 15), ("resume", 20)
        came += [
            Arrival(what, BEGIN + timedelta(minutes=minutes), -loss, timedelta(0))
            for what, minutes in halted
        ]
        for one in sorted(came, key=lambda one: one.arrives_at):
            trails = one.limits.get("drawdown_mode") is DrawdownMode.TRAILING
            if one.what == "flow" or trails:
                continue
            arrive(portfolio, one, trades)
            arrive_open(portfolio, one, opened)
        drift = "; ".join(map(str, find_drift([portfolio.pk])))
        assert not drift
        for at in [*(BEGIN + hours * HOUR for hours in (20, 47, 73, 101, 150)), END]:
            walk = walk_plainly(portfolio, at)
            shown = walk.start, walk.peak, walk.locked
            assert reference_of(portfolio, at, END) == shown, at

    @examples(25)
    @given(
        limits=limit_settings,
        came=arrivals(*["open", "close open", "part", "void open", "resume", "change"]),
        ticks=st.lists(
            st.tuples(st.integers(2, 2300), st.integers(-5, 60)),
            min_size=2,
            max_size=8,
            unique_by=lambda tick: tick[0],
        ),
        in_time=st.booleans(),
        zone=st.sampled_from(["UTC", "America/New_York"]),
    )
    def test_live_highs_count_from_their_second_mark_on_whatever_came_between(
        self,
        limits: Any,
        came: list[Arrival],
        ticks: list[tuple[int, int]],
        in_time: bool,
        zone: str,
    ) -> None:
        # What flows buy at live values is not in the plain walk.
        limits |= {"drawdown_mode": DrawdownMode.TRAILING}
        portfolio = PortfolioFactory(time_zone=zone, now=BEGIN, **limits)
        came = [one for one in came if one.what not in ("flow", "void")]
        if in_time:
            came = [
                replace(one, later=NOT_LATE) for one in came if one.what != "void open"
            ]
        came.append(Arrival("open", BEGIN + timedelta(minutes=5), 1, NOT_LATE))
        came += [
            Arrival("tick", BEGIN + timedelta(minutes=5 * number + 1), high, NOT_LATE)
            for number, high in ticks
        ]
        trades: list[Any] = []
        opened: list[Any] = []
        answered = {}
        for one in sorted(came, key=lambda one: one.arrives_at):
            arrive(portfolio, one, trades)
            arrive_open(portfolio, one, opened)
            if in_time:
                answered[one.at] = reference_of(portfolio, one.at, one.at)
        drift = "; ".join(map(str, find_drift([portfolio.pk])))
        assert not drift
        for at, then in answered.items():
            assert reference_of(portfolio, at, END) == then, at
        for at in [*(BEGIN + hours * HOUR for hours in (20, 47, 73, 101, 150)), END]:
            walk = walk_plainly(portfolio, at)
            shown = walk.start, walk.peak, walk.locked
            assert reference_of(portfolio, at, END) == shown, at


def reference_of(portfolio: Portfolio, at: datetime, now: datetime) -> tuple[Any, ...]:
    figures = read_figures(Portfolio.objects.get(pk=portfolio.pk), at)
    reference = read_floors(figures, now).reference
    return reference.start, reference.peak, reference.locked
