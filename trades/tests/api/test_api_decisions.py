"""Sizing, strategy choice and the next trade, as the contract describes them."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from goals.models import GoalAdjustmentLog
from tests.http import (
    Trader,
    ago,
    made_once,
    make_newcomer,
    make_trader,
    nothing_changes,
    open_body,
    unthrottled,  # noqa: F401
)

GOAL = "/api/goals/{goal_id}/"
SIZING = "/api/goals/{goal_id}/sizing/"
STRATEGY = "/api/goals/{goal_id}/strategy/"
PORTFOLIO = "/api/portfolios/{portfolio_id}/"
ALL = "/api/sizing/"
NEXT = "/api/next-trade/"
SIZING_NAMES = {
    "adjustment_id",
    "goal_id",
    "base_size",
    "adjusted_size",
    "adjustment_factor",
    "verdict",
    "reason",
    "band",
    "progress_pct",
    "policy",
    "guards",
}


trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def make_profit(trader: Trader, profit: str, **fields: Any) -> Any:
    exit_price = Decimal(100_000) + Decimal(profit)
    body = open_body(
        quantity="1", entry_price="100000", exit_price=str(exit_price), **fields
    )
    return trader.post("/api/trades/", body, 201)


# The seed example, with its exact numbers.


def test_the_seed_example(db: None) -> None:
    trader = make_newcomer()
    for name in ("momentum", "mean_reversion", "breakout"):
        body = {
            "strategy_id": f"test_goal_strategy_{name}_001",
            "strategy_type": name,
        }
        trader.post("/api/strategies/", body, 201)
    trader.post(
        "/api/portfolios/",
        {"name": "seed", "currency": "USDT", "opening_balance": "1000"},
        201,
    )
    goal = trader.post(
        "/api/goals/",
        {"goal_type": "monthly_return", "target_value": "5.0", "portfolio": "seed"},
        201,
    )
    trader.ids["goal_id"] = goal["goal_id"]

    first = trader.post(SIZING, {"base_size": "1000"})
    assert first["adjustment_factor"] == "1.3000"
    assert first["adjusted_size"] == "1300.00000000"

    trade = open_body(portfolio="seed", strategy_id="test_goal_strategy_momentum_001")
    opened = trader.post("/api/trades/", trade, 201)
    close = f"/api/trades/{opened['trade_id']}/close/"
    assert trader.post(close, {"exit_price": "51000"})["profit_loss"] == "20.00000000"
    reached = trader.get(GOAL)
    assert reached["current_value"] == "2.00000000"
    assert reached["progress_pct"] == "40.000000"
    second = trader.post(SIZING, {"base_size": "1000"})
    assert second["adjustment_factor"] == "1.0000"
    assert second["adjusted_size"] == "1000.00000000"

    opened = trader.post("/api/trades/", {**trade, "quantity": "0.025"}, 201)
    close = f"/api/trades/{opened['trade_id']}/close/"
    assert trader.post(close, {"exit_price": "51000"})["profit_loss"] == "25.00000000"
    reached = trader.get(GOAL)
    assert reached["current_value"] == "4.50000000"
    assert reached["progress_pct"] == "90.000000"
    third = trader.post(SIZING, {"base_size": "1000"})
    assert third["adjustment_factor"] == "0.7000"
    assert third["adjusted_size"] == "700.00000000"


@pytest.mark.parametrize(
    ("profit", "progress_pct", "chosen"),
    [
        ("5", "10.000000", {"momentum", "breakout"}),
        ("42.5", "85.000000", {"mean_reversion"}),
    ],
)
def test_the_seed_examples_choice_of_strategy(
    trader: Trader, profit: str, progress_pct: str, chosen: set[str]
) -> None:
    body = {"strategy_id": "breakout_001", "strategy_type": "breakout"}
    trader.post("/api/strategies/", body, 201)
    make_profit(trader, profit)
    choice = trader.post(STRATEGY, {})
    assert choice["progress_pct"] == progress_pct
    assert choice["strategy_type"] in chosen


# Sizing for a goal.


def test_a_size_is_answered_with_the_contracts_names(trader: Trader) -> None:
    answer = trader.post(SIZING, {"base_size": "1000"})
    assert set(answer) >= SIZING_NAMES
    assert "quantity" not in answer
    assert answer["goal_id"] == trader["goal_id"]
    assert answer["base_size"] == "1000.00000000"
    assert answer["verdict"] == "allow"
    assert answer["band"] == "behind"
    assert answer["progress_pct"] == "0.000000"
    assert answer["policy"] == "ladder"
    for guard in answer["guards"]:
        assert set(guard) == {"name", "factor_before", "factor_after", "reason"}
    names = [guard["name"] for guard in answer["guards"]]
    assert names[-1] == "exposure"


def test_with_a_price_the_quantity_is_rounded_down_to_the_lot(trader: Trader) -> None:
    body = {"base_size": "1000", "price": "30000", "lot_step": "0.01"}
    answer = trader.post(SIZING, body)
    assert answer["quantity"] == "0.040000000000"  # 1300 / 30000 = 0.0433
    assert answer["adjusted_size"] == "1200.00000000"


def test_the_callers_limit_holds(trader: Trader) -> None:
    answer = trader.post(SIZING, {"base_size": "1000", "max_size": "1100"})
    assert answer["adjusted_size"] == "1100.00000000"
    assert answer["verdict"] == "reduce"


def test_below_the_smallest_size_nothing_is_traded(trader: Trader) -> None:
    body = {"base_size": "10", "min_size": "13.00000001", "price": "1"}
    answer = trader.post(SIZING, body)
    assert answer["verdict"] == "block"
    assert answer["adjusted_size"] == answer["quantity"][:-4] == "0.00000000"


def test_the_portfolios_limit_counts_what_is_open(trader: Trader) -> None:
    trader.patch(PORTFOLIO, {"max_position_pct": "150"})
    trader.post("/api/trades/", open_body(), 201)
    body = {"base_size": "1000", "symbol": "BTCUSDT"}
    assert trader.post(SIZING, body)["adjusted_size"] == "500.00000000"
    other = {"base_size": "1000", "symbol": "ETHUSDT"}
    assert trader.post(SIZING, other)["adjusted_size"] == "1300.00000000"


def test_a_size_is_asked_as_of_a_time(trader: Trader) -> None:
    make_profit(trader, "20", exit_time=ago(minutes=1), entry_time=ago(minutes=2))
    goal = trader.post(
        "/api/goals/",
        {
            "goal_type": "monthly_return",
            "target_value": "5",
            "portfolio": "crypto",
            "start_date": (timezone.now() - timedelta(days=9)).date().isoformat(),
            "target_date": "2199-01-31",
        },
        201,
    )
    path = f"/api/goals/{goal['goal_id']}/sizing/"
    then = trader.post(path, {"base_size": "1", "as_of": ago(minutes=3)})
    now = trader.post(path, {"base_size": "1"})
    assert (then["progress_pct"], now["progress_pct"]) == ("0.000000", "40.000000")


@pytest.mark.parametrize(
    "fields",
    [
        {"base_size": "0"},
        {"base_size": "-1"},
        {"base_size": "1000000000000000.00000001"},
        {"price": "0"},
        {"lot_step": "0.1"},
        {"lot_step": "0", "price": "1"},
        {"max_size": "-1"},
        {"min_size": "-1"},
        {"symbol": ""},
        {"symbol": "x" * 51},
        {"strategy_id": "nothing"},
        {"as_of": "2199-01-01T00:00:00Z"},
        {"request_id": ""},
        {"request_id": "x" * 201},
        {"max_szie": "1"},
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_is_refused(
    trader: Trader, fields: dict[str, str]
) -> None:
    with nothing_changes():
        answer = trader.post(SIZING, {"base_size": "1000", **fields}, 400)
        for_all = {"base_size": "1000", "portfolio": "crypto", **fields}
        same = trader.post(ALL, for_all, 400)
    assert list(answer) == list(same) == [next(iter(fields))]


def test_a_goal_without_base_size_is_no_question(trader: Trader) -> None:
    for path in (SIZING, ALL, NEXT):
        assert list(trader.post(path, {}, 400)) == ["base_size"]


@pytest.mark.parametrize("change", ["paused", "cancelled"])
def test_a_goal_that_rests_sizes_nothing(trader: Trader, change: str) -> None:
    if change == "paused":
        trader.patch(GOAL, {"status": "paused"})
    else:
        trader.client.delete(trader.address(GOAL))
    with nothing_changes():
        for path in (SIZING, STRATEGY):
            body = {"base_size": "1"} if path == SIZING else {}
            assert trader.post(path, body, 409)["code"] == "goal_not_active"
        body = {"base_size": "1", "portfolio": "crypto"}
        for path in (ALL, NEXT):
            refused = trader.post(path, body, 409)
            assert refused["code"] == "no_active_goal"
            assert re.search(
                r" at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: ", refused["detail"]
            )


def test_an_unknown_strategy_is_named_once_with_those_there_are(
    trader: Trader,
) -> None:
    body = {"base_size": "1", "strategy_id": "nope"}
    for path, more in ((SIZING, {}), (ALL, {"portfolio": "crypto"})):
        refused = trader.post(path, {**body, **more}, 400)
        assert list(refused) == ["strategy_id"]
        (text,) = refused["strategy_id"]
        assert text.startswith("You have no strategy nope. Yours are ")


def test_a_paused_strategy_is_not_sized(trader: Trader) -> None:
    trader.patch("/api/strategies/momentum_001/", {"status": "paused"})
    body = {"base_size": "1", "strategy_id": "momentum_001"}
    assert trader.post(SIZING, body, 409)["code"] == "strategy_not_active"


def test_a_portfolio_in_ruin_sizes_nothing(trader: Trader) -> None:
    make_profit(trader, "-1000")
    with nothing_changes():
        refused = trader.post(SIZING, {"base_size": "1"}, 409)
        body = {"base_size": "1", "portfolio": "crypto"}
        for path in (ALL, NEXT):
            assert trader.post(path, body, 409)["code"] == "portfolio_ruined"
    assert refused["code"] == "portfolio_ruined"


def test_a_portfolio_without_money_sizes_nothing(trader: Trader) -> None:
    goal = {"goal_type": "monthly_income", "target_value": "5"}
    trader.post("/api/goals/", goal, 201)
    with nothing_changes():
        assert trader.post(ALL, {"base_size": "1"}, 409)["code"] == "portfolio_unfunded"


def test_a_goal_that_stops_after_success_blocks(trader: Trader) -> None:
    trader.patch(GOAL, {"after_achieved": "stop"})
    make_profit(trader, "50")
    answer = trader.post(SIZING, {"base_size": "1"})
    assert (answer["verdict"], answer["adjusted_size"]) == ("block", "0.00000000")


# Sizing for a portfolio.


def test_all_goals_of_a_portfolio_take_part_and_one_decides(trader: Trader) -> None:
    other = trader.post(
        "/api/goals/",
        {
            "goal_type": "portfolio_value",
            "target_value": "1100",
            "start_value": "100",
            "priority": 1,
            "portfolio": "crypto",
        },
        201,
    )
    answer = trader.post(ALL, {"base_size": "1000", "portfolio": "crypto"})
    assert set(answer) >= SIZING_NAMES
    assert answer["goal_id"] == other["goal_id"]
    assert answer["goals"] == [
        {
            "goal_id": other["goal_id"],
            "factor": "0.7000",
            "band": "near_target",
            "decides": True,
        },
        {
            "goal_id": trader["goal_id"],
            "factor": "1.3000",
            "band": "behind",
            "decides": False,
        },
    ]
    assert answer["conflict"] is True


def test_a_portfolio_left_out_is_main(trader: Trader) -> None:
    main = trader.get("/api/portfolios/", name="main")["results"][0]["portfolio_id"]
    flows = f"/api/portfolios/{main}/cash-flows/"
    trader.post(flows, {"amount": "1000"}, 201)
    goal = {"goal_type": "monthly_income", "target_value": "5"}
    goal_id = trader.post("/api/goals/", goal, 201)["goal_id"]
    for path in (ALL, NEXT):
        assert trader.post(path, {"base_size": "1"})["goal_id"] == goal_id


def test_a_portfolio_goes_by_key_or_by_name(trader: Trader) -> None:
    key = trader["portfolio_id"]
    for reference in (key, str(key), "crypto"):
        body = {"base_size": "1", "portfolio": reference}
        assert trader.post(ALL, body)["goal_id"] == trader["goal_id"]
        assert trader.post(NEXT, body)["goal_id"] == trader["goal_id"]


# The same question again.

QUESTION = {"base_size": "1000", "request_id": "bar-1"}
FULL = {
    "base_size": "1000",
    "price": "50000",
    "max_size": "1250",
    "min_size": "10",
    "lot_step": "0.001",
    "symbol": "BTCUSDT",
    "strategy_id": "momentum_001",
    "request_id": "bar-1",
}


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"base_size": 1000},
        {"base_size": 1e3},
        {"base_size": "1000.00000000", "price": "5e4", "lot_step": 0.001},
        {"max_size": "1250.0", "min_size": 10},
    ],
    ids=str,
)
def test_the_same_question_again_gets_the_first_answer(
    trader: Trader, same: dict[str, Any]
) -> None:
    first = trader.post(SIZING, FULL)
    make_profit(trader, "45")
    with nothing_changes():
        assert trader.post(SIZING, {**FULL, **same}) == first


def test_the_same_question_in_another_offset_gets_the_first_answer(
    trader: Trader,
) -> None:
    at = timezone.now()
    first = trader.post(SIZING, {**QUESTION, "as_of": at.isoformat()})
    elsewhere = at.astimezone(timezone.get_fixed_timezone(-210)).isoformat()
    with nothing_changes():
        assert trader.post(SIZING, {**QUESTION, "as_of": elsewhere}) == first


def test_the_first_answer_stays_whatever_became_of_the_goal(trader: Trader) -> None:
    first = trader.post(SIZING, QUESTION)
    trader.client.delete(trader.address(GOAL))
    with nothing_changes():
        assert trader.post(SIZING, QUESTION) == first


@pytest.mark.parametrize(
    "other",
    [
        {"base_size": "1000.00000001"},
        {"price": "50001"},
        {"price": None, "lot_step": None},
        {"max_size": "1251"},
        {"symbol": "ETHUSDT"},
        {"strategy_id": "mean_reversion_001"},
        pytest.param({"as_of": ago(seconds=0)}, id="as_of"),
    ],
    ids=str,
)
def test_another_question_with_the_same_id_is_a_conflict(
    trader: Trader, other: dict[str, Any]
) -> None:
    trader.post(SIZING, FULL)
    with nothing_changes():
        answer = trader.post(SIZING, {**FULL, **other}, 409)
    assert answer["code"] == "idempotency_conflict"


def test_the_same_id_at_the_other_endpoint_is_a_conflict(trader: Trader) -> None:
    trader.post(SIZING, QUESTION)
    for_all = {**QUESTION, "portfolio": "crypto"}
    with nothing_changes():
        answer = trader.post(ALL, for_all, 409)
    assert answer["code"] == "idempotency_conflict"
    trader.post(ALL, {**for_all, "request_id": "bar-2"})
    with nothing_changes():
        answer = trader.post(SIZING, {**QUESTION, "request_id": "bar-2"}, 409)
    assert answer["code"] == "idempotency_conflict"


def test_the_same_id_for_another_goal_of_the_portfolio_is_a_conflict(
    trader: Trader,
) -> None:
    trader.post(SIZING, QUESTION)
    body = {"goal_type": "monthly_income", "target_value": "5", "portfolio": "crypto"}
    goal = trader.post("/api/goals/", body, 201)
    with nothing_changes():
        answer = trader.post(f"/api/goals/{goal['goal_id']}/sizing/", QUESTION, 409)
    assert answer["code"] == "idempotency_conflict"


def test_the_same_id_in_another_portfolio_is_free(trader: Trader) -> None:
    trader.post("/api/portfolios/", {"name": "b", "opening_balance": "1"}, 201)
    body = {"goal_type": "monthly_income", "target_value": "5", "portfolio": "b"}
    trader.post("/api/goals/", body, 201)
    first = trader.post(SIZING, QUESTION)
    second = trader.post(ALL, {**QUESTION, "portfolio": "b"})
    assert second["adjustment_id"] != first["adjustment_id"]


def test_the_portfolio_by_key_instead_of_name_is_the_same_question(
    trader: Trader,
) -> None:
    first = trader.post(ALL, {**QUESTION, "portfolio": "crypto"})
    with nothing_changes():
        again = trader.post(ALL, {**QUESTION, "portfolio": trader["portfolio_id"]})
    assert again == first


def test_without_an_id_every_question_is_a_new_one(trader: Trader) -> None:
    for _ in range(2):
        trader.post(SIZING, {"base_size": "1", "request_id": None})
    assert GoalAdjustmentLog.objects.count() == 2


def test_a_refused_question_does_not_use_up_its_id(trader: Trader) -> None:
    trader.patch(GOAL, {"status": "paused"})
    trader.post(SIZING, QUESTION, 409)
    trader.patch(GOAL, {"status": "active"})
    trader.post(SIZING, QUESTION)


# Choosing a strategy.


def test_a_choice_is_answered_with_the_contracts_names(trader: Trader) -> None:
    answer = trader.post(STRATEGY, {})
    assert answer.pop("selection_id") > 0
    reason = answer.pop("reason")
    assert "momentum_001" in reason
    ranking = answer.pop("ranking")
    assert answer == {
        "goal_id": trader["goal_id"],
        "selected_strategy": "momentum_001",
        "strategy_type": "momentum",
        "stance": "aggressive",
        "progress_pct": "0.000000",
    }
    ranked = [(one["rank"], one["strategy_id"]) for one in ranking]
    assert ranked == [(1, "momentum_001"), (2, "mean_reversion_001")]


def test_only_the_candidates_compete(trader: Trader) -> None:
    answer = trader.post(STRATEGY, {"candidates": ["mean_reversion_001"]})
    assert answer["selected_strategy"] == "mean_reversion_001"
    assert len(answer["ranking"]) == 1


def test_a_candidate_twice_competes_once(trader: Trader) -> None:
    answer = trader.post(STRATEGY, {"candidates": ["momentum_001"] * 2})
    assert len(answer["ranking"]) == 1


@pytest.mark.parametrize(
    "candidates", [[], ["nothing"], ["momentum_001", "nothing"], ["x"] * 1001]
)
def test_candidates_that_do_not_exist_are_refused(
    trader: Trader, candidates: list[str]
) -> None:
    with nothing_changes():
        refused = trader.post(STRATEGY, {"candidates": candidates}, 400)
        body = {"base_size": "1", "portfolio": "crypto", "candidates": candidates}
        assert list(trader.post(NEXT, body, 400)) == ["candidates"]
    assert list(refused) == ["candidates"]


def test_when_no_strategy_is_active_none_is_chosen(trader: Trader) -> None:
    for name in ("momentum", "mean_reversion"):
        trader.patch(f"/api/strategies/{name}_001/", {"status": "paused"})
    with nothing_changes():
        assert trader.post(STRATEGY, {}, 409)["code"] == "no_active_strategy"
        body = {"base_size": "1", "portfolio": "crypto"}
        assert trader.post(NEXT, body, 409)["code"] == "no_active_strategy"


def test_a_choice_of_the_future_is_refused(trader: Trader) -> None:
    body = {"as_of": "2199-01-01T00:00:00Z"}
    assert list(trader.post(STRATEGY, body, 400)) == ["as_of"]


# Strategy and size in one.


def test_the_next_trade_is_a_strategy_and_a_size_for_it(trader: Trader) -> None:
    body = {
        "base_size": "1000",
        "symbol": "BTCUSDT",
        "price": "50000",
        "portfolio": "crypto",
    }
    answer = trader.post(NEXT, body)
    assert set(answer) >= SIZING_NAMES | {"quantity", "goals", "conflict"}
    assert answer["adjusted_size"] == "1300.00000000"
    assert answer["quantity"] == "0.026000000000"
    assert answer["selected_strategy"] == "momentum_001"
    assert (answer["strategy_type"], answer["stance"]) == ("momentum", "aggressive")
    assert len(answer["ranking"]) == 2
    assert "momentum_001" in answer["strategy_reason"]


def test_the_decision_of_a_next_trade_is_in_the_log(trader: Trader) -> None:
    answer = trader.post(NEXT, {"base_size": "1000", "portfolio": "crypto"})
    (row,) = trader.get("/api/goals/{goal_id}/adjustments/")["results"]
    assert row["adjustment_id"] == answer["adjustment_id"]
    assert row["strategy_id"] == "momentum_001"


def test_the_decision_of_a_next_trade_may_be_traded(trader: Trader) -> None:
    answer = trader.post(NEXT, {"base_size": "1000", "portfolio": "crypto"})
    trade = open_body(
        strategy_id=answer["selected_strategy"], adjustment_id=answer["adjustment_id"]
    )
    trader.post("/api/trades/", trade, 201)
