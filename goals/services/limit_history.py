"""What a portfolio's limits were at past times: dated changes, stored marks, resumes.

Read for a walk over trading days (`goals.decisions.limit_walk`). Its cost does not grow
with the trades of days on which no limit can have been reached.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import F, Q

from goals.decisions.accounting import Account, open_account
from goals.decisions.limit_walk import (
    Changed,
    Entry,
    Event,
    LimitWalk,
    Marked,
    Resumed,
    TradingDay,
)
from goals.decisions.limits import (
    DayFigures,
    FloorReference,
    Limits,
    Made,
    first_reference,
    needs_day_start,
    paid_in_at,
    raise_peak,
)
from goals.decisions.periods import MICROSECOND, ONE_DAY
from goals.enums import DrawdownMode, FloorIn, MarkRole
from goals.models import (
    LedgerDay,
    LimitChange,
    LimitMark,
    Portfolio,
    TradeEntry,
    TradingHalt,
)
from goals.services.day_trades import read_traded
from goals.services.days import (
    WALKED,
    days_since,
    last_day_before,
    roll_ledger,
)
from goals.services.figures import arrays_of, table_of
from goals.services.limit_marks import read_made
from mastertrade.values.jsonable import from_plain
from mastertrade.values.money import ONE, ZERO

EARLIEST = datetime.min.replace(tzinfo=UTC)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LimitHistory:
    """Dated changes in order; the first is what was in force before any entry."""

    opening: Changed
    changes: Sequence[Changed]

    def newest_reference(self, before: datetime) -> Changed:
        """The change whose reference was in force right before then."""
        set_before = [
            change
            for change in self.changes
            if change.at < before and change.reference is not None
        ]
        return set_before[-1] if set_before else self.opening

    def limits_at(self, at: datetime) -> Limits:
        made = [change.limits for change in self.changes if change.at <= at]
        return made[-1] if made else self.opening.limits


def read_history(portfolio: Portfolio, until: datetime | None = None) -> LimitHistory:
    """The changes up to `until` (None: all); one statement, or none without changes."""
    if portfolio.limits_changed_at is None:
        return LimitHistory(_unchanged(portfolio), ())
    rows = LimitChange.objects.filter(portfolio=portfolio)
    if until is not None:
        rows = rows.filter(Q(effective_at=None) | Q(effective_at__lte=until))
    in_order = rows.order_by(F("effective_at").asc(nulls_first=True), "limit_change_id")
    opening, changes = None, []
    for row in in_order:
        change = _changed(row, portfolio)
        if row.effective_at is None:
            opening = change
        else:
            changes.append(change)
    return LimitHistory(opening or _unchanged(portfolio), changes)


def _unchanged(portfolio: Portfolio) -> Changed:
    limits, opened = portfolio.limits, open_account(portfolio.opening_balance)
    reference = first_reference(limits, opened, None)
    return Changed(portfolio.created_at, 0, limits, reference)


def _changed(row: LimitChange, portfolio: Portfolio) -> Changed:
    limits = from_plain(Limits, row.settings)
    limits = replace(limits, day_starts_at=portfolio.day_starts_at)
    opened, reference = open_account(portfolio.opening_balance), None
    if row.start_value is not None:
        reference = FloorReference(
            set_at=row.effective_at,
            start=row.start_value,
            peak=row.peak_value or ZERO,
            run=row.unit_run or 1,
            paid_in=paid_in_at(limits.floor_in, opened),
        )
        reference = raise_peak(limits, reference, reference.peak)
    at = row.effective_at or portfolio.created_at
    return Changed(at, row.limit_change_id, limits, reference, row.of_present)


@dataclass(frozen=True, slots=True)
class _Begin:
    """Where a walk begins: the first trading day (None: all), what was known then."""

    day: date | None
    account: Account
    limits: Limits
    reference: FloorReference


def walk_limits(
    portfolio: Portfolio,
    history: LimitHistory,
    *,
    since: datetime | None,
    until: datetime | None = None,
    finds: bool = False,
    days: Sequence[LedgerDay] = (),
) -> LimitWalk:
    """Walk from the reference in force when the trading day of `since` began.

    `since` None begins with the very first entry; nothing later than `until` is looked
    at. With `finds` the breaches of that trading day and later are found. `days` are
    the ledger's newest rows where they are known, all without `since`. A constant
    number of statements, and one for all days that must be walked entry by entry, a
    few times at most.
    """
    judged = None if since is None else portfolio.trading_day(since)
    begin = _begin(portfolio, history, judged)
    rows = list(days)
    if since is not None or not days:
        rows = _read_rows(portfolio, begin.day, until, days)
    events = _Events(portfolio, history, begin, until, finds=finds)
    finds_from = portfolio.day_start(judged) if judged else EARLIEST
    events.add_made(history)
    if finds:
        events.add_trades(history, begin, finds_from)
    return _walk(begin, rows, events, finds_from if finds else None)


def walk_day(portfolio: Portfolio, at: datetime) -> DayFigures:
    """The trading day up to `at`, by its changes and resumes.

    From each of them to the next at once; entry by entry where the day's first money,
    or a new run of units, comes within it, or a cash flow between closes behind one.
    """
    history, day = read_history(portfolio, at), portfolio.trading_day(at)
    account = _account_before(portfolio, day)
    limits = history.limits_at(portfolio.day_start(day) - MICROSECOND)
    begin = _Begin(day, account, limits, first_reference(limits, account, None))
    events = _Events(portfolio, history, begin, at, finds=True)
    walk = _walk_within(begin, events)
    if walk is None:
        walk = _walk(begin, _read_rows(portfolio, day, at, ()), events, None)
    assert walk.day is not None  # the day of `at` is walked at least
    return walk.day


def _walk_within(begin: _Begin, events: "_Events") -> LimitWalk | None:
    """Walk the one day of these events, entries between two of them at once.

    None where that does not say all.
    """
    portfolio, day = events.portfolio, begin.day
    assert day is not None
    whole = TradingDay(
        day=day,
        began_at=portfolio.day_start(day),
        ends_at=portfolio.day_start(day + ONE_DAY),
        events=events.events,
    )
    rows = roll_ledger(
        portfolio,
        begin.account,
        from_at=whole.began_at,
        until_at=events.until + MICROSECOND,
        cuts=sorted({event.at + MICROSECOND for event in events.events}),
    )
    between = [
        Entry(row.last_entry_at, row.account, row.high_closed is not None, row)
        for row in rows
    ]
    walk = LimitWalk(
        limits=begin.limits,
        reference=begin.reference,
        account=begin.account,
        opened_at=portfolio.created_at,
        open_at_start=events.open_at_start,
        ended_at=events.ended_at,
        currency=portfolio.currency,
    ).walk([replace(whole, events=[*between, *whole.events])])
    # A flow shows the value of before it, which raises nothing.
    first_at = min((event.at for event in events.events), default=END_OF_TIME)
    later = [row for row in rows if row.last_entry_at > first_at]
    is_mixed = any(
        row.high_closed is not None and any("flow" in event for event in row.events)
        for row in later
    )
    return None if walk.is_begun_within or is_mixed else walk


def _walk(
    begin: _Begin,
    rows: Sequence[LedgerDay],
    events: "_Events",
    finds_from: datetime | None,
) -> LimitWalk:
    portfolio, trading_days = events.portfolio, _trading_days(rows, events)
    first = [row.last_entry_at for row in rows[:1]]
    opened_at = min([portfolio.created_at, *first])
    entries: dict[date, Sequence[Entry]] = {}
    while True:
        walk = LimitWalk(
            limits=begin.limits,
            reference=begin.reference,
            account=begin.account,
            opened_at=opened_at,
            open_at_start=events.open_at_start,
            ended_at=events.ended_at,
            entries=entries,
            held_at=events.held_at,
            finds_from=finds_from,
            currency=portfolio.currency,
        ).walk(trading_days)
        if not walk.missing:
            return walk
        entries |= read_entries(portfolio, walk.missing, events.until)


def follows_peak(change: Changed, account: Account) -> bool:
    """Whether the reference is the peak of the ledger, as it is by default."""
    limits, reference = change.limits, change.reference
    return (
        reference is not None
        and (reference.set_at, reference.start, reference.peak) == (None, ONE, ONE)
        and limits.drawdown_mode is DrawdownMode.TRAILING_CLOSED
        and limits.floor_in is FloorIn.UNITS
        and limits.drawdown_locks_at is None
        and account.run == reference.run
    )


def _begin(portfolio: Portfolio, history: LimitHistory, day: date | None) -> _Begin:
    opening = history.opening
    assert opening.reference is not None  # an opening has one, as the database checks
    account = open_account(portfolio.opening_balance)
    if day is None:
        return _Begin(None, account, opening.limits, opening.reference)
    begins_at = portfolio.day_start(day)
    governing = history.newest_reference(begins_at)
    reference = governing.reference or opening.reference
    if governing is not opening:
        first = portfolio.trading_day(governing.at)
        before = _account_before(portfolio, first)
        return _Begin(first, before, governing.limits, reference)
    before = _account_before(portfolio, day)
    if not follows_peak(opening, before):
        return _Begin(None, account, opening.limits, opening.reference)
    limits = history.limits_at(begins_at - MICROSECOND)
    return _Begin(day, before, limits, replace(reference, peak=before.peak_unit_value))


def _account_before(portfolio: Portfolio, day: date) -> Account:
    row = last_day_before(portfolio, portfolio.first_part(day))
    return open_account(portfolio.opening_balance) if row is None else row.account


def _read_rows(
    portfolio: Portfolio,
    first: date | None,
    until: datetime | None,
    known: Sequence[LedgerDay],
) -> list[LedgerDay]:
    """The ledger's rows from a trading day on (None: all), in order.

    `known` are the newest ones.
    """
    part = None if first is None else portfolio.first_part(first)
    stored = days_since(portfolio, part)
    if until is not None:
        last = portfolio.day_part(until)
        stored = stored.filter(day__lte=last.day)
        stored = stored.exclude(day=last.day, part__gt=last.part)
    if known and part is not None and known[0].day_part <= part:
        return [row for row in known if row.day_part >= part]
    return list(stored.order_by("day", "part"))


class _Events:
    """What happened besides the ledger's entries from the beginning of a walk on."""

    def __init__(
        self,
        portfolio: Portfolio,
        history: LimitHistory,
        begin: _Begin,
        until: datetime | None,
        *,
        finds: bool,
    ) -> None:
        self.portfolio = portfolio
        self.from_at = EARLIEST if begin.day is None else portfolio.day_start(begin.day)
        self.is_past, self.until = until is not None, until or END_OF_TIME
        in_play = (begin.limits, *(change.limits for change in history.changes))
        changes = [one for one in history.changes if one.at >= self.from_at]
        was_halted = finds and portfolio.last_halted_at is not None
        is_anew = was_halted or any(change.of_present for change in changes)
        looks_at_marks = is_anew or _any_marks(in_play) or (finds and self.is_past)
        marks = self._read_marks() if looks_at_marks else []
        self.starts = [mark for mark in marks if mark.role is MarkRole.DAY_START]
        others = [mark for mark in marks if mark.role is not MarkRole.DAY_START]
        resumes = self._read_resumes() if was_halted else []
        both: list[Event] = [*changes, *others, *resumes]
        self.events = [one for one in both if self.from_at <= one.at <= self.until]
        self.ended_at = _read_ends(marks)
        in_money = any(limits.floor_in is FloorIn.MONEY for limits in in_play)
        self.flow_days = self._read_flow_days() if finds and in_money else set()
        self.held_at: Mapping[datetime, Sequence[Made]] = {}

    def add_made(self, history: LimitHistory) -> None:
        """Add what was open at references of the present value."""
        self.held_at = read_made(
            self.portfolio,
            [
                change.at
                for change in history.changes
                if change.of_present and change.at >= self.from_at
            ],
        )

    def add_trades(
        self, history: LimitHistory, begin: _Begin, finds_from: datetime
    ) -> None:
        """Add what the rules of the days from there on count."""
        in_play = [begin.limits, *(change.limits for change in history.changes)]
        traded = read_traded(self.portfolio, in_play, finds_from)
        self.events += [one for one in traded if one.at <= self.until]

    def _read_flow_days(self) -> set[date]:
        flows = self.portfolio.cash_flows.filter(
            voided_at=None, flowed_at__gte=self.from_at, flowed_at__lte=self.until
        )
        times = flows.values_list("flowed_at", flat=True)
        return {self.portfolio.trading_day(at) for at in times}

    def _read_marks(self) -> list[Marked]:
        waits_since = self.portfolio.pending_high_at
        over = Q(role=MarkRole.PENDING) & ~Q(at=waits_since or END_OF_TIME)
        stored = LimitMark.objects.filter(
            portfolio=self.portfolio, at__gte=self.from_at
        ).exclude(over)
        marks = list(stored.order_by("at", "limit_mark_id"))
        if self.portfolio.suspected_at is not None:  # the newest waits for another one
            breaches = [mark for mark in marks if mark.role == MarkRole.BREACH]
            marks = [mark for mark in marks if mark not in breaches[-1:]]
        return [one for mark in marks for one in _marked(mark)]

    def _read_resumes(self) -> list[Event]:
        """Resumes, by the halts that they ended."""
        halts = TradingHalt.objects.filter(
            portfolio=self.portfolio, resumed_at__gte=self.from_at
        ).order_by("halt_id")
        resumed: dict[datetime, list[TradingHalt]] = {}
        for halt in halts:
            assert halt.resumed_at is not None  # by the filter
            resumed.setdefault(halt.resumed_at, []).append(halt)
        return [
            Resumed(
                at=at,
                keys=tuple(halt.halt_id for halt in ended),
                unit_value=ended[0].resumed_unit_value or ZERO,
            )
            for at, ended in resumed.items()
        ]

    def open_at_start(self, day: date) -> Marked | None:
        """What open trades had made when the day began, as far as marks are known.

        Marks are stored where a day's first one comes: until then all stood as before.
        """
        portfolio, began_at = self.portfolio, self.portfolio.day_start(day)
        later = bisect_left(self.starts, began_at, key=lambda mark: mark.at)
        if later < len(self.starts):
            return self.starts[later]
        if portfolio.revalued_day is None:
            return None
        is_past = day <= portfolio.revalued_day
        return Marked(
            began_at,
            portfolio.midnight_unrealized_pnl if is_past else portfolio.unrealized_pnl,
            MarkRole.DAY_START,
        )

    @property
    def days(self) -> set[date]:
        """The trading days on which anything happened, or marks came."""
        times = [event.at for event in self.events]
        times += [mark.at for mark in self.starts if mark.at <= self.until]
        return {self.portfolio.trading_day(at) for at in times}


def _any_marks(in_play: Iterable[Limits]) -> bool:
    return any(
        limits.drawdown_mode is DrawdownMode.TRAILING
        or limits.daily_loss_limit_pct is not None
        or needs_day_start(limits)
        for limits in in_play
    )


def _marked(mark: LimitMark) -> Iterator[Marked]:
    """A stored mark; of a live high both."""
    if mark.first_at is not None and mark.first_by_trade is not None:
        made, waited = _by_key(mark.first_by_trade), MarkRole.PENDING
        yield Marked(mark.first_at, mark.first_open_pnl, waited, made)
    role = MarkRole(mark.role)
    waits = role is MarkRole.PENDING
    yield Marked(mark.at, mark.open_pnl, role, _by_key(mark.by_trade), waits)


def _by_key(by_trade: Mapping[str, str]) -> dict[int, Decimal]:
    return {int(key): Decimal(made) for key, made in by_trade.items()}


def _read_ends(marks: Sequence[Marked]) -> dict[int, datetime]:
    """When the trades of stored marks ended, by their keys; void ones never were."""
    keys = {key for mark in marks for key in mark.by_trade}
    if not keys:
        return {}
    trades = TradeEntry.objects.filter(trade_id__in=keys)
    ended_at = {one.trade_id: one.ended_at for one in trades}
    ends = {key: ended_at.get(key, EARLIEST) for key in keys}
    return {key: at for key, at in ends.items() if at is not None}


def _trading_days(rows: Sequence[LedgerDay], events: _Events) -> list[TradingDay]:
    """The days on which anything happened, in order, and the one that holds the end."""
    portfolio, is_past = events.portfolio, events.is_past
    is_split = portfolio.day_starts_at != time.min

    def label(row: LedgerDay) -> date:
        in_next = is_split and row.part == 0
        return row.day - ONE_DAY if in_next else row.day

    by_day = {day: list(group) for day, group in groupby(rows, key=label)}
    by_event: dict[date, list[Event]] = {}
    for event in events.events:
        by_event.setdefault(portfolio.trading_day(event.at), []).append(event)
    last = events.until if is_past else portfolio.last_entry_at
    ends = {portfolio.trading_day(last)} if last is not None else set()
    if not is_past and portfolio.revalued_day is not None:
        ends.add(portfolio.revalued_day)
    return [
        TradingDay(
            day=day,
            began_at=portfolio.day_start(day),
            ends_at=portfolio.day_start(day + ONE_DAY),
            rows=(found := by_day.get(day, [])),
            events=by_event.get(day, ()),
            is_cut=any(row.last_entry_at > events.until for row in found),
            has_flows=day in events.flow_days,
        )
        for day in sorted(by_day.keys() | events.days | ends)
    ]


ACCOUNT = {
    "equity": "numeric",
    "units": "numeric",
    "unit_value": "numeric",
    "run": "int",
    "realized_pnl": "numeric",
    "peak_unit_value": "numeric",
    "carried": "numeric",
    "redeemed_value": "numeric",
}
# Entry by entry, of all the days at once, each from the account it began with.
ENTRIES = f"""
SELECT d.day, {", ".join(f"w.{name}" for name in WALKED)}
FROM unnest(
    %(days)s::date[], %(from_ats)s::timestamptz[], %(until_ats)s::timestamptz[]
) WITH ORDINALITY AS d(day, from_at, until_at, n)
JOIN {table_of("", ACCOUNT)} WITH ORDINALITY AS a({", ".join(ACCOUNT)}, n) USING (n)
CROSS JOIN LATERAL walk_ledger(
    %(portfolio_id)s, d.from_at, d.until_at, '0001-01-01', '{{}}', true, false, true,
    a.equity, a.units, a.unit_value, a.run, a.realized_pnl, a.peak_unit_value,
    a.carried, a.redeemed_value
) WITH ORDINALITY AS w(day, {", ".join(WALKED)}, events, n)
ORDER BY d.n, w.n
"""


def read_entries(
    portfolio: Portfolio, days: dict[date, Account], until: datetime
) -> dict[date, Sequence[Entry]]:
    """The entries of these trading days, from the account before each."""
    latest = until if until == END_OF_TIME else until + MICROSECOND
    ends = [min(portfolio.day_start(day + ONE_DAY), latest) for day in days]
    parameters: dict[str, Any] = {
        "portfolio_id": portfolio.portfolio_id,
        "days": list(days),
        "from_ats": [portfolio.day_start(day) for day in days],
        "until_ats": ends,
        **arrays_of("", ACCOUNT, list(days.values())),
    }
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES, parameters)
        rows = cursor.fetchall()
    entries: dict[date, list[Entry]] = {day: [] for day in days}
    before = dict(days)
    for day, *figures in rows:
        row = LedgerDay(**dict(zip(WALKED, figures, strict=True)))
        account, last = row.account, before[day]
        moved = account.equity - last.equity
        is_close = moved == account.realized_pnl - last.realized_pnl
        entries[day].append(Entry(row.last_entry_at, account, is_close))
        before[day] = account
    return dict(entries)
