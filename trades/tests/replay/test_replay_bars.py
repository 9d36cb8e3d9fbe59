"""Price files: what is read, and that each fault is named with its place."""

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from trades.replay.bars import Bar, BarsError, PriceSeries
from trades.replay.parsing import ReadingOptions
from trades.replay.reading import BUILT_IN_NAMES, load_prices, read_bars

HEADER = "Date,Open,High,Low,Close,Volume"
FIRST_DAY = date(2020, 1, 1)


def daily_lines(count: int = 5) -> list[str]:
    days = (FIRST_DAY + timedelta(days=index) for index in range(count))
    return [HEADER, *(f"{day},10,12,9,11,100" for day in days)]


@pytest.fixture
def write(tmp_path):
    def write_lines(lines: list[str], name: str = "prices.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write_lines


def read(path, symbol=None, minimum_bars=2, **options) -> PriceSeries:
    return read_bars(path, symbol, ReadingOptions(**options), minimum_bars=minimum_bars)


def fault_of(path, **options) -> str:
    with pytest.raises(BarsError) as caught:
        read(path, **options)
    return str(caught.value)


def fault_with_line(write, line: int, text: str) -> str:
    lines = daily_lines()
    lines[line - 1] = text
    return fault_of(write(lines))


# What is read


def test_a_daily_bar_spans_its_date_in_utc(write):
    bar = read(write(daily_lines())).bars[0]

    assert bar.opened_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert bar.at == datetime(2020, 1, 1, 23, 59, 59, tzinfo=UTC)


def test_each_bar_closes_before_the_next_opens(write):
    bars = read(write(daily_lines())).bars

    assert all(bars[i].at < bars[i + 1].opened_at for i in range(len(bars) - 1))


def test_prices_are_exact_decimals(write):
    lines = daily_lines()
    lines[1] = "2020-01-01,0.1,0.3,0.1,0.2,7"

    bar = read(write(lines)).bars[0]

    prices = (bar.open, bar.high, bar.low, bar.close)
    assert prices == tuple(map(Decimal, ("0.1", "0.3", "0.1", "0.2")))
    assert bar.volume == 7


def test_the_series_is_named_after_its_file(write):
    assert read(write(daily_lines(), "acme.csv")).symbol == "acme"


def test_columns_are_found_in_any_order_and_case(write):
    lines = ["close;LOW;high;open;Timestamp"]
    lines += [f"11;9;12;10;2020-01-0{day}" for day in (1, 2, 3)]

    bar = read(write(lines)).bars[0]

    prices = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    assert prices == (10, 12, 9, 11, 0)


def test_a_gzipped_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "prices.csv.gz"
    text = "\n".join(daily_lines())
    path.write_bytes(gzip.compress(text.encode("utf-8-sig")))

    assert len(read(path).bars) == 5


def test_blank_lines_are_skipped_but_counted(write):
    lines = daily_lines()
    lines.insert(2, "")
    lines[4] = "2020-01-03,x,12,9,11,100"

    assert fault_of(write(lines)).startswith("prices.csv, line 5, column Open")


def test_hourly_bars_close_a_second_before_the_hour(write):
    lines = ["Gmt time,Open,High,Low,Close"]
    lines += [f"02.01.2017 0{hour}:00:00.000,1,1.2,0.9,1.1" for hour in range(4)]

    series = read(write(lines))

    assert series.interval == timedelta(hours=1)
    assert series.bars[3].at == datetime(2017, 1, 2, 3, 59, 59, tzinfo=UTC)


def test_date_and_time_columns_are_joined(write):
    lines = ["<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>"]
    lines += [f"2017.01.02,0{hour}:00,1,1.2,0.9,1.1" for hour in range(3)]

    second = read(write(lines)).bars[1]

    assert second.opened_at == datetime(2017, 1, 2, 1, tzinfo=UTC)


def test_prices_are_adjusted_for_splits_and_dividends(write):
    lines = [
        "Date,Open,High,Low,Close,Volume,Adj Close",
        "2020-01-01,80,120,60,100,5,50",
        "2020-01-02,52,54,50,53,5,53",
    ]

    bar = read(write(lines)).bars[0]

    assert (bar.open, bar.high, bar.low, bar.close) == (40, 60, 30, 50)


def test_raw_prices_can_be_asked_for(write):
    lines = [
        "Date,Open,High,Low,Close,Volume,Adj Close",
        "2020-01-01,80,120,60,100,5,50",
        "2020-01-02,52,54,50,53,5,53",
    ]

    assert read(write(lines), adjust=False).bars[0].close == 100


def test_a_close_off_by_rounding_widens_the_range(write):
    lines = daily_lines()
    lines[1] = "2020-01-01,10,12,9,12.004,100"

    assert read(write(lines)).bars[0].high == Decimal("12.004")


# Symbols


def symbol_lines() -> list[str]:
    rows = [f"2020-01-0{day},10,12,9,11" for day in (1, 2, 3)]
    return [
        "Ticker,Date,Open,High,Low,Close",
        *(f"AAA,{row}" for row in rows),
        *(f"BBB,{row}" for row in rows),
    ]


def test_one_symbol_of_several_is_chosen(write):
    series = read(write(symbol_lines()), symbol="bbb")

    assert (series.symbol, len(series.bars)) == ("bbb", 3)


def test_a_file_with_several_symbols_needs_a_choice(write):
    assert fault_of(write(symbol_lines())) == (
        "prices.csv: holds several symbols (AAA, BBB); keep the rows of one"
    )


def test_a_symbol_that_is_not_there_is_refused(write):
    assert fault_of(write(symbol_lines()), symbol="CCC") == (
        "prices.csv: has no symbol CCC; it has AAA, BBB"
    )


# Faults of a line


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "2020-01-03,x,12,9,11,1",
            "column Open: 'x' is not a number; write it as 1234.5",
        ),
        (
            "2020-01-03,1_0,12,9,11,1",
            "column Open: '1_0' is not a number; write it as 1234.5",
        ),
        (
            "2020-01-03,,12,9,11,1",
            "column Open: '' is not a number; skip_null_rows skips such rows",
        ),
        ("2020-01-03,-10,12,9,11,1", "column Open: a price must be above 0, was -10"),
        ("2020-01-03,10,12,0,11,1", "column Low: a price must be above 0, was 0"),
        (
            "2020-01-03,10,12,9,NaN,1",
            "column Close: 'NaN' is not a number; skip_null_rows skips such rows",
        ),
        ("2020-01-03,10,inf,9,11,1", "column High: inf is not finite"),
        ("2020-01-03,10,1e30,9,11,1", "column High: 1E+30 is too large for a price"),
        ("2020-01-03,10,12,1e-30,11,1", "column Low: 1E-30 is too small for a price"),
        ("2020-01-03,10,9,12,11,1", "column High: high 9 is below low 12"),
        (
            "2020-01-03,8,12,9,11,1",
            "column Open: open 8 is outside low 9 … high 12 by 11.1 %; "
            "tolerate_closes takes such rows",
        ),
        (
            "2020-01-03,10,12,9,13,1",
            "column Close: close 13 is outside low 9 … high 12 by 8.33 %; "
            "tolerate_closes takes such rows",
        ),
        (
            "2020-01-03,10,12,9,11,-1",
            "column Volume: a volume is never negative, was -1",
        ),
        (
            "2020-01-02,10,12,9,11,1",
            "column Date: 2020-01-02 is the same day as line 3",
        ),
        (
            "2019-12-31,10,12,9,11,1",
            "column Date: 2019-12-31 is before that of line 3; rows must go by time, "
            "oldest or newest first",
        ),
        (
            "2020-01-03,10,12,9,11",
            "5 fields, the header has 6; correct or remove the line",
        ),
        (
            "01/03/2020,10,12,9,11,1",
            "column Date: '01/03/2020' may be day or month first and so is not a time; "
            "write it as 2000-03-01 or 2000-03-01T14:30:00Z",
        ),
    ],
)
def test_a_bad_line_is_named_with_its_column(write, text, fault):
    found = fault_with_line(write, 4, text)

    assert found.startswith("prices.csv, line 4")
    assert found.endswith(fault)


def test_an_error_carries_its_place_as_values(write):
    lines = daily_lines()
    lines[2] = "2020-01-02,x,12,9,11,1"

    with pytest.raises(BarsError) as caught:
        read(write(lines))

    error = caught.value
    assert (error.source, error.line, error.column) == ("prices.csv", 3, "Open")


# Faults of a file


def test_a_missing_column_is_named(write):
    lines = ["Date,Open,High,Close", "2020-01-01,1,1,1"]

    assert fault_of(write(lines)) == (
        "prices.csv, line 1, column Low: missing: Low; the header has "
        "Date, Open, High, Close; needed are a time (Date, Time, Timestamp, Open "
        "time), Open, High, Low and Close: rename or add columns"
    )


def test_a_missing_time_is_named(write):
    assert "missing: Date;" in fault_of(write(["Open,High,Low,Close", "1,1,1,1"]))


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "prices.csv"
    path.touch()

    assert fault_of(path) == "prices.csv: the file is empty"


def test_too_few_bars_are_refused(write):
    assert fault_of(write(daily_lines(4)), minimum_bars=60) == (
        "prices.csv: 60 bars are needed, it holds 4"
    )


def test_a_header_alone_is_too_few_bars(write):
    assert fault_of(write([HEADER])) == "prices.csv: 2 bars are needed, it holds 0"


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_bytes(b"Date,Open\n2020-01-01,1\n2020-01-02,\xff\n")

    assert fault_of(path) == "prices.csv, line 3: not UTF-8 text; save it as UTF-8"


def test_a_broken_gzip_file_is_refused(tmp_path):
    path = tmp_path / "prices.csv.gz"
    path.write_bytes(gzip.compress("\n".join(daily_lines(50)).encode())[:60])

    assert fault_of(path).startswith("prices.csv.gz: cannot be read: ")


def test_a_folder_is_refused(tmp_path):
    assert "cannot be read" in fault_of(tmp_path)


# Gaps


def gap_lines() -> list[str]:
    lines = daily_lines(10)
    return [*lines, "2020-02-10,10,12,9,11,100"]


def test_a_missing_month_is_a_gap(write):
    assert fault_of(write(gap_lines())) == (
        "prices.csv, line 12, column Date: a gap of 31 days since 2020-01-10 "
        "(at most 10 are usual); fill it or give allow_gaps"
    )


def test_gaps_can_be_allowed(write):
    series = read(write(gap_lines()), allow_gaps=True)

    assert series.bars[9].at == datetime(2020, 1, 10, 23, 59, 59, tzinfo=UTC)


def test_a_week_without_trading_is_no_gap(write):
    lines = daily_lines(10)
    lines.append("2020-01-17,10,12,9,11,100")

    assert len(read(write(lines)).bars) == 11


def test_monthly_bars_have_no_gaps_and_close_with_their_month(write):
    lines = [HEADER, *(f"2020-{month:02}-01,10,12,9,11,1" for month in range(1, 8))]

    series = read(write(lines))

    assert series.bars[1].at == datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)


# Built-in prices


@pytest.mark.parametrize(
    ("name", "bars"),
    [("AAPL", 3270), ("GOOG", 2148), ("IBM", 3270), ("MSFT", 3270), ("FB", 196)],
)
@pytest.mark.slow
def test_built_in_prices_load_whole(name, bars):
    series = load_prices(name)

    assert (series.symbol, len(series.bars)) == (name, bars)


def change_at_the_split_of_apple(*, adjust: bool) -> Decimal:
    bars = load_prices("aapl", ReadingOptions(adjust=adjust)).bars
    days = [bar.opened_at.date() for bar in bars]
    split = days.index(date(2005, 2, 28))
    return round(bars[split].close / bars[split - 1].close, 2)


def test_a_split_is_no_crash_of_adjusted_prices():
    assert change_at_the_split_of_apple(adjust=True) == Decimal("1.01")


def test_a_split_shows_in_raw_prices():
    assert change_at_the_split_of_apple(adjust=False) == Decimal("0.50")


def test_an_unknown_name_lists_the_names():
    with pytest.raises(BarsError) as caught:
        load_prices("TSLA")

    assert str(caught.value) == (
        "TSLA: neither a price file nor a built-in name; the names are "
        "AAPL, GOOG, IBM, MSFT, FB"
    )


def test_a_path_loads_a_file(write):
    lines = daily_lines(60)

    assert len(load_prices(str(write(lines))).bars) == 60


def test_all_built_in_names_are_tested():
    assert set(BUILT_IN_NAMES) == {"AAPL", "GOOG", "IBM", "MSFT", "FB"}


# Series


def one_bar(opened_at: datetime) -> Bar:
    price = Decimal(1)
    closed_at = opened_at + timedelta(hours=1)
    return Bar(opened_at, closed_at, price, price, price, price, Decimal(0))


def test_a_series_refuses_bars_that_overlap():
    first = datetime(2020, 1, 1, tzinfo=UTC)
    bars = (one_bar(first), one_bar(first + timedelta(minutes=30)))

    with pytest.raises(ValueError, match="opens before the last closed"):
        PriceSeries("X", bars, timedelta(hours=1))


def test_a_series_refuses_times_without_a_zone():
    with pytest.raises(ValueError, match="no fixed offset"):
        PriceSeries("X", (one_bar(datetime(2020, 1, 1)),), timedelta(hours=1))  # noqa: DTZ001
