"""A logged decision can be taken again from its row alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from goals.decisions.sizing import decide_size
from goals.models import GoalAdjustmentLog
from goals.services import decision_log
from goals.services.decision_log import decide_again
from goals.services.goals import create_goal
from goals.services.portfolios import update_portfolio
from goals.tests.factories import GoalFactory, PortfolioFactory
from trades.sizing_calls import decide
from trades.sizing_calls.decide import size_for_portfolio
from trades.tests.factories import ENTRY, TradeFactory, book_profit

pytestmark = pytest.mark.django_db

AFTER = ENTRY + timedelta(hours=1)


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"max_size": Decimal("333.33")},
        {"price": Decimal("49999.5"), "lot_step": Decimal("0.001")},
        {"min_size": Decimal(10_000)},
        {
            "base_size": None,
            "risk_pct": Decimal(1),
            "price": Decimal(50000),
            "stop_price": Decimal(49000),
        },
    ],
    ids=["plain", "capped", "in lots", "blocked", "by risk"],
)
def test_a_logged_decision_taken_again_gives_the_same_answer(sizes: dict[str, Any]):
    portfolio = PortfolioFactory()
    update_portfolio(
        portfolio_id=portfolio.portfolio_id,
        user=portfolio.user,
        now=ENTRY,
        max_position_pct=Decimal(150),
    )
    goal = GoalFactory(portfolio=portfolio)
    create_goal(
        user=portfolio.user,
        portfolio=portfolio.portfolio_id,
        goal_type="monthly_income",
        target_value=Decimal(30),
        start_date=goal.start_date,
        as_of=ENTRY,
    )
    book_profit(portfolio, Decimal(25))
    TradeFactory(portfolio=portfolio, quantity=Decimal("0.01"))
    row, _ = size_for_portfolio(
        user=portfolio.user,
        portfolio=portfolio.portfolio_id,
        now=AFTER,
        symbol="BTCUSDT",
        **{"base_size": Decimal(1000), **sizes},
    )

    again = decide_again(GoalAdjustmentLog.objects.get(pk=row.pk))

    assert again.adjustment_factor == row.adjustment_factor
    assert again.adjusted_size == row.adjusted_size
    assert again.verdict == row.verdict
    assert again.reason == row.reason


def test_a_row_holds_exactly_what_the_decision_was_taken_from():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(25))
    asked = {"base_size": Decimal(1000), "symbol": "BTCUSDT"}
    whose = {"user": goal.user, "portfolio": goal.portfolio_id}

    with patch.object(decide, "decide_size", wraps=decide_size) as live:
        row, _ = size_for_portfolio(**whose, **asked, now=AFTER)
    with patch.object(decision_log, "decide_size", wraps=decide_size) as again:
        decide_again(GoalAdjustmentLog.objects.get(pk=row.pk))

    assert again.call_args == live.call_args


def size_of_insurance(profits: list[int]) -> GoalAdjustmentLog:
    """A size asked for behind a goal's plan, after trades with these profits."""
    goal = GoalFactory(portfolio=PortfolioFactory(opening_balance=Decimal(100_000)))
    for minutes, profit in enumerate(profits):
        at = ENTRY + timedelta(minutes=minutes)
        book_profit(goal.portfolio, Decimal(profit), at=at)
    row, _ = size_for_portfolio(
        user=goal.user,
        portfolio=goal.portfolio_id,
        base_size=Decimal(1000),
        now=AFTER,
    )
    return row


@pytest.mark.parametrize(
    ("profits", "reason"),
    [
        ([40] * 27 + [-210] * 3, "one more loss as large as the worst, -0.21 %, is"),
        ([40] * 20, "has 20 closed trades, none of them a loss: no factor above 1"),
    ],
    ids=["skewed", "without a loss"],
)
def test_a_skewed_record_is_held_live_and_as_it_was_before_its_shape_was_stored(
    profits: list[int], reason: str
):
    row = size_of_insurance(profits)
    edge = next(guard for guard in row.guards if guard["name"] == "edge")
    assert reason in edge["reason"]
    assert Decimal(edge["factor_before"]) > 1 == Decimal(edge["factor_after"])
    assert decide_again(row).adjustment_factor == row.adjustment_factor == 1

    record = row.inputs["conditions"]["record"]
    assert Decimal(record["lower"]) > 0
    for later in ("losses", "mean_loss", "worst", "skewness", "lower_if_worse"):
        del record[later]
    before = decide_again(row)
    assert before.adjustment_factor == Decimal(edge["factor_before"])
    assert "skewness" not in before.reason
