"""What a format of files is: how it is recognised, estimated and read. Pure."""

import io
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import TypeAlias

from trades.importing.fills import FillFormat
from trades.importing.mapped.mapping import MappedKind
from trades.importing.options import ImportOptions
from trades.importing.rows import Note, Refusal, Texts, TradeRow

Item: TypeAlias = TradeRow | Refusal | Note | Texts
Reader: TypeAlias = Callable[[io.BufferedReader, ImportOptions], Iterator[Item]]


def count_lines(head: bytes) -> int:
    """The rows of a CSV."""
    return head.count(b"\n")


def count_symbols(head: bytes) -> int:
    """The objects of a JSON: most name their symbol once."""
    return head.count(b'"symbol"')


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """One format; its `name` ends with csv or json where it is one.

    `words`: what a file of it is, in messages. `read` gives its trades; where it holds
    executions, a `FillFormat`, they become trades once they are paired. A file begins
    with `magic`, or the columns of its header (the names in its first object; lower
    case) look like its own. `rows_per_second`: half of what was measured on two cores;
    how many rows there are is counted in the file's beginning, unless `bytes_per_row`
    says it. `read_fills` takes the place of `read` where the columns of the file were
    mapped, and the mapping says that it holds fills.
    """

    name: str
    words: str
    read: Reader | FillFormat
    rows_per_second: int
    looks_like: Callable[[Set[str]], bool] = lambda names: False
    count_rows: Callable[[bytes], int] = count_lines
    bytes_per_row: int | None = None
    magic: bytes | None = None
    read_fills: FillFormat | None = None

    def reader(self, options: ImportOptions) -> Reader | FillFormat:
        mapping = options.mapping
        if self.read_fills and mapping and mapping.kind is MappedKind.FILLS:
            return self.read_fills
        return self.read
