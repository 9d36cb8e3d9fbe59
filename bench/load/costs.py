"""What a request costs with nothing next to it: statements, WAL; rows on the disk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

from django.db import connection
from django.test import Client

from bench.load.seeding import Account
from bench.people import STRATEGY
from bench.sizing import BODY
from bench.statements import captured

WARM_UP, TIMES = 20, 100
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
    """Of a request: its statements, and bytes of WAL on the average."""

    what: str
    trades: int
    statements: int
    wal: float


def measure_costs(account: Account, trades: int) -> Iterator[Cost]:
    """One request after the other in this process; the portfolio has so many trades."""
    client = Client(headers={"authorization": f"Token {account.token}"})
    # One stays open, and is marked.
    opened = [_open(client, account) for _ in range(WARM_UP + TIMES + 1)]
    prices = cycle(str(50_000 + 10 * number) for number in range(-3, 4))
    size = f"/api/goals/{account.goal_id}/sizing/"
    marks = f"/api/positions/marks/?portfolio={account.portfolio_id}"
    trade_ids = iter(opened)

    def mark() -> None:
        _post(client, marks, [{"symbol": "BTCUSDT", "price": next(prices)}])

    def close() -> None:
        path = f"/api/trades/{next(trade_ids)}/close/"
        _post(client, path, {"exit_price": next(prices)})

    asked: dict[str, Callable[[], object]] = {
        "a size": partial(_post, client, size, BODY),
        "a close": close,
        "a mark": mark,
    }
    for what, ask in asked.items():
        yield Cost(what, trades, *_measure(ask))


def _measure(ask: Callable[[], object]) -> tuple[int, float]:
    for _ in range(WARM_UP):
        ask()
    counts, begin = [], _wal()
    for _ in range(TIMES):
        with captured() as statements:
            ask()
        counts.append(len(statements))
    return max(counts), (_wal() - begin) / TIMES


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
