"""What the demo shows, on days of every kind, as the API tells it."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from goals.models import FinancialGoal, GoalAdjustmentLog, Portfolio
from goals.services.decision_log import decide_again
from tests.examples import fewer
from tests.http import Trader, make_newcomer
from trades.booking.reconcile import check_portfolio
from trades.replay.execution import executed_price
from trades.replay.moving import last_trading_day, move_prices
from trades.replay.options import Costs
from trades.services.demo import FIRST_BAR, QUARTER, renew_demo
from trades.tests.demo_prices import load

# The prices end on each of the five weekdays; days on which months, quarters and years
# begin and end, and a leap day.
TODAYS = [
    date(2027, 1, 1),  # a Friday
    date(2028, 2, 29),  # a Tuesday
    date(2026, 11, 29),  # a Sunday
    date(2026, 11, 30),  # a Monday
    date(2026, 12, 31),  # a Thursday
    date(2027, 3, 31),  # a Wednesday
    date(2028, 1, 1),  # a Saturday
    date(2027, 7, 1),  # a Thursday
]
pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def every_row(trader: Trader, path: str, **asked: Any) -> list[dict[str, Any]]:
    """A list that fits one page."""
    answer = trader.get(path, **asked, page_size=500)
    assert answer["next"] is None
    return answer["results"]


@pytest.fixture(params=fewer(TODAYS), ids=str)
def today(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[date]:
    """At that day's noon, for every view too."""
    now = datetime.combine(request.param, time(12), tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    return request.param


def test_it_shows_the_product_on_any_day(today: date):
    trader = make_newcomer()
    made = renew_demo(user=trader.user, now=timezone.now(), load=load).portfolio
    (shown,) = trader.get("/api/portfolios/", kind="demo")["results"]
    assert (shown["name"], shown["kind"]) == ("demo", "demo")
    assert shown["trading_state"] == "active"
    assert shown["live_equity"] != shown["equity"]

    trades = every_row(trader, "/api/trades/", kind="demo")
    goals = every_row(trader, "/api/goals/", kind="demo")
    assert_sized_by_decisions(trader, trades, goals)
    assert_at_recorded_prices(trades, today)
    assert_goals_under_way(goals, today)
    assert_halted_once(trader, made, trades)
    assert_marked(trader, today)
    assert_next_trade(trader)
    assert check_portfolio(made.pk) == []


def assert_sized_by_decisions(
    trader: Trader, trades: list[dict[str, Any]], goals: list[dict[str, Any]]
) -> None:
    assert 110 <= len(trades) <= 130
    assert len({trade["strategy_id"] for trade in trades}) == 3
    assert len({trade["symbol"] for trade in trades}) == 5
    decisions = {
        row["adjustment_id"]: row
        for goal in goals
        for row in every_row(trader, f"/api/goals/{goal['goal_id']}/adjustments/")
    }
    rows = GoalAdjustmentLog.objects.in_bulk(list(decisions))
    for trade in trades:
        decision = decisions[trade["adjustment_id"]]
        assert rows[trade["adjustment_id"]].answer["quantity"] == trade["quantity"]
        assert decision["strategy_id"] == trade["strategy_id"]
        assert decision["as_of"] < trade["entry_time"]
    factors = Counter(decision["adjustment_factor"] for decision in decisions.values())
    assert len(factors) >= 4
    verdicts = {decision["verdict"] for decision in decisions.values()}
    assert verdicts == {"allow", "reduce", "block"}
    warned = {one["code"] for row in rows.values() for one in row.answer["warnings"]}
    assert "near_floor" in warned  # before the halt
    assert warned <= {"no_record", "near_floor"}
    for row in rows.values():
        again = decide_again(row)
        assert (again.adjusted_size, again.reason) == (row.adjusted_size, row.reason)


def assert_at_recorded_prices(trades: list[dict[str, Any]], today: date) -> None:
    moved = move_prices(load(), begins=FIRST_BAR, ends=last_trading_day(today))
    opens = {
        (series.symbol, bar.opened_at): bar.open
        for series in moved.series
        for bar in series.bars
    }
    for trade in trades:
        for name, is_buy in (("entry", True), ("exit", False)):
            if trade[f"{name}_time"] is not None:
                at = datetime.fromisoformat(trade[f"{name}_time"])
                market = opens[trade["symbol"], at]
                paid = executed_price(market, Costs(), is_buy=is_buy)
                assert Decimal(trade[f"{name}_price"]) == paid


def assert_goals_under_way(goals: list[dict[str, Any]], today: date) -> None:
    running = [
        goal
        for goal in goals
        if goal["status"] == "active" and goal["target_date"] >= today.isoformat()
    ]
    assert {goal["goal_type"] for goal in running} == {
        "quarterly_return",
        "portfolio_value",
    }
    for goal in running:
        assert goal["start_date"] < today.isoformat()
        assert 20 < Decimal(goal["progress_pct"]) < 90
        stored = FinancialGoal.objects.get(pk=goal["goal_id"])
        assert stored.probability_low < stored.probability < stored.probability_high
        assert 0 < stored.probability < 1
        assert stored.projected_at == timezone.now()
        left = date.fromisoformat(goal["target_date"]) - today
        assert left > timedelta(weeks=3)
    over = [goal for goal in goals if goal not in running]
    assert {goal["status"] for goal in over} == {"achieved", "missed"}
    for goal in (*over, *running):
        days = date.fromisoformat(goal["target_date"]) - date.fromisoformat(
            goal["start_date"]
        )
        is_quarter = goal["goal_type"] == "quarterly_return"
        assert not is_quarter or days + timedelta(days=1) == QUARTER


def assert_halted_once(
    trader: Trader, made: Portfolio, trades: list[dict[str, Any]]
) -> None:
    (halt,) = trader.get(f"/api/portfolios/{made.pk}/halts/")["results"]
    assert halt["cause"] == "hard_drawdown"
    assert halt["resumed_by"] == trader.user.username
    halted, resumed = (
        datetime.fromisoformat(halt[name]) for name in ("halted_at", "resumed_at")
    )
    assert resumed - halted == timedelta(days=5)
    entries = [datetime.fromisoformat(trade["entry_time"]) for trade in trades]
    assert not any(halted < at < resumed for at in entries)
    assert min(entries) < halted < resumed < max(entries)


def assert_marked(trader: Trader, today: date) -> None:
    positions = trader.get("/api/positions/", kind="demo", status="open")["results"]
    assert positions
    for position in positions:
        marked = datetime.fromisoformat(position["marked_at"])
        assert marked.date() == last_trading_day(today)
        assert Decimal(position["unrealized_pnl"]) != 0


def assert_next_trade(trader: Trader) -> None:
    asked = {"portfolio": "demo", "base_size": "1000", "price": "50", "symbol": "AAPL"}
    planned = trader.post("/api/next-trade/", asked)
    assert planned["verdict"] in {"allow", "reduce"}
    opened = trader.post(
        "/api/trades/",
        {
            "portfolio": "demo",
            "strategy_id": planned["selected_strategy"],
            "symbol": "AAPL",
            "side": "LONG",
            "quantity": planned["quantity"],
            "entry_price": "50",
            "adjustment_id": planned["adjustment_id"],
        },
        201,
    )
    closed = trader.post(
        f"/api/trades/{opened['trade_id']}/close/", {"exit_price": "51"}
    )
    assert {move["goal_type"] for move in closed["goals"]} == {
        "quarterly_return",
        "portfolio_value",
    }
