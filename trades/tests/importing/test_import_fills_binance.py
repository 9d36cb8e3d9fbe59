"""Reading Binance's spot trade history: both layouts, exactly, line by line."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastertrade.values.exceptions import InvalidInput
from trades.enums import DateOrder
from trades.importing.fills import Fees, Fill, make_keys
from trades.importing.formats.binance import open_binance
from trades.importing.markets import QUOTES, split_market, split_suffixed
from trades.importing.numbers import read_suffixed
from trades.importing.options import ImportOptions
from trades.importing.rows import Refusal

FILES = Path(__file__).parents[1] / "files"
NEWER = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee"
OLDER = "Date(UTC),Market,Type,Price,Amount,Total,Fee,Fee Coin"
LINE = "2021-03-01 12:34:56,SOLUSDT,BUY,12.5,0.18SOL,2.25USDT,0.00018SOL"
OLD_LINE = "2018-01-16 10:20:15,SNTETH,BUY,0.00021,400,0.084,0.4,SNT"
D = Decimal


def read(*lines: str, header: str = NEWER) -> list[Fill | Refusal]:
    content = "\n".join([header, *lines, ""]).encode()
    return list(
        open_binance(io.BufferedReader(io.BytesIO(content)), ImportOptions()).items
    )


def read_one(line: str, header: str = NEWER) -> Fill:
    (fill,) = read(line, header=header)
    assert isinstance(fill, Fill), fill
    return fill


def read_file(name: str) -> list[Fill]:
    with (FILES / name).open("rb") as source:
        fills = list(open_binance(source, ImportOptions()).items)
    assert all(isinstance(fill, Fill) for fill in fills), fills
    return fills


def test_a_line_is_read_exactly() -> None:
    assert read_one(LINE) == Fill(
        line=2,
        symbol="SOLUSDT",
        base="SOL",
        quote="USDT",
        is_buy=True,
        quantity=D("0.18"),
        price=D("12.5"),
        at=datetime(2021, 3, 1, 12, 34, 56, tzinfo=UTC),
        fees=Fees(base=D("0.00018")),
    )


def test_an_older_line_is_read_exactly() -> None:
    assert read_one(OLD_LINE, OLDER) == Fill(
        line=2,
        symbol="SNTETH",
        base="SNT",
        quote="ETH",
        is_buy=True,
        quantity=D(400),
        price=D("0.00021"),
        at=datetime(2018, 1, 16, 10, 20, 15, tzinfo=UTC),
        fees=Fees(base=D("0.4")),
    )


def test_the_newer_layout_with_its_mark_thousands_and_padding() -> None:
    fills = read_file("binance_trades.csv")
    assert [(fill.line, fill.base, fill.quantity, fill.fees) for fill in fills] == [
        (2, "1INCH", D("149.85"), Fees(quote=D("0.674325"))),
        (3, "BTC", D("0.01998"), Fees(quote=D("0.96150653"))),
        (4, "SOL", D(20), Fees(quote=D("0.304"))),
        (5, "SOL", D(150), Fees(quote=D("2.25"))),
        (6, "1INCH", D(150), Fees(base=D("0.15"))),
        (7, "SOL", D(100), Fees(other=D("0.00375"), coin="BNB")),
        (8, "SOL", D(100), Fees(other=D("0.00375"), coin="BNB")),
        (9, "BNB", D(2), Fees(base=D("0.002"))),
        (10, "BTC", D("0.02"), Fees(base=D("0.00002"))),
    ]
    assert {fill.quote for fill in fills} == {"USDT"}
    assert fills[1].price == D("48123.45")
    assert make_keys(fills[5]) == make_keys(fills[6])


def test_the_older_layout() -> None:
    fills = read_file("binance_trades_older.csv")
    assert [(fill.symbol, fill.base, fill.quote) for fill in fills] == [
        ("SNTETH", "SNT", "ETH"),
        ("ADABTC", "ADA", "BTC"),
        ("SNTETH", "SNT", "ETH"),
        ("ADABTC", "ADA", "BTC"),
        ("ADABTC", "ADA", "BTC"),
        ("BNBBTC", "BNB", "BTC"),
    ]
    assert fills[-1].fees == Fees(base=D("0.01"))
    assert fills[3].fees == Fees(other=D("0.00117"), coin="BNB")


@pytest.mark.parametrize(
    ("text", "coins", "value", "coin"),
    [
        ("0.18SOL", ("SOL",), "0.18", "SOL"),
        ("1,234.5USDT", (), "1234.5", "USDT"),
        ("0.51INCH", ("1INCH",), "0.5", "1INCH"),
        ("0.51INCH", (), "0.51", "INCH"),
        ("25.01000SHIB", ("1000SHIB",), "25.0", "1000SHIB"),
        ("0.0000114300BNB", ("VET", "USDT"), "0.00001143", "BNB"),
        ("0.1BETH", ("ETH",), "0.1", "BETH"),
        ("0BNB", (), "0", "BNB"),
        ("12 EUR", ("EUR",), "12", "EUR"),
        ("1.2E-7", (), "0.00000012", ""),
        ("1.2E-7BTC", ("BTC",), "0.00000012", "BTC"),
    ],
)
def test_a_number_is_parted_from_its_coin(
    text: str, coins: tuple[str, ...], value: str, coin: str
) -> None:
    amount = read_suffixed(text, coins)
    assert amount is not None
    assert (amount.value, amount.coin) == (D(value), coin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SOL",
        "1,5SOL",
        "1.2.3SOL",
        "12,34.5USDT",
        "--1SOL",
        "NaN",
        "1_000",
        "\N{FULLWIDTH DIGIT ONE}",
        "\N{ARABIC-INDIC DIGIT THREE}SOL",
    ],
)
def test_what_is_no_number_is_not_guessed(text: str) -> None:
    assert read_suffixed(text, ("SOL",)) is None


coins = st.from_regex(r"[A-Z0-9]{1,4}[A-Z]{1,4}", fullmatch=True)
plain = st.decimals(0, 10**7, places=10, allow_nan=False).map(lambda it: f"{it:f}")


@given(base=coins, quote=coins, quantity=plain, total=plain)
@pytest.mark.slow
def test_a_pair_is_split_as_it_was_joined_or_not_at_all(
    base: str, quote: str, quantity: str, total: str
) -> None:
    found = split_suffixed(base + quote, quantity + base, total + quote)
    assert found in {(base, quote), None}
    if found:
        amount = read_suffixed(quantity + base, (base,))
        assert amount is not None
        assert amount.value == D(quantity)


@pytest.mark.parametrize(
    ("market", "fee_coin", "split"),
    [
        ("BTCUSDT", "BNB", ("BTC", "USDT")),
        ("ETHBTC", "ETH", ("ETH", "BTC")),
        ("BTCTUSD", "TUSD", ("BTC", "TUSD")),
        ("BTCTUSD", "BNB", ("BTC", "TUSD")),
        ("BNBUSD", "BNB", ("BNB", "USD")),
        ("SNTUSD", "SNT", ("SNT", "USD")),
        ("BNBETH", "BNB", ("BNB", "ETH")),
        ("ETHBNB", "BNB", ("ETH", "BNB")),
        ("1INCHFDUSD", "", ("1INCH", "FDUSD")),
        ("BTCXYZ", "", None),
        ("USDT", "", None),
    ],
)
def test_an_older_market_is_split_by_what_is_known(
    market: str, fee_coin: str, split: tuple[str, str] | None
) -> None:
    assert split_market(market, fee_coin) == split


@pytest.mark.parametrize("quote", sorted(QUOTES))
def test_every_known_quote_is_found_behind_a_coin_that_is_paid_as_fee(
    quote: str,
) -> None:
    assert split_market(f"LINK{quote}", quote) == ("LINK", quote)


@pytest.mark.parametrize(
    ("date", "header", "at"),
    [
        ("2021-03-01 12:34:56", "Date(UTC)", (2021, 3, 1, 12, 34, 56)),
        ("2021/3/1 2:34:00", "Date(UTC)", (2021, 3, 1, 2, 34)),
        ("2021-03-01T12:34:56.25", "Date(UTC)", (2021, 3, 1, 12, 34, 56, 250000)),
        ("2021-03-01 00:30:00", "Date(UTC+2)", (2021, 2, 28, 22, 30)),
        ("2021-03-01 00:30:00", "Date(UTC-3:30)", (2021, 3, 1, 4, 0)),
    ],
)
def test_a_time_is_read_however_it_is_written(
    date: str, header: str, at: tuple[int, ...]
) -> None:
    answer = NEWER.replace("Date(UTC)", header)
    fill = read_one(LINE.replace("2021-03-01 12:34:56", date), answer)
    assert fill.at == datetime(*at, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        ("2021/3/1 2:34", "has no seconds"),
        ("19-03-20 05:49", "has no seconds"),
        ("01/03/2021 12:34", "has no seconds"),
        ("21-03-01 12:34:56", "date_order"),
        ("01/03/2021 12:34:56", "date_order"),
        ("3.1.2021 12:34:56", "date_order"),
        ("2021-03-01 02:34:56 PM", "24 hours"),
        ("2016-03-01 12:34:56", "before 2017"),
    ],
)
def test_a_date_that_may_mean_another_is_refused(date: str, wanted: str) -> None:
    (refused,) = read(LINE.replace("2021-03-01 12:34:56", date))
    assert isinstance(refused, Refusal)
    assert refused.column == "Date(UTC)"
    assert date in refused.reason
    assert wanted in refused.reason


@pytest.mark.parametrize(
    ("order", "date"),
    [
        ("ymd", "21-03-01 12:34:56"),
        ("dmy", "01-03-21 12:34:56"),
        ("dmy", "1.3.2021 12:34:56"),
        ("mdy", "3/1/2021 12:34:56"),
        ("mdy", "2021-03-01 12:34:56"),
    ],
)
def test_the_order_of_dates_may_be_given(order: str, date: str) -> None:
    content = "\n".join([NEWER, LINE.replace("2021-03-01 12:34:56", date)])
    options = ImportOptions(date_order=DateOrder(order))
    source = io.BufferedReader(io.BytesIO(content.encode()))
    (fill,) = open_binance(source, options).items
    assert isinstance(fill, Fill)
    assert fill.at == datetime(2021, 3, 1, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_file_that_excel_saved_is_read_where_nothing_can_have_changed(
    separator: str,
) -> None:
    line = LINE.replace(",", separator)
    assert read_one(line, NEWER.replace(",", separator)) == read_one(LINE)
    for wrong in ("12,5", "1,234"):
        header = NEWER.replace(",", separator)
        (refused,) = read(line.replace("12.5", wrong), header=header)
        assert isinstance(refused, Refusal)
        assert refused.column == "Price"


@pytest.mark.parametrize("figure", ["1.25E+01", "1.25E+1", "1.2E-05", "1E+12"])
def test_a_figure_that_excel_shortened_is_refused(figure: str) -> None:
    (refused,) = read(LINE.replace("12.5", figure))
    assert isinstance(refused, Refusal)
    assert refused.column == "Price"
    assert "Excel shortened" in refused.reason


@pytest.mark.parametrize(
    ("was", "wrong", "column"),
    [
        ("2021-03-01", "2021-02-30", "Date(UTC)"),
        ("2021-03-01 12:34:56", "01/03/2021 12:34", "Date(UTC)"),
        ("2021-03-01 12:34:56", "01-03-21 12:34:56", "Date(UTC)"),
        ("2021-03-01 12:34:56", "", "Date(UTC)"),
        ("BUY", "BOUGHT", "Side"),
        ("SOLUSDT", "SOLEUR", "Pair"),
        ("0.18SOL", "0.18LOS", "Pair"),
        ("12.5", "12,5", ""),
        (",12.5,", ",twelve,", "Price"),
        (",12.5,", ",0,", "Price"),
        (",12.5,", ",-12.5,", "Price"),
        ("0.18SOL", "0SOL", "Executed"),
        ("2.25USDT", "22.5USDT", "Amount"),
        ("0.00018SOL", "0.00018", "Fee"),
        ("0.00018SOL", "SOL", "Fee"),
    ],
)
def test_a_wrong_field_is_refused_by_its_column(
    was: str, wrong: str, column: str
) -> None:
    assert was in LINE
    good, refused = read(LINE, LINE.replace(was, wrong))
    assert isinstance(good, Fill)
    assert isinstance(refused, Refusal)
    assert (refused.line, refused.column) == (3, column)
    assert refused.reason


@pytest.mark.parametrize(
    ("was", "wrong", "column"),
    [
        ("SNTETH", "SNTXYZ", "Market"),
        (",BUY,", ",,", "Type"),
        (",400,", ",-400,", "Amount"),
        ("0.084", "0.084ETH?", "Total"),
        (",0.4,SNT", ",0.4,", "Fee"),
    ],
)
def test_a_wrong_field_of_an_older_line_is_refused_by_its_column(
    was: str, wrong: str, column: str
) -> None:
    assert was in OLD_LINE
    (refused,) = read(OLD_LINE.replace(was, wrong), header=OLDER)
    assert isinstance(refused, Refusal)
    assert (refused.line, refused.column) == (2, column)


def test_a_fill_without_a_fee_has_none() -> None:
    assert read_one(LINE.replace("0.00018SOL", "")).fees == Fees()
    assert read_one(LINE.replace("0.00018SOL", "0.00000000BNB")).fees == Fees()


def test_lines_end_as_they_like_and_empty_ones_are_passed_over() -> None:
    content = f"\ufeff{NEWER}\r\n\r\n{LINE}\r\n\r\n".encode()
    (fill,) = open_binance(
        io.BufferedReader(io.BytesIO(content)), ImportOptions()
    ).items
    assert isinstance(fill, Fill)
    assert fill.line == 3


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"", "is not a trade history"),
        (b"Date(UTC),OrderNo,Pair,Type,Side,Order Price\n", "is not a trade history"),
        (
            b"User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n",
            "is not a trade history",
        ),
        (b"\xff\xfe\x00D", "UTF-8"),
        (b"SQLite format 3\x00", "file"),
    ],
)
def test_another_file_is_refused_whole(content: bytes, answer: str) -> None:
    with pytest.raises(InvalidInput, match=answer):
        open_binance(io.BufferedReader(io.BytesIO(content)), ImportOptions())


def test_the_same_execution_has_the_same_key_in_both_layouts() -> None:
    newer = "2018-01-16 10:20:15,SNTETH,BUY,0.0002100000,400.0000000000SNT,"
    newer += "0.08400000ETH,0.4000000000SNT"
    assert make_keys(read_one(newer)) == make_keys(read_one(OLD_LINE, OLDER))


@pytest.mark.parametrize(
    ("total", "split"),
    [("", ("SOL", "USDT")), ("19.8054", ("SOL", "USDT")), ("19.8054EUR", None)],
)
def test_a_total_without_its_coin_is_in_a_known_quote(
    total: str, split: tuple[str, str] | None
) -> None:
    assert split_suffixed("SOLUSDT", "0.18SOL", total) == split
    assert split_suffixed("SOLXYZ", "0.18SOL", "") is None


figures = st.decimals(0, 10**6, places=8, allow_nan=False)
coin_names = st.sampled_from(["SOL", "USDT", "BNB", "BTC", "E"])


@pytest.mark.slow
@given(
    figures,
    figures,
    figures,
    st.sampled_from(["SOLUSDT", "ETHBTC", "SOLE"]),
    st.tuples(coin_names, coin_names, coin_names),
    st.sampled_from(["2021-03-01 12:34:56", "2021-02-30 12:34:56"]),
    st.integers(-1, 1),
)
def test_a_plain_row_is_read_as_any_other(
    price: Decimal,
    quantity: Decimal,
    fee: Decimal,
    pair: str,
    coins: tuple[str, str, str],
    date: str,
    off: int,
) -> None:
    base, quote, paid = coins
    total = price * quantity + off * D("0.5")
    answer = f"{date},{pair},BUY,{price:f},{quantity:f}{base},{total:f}{quote},"
    answer += f"{fee:f}{paid}"
    # A column more is no plain layout.
    read_plain = read(answer)
    read_closely = read(f"{answer},x", header=f"{NEWER},Note")
    assert read_plain == read_closely
