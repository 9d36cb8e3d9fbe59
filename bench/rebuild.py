"""Rebuilding a portfolio of 1,000,000 entries, against the bare window query."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.people import STRATEGY, TRADES, make_trader, vacuum
from bench.rows import Row, Target
from bench.timing import in_turn, show, timed
from goals.models import Portfolio
from goals.services.rebuilding import rebuild_ledger
from trades.booking.reconcile import find_drift

ENTRIES = 1_000_000
PAIRS = 4
REACH = Target(0.5, at_least=True)
# As far apart as a day trader's: about 1,700 local days. One deposit in a thousand.
SPREAD = TRADES.format(profit="n %% 21 - 10", apart="interval '150 seconds'")
FLOWS = """
INSERT INTO cash_flows
    (portfolio_id, amount, flowed_at, request_fingerprint, created_at, created_by,
     updated_by, void_reason)
SELECT %(portfolio_id)s, 100, %(until)s - interval '1 second' * 150 * 1000 * n, '',
       %(until)s, '', '', ''
FROM generate_series(1, %(flows)s) n
"""
# The least that running figures of every entry can cost: read in order, summed up,
# with the highest so far; nothing is rounded, judged or written.
BARE = """
SELECT max(equity), max(peak), max(entries) FROM (
    SELECT sum(amount) OVER along AS equity, max(amount) OVER along AS peak,
           count(*) OVER along AS entries
    FROM ledger_entries WHERE portfolio_id = %(portfolio_id)s
    WINDOW along AS (ORDER BY effective_at, entry_id ROWS UNBOUNDED PRECEDING)
) running
"""


def measure() -> Iterator[Row]:
    until = timezone.now()
    trader = make_trader("rebuild", since=until - timedelta(days=30))
    values: dict[str, Any] = {
        "user_id": trader.user.username,
        "portfolio_id": trader.portfolio.portfolio_id,
        "strategy_id": STRATEGY,
        "trades": ENTRIES,
        "flows": ENTRIES // 1000,
        "until": until,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE trades DISABLE TRIGGER trades_log_change")
        for statement in (SPREAD, FLOWS):
            cursor.execute(statement, values)
        cursor.execute("ALTER TABLE trades ENABLE TRIGGER trades_log_change")
    vacuum("trades", "cash_flows")
    key = trader.portfolio.portfolio_id
    _rebuild(key, until)
    pair = in_turn(
        lambda: timed(lambda: _rebuild(key, until)),
        lambda: timed(lambda: _bare(values)),
        times=PAIRS,
        warm_up=1,
    )
    assert not list(find_drift([key]))
    yield Row(
        f"rebuild of {ENTRIES:,} entries, against the bare window query",
        show(pair.ours),
        show(pair.floor),
        pair.reach,
        REACH,
    )


@transaction.atomic
def _rebuild(portfolio_id: int, now: datetime) -> None:
    portfolio = Portfolio.objects.locked().get(pk=portfolio_id)
    rebuild_ledger(portfolio, since=None, now=now, reason="measured")


def _bare(values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(BARE, values)
        cursor.fetchone()
