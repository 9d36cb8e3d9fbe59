"""Layouts of price files as venues and tools write them: read, or said exactly."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from trades.replay.bars import Bar, BarsError, PriceSeries
from trades.replay.parsing import ReadingOptions
from trades.replay.reading import read_bars
from trades.tests.prices import wander

DAYS = wander(70).bars
HOURS = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(70)]
Write = Callable[..., Path]
BINANCE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_lines(lines: Sequence[str], encoding: str = "utf-8") -> Path:
        path = tmp_path / "prices.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write_lines


def read(path: Path, **options: object) -> PriceSeries:
    return read_bars(path, options=ReadingOptions(**options))  # type: ignore[arg-type]


def fault_of(path: Path, **options: object) -> str:
    with pytest.raises(BarsError) as caught:
        read(path, **options)
    return str(caught.value)


def prices(bar: Bar) -> tuple[Decimal, ...]:
    return bar.open, bar.high, bar.low, bar.close


def lines_of(time: Callable[[int, Bar], str], order: str = "OHLC", after: str = ""):
    """A line a bar: its time, its prices in that order, and what follows."""
    names = {"O": "open", "H": "high", "L": "low", "C": "close"}
    return [
        ",".join([time(i, bar), *(str(getattr(bar, names[key])) for key in order)])
        + after.replace("I", str(1000 + i))
        for i, bar in enumerate(DAYS)
    ]


def epoch(unit: int) -> Callable[[int, Bar], str]:
    return lambda i, bar: str(int(bar.opened_at.timestamp()) * unit)


def date_of(i: int, bar: Bar) -> str:
    return f"{bar.opened_at:%Y-%m-%d}"


def hour_of(form: str) -> Callable[[int, Bar], str]:
    return lambda i, bar: format(HOURS[i], form)


def is_daily(series: PriceSeries) -> bool:
    return [(bar.opened_at, bar.at, *prices(bar)) for bar in series.bars] == [
        (bar.opened_at, bar.at, *prices(bar)) for bar in DAYS
    ]


def is_hourly(series: PriceSeries) -> bool:
    return [(bar.opened_at, *prices(bar)) for bar in series.bars] == [
        (at, *prices(bar)) for at, bar in zip(HOURS, DAYS, strict=True)
    ]


KLINE = ",12.5,I,1234.5,77,6.1,600.2,0"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([BINANCE, *lines_of(epoch(1000), after=KLINE)], id="binance"),
        pytest.param(lines_of(epoch(1000), after=KLINE), id="binance, no header"),
        pytest.param(lines_of(epoch(10**6), after=KLINE), id="binance, µs"),
        pytest.param(
            [
                *lines_of(epoch(1000), after=KLINE)[:30],
                *lines_of(epoch(10**6), after=KLINE)[30:],
            ],
            id="binance, ms then µs",
        ),
        pytest.param(
            [
                *[BINANCE, *lines_of(epoch(1000), after=KLINE)[:30]],
                *[BINANCE, *lines_of(epoch(1000), after=KLINE)[30:]],
            ],
            id="binance, two files in one",
        ),
        pytest.param(lines_of(epoch(1), after=",3.25,7"), id="kraken"),
        pytest.param(lines_of(epoch(1), "LHOC", ",3.25")[::-1], id="coinbase"),
        pytest.param([",Open,High,Low,Close", *lines_of(date_of)], id="no name"),
        pytest.param(
            ["Unnamed: 0,Open,High,Low,Close", *lines_of(date_of)], id="unnamed"
        ),
        pytest.param(
            [
                ",Date,Open,High,Low,Close",
                *lines_of(lambda i, bar: f"{i},{date_of(i, bar)}"),
            ],
            id="numbered rows",
        ),
        pytest.param(
            [
                *["Price,Close,High,Low,Open,Volume", "Ticker,A,A,A,A,A", "Date,,,,,"],
                *lines_of(date_of, "CHLO", ",I"),
            ],
            id="yfinance",
        ),
        pytest.param(
            [
                *["Ticker,A,A,A,A,A", "Price,Open,High,Low,Close,Volume", "Date,,,,,"],
                *lines_of(date_of, after=",I"),
            ],
            id="yfinance, by ticker",
        ),
        pytest.param(
            [
                *[",Close,High,Low,Open", ",A,A,A,A"],
                *lines_of(date_of, "CHLO"),
            ],
            id="pandas, two header rows",
        ),
        pytest.param(
            [
                "https://www.CryptoDataDownload.com",
                "unix,date,symbol,open,high,low,close,Volume BTC,Volume USD",
                *lines_of(
                    lambda i, b: f"{epoch(1)(i, b)},{date_of(i, b)},BTC/USD",
                    after=",1,2",
                )[::-1],
            ],
            id="cryptodatadownload",
        ),
        pytest.param(
            ["# mine, all of it", "", "Date,Open,High,Low,Close", *lines_of(date_of)],
            id="comment",
        ),
        pytest.param(
            ["Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie", *lines_of(date_of)],
            id="stooq.pl",
        ),
        pytest.param(
            [
                "time,open,high,low,close",
                *lines_of(lambda i, bar: f"{bar.opened_at:%Y%m%d%H%M%S}"),
            ],
            id="14 digits",
        ),
        pytest.param(
            ["Date,Open,High,Low,Close", *lines_of(date_of)[::-1]], id="newest first"
        ),
        pytest.param(
            [
                "sep=;",
                "Date;Open;High;Low;Close",
                *(
                    line.replace(",", ";").replace(".", ",")
                    for line in lines_of(date_of)
                ),
            ],
            id="decimal comma",
        ),
        pytest.param(
            [
                line.replace(",", ";").replace(".", ",")
                for line in lines_of(date_of, after=",I")
            ],
            id="decimal comma, no header",
        ),
    ],
)
def test_daily_bars_of_each_layout_are_the_same(write: Write, lines: list[str]):
    assert is_daily(read(write(lines)))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(lines_of(hour_of("%Y%m%d %H%M%S")), id="histdata"),
        pytest.param(lines_of(hour_of("%Y%m%d,%H%M%S")), id="compact date and time"),
        pytest.param(
            [
                "<TIME>,<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>",
                *lines_of(hour_of("%H:%M:%S,%Y.%m.%d")),
            ],
            id="time before its date",
        ),
        pytest.param(
            lines_of(hour_of("%Y.%m.%d,%H:%M"), after=",12"), id="metatrader 4"
        ),
        pytest.param(
            [
                "Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD",
                *lines_of(hour_of("%Y-%m-%d %I-%p,BTCUSD"), after=",1,2")[::-1],
            ],
            id="cryptodatadownload, old",
        ),
        pytest.param(
            [
                "unix,date,open,high,low,close",
                *lines_of(
                    lambda i, bar: f"{int(HOURS[i].timestamp())},{HOURS[i]:%Y-%m-%d}"
                ),
            ],
            id="unix next to its date alone",
        ),
        pytest.param(
            [
                "Gmt time,Open,High,Low,Close,Volume",
                *lines_of(hour_of("%d.%m.%Y %H:%M:%S.000"), after=",I"),
            ],
            id="dukascopy",
        ),
        pytest.param(
            [
                "time,open,high,low,close,Volume,MA,MA",
                *lines_of(hour_of("%Y-%m-%dT%H:%M:%SZ"), after=",I,,NaN"),
            ],
            id="tradingview",
        ),
    ],
)
def test_hourly_bars_of_each_layout_are_the_same(write: Write, lines: list[str]):
    assert is_hourly(read(write(lines)))


def test_a_metatrader_export_in_utf_16_is_read(write: Write):
    header = "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>"
    lines = [header, *lines_of(hour_of("%Y.%m.%d,%H:%M:%S"), after=",5,0,1")]

    path = write([line.replace(",", "\t") for line in lines], encoding="utf-16")

    assert is_hourly(read(path))


def test_a_header_row_of_tickers_names_the_series(write: Write):
    lines = ["Price,Close,High,Low,Open", "Ticker,7203.T,7203.T,7203.T,7203.T"]

    assert read(write([*lines, *lines_of(date_of, "CHLO")])).symbol == "7203.T"


def test_what_was_done_to_read_a_file_is_noted(write: Write):
    assert read(write(lines_of(epoch(1), "LHOC")[::-1])).notes == (
        "no header; the first columns are time, low, high, open, close",
        "newest first; read from its end",
    )


def test_a_plain_file_needs_no_note(write: Write):
    assert read(write(["Date,Open,High,Low,Close", *lines_of(date_of)])).notes == ()


# Refused


FLAT = [f"{date_of(i, bar)},10,12,9,11" for i, bar in enumerate(DAYS)]
NO_HEADER = "write one above: Date,Open,High,Low,Close,Volume in the file's order"


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        pytest.param(
            FLAT,
            "line 1: there is no header, and columns 2 to 5 cannot be distinguished; "
            + NO_HEADER,
            id="no header, open and close alike",
        ),
        pytest.param(
            lines_of(date_of, "OHLCC"),
            "line 1: there is no header, and column 6 could be a price too; "
            + NO_HEADER,
            id="no header, a fifth price",
        ),
        pytest.param(
            [
                f"{line},{float(bar.close) * 0.5}"
                for line, bar in zip(lines_of(date_of), DAYS, strict=True)
            ],
            "line 1: there is no header, and column 6 could be a price too; "
            + NO_HEADER,
            id="no header, an adjusted close",
        ),
        pytest.param(
            lines_of(lambda i, bar: f"AAPL,{date_of(i, bar)}"),
            "line 1: there is no header, and its columns cannot be distinguished; "
            + NO_HEADER,
            id="no header, a symbol first",
        ),
        pytest.param(
            ["Price,Close,Close,High,High", "Ticker,A,B,A,B", "Date,,,,", *FLAT],
            "line 2: is a header row of several names (A, B); keep the columns of one "
            "ticker, or remove the row",
            id="two tickers",
        ),
        pytest.param(
            ["Date,Open,High,Low,Close,Close", *(f"{line},11" for line in FLAT)],
            "line 1, column Close: there are several columns of this name (columns 5 "
            "and 6); keep one",
            id="a column twice",
        ),
        pytest.param(
            ["my,prices", "Date,Open,High,Low,Close", *FLAT],
            "line 1: is above the header (line 2) and no comment; remove it",
            id="something above the header",
        ),
        pytest.param(
            [
                ",Open,High,Low,Close",
                *(f"{i},{line[11:]}" for i, line in enumerate(FLAT)),
            ],
            "line 2, column 1 (without a name): '0' is not a time; write it as "
            "2000-03-01 or 2000-03-01T14:30:00Z",
            id="numbered rows without a time",
        ),
        pytest.param(
            [
                "unix,date,open,high,low,close",
                *lines_of(
                    lambda i, bar: (
                        f"{int(HOURS[i].timestamp()) + 3600},{HOURS[i]:%F %T}"
                    )
                ),
            ],
            "line 2, column unix: date and unix are different times (2024-01-01 "
            "00:00:00 and 2024-01-01 01:00:00 UTC); remove the wrong one, or give "
            "time_zone if one of them is local",
            id="two times that differ",
        ),
        pytest.param(
            ["Date|Open|High|Low|Close", *(line.replace(",", "|") for line in FLAT)],
            "line 1: no comma, semicolon or tab separates columns in "
            "'Date|Open|High|Low|Close'; write the columns with commas",
            id="another separator",
        ),
        pytest.param(
            ["Date,Open,High,Low,Close", *FLAT[40:], *FLAT[:40]],
            "line 70, column Date: 2020-02-08 is before that of line 71; rows must go "
            "by time, oldest or newest first",
            id="rows out of order",
        ),
        pytest.param(
            ['{"open": 1}'], ": is JSON; a CSV file is needed", id="another format"
        ),
    ],
)
def test_what_may_be_two_things_is_refused_with_what_was_found(
    write: Write, lines: list[str], fault: str
):
    found = fault_of(write(lines))

    assert found.removeprefix("prices.csv").removeprefix(", ") == fault


def test_empty_fields_behind_the_last_column_are_ignored(write: Write):
    lines = ["Date,Open,High,Low,Close", *(f"{line},," for line in lines_of(date_of))]

    assert list(map(prices, read(write(lines)).bars)) == list(map(prices, DAYS))


def test_utf_16_without_its_mark_is_refused(write: Write):
    lines = ["Date,Open,High,Low,Close", *FLAT]

    assert fault_of(write(lines, encoding="utf-16-le")) == (
        "prices.csv: not UTF-8 text; save it as UTF-8"
    )


def test_adjusted_prices_are_noted_with_the_way_to_the_quoted_ones(write: Write):
    lines = ["Date,Open,High,Low,Close,Adj Close", *(f"{line},5.5" for line in FLAT)]

    assert read(write(lines)).notes == (
        "prices scaled by Adj Close; raw_prices takes them as quoted",
    )
    assert read(write(lines), adjust=False).notes == ()


def test_a_workbook_is_named(tmp_path: Path):
    path = tmp_path / "prices.csv"
    path.write_bytes(b"PK\x03\x04rest")

    assert fault_of(path) == (
        "prices.csv: is a zip archive or an Excel workbook; unpack it, or save it as "
        "CSV"
    )


def test_an_endless_line_is_refused(tmp_path: Path):
    path = tmp_path / "prices.csv"
    path.write_bytes(b"1" * 100_000)

    assert "longer than 65536 characters" in fault_of(path)


def test_a_symbol_too_long_for_a_trade_is_refused(write: Write):
    path = write(["Date,Open,High,Low,Close", *FLAT])

    long = path.rename(path.with_name("x" * 51 + ".csv"))

    assert "has 51 characters, 50 are allowed" in fault_of(long)


def test_a_symbol_that_does_not_print_is_refused(write: Write):
    path = write(["Symbol,Date,Open,High,Low,Close", *(f"\x1b[31m,{x}" for x in FLAT)])

    assert "the symbol '\\x1b[31m' has characters that do not print" in fault_of(path)


def test_a_message_is_bounded_and_prints(write: Write):
    fault = fault_of(write(with_row(5, "\x1b[31m" + "x" * 5000 + ",12,9,11")))

    assert len(fault) < 700
    assert fault.isprintable()


def test_a_fault_of_a_file_without_a_header_is_named_by_its_column(write: Write):
    lines = lines_of(date_of)
    lines[4] = f"{date_of(4, DAYS[4])},x,12,9,11"

    assert fault_of(write(lines)) == "prices.csv, line 5, column 2: 'x' is not a number"


def test_a_file_without_a_header_and_prices_is_refused(write: Write):
    lines = [f"{date_of(i, bar)},,,," for i, bar in enumerate(DAYS)]

    assert "cannot be distinguished" in fault_of(write(lines))


# Options


def with_row(place: int, text: str) -> list[str]:
    lines = ["Date,Open,High,Low,Close", *FLAT]
    lines[place] = f"{lines[place][:10]},{text}"
    return lines


@pytest.mark.parametrize("text", ["null,null,null,null", ",,,", "NaN,12,9,11"])
def test_rows_without_a_price_are_skipped_where_asked(write: Write, text: str):
    path = write(with_row(5, text))

    assert "line 6, column Open" in (fault := fault_of(path))
    assert "skip_null_rows" in fault
    series = read(path, skip_null_rows=True)
    assert len(series.bars) == len(FLAT) - 1
    assert series.notes == ("skipped 1 row without a price, the first is line 6",)


@pytest.mark.parametrize(
    ("text", "low", "high", "percent"),
    [("10,12,9,8.991", "8.991", "12", "0.1 %"), ("13.2,12,9,11", "9", "13.2", "10 %")],
)
def test_closes_out_of_range_widen_it_where_asked(
    write: Write, text: str, low: str, high: str, percent: str
):
    path = write(with_row(5, text))

    assert f"by {percent}; tolerate_closes" in fault_of(path)
    series = read(path, tolerate_closes=True)
    bar = series.bars[4]
    assert (bar.low, bar.high) == (Decimal(low), Decimal(high))
    assert series.notes == (
        f"1 row with an open or close outside low … high, by at most {percent} "
        "(line 6); low or high was widened to it",
    )


def test_a_high_below_the_low_is_never_tolerated(write: Write):
    path = write(with_row(5, "10,9,12,11"))

    assert "high 9 is below low 12" in fault_of(path, tolerate_closes=True)


def test_a_decimal_comma_can_be_said(write: Write):
    lines = [line.replace("10,12,9,11", "10,100;12,200;9,300;11,400") for line in FLAT]
    path = write(
        ["Date;Open;High;Low;Close", *(x.replace(",1", ";1", 1) for x in lines)]
    )

    assert "decimal_comma" in fault_of(path)
    assert prices(read(path, decimal_comma=True).bars[0]) == tuple(
        map(Decimal, ("10.1", "12.2", "9.3", "11.4"))
    )
