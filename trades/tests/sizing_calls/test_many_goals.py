"""Many goals in one portfolio: how many there may be, and what fifty cost."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.models import FinancialGoal
from goals.services.goals import MOST_GOALS, cancel_goal, create_goal, update_goal
from goals.services.rollover import roll_goals
from goals.services.snapshots import snapshot_goals
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import TooManyGoals
from tests.http import client_of
from trades.sizing_calls.decide import plan_next_trade, size_for_portfolio
from trades.tests.booking.test_services_opening import count_statements
from trades.tests.factories import ENTRY, TradeFactory
from trades.tests.races import closing, fresh, run_at_once

pytestmark = pytest.mark.django_db
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
KINDS = [
    {"goal_type": "monthly_return"},
    {"goal_type": "quarterly_income", "target_value": Decimal(300)},
    {"goal_type": "yearly_return", "target_value": Decimal(20)},
    {"goal_type": "monthly_income", "target_value": Decimal(90)},
    {"goal_type": "portfolio_value", "target_value": Decimal(5000)},
]


# No two goals are the same: each has a target of its own.
targets = count(1)


def fill(portfolio, number, **fields):
    made = []
    for n in range(number):
        kind = {**KINDS[n % len(KINDS)], **fields}
        more = Decimal(next(targets)) / 10**4
        kind["target_value"] = kind.get("target_value", Decimal(5)) + more
        made.append(GoalFactory(portfolio=portfolio, **kind))
    return made


def add(portfolio, as_of=START, **fields):
    return create_goal(
        user=portfolio.user,
        portfolio=portfolio.pk,
        goal_type="monthly_return",
        target_value=Decimal(5) + Decimal(next(targets)) / 10**4,
        as_of=as_of,
        **fields,
    )


def test_fifty_goals_of_any_mix_decide_together():
    portfolio = PortfolioFactory()
    fill(portfolio, MOST_GOALS)
    row, _ = size_for_portfolio(
        user=portfolio.user,
        portfolio=portfolio.pk,
        base_size=Decimal(100),
        now=ENTRY,
    )
    assert len(row.answer["goals"]) == MOST_GOALS == 50
    assert sum(one["decides"] for one in row.answer["goals"]) == 1


def test_one_more_is_refused_and_nothing_is_left_of_it():
    portfolio = PortfolioFactory()
    fill(portfolio, MOST_GOALS)
    with pytest.raises(TooManyGoals, match="cancel one first"):
        add(portfolio)
    assert FinancialGoal.objects.count() == MOST_GOALS


def test_one_more_is_a_conflict_over_http():
    portfolio = PortfolioFactory()
    fill(
        portfolio,
        MOST_GOALS,
        goal_type="portfolio_value",
        target_value=Decimal(5000),
    )
    answer = client_of(portfolio.user).post(
        "/api/goals/",
        {"goal_type": "yearly_return", "target_value": "5", "portfolio": portfolio.pk},
        format="json",
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_goals")


def test_another_portfolio_has_room_of_its_own():
    portfolio = PortfolioFactory()
    fill(portfolio, MOST_GOALS)
    add(PortfolioFactory(user=portfolio.user))


@pytest.mark.parametrize("rest", ["paused", "to come", "achieved"])
def test_goals_that_rest_count(rest):
    portfolio = PortfolioFactory()
    *_, last = fill(portfolio, MOST_GOALS - 1)
    if rest == "paused":
        user = portfolio.user
        update_goal(user=user, goal_id=last.pk, as_of=START, status="paused")
    if rest == "achieved":
        FinancialGoal.objects.filter(pk=last.pk).update(
            status="achieved", achieved_at=START
        )
    add(portfolio, start_date=date(2026, 4, 1) if rest == "to come" else None)
    with pytest.raises(TooManyGoals):
        add(portfolio)


def test_a_goal_that_is_cancelled_makes_room():
    portfolio = PortfolioFactory()
    *_, last = fill(portfolio, MOST_GOALS)
    cancel_goal(user=portfolio.user, goal_id=last.pk, as_of=START)
    add(portfolio)


@pytest.mark.parametrize("rolled", [False, True])
def test_a_goal_whose_period_is_over_makes_room_rolled_or_not(rolled):
    portfolio = PortfolioFactory()
    fill(portfolio, MOST_GOALS, goal_type="monthly_return")
    with pytest.raises(TooManyGoals):
        add(portfolio, as_of=APRIL - timedelta(microseconds=1))
    if rolled:
        roll_goals(as_of=APRIL)
    add(portfolio, as_of=APRIL)


@pytest.mark.parametrize("rolled", [False, True])
def test_a_recurring_goal_keeps_its_place_for_its_successor(rolled):
    portfolio = PortfolioFactory()
    fill(portfolio, MOST_GOALS, goal_type="monthly_return", recurring=True)
    if rolled:
        roll_goals(as_of=APRIL)
    with pytest.raises(TooManyGoals):
        add(portfolio, as_of=APRIL)
    roll_goals(as_of=APRIL)
    assert FinancialGoal.objects.filter(ended_at=None).count() == MOST_GOALS


@pytest.mark.django_db(transaction=True)
def test_two_at_once_take_the_last_place_once():
    portfolio = PortfolioFactory()
    fill(portfolio, MOST_GOALS - 1)
    results = run_at_once(*[lambda: add(portfolio)] * 4)
    assert sum(isinstance(one, TooManyGoals) for one in results) == 3
    assert FinancialGoal.objects.count() == MOST_GOALS


def statements_of(work):
    with CaptureQueriesContext(connection) as captured:
        work()
    return count_statements(captured)


def size_all(portfolio):
    return lambda: size_for_portfolio(
        user=portfolio.user, portfolio=portfolio.pk, base_size=Decimal(9), now=ENTRY
    )


def plan(portfolio):
    return lambda: plan_next_trade(
        user=portfolio.user, portfolio=portfolio.pk, base_size=Decimal(9), now=ENTRY
    )


def close_one(portfolio):
    return closing(TradeFactory(portfolio=portfolio))


def read_goals(portfolio):
    client = client_of(portfolio.user)
    return lambda: client.get("/api/goals/", {"page_size": 100})


def snapshot(portfolio):
    return lambda: snapshot_goals(as_of=ENTRY, user_id=portfolio.user_id)


@pytest.mark.parametrize("ask", [size_all, plan, close_one, read_goals, snapshot])
@pytest.mark.slow
def test_fifty_goals_take_as_many_statements_as_one(ask):
    portfolio = PortfolioFactory()
    fill(portfolio, 1)
    TradeFactory(portfolio=portfolio)
    few = statements_of(ask(portfolio))
    fill(portfolio, MOST_GOALS - 1)
    assert statements_of(ask(portfolio)) == few


def test_a_close_moves_all_fifty():
    portfolio = PortfolioFactory()
    goals = fill(portfolio, MOST_GOALS)
    closing(TradeFactory(portfolio=portfolio))()
    assert {fresh(goal).progress_pct > 0 for goal in goals} == {True}
