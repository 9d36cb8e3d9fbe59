"""Files of venues and brokers, read by a mapping alone, or refused with what lacks."""

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InvalidInput
from trades.importing.import_trades import import_trades
from trades.importing.mapped.guess import look_at
from trades.importing.mapped.mapping import (
    ColumnMapping,
    MappedKind,
    SideWord,
    find_missing,
    read_mapping,
    show_mapping,
)
from trades.importing.options import ImportOptions
from trades.importing.previewing import ImportReport
from trades.models import Trade
from trades.tests.factories import ensure_strategy
from trades.tests.importing import layouts

NOW = datetime(2026, 4, 20, tzinfo=UTC)


def bring(
    portfolio: Portfolio,
    content: str,
    mapping: ColumnMapping,
    now: datetime = NOW,
    **options: Any,
) -> ImportReport:
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(content.encode()),
        file_name="export.csv",
        format_name="mapped",
        now=now,
        options=ImportOptions(
            strategy_id=ensure_strategy(portfolio).strategy_id,
            mapping=mapping,
            **options,
        ),
    )


def made(portfolio: Portfolio) -> list[tuple[str, str, Decimal, Decimal | None]]:
    """Symbol, side, quantity and profit of each trade; None of one that is open."""
    rows = Trade.objects.filter(portfolio=portfolio).order_by("entry_time", "trade_id")
    return [(t.symbol, t.side, t.quantity, t.profit_loss) for t in rows]


def dollars(symbol: str, side: str, quantity: str, profit: str | None) -> Any:
    return symbol, side, Decimal(quantity), None if profit is None else Decimal(profit)


# Of each layout: its content, the portfolio's currency, what a person adds to what was
# found, the other options, and the trades.
LAYOUTS: dict[str, tuple[str, str, Mapping[str, Any], Mapping[str, Any], list[Any]]] = {
    "IBKR's activity statement": (
        layouts.IBKR_ACTIVITY,
        "USD",
        {},
        {},
        [
            dollars("ABC", "LONG", "100", "99"),
            dollars("BRK.B", "LONG", "10", None),
        ],
    ),
    "IBKR's transaction history": (
        layouts.IBKR_TRANSACTIONS,
        "USD",
        {"quote_currency": "USD"},
        {},
        [dollars("ABC", "LONG", "2", None), dollars("ABC", "LONG", "2", "-2.5")],
    ),
    "IBKR's Flex query": (
        layouts.IBKR_FLEX,
        "USD",
        {},
        {},
        [dollars("ABC", "LONG", "10", "8")],
    ),
    "IBKR's Flex query with the day apart": (
        layouts.IBKR_FLEX_DAYS,
        "USD",
        {},
        {},
        [
            dollars("ABC", "LONG", "10", "8"),
            dollars("ABC.20JUN25.25.C", "LONG", "200", "47.2"),
        ],
    ),
    "MetaTrader's positions": (
        layouts.MT5_POSITIONS,
        "USD",
        {},
        {"contract_sizes": {"XAUUSD": Decimal(100)}},
        [
            dollars("XAUUSD", "LONG", "1", "3.28"),
            dollars("XAUUSD", "SHORT", "2", "-4.66"),
        ],
    ),
    "MetaTrader's deals": (
        layouts.MT5_DEALS,
        "USD",
        {"quote_currency": "USD", "contract_size": Decimal(100000), "may_short": True},
        {},
        [dollars("EUR/USD", "LONG", "10000", "9.3")],
    ),
    "TradingView's orders": (
        layouts.TRADINGVIEW_ORDERS,
        "USDT",
        {"suffixes": (".P",), "may_short": True},
        {},
        [dollars("TRX/USDT", "LONG", "100", "0.98")],
    ),
    "TradingView's list of trades": (
        layouts.TRADINGVIEW_LIST,
        "USD",
        {"symbol": "ABC", "quote_currency": "USD", "may_short": True},
        {},
        [dollars("ABC", "LONG", "2", "20"), dollars("ABC", "SHORT", "1", "5")],
    ),
    "Tradovate's performance": (
        layouts.TRADOVATE_PERFORMANCE,
        "USD",
        {"contract_size": Decimal(2)},
        {},
        [
            dollars("MNQU5", "LONG", "4", "5"),
            dollars("MNQU5", "SHORT", "2", "-20"),
        ],
    ),
    "Tradovate's fills": (
        layouts.TRADOVATE_FILLS,
        "USD",
        {"quote_currency": "USD", "contract_size": Decimal(2), "may_short": True},
        {},
        [dollars("MNQU5", "LONG", "4", "38.44")],
    ),
    "Kraken's trades": (
        layouts.KRAKEN_TRADES,
        "USD",
        {},
        {},
        [dollars("BTC/USD", "LONG", "0.01", "7.71514")],
    ),
    "Coinbase's fills": (
        layouts.COINBASE_FILLS,
        "USD",
        {},
        {},
        [dollars("BTC/USD", "LONG", "0.1", "86.9")],
    ),
    "Coinbase's transactions": (
        layouts.COINBASE_TRANSACTIONS,
        "USD",
        {},
        {},
        [
            dollars("BTC", "LONG", "0.05", None),
            dollars("BTC", "LONG", "0.05", "35"),
        ],
    ),
    "Bybit's closed positions with both times": (
        layouts.BYBIT_CLOSED_TWICE,
        "USDT",
        {},
        {},
        [
            dollars("SOLUSDT", "LONG", "10", "116.5"),
            dollars("SOLUSDT", "SHORT", "10", "9.5"),
        ],
    ),
    "closed positions with the fees of both sides": (
        layouts.BYBIT_CLOSED_FEES,
        "USDT",
        {},
        {},
        [dollars("BTCUSDT", "LONG", "0.01", "4.24")],
    ),
    "Bybit's unified account": (
        layouts.BYBIT_UTA,
        "USDT",
        {"may_short": True},
        {},
        [dollars("ETH/USDT", "LONG", "0.1", "1.78")],
    ),
    "Bybit's executions": (
        layouts.BYBIT_EXECUTIONS,
        "USDT",
        {},
        {},
        [dollars("ETH/USDT", "LONG", "0.0999", "1.598")],
    ),
    "a German broker's": (
        layouts.EUROPEAN,
        "EUR",
        {
            "kind": MappedKind.TRADES,
            "columns": {
                "Wertpapier": "symbol",
                "Richtung": "side",
                "Stueck": "quantity",
                "Kurs Einstieg": "entry_price",
                "Zeit Einstieg": "entry_time",
                "Kurs Ausstieg": "exit_price",
                "Zeit Ausstieg": "exit_time",
            },
            "sides": {"kauf": SideWord.BUY},
            "time_zone": "Europe/Berlin",
        },
        {},
        [dollars("SAP", "LONG", "1000", "1250")],
    ),
}


def mapping_for(content: str, added: Mapping[str, Any]) -> ColumnMapping:
    """What is found, with what a person adds; stored and read again."""
    found = look_at(content.encode())
    mapping = replace(found.mapping, **added)
    again = look_at(content.encode(), mapping)
    assert again.open == ()
    return read_mapping(show_mapping(again.mapping))


@pytest.mark.django_db
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_comes_in_by_a_mapping_alone_and_once(name: str) -> None:
    content, currency, added, options, trades = LAYOUTS[name]
    portfolio = PortfolioFactory(currency=currency)
    mapping = mapping_for(content, added)

    first = bring(portfolio, content, mapping, **options)

    assert first.refusals == ()
    assert first.created > 0
    assert made(portfolio) == trades

    again = bring(portfolio, content, mapping, **options)

    assert (again.created, again.known, again.refused) == (0, first.created, 0)


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (layouts.BYBIT_CLOSED, ["Entry time"]),
        (
            layouts.TRADINGVIEW_LIST,
            ["Symbol: choose its column, or name one for the whole file"],
        ),
    ],
)
def test_a_layout_without_a_field_says_which(content: str, missing: list[str]) -> None:
    assert find_missing(look_at(content.encode()).mapping) == missing


@pytest.mark.django_db
def test_closed_positions_without_an_opening_time_are_refused() -> None:
    portfolio = PortfolioFactory(currency="USDT")
    mapping = look_at(layouts.BYBIT_CLOSED.encode()).mapping

    with pytest.raises(InvalidInput, match=r"lacks Entry time.*export the executions"):
        bring(portfolio, layouts.BYBIT_CLOSED, mapping)

    assert made(portfolio) == []


@pytest.mark.django_db
def test_lots_without_their_size_are_refused_by_their_profit() -> None:
    portfolio = PortfolioFactory(currency="USD")
    content = layouts.MT5_POSITIONS

    report = bring(portfolio, content, mapping_for(content, {}))

    assert [(one.line, one.column) for one in report.refusals] == [
        (6, "Profit"),
        (7, "Profit"),
    ]
    assert "contract size of XAUUSD" in report.refusals[0].reason
    assert made(portfolio) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("size", "is_asked"), [({}, True), ({"contract_size": Decimal(100000)}, False)]
)
def test_deals_in_lots_ask_for_the_size_of_one(
    size: dict[str, Any], is_asked: bool
) -> None:
    portfolio = PortfolioFactory(currency="USD")
    content = layouts.MT5_DEALS
    added = {"quote_currency": "USD", "may_short": True, **size}

    report = bring(portfolio, content, mapping_for(content, added))

    asked = [one for one in report.warnings if "(contract_size)" in one]
    assert bool(asked) is is_asked


@pytest.mark.django_db
def test_what_a_mapping_does_not_read_is_counted_and_named() -> None:
    portfolio = PortfolioFactory(currency="USDT")
    content = layouts.BYBIT_UTA

    report = bring(portfolio, content, mapping_for(content, {"may_short": True}))

    assert report.warnings == (
        "2 rows not read, as the mapping says: Type SETTLEMENT (1), "
        "Type TRANSFER_OUT (1).",
    )


@pytest.mark.django_db
def test_a_row_that_is_there_twice_is_known_and_a_second_header_skipped() -> None:
    portfolio = PortfolioFactory(currency="USD")
    content = layouts.TWICE_AND_A_HEADER

    report = bring(portfolio, content, mapping_for(content, {}))

    assert (report.created, report.known, report.refused) == (2, 2, 0)
    assert report.warnings == ("1 line repeated the header and was not read.",)
    assert made(portfolio) == [dollars("ABC/USD", "LONG", "1", "9.8")]


@pytest.mark.django_db
def test_a_contract_that_is_more_than_a_unit_is_refused_by_its_total() -> None:
    portfolio = PortfolioFactory(currency="USD")
    content = layouts.IBKR_FLEX_DAYS.replace('"Multiplier"', '"Factor"')

    report = bring(portfolio, content, mapping_for(content, {}))

    assert [(one.line, one.column) for one in report.refusals] == [
        (4, "Proceeds"),
        (5, "Proceeds"),
    ]
    assert "quantity and price make 2.5: is a contract more" in (
        report.refusals[0].reason
    )


@pytest.mark.django_db
def test_a_total_alone_gives_the_price_of_a_unit() -> None:
    portfolio = PortfolioFactory(currency="USD")
    content = (
        "id,time,symbol,side,contracts,total\n"
        "1,2025-01-02 10:00:00,MNQ,buy,2,400\n"
        "2,2025-01-03 10:00:00,MNQ,sell,2,410\n"
    )
    added = {"contract_size": Decimal(2), "quote_currency": "USD"}

    bring(portfolio, content, mapping_for(content, added))

    assert Trade.objects.get().entry_price == 100
    assert made(portfolio) == [dollars("MNQ", "LONG", "4", "10")]


OWN_CASES = {
    "foreign_fills": (
        "txid,pair,time,type,price,cost,fee,vol\n"
        "T1,XXBTZUSD,2024-01-02 03:04:05,buy,40000,400,0.6,0.01\n",
        [dollars("BTC/USD", "LONG", "0.01", None)],
    ),
    "blank_first_line": (
        "\nsymbol,side,quantity,entry_price,entry_time\n"
        "BTC,LONG,1,100,2026-01-01T00:00:00Z\n",
        [dollars("BTC", "LONG", "1", None)],
    ),
    "a byte order mark, tabs and quotes": (
        '\ufeff"Symbol"\t"Side"\t"Qty"\t"Price"\t"Time"\t"Currency"\n'
        '"ABC"\t"BUY"\t"1"\t"100"\t"2026-01-01T00:00:00Z"\t"USD"\n',
        [dollars("ABC", "LONG", "1", None)],
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", OWN_CASES)
def test_a_file_that_no_format_reads_comes_in_by_what_is_found(name: str) -> None:
    content, trades = OWN_CASES[name]
    portfolio = PortfolioFactory(currency="USD")

    report = bring(portfolio, content, mapping_for(content, {}))

    assert report.refusals == ()
    assert made(portfolio) == trades


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("1735776000,100.0,100.3\n1735862400,99.8,100.1\n", "names its columns"),
        ("", "is empty"),
        ("just a line\nand another\n", "names its columns"),
    ],
)
def test_a_file_without_a_header_is_refused(content: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        look_at(content.encode())


def test_prices_by_day_are_no_trades() -> None:
    found = look_at(b"Date,Open,High,Low,Close,Volume\n2024-01-01,1,2,1,2,10\n")

    assert "Price, or price times quantity" in find_missing(found.mapping)


def test_a_figure_with_letters_is_not_counted_as_read() -> None:
    header = "id,time,symbol,side,qty,price,fee\n"
    row = "{},2025-01-02 10:00:00,ETHUSD,buy,{},{},0.1BNB\n"
    content = header + row.format(1, "1 ETH", "12OO") + row.format(2, "2", "1300")

    found = {one.name: one for one in look_at(content.encode()).columns}

    assert [
        (found[name].read, found[name].given) for name in ("qty", "price", "fee")
    ] == [
        (2, 2),
        (1, 2),
        (2, 2),
    ]


def test_days_that_could_be_months_are_left_open() -> None:
    header = "Date,Pair,Side,Price,Executed\n"
    row = "{},BTCUSDT,SELL,110,1\n"
    both = header + row.format("03-04-2020 10:41") + row.format("05-06-2020 05:49")
    known = both + row.format("21-03-2020 05:49")

    assert look_at(both.encode()).open == ("date_order",)
    assert look_at(known.encode()).mapping.date_order == "dmy"
    assert look_at(known.encode()).open == ()


def test_the_samples_of_the_documentation_need_no_mapping() -> None:
    samples = Path(__file__).parents[3] / "docs" / "samples"
    found = look_at((samples / "trades.csv").read_bytes())

    assert find_missing(found.mapping) == []
