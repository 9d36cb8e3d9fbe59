"""The columns of a price file: what they may be called, and where they stand."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trades.replay.bars import BarsError

# Names without marks, blanks and case. Polish: as stooq.pl writes them.
PRICE_NAMES: Mapping[str, tuple[str, ...]] = {
    "open": ("open", "otwarcie"),
    "high": ("high", "najwyzszy"),
    "low": ("low", "najnizszy"),
    "close": ("close", "zamkniecie"),
}
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "volume": ("volume", "vol", "tickvol", "wolumen"),
    "adjusted": ("adjclose", "adjustedclose", "closeadjusted"),
    "symbol": ("ticker", "symbol"),
}
UTC_TIME_NAMES = frozenset(
    {"gmttime", "utctime", "timeutc", "dateutc", "datetimeutc", "timestamputc"}
)
TIME_NAMES = UTC_TIME_NAMES | {
    *("date", "data", "day", "time", "datetime", "timestamp", "localtime"),
    *("opentime", "unix", "unixtime", "unixtimestamp", "epoch"),
}
# A first column of these names holds the time where no other column does.
INDEX_NAMES = frozenset({"", "index", "unnamed0"})
TICKER_ROW_NAMES = frozenset({"", "ticker", "tickers", "symbol", "symbols"})
CLOCK = re.compile(r"\d{1,2}:\d{2}.*|\d{4}|\d{6}")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file, already split into fields."""

    line: int
    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column stands, by its role, and how the file spells it.

    `times` holds one or two times of each row; with `splits_time` the first is the
    date and the second the time of day. `utc_times` are named as UTC.
    """

    source: str
    names: tuple[str, ...]
    places: Mapping[str, int]
    times: tuple[int, ...]
    splits_time: bool = False
    utc_times: frozenset[int] = frozenset()

    def is_header(self, row: Row) -> bool:
        """Whether the header stands here again, as in files put together."""
        return row.fields[0].strip() == self.names[0] and all(
            name == field.strip()
            for name, field in zip(self.names, row.fields, strict=True)
        )

    def text(self, row: Row, role: str) -> str:
        """The field of that role, without surrounding blanks."""
        return row.fields[self.places[role]].strip()

    def error(self, row: Row, role: str, reason: str) -> BarsError:
        """A fault in one field."""
        name = self.names[self.places[role]]
        return BarsError(self.source, reason, line=row.line, column=name)

    def time_error(self, line: int, reason: str) -> BarsError:
        """A fault of a line's time."""
        name = self.names[self.times[0]]
        return BarsError(self.source, reason, line=line, column=name)


def plain_name(name: str) -> str:
    """A column's name without case, blanks and marks: `<OPEN>`, `open_time`."""
    return re.sub(r"[\W_]", "", name.lower())
