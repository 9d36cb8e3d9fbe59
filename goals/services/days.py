"""The figures of past times: from the local days that are stored, and by walking.

A row of them is a local day, or a part of it: see `goals.decisions.periods.DayPart`.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from django.db import DatabaseError, connection
from django.db.models import QuerySet

from goals.decisions.accounting import Account, open_account
from goals.decisions.periods import MICROSECOND, DayPart, following_part
from goals.decisions.progress import PortfolioFigures
from goals.models import LedgerDay, Portfolio
from goals.services.figures import ACCOUNT_FIGURES, arrays_of, table_of
from mastertrade.values.exceptions import DomainError, InsufficientEquity, OutOfRange

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
    "part": "int",
    "last_entry_at": "timestamptz",
    "entries": "int",
    **ACCOUNT_FIGURES,
    "high_equity": "numeric",
    "high_unit_value": "numeric",
    "high_realized_pnl": "numeric",
    "low_unit_value": "numeric",
    "high_closed": "numeric",
    "low_closed": "numeric",
}
# The walk labels its parts of days by consecutive dates.
FIRST_LABEL = date(1, 1, 1)
WALKED = [name for name in FIGURES if name not in {"day", "part"}]
WALK = f"""
SELECT day, {", ".join(WALKED)}, events
FROM walk_ledger(
    %(portfolio_id)s, %(from_at)s, %(until_at)s, %(first_day)s,
    %(midnights)s::timestamptz[], %(each_entry)s, %(strict)s, %(in_steps)s,
    %(equity)s, %(units)s, %(unit_value)s, %(run)s, %(realized_pnl)s,
    %(peak_unit_value)s, %(carried)s, %(redeemed_value)s
)
"""
# A row without a day says that the walk has to be made in steps.
ONLY = "WHERE day IS NULL OR day = ANY(%(labels)s)"
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


@dataclass(frozen=True, slots=True)
class LowestFigure:
    """A high of ledger rows, by name, and what it is at least in those asked for."""

    name: str
    bound: Decimal

    def is_passed_by(self, row: LedgerDay) -> bool:
        return bool(getattr(row, self.name) >= self.bound)


@dataclass(frozen=True, slots=True)
class OnlyRows:
    """Of a walk, the rows of these parts of days, with a figure of at least so much."""

    parts: Sequence[DayPart]
    at_least: LowestFigure | None = None


def read_ledger_at(portfolio: Portfolio, at: datetime) -> PortfolioFigures:
    """The figures right after the last entry up to and including `at`.

    Open positions are not valued at a past time: live equity there is the realised.
    """
    days = newest_days(portfolio, at)
    account = account_at(portfolio, at, days)
    return PortfolioFigures(
        account.unit_value, account.realized_pnl, account.equity, account.run
    )


def read_ledger_before(portfolio: Portfolio, at: datetime) -> PortfolioFigures:
    """The figures right before `at`: what a period that starts then starts from."""
    return read_ledger_at(portfolio, at - MICROSECOND)


def newest_days(portfolio: Portfolio, at: datetime) -> list[LedgerDay]:
    """The newest rows of days up to the one that holds `at`.

    Three: that one, the other part of its trading day, and one before that day.
    """
    return list(_up_to(portfolio, portfolio.day_part(at))[:3])


def _up_to(portfolio: Portfolio, part: DayPart) -> QuerySet[LedgerDay]:
    stored = LedgerDay.objects.filter(portfolio=portfolio, day__lte=part.day)
    return stored.exclude(day=part.day, part__gt=part.part).order_by("-day", "-part")


def days_since(portfolio: Portfolio, part: DayPart | None) -> QuerySet[LedgerDay]:
    """The rows of days from this part on (None: all)."""
    stored = LedgerDay.objects.filter(portfolio=portfolio)
    if part is None:
        return stored
    return stored.filter(day__gte=part.day).exclude(day=part.day, part__lt=part.part)


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

    `days` are the `newest_days` up to `at`; only inside the newest of them is anything
    walked.
    """
    if days and days[0].last_entry_at <= at:
        return days[0].account
    part = portfolio.day_part(at)
    before = account_before(portfolio, part, days)
    if not days:
        return before
    from_at, until_at = portfolio.part_start(part), at + MICROSECOND
    walked = roll_ledger(portfolio, before, from_at=from_at, until_at=until_at)
    return walked[-1].account if walked else before


def account_before(
    portfolio: Portfolio, part: DayPart, days: Iterable[LedgerDay]
) -> Account:
    """The account when this part of a day began, from rows in falling order."""
    before = next((row for row in days if row.day_part < part), None)
    return open_account(portfolio.opening_balance) if before is None else before.account


def last_day_before(portfolio: Portfolio, part: DayPart) -> LedgerDay | None:
    """The newest row before this part of a day."""
    return _up_to(portfolio, part).exclude(day=part.day, part=part.part).first()


def roll_ledger(
    portfolio: Portfolio,
    account: Account,
    *,
    from_at: datetime | None = None,
    until_at: datetime | None = None,
    each_entry: bool = False,
    strict: bool = True,
    cuts: Sequence[datetime] | None = None,
    only: OnlyRows | None = None,
) -> list[LedgerDay]:
    """Walk the ledger from `account` on; the rows of its days, unsaved.

    `from_at` is where a part of a day begins (None: the very first), `until_at` is
    excluded; with `each_entry` there is one row an entry instead, and with `cuts` (in
    order) one from each of these times to the next; `only` these of them. Raises
    `InsufficientEquity` where a withdrawal turns out to be above the equity (which is
    ruin if not `strict`), `OutOfRange` beyond the columns.
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
        starts = cuts
        if starts is None:
            parts = _parts(portfolio, from_at or first_at, last_at)
            starts = [portfolio.part_start(part) for part in parts[1:]]
        parameters = {
            **bounds,
            "first_day": FIRST_LABEL,
            "midnights": list(starts),
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
        statement = WALK
        if only is not None:
            wanted = set(only.parts)
            parameters["labels"] = [
                FIRST_LABEL + timedelta(days=n)
                for n, part in enumerate(parts)
                if part in wanted
            ]
            statement += ONLY
            if only.at_least is not None:
                parameters["at_least"] = only.at_least.bound
                statement += f" AND {only.at_least.name} >= %(at_least)s"
        with refusing_bad_bookings():
            rows = _walk(cursor, statement, parameters)
    walked = []
    for label, *figures, events in rows:
        values = dict(zip(WALKED, figures, strict=True))
        if cuts is None:
            day, part = parts[(label - FIRST_LABEL).days]
        else:
            day, part = portfolio.day_part(values["last_entry_at"])
        row = LedgerDay(portfolio=portfolio, day=day, part=part, **values)
        row.events = json.loads(events)
        walked.append(row)
    return walked


def _walk(
    cursor: Any, statement: str, parameters: dict[str, Any]
) -> list[tuple[Any, ...]]:
    """The quick way, or the other where the equity turns out to have been spent."""
    cursor.execute(statement, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    if not rows or rows[-1][0] is not None:
        return rows
    cursor.execute(statement, {**parameters, "in_steps": True})
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


def _parts(
    portfolio: Portfolio, first_at: datetime, last_at: datetime
) -> list[DayPart]:
    """The parts of days from one that holds an instant to one that holds another."""
    part, last = portfolio.day_part(first_at), portfolio.day_part(last_at)
    parts = [part]
    while part < last:
        part = following_part(part, portfolio.day_starts_at)
        parts.append(part)
    return parts


def save_days(
    portfolio: Portfolio, days: list[LedgerDay], since: DayPart | None
) -> None:
    """Put these rows in the place of those stored from a part on (None: of all)."""
    days_since(portfolio, since).delete()
    if not days:
        return
    columns = arrays_of("", FIGURES, days)
    with connection.cursor() as cursor, refusing_bad_bookings():
        cursor.execute(SAVE_DAYS, {"portfolio_id": portfolio.portfolio_id, **columns})
