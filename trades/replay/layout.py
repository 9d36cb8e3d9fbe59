"""Where a price file keeps what: its separator, its header, its columns.

The header is the first row that names prices. Above it may stand comments, a URL or
any line of one field; below it a row with the ticker and one with the index's name, as
pandas writes a table with two header rows. A file without a header is read where its
columns can only be one thing (`trades.replay.headerless`).
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import NoReturn

from trades.replay.bars import BarsError
from trades.replay.columns import (
    CLOCK,
    INDEX_NAMES,
    OTHER_NAMES,
    PRICE_NAMES,
    TICKER_ROW_NAMES,
    TIME_NAMES,
    UTC_TIME_NAMES,
    Columns,
    Row,
    plain_name,
)
from trades.replay.files import PriceFile
from trades.replay.numerals import is_number
from trades.replay.times import is_time

SEPARATORS = (",", ";", "\t")
HEAD_ROWS = 40  # a header that far down belongs to something else


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read the file. `columns` is None where it has no header."""

    separator: str
    first_line: int  # of the bars
    columns: Columns | None
    symbol: str | None = None  # named by the header rows

    def rows(self, file: PriceFile) -> Iterator[Row]:
        """The rows of bars, each with as many fields as the header or the first."""
        width = len(self.columns.names) if self.columns else None
        for row in split_rows(file.name, file.lines(), self.separator):
            if row.line < self.first_line:
                continue
            if width is None:
                width = len(row.fields)
            if any(field.strip() for field in row.fields[width:]) or (
                len(row.fields) < width
            ):
                first = "header" if self.columns else "first line"
                reason = f"{len(row.fields)} fields, the {first} has {width}"
                reason += "; correct or remove the line"
                raise BarsError(file.name, reason, line=row.line)
            if len(row.fields) > width:
                row = replace(row, fields=row.fields[:width])
            if self.columns is None or not self.columns.is_header(row):
                yield row


def split_rows(source: str, lines: Iterator[str], separator: str) -> Iterator[Row]:
    """The lines that hold anything, split."""
    reader = csv.reader(lines, delimiter=separator)
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield Row(reader.line_num, fields)
    except csv.Error as error:
        raise BarsError(source, str(error), line=reader.line_num) from error


def find_layout(file: PriceFile) -> Layout:
    """Find separator, header and columns by the file's first rows."""
    head = list(islice(file.lines(), HEAD_ROWS))
    if not any(line.strip() for line in head):
        first = next((line for line in file.lines() if line.strip()), None)
        reason = "the file is empty" if first is None else "begins with empty lines"
        raise BarsError(file.name, reason)
    readings = {
        separator: list(split_rows(file.name, iter(head), separator))
        for separator in SEPARATORS
    }
    separator = max(SEPARATORS, key=lambda mark: _score(readings[mark]))
    rows = readings[separator]
    place = _header_place(rows)
    if place is None:
        first_bar = _skip_preamble(file.name, rows)
        return Layout(separator, first_bar.line, None)
    return _named_layout(file.name, separator, rows, place)


def is_bar(row: Row) -> bool:
    """Whether a row holds a time and numbers rather than names."""
    fields = [field.strip() for field in row.fields]
    places = [i for i, field in enumerate(fields[:3]) if is_time(field)]
    if not places:
        return False
    numbers = [is_number(field) for field in fields[places[0] + 1 :]]
    return sum(numbers) >= len(PRICE_NAMES)


def _score(rows: list[Row]) -> tuple[int, bool, int]:
    """How much a separator makes of the file: names, bars, fields."""
    named = max((len(_priced(row)) for row in rows), default=0)
    bars = any(is_bar(row) for row in rows)
    return named, bars, max((len(row.fields) for row in rows), default=0)


def _priced(row: Row) -> set[str]:
    names = {plain_name(field) for field in row.fields}
    return {role for role, spelled in PRICE_NAMES.items() if names & set(spelled)}


def _header_place(rows: list[Row]) -> int | None:
    """Which row names the most prices; None where bars come first."""
    best, place = 0, None
    for index, row in enumerate(rows):
        if is_bar(row):
            break
        if len(_priced(row)) > best:
            best, place = len(_priced(row)), index
    return place


def _skip_preamble(source: str, rows: list[Row]) -> Row:
    """The first bar of a file without a header, or what the file lacks."""
    if all(len(row.fields) == 1 for row in rows):
        raise BarsError(
            source,
            f"no comma, semicolon or tab separates columns in {_beginning(rows[0])!r}; "
            "write the columns with commas",
            line=rows[0].line,
        )
    for row in rows:
        if is_bar(row):
            return row
        if not _is_preamble(row):
            _missing(source, row, [*PRICE_NAMES], has_time=_has_time(row))
    return _missing(source, rows[-1], [*PRICE_NAMES], has_time=False)


def _beginning(row: Row) -> str:
    """The first words of a row."""
    return row.fields[0].strip()[:40]


def _is_preamble(row: Row) -> bool:
    """A comment, a URL or a title."""
    filled = [field for field in row.fields if field.strip()]
    return len(filled) == 1 or filled[0].lstrip().startswith(("#", "//", "http"))


def _named_layout(source: str, separator: str, rows: list[Row], place: int) -> Layout:
    header = rows[place]
    width = len(header.fields)
    symbol = None
    for row in rows[:place]:
        if (ticker := _ticker(source, row, width)) is not None:
            symbol = ticker
        elif not _is_preamble(row):
            reason = (
                f"is above the header (line {header.line}) and no comment; remove it"
            )
            raise BarsError(source, reason, line=row.line)
    names = [field.strip() for field in header.fields]
    last, has_index = header, symbol is not None
    for row in rows[place + 1 :]:
        if is_bar(row):
            break
        if (ticker := _ticker(source, row, width)) is not None:
            symbol, has_index = ticker, True
        elif _names_index(row, width):
            names[0], has_index = row.fields[0].strip(), True
        elif not _is_comment(row):
            break
        last = row
    columns = _find_columns(
        source, replace(header, fields=names), rows, has_index=has_index
    )
    return Layout(separator, last.line + 1, columns, symbol)


def _is_comment(row: Row) -> bool:
    return row.fields[0].lstrip().startswith(("#", "//"))


def _names_index(row: Row, width: int) -> bool:
    """`Date,,,,`: the name of the first column, below the names of the others."""
    first, *others = (field.strip() for field in row.fields)
    return (
        len(row.fields) == width and plain_name(first) in TIME_NAMES and not any(others)
    )


def _ticker(source: str, row: Row, width: int) -> str | None:
    """`Ticker,AAPL,AAPL,AAPL`: the one ticker of a header row of tickers."""
    first, *others = (field.strip() for field in row.fields)
    if len(row.fields) != width or not all(others) or len(others) < 2:
        return None
    if plain_name(first) not in TICKER_ROW_NAMES:
        return None
    if not first and any(is_number(field) for field in others):
        return None
    tickers = list(dict.fromkeys(others))
    if len(tickers) > 1 and not _priced(row):
        reason = (
            f"is a header row of several names ({', '.join(tickers[:10])}); keep the "
            "columns of one ticker, or remove the row"
        )
        raise BarsError(source, reason, line=row.line)
    return tickers[0] if len(tickers) == 1 else None


def _find_columns(
    source: str, header: Row, rows: list[Row], *, has_index: bool
) -> Columns:
    """Find the columns by their names; refuse a file that lacks one or has two."""
    spelled = [plain_name(name) for name in header.fields]
    places = {}
    for role, names in {**PRICE_NAMES, **OTHER_NAMES}.items():
        found = [i for i, name in enumerate(spelled) if name in names]
        if len(found) > 1 and role != "volume":
            numbers = " and ".join(str(i + 1) for i in found)
            raise BarsError(
                source,
                f"there are several columns of this name (columns {numbers}); keep one",
                line=header.line,
                column=header.fields[found[0]],
            )
        if found:
            places[role] = found[0]
    times = [i for i, name in enumerate(spelled) if name in TIME_NAMES]
    times.sort(key=lambda i: spelled[i] == "time")  # a time of day follows its date
    if not times and (has_index or spelled[0] in INDEX_NAMES):
        times = [0]
    missing = [role for role in PRICE_NAMES if role not in places]
    if missing or not times:
        _missing(source, header, missing, has_time=bool(times))
    names = tuple(
        name or f"{number} (without a name)"
        for number, name in enumerate(header.fields, start=1)
    )
    if len(times) > 2:
        listed = ", ".join(names[i] for i in times)
        raise BarsError(
            source, f"has several times ({listed}); keep one", line=header.line
        )
    return Columns(
        source,
        names,
        places,
        tuple(times),
        splits_time=_splits_time(times, rows),
        utc_times=frozenset(i for i in times if spelled[i] in UTC_TIME_NAMES),
    )


def _splits_time(times: list[int], rows: list[Row]) -> bool:
    """Whether the second time is a time of day, by the first bar."""
    if len(times) != 2:
        return False
    bar = next((row for row in rows if is_bar(row)), None)
    if bar is None or len(bar.fields) <= times[1]:
        return False
    return CLOCK.fullmatch(bar.fields[times[1]].strip()) is not None


def _has_time(row: Row) -> bool:
    return any(plain_name(field) in TIME_NAMES for field in row.fields)


def _missing(
    source: str, header: Row, prices: list[str], *, has_time: bool
) -> NoReturn:
    missing = [role.capitalize() for role in prices]
    if not has_time:
        missing.insert(0, "Date")
    shown = ", ".join(name.strip()[:40] or "(no name)" for name in header.fields[:20])
    raise BarsError(
        source,
        f"missing: {', '.join(missing)}; the header has {shown}; needed are a time "
        "(Date, Time, Timestamp, Open time), Open, High, Low and Close: rename or add "
        "columns",
        line=header.line,
        column=missing[0],
    )
