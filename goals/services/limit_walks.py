"""Walks of a portfolio's limits over past trading days (`goals.decisions.limit_walk`).

Their cost does not grow with the trades of days on which no limit can have been
reached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from itertools import groupby

from goals.decisions.accounting import Account, open_account
from goals.decisions.limit_events import Entry, Event, TradingDay
from goals.decisions.limit_state import OpenProfits
from goals.decisions.limit_walk import LimitWalk
from goals.decisions.limits import DayFigures, first_reference
from goals.decisions.periods import MICROSECOND, ONE_DAY
from goals.models import LedgerDay, Portfolio
from goals.services.day_entries import read_entries
from goals.services.days import days_since, last_day_before, roll_ledger
from goals.services.limit_events import EARLIEST, END_OF_TIME, Begin, LimitEvents
from goals.services.limit_history import LimitHistory, follows_peak, read_history


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
    events = LimitEvents(portfolio, history, begin, until, finds=finds)
    events.add_made()
    finds_from = None
    if finds:
        finds_from = EARLIEST if judged is None else portfolio.day_start(judged)
        events.add_trades(finds_from)
    return _walk(begin, rows, events, finds_from)


def _begin(portfolio: Portfolio, history: LimitHistory, day: date | None) -> Begin:
    opening = history.opening
    assert opening.reference is not None  # an opening has one, as the database checks
    account = open_account(portfolio.opening_balance)
    if day is None:
        return Begin(None, account, opening.limits, opening.reference)
    begins_at = portfolio.day_start(day)
    governing = history.newest_reference(begins_at)
    reference = governing.reference or opening.reference
    if governing is not opening:
        first = portfolio.trading_day(governing.at)
        before = _account_before(portfolio, first)
        return Begin(first, before, governing.limits, reference)
    before = _account_before(portfolio, day)
    if not follows_peak(opening, before):
        return Begin(None, account, opening.limits, opening.reference)
    limits = history.limits_at(begins_at - MICROSECOND)
    return Begin(day, before, limits, replace(reference, peak=before.peak_unit_value))


def _account_before(portfolio: Portfolio, day: date) -> Account:
    row = last_day_before(portfolio, portfolio.first_part(day))
    return open_account(portfolio.opening_balance) if row is None else row.account


def _read_rows(
    portfolio: Portfolio,
    first: date | None,
    until: datetime | None,
    known: Sequence[LedgerDay] = (),
) -> list[LedgerDay]:
    """The ledger's rows from a trading day on (None: all), in order.

    `known` are the newest ones.
    """
    part = None if first is None else portfolio.first_part(first)
    if known and part is not None and known[0].day_part <= part:
        return [row for row in known if row.day_part >= part]
    stored = days_since(portfolio, part)
    if until is not None:
        last = portfolio.day_part(until)
        stored = stored.filter(day__lte=last.day)
        stored = stored.exclude(day=last.day, part__gt=last.part)
    return list(stored.order_by("day", "part"))


def _walk(
    begin: Begin,
    rows: Sequence[LedgerDay],
    events: LimitEvents,
    finds_from: datetime | None,
) -> LimitWalk:
    trading_days = _trading_days(rows, events)
    opened_at = min([events.portfolio.created_at, *(r.last_entry_at for r in rows[:1])])
    entries: dict[date, Sequence[Entry]] = {}
    while True:
        walk = _new_walk(begin, events, opened_at, entries, finds_from)
        if not walk.walk(trading_days).missing:
            return walk
        entries |= read_entries(events.portfolio, walk.missing, events.until)


def _new_walk(
    begin: Begin,
    events: LimitEvents,
    opened_at: datetime,
    entries: Mapping[date, Sequence[Entry]],
    finds_from: datetime | None = None,
) -> LimitWalk:
    return LimitWalk(
        limits=begin.limits,
        reference=begin.reference,
        account=begin.account,
        opened_at=opened_at,
        open_profits=OpenProfits(events.open_at_start, events.ended_at),
        entries=entries,
        held_at=events.held_at,
        finds_from=finds_from,
        currency=events.portfolio.currency,
    )


def _trading_days(rows: Sequence[LedgerDay], events: LimitEvents) -> list[TradingDay]:
    """The days on which anything happened, in order, and the one that holds the end."""
    portfolio = events.portfolio
    is_split = portfolio.day_starts_at != time.min

    def label(row: LedgerDay) -> date:
        in_next = is_split and row.part == 0
        return row.day - ONE_DAY if in_next else row.day

    by_day = {day: list(group) for day, group in groupby(rows, key=label)}
    by_event: dict[date, list[Event]] = {}
    for event in events.events:
        by_event.setdefault(portfolio.trading_day(event.at), []).append(event)
    last = events.until if events.is_past else portfolio.last_entry_at
    ends = {portfolio.trading_day(last)} if last is not None else set()
    if not events.is_past and portfolio.revalued_day is not None:
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
        for day in sorted(by_day.keys() | by_event.keys() | events.start_days | ends)
    ]


# One day, for the figures that its rules are judged by


def walk_day(portfolio: Portfolio, at: datetime) -> DayFigures:
    """The trading day up to `at`, by its changes and resumes.

    From each of them to the next at once; entry by entry where the day's first money,
    or a new run of units, comes within it, or a cash flow between closes behind one.
    """
    history, day = read_history(portfolio, at), portfolio.trading_day(at)
    account = _account_before(portfolio, day)
    limits = history.limits_at(portfolio.day_start(day) - MICROSECOND)
    begin = Begin(day, account, limits, first_reference(limits, account))
    events = LimitEvents(portfolio, history, begin, at, finds=True)
    walk = _walk_within(begin, day, events)
    if walk is None:
        walk = _walk(begin, _read_rows(portfolio, day, at), events, None)
    return walk.day


def _walk_within(begin: Begin, day: date, events: LimitEvents) -> LimitWalk | None:
    """Walk the day of these events, entries between two of them at once.

    None where that does not say all.
    """
    portfolio, began_at = events.portfolio, events.from_at
    rows = roll_ledger(
        portfolio,
        begin.account,
        from_at=began_at,
        until_at=events.until + MICROSECOND,
        cuts=sorted({event.at + MICROSECOND for event in events.events}),
    )
    between = [
        Entry(row.last_entry_at, row.account, row.high_closed is not None, row)
        for row in rows
    ]
    whole = TradingDay(
        day=day,
        began_at=began_at,
        ends_at=portfolio.day_start(day + ONE_DAY),
        events=[*between, *events.events],
    )
    walk = _new_walk(begin, events, portfolio.created_at, {}).walk([whole])
    # A flow shows the value of before it, which raises nothing.
    first_at = min((event.at for event in events.events), default=END_OF_TIME)
    is_mixed = any(
        row.high_closed is not None and any("flow" in event for event in row.events)
        for row in rows
        if row.last_entry_at > first_at
    )
    return None if walk.is_begun_within or is_mixed else walk
