"""The figures of past times: from the local days that are kept, and by walking."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from django.db import DatabaseError, connection

from goals.decisions.accounting import Account, open_account
from goals.decisions.periods import local_day, local_midnight
from goals.decisions.progress import PortfolioFigures
from goals.models import LedgerDay, Portfolio
from goals.services.figures import arrays_of, table_of
from mastertrade.values.exceptions import DomainError, InsufficientEquity, OutOfRange

ONE_DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
# Of the tables behind the view, for then their indexes answer.
BOUNDS = """
SELECT least(t.first_at, f.first_at), greatest(t.last_at, f.last_at)
FROM (
    SELECT min(exit_time) AS first_at, max(exit_time) AS last_at FROM trades
    WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
      AND exit_time >= %(from_at)s AND exit_time < %(until_at)s
) t, (
    SELECT min(flowed_at) AS first_at, max(flowed_at) AS last_at FROM cash_flows
    WHERE portfolio_id = %(portfolio_id)s AND voided_at IS NULL
      AND flowed_at >= %(from_at)s AND flowed_at < %(until_at)s
) f
"""
FIGURES = {
    "day": "date",
    "last_entry_at": "timestamptz",
    "entries": "int",
    "equity": "numeric",
    "units": "numeric",
    "unit_value": "numeric",
    "unit_run": "int",
    "realized_pnl": "numeric",
    "peak_unit_value": "numeric",
    "carried": "numeric",
    "redeemed_value": "numeric",
    "high_equity": "numeric",
    "high_unit_value": "numeric",
    "high_realized_pnl": "numeric",
    "low_unit_value": "numeric",
    "high_closed": "numeric",
    "low_closed": "numeric",
}
WALK = f"""
SELECT {", ".join(FIGURES)}, events
FROM walk_ledger(
    %(portfolio_id)s, %(from_at)s, %(until_at)s, %(first_day)s,
    %(midnights)s::timestamptz[], %(each_entry)s, %(strict)s, %(in_steps)s,
    %(equity)s, %(units)s, %(unit_value)s, %(run)s, %(realized_pnl)s,
    %(peak_unit_value)s, %(carried)s, %(redeemed_value)s
)
"""
# What `walk_ledger` raises, and the database where a figure leaves its column.
REFUSALS: dict[str, type[DomainError]] = {
    "MT001": InsufficientEquity,
    "MT002": OutOfRange,
    "22003": OutOfRange,
}
SAVE_DAYS = f"""
INSERT INTO ledger_days (portfolio_id, {", ".join(FIGURES)})
SELECT %(portfolio_id)s, * FROM {table_of("", FIGURES)}
"""


def read_ledger_at(portfolio: Portfolio, at: datetime) -> PortfolioFigures:
    """The figures right after the last entry up to and including `at`.

    Open positions are not valued at a past time: live equity there is the realised.
    """
    days = newest_days(portfolio, local_day(at, portfolio.time_zone))
    account = account_at(portfolio, at, days)
    return PortfolioFigures(
        account.unit_value, account.realized_pnl, account.equity, account.run
    )


def read_ledger_before(portfolio: Portfolio, at: datetime) -> PortfolioFigures:
    """The figures right before `at`: what a period that starts then starts from."""
    return read_ledger_at(portfolio, at - MICROSECOND)


def newest_days(portfolio: Portfolio, day: date) -> list[LedgerDay]:
    """The two newest local days up to `day` on which anything was booked."""
    kept = LedgerDay.objects.filter(portfolio=portfolio, day__lte=day)
    return list(kept.order_by("-day")[:2])


def days_between(
    days: Sequence[LedgerDay], first: date, last: date | None
) -> Sequence[LedgerDay]:
    """Those of the days, which are in order, from `first` to `last` (None: all)."""
    begin = bisect_left(days, first, key=lambda kept: kept.day)
    if last is None:
        return days[begin:]
    return days[begin : bisect_right(days, last, key=lambda kept: kept.day)]


def account_at(portfolio: Portfolio, at: datetime, days: list[LedgerDay]) -> Account:
    """The account right after the last entry up to and including `at`.

    `days` are the `newest_days` up to the local day of `at`; only inside the newest of
    them is anything walked.
    """
    if days and days[0].last_entry_at <= at:
        return days[0].account
    day = local_day(at, portfolio.time_zone)
    before = account_at_midnight(portfolio, day, days)
    if not days:
        return before
    midnight = local_midnight(day, portfolio.time_zone)
    until_at = at + MICROSECOND
    walked = roll_ledger(portfolio, before, from_at=midnight, until_at=until_at)
    return walked[-1].account if walked else before


def account_at_midnight(
    portfolio: Portfolio, day: date, days: list[LedgerDay]
) -> Account:
    """The account when the local day began, from its `newest_days`."""
    before = [kept for kept in days if kept.day < day]
    return before[0].account if before else open_account(portfolio.opening_balance)


def last_day_before(portfolio: Portfolio, day: date) -> LedgerDay | None:
    """The newest local day before `day` on which anything was booked."""
    kept = LedgerDay.objects.filter(portfolio=portfolio, day__lt=day)
    return kept.order_by("-day").first()


def roll_ledger(
    portfolio: Portfolio,
    account: Account,
    *,
    from_at: datetime | None = None,
    until_at: datetime | None = None,
    each_entry: bool = False,
    strict: bool = True,
) -> list[LedgerDay]:
    """Walk the ledger from `account` on; the figures of each local day, unsaved.

    `from_at` is a local midnight (None: the very first), `until_at` excluded; with
    `each_entry` there is one row an entry instead. Raises `InsufficientEquity` where
    a withdrawal turns out to be above the equity (which is ruin if not `strict`),
    `OutOfRange` beyond the columns.
    """
    bounds: dict[str, Any] = {
        "portfolio_id": portfolio.portfolio_id,
        "from_at": from_at or "-infinity",
        "until_at": until_at or "infinity",
    }
    with connection.cursor() as cursor:
        cursor.execute(BOUNDS, bounds)
        first_at, last_at = cursor.fetchone()
        if first_at is None:
            return []
        days = _local_days(portfolio.time_zone, from_at or first_at, last_at)
        parameters = {
            **bounds,
            "first_day": days[0],
            "midnights": [local_midnight(day, portfolio.time_zone) for day in days[1:]],
            "each_entry": each_entry,
            "strict": strict,
            "in_steps": each_entry or account.equity <= 0,
            "equity": account.equity,
            "units": account.units,
            "unit_value": account.unit_value,
            "run": account.run,
            "realized_pnl": account.realized_pnl,
            "peak_unit_value": account.peak_unit_value,
            "carried": account.carried,
            "redeemed_value": account.redeemed_value,
        }
        with refusing_bad_bookings():
            rows = _walk(cursor, parameters)
    walked = []
    for *figures, events in rows:
        row = LedgerDay(portfolio=portfolio, **dict(zip(FIGURES, figures, strict=True)))
        row.events = json.loads(events)
        walked.append(row)
    return walked


def _walk(cursor: Any, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The quick way, or the other where the equity turns out to have been spent."""
    cursor.execute(WALK, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    if not rows or rows[-1][0] is not None:
        return rows
    cursor.execute(WALK, {**parameters, "in_steps": True})
    again: list[tuple[Any, ...]] = cursor.fetchall()
    return again


@contextmanager
def refusing_bad_bookings() -> Iterator[None]:
    """Turn what the database refuses about a booking into the domain's errors."""
    try:
        yield
    except DatabaseError as failure:
        cause = failure.__cause__
        refusal = REFUSALS.get(getattr(cause, "sqlstate", None) or "")
        if not isinstance(cause, psycopg.Error) or refusal is None:
            raise
        raise refusal(cause.diag.message_primary or str(cause)) from failure


def _local_days(time_zone: str, first_at: datetime, last_at: datetime) -> list[date]:
    first, last = local_day(first_at, time_zone), local_day(last_at, time_zone)
    return [first + ONE_DAY * n for n in range((last - first).days + 1)]


def save_days(
    portfolio: Portfolio, days: list[LedgerDay], from_day: date | None
) -> None:
    """Put these days in the place of those kept from `from_day` on (None: of all)."""
    kept = LedgerDay.objects.filter(portfolio=portfolio)
    if from_day is not None:
        kept = kept.filter(day__gte=from_day)
    kept.delete()
    if not days:
        return
    columns = arrays_of("", FIGURES, days)
    with connection.cursor() as cursor, refusing_bad_bookings():
        cursor.execute(SAVE_DAYS, {"portfolio_id": portfolio.portfolio_id, **columns})
