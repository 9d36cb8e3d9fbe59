"""Warnings of a size: from the database to the answer, the log and the pages."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from goals.models import FinancialGoal, GoalAdjustmentLog
from goals.services.decision_log import answer_of, decide_again
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.admin_pages import text_of
from tests.http import (
    Trader,
    count_statements,
    make_trader,
    unthrottled,  # noqa: F401
)
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import ENTRY, TradeFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def goal_beside_a_trade() -> FinancialGoal:
    """1000 of notional, opened at ENTRY and not marked since."""
    goal: FinancialGoal = GoalFactory()
    TradeFactory(portfolio=goal.portfolio)
    return goal


def ask(goal: FinancialGoal, now: Any, **fields: Any) -> list[str]:
    row, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, now=now, base_size=Decimal(100), **fields
    )
    return [warning["code"] for warning in row.warnings if "no_rec" not in str(warning)]


def mark(goal: FinancialGoal, at: Any, symbol: str = "BTCUSDT") -> None:
    marks = [Mark(symbol=symbol, price=Decimal(50000), at=at)]
    mark_positions(user=goal.user, marks=marks, now=at)


def test_an_entry_s_price_is_stale_after_24_hours_and_a_mark_renews_it():
    goal = goal_beside_a_trade()
    assert ask(goal, ENTRY + timedelta(minutes=15)) == []
    assert ask(goal, ENTRY + DAY) == ["checked_at_closes"]
    assert ask(goal, ENTRY + DAY + HOUR) == ["stale_marks"]
    assert ask(goal, ENTRY + DAY + timedelta(microseconds=1)) == ["stale_marks"]
    mark(goal, ENTRY + DAY + HOUR)
    assert ask(goal, ENTRY + DAY + HOUR) == []
    assert ask(goal, ENTRY + 2 * DAY + 2 * HOUR) == ["stale_marks"]


def test_the_oldest_of_several_positions_counts_and_closed_ones_do_not():
    goal = goal_beside_a_trade()
    other = TradeFactory(portfolio=goal.portfolio, symbol="ETHUSDT")
    now = ENTRY + DAY + HOUR
    mark(goal, now)
    assert ask(goal, now) == ["stale_marks"]
    close_trade(user=goal.user, trade_id=other.pk, exit_price=Decimal(50000), now=now)
    assert ask(goal, now) == []


def test_other_portfolios_marks_are_of_no_account():
    goal = goal_beside_a_trade()
    bystander = GoalFactory(portfolio=PortfolioFactory(user=goal.user))
    assert ask(bystander, ENTRY + 3 * DAY) == []


def test_a_question_about_the_past_looks_at_no_later_mark():
    """Nor does it use one: live equity is then the realised one."""
    goal = goal_beside_a_trade()
    mark(goal, ENTRY + 3 * DAY)
    assert ask(goal, ENTRY + 3 * DAY, as_of=ENTRY + 2 * DAY) == []


def test_a_logged_decision_taken_again_warns_of_the_same():
    goal = goal_beside_a_trade()
    row, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, now=ENTRY + 2 * DAY, base_size=Decimal(1000)
    )
    again = decide_again(GoalAdjustmentLog.objects.get(pk=row.pk))
    given = answer_of(again)
    assert given["warnings"] == row.warnings
    codes = [warning["code"] for warning in row.warnings]
    assert codes == ["above_live_equity", "no_record", "stale_marks"]


def test_a_decision_older_than_warnings_is_answered_with_none(trader: Trader):
    body = {"base_size": "100", "request_id": "once"}
    trader.post("/api/goals/{goal_id}/sizing/", body)
    row = GoalAdjustmentLog.objects.get()
    del row.answer["warnings"]
    row.save()
    assert trader.post("/api/goals/{goal_id}/sizing/", body)["warnings"] == []
    listed = trader.get("/api/goals/{goal_id}/adjustments/")["results"]
    assert listed[0]["warnings"] == []


@pytest.fixture
def trader() -> Trader:
    return make_trader()


@pytest.mark.parametrize(
    "path", ["/api/goals/{goal_id}/sizing/", "/api/sizing/", "/api/next-trade/"]
)
def test_every_answer_about_a_size_warns(trader: Trader, path: str):
    body = {"base_size": "1000000"}
    if "goal_id" not in path:
        body["portfolio"] = "crypto"
    answer = trader.post(path, body)
    assert answer["verdict"] == "allow"
    assert [warning["code"] for warning in answer["warnings"]] == [
        "above_live_equity",
        "no_record",
    ]
    assert "a leverage of 1300" in answer["warnings"][0]["message"]
    logged = trader.get("/api/goals/{goal_id}/adjustments/")["results"][0]
    assert logged["warnings"] == answer["warnings"]


def test_a_blocked_size_is_no_leverage(trader: Trader):
    portfolio_id = trader["portfolio_id"]
    halt_trading(
        user=trader.user, portfolio_id=portfolio_id, reason="a look", now=ENTRY
    )
    answer = trader.post("/api/goals/{goal_id}/sizing/", {"base_size": "1000000"})
    assert (answer["verdict"], answer["warnings"]) == ("block", [])


def test_the_admin_and_the_decision_s_page_show_the_warnings(
    trader: Trader, operator: Client, client: Client
):
    trader.post("/api/goals/{goal_id}/sizing/", {"base_size": "1000000"})
    row = GoalAdjustmentLog.objects.get()
    words = "The size 1300000 is above the live equity 1000"
    assert words in text_of(operator, "goals_goaladjustmentlog_change", row.pk)
    client.force_login(trader.user)
    page = client.get(reverse("site:goal-decision", args=[row.goal_id, row.pk]))
    shown = "The size 1,300,000.00 USDT is above the live equity 1,000.00 USDT"
    assert shown in strip_tags(page.content.decode())


def test_warnings_take_no_further_statement(trader: Trader):
    """Positions are looked at by the statement that reads the record."""

    def statements() -> int:
        with count_statements() as said:
            trader.post("/api/sizing/", {"base_size": "9000", "portfolio": "crypto"})
        return len(said)

    statements()
    none_open = statements()
    for symbol in ("BTCUSDT", "ETHUSDT", "XRPUSDT"):
        TradeFactory(portfolio=trader.user.portfolios.get(name="crypto"), symbol=symbol)
    assert statements() == none_open
