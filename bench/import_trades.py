"""Importing 1,000,000 trades, against COPY of the finished rows into an equal table."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.db import connection
from django.utils import timezone

from bench.copying import copy_in, copy_out, import_apart, run
from bench.people import STRATEGY, make_trader
from bench.processes import MEGABYTE
from bench.rows import Row, Target
from bench.timing import in_turn, show, timed

TRADES = 1_000_000
PAIRS = 2
REACH = Target(0.4, at_least=True)
MEMORY = Target(300, at_least=False, unit=" MB")
# As `export_trades` writes them: one every three minutes, of some symbols, with fees.
FILE = """
COPY (
    SELECT 'order-' || n AS external_id,
           (ARRAY['BTCUSDT', 'ETHUSDT', 'SOLUSDT'])[n %% 3 + 1] AS symbol,
           CASE WHEN n %% 2 = 0 THEN 'LONG' ELSE 'SHORT' END AS side,
           quantity, entry_price, closed_at - interval '2 hours' AS entry_time,
           exit_price, closed_at AS exit_time,
           round_money((exit_price - entry_price) * quantity
               * CASE WHEN n %% 2 = 0 THEN 1 ELSE -1 END - 0.02) AS profit_loss,
           0.01 AS entry_fees, 0.01 AS exit_fees, NULL AS funding, NULL AS leverage,
           NULL AS stop_price, %(strategy_id)s AS strategy_id,
           'USD' AS quote_currency, 'USD' AS fee_currency, NULL AS fx_rate,
           NULL AS fee_fx_rate, NULL AS exit_fee_fx_rate, NULL AS parent_external_id,
           NULL AS entry_notional, NULL AS unbooked_profit
    FROM (
        SELECT n, 0.00000001 * (n * 7919 %% 9999999 + 1) AS quantity,
               50000 + 0.01 * (n * 104729 %% 1000000) AS entry_price,
               50000 + 0.01 * (n * 1299709 %% 1000000) AS exit_price,
               %(until)s - interval '3 minutes' * (%(trades)s - n) AS closed_at
        FROM generate_series(1::bigint, %(trades)s) n
    ) made
) TO STDOUT (FORMAT csv, HEADER)
"""
EMPTY = "TRUNCATE trades, ledger_days CASCADE"
EQUAL = "CREATE TABLE copied_trades (LIKE trades INCLUDING ALL)"
# The table's indexes, checks and defaults come with LIKE, its foreign keys do not.
FOREIGN_KEYS = """
SELECT format('ALTER TABLE copied_trades ADD CONSTRAINT %%I %%s', conname,
              pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = 'trades'::regclass AND contype = 'f'
"""


def measure() -> Iterator[Row]:
    until = timezone.now().replace(microsecond=0)
    trader = make_trader("importing", since=until - timedelta(days=30))
    user, portfolio = trader.user.username, trader.portfolio.portfolio_id
    with tempfile.TemporaryDirectory() as directory:
        figures, finished = (
            Path(directory, "trades.csv"),
            Path(directory, "trades.copy"),
        )
        asked = {"strategy_id": STRATEGY, "until": until, "trades": TRADES}
        copy_out(figures, FILE, asked)
        peaks: list[int] = []

        def ours() -> float:
            run(EMPTY, "VACUUM trades")
            report = import_apart(user, portfolio, figures, until)
            assert report["created"] == TRADES, report
            peaks.append(report["peak"])
            return float(report["seconds"])

        ours()
        copy_out(finished, "COPY trades TO STDOUT")
        run(EQUAL)
        bare = _time_copy(finished)
        run(*_read(FOREIGN_KEYS))
        pair = in_turn(ours, lambda: _time_copy(finished), times=PAIRS)
        run("DROP TABLE copied_trades", EMPTY)
    yield Row(
        f"import of {TRADES:,} trades, against COPY of the finished rows",
        show(pair.ours),
        show(pair.floor),
        pair.reach,
        REACH,
    )
    yield Row(
        "the same, against COPY into a table without foreign keys",
        show(pair.ours),
        show(bare),
        bare / pair.ours,
    )
    peak = max(peaks) / MEGABYTE
    yield Row("the importing process: peak", f"{peak:.0f} MB", "", None, MEMORY, peak)


def _read(statement: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [])
        return [text for (text,) in cursor.fetchall()]


def _time_copy(path: Path) -> float:
    run("TRUNCATE copied_trades", "VACUUM copied_trades")
    return timed(lambda: copy_in(path, "copied_trades"))
