"""Price files: OHLCV bars from CSV, checked line by line, or a clear error.

**Columns**, in any order and case: a time (`Date`, `Time`, `Datetime`, `Timestamp`,
`Gmt time`, or `Date` and `Time` together), `Open`, `High`, `Low`, `Close`; optional
`Volume`, `Adj Close`, `Ticker` (or `Symbol`). Separated by comma, semicolon or tab,
plain or gzip, UTF-8. Numbers use a decimal point.

**Times**: `2000-03-01`, `01.03.2000` (day first), ISO 8601 with or without zone (UTC
where none is given), or seconds or milliseconds since 1970. They mark a bar's open; see
`trades.replay.bars` for its close.

**Adjustment**: where `Adj Close` exists, open, high, low and close are multiplied by
adjusted close / close, so that a split or a dividend is no price move (AAPL's split of
2005 would be a day of -50 %). `adjust=False` takes the prices as they were quoted. An
adjustment scales all earlier bars alike, which leaves every signal of
`strategies.signals` unchanged; it does tell the past nothing of the future. Volume is
taken as it stands.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import mode

from trades.replay.bars import CLOSE_MARGIN, Bar, BarsError, PriceSeries
from trades.replay.parsing import Columns, Quote, Row, parse_quote, read_columns

# Daily, 2000-03-01 … 2013-03-01 (GOOG from 2004-08-19, FB from 2012-05-18).
BUILT_IN_NAMES = ("AAPL", "GOOG", "IBM", "MSFT", "FB")
BUILT_IN_PACKAGE = "bokeh_sampledata"
BUILT_IN_FILE = Path("_data", "stocks.csv.gz")

# The fewest bars with which the strategies' shorter indicators mean anything.
MINIMUM_BARS = 60
DAY = timedelta(days=1)
SHORTEST_STEP = timedelta(minutes=1)
# Daily bars: markets were closed for seven days at most (September 2001).
LONGEST_DAILY_STEP = timedelta(days=10)
# Intraday bars: a long weekend with a holiday on either side.
LONGEST_INTRADAY_STEP = timedelta(days=5)
LONGEST_STEP_INTERVALS = 3  # longer bars: weeks, months
LARGEST_FILE_BYTES = 256 * 1024 * 1024  # unpacked
GZIP_MAGIC = b"\x1f\x8b"
SEPARATORS = (",", ";", "\t")


def load_prices(
    name_or_path: str | Path, *, adjust: bool = True, allow_gaps: bool = False
) -> PriceSeries:
    """Read a built-in series by its name (any case) or a price file by its path."""
    name = str(name_or_path).upper()
    if name in BUILT_IN_NAMES:
        return read_bars(_built_in_path(), symbol=name, adjust=adjust)
    path = Path(name_or_path)
    if not path.exists():
        names = ", ".join(BUILT_IN_NAMES)
        raise BarsError(
            str(name_or_path),
            f"neither a price file nor a built-in name; the names are {names}",
        )
    return read_bars(path, adjust=adjust, allow_gaps=allow_gaps)


def read_bars(
    path: str | Path,
    symbol: str | None = None,
    *,
    adjust: bool = True,
    allow_gaps: bool = False,
    minimum_bars: int = MINIMUM_BARS,
) -> PriceSeries:
    """Read one instrument's bars; the first fault ends it with a `BarsError`.

    `symbol` picks the rows of a file that holds several and names the series; without
    it the file's own symbol or its name does. More than 10 days between two bars
    (daily bars), 5 days (intraday) or three intervals (longer bars) is a gap.
    """
    path = Path(path)
    source = path.name
    rows = _rows(source, _text(path))
    header = next(rows, None)
    if header is None:
        raise BarsError(source, "the file is empty")
    columns = read_columns(source, header)
    name, chosen = _choose(columns, list(rows), symbol)
    quotes = [parse_quote(columns, row, adjust=adjust) for row in chosen]
    _check_order(columns, quotes)
    if len(quotes) < max(minimum_bars, 2):
        raise BarsError(
            source, f"{len(quotes)} bars are too few, {max(minimum_bars, 2)} are needed"
        )
    interval = mode(b.opened_at - a.opened_at for a, b in pairwise(quotes))
    if not allow_gaps:
        _check_gaps(columns, quotes, _longest_step(interval))
    bars = _bars(quotes, interval)
    return PriceSeries(name or path.name.split(".")[0], bars, interval)


def _built_in_path() -> Path:
    """The package's file, found without importing the package (it loads pandas)."""
    spec = find_spec(BUILT_IN_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BarsError(BUILT_IN_PACKAGE, "the package is not installed")
    return Path(spec.submodule_search_locations[0], BUILT_IN_FILE)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == GZIP_MAGIC
        with gzip.open(path) if is_packed else path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BarsError(path.name, f"cannot be read: {error}") from error
    if len(content) > LARGEST_FILE_BYTES:
        raise BarsError(path.name, f"larger than {LARGEST_FILE_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BarsError(path.name, "not UTF-8 text", line=line) from None


def _rows(source: str, text: str) -> Iterator[Row]:
    """The lines that hold anything, each with as many fields as the first."""
    first_line = text.lstrip().partition("\n")[0]
    separator = max(SEPARATORS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    width: int | None = None
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if width is not None and len(fields) != width:
                reason = f"{len(fields)} fields, the header has {width}"
                raise BarsError(source, reason, line=reader.line_num)
            width = len(fields)
            yield Row(reader.line_num, fields)
    except csv.Error as error:
        raise BarsError(source, str(error), line=reader.line_num) from error


def _choose(
    columns: Columns, rows: list[Row], symbol: str | None
) -> tuple[str | None, list[Row]]:
    """The symbol and its rows, where the file names symbols; else all of them."""
    if "symbol" not in columns.places:
        return symbol, rows
    symbols = list(dict.fromkeys(columns.text(row, "symbol") for row in rows))
    wanted = symbol or (symbols[0] if len(symbols) == 1 else None)
    if wanted is None and rows:
        reason = f"holds several symbols, choose one of {', '.join(symbols)}"
        raise BarsError(columns.source, reason)
    chosen = [
        row
        for row in rows
        if wanted and columns.text(row, "symbol").upper() == wanted.upper()
    ]
    if rows and not chosen:
        reason = f"has no symbol {wanted}; it has {', '.join(symbols)}"
        raise BarsError(columns.source, reason)
    return wanted, chosen


def _check_order(columns: Columns, quotes: Sequence[Quote]) -> None:
    for before, quote in pairwise(quotes):
        step = quote.opened_at - before.opened_at
        if step == timedelta(0):
            fault = "is the same time as in"
        elif step < timedelta(0):
            fault = "is before that of"
        elif step < SHORTEST_STEP:
            fault = "is less than a minute after that of"
        else:
            continue
        raise _time_error(columns, quote, f"{_stamp(quote)} {fault} line {before.line}")


def _check_gaps(columns: Columns, quotes: Sequence[Quote], longest: timedelta) -> None:
    for before, quote in pairwise(quotes):
        step = quote.opened_at - before.opened_at
        if step > longest:
            raise _time_error(
                columns,
                quote,
                f"a gap of {step.days} days since {_stamp(before)} (at most "
                f"{longest.days} are usual); fill it or allow gaps",
            )


def _longest_step(interval: timedelta) -> timedelta:
    if interval < DAY:
        return LONGEST_INTRADAY_STEP
    return max(LONGEST_DAILY_STEP, LONGEST_STEP_INTERVALS * interval)


def _time_error(columns: Columns, quote: Quote, reason: str) -> BarsError:
    role = "date" if "date" in columns.places else "time"
    name = columns.names[columns.places[role]]
    return BarsError(columns.source, reason, line=quote.line, column=name)


def _stamp(quote: Quote) -> str:
    time = quote.opened_at
    is_date = time == time.replace(hour=0, minute=0, second=0, microsecond=0)
    return f"{time:%Y-%m-%d}" if is_date else f"{time:%Y-%m-%d %H:%M:%S}"


def _bars(quotes: Sequence[Quote], interval: timedelta) -> tuple[Bar, ...]:
    """Give each bar its close: the end of its interval, before the next bar's open."""
    following = [quote.opened_at for quote in quotes[1:]]
    following.append(quotes[-1].opened_at + interval)
    return tuple(
        Bar(
            opened_at=quote.opened_at,
            at=_close_time(quote.opened_at, interval, next_opened_at),
            open=quote.open,
            high=quote.high,
            low=quote.low,
            close=quote.close,
            volume=quote.volume,
        )
        for quote, next_opened_at in zip(quotes, following, strict=True)
    )


def _close_time(
    opened_at: datetime, interval: timedelta, next_opened_at: datetime
) -> datetime:
    return min(opened_at + interval, next_opened_at) - CLOSE_MARGIN
