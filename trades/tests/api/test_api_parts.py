"""Parts, additions, voids and marks over HTTP."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.http import (
    Trader,
    ago,
    count_statements,
    made_once,
    make_trader,
    nothing_changes,
    open_body,
    unthrottled,  # noqa: F401
)

GOAL = "/api/goals/{goal_id}/"
PORTFOLIO = "/api/portfolios/{portfolio_id}/"
MARKS = "/api/positions/marks/"


trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def open_trade(trader: Trader, **fields: Any) -> Any:
    return trader.post("/api/trades/", open_body(**fields), 201)


def ask(trader: Trader, trade: Any, verb: str, answered: int = 200, **body: Any) -> Any:
    return trader.post(f"/api/trades/{trade['trade_id']}/{verb}/", body, answered)


def shown(trader: Trader, trade: Any) -> Any:
    return trader.get(f"/api/trades/{trade['trade_id']}/")


# Parts.


def test_a_part_is_closed_with_its_own_profit_and_the_rest_stays_open(
    trader: Trader,
) -> None:
    trade = open_trade(trader, fees="2")
    answer = ask(trader, trade, "close", exit_price="51000", quantity="0.005")
    part = answer["part"]
    assert (answer["trade_id"], answer["status"]) == (trade["trade_id"], "open")
    assert answer["quantity"] == "0.015000000000"
    assert answer["profit_loss"] == part["profit_loss"] == "4.50000000"
    assert (part["status"], part["quantity"]) == ("closed", "0.005000000000")
    assert part["parent_trade_id"] == trade["trade_id"]
    assert (part["fees"], shown(trader, trade)["fees"]) == ("0.50000000", "1.50000000")
    assert answer["goals"][0]["progress_pct"] == "9.000000"
    (position,) = trader.get("/api/positions/")["results"]
    assert (position["quantity"], position["status"]) == ("0.015000000000", "open")


def test_the_parts_add_up_to_the_whole(trader: Trader) -> None:
    figures = {
        "quantity": "0.7",
        "entry_price": "33.333333333333",
        "fees": "0.00000001",
    }
    whole = ask(trader, open_trade(trader, **figures), "close", exit_price="34.1")
    trade = open_trade(trader, **figures)
    profits = [
        ask(trader, trade, "close", exit_price="34.1", quantity=quantity)["profit_loss"]
        for quantity in ("0.1", "0.2333333333", "0.0000000001", None)
    ]
    assert sum(map(Decimal, profits)) == Decimal(whole["profit_loss"])
    assert shown(trader, trade)["status"] == "closed"
    parts = trader.get("/api/trades/", parent_trade_id=trade["trade_id"])
    assert parts["count"] == 3


def test_a_part_that_is_named_is_closed_once(trader: Trader) -> None:
    trade = open_trade(trader)
    part = {"exit_price": "51000", "quantity": "0.005", "external_id": "exit-1"}
    first = ask(trader, trade, "close", **part)["part"]
    with nothing_changes():
        again = ask(trader, trade, "close", **part)
        assert again["part"] == first
        other = ask(trader, trade, "close", 409, **{**part, "exit_price": "52000"})
    assert other["code"] == "idempotency_conflict"
    ask(trader, trade, "close", exit_price="51000")
    with nothing_changes():
        assert ask(trader, trade, "close", **part)["part"] == first


def test_the_rest_may_be_closed_by_its_own_quantity(trader: Trader) -> None:
    trade = open_trade(trader)
    ask(trader, trade, "close", exit_price="51000", quantity="0.005")
    rest = ask(trader, trade, "close", exit_price="51000", quantity="0.015")
    assert (rest["status"], rest["part"]) == ("closed", None)


@pytest.mark.parametrize("quantity", ["0.0200000001", "0", "-1", "x"])
def test_a_part_that_cannot_be_is_refused(trader: Trader, quantity: str) -> None:
    trade = open_trade(trader)
    with nothing_changes():
        refused = ask(trader, trade, "close", 400, exit_price="1", quantity=quantity)
    assert list(refused) == ["quantity"]


# Fees, funding, leverage.


def test_leverage_is_kept_and_profit_is_on_the_full_quantity(trader: Trader) -> None:
    trade = open_trade(trader, leverage="5", side="SHORT")
    closed = ask(trader, trade, "close", exit_price="49000")
    assert (closed["leverage"], closed["profit_loss"]) == ("5.0000", "20.00000000")


@pytest.mark.parametrize("leverage", ["0.9999", "0", "-1", "10000", "1.00001"])
def test_a_leverage_below_one_is_refused(trader: Trader, leverage: str) -> None:
    with nothing_changes():
        body = open_body(leverage=leverage)
        assert list(trader.post("/api/trades/", body, 400)) == ["leverage"]


def test_funding_is_part_of_the_profit(trader: Trader) -> None:
    trade = open_trade(trader, funding="-1.5")
    closed = ask(trader, trade, "close", exit_price="51000", funding="0.25")
    assert (closed["funding"], closed["profit_loss"]) == ("-1.25000000", "18.75000000")


def test_the_exits_fees_may_have_a_rate_of_their_own(trader: Trader) -> None:
    trade = open_trade(trader, fees="0.01", fee_currency="BNB", fx_rate="600")
    closed = ask(
        trader, trade, "close", exit_price="51000", fees="0.01", fee_fx_rate="500"
    )
    assert closed["profit_loss"] == "9.00000000"


# Adding.


def test_adding_makes_one_position_at_the_average_price(trader: Trader) -> None:
    trade = open_trade(trader)
    added = ask(trader, trade, "add", 201, quantity="0.01", entry_price="47000")
    assert (added["quantity"], added["entry_price"]) == (
        "0.030000000000",
        "49000.000000000000",
    )
    closed = ask(trader, trade, "close", exit_price="50000")
    assert closed["profit_loss"] == "30.00000000"


def test_a_rounded_average_costs_nothing(trader: Trader) -> None:
    trade = open_trade(trader, quantity="2000000", entry_price="0.00001")
    ask(trader, trade, "add", 201, quantity="1000000", entry_price="0.00002")
    closed = ask(trader, trade, "close", exit_price="0.00002")
    assert closed["profit_loss"] == "20.00000000"


def test_the_same_addition_adds_once(trader: Trader) -> None:
    trade = open_trade(trader)
    more = {"quantity": "0.01", "entry_price": "47000", "external_id": "more-1"}
    first = ask(trader, trade, "add", 201, **more)
    with nothing_changes():
        assert ask(trader, trade, "add", **more) == first
        other = ask(trader, trade, "add", 409, **{**more, "quantity": "0.02"})
    assert other["code"] == "idempotency_conflict"


@pytest.mark.parametrize("verb", ["close", "void"])
def test_nothing_is_added_to_what_is_not_open(trader: Trader, verb: str) -> None:
    trade = open_trade(trader)
    body = {"exit_price": "51000"} if verb == "close" else {"reason": "mistaken"}
    ask(trader, trade, verb, **body)
    with nothing_changes():
        answer = ask(trader, trade, "add", 409, quantity="1", entry_price="1")
    assert answer["code"] == "trade_not_open"


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": "0"},
        {"entry_price": "-1"},
        {"fees": "-1"},
        {"at": "2199-01-01T00:00:00Z"},
        {"at": "2020-01-01T00:00:00Z"},
        {"quantity": "99999999999999999999"},
    ],
    ids=str,
)
def test_an_addition_that_makes_no_sense_is_refused(
    trader: Trader, wrong: dict[str, Any]
) -> None:
    trade = open_trade(trader)
    body = {"quantity": "1", "entry_price": "1", **wrong}
    with nothing_changes():
        assert list(ask(trader, trade, "add", 400, **body)) == list(wrong)


# Voids.


def test_a_void_trade_is_as_if_it_had_never_been(trader: Trader) -> None:
    trade = open_trade(trader, exit_price="51000")
    answer = ask(trader, trade, "void", reason="recorded twice")
    assert (answer["status"], answer["profit_loss"]) == ("void", "20.00000000")
    assert answer["goals"][0]["progress_pct"] == "0.000000"
    assert trader.get(PORTFOLIO)["equity"] == "1000.00000000"
    history = trader.get(GOAL + "progress/", kind="restated")["results"]
    assert [row["progress_pct"] for row in history] == ["0.000000"]
    assert "recorded twice" in history[0]["note"]
    changes = trader.get("/api/changes/", trade_id=trade["trade_id"])["results"]
    assert changes[0]["action"] == "voided"
    assert changes[0]["before"]["status"] == "closed"


def test_the_audit_trail_loses_no_digit(trader: Trader) -> None:
    trade = open_trade(
        trader, symbol="X", quantity="12345678901234.000000000003", entry_price="0.0001"
    )
    ask(trader, trade, "close", exit_price="0.0001", quantity="0.000000000001")
    (change,) = trader.get("/api/changes/", trade_id=trade["trade_id"])["results"]
    assert change["before"]["quantity"] == "12345678901234.000000000003"
    assert change["after"]["quantity"] == "12345678901234.000000000002"


def test_a_list_of_changes_reads_no_trade_and_no_cash_flow(trader: Trader) -> None:
    """Nor changes of others: what is listed is found by its portfolio."""
    trade = open_trade(trader, exit_price="51000")
    ask(trader, trade, "void", reason="recorded twice")
    with CaptureQueriesContext(connection) as said:
        found = trader.get("/api/changes/")["results"]
    assert [c["action"] for c in found] == ["voided", "closed"]

    asked = [one["sql"] for one in said if "ledger_changes" in one["sql"]]
    assert len(asked) == 2
    assert not [sql for sql in asked if '"trades"' in sql or '"cash_flows"' in sql]


def test_voiding_again_changes_nothing(trader: Trader) -> None:
    trade = open_trade(trader)
    ask(trader, trade, "void", reason="mistaken")
    with nothing_changes():
        assert ask(trader, trade, "void", reason="again")["status"] == "void"


def test_a_void_trade_is_not_closed(trader: Trader) -> None:
    trade = open_trade(trader)
    ask(trader, trade, "void", reason="mistaken")
    with nothing_changes():
        answer = ask(trader, trade, "close", 409, exit_price="51000")
    assert answer["code"] == "trade_not_open"
    assert trader.get("/api/positions/", status="open")["count"] == 0


def test_voiding_a_part_gives_its_quantity_back(trader: Trader) -> None:
    trade = open_trade(trader, fees="2", quantity="0.03", entry_price="33.333333333333")
    closed = ask(trader, trade, "close", exit_price="34.1", quantity="0.0123456789")
    ask(trader, closed["part"], "void", reason="wrong price")
    for name in ("quantity", "fees", "entry_price", "funding"):
        assert shown(trader, trade)[name] == trade[name]
    whole = open_trade(trader, fees="2", quantity="0.03", entry_price="33.333333333333")
    one, other = (
        ask(trader, each, "close", exit_price="34.1") for each in (trade, whole)
    )
    assert one["profit_loss"] == other["profit_loss"]


# Marks.


def test_a_mark_moves_live_equity_and_a_goal_for_the_portfolios_value(
    trader: Trader,
) -> None:
    value = {"goal_type": "portfolio_value", "target_value": "1010"}
    goal = trader.post("/api/goals/", {**value, "portfolio": "crypto"}, 201)
    open_trade(trader)
    answer = trader.post(MARKS, [{"symbol": "BTCUSDT", "price": "51000"}])
    assert (answer["positions"], answer["unmarked"]) == (1, [])
    assert [one["goal_id"] for one in answer["goals"]] == [goal["goal_id"]]
    assert answer["goals"][0]["status"] == "achieved"
    portfolio = trader.get(PORTFOLIO)
    assert (portfolio["equity"], portfolio["live_equity"]) == (
        "1000.00000000",
        "1020.00000000",
    )
    (position,) = trader.get("/api/positions/")["results"]
    assert (position["current_price"], position["unrealized_pnl"]) == (
        "51000.000000000000",
        "20.00000000",
    )
    assert position["marked_at"] is not None


def test_the_drawdown_is_the_worse_of_realised_and_live(trader: Trader) -> None:
    open_trade(trader)
    trader.post(MARKS, {"symbol": "BTCUSDT", "price": "45000"})
    assert trader.get(PORTFOLIO)["drawdown_pct"] == "10.000000"
    trader.post(MARKS, {"symbol": "BTCUSDT", "price": "55000"})
    assert trader.get(PORTFOLIO)["drawdown_pct"] == "0.000000"


def test_closing_what_was_marked_leaves_nothing_unrealised(trader: Trader) -> None:
    trade = open_trade(trader)
    trader.post(MARKS, {"symbol": "BTCUSDT", "price": "51000"})
    ask(trader, trade, "close", exit_price="51500", quantity="0.01")
    portfolio = trader.get(PORTFOLIO)
    assert (portfolio["equity"], portfolio["live_equity"]) == (
        "1015.00000000",
        "1025.00000000",
    )
    ask(trader, trade, "close", exit_price="51500")
    portfolio = trader.get(PORTFOLIO)
    assert portfolio["equity"] == portfolio["live_equity"] == "1030.00000000"


def test_a_mark_never_goes_back_in_time(trader: Trader) -> None:
    open_trade(trader, entry_time=ago(hours=2))
    trader.post(MARKS, {"symbol": "BTCUSDT", "price": "51000", "at": ago(minutes=5)})
    with nothing_changes():
        for at in (ago(minutes=6), ago(hours=3)):
            mark = {"symbol": "BTCUSDT", "price": "1", "at": at}
            answer = trader.post(MARKS, mark)
            assert (answer["positions"], answer["unmarked"]) == (0, ["BTCUSDT"])


def test_of_several_marks_of_a_symbol_the_newest_counts(trader: Trader) -> None:
    open_trade(trader, entry_time=ago(hours=2))
    marks = [
        {"symbol": "BTCUSDT", "price": price, "at": ago(minutes=minutes)}
        for price, minutes in (("1", 9), ("51000", 2), ("2", 5))
    ]
    trader.post(MARKS, marks)
    (position,) = trader.get("/api/positions/")["results"]
    assert position["current_price"] == "51000.000000000000"


@pytest.mark.parametrize(
    ("marks", "field"),
    [
        ([], "marks"),
        ([{"symbol": "A", "price": "1"}, {"symbol": "B", "price": "0"}], "1.price"),
        ([{"symbol": "A", "price": "x"}], "0.price"),
        ([{"symbol": "a b", "price": "1"}], "0.symbol"),
        ([{"symbol": "A"}], "0.price"),
        ([5], "0.non_field_errors"),
        ({"symbol": "A", "price": "-1"}, "price"),
        ([{"symbol": "A", "price": "1", "at": "2199-01-01T00:00:00Z"}], "0.at"),
        ([{"symbol": "A", "price": "1", "at": "2026-01-01T00:00:00"}], "0.at"),
        ([{"symbol": "A", "price": "1"}] * 1001, "marks"),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused_by_number_and_field(
    trader: Trader, marks: Any, field: str
) -> None:
    open_trade(trader)
    with nothing_changes():
        refused = trader.post(MARKS, marks, 400)
    assert list(refused)[:1] == [field]


def test_marks_may_be_for_one_portfolio_alone(trader: Trader) -> None:
    trader.post("/api/portfolios/", {"name": "b", "opening_balance": "1000"}, 201)
    open_trade(trader)
    open_trade(trader, portfolio="b")
    answer = trader.post(MARKS + "?portfolio=b", {"symbol": "BTCUSDT", "price": "1"})
    assert answer["positions"] == 1
    assert trader.get(PORTFOLIO)["live_equity"] == "1000.00000000"
    with nothing_changes():
        mark = {"symbol": "BTCUSDT", "price": "1"}
        assert list(trader.post(MARKS + "?portfolio=c", mark, 400)) == ["portfolio"]


@pytest.mark.slow
def test_a_hundred_positions_are_marked_in_as_many_statements_as_one(
    trader: Trader,
) -> None:
    mark = [{"symbol": f"S{number}", "price": "1.5"} for number in range(100)]
    open_trade(trader, symbol="S0", quantity="1", entry_price="1")
    with count_statements() as few:
        assert trader.post(MARKS, mark)["positions"] == 1
    for number in range(1, 100):
        open_trade(trader, symbol=f"S{number}", quantity="1", entry_price="1")
    with count_statements() as many:
        assert trader.post(MARKS, mark)["positions"] == 100
    assert len(many) == len(few) <= 6
