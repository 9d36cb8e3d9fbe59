"""A goal that failed is reached by nothing: it is not projected any more."""

from datetime import timedelta
from decimal import Decimal

import pytest

from goals.enums import GoalStatus, OnBreach
from goals.models import FinancialGoal, Portfolio
from goals.services.goals import update_goal
from goals.services.portfolios import update_portfolio
from goals.services.resuming import resume_trading
from trades.sizing_calls.forecasts import project
from trades.sizing_calls.stored_chances import refresh_projections
from trades.tests.api.test_api_projection import BEGIN, ask
from trades.tests.factories import book_profit
from trades.tests.sizing_calls.test_trade_forecasts import funded

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
NOW = BEGIN + timedelta(days=12)
FAILED_AT = NOW - HOUR


def failed(status: GoalStatus = GoalStatus.ACTIVE) -> tuple[Portfolio, FinancialGoal]:
    """Failed by a loss an hour before NOW; trading is resumed, and a trade won."""
    portfolio, goal = funded()
    update_goal(user=goal.user, goal_id=goal.pk, status=status, as_of=FAILED_AT - HOUR)
    update_portfolio(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=FAILED_AT - HOUR,
        on_breach=OnBreach.FAIL,
    )
    book_profit(portfolio, Decimal(-400), at=FAILED_AT)
    goal.refresh_from_db()
    return portfolio, goal


def resume_and_win(portfolio: Portfolio) -> None:
    resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=FAILED_AT)
    book_profit(portfolio, Decimal(450), at=FAILED_AT + HOUR / 2)


@pytest.mark.parametrize("status", [GoalStatus.ACTIVE, GoalStatus.PAUSED])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_failed_goal_is_not_projected_and_says_why(status, resumed):
    portfolio, goal = failed(status)
    if resumed:
        resume_and_win(portfolio)
    answer = ask(goal, as_of=f"{NOW:%FT%TZ}")
    assert answer["probability"] == "0.000000"
    assert answer["reason"].startswith(f"Goal {goal.pk} failed at 2026-03-12T23:00:00Z")
    assert "hard_drawdown_pct 20 %" in answer["reason"]
    assert answer["unreachable"] is False
    assert answer["suggestions"] == {
        "trades": None,
        "deadline": None,
        "target_value": None,
    }
    nothing = ("probability_low", "probability_high", "required_per_day")
    assert [answer[name] for name in nothing] == [None] * 3
    assert (answer["required_per_trade"], answer["fan"]) == (None, [])
    refresh_projections(as_of=NOW, portfolio_id=portfolio.pk)
    goal.refresh_from_db()
    assert goal.probability in (None, 0)


def test_before_it_failed_it_is_projected():
    _, goal = failed()
    before = project(goal, FAILED_AT - HOUR)
    assert before.probability > 0
    assert before.reason is None


def test_a_failed_goal_requires_nothing_and_has_no_health():
    _, goal = failed()
    pace = goal.pace_at(NOW)
    assert (pace.required_per_day, pace.health) == (None, None)
