"""Trades out of freqtrade's own database (SQLite, tables `trades` and `orders`). Pure.

The file is opened read-only and walked along its keys, so memory stays flat. Columns
that an older schema lacks count as freqtrade itself fills them when it migrates.
"""

import io
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count, groupby
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import uuid4

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import ONE, PRICE, ZERO, round_to
from trades.enums import Side
from trades.importing.fills import LONGEST_ORDER
from trades.importing.formats.base import ImportFormat
from trades.importing.formats.freqtrade_trades import (
    BotFill,
    BotTrade,
    rows_of,
)
from trades.importing.formats.freqtrade_trades import read_number as number
from trades.importing.options import ImportOptions
from trades.importing.rows import FilledOrder, Refusal, TradeRow, Unreadable

NEEDED = {
    "trades": {"id", "pair", "is_open", "open_rate", "amount", "open_date"},
    "orders": {"id", "ft_trade_id", "ft_order_side", "ft_is_open", "filled"},
}
TRADE_COLUMNS = (
    "id",
    "pair",
    "stake_currency",
    "is_open",
    "is_short",
    "fee",
    "fee_open",
    "fee_close",
    "open_rate",
    "close_rate",
    "realized_profit",
    "close_profit_abs",
    "amount",
    "open_date",
    "close_date",
    "initial_stop_loss",
    "strategy",
    "enter_tag",
    "buy_tag",
    "leverage",
    "funding_fees",
)
ORDER_COLUMNS = (
    "id",
    "ft_trade_id",
    "order_id",
    "ft_order_side",
    "ft_is_open",
    "price",
    "average",
    "stop_price",
    "ft_price",
    "filled",
    "ft_fee_base",
    "funding_fee",
    "order_date",
    "order_filled_date",
)
LOG_SUFFIX = "-wal"
COPY_ATTEMPTS = 3
# Of a text in a row, in bytes; and of the row.
LONGEST_VALUE = 1_000_000
# What SQLite may do for the rows of a file: twice what the shortest rows take. A page
# that many others point to is read as often, so a small file may hold endless rows.
STEPS_PER_BYTE, FIRST_STEPS = 8, 100_000
STEPS_AT_ONCE = 10_000
NO_DATABASE = "is not a database of freqtrade"
Row = dict[str, Any]


@contextmanager
def open_database(path: Path) -> Iterator[BinaryIO]:
    """The database with what stands in a `-wal` file next to it, as one file.

    The two are copied and joined; neither is touched. Raises `InvalidInput` for `file`
    where a bot writes them meanwhile.
    """
    log = path.with_name(path.name + LOG_SUFFIX)
    if not log.is_file() or not log.stat().st_size:
        with path.open("rb") as source:
            yield source
        return
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "bot.sqlite")
        _copy_whole((path, copy), (log, copy.with_name(copy.name + LOG_SUFFIX)))
        try:
            with closing(sqlite3.connect(copy)) as database:
                database.execute("PRAGMA trusted_schema = OFF")
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise InvalidInput("file", f"{NO_DATABASE} ({error}).") from error
        with copy.open("rb") as source:
            yield source


def _copy_whole(*pairs: tuple[Path, Path]) -> None:
    """Copy files that belong together, none of them changed meanwhile."""
    for _ in range(COPY_ATTEMPTS):
        before = [_state(path) for path, _ in pairs]
        for path, copy in pairs:
            shutil.copyfile(path, copy)
        if before == [_state(path) for path, _ in pairs]:
            return
    raise InvalidInput(
        "file",
        f"is being written, and its newest rows are in {pairs[-1][0].name}: stop the "
        'bot, or copy it with sqlite3 FILE ".backup COPY" and import the copy.',
    )


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_size, state.st_mtime_ns


def read_freqtrade(
    source: io.BufferedReader, options: ImportOptions
) -> Iterator[TradeRow | Refusal]:
    """Every trade with its closed parts; a `Refusal` for one that cannot be read.

    Raises `InvalidInput` for `file` where it is not a database of freqtrade. SQLite
    cannot read a stream, so it is copied to the disk first, under a name only while
    SQLite opens it: a process that is killed leaves no file.
    """
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        with _named(copy) as path:
            database = _open(path)
        yield from _read_all(database, options)


@contextmanager
def _named(file: IO[bytes]) -> Iterator[Path]:
    """A name for a file that has none; where the system gives none, a named copy."""
    place = os.open(tempfile.gettempdir(), os.O_RDONLY)
    path = Path(tempfile.gettempdir()) / f"mastertrade-{uuid4()}.sqlite"
    try:
        # With a descriptor of the folder the link is followed, else it is not.
        os.link(f"/proc/self/fd/{file.fileno()}", path, dst_dir_fd=place)
    except OSError:
        file.seek(0)
        with path.open("xb") as copy:
            shutil.copyfileobj(file, copy)
    finally:
        os.close(place)
    try:
        yield path
    finally:
        path.unlink()


def _open(path: Path) -> sqlite3.Connection:
    # Immutable: nothing is locked or written, and a log next to the file is not read.
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        return sqlite3.connect(address, uri=True)
    except sqlite3.Error as error:
        raise InvalidInput("file", f"{NO_DATABASE} ({error}).") from error


def _read_all(
    database: sqlite3.Connection, options: ImportOptions
) -> Iterator[TradeRow | Refusal]:
    try:
        with closing(database):
            database.execute("PRAGMA trusted_schema = OFF")
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
            _bound_steps(database)
            yield from _read(database, options)
    except (sqlite3.Error, UnicodeError) as error:
        raise InvalidInput("file", f"{NO_DATABASE} ({error}).") from error


def _bound_steps(database: sqlite3.Connection) -> None:
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    (page_size,) = database.execute("PRAGMA page_size").fetchone()
    most = FIRST_STEPS + STEPS_PER_BYTE * pages * page_size
    rounds = count(1)
    database.set_progress_handler(
        lambda: next(rounds) * STEPS_AT_ONCE > most, STEPS_AT_ONCE
    )


def _read(
    database: sqlite3.Connection, options: ImportOptions
) -> Iterator[TradeRow | Refusal]:
    orders = _orders_by_trade(database)
    waiting = next(orders, None)
    for row in _rows(database, "trades", TRADE_COLUMNS, "id"):
        _require_key(row, "id")
        while waiting is not None and waiting[0] < row["id"]:
            waiting = next(orders, None)  # of a trade that was deleted
        own: list[Row] = []
        if waiting is not None and waiting[0] == row["id"]:
            own, waiting = waiting[1], next(orders, None)
        yield from _read_trade(row, own, options)


def _read_trade(
    row: Row, orders: list[Row], options: ImportOptions
) -> Iterator[TradeRow | Refusal]:
    """All rows of a trade, or one refusal: a trade is never imported by half."""
    key = row["id"]
    try:
        trade = _trade(row, options)
        fills = [_fill(trade, one) for one in orders if _is_filled(one)]
        if orders and not fills and trade.is_open:
            return  # ordered, and not entered yet
        rows = list(rows_of(trade, fills, options.account))
        if rows:
            rows[0] = replace(rows[0], orders=tuple(_filled_orders(orders, fills)))
    except Unreadable as why:
        yield Refusal(key, why.column, f"Trade {key}: {why.reason}")
        return
    except ArithmeticError:
        yield Refusal(key, "", f"Trade {key}: its figures are out of range.")
        return
    for one in rows:
        yield _converted(one, trade.stake_currency, options)


def _converted(row: TradeRow, currency: str, options: ImportOptions) -> TradeRow:
    """At the rate given, if any: by day, that of the exit.

    In another currency than freqtrade's, its profit is no figure to compare.
    """
    rate = options.fx_rates.get(currency)
    if rate is None:
        rate = options.day_rates.find(currency, row.exit_time or row.entry_time)
    return row if rate is None else replace(row, fx_rate=rate, profit_loss=None)


def _trade(row: Row, options: ImportOptions) -> BotTrade:
    is_open = bool(row["is_open"])
    fee = number(row, "fee") or ZERO
    pair = _text(row, "pair")
    stop = number(row, "initial_stop_loss") or ZERO
    # An open trade's `close_profit_abs` is that of its last part only.
    profit = number(row, "realized_profit" if is_open else "close_profit_abs")
    return BotTrade(
        trade_id=row["id"],
        pair=pair,
        side=Side.SHORT if row.get("is_short") else Side.LONG,
        is_open=is_open,
        amount=_needed(row, "amount"),
        open_rate=_needed(row, "open_rate"),
        opened_at=_instant(row, "open_date"),
        close_rate=number(row, "close_rate"),
        closed_at=_instant(row, "close_date") if row.get("close_date") else None,
        profit=profit,
        entry_fee_ratio=_or(number(row, "fee_open"), fee),
        exit_fee_ratio=_or(number(row, "fee_close"), fee),
        funding=number(row, "funding_fees") or ZERO,
        leverage=number(row, "leverage") or ONE,
        stop_price=round_to(stop, PRICE) if stop > 0 else None,
        stake_currency=row.get("stake_currency") or _quote_of(pair),
        strategy_id=_strategy(row, options),
    )


def _strategy(row: Row, options: ImportOptions) -> str | None:
    """The caller's, else the first that exists of the bot's own names for it."""
    if options.strategy_id is not None:
        return None
    name = row.get("strategy") or None
    tag = row.get("enter_tag") or row.get("buy_tag") or None
    names = [name, tag] if not (name and tag) else [f"{name}:{tag}", tag, name]
    found = (str(one) for one in names if one in options.known_strategies)
    return next(found, name)


def _is_filled(order: Row) -> bool:
    return not order["ft_is_open"] and bool(order["filled"])


def _fill(trade: BotTrade, order: Row) -> BotFill:
    entry_side = "sell" if trade.side is Side.SHORT else "buy"
    prices = (number(order, n) for n in ("average", "price", "stop_price", "ft_price"))
    rate = next((price for price in prices if price), None)
    if rate is None:
        raise Unreadable("price", f"order {order['id']} has none.")
    at = next(
        (name for name in ("order_filled_date", "order_date") if order.get(name)), None
    )
    given = "funding_fee" in order
    return BotFill(
        order_id=order["id"],
        is_entry=order["ft_order_side"] == entry_side,
        amount=_needed(order, "filled") - (number(order, "ft_fee_base") or ZERO),
        rate=rate,
        filled_at=_instant(order, at) if at else trade.opened_at,
        funding=number(order, "funding_fee") or ZERO if given else None,
    )


def _filled_orders(orders: list[Row], fills: list[BotFill]) -> list[FilledOrder]:
    """Those that the venue gave an id."""
    names = {order["id"]: order.get("order_id") for order in orders}
    return [
        FilledOrder(
            key=fill.order_id,
            order_id=name,
            is_entry=fill.is_entry,
            quantity=round_to(fill.amount, PRICE),
            price=round_to(fill.rate, PRICE),
            at=fill.filled_at,
        )
        for fill in fills
        if isinstance(name := names[fill.order_id], str)
        and 0 < len(name) <= LONGEST_ORDER
    ]


def _orders_by_trade(
    database: sqlite3.Connection,
) -> Iterator[tuple[int, list[Row]]]:
    if not _columns(database, "orders"):
        return  # from before freqtrade kept orders
    rows = _rows(database, "orders", ORDER_COLUMNS, "ft_trade_id, id")
    for key, own in groupby(rows, key=lambda order: order["ft_trade_id"]):
        if key is None:
            continue
        orders = list(own)
        _require_key(orders[0], "ft_trade_id")
        yield key, orders


def _rows(
    database: sqlite3.Connection, table: str, wanted: tuple[str, ...], order: str
) -> Iterator[Row]:
    present = _columns(database, table)
    missing = NEEDED[table] - present
    if missing:
        lacks = ", ".join(sorted(missing))
        raise InvalidInput("file", f"{NO_DATABASE}: {table} lacks {lacks}.")
    names = [name for name in wanted if name in present]
    found = database.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}")
    for values in found:
        yield dict(zip(names, values, strict=True))


def _require_key(row: Row, name: str) -> None:
    """SQLite keeps any kind of value in any column."""
    if not isinstance(row[name], int):
        raise InvalidInput(
            "file", f"{NO_DATABASE}: {name} {row[name]!r} is not a number."
        )


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    """The table's columns; none where there is no such table.

    A view is none, nor is what is worked out as it is read: tables without a page of
    their own, and columns that are generated, which `table_info` leaves out.
    """
    is_table = (
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? AND rootpage > 0"
    )
    if database.execute(is_table, [table]).fetchone() is None:
        return set()
    return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}


def _needed(row: Row, name: str) -> Decimal:
    found = number(row, name)
    if found is None:
        raise Unreadable(name, "is missing.")
    return found


def _or(value: Decimal | None, other: Decimal) -> Decimal:
    return other if value is None else value


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(name, "is missing.")
    return value


def _instant(row: Row, name: str) -> datetime:
    """freqtrade writes UTC, and no offset."""
    try:
        at = datetime.fromisoformat(_text(row, name))
    except ValueError as error:
        raise Unreadable(name, f"is not an instant: {row[name]!r}.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _quote_of(pair: str) -> str:
    """BTC/USDT and BTC/USDT:USDT are paid in USDT."""
    return pair.partition("/")[2].partition(":")[0]


FREQTRADE = ImportFormat(
    name="freqtrade",
    words="an SQLite database, as freqtrade has",
    read=read_freqtrade,
    rows_per_second=1_500,
    bytes_per_row=900,  # of a trade with its orders
    magic=b"SQLite format 3\x00",
)
