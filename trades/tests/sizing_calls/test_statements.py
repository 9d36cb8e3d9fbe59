"""What a decision over HTTP says to the database, the token's look-up included."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.models import Portfolio
from goals.services.portfolios import update_portfolio
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.http import client_of, count_statements
from trades.tests.factories import import_profits

pytestmark = pytest.mark.django_db
# What every one of them says: token, portfolio, goals, evidence, the row of the log.
LEAST = 5


@pytest.fixture
def portfolio() -> Portfolio:
    """Of 20 days with 30 trades, the last of them half a day ago."""
    begin = datetime.now(UTC) - timedelta(days=20)
    portfolio = PortfolioFactory(now=begin)
    hours = range(0, 30 * 15, 15)
    profits = [Decimal(-3 if hour % 45 else 8) for hour in hours]
    times = [begin + timedelta(hours=hour) for hour in hours]
    import_profits(portfolio, zip(times, profits, strict=True))
    return portfolio


def add_goal(portfolio: Portfolio, **fields: Any) -> int:
    begin = datetime.now(UTC) - timedelta(days=20)
    goal = GoalFactory(
        portfolio=portfolio,
        goal_type="yearly_return",
        start_date=begin.date(),
        as_of=begin + timedelta(days=1),
        **fields,
    )
    return int(goal.goal_id)


def ask(of: Portfolio, path: str, **body: Any) -> int:
    """The statements of the second of two equal questions."""
    client = client_of(of.user)
    body = {"base_size": "100", **body}
    for _ in range(2):
        with count_statements() as said:
            answer = client.post(path, body, format="json")
        assert answer.status_code == 200, answer.json()
    return len(said)


def everything(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "strategy_id": portfolio.trades.first().strategy_id,
        "symbol": "BTCUSDT",
        "price": "50000",
        "max_size": "1000",
        "min_size": "1",
        "lot_step": "0.0001",
    }


def then(portfolio: Portfolio) -> str:
    """The time of a day's last trade, so that nothing inside a day is walked."""
    newest_of_a_day = portfolio.ledger_days.order_by("day")[8].last_entry_at
    return str(newest_of_a_day.isoformat())


def test_the_simplest_sizing_takes_five_statements(portfolio: Portfolio) -> None:
    goal_id = add_goal(portfolio)
    assert ask(portfolio, f"/api/goals/{goal_id}/sizing/") == LEAST
    assert ask(portfolio, "/api/sizing/", portfolio=portfolio.pk) == LEAST


def test_a_strategy_a_symbol_and_a_limit_of_exposure_add_none(
    portfolio: Portfolio,
) -> None:
    goal_id = add_goal(portfolio)
    update_portfolio(
        portfolio_id=portfolio.pk,
        user=portfolio.user,
        now=datetime.now(UTC),
        max_position_pct=Decimal(50),
    )
    path = f"/api/goals/{goal_id}/sizing/"
    assert ask(portfolio, path, **everything(portfolio)) == LEAST


def test_three_goals_add_only_the_kept_table_of_the_one_that_has_one(
    portfolio: Portfolio,
) -> None:
    for policy in ("ladder", "pace", "deadline_optimal"):
        add_goal(portfolio, policy=policy)
    asked = {**everything(portfolio), "portfolio": portfolio.pk}
    assert ask(portfolio, "/api/sizing/", **asked) == LEAST + 1


def test_a_past_time_adds_the_days_and_the_record_of_then(
    portfolio: Portfolio,
) -> None:
    goal_id = add_goal(portfolio)
    path = f"/api/goals/{goal_id}/sizing/"
    ask(portfolio, path)
    assert ask(portfolio, path, as_of=then(portfolio)) == LEAST + 2


def test_a_past_time_after_changes_reads_the_limits_of_then(
    portfolio: Portfolio,
) -> None:
    goal_id = add_goal(portfolio)
    path = f"/api/goals/{goal_id}/sizing/"
    update_portfolio(
        portfolio_id=portfolio.pk,
        user=portfolio.user,
        now=datetime.now(UTC),
        hard_drawdown_pct=Decimal(50),
    )
    ask(portfolio, path)
    assert ask(portfolio, path, as_of=then(portfolio)) == LEAST + 3


def test_a_past_time_with_a_daily_limit_reads_the_days_once(
    portfolio: Portfolio,
) -> None:
    goal_id = add_goal(portfolio)
    path = f"/api/goals/{goal_id}/sizing/"
    update_portfolio(
        portfolio_id=portfolio.pk,
        user=portfolio.user,
        now=datetime.now(UTC),
        daily_loss_limit_pct=Decimal(50),
    )
    ask(portfolio, path)
    assert ask(portfolio, path, as_of=then(portfolio)) == LEAST + 3


def test_the_next_trade_takes_seven_statements(portfolio: Portfolio) -> None:
    add_goal(portfolio)
    asked = {"portfolio": portfolio.pk, "symbol": "BTCUSDT", "price": "50000"}
    assert ask(portfolio, "/api/next-trade/", **asked) == LEAST + 2
