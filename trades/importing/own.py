"""Our own files: CSV with a header, JSON (an array, or an object a line). Pure.

Rows are checked and handed on as texts in the order of `columns.NAMES`.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, AnyStr

from mastertrade.exceptions import InvalidInput
from trades.importing.columns import BY_NAME, NAMES, REQUIRED, Check, Column
from trades.importing.json_array import each_item
from trades.importing.rows import Refusal

LONGEST_FIELD = 10_000
# What is longer is no line of a trade, and must not fill the memory.
LONGEST_LINE = 1_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A line of a file, and the texts of its trade.
Texts = tuple[int, list[str]]


def read_csv(source: io.BufferedReader) -> Iterator[Texts | Refusal]:
    """Rows of a CSV in UTF-8 (a byte order mark is fine), its header in any order.

    Raises `InvalidInput` for `file` where it is no such CSV at all.
    """
    lines = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(_bounded(lines.readline), strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise InvalidInput("file", "is empty; a CSV begins with its header.")
        names = [name.strip() for name in header]
        _require_columns(names)
        yield from _rows(reader, names)
    except UnicodeDecodeError as error:
        raise InvalidInput("file", f"is no text in UTF-8 ({error.reason}).") from error
    except csv.Error as error:
        where = f"line {reader.line_num}: {error}"
        raise InvalidInput("file", f"is no CSV ({where}).") from error
    finally:
        lines.detach()


def _bounded(read_line: Callable[[int], AnyStr]) -> Iterator[AnyStr]:
    while line := read_line(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InvalidInput("file", f"has a line above {LONGEST_LINE} characters.")
        yield line


def _require_columns(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise InvalidInput("file", f"has unknown columns: {', '.join(unknown)}.")
    if len(set(names)) < len(names):
        raise InvalidInput("file", "has a column twice.")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InvalidInput("file", f"lacks the columns {', '.join(missing)}.")


def _rows(reader: Any, names: list[str]) -> Iterator[Texts | Refusal]:
    """The fast way: a row that is as it should be costs little more than splitting."""
    width = len(names)
    checks = _checks(names)
    order = [names.index(name) if name in names else width for name in NAMES]
    for row in reader:
        line = reader.line_num
        if len(row) != width:
            if row:
                told = f"has {len(row)} fields, the header {width}."
                yield Refusal(line, "", told)
            continue
        for position, check, required in checks:
            value = row[position]
            if value:
                if check(value) is None:
                    continue
                row[position] = value = value.strip()
                wrong = check(value) if value else None
                if wrong is not None:
                    yield Refusal(line, names[position], wrong)
                    break
            if not value and required:
                yield Refusal(line, names[position], "must not be empty.")
                break
        else:
            row.append("")
            yield line, [row[position] for position in order]


def _checks(names: Sequence[str]) -> list[tuple[int, Check, bool]]:
    columns = [BY_NAME[name] for name in names]
    return [
        (position, column.check, column.required)
        for position, column in enumerate(columns)
    ]


def read_json(source: io.BufferedReader) -> Iterator[Texts | Refusal]:
    """Objects of a JSON array, or one object a line; `line` counts them from 1."""
    for number, told in each_object(source):
        yield _read_object(number, told)


def each_object(source: io.BufferedReader) -> Iterator[tuple[int, Any]]:
    """What a JSON array holds, or the object on each line, counted from 1.

    Numbers are exact. Raises `InvalidInput` for `file` where it is no JSON.
    """
    first = _first_character(source)
    objects = each_item(source) if first == b"[" else _objects(source)
    number = 0
    try:
        for number, told in enumerate(objects, 1):
            yield number, told
    except InvalidInput:
        raise
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidInput(
            "file", f"is no JSON after object {number}: {error}."
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


def _read_object(number: int, told: Any) -> Texts | Refusal:
    if not isinstance(told, dict):
        return Refusal(number, "", "is no object.")
    for name in told:
        if name not in BY_NAME:
            return Refusal(number, str(name), "is no column.")
    texts = []
    for name in NAMES:
        value = _as_text(told.get(name))
        wrong = _check(BY_NAME[name], value)
        if wrong is not None:
            return Refusal(number, name, wrong)
        texts.append(value or "")
    return number, texts


def _as_text(value: Any) -> str | None:
    """None where it is neither a text nor a number."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return None
    if isinstance(value, Decimal) and abs(value.adjusted()) < LONGEST_FIELD:
        return f"{value:f}"
    return str(value)


def _check(column: Column, value: str | None) -> str | None:
    if value is None:
        return "must be a text or a number."
    if value:
        return column.check(value)
    return "must not be empty." if column.required else None
