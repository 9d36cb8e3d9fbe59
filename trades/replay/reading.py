"""Price files: OHLCV bars from CSV, checked line by line, or a clear error.

**Columns**, in any order and case: a time (`Date`, `Time`, `Datetime`, `Timestamp`,
`Gmt time`, `Local time`, `Open time`, `Unix`, a first column without a name, or `Date`
and `Time` together), `Open`, `High`, `Low`, `Close`; optional `Volume`, `Adj Close`,
`Ticker` (or `Symbol`). Separated by comma, semicolon or tab, with a decimal point or
comma, oldest or newest first, plain or gzip, UTF-8 or UTF-16. Headers of several rows
and files with none: `trades.replay.layout`; times: `trades.replay.times`; the days of
daily bars: `trades.replay.days`.

**Adjustment**: where `Adj Close` exists, open, high, low and close are multiplied by
adjusted close / close, so that a split or a dividend is no price move (AAPL's split of
2005 would be a day of -50 %). `adjust=False` takes the prices as they were quoted. An
adjustment scales all earlier bars alike, which leaves every signal of
`strategies.decisions.signals` unchanged and gives the past nothing of the future.
Volume is taken as it stands.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from mastertrade.values.messages import counted
from trades.replay.bars import Bar, BarsError, PriceSeries
from trades.replay.columns import PRICE_NAMES, Columns, Row
from trades.replay.continuity import check_gaps, check_order
from trades.replay.days import TimeFault, Timeline, place_stamps
from trades.replay.files import PriceFile
from trades.replay.headerless import find_columns, price_places
from trades.replay.layout import find_layout
from trades.replay.numerals import DecimalMark, MarkEvidence
from trades.replay.parsing import Quote, QuoteParser, ReadingOptions, percent
from trades.replay.stamping import StampReader
from trades.replay.times import Stamp

# Daily, 2000-03-01 … 2013-03-01 (GOOG from 2004-08-19, FB from 2012-05-18).
BUILT_IN_NAMES = ("AAPL", "GOOG", "IBM", "MSFT", "FB")
BUILT_IN_PACKAGE = "bokeh_sampledata"
BUILT_IN_FILE = Path("_data", "stocks.csv.gz")

# The fewest bars with which the strategies' shorter indicators mean anything.
MINIMUM_BARS = 60
MOST_BARS = 600_000  # a year of minutes
LONGEST_SYMBOL = 50  # characters that a trade stores


def load_prices(
    name_or_path: str | Path, options: ReadingOptions | None = None
) -> PriceSeries:
    """Read a built-in series by its name (any case) or a price file by its path."""
    options = options or ReadingOptions()
    name = str(name_or_path).upper()
    if name in BUILT_IN_NAMES:
        built_in = ReadingOptions(adjust=options.adjust)
        return read_bars(_built_in_path(), name, built_in)
    path = Path(name_or_path)
    if not path.exists():
        names = ", ".join(BUILT_IN_NAMES)
        raise BarsError(
            str(name_or_path),
            f"neither a price file nor a built-in name; the names are {names}",
        )
    return read_bars(path, options=options)


def read_bars(
    path: str | Path,
    symbol: str | None = None,
    options: ReadingOptions | None = None,
    *,
    minimum_bars: int = MINIMUM_BARS,
) -> PriceSeries:
    """Read one instrument's bars; the first fault ends it with a `BarsError`.

    `symbol` picks the rows of a file that holds several and names the series; without
    it the file's own symbol or its name does. More than 10 days between two bars
    (daily bars), 5 days (intraday) or three intervals (longer bars) is a gap.
    """
    return _Reading(Path(path), symbol, options or ReadingOptions()).read(
        max(minimum_bars, 2)
    )


class _Reading:
    """One file, read twice: for what it is, then for its bars."""

    def __init__(self, path: Path, symbol: str | None, options: ReadingOptions) -> None:
        self.file = PriceFile(path)
        self.symbol, self.options = symbol, options
        self.notes: list[str] = []
        self.layout = find_layout(self.file)

    def read(self, minimum_bars: int) -> PriceSeries:
        mark = self._decide_mark()
        columns = self.layout.columns or self._headerless_columns(mark)
        symbol = self._choose_symbol(columns)
        name = symbol or self.file.name.split(".")[0]
        if len(name) > LONGEST_SYMBOL:
            raise self._error(
                f"the symbol {name} has {len(name)} characters, {LONGEST_SYMBOL} are "
                "allowed; it is the file's name unless a column Symbol gives another"
            )
        if not name.isprintable():
            raise self._error(f"the symbol {name!r} has characters that do not print")
        quotes, stamps, is_reversed = self._read_rows(columns, mark, symbol)
        if len(quotes) < minimum_bars:
            raise self._error(f"{minimum_bars} bars are needed, it holds {len(quotes)}")
        self._note_rows(quotes, is_reversed=is_reversed)
        try:
            timeline = place_stamps(stamps, self.options.time_zone)
        except TimeFault as fault:
            line = quotes[fault.index].line
            raise columns.time_error(line, str(fault)) from None
        self._note_days(stamps, timeline)
        check_order(columns, quotes, timeline, stamps[0].kind)
        if not self.options.allow_gaps:
            check_gaps(columns, quotes, timeline)
        return PriceSeries(
            name,
            _bars(quotes, timeline),
            timeline.interval,
            time_zone=timeline.time_zone,
            notes=tuple(self.notes),
        )

    def _rows(self) -> Iterator[Row]:
        return self.layout.rows(self.file)

    def _error(self, reason: str) -> BarsError:
        return BarsError(self.file.name, reason)

    def _decide_mark(self) -> DecimalMark:
        """Decimal point or comma, by every price of the file."""
        if self.options.decimal_comma:
            return DecimalMark.COMMA
        evidence = MarkEvidence()
        places: list[int] = []
        if self.layout.columns:
            places = [self.layout.columns.places[role] for role in PRICE_NAMES]
        for row in self._rows():
            places = places or list(price_places(row))
            evidence.add(row.fields[place].strip() for place in places)
        try:
            return evidence.decide()
        except ValueError as error:
            raise self._error(str(error)) from None

    def _headerless_columns(self, mark: DecimalMark) -> Columns:
        columns = find_columns(self.file.name, self.layout, self._rows(), mark)
        order = sorted(columns.places.items(), key=lambda item: item[1])
        named = [*(["date", "time"] if columns.splits_time else ["time"])]
        named += [role for role, _ in order]
        self.notes.append(f"no header; the first columns are {', '.join(named)}")
        return columns

    def _choose_symbol(self, columns: Columns) -> str | None:
        """The symbol, where the file names symbols; the one asked for, or its only."""
        if "symbol" not in columns.places:
            return self.symbol or self.layout.symbol
        symbols = list(
            dict.fromkeys(columns.text(row, "symbol") for row in self._rows())
        )
        listed = ", ".join(symbols[:20])
        wanted = self.symbol or (symbols[0] if len(symbols) == 1 else None)
        if wanted is None and symbols:
            raise self._error(f"holds several symbols ({listed}); keep the rows of one")
        if wanted and symbols and wanted.upper() not in map(str.upper, symbols):
            raise self._error(f"has no symbol {wanted}; it has {listed}")
        return wanted

    def _read_rows(
        self, columns: Columns, mark: DecimalMark, symbol: str | None
    ) -> tuple[list[Quote], list[Stamp], bool]:
        parser = QuoteParser(columns, mark, self.options)
        times = StampReader(columns)
        quotes: list[Quote] = []
        skipped: list[int] = []
        for row in self._rows():
            if symbol and not _is_of(columns, row, symbol):
                continue
            quote = parser.parse(row)
            if quote is None:
                skipped.append(row.line)
                continue
            times.add(row)
            quotes.append(quote)
            if len(quotes) > MOST_BARS:
                raise self._error(
                    f"more than {MOST_BARS} bars; cut the file, or use longer bars "
                    "(hours instead of minutes)"
                )
        if self.options.adjust and "adjusted" in columns.places:
            name = columns.names[columns.places["adjusted"]]
            self.notes.append(
                f"prices scaled by {name}; raw_prices takes them as quoted"
            )
        if skipped:
            self.notes.append(
                f"skipped {counted(len(skipped), 'row')} without a price, the first is "
                f"line {skipped[0]}"
            )
        stamps = times.stamps(self.options.time_zone)
        is_reversed = len(stamps) > 1 and stamps[-1].utc < stamps[0].utc
        if is_reversed:
            quotes.reverse()
            stamps.reverse()
        return quotes, stamps, is_reversed

    def _note_days(self, stamps: Sequence[Stamp], timeline: Timeline) -> None:
        if timeline.time_zone not in ("UTC", self.options.time_zone):
            self.notes.append(
                "days are those of the one offset of its times, time zone "
                f"{timeline.time_zone}"
            )
        late = next((stamp for stamp in stamps if not stamp.is_midnight), None)
        if timeline.is_daily and late is not None and self.options.time_zone is None:
            self.notes.append(
                f"daily bars at {late.wall:%H:%M}; a bar's day is its written date"
            )

    def _note_rows(self, quotes: Sequence[Quote], *, is_reversed: bool) -> None:
        if is_reversed:
            self.notes.append("newest first; read from its end")
        outside = [quote for quote in quotes if quote.excess]
        if outside:
            worst = max(outside, key=lambda quote: quote.excess)
            rows = counted(len(outside), "row")
            self.notes.append(
                f"{rows} with an open or close outside low … high, by at most "
                f"{percent(worst.excess)} (line {worst.line}); low or high was widened "
                "to it"
            )


def _is_of(columns: Columns, row: Row, symbol: str) -> bool:
    if "symbol" not in columns.places:
        return True
    return columns.text(row, "symbol").upper() == symbol.upper()


def _built_in_path() -> Path:
    """The package's file, found without importing the package (it loads pandas)."""
    spec = find_spec(BUILT_IN_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BarsError(BUILT_IN_PACKAGE, "the package is not installed")
    return Path(spec.submodule_search_locations[0], BUILT_IN_FILE)


def _bars(quotes: Sequence[Quote], timeline: Timeline) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            opened_at=opened_at,
            at=closes_at,
            open=quote.open,
            high=quote.high,
            low=quote.low,
            close=quote.close,
            volume=quote.volume,
        )
        for quote, opened_at, closes_at in zip(
            quotes, timeline.opened, timeline.closes(), strict=True
        )
    )
