"""Reading what ccxt's `fetch_my_trades` answers: exactly, missing values and all."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mastertrade.values.exceptions import InvalidInput
from trades.importing.fills import Fees, Fill, make_keys, venue_key
from trades.importing.formats.ccxt import open_ccxt
from trades.importing.options import ImportOptions
from trades.importing.rows import Refusal

FILES = Path(__file__).parents[1] / "files"
TRADE: dict[str, Any] = {
    "info": {},
    "id": "28457",
    "order": "100234",
    "timestamp": 1705312205123,
    "datetime": "2024-01-15T09:50:05.123Z",
    "symbol": "SOL/USDT",
    "type": None,
    "side": "buy",
    "takerOrMaker": "taker",
    "price": 96.41,
    "amount": 5.2,
    "cost": 501.332,
    "fee": {"currency": "SOL", "cost": 0.0052},
    "fees": [{"currency": "SOL", "cost": 0.0052}],
}
SWAP = {**TRADE, "symbol": "BTC/USDT:USDT", "price": 40000, "amount": 3, "fee": None}
SWAP["fees"] = []
D = Decimal


def read(*trades: Any, **options: Any) -> list[Fill | Refusal]:
    return read_text(json.dumps(trades), **options)


def read_text(content: str, **options: Any) -> list[Fill | Refusal]:
    return list(
        open_ccxt(
            io.BufferedReader(io.BytesIO(content.encode())), ImportOptions(**options)
        ).items
    )


def read_one(**fields: Any) -> Fill:
    (fill,) = read({**TRADE, **fields})
    assert isinstance(fill, Fill), fill
    return fill


def read_file(name: str) -> list[Fill]:
    with (FILES / name).open("rb") as source:
        fills = list(open_ccxt(source, ImportOptions()).items)
    assert all(isinstance(fill, Fill) for fill in fills), fills
    return fills


def test_a_trade_is_read_exactly() -> None:
    assert read_one() == Fill(
        line=1,
        symbol="SOL/USDT",
        base="SOL",
        quote="USDT",
        is_buy=True,
        quantity=D("5.2"),
        price=D("96.41"),
        at=datetime(2024, 1, 15, 9, 50, 5, 123000, tzinfo=UTC),
        fees=Fees(base=D("0.0052")),
        venue_id="28457",
        order_id="100234",
    )


def test_a_file_that_ccxt_made_of_spot_trades() -> None:
    fills = read_file("ccxt_spot.json")
    assert [(one.venue_id, one.is_buy, one.quantity, one.fees) for one in fills] == [
        ("285173221", True, D("5.2"), Fees(base=D("0.0052"))),
        ("285173222", True, D("4.8"), Fees(base=D("0.0048"))),
        ("286900017", False, D(7), Fees(quote=D("0.70735"))),
        ("287000555", False, D("0.00001"), Fees()),
    ]
    assert not any(fill.may_short for fill in fills)


def test_a_file_that_ccxt_made_of_contracts_a_trade_a_line() -> None:
    fills = read_file("ccxt_swap.jsonl")
    assert [(one.line, one.symbol, one.is_buy, one.quantity) for one in fills] == [
        (1, "BTC/USDT:USDT", False, D("0.020")),
        (2, "BTC/USDT:USDT", True, D("0.012")),
        (3, "BTC/USDT:USDT", True, D("0.018")),
    ]
    assert all(fill.may_short for fill in fills)
    assert fills[1].fees.quote == D("-0.05136012")  # a rebate


def test_numbers_may_be_texts_and_carry_exponents() -> None:
    answer = {"price": "0.00006021", "amount": "1.5e3", "cost": None}
    answer["timestamp"] = "1700000000000"
    fill = read_one(**answer)
    assert (fill.price, fill.quantity) == (D("0.00006021"), D(1500))
    assert fill.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    (fine,) = read_text(json.dumps(TRADE).replace("5.2", "5.2e-7"))
    assert isinstance(fine, Fill)
    assert fine.quantity == D("0.00000052")


def test_no_digit_of_a_long_number_is_lost() -> None:
    long = "1234567890.123456789012"
    (fill,) = read_text(f"[{json.dumps(TRADE).replace('96.41', long)}]")
    assert isinstance(fill, Fill)
    assert fill.price == D(long)


@pytest.mark.parametrize(
    ("fee", "fees", "read_as"),
    [
        (None, None, Fees()),
        (None, [], Fees()),
        ({}, None, Fees()),
        ({"cost": None, "currency": None}, [], Fees()),
        ({"cost": 0, "currency": None}, None, Fees()),
        ({"cost": "0.5", "currency": "USDT", "rate": 0.001}, [], Fees(quote=D("0.5"))),
        ({"cost": 0.1, "currency": "BNB"}, None, Fees(other=D("0.1"), coin="BNB")),
        (
            {"cost": 1, "currency": "USDT"},
            [{"cost": 1, "currency": "USDT"}, {"cost": 2, "currency": "SOL"}],
            Fees(quote=D(1), base=D(2)),
        ),
        (
            None,
            [{"cost": 1, "currency": "OKB"}, {"cost": 0.5, "currency": "OKB"}],
            Fees(other=D("1.5"), coin="OKB"),
        ),
    ],
)
def test_fees_are_told_in_many_ways(fee: Any, fees: Any, read_as: Fees) -> None:
    assert read_one(fee=fee, fees=fees).fees == read_as


def test_a_time_may_be_told_as_text_alone() -> None:
    fill = read_one(timestamp=None, datetime="2024-01-15T10:50:05.5+01:00")
    assert fill.at == datetime(2024, 1, 15, 9, 50, 5, 500000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cost", "quantity"),
    [(120000, "3"), (1200, "0.03"), (120, "0.003"), (1200.07, "0.03")],
)
def test_contracts_are_counted_in_the_base(cost: Any, quantity: str) -> None:
    assert read_one(**{**SWAP, "cost": cost}).quantity == D(quantity)


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"side": None}, "side"),
        ({"side": "hold"}, "side"),
        ({"price": None}, "price"),
        ({"price": 0}, "price"),
        ({"price": True}, "price"),
        ({"price": [1]}, "price"),
        ({"amount": None, "cost": None}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": "many"}, "amount"),
        ({"symbol": None}, "symbol"),
        ({"symbol": "SOLUSDT"}, "symbol"),
        ({"symbol": "BTC/USD:BTC"}, "symbol"),
        ({"timestamp": None, "datetime": None}, "datetime"),
        ({"timestamp": None, "datetime": "2024-01-15T09:50:05"}, "datetime"),
        ({"timestamp": 10**20}, "timestamp"),
        ({"id": {"key": 1}}, "id"),
        ({"fee": "0.1 USDT", "fees": None}, "fee"),
        ({"fee": {"cost": 1, "currency": None}, "fees": None}, "fee"),
        ({"fees": {"cost": 1}}, "fees"),
        (
            {"fees": [{"cost": 1, "currency": "A"}, {"cost": 1, "currency": "B"}]},
            "fees",
        ),
        ({**SWAP, "cost": 100_000}, "cost"),
        ({**SWAP, "cost": None}, "cost"),
        ({"timestamp": 1705312205}, "timestamp"),
        ({"timestamp": 1705312205.123}, "timestamp"),
        ({"timestamp": 1705312205123000}, "timestamp"),
        ({"timestamp": 0}, "timestamp"),
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": None, "datetime": "1999-12-31T23:59:59Z"}, "datetime"),
        ({"symbol": "BRK B"}, "symbol"),
        ({"info": {"execType": "Funding"}}, "info"),
        ({**SWAP, "cost": 120000, "info": {"execType": "Settle"}}, "info"),
        ({**SWAP, "cost": 120000, "info": {"tradeType": "settlement"}}, "info"),
        ({**SWAP, "info": {"execType": "Funding"}}, "fee"),
        ({"price": "1e-13"}, "price"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(
    fields: dict[str, Any], column: str
) -> None:
    good, refused = read(TRADE, {**TRADE, **fields})
    assert isinstance(good, Fill)
    assert isinstance(refused, Refusal), refused
    assert (refused.line, refused.column) == (2, column)
    assert refused.reason


def test_an_option_is_no_linear_contract() -> None:
    (refused,) = read({**SWAP, "symbol": "BTC/USDT:USDT-240329-50000-C"})
    assert isinstance(refused, Refusal)
    assert refused.column == "symbol"
    dated = {**SWAP, "symbol": "BTC/USDT:USDT-240329", "cost": 120000}
    assert read_one(**dated).may_short


def test_what_is_no_trade_is_refused() -> None:
    assert [one.column for one in read(1, None, "x") if isinstance(one, Refusal)] == [
        "",
        "",
        "",
    ]


@pytest.mark.parametrize("content", ["", "[{]", '[{"id": 1}', "no JSON"])
def test_what_is_no_json_is_refused_whole(content: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_text(content)
    assert caught.value.field == "file"


def test_a_number_that_is_none_is_refused() -> None:
    (refused,) = read_text(json.dumps(TRADE).replace("96.41", "NaN"))
    assert isinstance(refused, Refusal)
    assert refused.column == "price"


def test_an_id_may_be_a_number_and_is_shortened_when_long() -> None:
    assert read_one(id=28457).venue_id == "28457"
    assert read_one(id=None).venue_id is None
    assert venue_key("28457") == "28457"
    long = "0x" + "ab" * 32
    assert len(venue_key(long)) == 40
    assert venue_key(long) != venue_key(long + "c")
    assert ">" not in venue_key("1>2")


def test_fees_told_later_make_no_other_fill_of_an_id() -> None:
    early, late = read_one(fee=None, fees=None), read_one()
    assert make_keys(early).figures == make_keys(late).figures
    assert make_keys(early).content != make_keys(late).content


# What the venues do not agree about.


@pytest.mark.parametrize(
    "info",
    [
        {"execType": "Funding"},
        {"execType": "FUNDING", "orderType": "UNKNOWN"},
        {"tradeType": "4", "execStatus": "7"},
        {"type": "funding"},
    ],
)
def test_funding_among_fills_is_no_trade(info: dict[str, Any]) -> None:
    fee = {"cost": "-0.03", "currency": "USDT"}
    fill = read_one(**{**SWAP, "cost": None, "fee": fee, "info": info})
    assert fill.is_funding
    assert fill.fees == Fees(quote=D("-0.03"))


@pytest.mark.parametrize("kind", ["Trade", "AdlTrade", "BustTrade", "BlockTrade"])
def test_executions_that_trade_are_fills(kind: str) -> None:
    fill = read_one(**{**SWAP, "cost": 120000, "info": {"execType": kind}})
    assert not fill.is_funding


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("0.30000000000000004", "0.3"),
        ("12345678.300000002", "12345678.3"),
        ("2.9999999999999996", "3"),
        ("0.0750123456789012", "0.075012345679"),
        ("1.234567890123456789", "1.234567890123"),
        ("12345.67890123456", "12345.67890123456"),
        ("1234567890.123456789012", "1234567890.123456789012"),
        ("0.1", "0.1"),
    ],
)
@pytest.mark.parametrize("field", ["amount", "price"])
def test_a_figure_is_stored_as_the_venue_can_mean_it(
    given: str, stored: str, field: str
) -> None:
    answer = json.dumps([{**TRADE, "cost": None, field: "?"}]).replace('"?"', given)
    file = open_ccxt(io.BufferedReader(io.BytesIO(answer.encode())), ImportOptions())
    (fill,) = file.items
    assert isinstance(fill, Fill)
    assert {"amount": fill.quantity, "price": fill.price}[field] == D(stored)
    assert file.roundings.count == (given != stored)
    assert (
        f"is stored as {stored}." in (file.roundings.message() or "") or given == stored
    )


def test_an_amount_that_is_missing_is_made_of_cost_and_price() -> None:
    assert read_one(amount=None).quantity == D("5.2")
    swap = {**SWAP, "amount": None, "cost": 1200}
    assert read_one(**swap).quantity == D("0.03")
    assert read_one(amount=None, cost=100, price=3).quantity == D("33.333333333333")


@pytest.mark.parametrize(
    ("cost", "size", "quantity"),
    [(None, "0.01", "0.03"), (None, "1", "3"), (6000, "0.05", "0.15")],
)
def test_the_size_of_a_contract_may_be_given(
    cost: Any, size: str, quantity: str
) -> None:
    sizes = {"BTC/USDT:USDT": D(size)}
    (fill,) = read({**SWAP, "cost": cost}, contract_sizes=sizes)
    assert isinstance(fill, Fill)
    assert fill.quantity == D(quantity)
    (refused,) = read({**SWAP, "cost": 120000}, contract_sizes=sizes)
    assert isinstance(refused, Refusal) or size == "1"


def test_a_fee_and_a_symbol_without_currency_take_the_one_that_is_given() -> None:
    answer = {**TRADE, "symbol": "BRK B", "fee": {"cost": 1}, "fees": []}
    (fill,) = read(answer, quote_currency="USD", fee_currency="USD")
    assert isinstance(fill, Fill)
    assert (fill.symbol, fill.base, fill.quote) == ("BRK.B", "BRK.B", "USD")
    assert fill.fees == Fees(quote=D(1))
    assert read_one(symbol="BRK B/USD").symbol == "BRK.B/USD"
    with pytest.raises(InvalidInput, match="capital letters"):
        read(answer, quote_currency="dollars!")
