"""POST /api/trades/import/: a file in a form or as the body, and what it answers."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from goals.models import GoalAlert
from tests.http import (
    Trader,
    made_once,
    make_trader,
    nothing_changes,
    open_body,
    unthrottled,  # noqa: F401
)
from trades.models import Trade

IMPORT = "/api/trades/import/"
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
ROW = "a,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z"
OTHER = ROW.replace("a,", "b,", 1).replace("LONG", "SHORT")
WRONG = ROW.replace("a,", "c,", 1).replace("LONG", "BUY")
FORM = {
    "format": "mastertrade-csv",
    "portfolio": "crypto",
    "strategy_id": "momentum_001",
}


trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def csv_of(*rows: str) -> str:
    return "\n".join([HEADER, *rows, ""])


def send_form(trader: Trader, content: str, query: str = "", **fields: str) -> Any:
    file = SimpleUploadedFile("trades.csv", content.encode())
    body = {**FORM, **fields, "file": file}
    return trader.client.post(IMPORT + query, body, format="multipart")


def send_body(trader: Trader, content: str, media_type: str, **query: str) -> Any:
    given = {"portfolio": "crypto", "strategy_id": "momentum_001", **query}
    return trader.client.generic(
        "POST", f"{IMPORT}?{urlencode(given)}", content.encode(), media_type
    )


def counts(response: Any) -> tuple[int, int, int]:
    answer = response.json()
    return answer["created"], answer["known"], answer["refused"]


def test_a_file_in_a_form_is_imported_once(trader: Trader) -> None:
    first = send_form(trader, csv_of(ROW, OTHER))
    assert (first.status_code, counts(first)) == (201, (2, 0, 0))
    with nothing_changes():
        again = send_form(trader, csv_of(ROW, OTHER))
    assert (again.status_code, counts(again)) == (200, (0, 2, 0))
    (listed,) = trader.get("/api/trades/imports/")["results"]
    assert listed["import_id"] == first.json()["import_id"]
    assert (listed["file_name"], listed["created_count"]) == ("trades.csv", 2)
    found = trader.get("/api/trades/", source_import_id=listed["import_id"])
    assert found["count"] == 2


def test_the_body_may_be_the_file_itself(trader: Trader) -> None:
    answer = send_body(trader, csv_of(ROW), "text/csv")
    assert (answer.status_code, counts(answer)) == (201, (1, 0, 0))
    named = dict(zip(HEADER.split(","), OTHER.split(","), strict=True))
    lines = send_body(trader, json.dumps(named) + "\n", "application/x-ndjson")
    assert counts(lines) == (1, 0, 0)
    array = send_body(trader, json.dumps([named]), "application/json")
    assert counts(array) == (0, 1, 0)
    given = send_body(trader, csv_of(ROW), "text/csv", format="mastertrade-csv")
    assert counts(given) == (0, 1, 0)


def test_a_refused_row_is_named_and_nothing_is_imported(trader: Trader) -> None:
    with nothing_changes(GoalAlert):
        answer = send_form(trader, csv_of(ROW, WRONG))
    assert answer.status_code == 400
    assert answer.json() == {
        "file": ["1 row refused, so nothing was imported."],
        "import_id": None,
        "created": 0,
        "known": 0,
        "refused": 1,
        "refusals": [{"line": 3, "column": "side", "reason": "must be LONG or SHORT."}],
        "warnings": [],
    }


@pytest.mark.parametrize("way", ["form", "body"])
def test_partial_imports_the_others(trader: Trader, way: str) -> None:
    content = csv_of(ROW, WRONG)
    if way == "form":
        answer = send_form(trader, content, "?partial=1")
    else:
        answer = send_body(trader, content, "text/csv", partial="1")
    assert (answer.status_code, counts(answer)) == (201, (1, 0, 1))
    assert [one["line"] for one in answer.json()["refusals"]] == [3]
    assert Trade.objects.count() == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"partial": "maybe"}, "partial"),
        ({"format": "xlsx"}, "format"),
        ({"portfolio": "nobody's"}, "portfolio"),
        ({"account": "no spaces"}, "account"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_said_of_the_file_is_refused_by_field(
    trader: Trader, query: dict[str, str], field: str
) -> None:
    with nothing_changes():
        answer = send_body(trader, csv_of(ROW), "text/csv", **query)
    assert answer.status_code == 400
    assert set(answer.json()) == {field}


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        ("", "text/csv"),
        ("symbol,side\n", "text/csv"),
        (f"{HEADER},colour\n", "text/csv"),
        ("", "application/json"),
        ("[", "application/json"),
        ("[" * 100_000, "application/json"),
        ('[{"quantity": ' + "1" * 5000 + "}]", "application/x-ndjson"),
    ],
)
def test_a_file_that_is_none_is_refused_as_file(
    trader: Trader, content: str, media_type: str
) -> None:
    with nothing_changes():
        answer = send_body(trader, content, media_type)
    assert answer.status_code == 400
    assert "file" in answer.json()


def test_a_body_of_another_kind_is_not_taken(trader: Trader) -> None:
    assert send_body(trader, csv_of(ROW), "text/plain").status_code == 415


# A trade that comes in both ways is one trade.


def whole(**fields: Any) -> dict[str, Any]:
    given = {
        "external_id": "a",
        "entry_time": "2026-03-02T09:00:00Z",
        "exit_price": "51000",
        "exit_time": "2026-03-02T10:00:00Z",
    }
    return open_body(**{**given, **fields})


def test_a_call_that_repeats_an_imported_trade_adds_nothing(trader: Trader) -> None:
    send_form(trader, csv_of(ROW))
    with nothing_changes():
        trade = trader.post("/api/trades/", whole(), 200)
        assert trade["profit_loss"] == "20.00000000"
        trader.post("/api/trades/", whole(exit_time=None), 200)
        opened = open_body(external_id="a", entry_time="2026-03-02T09:00:00Z")
        assert trader.post("/api/trades/", opened, 200)["status"] == "closed"


@pytest.mark.parametrize(
    "fields",
    [
        {"exit_price": "51001"},
        {"exit_time": "2026-03-02T10:00:01Z"},
        {"entry_time": "2026-03-02T09:00:01Z"},
        {"quantity": "0.03"},
        {"side": "SHORT"},
        {"fees": "1"},
        {"funding": "1"},
        {"leverage": "2"},
        {"fee_currency": "BNB", "fx_rate": "300"},
        {"strategy_id": "mean_reversion_001"},
    ],
)
def test_a_call_that_contradicts_an_imported_trade_is_a_conflict(
    trader: Trader, fields: dict[str, Any]
) -> None:
    send_form(trader, csv_of(ROW))
    with nothing_changes():
        answer = trader.post("/api/trades/", whole(**fields), 409)
    assert answer["code"] == "idempotency_conflict"


def test_a_close_that_repeats_an_imported_part_adds_nothing(trader: Trader) -> None:
    header = f"{HEADER},parent_external_id"
    rest = ROW.replace("0.02", "0.01").rsplit(",", 2)[0]
    part = ROW.replace("a,", "part,", 1).replace("0.02", "0.01")
    content = "\n".join([header, f"{rest},,,", f"{part},a", ""])
    assert counts(send_form(trader, content)) == (2, 0, 0)
    key = Trade.objects.get(external_id="a").pk
    close = {"exit_price": "51000", "quantity": "0.01", "external_id": "part"}
    with nothing_changes():
        answer = trader.post(f"/api/trades/{key}/close/", close)
        assert answer["part"]["profit_loss"] == "10.00000000"
        trader.post(f"/api/trades/{key}/close/", {**close, "fees": "1"}, 409)


@pytest.mark.parametrize("known_first", ["trade", "file"])
def test_another_users_trade_of_the_same_id_is_another_trade(
    trader: Trader, known_first: str
) -> None:
    eve = make_trader(username="eve")
    if known_first == "trade":
        eve.post("/api/trades/", whole(), 201)
    else:
        assert counts(send_form(eve, csv_of(ROW))) == (1, 0, 0)
    before = eve.get("/api/trades/")
    assert counts(send_form(trader, csv_of(ROW))) == (1, 0, 0)
    other = send_form(trader, csv_of(ROW.replace("51000", "52000")))
    assert other.status_code == 400
    assert eve.get("/api/trades/") == before
    assert eve.get("/api/trades/imports/")["count"] == (known_first == "file")


def test_what_another_user_owns_does_not_exist(trader: Trader) -> None:
    eve = make_trader(username="eve")
    eve.post(
        "/api/strategies/",
        {"strategy_id": "eves_own", "strategy_type": "momentum"},
        201,
    )
    with nothing_changes(GoalAlert):
        key = str(eve["portfolio_id"])
        answer = send_form(trader, csv_of(ROW), portfolio=key)
        assert (answer.status_code, set(answer.json())) == (400, {"portfolio"})
        answer = send_form(trader, csv_of(ROW), strategy_id="eves_own")
        assert [one["column"] for one in answer.json()["refusals"]] == ["strategy_id"]


@pytest.mark.parametrize("field", ["fx_rates", "fee_rates"])
@pytest.mark.parametrize(
    ("rates", "reason"),
    [
        ("BNB", "BNB is not a rate such as BNB=300."),
        ("=300", "=300 is not a rate such as BNB=300."),
        ("BNB=1e400000", "BNB=1e400000 is not a rate such as BNB=300."),
        ("BNB=NaN", "BNB=NaN is not a rate such as BNB=300."),
        ("BNB=-1", "BNB=-1 is not a rate such as BNB=300."),
        ("BNB=0", "the rate of BNB must be above 0."),
        ("BNB=1" + "0" * 20, "the rate of BNB is out of range."),
        ("BNB=1" + "0" * 500, "the rate of BNB is out of range."),
        ("BNB=0.0000000000001", "the rate of BNB has more than 12 decimal places."),
        ("BNB=300,BNB=301", "BNB is given more than once."),
    ],
)
def test_a_rate_that_is_none_is_refused(
    trader: Trader, field: str, rates: str, reason: str
) -> None:
    with nothing_changes():
        answer = send_form(trader, csv_of(ROW), **{field: rates})
    assert (answer.status_code, answer.json()) == (400, {field: [reason]})


def test_rates_may_have_blanks_around_them(trader: Trader) -> None:
    answer = send_form(trader, csv_of(ROW), fx_rates=" EUR=1.1 , BNB = 300,")
    assert answer.status_code == 201


def test_rates_by_day_and_other_words_come_with_a_form(trader: Trader) -> None:
    rates = SimpleUploadedFile("rates.csv", b"date,EUR\n2026-03-01,0.9\n")
    given = {"id": "1", "side": "buy", "price": 10, "amount": 1, "symbol": "BRK B"}
    fill = {**given, "timestamp": 1772442000000, "fee": {"cost": 1}}
    words = {"quote_currency": "EUR", "fee_currency": "EUR", "equal_fills": "new"}
    body = {"format": "ccxt-json", "venue": "x", **words, "fx_rates_file": rates}
    answer = send_form(trader, json.dumps([fill]), **body)
    assert (answer.status_code, counts(answer)) == (201, (1, 0, 0)), answer.content
    trade = Trade.objects.get(symbol="BRK.B")
    assert (trade.quote_currency, str(trade.fx_rate)) == ("EUR", "0.900000000000")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("equal_fills", "perhaps"),
        ("date_order", "ydm"),
        ("contract_sizes", "BTC"),
        ("quote_currency", "dollars"),
        ("fx_rates_file", SimpleUploadedFile("rates.csv", b"no rates")),
    ],
)
def test_a_wrong_word_beside_a_file_is_refused_by_its_name(
    trader: Trader, field: str, value: Any
) -> None:
    with nothing_changes():
        answer = send_form(trader, "[]", **{"format": "ccxt-json", field: value})
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
