"""GET /api/goals/{goal_id}/projection/."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from goals.decisions.policies import PolicyName
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import GoalFactory, UserFactory
from goals.tests.factories import PortfolioFactory as Portfolios
from tests.examples import crossed
from tests.http import client_of
from trades.models import Trade
from trades.sizing_calls.decide import size_for_goal
from trades.sizing_calls.stored_chances import refresh_projections
from trades.tests.factories import book_profit
from trades.tests.sizing_calls.test_trade_forecasts import NOW, funded

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = {"as_of": "2026-03-13T00:00:00Z"}
FIELDS = {
    "goal_id",
    "as_of",
    "out_of_date",
    "meaning",
    "probability",
    "probability_low",
    "probability_high",
    "probability_if_resumed",
    "reason",
    "confidence",
    "policy",
    "progress_pct",
    "trades_per_day",
    "trades_left",
    "required_per_trade",
    "required_per_day",
    "dispersion",
    "streaks",
    "edge",
    "unreachable",
    "unreachable_reason",
    "suggestions",
    "pace_line",
    "fan",
}


def ask(goal, status=200, user=None, **query):
    client = APIClient()
    client.force_authenticate(user or goal.user)
    answer = client.get(f"/api/goals/{goal.pk}/projection/", query)
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.mark.parametrize("policy", ["ladder", "constant", "pace", "deadline_optimal"])
def test_a_projection_has_all_its_figures(policy):
    _, goal = funded(policy=policy)
    given = ask(goal, **AS_OF)
    assert set(given) == FIELDS
    low, at, high = (
        Decimal(given[name])
        for name in ("probability_low", "probability", "probability_high")
    )
    assert 0 <= low <= at <= high <= 1
    assert given["meaning"] == "touched by the deadline, not held"
    assert (given["confidence"], given["edge"]["trades"]) == ("low_confidence", 24)
    assert Decimal(given["required_per_trade"]) > 0
    assert Decimal(given["required_per_day"]) > 0
    assert [float(point["progress_pct"]) for point in given["pace_line"]] == [
        0,
        pytest.approx(12 / 31 * 100, abs=1e-5),
        100,
    ]
    for point in given["fan"]:
        levels = [Decimal(point[f"p{pct}"]) for pct in (5, 25, 50, 75, 95)]
        assert levels == sorted(levels)
    assert given["fan"][0]["trades"] == 0
    assert given["fan"][-1]["at"] == "2026-04-01T00:00:00Z"
    assert ask(goal, **AS_OF) == given


@crossed("policy, kind", PolicyName, ["weekly_return", "daily_return", "daily_income"])
def test_a_goal_of_a_day_or_a_week_is_projected_by_the_trades_left_in_it(policy, kind):
    days = 7 if kind == "weekly_return" else 1
    portfolio, _ = funded()
    at = datetime(2026, 3, 16, tzinfo=UTC)  # a Monday
    goal = GoalFactory(
        portfolio=portfolio,
        goal_type=kind,
        target_value=Decimal(1),
        start_date=None,
        as_of=at,
        policy=policy,
    )
    given = ask(goal, as_of="2026-03-16T00:00:00Z")
    left = Decimal(given["trades_per_day"]) * days
    assert Decimal(given["trades_left"]) == pytest.approx(left, abs=Decimal("0.01"))
    assert 0 < Decimal(given["probability"]) < 1
    assert given["pace_line"][-1]["at"] == f"2026-03-{16 + days}T00:00:00Z"
    sized, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, now=at, base_size=Decimal(100)
    )
    assert f"{policy} policy gives" in sized.reason


def test_nothing_later_than_as_of_is_seen():
    portfolio, goal = funded()
    before = ask(goal, **AS_OF)
    book_profit(portfolio, Decimal(50), at=BEGIN + timedelta(days=13))
    assert ask(goal, **AS_OF) == before


def test_below_twenty_trades_there_is_no_probability():
    _, goal = funded(trades=19)
    given = ask(goal, **AS_OF)
    assert (given["probability"], given["edge"]) == (None, None)
    assert "20 closed trades" in given["reason"]
    assert given["confidence"] == "none"


def test_a_goal_without_a_deadline_has_no_probability():
    _, goal = funded(goal_type="portfolio_value", target_value=Decimal(2000))
    given = ask(goal, **AS_OF)
    assert (given["probability"], given["trades_left"]) == (None, None)
    assert given["reason"] == "the goal has no deadline"


def test_an_income_goal_is_projected():
    _, goal = funded(goal_type="monthly_income", target_value=Decimal(100))
    assert 0 < Decimal(ask(goal, **AS_OF)["probability"]) <= 1


def test_what_cannot_be_reached_is_said_and_what_could_is_offered():
    _, goal = funded(target_value=Decimal(500))
    given = ask(goal, **AS_OF)
    assert given["unreachable"] is True
    assert given["unreachable_reason"]
    assert Decimal(given["suggestions"]["target_value"]) < 500


def test_an_achieved_goal_has_been_touched():
    _, goal = funded(target_value=Decimal(1))
    assert ask(goal, **AS_OF)["probability"] == "1.000000"


def test_a_goal_that_has_ended_without_it_has_not():
    _, goal = funded(target_value=Decimal(500))
    given = ask(goal, as_of="2026-05-01T00:00:00Z")
    assert given["probability"] == "0.000000"
    assert given["reason"] == "the period is over"


def test_a_return_of_a_ruined_run_is_unreachable():
    portfolio, goal = funded()
    at = BEGIN + timedelta(days=12)
    book_profit(portfolio, Decimal(-5000), at=at)
    assert ask(goal, **AS_OF)["unreachable"] is True
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.portfolio_id,
        amount=Decimal(9000),
        at=at,
        now=timezone.now(),
    )
    assert ask(goal, **AS_OF)["unreachable"] is True


def test_without_equity_there_is_an_answer_too():
    goal = GoalFactory(
        portfolio=Portfolios(opening_balance=Decimal(0)),
        goal_type="monthly_income",
        target_value=Decimal(5),
    )
    assert ask(goal, **AS_OF)["probability"] is None


def test_a_strategy_may_be_asked_about():
    portfolio, goal = funded()
    name = Trade.objects.filter(portfolio=portfolio)[0].strategy_id
    assert ask(goal, **AS_OF, strategy_id=name)["edge"]["trades"] == 24
    assert list(ask(goal, 400, **AS_OF, strategy_id="none")) == ["strategy_id"]


def test_another_users_goal_does_not_exist():
    _, goal = funded(trades=1)
    ask(goal, 404, user=UserFactory(), **AS_OF)


@pytest.mark.slow
def test_one_outcome_of_a_thousand_times_the_equity_is_projected():
    portfolio = Portfolios(opening_balance=Decimal(1))
    goal = GoalFactory(
        portfolio=portfolio,
        goal_type="portfolio_value",
        start_value=Decimal(1),
        target_value=Decimal(1_000_000),
        target_date=date(2026, 12, 31),
    )
    for number in range(25):
        profit = Decimal([1, -1, 2][number % 3]) if number else Decimal(1000)
        book_profit(portfolio, profit, at=BEGIN + timedelta(hours=10 * (number + 1)))
    assert Decimal(ask(goal, **AS_OF)["probability"]) <= 1


# What is unreachable is so for the projection, the daily job and sizing alike


@pytest.mark.parametrize("target", ["3", "15", "25", "40"])
@pytest.mark.parametrize("days", [12, 30])
@pytest.mark.slow
def test_all_say_the_same_of_what_can_be_reached(target, days):
    portfolio, goal = funded(
        trades=24, win=Decimal(10), loss=Decimal(-19), target_value=Decimal(target)
    )
    at = BEGIN + timedelta(days=days)
    given = ask(goal, as_of=f"{at:%FT%TZ}")
    row, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, now=at, base_size=Decimal(100)
    )
    refresh_projections(as_of=at, portfolio_id=portfolio.portfolio_id)
    goal.refresh_from_db()
    sized = row.inputs["goals"][0]["unreachable"]
    assert (sized is not None) == given["unreachable"] == goal.unreachable
    assert sized == given["unreachable_reason"]
    if sized:
        assert row.adjustment_factor == 1


def test_what_was_projected_is_answered_at_once_with_its_time():
    portfolio, goal = funded()
    address = f"/api/goals/{goal.pk}/"
    names = ("probability", "probability_low", "probability_high", "projected_at")
    before = client_of(goal.user).get(address).json()
    assert [before[name] for name in names] == [None] * 4
    refresh_projections(as_of=NOW, portfolio_id=portfolio.pk)
    given = client_of(goal.user).get(address).json()
    goal.refresh_from_db()
    stored = [str(getattr(goal, name)) for name in names[:3]]
    assert [given[name] for name in names] == [*stored, f"{NOW:%FT%TZ}"]
    assert given["unreachable"] is False
