"""A newcomer without money: what is missing is said, with the call that mends it."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from goals.services.goals import create_goal
from goals.services.portfolios import record_cash_flow
from tests.http import (
    Trader,
    count_statements,
    made_once,
    make_newcomer,
    make_trader,
    open_body,
    unthrottled,  # noqa: F401
)
from trades.tests.factories import book_profit

CALL = re.compile(r"POST (/api/portfolios/\d+/cash-flows/) with (\{[^}]*\})")
CRYPTO = {"portfolio": "crypto"}
GOAL = {"goal_type": "monthly_return", "target_value": "5"}


def make_newcomer_with_goal() -> Trader:
    trader = make_newcomer()
    body = {"strategy_id": "momentum_001", "strategy_type": "momentum"}
    trader.post("/api/strategies/", body, 201)
    trader.ids["goal_id"] = trader.post("/api/goals/", GOAL, 201)["goal_id"]
    return trader


newcomer_of_module = made_once(make_newcomer_with_goal)


@pytest.fixture
def newcomer(db: None, newcomer_of_module: Trader) -> Trader:
    return newcomer_of_module.for_one_test()


def deposit_as_told(trader: Trader, message: str) -> None:
    """Send the very request that the message names."""
    found = CALL.search(message)
    assert found is not None, message
    answer = trader.client.generic(
        "POST", found[1], found[2], content_type="application/json"
    )
    assert answer.status_code == 201, answer.content


def lack_of(trader: Trader) -> str:
    (warning,) = trader.get("/api/goals/{goal_id}/")["warnings"]
    assert warning["code"] == "portfolio_unfunded"
    return str(warning["message"])


def test_a_new_goal_without_money_says_so_and_its_deposit_mends_it(newcomer: Trader):
    created = trader_goal(newcomer)
    assert created["warnings"][0]["code"] == "portfolio_unfunded"
    assert "Portfolio main has no money to trade with" in lack_of(newcomer)
    listed = newcomer.get("/api/goals/")["results"]
    assert all(goal["warnings"] for goal in listed)
    deposit_as_told(newcomer, created["warnings"][0]["message"])
    assert newcomer.get("/api/goals/{goal_id}/")["warnings"] == []


def trader_goal(trader: Trader) -> Any:
    body = {"goal_type": "monthly_income", "target_value": "100"}
    return trader.post("/api/goals/", body, 201)


@pytest.mark.parametrize(
    "path", ["/api/goals/{goal_id}/sizing/", "/api/sizing/", "/api/next-trade/"]
)
def test_a_size_refused_for_want_of_money_names_the_deposit(
    newcomer: Trader, path: str
):
    refused = newcomer.post(path, {"base_size": "100"}, 409)
    assert refused["code"] == "portfolio_unfunded"
    deposit_as_told(newcomer, refused["detail"])
    assert newcomer.post(path, {"base_size": "100"})["verdict"] == "allow"


def test_a_projection_without_money_names_the_deposit(newcomer: Trader):
    answer = newcomer.get("/api/goals/{goal_id}/projection/")
    assert answer["probability"] is None
    deposit_as_told(newcomer, answer["reason"])
    reason = newcomer.get("/api/goals/{goal_id}/projection/")["reason"]
    assert reason == "fewer than 20 closed trades allow no estimate"


def test_a_ruined_portfolio_names_the_deposit_that_starts_it_anew(newcomer: Trader):
    portfolio = newcomer.user.portfolios.get(name="main")
    record_cash_flow(
        user=newcomer.user, amount=Decimal(100), now=timezone.now() - timedelta(hours=1)
    )
    book_profit(portfolio, Decimal(-100), at=timezone.now())
    refusals = [
        newcomer.post("/api/sizing/", {"base_size": "10"}, 409),
        newcomer.post("/api/goals/", GOAL, 409),
        newcomer.post("/api/trades/", open_body(portfolio="main"), 409),
    ]
    assert {one["code"] for one in refusals} == {"portfolio_ruined"}
    assert all(CALL.search(one["detail"]) for one in refusals)
    (warning,) = newcomer.get("/api/goals/{goal_id}/")["warnings"]
    assert warning["code"] == "portfolio_ruined"
    deposit_as_told(newcomer, warning["message"])
    assert newcomer.get("/api/goals/{goal_id}/")["warnings"] == []


@pytest.mark.parametrize("loss", ["-100", "-5040", "-9999.5"])
def test_the_deposit_that_is_named_lifts_equity_above_0_however_deep_the_ruin(
    newcomer: Trader, loss: str
):
    portfolio = newcomer.user.portfolios.get(name="main")
    record_cash_flow(
        user=newcomer.user, amount=Decimal(100), now=timezone.now() - timedelta(hours=1)
    )
    book_profit(portfolio, Decimal(loss), at=timezone.now())
    refused = newcomer.post("/api/sizing/", {"base_size": "10"}, 409)
    deposit_as_told(newcomer, refused["detail"])
    portfolio.refresh_from_db()
    assert (portfolio.unit_value, portfolio.unit_run) == (1, 2)
    assert portfolio.equity >= 1000
    assert newcomer.post("/api/sizing/", {"base_size": "10"})["verdict"] == "allow"


@pytest.fixture
def fallen(db: None) -> Trader:
    """Equity 1000, unit value 1, and a live equity of -3000 by a mark."""
    trader = make_trader()
    entry_time = (timezone.now() - timedelta(minutes=1)).isoformat()
    body = open_body(quantity="1", entry_price="5000", entry_time=entry_time)
    trader.ids["trade_id"] = trader.post("/api/trades/", body, 201)["trade_id"]
    mark(trader, "1000")
    portfolio = trader.get("/api/portfolios/{portfolio_id}/")
    assert Decimal(portfolio["live_equity"]) == -3000
    assert Decimal(portfolio["unit_value"]) == 1
    return trader


def mark(trader: Trader, price: str) -> None:
    """Twice, for a halt by marks is confirmed by a second one."""
    for seconds in (10, 0):
        at = (timezone.now() - timedelta(seconds=seconds)).isoformat()
        body = {"symbol": "BTCUSDT", "price": price, "at": at}
        trader.post("/api/positions/marks/", body)


@pytest.mark.parametrize("policy", ["ladder", "pace", "deadline_optimal"])
@pytest.mark.parametrize(
    "path", ["/api/goals/{goal_id}/sizing/", "/api/sizing/", "/api/next-trade/"]
)
def test_what_a_mark_alone_took_is_a_halt_and_no_want_of_money(
    fallen: Trader, path: str, policy: str
):
    fallen.patch("/api/goals/{goal_id}/", {"policy": policy})
    body = {} if "goal_id" in path else CRYPTO
    answer = fallen.post(path, {"base_size": "100", **body})
    answer = answer.get("sizing", answer)
    assert (answer["verdict"], Decimal(answer["adjusted_size"])) == ("block", 0)
    assert "trading is halted since" in answer["reason"]
    assert "hard_drawdown_pct" in answer["reason"]
    assert "cash-flows" not in answer["reason"]


def test_a_goal_whose_portfolio_a_mark_took_shows_the_halt(fallen: Trader):
    assert fallen.get("/api/goals/{goal_id}/")["warnings"] == []
    answer = fallen.get("/api/goals/{goal_id}/projection/")
    assert "trading is halted" in answer["reason"]
    assert "cash-flows" not in answer["reason"]
    assert Decimal(answer["probability"]) == 0


def test_what_a_mark_took_is_blocked_again_until_the_mark_is_better(fallen: Trader):
    resume = "/api/portfolios/{portfolio_id}/resume/"
    fallen.post(resume, {})
    assert fallen.post("/api/sizing/", {"base_size": "1", **CRYPTO})["verdict"] == (
        "block"
    )
    mark(fallen, "5000")
    assert fallen.post("/api/sizing/", {"base_size": "1", **CRYPTO})["verdict"] == (
        "allow"
    )


def test_a_goal_that_is_over_lacks_nothing(newcomer: Trader):
    newcomer.client.delete(newcomer.address("/api/goals/{goal_id}/"))
    assert newcomer.get("/api/goals/{goal_id}/")["warnings"] == []


def test_without_goal_or_strategy_the_next_call_is_named(db: None):
    trader = make_newcomer()
    record_cash_flow(user=trader.user, amount=Decimal(100), now=timezone.now())
    no_goal = trader.post("/api/sizing/", {"base_size": "100"}, 409)
    assert "POST /api/goals/" in no_goal["detail"]
    trader.post("/api/goals/", GOAL, 201)
    no_strategy = trader.post("/api/next-trade/", {"base_size": "100"}, 409)
    assert "POST /api/strategies/" in no_strategy["detail"]
    unknown = trader.post("/api/trades/", open_body(portfolio="main"), 400)
    assert "POST /api/strategies/" in unknown["strategy_id"][0]


def test_a_trade_refused_while_halted_names_the_resume(newcomer: Trader):
    portfolio_id = newcomer.get("/api/portfolios/")["results"][0]["portfolio_id"]
    newcomer.post(f"/api/portfolios/{portfolio_id}/halt/", {"reason": "a look."})
    body = open_body(portfolio="main")
    refused = newcomer.post("/api/trades/", body, 409)
    assert refused["code"] == "trading_halted"
    call = f"POST /api/portfolios/{portfolio_id}/resume/"
    assert "a look. Entries stop; exits, stops and" in refused["detail"]
    assert f"Resume it with {call}" in refused["detail"]
    newcomer.post(call.removeprefix("POST "), {})
    newcomer.post("/api/trades/", body, 201)


def test_warnings_take_no_statement_a_goal(newcomer: Trader):
    def statements() -> int:
        with count_statements() as said:
            newcomer.get("/api/goals/")
        return len(said)

    few = statements()
    for place in range(5):
        create_goal(
            user=newcomer.user,
            goal_type="monthly_income",
            target_value=Decimal(5 + place),
            as_of=timezone.now(),
        )
    assert statements() == few
