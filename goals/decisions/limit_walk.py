"""What a portfolio's limits were, and when they were reached: a walk in time. Pure.

Trading day by trading day, in the order of time. Of most days the highest and the
lowest value say all; where a limit may be reached, or changes within the day, the day's
entries are walked. Of one instant, entries come first, then marks, changes of the
limits, resumes (after the reference that they set), and marks that halted at once; what
a close was judged with comes first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeAlias

from goals.decisions.accounting import Account, measure_live_unit_value
from goals.decisions.breaches import (
    BY_FLOORS,
    CONFIRMED_AFTER,
    SECOND_MARK_AFTER,
    Breach,
    confirm_by_second,
    find_breaches,
    halt_figures,
    split_by_marks,
)
from goals.decisions.guards.base import RiskState
from goals.decisions.guards.day_rules import locks_profit
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


@dataclass(frozen=True, slots=True)
class Entry:
    """A close or a cash flow, and the account after it.

    Or, without limits to be tested, all the entries of a `row` of the ledger.
    """

    at: datetime
    account: Account
    is_close: bool
    row: "DayRow | None" = None


@dataclass(frozen=True, slots=True)
class Marked:
    """Open positions at their marks. `by_trade`: what each had made, by its key.

    One that `waits` for a second mark may be gone later: closes are judged without it.
    """

    at: datetime
    open_pnl: Decimal
    role: MarkRole
    by_trade: Mapping[int, Decimal] = field(default_factory=dict)
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person ended halts (their keys): the day is measured anew.

    Its loss from the live value then, what closes earn in it from the closed one.

    Without a mark of then a unit was worth `unit_value`.
    """

    at: datetime
    keys: tuple[int, ...]
    unit_value: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Changed:
    """Limits in force from then on.

    A `reference` was set with them: by the value of then (`of_present`), or a person.
    """

    at: datetime
    key: int
    limits: Limits
    reference: FloorReference | None = None
    of_present: bool = False


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade was entered, or ended: then `made` is what all its parts made."""

    at: datetime
    made: Decimal | None = None


Event: TypeAlias = Entry | Traded | Marked | Resumed | Changed


class DayRow(Protocol):
    """The figures of a whole day, or a part of it, from the ledger."""

    last_entry_at: datetime
    high_unit_value: Decimal
    high_closed: Decimal | None
    high_realized_pnl: Decimal
    low_unit_value: Decimal
    low_closed: Decimal

    @property
    def account(self) -> Account: ...


@dataclass(frozen=True, slots=True)
class TradingDay:
    """A trading day: its ledger rows and what else happened in it.

    `is_cut`: its rows contain entries that are not to be looked at. `has_flows`: cash
    flows are among them, where floors are in money.
    """

    day: date
    began_at: datetime
    ends_at: datetime
    rows: Sequence[DayRow] = ()
    events: Sequence[Event] = ()
    is_cut: bool = False
    has_flows: bool = False


class DayEnd(NamedTuple):
    """Where a walk stood after a trading day: the newest thing that happened in it."""

    at: datetime
    limits: Limits
    reference: FloorReference
    account: Account


ORDER = {Entry: 1, Traded: 1, Marked: 2, Changed: 4, Resumed: 5}
ORDER_OF_MARKS = {
    MarkRole.CLOSE: 0,
    MarkRole.PENDING: 3,  # after the high that it confirms
    MarkRole.REFERENCE: 3,
    MarkRole.STOOD: 6,
}


def in_order(events: Iterable[Event]) -> list[Event]:
    """By time; of one instant as the module says."""
    return sorted(events, key=_place)


def _place(event: Event) -> tuple[datetime, int]:
    order = ORDER[type(event)]
    if isinstance(event, Marked):
        order = ORDER_OF_MARKS.get(event.role, order)
    return event.at, order


@dataclass
class LimitWalk:
    """Walks trading days; what it finds is in `breaches`, `references`, `anchors`.

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
    open_at_start: Callable[[date], Marked | None]
    ended_at: Mapping[int, datetime] = field(default_factory=dict)
    entries: Mapping[date, Sequence[Entry]] = field(default_factory=dict)
    held_at: Mapping[datetime, Sequence[Made]] = field(default_factory=dict)
    finds_from: datetime | None = None
    currency: str = ""
    breaches: list[Breach] = field(default_factory=list)
    references: dict[int, FloorReference] = field(default_factory=dict)
    anchors: dict[int, Decimal] = field(default_factory=dict)
    trail: list[DayEnd] = field(default_factory=list)
    missing: dict[date, Account] = field(default_factory=dict)
    day: DayFigures | None = None
    day_from: Account | None = None  # what the day is measured from
    is_begun_within: bool = False  # by an entry: a first money, or a new run of units
    is_halted: bool = False
    is_day_halted: bool = False
    halts_until_resumed: bool = False  # by the day's halt
    # The newest breach of each rule of the day since a resume, by its place.
    stops: dict[HaltCause, int] = field(default_factory=dict)
    first_mark: Marked | None = None
    suspected: tuple[Breach, ...] = ()
    newest_mark: Marked | None = None
    reference_mark: Marked | None = None  # of the newest change, or resume
    newest_entry: tuple[datetime, int] | None = None  # and its place in its instant
    waiting_high: Seen | None = None  # above the peak, for a second mark

    @exactly
    def walk(self, days: Iterable[TradingDay]) -> "LimitWalk":
        for one in days:
            if not self.trail:
                self._leave(one.began_at)
            self._begin(one)
            if one.events or one.is_cut or not self._pass_whole(one):
                self._walk_events(one)
            times = [event.at for event in one.events]
            times += [row.last_entry_at for row in one.rows]
            self._leave(max(times, default=one.began_at))
        self._stand_alone(None)
        return self

    def _leave(self, at: datetime) -> None:
        self.trail.append(DayEnd(at, self.limits, self.reference, self.account))

    def _finds(self, at: datetime) -> bool:
        return self.finds_from is not None and self.finds_from <= at

    def _begin(self, one: TradingDay) -> None:
        """The day that ended raises the peak; this one is measured from here."""
        limits = self.limits
        self._stand_alone(one.began_at)
        # A day's floor that is not confirmed before the day ends halts nothing.
        self.suspected = tuple(
            breach
            for breach in self.suspected
            if breach.cause is not HaltCause.DAILY_LOSS
        )
        self.newest_mark = self.open_at_start(one.day) or self.newest_mark
        closed = closed_value(limits.floor_in, self.account)
        open_pnl = self._open_pnl(one.began_at - MICROSECOND)
        live = self._live(open_pnl)
        is_older = (self.reference.set_at or self.opened_at) < one.began_at
        if limits.drawdown_mode is DrawdownMode.END_OF_DAY and is_older:
            by_live = limits.end_of_day_of is ValuedBy.LIVE
            ended = open_pnl if by_live else None
            self.reference = raise_by(limits, self.reference, self.account, ended)
        self.day = DayFigures(one.began_at, one.ends_at, live, closed, closed)
        self.day_from = self.account
        self.is_day_halted = self.is_day_halted and self.halts_until_resumed

    def _live(self, open_pnl: Decimal) -> Decimal:
        return live_value(self.limits.floor_in, self.account, open_pnl)

    def _open_pnl(self, at: datetime, mark: Marked | None = None) -> Decimal:
        """Of a mark (default: the day's newest), without trades that have ended."""
        mark = mark or self.newest_mark
        if mark is None:
            return ZERO
        gone = [
            made
            for trade_id, made in mark.by_trade.items()
            if trade_id in self.ended_at and self.ended_at[trade_id] <= at
        ]
        if gone and len(gone) == len(mark.by_trade):
            return ZERO
        return mark.open_pnl - sum(gone, ZERO)

    def _pass_whole(self, one: TradingDay) -> bool:
        """Take the day by its highest and lowest value, if that says all."""
        if not one.rows:
            return True
        assert self.day is not None
        limits, reference, in_units = self.limits, self.reference, self._in_units
        raises = limits.drawdown_mode in RAISED_BY_CLOSES
        is_first = reference.peak == 0
        new_run = any(row.account.run != self.account.run for row in one.rows)
        # A flow shows the unit value of the close before it, which may count no more.
        uncounted = raises and self._earned(reference.paid_in) > reference.peak
        has_close = any(row.high_closed is not None for row in one.rows)
        moved = one.rows[-1].account.unit_value != self.account.unit_value
        by_entry = is_first or new_run or uncounted or reference.held is not None
        if by_entry or (in_units and moved and not has_close):
            return False
        high = max(self._high_of(row, reference.paid_in) for row in one.rows)
        low = min(_low_of(row, in_units=in_units) for row in one.rows)
        if raises and has_close:
            reference = raise_peak(limits, reference, high)
        if self._finds(one.began_at) and self._may_reach(reference, low, one):
            return False
        high = max(self._high_of(row, self.day_paid_in) for row in one.rows)
        day = replace(self.day, high_closed=max(self.day.high_closed, high))
        if self._finds(one.began_at) and locks_profit(limits, day):
            return False
        self.day = day
        self.reference, self.account = reference, one.rows[-1].account
        self.waiting_high = None
        self._follow_flows()
        return True

    def _high_of(self, row: DayRow, paid_in: Decimal) -> Decimal:
        return high_of(self.limits.floor_in, row, paid_in)

    def _earned(self, paid_in: Decimal) -> Decimal:
        return earned_value(self.limits.floor_in, self.account, paid_in, None)

    @property
    def _paid_in(self) -> Decimal:
        return paid_in_at(self.limits.floor_in, self.account)

    @property
    def day_paid_in(self) -> Decimal:
        return paid_in_at(self.limits.floor_in, self.day_from or self.account)

    def _follow_flows(self) -> None:
        assert self.day is not None
        self.day = replace(self.day, flowed=self._paid_in - self.day_paid_in)

    @property
    def _in_units(self) -> bool:
        return self.limits.floor_in is FloorIn.UNITS

    def _may_reach(
        self, reference: FloorReference, low: Decimal, one: TradingDay
    ) -> bool:
        assert self.day is not None
        if not self.is_halted and low <= measure_floor(self.limits, reference):
            return True
        floor = measure_daily_floor(self.limits, self.day, reference.start)
        if floor is None or self.is_day_halted:
            return False
        if one.has_flows:  # they move the day's floor
            return True
        open_pnl = abs(self._open_pnl(one.began_at))
        fewest = min(row.account.units for row in one.rows)
        if self._in_units and open_pnl:
            open_pnl = open_pnl / fewest if fewest else low
        return low - open_pnl <= floor

    def _walk_events(self, one: TradingDay) -> None:
        entries: Sequence[Entry] = ()
        if one.rows:
            known = self.entries.get(one.day)
            if known is None:
                self.missing[one.day] = self.account
                rows = one.rows
                known = [Entry(row.last_entry_at, row.account, True) for row in rows]
            entries = known
        for event in in_order([*entries, *one.events]):
            self._stand_alone(event.at)
            match event:
                case Entry():
                    self._book(event)
                case Traded():
                    self._count(event)
                case Marked():
                    self._mark(event)
                case Resumed():
                    self._resume(event)
                case Changed():
                    self._change(event)

    def _book(self, entry: Entry) -> None:
        assert self.day is not None
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
        closed = closed_value(self.limits.floor_in, entry.account)
        is_first = self.day.anchor_closed <= 0 < closed and not self._in_units
        if entry.account.run != before.run or is_first:
            self._measure_day_from(closed)
            self.is_begun_within = True
        elif entry.is_close:
            high = self._earned(self.day_paid_in)
            if entry.row is not None:
                high = self._high_of(entry.row, self.day_paid_in)
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

    def _count(self, traded: Traded) -> None:
        assert self.day is not None
        self.day = self.day.with_trade(traded.at, traded.made)
        at_once, _ = self._reached(traded.at)
        self._add(one for one in at_once if one.cause not in BY_FLOORS)

    def _mark(self, mark: Marked) -> None:
        # Without the trades it is of, nobody knows how long it counts.
        if not mark.waits and (mark.by_trade or mark.open_pnl == 0):
            self.newest_mark = mark
        match mark.role:
            case MarkRole.REFERENCE:
                self.reference_mark = mark
            case MarkRole.PENDING | MarkRole.HIGH:
                self._follow_high(mark)
            case MarkRole.BREACH:
                at_once, by_marks = self._reached(mark.at)
                self._add(at_once)
                self._suspect(mark, by_marks)
            case MarkRole.STOOD:
                for part in self._reached(mark.at):
                    self._add(part)

    def _follow_high(self, mark: Marked) -> None:
        """A high is the second of two marks: only the first one begins to wait anew."""
        limits, seen = self.limits, Seen(mark.at, self._open_pnl(mark.at, mark))
        if limits.drawdown_mode is DrawdownMode.TRAILING:
            waiting = self.waiting_high if mark.role is MarkRole.HIGH else None
            self.reference, self.waiting_high = follow_high(
                limits, self.reference, self.account, waiting, seen
            )

    def _suspect(self, mark: Marked, reached: Sequence[Breach]) -> None:
        first = self.first_mark
        if first is None:
            self.first_mark, self.suspected = mark, tuple(reached)
        elif mark.at - first.at >= SECOND_MARK_AFTER:
            self._add(confirm_by_second(self.suspected, reached, mark.at))
            self.first_mark, self.suspected = None, ()

    def _stand_alone(self, at: datetime | None) -> None:
        """A mark that nothing contradicted for long enough is confirmed by that."""
        first = self.first_mark
        if first is None or (at is not None and at - first.at < CONFIRMED_AFTER):
            return
        confirmed_at = first.at + CONFIRMED_AFTER
        self._add(replace(one, at=confirmed_at) for one in self.suspected)
        self.first_mark, self.suspected = None, ()

    def _resume(self, resumed: Resumed) -> None:
        assert self.day is not None
        self.is_halted = self.is_day_halted = self.halts_until_resumed = False
        self.stops.clear()
        worth = resumed.unit_value
        open_pnl = self._reference_pnl(resumed.at)
        if open_pnl is not None:
            worth = measure_live_unit_value(self.account, open_pnl)
            self.anchors |= dict.fromkeys(resumed.keys, worth)
        value = value_of_units(self.limits.floor_in, self.account, worth)
        self._measure_day_from(value)
        closed = closed_value(self.limits.floor_in, self.account)
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

    def _measure_day_from(self, value: Decimal) -> None:
        assert self.day is not None
        self.day_from = self.account
        self.day = replace(
            self.day,
            anchor_live=value,
            anchor_closed=value,
            high_closed=value,
            flowed=ZERO,
            resumed_closed=None,
        )

    def _change(self, change: Changed) -> None:
        limits, reference = change.limits, change.reference
        if limits.floor_in is not self.limits.floor_in:
            self._convert_day(limits.floor_in)
        self.limits = limits
        if reference is not None:
            open_pnl = self._reference_pnl(change.at)
            if change.of_present and open_pnl is not None:
                closed = closed_value(limits.floor_in, self.account)
                value = max(min(closed, self._live(open_pnl)), ZERO)
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

    def _reference_pnl(self, at: datetime) -> Decimal | None:
        """What was open at a change, or a resume; None: not known."""
        mark = self.reference_mark
        return self._open_pnl(at, mark) if mark is not None and mark.at == at else None

    def _convert_day(self, floor_in: FloorIn) -> None:
        """Measure the day's values by `floor_in`: what it lost so far counts on.

        At the units of now, which hold the day's flows so far.
        """
        account, day = self.account, self.day
        assert day is not None

        def convert(value: Decimal) -> Decimal:
            if floor_in is FloorIn.MONEY:
                return value_of_units(floor_in, account, value)
            if account.units == 0:
                return account.unit_value
            return round_to((value + day.flowed) / account.units, UNIT_VALUE)

        self.day_from = account
        self.day = replace(
            day,
            flowed=ZERO,
            anchor_live=convert(day.anchor_live),
            anchor_closed=convert(day.anchor_closed),
            high_closed=convert(day.high_closed),
            resumed_closed=None
            if day.resumed_closed is None
            else convert(day.resumed_closed),
        )

    def _test(self, at: datetime) -> None:
        """By closes; a mark that already waits for a second one may show more now."""
        self._add(self._reached(at)[0])
        if self.first_mark is not None:
            self.suspected = tuple(self._reached(at, self.first_mark)[1])

    def _add(self, reached: Iterable[Breach]) -> None:
        for breach in reached:
            if breach.until is not None and breach.until <= breach.at:
                continue  # its day was over first
            match breach.cause:
                case HaltCause.HARD_DRAWDOWN:
                    self.is_halted = True
                case HaltCause.DAILY_LOSS:
                    self.is_day_halted = True
                    self.halts_until_resumed = breach.until is None
                case _ if self._is_stopped(breach):
                    continue
                case rule:
                    self.stops[rule] = len(self.breaches)
            self.breaches.append(breach)

    def _is_stopped(self, breach: Breach) -> bool:
        """Whether its rule stops entries; a loss in a pause makes it last longer."""
        place = self.stops.get(breach.cause)
        if place is None:
            return False
        known = self.breaches[place]
        assert known.until is not None  # each rule of the day ends by itself
        assert breach.until is not None
        if known.until <= breach.at:
            return False
        until = max(known.until, breach.until)
        self.breaches[place] = replace(known, until=until)
        return True

    def _reached(
        self, at: datetime, mark: Marked | None = None
    ) -> tuple[list[Breach], list[Breach]]:
        """The floors that are reached now, but for those that halt already.

        Those by closes, and those by a mark (default: the newest).
        """
        limits, day = self.limits, self.day
        assert day is not None
        is_over = self.account.is_ruined and limits.on_breach is not OnBreach.FAIL
        if not self._finds(at) or is_over:
            return [], []
        halted = set()
        if self.is_halted:
            halted.add(HaltCause.HARD_DRAWDOWN)
        if self.is_day_halted:
            halted.add(HaltCause.DAILY_LOSS)
        open_pnl = self._open_pnl(at, mark)
        state = self._state(open_pnl, replace(day, at=at))
        live = self.account.unit_value
        if self.newest_mark is not None:
            live = measure_live_unit_value(self.account, open_pnl)
        figures = halt_figures(state, self.account, live, open_pnl)
        found = [
            replace(one, figures=figures)
            for one in find_breaches(limits, state, at, day.ends_at)
            if one.cause not in halted
        ]
        return split_by_marks(found, state)

    def _state(self, open_pnl: Decimal, day: DayFigures) -> RiskState:
        limits, reference = self.limits, self.reference
        closed = closed_value(limits.floor_in, self.account)
        live = self._live(open_pnl) if self.newest_mark else closed
        daily = measure_daily_floor(limits, day, reference.start)
        floors = measure_floors(
            limits,
            reference,
            self.account,
            closed=closed,
            live=live,
            daily=daily,
            is_live=self.newest_mark is not None,
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


def _low_of(row: DayRow, *, in_units: bool) -> Decimal:
    return row.low_unit_value if in_units else row.low_closed
