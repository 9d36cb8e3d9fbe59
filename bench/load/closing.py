"""What one close costs with nothing next to it: statements, WAL; rows on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test import Client

from bench.load.seeding import Account
from bench.people import STRATEGY
from bench.statements import captured

WARM_UP, CLOSES = 20, 100
# The largest of each row's neighbours: what grows with trades and decisions.
GROWING = (
    "trades",
    "positions",
    "ledger_changes",
    "goal_progress_history",
    "goal_adjustment_log",
    "ledger_days",
    "growth_records",
    "goal_alerts",
)
SIZES = """
SELECT c.relname, c.reltuples::bigint, pg_total_relation_size(c.oid)
FROM pg_class c WHERE c.relname = ANY(%s) AND c.relkind = 'r' AND c.reltuples > 0
ORDER BY c.relname
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a close over HTTP: its statements, and bytes of WAL on the average."""

    trades: int
    statements: int
    wal: float


def measure_close(account: Account, trades: int) -> Cost:
    """Closes one after the other in this process; the portfolio has so many trades."""
    client = Client(headers={"authorization": f"Token {account.token}"})
    opened = [_open(client, account) for _ in range(WARM_UP + CLOSES)]
    for trade_id in opened[:WARM_UP]:
        _close(client, trade_id)
    counts, begin = [], _wal()
    for trade_id in opened[WARM_UP:]:
        with captured() as statements:
            _close(client, trade_id)
        counts.append(len(statements))
    return Cost(trades, max(counts), (_wal() - begin) / CLOSES)


def _open(client: Client, account: Account) -> int:
    body = {
        "portfolio": account.portfolio_id,
        "strategy_id": STRATEGY,
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "0.001",
        "entry_price": "50000",
    }
    return int(_post(client, "/api/trades/", body)["trade_id"])


def _close(client: Client, trade_id: int) -> None:
    price = str(50_000 + trade_id % 7 * 10 - 30)
    _post(client, f"/api/trades/{trade_id}/close/", {"exit_price": price})


def _post(client: Client, path: str, body: Any) -> Any:
    answer = client.post(
        path, body, content_type="application/json", SERVER_NAME="localhost"
    )
    if answer.status_code // 100 != 2:
        raise RuntimeError(f"a request was refused: {answer.content.decode()}")
    return answer.json()


def _wal() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        (position,) = cursor.fetchone()
    return int(position)


def sizes() -> Iterator[tuple[str, int, float]]:
    """Tables that grow: rows, and bytes a row with its indexes."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute(SIZES, [list(GROWING)])
        for name, rows, size in cursor.fetchall():
            yield name, rows, size / rows
