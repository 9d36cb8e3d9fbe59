"""Reading a file into the staging table of an import, by COPY."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from django.db import DataError, connection

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.jsonable import to_plain
from trades.importing.columns import COLUMNS, NAMES, texts_of
from trades.importing.formats.base import Item
from trades.importing.import_sql import COPY_STAGING
from trades.importing.row_pattern import compile_row_pattern
from trades.importing.rows import FilledOrder, GivenCells, Note, Refusal, TradeRow

SHOWN_REFUSALS = 1000
CHUNK_CHARACTERS = 1 << 17
BUFFER_BYTES = 1 << 18
ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
COPY_COLUMNS = COPY_STAGING.format(columns=", ".join(NAMES))
Progress = Callable[[int], None]


class TrackedReader(io.RawIOBase):
    """A file that is hashed while it is read; `progress` gets the bytes read."""

    def __init__(self, source: BinaryIO, progress: Progress | None = None) -> None:
        super().__init__()
        self._source = source
        self._progress = progress
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._source.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._digest.update(chunk)
        if self._progress is not None:
            self._progress(len(chunk))
        return len(chunk)

    def buffered(self) -> io.BufferedReader:
        return io.BufferedReader(self, BUFFER_BYTES)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Staging:
    """The staging table: rows that are well formed go in, the others are noted."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.rows = 0
        self.refused = 0
        self.refusals: list[Refusal] = []
        self.notes: list[str] = []
        self.updates_open_trade = False
        self.unnamed = False
        self.parts = False
        self.open = False
        self.own = False
        self.orders = False

    def copy(self, items: Iterable[Item]) -> None:
        """Copy a file's rows; `InvalidInput` where it is not of its format at all."""
        try:
            with (
                connection.wrap_database_errors,
                self._cursor.copy(COPY_COLUMNS) as copy,
            ):
                for chunk in self._chunks(items):
                    copy.write(chunk)
        except DataError as error:
            raise InvalidInput("file", f"cannot be read: {error}") from error

    def copy_in_turns(self, items: Iterable[Item]) -> None:
        """The same for rows that the database itself is asked for in between."""
        for chunk in self._chunks(items):
            with (
                connection.wrap_database_errors,
                self._cursor.copy(COPY_COLUMNS) as copy,
            ):
                copy.write(chunk)

    def _chunks(self, items: Iterable[Item]) -> Iterator[str]:
        pending: list[str] = []
        size = 0
        for item in items:
            line = self._line(item)
            if line is None:
                continue
            pending.append(line)
            size += len(line)
            if size > CHUNK_CHARACTERS:
                yield "".join(pending)
                pending.clear()
                size = 0
        if pending:
            yield "".join(pending)

    def _line(self, item: Item) -> str | None:
        if isinstance(item, Refusal):
            self.refuse(item)
            return None
        if isinstance(item, Note):
            self.notes.append(item.text)
            return None
        updates_open_trade, orders = False, ""
        if isinstance(item, TradeRow):
            number, updates_open_trade = item.line, item.updates_open_trade
            orders = _show_orders(item.orders) if item.orders else ""
            texts: Sequence[str] = texts_of(item)
            matches = MATCHES_PATTERN(",".join(texts))
            wrong = None if matches else _first_wrong(texts)
            if wrong is not None:
                given = dict(zip(NAMES, texts, strict=True))
                self.refuse(Refusal(number, *wrong, GivenCells.by_field(given)))
                return None
        else:
            number, texts = item
        self.rows += 1
        self.updates_open_trade = self.updates_open_trade or updates_open_trade
        self.unnamed = self.unnamed or not texts[EXTERNAL_ID]
        self.parts = self.parts or bool(texts[PARENT])
        self.open = self.open or not texts[EXIT_PRICE]
        self.own = self.own or texts[EXTERNAL_ID].startswith(OWN_PREFIX)
        joined = "\t".join(texts)
        if "\\" in joined or joined.count("\t") >= len(texts) or "\n" in joined:
            joined = "\t".join(text.translate(ESCAPED) for text in texts)
        self.orders = self.orders or bool(orders)
        return f"{number}\t{'t' if updates_open_trade else 'f'}\t{joined}\t{orders}\n"

    def refuse(self, refusal: Refusal) -> None:
        """Note it; only the first are shown."""
        self.refused += 1
        if len(self.refusals) < SHOWN_REFUSALS:
            self.refusals.append(refusal)


# One pattern for a whole row; what it does not match is looked at column by column.
MATCHES_PATTERN = compile_row_pattern(NAMES)
EXTERNAL_ID, PARENT = NAMES.index("external_id"), NAMES.index("parent_external_id")
EXIT_PRICE = NAMES.index("exit_price")
# What an export calls a trade that has no id of its own, with its key.
OWN_PREFIX = "mastertrade:"


def _show_orders(orders: Sequence[FilledOrder]) -> str:
    shown = json.dumps(to_plain(orders))
    return shown.translate(ESCAPED)


def _first_wrong(texts: Sequence[str]) -> tuple[str, str] | None:
    for column, text in zip(COLUMNS, texts, strict=True):
        wrong = column.find_wrong(text)
        if wrong is not None:
            return column.name, wrong
    return None
