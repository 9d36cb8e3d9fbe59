"""Importing 100,000 fills of Binance: new, then again; against COPY of their rows."""

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from django.utils import timezone

from bench.copying import copy_in, copy_out, import_apart, run
from bench.people import STRATEGY, make_trader
from bench.processes import MEGABYTE
from bench.rows import Row, Target
from bench.timing import timed

FILLS = 100_000
HEADER = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee"
MARKETS = {"BTC": 40_000, "ETH": 2_500, "SOL": 100}
NEW = Target(5_000, at_least=True, unit=" /s")
KNOWN = Target(20_000, at_least=True, unit=" /s")
MEMORY = Target(300, at_least=False, unit=" MB")
# What an import of fills leaves behind.
TABLES = ("trades", "trade_fills")


def measure() -> Iterator[Row]:
    until = timezone.now().replace(microsecond=0)
    trader = make_trader("filling", since=until - timedelta(days=400))
    user, portfolio = trader.user.username, trader.portfolio.portfolio_id
    run(f"UPDATE portfolios SET currency = 'USDT' WHERE portfolio_id = {portfolio}")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "fills.csv")
        file.write_text(text_of(until, FILLS))
        arguments = (user, portfolio, file, until, "binance-csv", STRATEGY)
        new, again = import_apart(*arguments), import_apart(*arguments)
        assert new["created"] == again["known"] == FILLS, (new, again)
        rows = [_save(Path(directory), table, portfolio) for table in TABLES]
        floor = sum(_time_copy(path, table) for path, table in rows)
        scan = timed(lambda: file.read_text().splitlines())
    run("TRUNCATE trades, ledger_days CASCADE")
    rate, known = FILLS / new["seconds"], FILLS / again["seconds"]
    yield Row(
        f"import of {FILLS:,} new fills, against COPY of the finished rows",
        f"{rate:,.0f} /s",
        f"{FILLS / floor:,.0f} /s",
        floor / new["seconds"],
        NEW,
        rate,
    )
    yield Row(
        "the same again, all known, against reading the lines",
        f"{known:,.0f} /s",
        f"{FILLS / scan:,.0f} /s",
        scan / again["seconds"],
        KNOWN,
        known,
    )
    peak = max(new["peak"], again["peak"]) / MEGABYTE
    yield Row(
        "the process that imports fills: peak", f"{peak:.0f} MB", "", None, MEMORY, peak
    )


def text_of(until: datetime, fills: int) -> str:
    """A file of Binance's, newest first; never more sold than was bought."""
    chance = Random(1)
    held = dict.fromkeys(MARKETS, Decimal(0))
    at, lines = until - timedelta(days=390), []
    for _ in range(fills):
        at += timedelta(seconds=chance.randint(1, 600))
        coin, around = chance.choice(list(MARKETS.items()))
        price = Decimal(round(around * chance.uniform(90, 110))) / 100
        quantity = Decimal(chance.randint(1, 1000)) / 1000
        is_buy = held[coin] < quantity or chance.random() < 0.5
        held[coin] += quantity if is_buy else -quantity
        total = price * quantity
        side = "BUY" if is_buy else "SELL"
        lines.append(
            f"{at:%Y-%m-%d %H:%M:%S},{coin}USDT,{side},{price:.10f},"
            f"{quantity:.10f}{coin},{total:.8f}USDT,{total / 1000:.8f}USDT"
        )
    return "\n".join([HEADER, *reversed(lines), ""])


def _save(directory: Path, table: str, portfolio: int) -> tuple[Path, str]:
    path, chosen = directory / table, f"WHERE portfolio_id = {portfolio}"
    copy_out(path, f"COPY (SELECT * FROM {table} {chosen}) TO STDOUT")
    return path, table


def _time_copy(path: Path, table: str) -> float:
    """Into an equal table: its indexes, checks and defaults, without foreign keys."""
    run(f"CREATE TABLE copied (LIKE {table} INCLUDING ALL)")
    seconds = timed(lambda: copy_in(path, "copied"))
    run("DROP TABLE copied")
    return seconds
