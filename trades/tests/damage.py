"""A bot's database, damaged at random: in its bytes, and in its values."""

import random
import sqlite3
import struct
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

VALUES: tuple[Any, ...] = (
    None,
    "",
    "text",
    "x" * 5000,
    b"\xff\xfe\x00",
    b"",
    0,
    -1,
    2**63 - 1,
    -(2**63),
    1e300,
    -1e300,
    1e-300,
    float("inf"),
    float("-inf"),
    "1e300",
    "NaN",
    "2026-02-30 00:00:00",
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59.999999",
    "2026-01-05 08:00:00+25:00",
    "a\x00b",
    "\u202eBTC/USDT",
    "🜏/🜏",
    "/",
    "BTC",
)
# SQLite's text that is no UTF-8; Python cannot bind it.
BROKEN_TEXT = "CAST(X'C3FF41' AS TEXT)"


def damage(source: Path, target: Path, chance: random.Random) -> None:
    """Write a damaged copy; the same for the same state of `chance`."""
    target.write_bytes(source.read_bytes())
    for _ in range(chance.randint(1, 3)):
        chance.choice((_spoil_value, _spoil_value, _spoil_bytes, _spoil_schema))(
            target, chance
        )


def _spoil_value(target: Path, chance: random.Random) -> None:
    # What was damaged before may be no database any more.
    with (
        suppress(sqlite3.Error, UnicodeError),
        closing(sqlite3.connect(target)) as database,
    ):
        table = chance.choice(("trades", "orders"))
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        column = chance.choice(columns or ["id"])
        every = "" if chance.random() < 0.2 else f"WHERE id = {chance.randint(1, 12)}"
        if chance.random() < 0.1:
            database.execute(f"UPDATE {table} SET {column} = {BROKEN_TEXT} {every}")
        else:
            value = chance.choice(VALUES)
            database.execute(f"UPDATE {table} SET {column} = ? {every}", [value])
        database.commit()


def _spoil_bytes(target: Path, chance: random.Random) -> None:
    content = bytearray(target.read_bytes())
    for _ in range(chance.randint(1, 40)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    if chance.random() < 0.1:
        del content[chance.randrange(len(content)) :]
    target.write_bytes(content or b"\0")


def _spoil_schema(target: Path, chance: random.Random) -> None:
    """In the names and types of the tables, which stand in the first page."""
    content = bytearray(target.read_bytes())
    names = (
        b"pair",
        b"amount",
        b"open_date",
        b"VARCHAR",
        b"FLOAT",
        b"CREATE",
        b"leverage",
        b"id ",
    )
    name = chance.choice(names)
    places = [at for at in range(len(content)) if content.startswith(name, at)]
    if places:
        content[chance.choice(places)] = chance.randrange(256)
    target.write_bytes(content)


def multiply_rows(path: Path, table: str) -> None:
    """A table of one row that reads as 60**6: each page names the next 60 times."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = database.execute(query, [table]).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    start, end = (root - 1) * size, root * size
    pages = [bytes(content[start:end])]
    child = len(content) // size + 1
    for _ in range(5):
        pages.append(_inner_page(child, size))
        child += 1
    content[start:end] = _inner_page(child, size)
    content += b"".join(pages)
    content[28:32] = struct.pack(">I", len(content) // size)
    path.write_bytes(content)


def _inner_page(child: int, size: int, cells: int = 60) -> bytes:
    """Of a table, as SQLite's file format has it: every cell points to `child`."""
    first = size - 5 * cells
    places = [first + 5 * n for n in range(cells)]
    head = struct.pack(">BHHHBI", 5, 0, cells, first, 0, child)
    head += struct.pack(f">{cells}H", *places)
    return head.ljust(first, b"\0") + struct.pack(">IB", child, 1) * cells
