"""Damaged databases of bots are refused with 400, whatever is wrong in them."""

import random
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from strategies.tests.factories import StrategyFactory
from tests.examples import fewer
from tests.http import Trader, make_newcomer, nothing_changes, unthrottled  # noqa: F401
from trades.tests.damage import VALUES, damage, multiply_rows

FILE = Path(__file__).parents[1] / "files" / "freqtrade.sqlite"
FEW, MANY = 20, 500
COLUMNS_EACH = 8


@pytest.fixture
def trader(db: None) -> Trader:
    trader = make_newcomer()
    StrategyFactory(user=trader.user, strategy_id="bot")
    return trader


def upload(trader: Trader, path: Path) -> Any:
    return trader.client.post(
        "/api/trades/import/",
        {
            "file": SimpleUploadedFile("bot.sqlite", path.read_bytes()),
            "format": "freqtrade",
            "strategy_id": "bot",
            "fx_rates": "USDT=1",
        },
        format="multipart",
    )


def require_sane(answer: Any, what: str) -> None:
    """Taken, or refused with a field and a reason."""
    assert answer.status_code in {200, 201, 400}, (what, answer.content[:500])
    if answer.status_code == 400:
        assert answer.json(), what


@pytest.mark.parametrize("first", [0, pytest.param(FEW, marks=pytest.mark.slow)])
def test_a_damaged_database_is_no_error_of_ours(
    trader: Trader, tmp_path: Path, first: int
) -> None:
    target = tmp_path / "bot.sqlite"
    refused = 0
    for seed in fewer(range(first, MANY)) if first else range(FEW):
        damage(FILE, target, random.Random(seed))
        answer = upload(trader, target)
        require_sane(answer, f"seed {seed}")
        refused += answer.status_code == 400
    assert refused > FEW // 4


def columns_of(table: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"{FILE.as_uri()}?immutable=1", uri=True)) as database:
        found = database.execute(f"PRAGMA table_info({table})").fetchall()
    return [(table, row[1]) for row in found]


@pytest.mark.slow
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_any_value_may_stand_in_any_column(
    trader: Trader, tmp_path: Path, value: Any
) -> None:
    columns = columns_of("trades") + columns_of("orders")
    for table, column in random.Random(repr(value)).sample(columns, COLUMNS_EACH):
        target = tmp_path / "bot.sqlite"
        target.write_bytes(FILE.read_bytes())
        with closing(sqlite3.connect(target, isolation_level=None)) as database:
            try:
                database.execute(f"UPDATE {table} SET {column} = ?", [value])
            except sqlite3.Error:
                continue  # a key, or a column that is never empty
        require_sane(upload(trader, target), f"{table}.{column} = {value!r}")


HOSTILE = {
    "a generated column": [
        "ALTER TABLE trades DROP COLUMN amount",
        "ALTER TABLE trades ADD COLUMN amount AS (length(hex(zeroblob(400000000))))",
    ],
    "a table that is worked out": [
        "DROP TABLE trades",
        "CREATE VIRTUAL TABLE trades USING fts5(id, pair, is_open, open_rate, amount, "
        "open_date)",
    ],
    "a long text": [
        "UPDATE trades SET enter_tag = printf('%.*c', 5000000, 'x') WHERE id = 1"
    ],
}


@pytest.mark.parametrize("statements", HOSTILE.values(), ids=HOSTILE)
def test_what_costs_memory_to_read_is_refused(
    trader: Trader, tmp_path: Path, statements: list[str]
) -> None:
    target = tmp_path / "bot.sqlite"
    target.write_bytes(FILE.read_bytes())
    with closing(sqlite3.connect(target, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)
    tracemalloc.start()
    try:
        assert upload(trader, target).status_code == 400
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("table", ["trades", "orders"])
def test_a_small_database_of_endless_rows_is_refused(
    trader: Trader, tmp_path: Path, table: str
) -> None:
    target = tmp_path / "bot.sqlite"
    with closing(sqlite3.connect(target)) as database:
        database.executescript("""
            PRAGMA page_size = 512;
            CREATE TABLE trades (id INTEGER PRIMARY KEY, pair TEXT, is_open INT,
                open_rate REAL, amount REAL, open_date TEXT);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, ft_trade_id INT,
                ft_order_side TEXT, ft_is_open INT, filled REAL);
            INSERT INTO trades VALUES (1, 'BTC/USDT', 1, 1, 1, '2026-01-05 08:00:00');
            INSERT INTO orders VALUES (1, 1, 'buy', 1, 0);
        """)
    multiply_rows(target, table)
    with nothing_changes():
        answer = upload(trader, target)
    assert answer.status_code == 400
    assert "interrupted" in answer.json()["file"][0]
