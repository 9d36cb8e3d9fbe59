"""What a portfolio's limits were, and when they were reached: a walk in time. Pure.

Trading day by trading day, in the order of time. Of most days the highest and the
lowest value say all; where a limit may be reached, or changes within the day, its
events are walked one by one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from goals.decisions.accounting import Account, measure_live_unit_value
from goals.decisions.breaches import (
    BY_FLOORS,
    Breach,
    find_breaches,
    halt_figures,
    split_by_marks,
)
from goals.decisions.guards.base import RiskState
from goals.decisions.guards.day_rules import locks_profit
from goals.decisions.limit_events import (
    Changed,
    DayRow,
    Entry,
    Event,
    Marked,
    Resumed,
    Traded,
    TradingDay,
    in_order,
)
from goals.decisions.limit_state import Halts, OpenProfits, Suspicion
from goals.decisions.limits import (
    RAISED_BY_CLOSES,
    DayFigures,
    FloorReference,
    Limits,
    Made,
    closed_value,
    earned_value,
    follow_entry,
    high_of,
    hold,
    live_value,
    measure_daily_floor,
    measure_daily_loss_pct,
    measure_fall_pct,
    measure_floor,
    measure_floors,
    paid_in_at,
    raise_by,
    raise_peak,
    value_of_units,
)
from goals.decisions.live_highs import Seen, follow_high
from goals.decisions.periods import MICROSECOND
from goals.enums import DrawdownMode, FloorIn, HaltCause, MarkRole, OnBreach, ValuedBy
from mastertrade.values.money import UNIT_VALUE, ZERO, exactly, round_to


class DayEnd(NamedTuple):
    """Where a walk stood after a trading day: the newest thing that happened in it."""

    at: datetime
    limits: Limits
    reference: FloorReference
    account: Account


class Reached(NamedTuple):
    """The limits that are reached, but for those that halt already."""

    at_once: Sequence[Breach] = ()
    by_marks: Sequence[Breach] = ()  # by open positions: to be confirmed


@dataclass
class LimitWalk:
    """Walks trading days; what it finds is in `halts`, `references`, `anchors`.

    `limits`, `reference` and `account` are those before the first day. `entries`: those
    of days that must be walked, by day; the account before each such day that is not
    there is put into `missing`, and it is taken as a whole. `opened_at`: when the
    account was made, or first booked in where that is earlier. `references` are those
    that changes set, and `anchors` the unit values of resumes, by key. `held_at`: what
    was open at references of the present value, by their times. Nothing is tested
    before `finds_from` (None: never). `trail` is where it began and
    where each day ended.
    """

    limits: Limits
    reference: FloorReference
    account: Account
    opened_at: datetime
    open_profits: OpenProfits
    entries: Mapping[date, Sequence[Entry]] = field(default_factory=dict)
    held_at: Mapping[datetime, Sequence[Made]] = field(default_factory=dict)
    finds_from: datetime | None = None
    currency: str = ""
    halts: Halts = field(default_factory=Halts)
    references: dict[int, FloorReference] = field(default_factory=dict)
    anchors: dict[int, Decimal] = field(default_factory=dict)
    trail: list[DayEnd] = field(default_factory=list)
    missing: dict[date, Account] = field(default_factory=dict)
    day: DayFigures = field(init=False)
    day_from: Account = field(init=False)  # what the day is measured from
    is_begun_within: bool = False  # by an entry: a first money, or a new run of units
    suspicion: Suspicion = field(default_factory=Suspicion)
    waiting_high: Seen | None = None  # above the peak, for a second mark
    newest_entry: tuple[datetime, int] | None = None  # and its place in its instant

    @exactly
    def walk(self, days: Iterable[TradingDay]) -> "LimitWalk":
        for day in days:
            if not self.trail:
                self._leave(day.began_at)
            self._begin(day)
            if day.events or day.is_cut or not self._pass_whole(day):
                for event in in_order([*self._entries_of(day), *day.events]):
                    self.halts.add(self.suspicion.stand_until(event.at))
                    self._follow(event)
            self._leave(day.newest_at)
        self.halts.add(self.suspicion.stand_until(None))
        return self

    def _leave(self, at: datetime) -> None:
        self.trail.append(DayEnd(at, self.limits, self.reference, self.account))

    def _begin(self, day: TradingDay) -> None:
        """The day that ended raises the peak; this one is measured from here."""
        limits = self.limits
        self.halts.add(self.suspicion.stand_until(day.began_at))
        self.suspicion.begin_day()
        self.halts.begin_day()
        self.open_profits.begin_day(day.day)
        open_pnl = self.open_profits.at(day.began_at - MICROSECOND)
        closed, live = self._closed, self._live(open_pnl)
        is_older = (self.reference.set_at or self.opened_at) < day.began_at
        if limits.drawdown_mode is DrawdownMode.END_OF_DAY and is_older:
            by_live = limits.end_of_day_of is ValuedBy.LIVE
            ended = open_pnl if by_live else None
            self.reference = raise_by(limits, self.reference, self.account, ended)
        self.day = DayFigures(day.began_at, day.ends_at, live, closed, closed)
        self.day_from = self.account

    # A day as a whole

    def _pass_whole(self, day: TradingDay) -> bool:
        """Take the day by its highest and lowest value, if that says all."""
        if not day.rows:
            return True
        limits, reference = self.limits, self.reference
        raises = limits.drawdown_mode in RAISED_BY_CLOSES
        is_first = reference.peak == 0
        new_run = any(row.account.run != self.account.run for row in day.rows)
        # A flow shows the unit value of the close before it, which may count no more.
        uncounted = raises and self._earned(reference.paid_in) > reference.peak
        has_close = any(row.high_closed is not None for row in day.rows)
        moved = day.rows[-1].account.unit_value != self.account.unit_value
        by_entry = is_first or new_run or uncounted or reference.held is not None
        if by_entry or (self._in_units and moved and not has_close):
            return False
        if raises and has_close:
            high = max(self._high_of(row, reference.paid_in) for row in day.rows)
            reference = raise_peak(limits, reference, high)
        if self._finds(day.began_at) and self._may_reach(reference, day):
            return False
        high = max(self._high_of(row, self._day_paid_in) for row in day.rows)
        figures = replace(self.day, high_closed=max(self.day.high_closed, high))
        if self._finds(day.began_at) and locks_profit(limits, figures):
            return False
        self.day = figures
        self.reference, self.account = reference, day.rows[-1].account
        self.waiting_high = None
        self._follow_flows()
        return True

    def _may_reach(self, reference: FloorReference, day: TradingDay) -> bool:
        """Whether the day's lowest value may have reached a floor."""
        in_units = self._in_units
        low = min(
            row.low_unit_value if in_units else row.low_closed for row in day.rows
        )
        halted = self.halts.by_floors
        floor = measure_floor(self.limits, reference)
        if HaltCause.HARD_DRAWDOWN not in halted and low <= floor:
            return True
        daily = measure_daily_floor(self.limits, self.day, reference.start)
        if daily is None or HaltCause.DAILY_LOSS in halted:
            return False
        if day.has_flows:  # they move the day's floor
            return True
        open_pnl = abs(self.open_profits.at(day.began_at))
        fewest = min(row.account.units for row in day.rows)
        if in_units and open_pnl:
            open_pnl = open_pnl / fewest if fewest else low
        return low - open_pnl <= daily

    # A day event by event

    def _entries_of(self, day: TradingDay) -> Sequence[Entry]:
        if not day.rows:
            return ()
        known = self.entries.get(day.day)
        if known is None:
            self.missing[day.day] = self.account
            return [Entry(row.last_entry_at, row.account, True) for row in day.rows]
        return known

    def _follow(self, event: Event) -> None:
        match event:
            case Entry():
                self._book(event)
            case Traded():
                self.day = self.day.with_trade(event.at, event.made)
                at_once = self._reached(event.at).at_once
                self.halts.add(one for one in at_once if one.cause not in BY_FLOORS)
            case Marked():
                self._mark(event)
            case Resumed():
                self._resume(event)
            case Changed():
                self._change(event)

    def _book(self, entry: Entry) -> None:
        before, self.account, self.waiting_high = self.account, entry.account, None
        self._release(entry.at)
        self.reference = follow_entry(
            self.limits,
            self.reference,
            before,
            entry.account,
            entry.at,
            is_close=entry.is_close,
        )
        is_first = self.day.anchor_closed <= 0 < self._closed and not self._in_units
        if entry.account.run != before.run or is_first:
            self._measure_day_from(self._closed)
            self.is_begun_within = True
        elif entry.is_close:
            high = self._earned(self._day_paid_in)
            if entry.row is not None:
                high = self._high_of(entry.row, self._day_paid_in)
            high = max(self.day.high_closed, high)
            self.day = replace(self.day, high_closed=high)
        self._follow_flows()
        self._test(entry.at)

    def _release(self, at: datetime) -> None:
        """Let the reference hold what is open after the next entry, of this instant."""
        newest_at, place = self.newest_entry or (at, 0)
        place = place + 1 if newest_at == at else 1
        self.newest_entry = at, place
        reference = self.reference
        if reference.held is not None and reference.set_at is not None:
            made = self.held_at[reference.set_at]
            held = hold(self.limits, made, at, place)
            self.reference = replace(reference, held=held)

    def _mark(self, mark: Marked) -> None:
        self.open_profits.follow(mark)
        match mark.role:
            case MarkRole.REFERENCE:
                self.open_profits.of_reference = mark
            case MarkRole.PENDING | MarkRole.HIGH:
                self._follow_high(mark)
            case MarkRole.BREACH:
                reached = self._reached(mark.at)
                self.halts.add(reached.at_once)
                self.halts.add(self.suspicion.see(mark, reached.by_marks))
            case MarkRole.STOOD:
                for breaches in self._reached(mark.at):
                    self.halts.add(breaches)

    def _follow_high(self, mark: Marked) -> None:
        """A high is the second of two marks: only the first one begins to wait anew."""
        limits, seen = self.limits, Seen(mark.at, self.open_profits.at(mark.at, mark))
        if limits.drawdown_mode is DrawdownMode.TRAILING:
            waiting = self.waiting_high if mark.role is MarkRole.HIGH else None
            self.reference, self.waiting_high = follow_high(
                limits, self.reference, self.account, waiting, seen
            )

    def _resume(self, resumed: Resumed) -> None:
        self.halts.resume()
        worth = resumed.unit_value
        open_pnl = self.open_profits.at_reference(resumed.at)
        if open_pnl is not None:
            worth = measure_live_unit_value(self.account, open_pnl)
            self.anchors |= dict.fromkeys(resumed.keys, worth)
        floor_in, closed = self.limits.floor_in, self._closed
        self._measure_day_from(value_of_units(floor_in, self.account, worth))
        self.day = replace(
            self.day,
            high_closed=closed,
            resumed_at=resumed.at,
            resumed_closed=closed,
            trades=0,
            losses_in_a_row=0,
            last_loss_at=None,
        )
        # It may have ended a halt at the hard floor that nobody knew of then.
        self._test(resumed.at)

    def _change(self, change: Changed) -> None:
        limits, reference = change.limits, change.reference
        if limits.floor_in is not self.limits.floor_in:
            self._convert_day(limits.floor_in)
        self.limits = limits
        if reference is not None:
            open_pnl = self.open_profits.at_reference(change.at)
            if change.of_present and open_pnl is not None:
                value = max(min(self._closed, self._live(open_pnl)), ZERO)
                reference = replace(reference, start=value, peak=value)
            made = self.held_at.get(change.at, ()) if change.of_present else ()
            reference = replace(
                reference,
                set_at=change.at,
                run=self.account.run,
                locked=False,
                paid_in=self._paid_in,
                held=hold(limits, made, change.at),
            )
            self.reference = raise_peak(limits, reference, reference.peak)
            self.references[change.key] = self.reference
            self.waiting_high = None
        self._test(change.at)

    # What the day is measured from

    def _measure_day_from(self, value: Decimal) -> None:
        self.day_from = self.account
        self.day = replace(
            self.day,
            anchor_live=value,
            anchor_closed=value,
            high_closed=value,
            flowed=ZERO,
            resumed_closed=None,
        )

    def _follow_flows(self) -> None:
        self.day = replace(self.day, flowed=self._paid_in - self._day_paid_in)

    def _convert_day(self, floor_in: FloorIn) -> None:
        """Measure the day's values by `floor_in`: what it lost so far counts on.

        At the units of now, which hold the day's flows so far.
        """
        account, day = self.account, self.day

        def convert(value: Decimal) -> Decimal:
            if floor_in is FloorIn.MONEY:
                return value_of_units(floor_in, account, value)
            if account.units == 0:
                return account.unit_value
            return round_to((value + day.flowed) / account.units, UNIT_VALUE)

        resumed = day.resumed_closed
        self.day_from = account
        self.day = replace(
            day,
            flowed=ZERO,
            anchor_live=convert(day.anchor_live),
            anchor_closed=convert(day.anchor_closed),
            high_closed=convert(day.high_closed),
            resumed_closed=None if resumed is None else convert(resumed),
        )

    # The test of the limits

    def _test(self, at: datetime) -> None:
        """By closes; a mark that already waits for a second one may show more now."""
        self.halts.add(self._reached(at).at_once)
        if self.suspicion.mark is not None:
            reached = self._reached(at, self.suspicion.mark)
            self.suspicion.breaches = reached.by_marks

    def _finds(self, at: datetime) -> bool:
        return self.finds_from is not None and self.finds_from <= at

    def _reached(self, at: datetime, mark: Marked | None = None) -> Reached:
        """What is reached now, with open positions at a mark (default: the newest)."""
        limits = self.limits
        is_over = self.account.is_ruined and limits.on_breach is not OnBreach.FAIL
        if not self._finds(at) or is_over:
            return Reached()
        open_pnl = self.open_profits.at(at, mark)
        state = self._state(open_pnl, replace(self.day, at=at))
        live = self.account.unit_value
        if self.open_profits.newest is not None:
            live = measure_live_unit_value(self.account, open_pnl)
        figures = halt_figures(state, self.account, live, open_pnl)
        found = [
            replace(one, figures=figures)
            for one in find_breaches(limits, state, at, self.day.ends_at)
            if one.cause not in self.halts.by_floors
        ]
        return Reached(*split_by_marks(found, state))

    def _state(self, open_pnl: Decimal, day: DayFigures) -> RiskState:
        limits, reference, closed = self.limits, self.reference, self._closed
        is_live = self.open_profits.newest is not None
        live = self._live(open_pnl) if is_live else closed
        daily = measure_daily_floor(limits, day, reference.start)
        floors = measure_floors(
            limits,
            reference,
            self.account,
            closed=closed,
            live=live,
            daily=daily,
            is_live=is_live,
            currency=self.currency,
        )
        loss_pct = None
        if daily is not None:
            loss_pct = measure_daily_loss_pct(limits, day, reference.start, live)
        return RiskState(
            drawdown_pct=measure_fall_pct(limits, reference, floors.lowest),
            soft_drawdown_pct=limits.soft_drawdown_pct,
            hard_drawdown_pct=limits.hard_drawdown_pct,
            record=None,
            daily_loss_pct=loss_pct,
            daily_loss_limit_pct=limits.daily_loss_limit_pct,
            floors=floors,
            day=day,
            limits=limits,
        )

    # Values of the account, as the limits have them

    @property
    def _in_units(self) -> bool:
        return self.limits.floor_in is FloorIn.UNITS

    @property
    def _closed(self) -> Decimal:
        return closed_value(self.limits.floor_in, self.account)

    def _live(self, open_pnl: Decimal) -> Decimal:
        return live_value(self.limits.floor_in, self.account, open_pnl)

    def _earned(self, paid_in: Decimal) -> Decimal:
        return earned_value(self.limits.floor_in, self.account, paid_in, None)

    def _high_of(self, row: DayRow, paid_in: Decimal) -> Decimal:
        return high_of(self.limits.floor_in, row, paid_in)

    @property
    def _paid_in(self) -> Decimal:
        return paid_in_at(self.limits.floor_in, self.account)

    @property
    def _day_paid_in(self) -> Decimal:
        return paid_in_at(self.limits.floor_in, self.day_from)
