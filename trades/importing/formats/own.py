"""Our own files: CSV with a header, JSON (an array, or an object a line). Pure.

Rows are checked and handed on as texts in the order of `columns.NAMES`.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, AnyStr

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import did_you_mean, unknown_field
from trades.importing.columns import BY_NAME, NAMES, REQUIRED, Column
from trades.importing.formats.base import ImportFormat, count_symbols
from trades.importing.json_array import each_item
from trades.importing.options import ImportOptions
from trades.importing.row_pattern import compile_row_pattern
from trades.importing.rows import GivenCells, Refusal, Texts

LONGEST_FIELD = 10_000
# What is longer is no line of a trade, and must not fill the memory.
LONGEST_LINE = 1_000_000
MOST_SHOWN, LONGEST_SHOWN = 20, 40
# A spreadsheet reads a text that begins so as a formula, or loses what it begins with.
# Our export puts one ' before it; the import takes one away.
RISKY = "=+-@\t\r'"
ESCAPE = "'"
TEXTS = frozenset({"external_id", "symbol", "strategy_id", "parent_external_id"})
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_csv(source: io.BufferedReader) -> Iterator[Texts | Refusal]:
    """Rows of a CSV in UTF-8 (a byte order mark is fine), its header in any order.

    Raises `InvalidInput` for `file` where it is no such CSV at all.
    """
    text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
    csv.field_size_limit(LONGEST_FIELD)
    lines = _bounded(text.readline)
    try:
        first = next(lines, "")
        if not first.strip():
            raise InvalidInput("file", "is empty; a CSV begins with its header.")
        header, more = _read_row(first, lines, 1)
        names = [name.strip() for name in header]
        _require_columns(names)
        yield from _rows(lines, names, 1 + more)
    except UnicodeDecodeError as error:
        raise InvalidInput("file", f"is not text in UTF-8 ({error.reason}).") from error
    finally:
        text.detach()


def escape_cell(text: str) -> str:
    """A cell of text as it is written to a CSV."""
    return ESCAPE + text if text.startswith(tuple(RISKY)) else text


def unescape_cell(cell: str) -> str:
    """The text of a cell; `escape_cell` undone."""
    is_guarded = cell.startswith(ESCAPE) and cell[1:2] in set(RISKY)
    return cell[1:] if is_guarded else cell


def _bounded(read_line: Callable[[int], AnyStr]) -> Iterator[AnyStr]:
    while line := read_line(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InvalidInput("file", f"has a line above {LONGEST_LINE} characters.")
        yield line


def _require_columns(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        shown = [
            f"{name[:LONGEST_SHOWN]}.{did_you_mean(name, NAMES)}"
            for name in unknown[:MOST_SHOWN]
        ]
        more = f" And {len(unknown) - MOST_SHOWN} more." * (len(unknown) > MOST_SHOWN)
        words = f"has unknown columns: {' '.join(shown)}{more}"
        raise InvalidInput("file", f"{words} The columns are {', '.join(NAMES)}.")
    if len(set(names)) < len(names):
        raise InvalidInput("file", "has a column twice.")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InvalidInput("file", f"lacks the columns {', '.join(missing)}.")


def _rows(
    lines: Iterator[str], names: list[str], number: int
) -> Iterator[Texts | Refusal]:
    """The rows behind line `number`. One that matches is only split."""
    matches = compile_row_pattern(names)
    width = len(names)
    columns = [BY_NAME[name] for name in names]
    in_order = itemgetter(
        *(names.index(name) if name in names else width for name in NAMES)
    )
    for line in lines:
        number += 1
        if matches(line):
            fields = line.rstrip("\r\n").split(",")
            fields.append("")
            yield number, in_order(fields)
            continue
        row, more = _read_row(line, lines, number)
        if row and len(row) != width:
            given = f"has {len(row)} fields, the header {width}."
            cells = GivenCells.by_field(dict(zip(names, row, strict=False)))
            yield Refusal(number, "", given, cells)
        elif row:
            wrong = _clean(row, columns)
            if wrong is None:
                yield number, in_order([*row, ""])
            else:
                cells = GivenCells.by_field(dict(zip(names, row, strict=True)))
                yield Refusal(number, *wrong, cells)
        number += more


def _read_row(line: str, lines: Iterator[str], number: int) -> tuple[list[str], int]:
    """A line's fields, and of how many lines more: a quoted field may go on."""
    reader = csv.reader(chain([line], lines), strict=True)
    try:
        return next(reader), reader.line_num - 1
    except csv.Error as error:
        where = f"line {number}: {error}"
        raise InvalidInput("file", f"is not a CSV ({where}).") from error


def _clean(row: list[str], columns: Sequence[Column]) -> tuple[str, str] | None:
    """Strip every field; the first that is wrong, and why."""
    for position, column in enumerate(columns):
        value = row[position].strip()
        row[position] = value = unescape_cell(value) if column.name in TEXTS else value
        wrong = column.find_wrong(value)
        if wrong is not None:
            return column.name, wrong
    return None


def read_json(source: io.BufferedReader) -> Iterator[Texts | Refusal]:
    """Objects of a JSON array, or one object a line; `line` counts them from 1."""
    for number, given in each_object(source):
        yield _read_object(number, given)


def each_object(source: io.BufferedReader) -> Iterator[tuple[int, Any]]:
    """What a JSON array holds, or the object on each line, counted from 1.

    Numbers are exact. Raises `InvalidInput` for `file` where it is not JSON.
    """
    first = _first_character(source)
    objects = each_item(source) if first == b"[" else _objects(source)
    number = 0
    try:
        for number, given in enumerate(objects, 1):
            yield number, given
    except InvalidInput:
        raise
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidInput(
            "file", f"is not JSON after object {number}: {error}."
        ) from error


def _first_character(source: io.BufferedReader) -> bytes:
    """The first character that is no space, left unread; a byte order mark is read."""
    if source.peek(3)[:3] == BYTE_ORDER_MARK:
        source.read(3)
    while character := source.peek(1)[:1]:
        if not character.isspace():
            return character
        source.read(1)
    raise InvalidInput("file", "is empty.")


def _objects(source: io.BufferedReader) -> Iterator[Any]:
    for line in _bounded(source.readline):
        if line.strip():
            yield json.loads(line, parse_float=Decimal)


def _read_object(number: int, given: Any) -> Texts | Refusal:
    if not isinstance(given, dict):
        return Refusal(number, "", "is not an object.")
    for name in given:
        if name not in BY_NAME:
            reason = _unknown_column(str(name))
            return Refusal(number, str(name), reason, GivenCells.by_field(given))
    texts = []
    for name in NAMES:
        value = _as_text(given.get(name))
        if value is None:
            reason = "must be a text or a number."
            return Refusal(number, name, reason, GivenCells.by_field(given))
        wrong = BY_NAME[name].find_wrong(value)
        if wrong is not None:
            return Refusal(number, name, wrong, GivenCells.by_field(given))
        texts.append(value)
    return number, texts


@lru_cache(maxsize=256)
def _unknown_column(name: str) -> str:
    """Every row may have it, and the nearest name takes long to find."""
    return unknown_field(name, NAMES, "column")


def _as_text(value: Any) -> str | None:
    """None where it is neither a text nor a number."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return None
    if isinstance(value, Decimal) and abs(value.adjusted()) < LONGEST_FIELD:
        return f"{value:f}"
    return str(value)


def _read_csv(
    source: io.BufferedReader, options: ImportOptions
) -> Iterator[Texts | Refusal]:
    return read_csv(source)


def _read_json(
    source: io.BufferedReader, options: ImportOptions
) -> Iterator[Texts | Refusal]:
    return read_json(source)


OWN_CSV = ImportFormat(
    name="mastertrade-csv",
    words="our own CSV",
    read=_read_csv,
    rows_per_second=4_000,
    looks_like=lambda names: names >= set(REQUIRED),
)
OWN_JSON = ImportFormat(
    name="mastertrade-json",
    words="our own JSON",
    read=_read_json,
    rows_per_second=3_000,
    looks_like=lambda names: names >= {"quantity", "entry_price"},
    count_rows=count_symbols,
)
