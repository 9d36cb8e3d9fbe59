"""The table of a file: its separator, its header behind other lines, its rows. Pure."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.validation import HIDDEN

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SEPARATORS = ",;\t|"
LONGEST_FIELD = 10_000
LONGEST_LINE = 100_000
# The header is among so many lines at the beginning.
HEAD_LINES = 200
MOST_COLUMNS = 200
FEWEST_COLUMNS = 3
LONGEST_NAME = 190
FIGURE = re.compile(r"[\s$€£(+-]*\d")
# How well a line is a header: how many of its names are known.
Rate = Callable[[Sequence[str]], int]


@dataclass(slots=True)
class Table:
    """`rows` gives each row's line and its cells, at least as many as `names`.

    `notes` says, once all rows are read, what was not: another table behind this one.
    """

    names: tuple[str, ...]
    header_line: int
    separator: str
    rows: Iterator[tuple[int, list[str]]]
    notes: list[str] = field(default_factory=list)


def open_table(
    source: io.BufferedReader, needed: Iterable[str] = (), rate: Rate = len
) -> Table:
    """Find the header, and read what is behind it.

    It is the first line that has all `needed` names; without these the one that
    `rate` likes best. The text is UTF-8, with or without a byte order mark, or UTF-16
    with one. Raises `InvalidInput` for `file`.
    """
    is_wide = source.peek(2)[:2] in UTF_16
    encoding = "utf-16" if is_wide else "utf-8-sig"
    text = io.TextIOWrapper(source, encoding=encoding, newline="")
    csv.field_size_limit(LONGEST_FIELD)
    try:
        lines = _bounded(text)
        head = list(islice(lines, HEAD_LINES))
        wanted = {fold(name) for name in needed}
        separator, place = _find_header(head, wanted, rate)
        table = _Reader(chain(head[place:], lines), separator, place, text).open()
    except UnicodeError as error:
        raise InvalidInput(
            "file",
            f"is not text in UTF-8 ({getattr(error, 'reason', error)}): save it as CSV "
            "in UTF-8.",
        ) from error
    return table


def fold(name: str) -> str:
    """A column's name as it is compared with others."""
    return " ".join(name.split()).casefold()


def _bounded(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InvalidInput("file", f"has a line above {LONGEST_LINE} characters.")
        yield line


def _find_header(head: list[str], wanted: set[str], rate: Rate) -> tuple[str, int]:
    """The separator, and which line is the header, from 0."""
    if not head:
        raise InvalidInput("file", "is empty.")
    best = (0, 0, "", 0)
    for separator in SEPARATORS:
        for place, line in enumerate(head):
            names = name_columns(_split(line, separator))
            if wanted:
                if wanted <= {fold(name) for name in names}:
                    return separator, place
                continue
            if len(names) < FEWEST_COLUMNS or any(map(FIGURE.match, names)):
                continue
            rated = (rate(names), len(names))
            if rated > best[:2]:
                best = (*rated, separator, place)
    if wanted or not best[1]:
        raise InvalidInput("file", _no_header(wanted))
    return best[2], best[3]


def _no_header(wanted: set[str]) -> str:
    if wanted:
        return (
            f"has no line, of its first {HEAD_LINES}, with the columns of the mapping: "
            f"{', '.join(sorted(wanted))}."
        )
    return (
        f"has no line, of its first {HEAD_LINES}, that names its columns: it needs one "
        "such as symbol,side,quantity,price,time above the rows."
    )


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def name_columns(cells: Sequence[str]) -> tuple[str, ...]:
    """Names of a header's columns; the second Time is called "Time (2)".

    Characters that nobody sees are left out. None where the line is no header.
    """
    cells = [HIDDEN.sub("", cell).strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    if not any(cells) or len(cells) > MOST_COLUMNS:
        return ()
    if max(map(len, cells)) > LONGEST_NAME:
        return ()
    names: list[str] = []
    taken: set[str] = set()
    for place, cell in enumerate(cells, 1):
        plain = name = " ".join(cell.split()) or f"column {place}"
        count = 1
        while fold(name) in taken:
            count += 1
            name = f"{plain} ({count})"
        taken.add(fold(name))
        names.append(name)
    return tuple(names)


class _Reader:
    """The rows behind a header; `place` lines are before it."""

    def __init__(
        self,
        lines: Iterable[str],
        separator: str,
        place: int,
        text: io.TextIOWrapper,
    ) -> None:
        self._cells = csv.reader(lines, delimiter=separator, strict=True)
        self._before = place
        self._text = text
        self._separator = separator

    def open(self) -> Table:
        header = next(self._cells)
        names = name_columns(header)
        self._header = [cell.strip() for cell in header]
        table = Table(names, self._before + 1, self._separator, iter(()))
        table.rows = self._rows(table)
        return table

    def _skip_rest(self) -> None:
        """Whoever counts or hashes the file sees all of it."""
        while self._text.buffer.read(LONGEST_LINE):
            pass

    def _rows(self, table: Table) -> Iterator[tuple[int, list[str]]]:
        width = len(table.names)
        line, repeated = table.header_line, 0
        try:
            for cells in self._cells:
                line = self._before + self._cells.line_num
                cells = [cell.strip() for cell in cells]
                if cells == self._header:
                    repeated += 1
                    continue
                filled = [place for place, cell in enumerate(cells) if cell]
                if not filled:
                    continue
                if filled == [0] and width > FEWEST_COLUMNS and not cells[0].isdigit():
                    table.notes.append(
                        f"Read up to line {line - 1}: another table, "
                        f"{HIDDEN.sub('', cells[0])[:60]}, begins behind it."
                    )
                    self._skip_rest()
                    break
                yield line, cells[: filled[-1] + 1] + [""] * (width - filled[-1] - 1)
        except (UnicodeError, csv.Error) as error:
            raise InvalidInput(
                "file", f"is not a CSV in UTF-8 after line {line}: {error}."
            ) from error
        if repeated:
            table.notes.append(
                f"{repeated} line{'s' if repeated > 1 else ''} repeated the header and "
                f"{'were' if repeated > 1 else 'was'} not read."
            )
