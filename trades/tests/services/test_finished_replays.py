"""The portfolios of a finished replay are its record: nothing is added to them."""

from typing import Any

import pytest
from django.utils import timezone

from goals.models import FinancialGoal
from goals.services.snapshots import snapshot_goals
from tests.http import Trader, made_once, make_newcomer, nothing_changes, read
from trades.models import Trade
from trades.services.replay import run_replay
from trades.tests.services.test_replay_evidence import PRICES, QUESTION

pytestmark = [pytest.mark.django_db]

SIZE = {"base_size": "10"}
BOUGHT = {
    "strategy_id": "momentum_daily",
    "symbol": "TEST",
    "side": "LONG",
    "quantity": "1",
    "entry_price": "100",
}
# What would book, decide or change something, each with a body that is right.
WRITES: dict[str, tuple[str, str, Any]] = {
    "cash flow": (
        "post",
        "/api/portfolios/{portfolio}/cash-flows/",
        {"amount": "1"},
    ),
    "settings": ("patch", "/api/portfolios/{portfolio}/", {"hard_drawdown_pct": "30"}),
    "halt": ("post", "/api/portfolios/{portfolio}/halt/", {"reason": "a look"}),
    "resume": ("post", "/api/portfolios/{portfolio}/resume/", {"reason": "a look"}),
    "goal": (
        "post",
        "/api/goals/",
        {"portfolio": "{portfolio}", "goal_type": "monthly_return", "target_value": 1},
    ),
    "another target": ("patch", "/api/goals/{goal}/", {"target_value": "4"}),
    "cancelling": ("delete", "/api/goals/{goal}/", None),
    "sizing of the goal": ("post", "/api/goals/{goal}/sizing/", SIZE),
    "sizing": ("post", "/api/sizing/", {"portfolio": "{portfolio}", **SIZE}),
    "next trade": ("post", "/api/next-trade/", {"portfolio": "{portfolio}", **SIZE}),
    "choice": ("post", "/api/goals/{goal}/strategy/", {}),
    "open trade": ("post", "/api/trades/", {"portfolio": "{portfolio}", **BOUGHT}),
    "closed trade": (
        "post",
        "/api/trades/",
        {"portfolio": "{name}", "exit_price": "101", **BOUGHT},
    ),
    "close": ("post", "/api/trades/{trade}/close/", {"exit_price": "1"}),
    "void": ("post", "/api/trades/{trade}/void/", {"reason": "a look"}),
    "marks": (
        "post",
        "/api/positions/marks/?portfolio={portfolio}",
        [{"symbol": "TEST", "price": "1"}],
    ),
    "webhook": (
        "post",
        "/api/webhooks/",
        {"portfolio": "{portfolio}", "bot": "b", "strategy_id": "momentum_daily"},
    ),
}


def make_trader_with_replay() -> Trader:
    """One whose only portfolio besides `main` is the simulation of a replay."""
    trader = make_newcomer()
    run = run_replay(
        user=trader.user, question=QUESTION, series=PRICES, now=timezone.now()
    )
    portfolio = run.policy_portfolio
    trader.ids.update(
        portfolio=str(portfolio.pk),
        name=portfolio.name,
        goal=FinancialGoal.objects.filter(portfolio=portfolio).latest("pk").pk,
        trade=Trade.objects.filter(portfolio=portfolio).latest("pk").pk,
    )
    return trader


trader_of_module = made_once(make_trader_with_replay)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def filled(trader: Trader, body: Any) -> Any:
    if isinstance(body, dict):
        return {
            name: value.format(**trader.ids) if isinstance(value, str) else value
            for name, value in body.items()
        }
    return body


@pytest.mark.slow
def test_nothing_is_booked_decided_or_changed_in_it(trader: Trader) -> None:
    answers = {}
    with nothing_changes():
        for what, (method, path, body) in WRITES.items():
            call = getattr(trader.client, method)
            answer = call(trader.address(path), filled(trader, body))
            answers[what] = (answer.status_code, answer.json().get("code"))
    assert answers == dict.fromkeys(WRITES, (409, "portfolio_is_finished"))


def test_the_refusal_names_the_portfolio_and_what_to_do(trader: Trader) -> None:
    path = trader.address("/api/portfolios/{portfolio}/cash-flows/")
    refused = read(trader.client.post(path, {"amount": "1"}), 409)
    assert refused["detail"] == (
        f"Portfolio {trader['name']} is the record of a finished replay: nothing is "
        "booked, decided or changed in it. Name a live portfolio, or delete the replay "
        "whole."
    )


def test_a_goal_of_it_gets_no_snapshot(trader: Trader) -> None:
    goal = FinancialGoal.objects.get(pk=trader["goal"])
    as_of = goal.period_starts_at
    FinancialGoal.objects.filter(pk=goal.pk).update(ended_at=None)
    assert snapshot_goals(as_of=as_of, goal_ids=[goal.pk]) == 0
