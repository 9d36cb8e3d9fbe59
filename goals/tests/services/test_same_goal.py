"""The same goal twice: refused with the key of the first, and never by accident."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.models import FinancialGoal, Portfolio
from goals.services.goals import cancel_goal, create_goal, update_goal
from goals.services.rollover import roll_goals
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import GoalExists
from tests.http import Trader, make_trader, unthrottled  # noqa: F401
from trades.tests.races import run_at_once

pytestmark = pytest.mark.django_db
GOAL = {"goal_type": "monthly_return", "target_value": "5", "portfolio": "crypto"}


def create(portfolio: Portfolio, **fields: Any) -> FinancialGoal:
    asked: dict[str, Any] = {
        "goal_type": "monthly_return",
        "target_value": Decimal(5),
        "as_of": START,
        **fields,
    }
    return create_goal(user=portfolio.user, portfolio=portfolio.pk, **asked)


@pytest.fixture
def portfolio() -> Portfolio:
    """With a goal of 5 % in March."""
    return GoalFactory(start_date=None).portfolio


def test_a_bot_that_posts_its_goal_again_is_told_which_it_has() -> None:
    trader: Trader = make_trader()
    refused = trader.post("/api/goals/", GOAL, 409)

    assert refused["code"] == "goal_exists"
    assert refused["goal_id"] == trader["goal_id"]
    assert f"/api/goals/{trader['goal_id']}/" in refused["detail"]
    assert FinancialGoal.objects.filter(user=trader.user).count() == 1


def test_a_goal_asked_for_later_in_its_period_is_the_same(portfolio: Portfolio) -> None:
    with pytest.raises(GoalExists):
        create(portfolio, as_of=START + timedelta(days=9))


@pytest.mark.parametrize("status", ["paused", "achieved"])
def test_a_goal_that_has_not_ended_is_the_same(
    portfolio: Portfolio, status: str
) -> None:
    FinancialGoal.objects.update(
        status=status, achieved_at=START if status == "achieved" else None
    )
    with pytest.raises(GoalExists, match=f"is {status}"):
        create(portfolio)


@pytest.mark.parametrize(
    "fields",
    [
        {"target_value": Decimal(6)},
        {"goal_type": "quarterly_return"},
        {"goal_type": "monthly_income"},
        {"target_date": date(2026, 4, 30)},
        {"start_date": date(2026, 3, 5)},
        {"priority": 1},
        {"policy": "pace"},
        {"max_factor": Decimal("1.1")},
        {"after_achieved": "stop"},
    ],
    ids=str,
)
def test_a_goal_that_differs_is_another(
    portfolio: Portfolio, fields: dict[str, Any]
) -> None:
    assert create(portfolio, **fields).pk


def test_a_goal_that_recurs_decides_the_same_in_its_period(
    portfolio: Portfolio,
) -> None:
    known = FinancialGoal.objects.get()
    with pytest.raises(GoalExists, match="and not recurring"):
        create(portfolio, recurring=True)
    changed = {"recurring": True, "as_of": START}
    assert update_goal(user=portfolio.user, goal_id=known.pk, **changed).recurring
    with pytest.raises(GoalExists, match="and recurring"):
        create(portfolio)


def test_another_portfolio_has_goals_of_its_own(portfolio: Portfolio) -> None:
    assert create(PortfolioFactory(user=portfolio.user)).pk


def test_a_goal_that_was_cancelled_may_be_set_again(portfolio: Portfolio) -> None:
    goal = FinancialGoal.objects.get()
    cancel_goal(user=portfolio.user, goal_id=goal.pk, as_of=START)
    assert create(portfolio).pk


def test_the_goal_of_the_next_period_is_another(portfolio: Portfolio) -> None:
    assert create(portfolio, as_of=START + timedelta(days=40)).pk


def test_a_goal_that_was_rolled_over_is_the_same_as_its_successor() -> None:
    portfolio = GoalFactory(recurring=True).portfolio
    april = START + timedelta(days=40)
    roll_goals(as_of=april)
    with pytest.raises(GoalExists):
        create(portfolio, recurring=True, as_of=april)


def test_changing_a_goal_into_another_that_exists_is_refused(
    portfolio: Portfolio,
) -> None:
    other = create(portfolio, target_value=Decimal(6))
    with pytest.raises(GoalExists):
        update_goal(
            user=portfolio.user, goal_id=other.pk, target_value=Decimal(5), as_of=START
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target_value", Decimal(6)),
        ("target_date", date(2026, 4, 30)),
        ("priority", 1),
        ("policy", "pace"),
        ("min_factor", Decimal("0.7")),
        ("max_factor", Decimal("1.1")),
        ("after_achieved", "stop"),
    ],
)
def test_no_setting_that_is_made_equal_makes_the_same_goal_twice(
    portfolio: Portfolio, name: str, value: Any
) -> None:
    first = FinancialGoal.objects.get()
    other = create(portfolio, **{name: value})
    with pytest.raises(GoalExists) as refused:
        update_goal(
            user=portfolio.user,
            goal_id=other.pk,
            as_of=START,
            **{name: getattr(first, name)},
        )
    assert refused.value.given == {"goal_id": first.pk}
    other.refresh_from_db()
    assert getattr(other, name) == value


def test_goals_that_start_from_different_values_may_have_the_same_settings() -> None:
    portfolio = PortfolioFactory()
    fields = {"goal_type": "portfolio_value", "target_value": Decimal(5000)}
    create(portfolio, **fields)
    other = create(portfolio, **fields, start_value=Decimal(100), priority=1)
    update_goal(user=portfolio.user, goal_id=other.pk, priority=5, as_of=START)


def test_a_goal_without_a_deadline_is_the_same_whatever_the_equity() -> None:
    portfolio = PortfolioFactory()
    fields = {"goal_type": "portfolio_value", "target_value": Decimal(5000)}
    create(portfolio, **fields)
    Portfolio.objects.filter(pk=portfolio.pk).update(equity=Decimal(1200))
    with pytest.raises(GoalExists):
        create(portfolio, **fields)
    assert create(portfolio, **fields, start_value=Decimal(100)).pk


@pytest.mark.django_db(transaction=True)
def test_the_same_goal_at_once_is_made_once() -> None:
    portfolio = PortfolioFactory()
    results = run_at_once(*[lambda: create(portfolio)] * 3)
    assert sum(isinstance(one, GoalExists) for one in results) == 2
    assert FinancialGoal.objects.count() == 1
