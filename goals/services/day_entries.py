"""The ledger's entries of whole days, each with the account after it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection

from goals.decisions.accounting import Account
from goals.decisions.limit_events import Entry
from goals.decisions.periods import MICROSECOND, ONE_DAY
from goals.models import LedgerDay, Portfolio
from goals.services.days import WALKED
from goals.services.figures import arrays_of, table_of

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
    newest = [
        min(portfolio.day_start(day + ONE_DAY) - MICROSECOND, until) for day in days
    ]
    parameters: dict[str, Any] = {
        "portfolio_id": portfolio.portfolio_id,
        "days": list(days),
        "from_ats": [portfolio.day_start(day) for day in days],
        "until_ats": [at + MICROSECOND for at in newest],
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
