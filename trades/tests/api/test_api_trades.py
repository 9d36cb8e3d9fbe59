"""/api/trades/ and /api/positions/, as the contract describes them."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from tests.http import (
    Trader,
    ago,
    made_once,
    make_trader,
    nothing_changes,
    open_body,
    unthrottled,  # noqa: F401
)
from trades.models import Trade

GOAL = "/api/goals/{goal_id}/"
PORTFOLIO = "/api/portfolios/{portfolio_id}/"


trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def open_trade(trader: Trader, answered: int = 201, **fields: Any) -> Any:
    return trader.post("/api/trades/", open_body(**fields), answered)


def close(trader: Trader, trade: Any, answered: int = 200, **fields: Any) -> Any:
    path = f"/api/trades/{trade['trade_id']}/close/"
    return trader.post(path, {"exit_price": "51000", **fields}, answered)


def portfolios(trader: Trader) -> dict[str, int]:
    listed = trader.get("/api/portfolios/")["results"]
    return {one["name"]: one["portfolio_id"] for one in listed}


# Opening.


def test_a_trade_is_answered_with_the_contracts_names(trader: Trader) -> None:
    answer = open_trade(trader, fees="1.5", stop_price="49000", external_id="order-1")
    for name in ("created_at", "updated_at", "entry_time"):
        assert answer.pop(name).endswith("Z")
    assert answer.pop("trade_id") > 0
    assert answer == {
        "user_id": trader.user.username,
        "portfolio_id": trader["portfolio_id"],
        "strategy_id": "momentum_001",
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "0.020000000000",
        "entry_price": "50000.000000000000",
        "exit_price": None,
        "stop_price": "49000.000000000000",
        "fees": "1.50000000",
        "quote_currency": "USDT",
        "fee_currency": "USDT",
        "fx_rate": "1.000000000000",
        "fee_fx_rate": "1.000000000000",
        "profit_loss": None,
        "exit_time": None,
        "status": "open",
        "adjustment_id": None,
        "override_halt_id": None,
        "external_id": "order-1",
        "leverage": "1.0000",
        "funding": "0.00000000",
        "exit_fee_fx_rate": None,
        "parent_trade_id": None,
        "source_import_id": None,
        "created_by": trader.user.username,
        "updated_by": trader.user.username,
        "voided_at": None,
        "void_reason": "",
    }


def test_a_trade_reads_as_it_was_answered(trader: Trader) -> None:
    opened = open_trade(trader)
    assert trader.get(f"/api/trades/{opened['trade_id']}/") == opened
    assert trader.get("/api/trades/")["results"] == [opened]


def test_a_portfolio_left_out_is_main(trader: Trader) -> None:
    main = portfolios(trader)["main"]
    body = open_body()
    del body["portfolio"]
    assert trader.post("/api/trades/", body, 201)["portfolio_id"] == main


def test_a_portfolio_goes_by_key_or_by_name(trader: Trader) -> None:
    key = trader["portfolio_id"]
    for reference in (key, str(key), "crypto"):
        assert open_trade(trader, portfolio=reference)["portfolio_id"] == key


def test_a_time_is_told_in_utc(trader: Trader) -> None:
    opened = open_trade(trader, entry_time="2026-03-02T13:00:00.25+01:00")
    assert opened["entry_time"] == "2026-03-02T12:00:00.250000Z"


def test_a_trade_may_name_the_decision_that_sized_it(trader: Trader) -> None:
    decision = trader.post("/api/goals/{goal_id}/sizing/", {"base_size": "1000"})
    opened = open_trade(trader, adjustment_id=decision["adjustment_id"])
    assert opened["adjustment_id"] == decision["adjustment_id"]


@pytest.mark.parametrize(
    "fields",
    [
        {"strategy_id": "nothing"},
        {"symbol": "BTC USDT"},
        {"symbol": "x" * 51},
        {"side": "long"},
        {"quantity": "0"},
        {"quantity": "-1"},
        {"quantity": "1e-13"},
        {"quantity": "1000000000000"},
        {"entry_price": "0"},
        {"entry_price": "100000000000000000000"},
        {"entry_time": "2199-01-01T00:00:00Z"},
        {"fees": "-1"},
        {"stop_price": "0"},
        {"adjustment_id": 10**12},
        {"external_id": ""},
        {"external_id": "x" * 201},
        {"exit_time": "2026-03-02T12:00:00Z"},
        {"profit_loss": "5"},
        {"status": "closed"},
        {"trade_id": 1},
    ],
    ids=str,
)
def test_a_trade_that_makes_no_sense_is_refused(
    trader: Trader, fields: dict[str, Any]
) -> None:
    with nothing_changes():
        assert list(open_trade(trader, 400, **fields)) == list(fields)


@pytest.mark.parametrize(
    "missing", ["strategy_id", "symbol", "side", "quantity", "entry_price"]
)
def test_what_a_trade_needs_is_named(trader: Trader, missing: str) -> None:
    body = open_body()
    del body[missing]
    assert list(trader.post("/api/trades/", body, 400)) == [missing]


def test_a_paused_strategy_may_still_have_traded(trader: Trader) -> None:
    trader.patch("/api/strategies/momentum_001/", {"status": "paused"})
    open_trade(trader)


# Currencies.


def test_another_currency_needs_a_rate(trader: Trader) -> None:
    for name in ("quote_currency", "fee_currency"):
        with nothing_changes():
            assert list(open_trade(trader, 400, **{name: "EUR"})) == ["fx_rate"]


def test_a_rate_turns_the_profit_into_the_portfolios_currency(trader: Trader) -> None:
    opened = open_trade(
        trader, quote_currency="EUR", fee_currency="EUR", fx_rate="1.1", fees="1"
    )
    assert opened["fx_rate"] == "1.100000000000"
    assert close(trader, opened)["profit_loss"] == "20.90000000"


def test_fees_may_be_in_a_third_currency(trader: Trader) -> None:
    foreign = {"quote_currency": "EUR", "fee_currency": "BNB", "fx_rate": "1.1"}
    assert list(open_trade(trader, 400, **foreign)) == ["fee_fx_rate"]
    opened = open_trade(trader, **foreign, fee_fx_rate="600", fees="0.01")
    assert close(trader, opened)["profit_loss"] == "16.00000000"


@pytest.mark.parametrize("rate", ["0", "-1", "0.0000000000001"])
def test_a_rate_is_above_zero(trader: Trader, rate: str) -> None:
    answer = open_trade(trader, 400, quote_currency="EUR", fx_rate=rate)
    assert list(answer) == ["fx_rate"]


# Closing.


def test_closing_books_the_profit_and_tells_the_goals_it_moved(trader: Trader) -> None:
    opened = open_trade(trader)
    closed = close(trader, opened)
    goals = closed.pop("goals")
    changed = {name for name in opened if closed[name] != opened[name]}
    assert changed == {
        "exit_price",
        "exit_time",
        "profit_loss",
        "status",
        "updated_at",
    }
    assert (closed["status"], closed["profit_loss"]) == ("closed", "20.00000000")
    assert goals == [
        {
            "goal_id": trader["goal_id"],
            "goal_type": "monthly_return",
            "current_value": "2.00000000",
            "progress_pct_before": "0.000000",
            "progress_pct": "40.000000",
            "band": "on_track",
            "status": "active",
            "target_in_force": "5.00000000",
            "conditions": [],
        }
    ]
    portfolio = trader.get(PORTFOLIO)
    assert portfolio["equity"] == portfolio["live_equity"] == "1020.00000000"
    assert portfolio["unit_value"] == "1.020000000000000000"


def test_a_closed_trade_reads_as_it_was_answered(trader: Trader) -> None:
    closed = close(trader, open_trade(trader))
    assert closed.pop("part") is None
    del closed["goals"]
    assert trader.get(f"/api/trades/{closed['trade_id']}/") == closed


def test_fees_at_the_close_add_to_those_of_the_opening(trader: Trader) -> None:
    closed = close(trader, open_trade(trader, fees="1.5"), fees="0.5")
    assert (closed["fees"], closed["profit_loss"]) == ("2.00000000", "18.00000000")


def test_a_short_earns_by_a_fall(trader: Trader) -> None:
    closed = close(trader, open_trade(trader, side="SHORT"), exit_price="49000")
    assert closed["profit_loss"] == "20.00000000"


def test_the_whole_quantity_may_be_named(trader: Trader) -> None:
    opened = open_trade(trader)
    assert close(trader, opened, quantity="0.0200")["status"] == "closed"


@pytest.mark.parametrize(
    "fields",
    [
        {"exit_price": "0"},
        {"exit_price": "-1"},
        {"exit_price": "99999999999999999999"},
        {"exit_time": "2199-01-01T00:00:00Z"},
        {"exit_time": "2026-01-01T00:00:00Z"},
        {"fees": "-1"},
        {"quantity": "0"},
        {"quantity": "-0.02"},
        {"quantity": "0.03"},
        {"profit_loss": "20"},
    ],
    ids=str,
)
def test_a_close_that_makes_no_sense_is_refused(
    trader: Trader, fields: dict[str, Any]
) -> None:
    opened = open_trade(trader)
    with nothing_changes():
        assert list(close(trader, opened, 400, **fields)) == list(fields)


def test_a_close_before_the_newest_entry_is_booked_where_it_belongs(
    trader: Trader,
) -> None:
    late = open_trade(trader, entry_time=ago(hours=3))
    close(trader, open_trade(trader, entry_time=ago(hours=3)), exit_time=ago(hours=1))
    assert close(trader, late, exit_time=ago(hours=2))["profit_loss"] == "20.00000000"
    assert trader.get(PORTFOLIO)["realized_pnl"] == "40.00000000"


def test_a_close_without_a_time_is_never_late(trader: Trader) -> None:
    opened = open_trade(trader)
    close(trader, open_trade(trader))
    close(trader, opened)


def test_a_loss_of_everything_is_ruin_and_no_trade_opens(trader: Trader) -> None:
    close(trader, open_trade(trader), exit_price="1", fees="1")
    assert trader.get(PORTFOLIO)["unit_value"] == "0.000000000000000000"
    with nothing_changes():
        assert open_trade(trader, 409)["code"] == "portfolio_ruined"


# Closed at once.


def test_a_trade_with_an_exit_is_recorded_closed_at_once(trader: Trader) -> None:
    closed = open_trade(trader, exit_price="51000", profit_loss="20.0", fees="0")
    assert (closed["status"], closed["profit_loss"]) == ("closed", "20.00000000")
    assert closed["goals"][0]["progress_pct"] == "40.000000"
    assert trader.get(GOAL)["progress_pct"] == "40.000000"


def test_a_profit_that_disagrees_is_refused_whole(trader: Trader) -> None:
    with nothing_changes():
        answer = open_trade(trader, 400, exit_price="51000", profit_loss="20.00000001")
    assert list(answer) == ["profit_loss"]


def test_a_closed_trade_before_the_newest_entry_is_booked_where_it_belongs(
    trader: Trader,
) -> None:
    open_trade(trader, exit_price="51000")
    late = {
        "exit_price": "51000",
        "exit_time": ago(hours=1),
        "entry_time": ago(hours=2),
    }
    assert open_trade(trader, **late)["status"] == "closed"
    assert trader.get(PORTFOLIO)["equity"] == "1040.00000000"


def test_an_exit_before_the_entry_is_refused(trader: Trader) -> None:
    times = {"entry_time": ago(hours=1), "exit_time": ago(hours=2)}
    with nothing_changes():
        answer = open_trade(trader, 400, exit_price="51000", **times)
    assert list(answer) == ["exit_time"]


def test_an_exit_that_is_null_is_none(trader: Trader) -> None:
    nothing = dict.fromkeys(("exit_price", "exit_time", "profit_loss"))
    assert open_trade(trader, **nothing)["status"] == "open"


# The same call again.


def place(trader: Trader, answered: int, **fields: Any) -> Any:
    return open_trade(trader, answered, **{"external_id": "order-1", **fields})


SAME = [
    {"quantity": "0.020"},
    {"quantity": 2e-2},
    {"entry_price": "5e4"},
    {"entry_price": 50000},
    {"fees": "0"},
    {"stop_price": None, "entry_time": None, "adjustment_id": None},
]


@pytest.mark.parametrize("fields", SAME, ids=str)
def test_the_same_trade_again_is_the_first_one(
    trader: Trader, fields: dict[str, Any]
) -> None:
    first = place(trader, 201)
    with nothing_changes():
        assert place(trader, 200, **fields) == first


def test_the_same_trade_in_another_offset_is_the_first_one(trader: Trader) -> None:
    first = place(trader, 201, entry_time="2026-03-02T12:00:00Z")
    with nothing_changes():
        again = place(trader, 200, entry_time="2026-03-02T07:00:00.000-05:00")
    assert again == first


def test_the_same_trade_by_key_instead_of_name_is_the_first_one(trader: Trader) -> None:
    first = place(trader, 201)
    with nothing_changes():
        assert place(trader, 200, portfolio=trader["portfolio_id"]) == first


OTHER = [
    {"quantity": "0.021"},
    {"quantity": "0.020000000001"},
    {"entry_price": "50001"},
    {"side": "SHORT"},
    {"symbol": "ETHUSDT"},
    {"strategy_id": "mean_reversion_001"},
    {"fees": "1"},
    {"stop_price": "1"},
    {"entry_time": "2026-03-02T12:00:00Z"},
    {"exit_price": "51000"},
    {"quote_currency": "EUR", "fx_rate": "1"},
]


@pytest.mark.parametrize("fields", OTHER, ids=str)
def test_the_same_id_with_other_figures_is_a_conflict(
    trader: Trader, fields: dict[str, Any]
) -> None:
    place(trader, 201)
    with nothing_changes():
        assert place(trader, 409, **fields)["code"] == "idempotency_conflict"


def test_figures_that_differ_in_the_last_place_differ(trader: Trader) -> None:
    fine = {"quantity": "0.000000000001", "portfolio": "crypto"}
    price = "12345678901234567890.12345678901"
    place(trader, 201, **fine, entry_price=price + "1")
    with nothing_changes():
        answer = place(trader, 409, **fine, entry_price=price + "2")
    assert answer["code"] == "idempotency_conflict"


def test_the_same_id_in_another_portfolio_is_free(trader: Trader) -> None:
    first = place(trader, 201)
    other = place(trader, 201, portfolio="main")
    assert other["trade_id"] != first["trade_id"]


def test_the_same_opening_again_after_the_close_is_that_trade(trader: Trader) -> None:
    opened = place(trader, 201)
    close(trader, opened)
    with nothing_changes():
        again = place(trader, 200)
    assert again["trade_id"] == opened["trade_id"]


def test_the_same_closed_trade_again_is_the_first_one(trader: Trader) -> None:
    first = place(trader, 201, exit_price="51000")
    with nothing_changes():
        again = place(trader, 200, exit_price="51000.0")
    assert {**again, "goals": None} == {**first, "goals": None}


def test_the_same_closed_trade_may_leave_its_profit_out(trader: Trader) -> None:
    place(trader, 201, exit_price="51000", profit_loss="20")
    with nothing_changes():
        place(trader, 200, exit_price="51000")
        place(trader, 200, exit_price="51000", profit_loss="20.00")


def test_the_same_closed_trade_with_a_profit_that_disagrees_is_a_conflict(
    trader: Trader,
) -> None:
    place(trader, 201, exit_price="51000", profit_loss="20")
    with nothing_changes():
        answer = place(trader, 409, exit_price="51000", profit_loss="21")
    assert answer["code"] == "idempotency_conflict"


def test_the_same_closed_trade_again_is_the_first_one_however_late(
    trader: Trader,
) -> None:
    at = {"entry_time": ago(hours=2), "exit_time": ago(hours=1)}
    first = place(trader, 201, exit_price="51000", **at)
    open_trade(trader, exit_price="51000")
    with nothing_changes():
        again = place(trader, 200, exit_price="51000", **at)
    assert again["trade_id"] == first["trade_id"]


def test_a_refused_trade_does_not_use_up_its_id(trader: Trader) -> None:
    place(trader, 400, quantity="0")
    place(trader, 201)


def test_without_an_id_every_call_is_a_new_one(trader: Trader) -> None:
    for _ in range(2):
        open_trade(trader)
    assert Trade.objects.count() == 2


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"exit_price": 51000},
        {"exit_price": "51000.00"},
        {"fees": "0.50"},
        {"quantity": "0.02"},
        {"exit_time": None},
    ],
    ids=str,
)
def test_closing_again_with_the_same_figures_is_the_same_trade(
    trader: Trader, same: dict[str, Any]
) -> None:
    opened = open_trade(trader)
    first = close(trader, opened, fees="0.5")
    with nothing_changes():
        again = close(trader, opened, **{"fees": "0.5", **same})
    assert {**again, "goals": None} == {**first, "goals": None}


def test_closing_again_at_the_same_time_is_the_same_trade(trader: Trader) -> None:
    opened = open_trade(trader, entry_time=ago(hours=1))
    at = timezone.now().replace(microsecond=0)
    close(trader, opened, exit_time=at.isoformat())
    elsewhere = at.astimezone(timezone.get_fixed_timezone(330))
    with nothing_changes():
        close(trader, opened, exit_time=elsewhere.isoformat())


@pytest.mark.parametrize(
    "other",
    [
        {"exit_price": "51000.000000000001"},
        {"fees": "0.1"},
        {"exit_time": "2026-03-02T12:00:00Z"},
        {"funding": "0.1"},
    ],
    ids=str,
)
def test_closing_again_with_other_figures_is_refused(
    trader: Trader, other: dict[str, Any]
) -> None:
    opened = open_trade(trader)
    close(trader, opened)
    with nothing_changes():
        assert close(trader, opened, 409, **other)["code"] == "trade_already_closed"


def test_closing_again_compares_the_funding_of_the_close_alone(trader: Trader) -> None:
    opened = open_trade(trader, funding="0.3")
    closed = close(trader, opened, funding="-0.5")
    assert closed["funding"] == "-0.20000000"
    with nothing_changes():
        again = close(trader, opened, funding="-0.5")
        assert again["profit_loss"] == closed["profit_loss"]
        for funding in ("0", "-0.2", "0.5"):
            answer = close(trader, opened, 409, funding=funding)
            assert answer["code"] == "trade_already_closed"


def test_closing_a_trade_that_was_recorded_closed_need_not_repeat_its_funding(
    trader: Trader,
) -> None:
    recorded = open_trade(trader, exit_price="51000", funding="0.3")
    with nothing_changes():
        close(trader, recorded)
        close(trader, recorded, 409, funding="0.2")


def test_closing_a_part_of_a_closed_trade_is_refused(trader: Trader) -> None:
    opened = open_trade(trader)
    close(trader, opened)
    with nothing_changes():
        answer = close(trader, opened, 409, quantity="0.01")
    assert answer["code"] == "trade_already_closed"


# Positions.


def test_an_open_trade_holds_a_position(trader: Trader) -> None:
    opened = open_trade(trader)
    (position,) = trader.get("/api/positions/")["results"]
    assert position.pop("position_id") > 0
    assert position.pop("updated_at").endswith("Z")
    assert position == {
        "trade_id": opened["trade_id"],
        "user_id": trader.user.username,
        "portfolio_id": trader["portfolio_id"],
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "0.020000000000",
        "entry_price": "50000.000000000000",
        "current_price": "50000.000000000000",
        "unrealized_pnl": "0.00000000",
        "status": "open",
        "opened_at": opened["entry_time"],
        "marked_at": None,
    }


def test_a_closed_trade_holds_none(trader: Trader) -> None:
    close(trader, open_trade(trader))
    (position,) = trader.get("/api/positions/", status="closed")["results"]
    assert position["current_price"] == "51000.000000000000"
    assert trader.get("/api/positions/", status="open")["count"] == 0


def test_the_profit_goes_where_the_exit_was(trader: Trader) -> None:
    """A trade of last month moves no goal of this one."""
    begins = datetime.fromisoformat(trader.get(GOAL)["start_date"] + "T00:00:00+00:00")
    before = (begins - timedelta(days=1)).isoformat()
    closed = open_trade(trader, exit_price="51000", entry_time=before, exit_time=before)
    assert closed["goals"] == []
    assert Decimal(trader.get(GOAL)["progress_pct"]) == 0
