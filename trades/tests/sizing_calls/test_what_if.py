"""What would be, were a goal or its limits others."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.decisions.policies import PolicyName
from goals.enums import DailyLossOf, FloorIn
from goals.models import FinancialGoal, GoalAdjustmentLog
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from trades.sizing_calls.forecasts import project
from trades.sizing_calls.limits import measure_limits
from trades.sizing_calls.what_if import Change, WhatIfOutcome, ask_what_if
from trades.tests.factories import ensure_strategy, import_profits

pytestmark = pytest.mark.django_db

NOW = START + timedelta(days=15)
TRADES = 30
PROFITS = [Decimal(9 if number % 2 else -8) for number in range(TRADES)]


@pytest.fixture
def goal() -> FinancialGoal:
    """5 % in March, after 30 trades of half a month with a small edge."""
    return _goal(PROFITS)


def _goal(profits: list[Decimal], **limits: Any) -> FinancialGoal:
    portfolio = PortfolioFactory(**limits)
    ensure_strategy(portfolio)
    goal = GoalFactory(portfolio=portfolio)
    apart = timedelta(hours=11)
    import_profits(
        portfolio,
        [(START + number * apart, profit) for number, profit in enumerate(profits, 1)],
    )
    return FinancialGoal.objects.select_related("portfolio__user").get(pk=goal.pk)


def look(goal: FinancialGoal, change: Change, **how: bool) -> WhatIfOutcome:
    found = ask_what_if(goal, change, NOW, **how)
    assert found.changed is not None, found.reason
    return found.changed


def test_without_a_change_it_is_the_projection(goal: FinancialGoal) -> None:
    found = ask_what_if(goal, Change(), NOW)

    projected = project(goal, NOW)
    assert found.changed is not None
    assert found.changed == found.as_it_is
    assert Decimal(str(found.changed.probability)) == projected.probability
    assert projected.figures is not None
    assert Decimal(str(found.changed.low)) == projected.figures.low
    assert found.trades_left == projected.trades_left


def test_more_at_stake_in_each_trade_brings_the_floor_nearer(
    goal: FinancialGoal,
) -> None:
    now, then = look(goal, Change()), look(goal, Change(base_risk=Decimal(3)))

    assert then.breach > now.breach
    assert now.mean_loss is not None
    assert then.mean_loss == pytest.approx(3 * now.mean_loss, rel=Decimal("0.01"))
    assert now.losing_trades is not None
    assert then.losing_trades is not None
    assert then.losing_trades < now.losing_trades / 2


@pytest.mark.parametrize(
    ("policy", "profits"),
    [
        (PolicyName.LADDER, [9, -8]),
        (PolicyName.CONSTANT, [9, -8]),
        (PolicyName.CONSTANT, [12, -10, -1]),
        (PolicyName.CONSTANT, [2, 2, -3]),
    ],
)
def test_losing_trades_to_the_floor_are_those_of_the_limits(
    policy: PolicyName, profits: list[int]
) -> None:
    goal = _goal([Decimal(profits[at % len(profits)]) for at in range(TRADES)])
    FinancialGoal.objects.filter(pk=goal.pk).update(policy=policy)
    goal = FinancialGoal.objects.select_related("portfolio__user").get(pk=goal.pk)
    limits = measure_limits(
        user=goal.portfolio.user, portfolio_id=goal.portfolio_id, now=NOW
    )
    (nearest,) = [one for one in limits.floors if one.limit == "hard_drawdown"]
    assert nearest.losing_trades is not None

    found = look(goal, Change(), rough=True)

    assert found.losing_trades == pytest.approx(
        nearest.losing_trades, abs=Decimal("0.01")
    )
    assert found.mean_loss == pytest.approx(limits.mean_loss, abs=Decimal("0.01"))


def test_a_nearer_target_a_later_deadline_and_a_deeper_floor_help(
    goal: FinancialGoal,
) -> None:
    assert goal.target_date is not None
    easier = (
        Change(target_value=Decimal(4)),
        Change(target_date=goal.target_date + timedelta(days=15)),
    )
    now = look(goal, Change())
    for change in easier:
        assert look(goal, change).probability > now.probability
    close = look(goal, Change(hard_drawdown_pct=Decimal(4)))
    assert close.breach > now.breach


def test_a_daily_limit_that_there_is_not_is_asked_about(goal: FinancialGoal) -> None:
    then = look(goal, Change(daily_loss_limit_pct=Decimal(2)))

    assert then.losing_trades is not None
    assert then.losing_trades < 3


@pytest.mark.parametrize("of", list(DailyLossOf))
@pytest.mark.parametrize("flow", [Decimal(500), Decimal(-300)])
@pytest.mark.parametrize("pct", [Decimal(4), Decimal(100)])
def test_after_a_flow_in_money_the_daily_floor_is_the_guards(
    of: DailyLossOf, flow: Decimal, pct: Decimal
) -> None:
    goal = _goal(
        PROFITS,
        floor_in=FloorIn.MONEY,
        daily_loss_limit_pct=pct,
        daily_loss_of=of,
        hard_drawdown_pct=Decimal(90),
    )
    portfolio = goal.portfolio
    user, key = portfolio.user, portfolio.pk
    now = NOW + timedelta(hours=2)
    record_cash_flow(user=user, amount=flow, now=now, portfolio=key)
    goal = FinancialGoal.objects.select_related("portfolio__user").get(pk=goal.pk)
    limits = measure_limits(user=user, portfolio_id=key, now=now)
    floors = {one.limit: one for one in limits.floors}
    daily, hard = floors["daily_loss"], floors["hard_drawdown"]

    asked = project(goal, now).asked
    found = ask_what_if(goal, Change(), now, rough=True).changed

    assert asked is not None
    assert found is not None
    barrier = asked.stop_loss
    assert barrier.opening is not None
    assert barrier.daily_loss is not None
    lost = barrier.daily_loss * (1 if of is DailyLossOf.START else barrier.opening)
    start = float(goal.portfolio.floor_start_value)
    floor = (barrier.opening - lost) * start
    assert floor == pytest.approx(float(daily.floor_equity), abs=0.01)
    nearest = min(daily.losing_trades, hard.losing_trades)
    assert found.losing_trades == pytest.approx(nearest, abs=Decimal("0.01"))


@pytest.mark.parametrize(
    "policy",
    [
        PolicyName.LADDER,
        PolicyName.PACE,
        pytest.param(PolicyName.DEADLINE_OPTIMAL, marks=pytest.mark.slow),
    ],
)
def test_a_rough_answer_is_near_the_exact_one(
    goal: FinancialGoal, policy: PolicyName
) -> None:
    change = Change(policy=policy)

    exact, rough = look(goal, change), look(goal, change, rough=True)

    assert rough.low is None
    assert rough.probability == pytest.approx(exact.probability, abs=0.02)


def test_a_floor_that_would_be_reached_already_is_said() -> None:
    goal = _goal([*PROFITS[:20], *[Decimal(-12)] * 6])

    found = ask_what_if(goal, Change(hard_drawdown_pct=Decimal(2)), NOW)

    assert found.changed is None
    assert found.reason == "the hard floor would be reached already."


def test_below_twenty_trades_there_is_a_pace_and_no_chance() -> None:
    found = ask_what_if(_goal(PROFITS[:7]), Change(), NOW)

    assert found.changed is None
    assert "20 closed trades, and there are 7" in found.reason
    assert found.required_per_day


def test_asking_changes_nothing(goal: FinancialGoal) -> None:
    before = FinancialGoal.objects.values().get(pk=goal.pk)
    change = Change(target_value=Decimal(9), policy=PolicyName.PACE)

    ask_what_if(goal, change, NOW, rough=True)

    assert FinancialGoal.objects.values().get(pk=goal.pk) == before
    assert goal.target_value == before["target_value"]
    assert not GoalAdjustmentLog.objects.exists()


def test_what_is_kept_between_two_questions_is_not_read_again(
    goal: FinancialGoal,
) -> None:
    first = look(goal, Change(target_value=Decimal(4)), rough=True)
    with CaptureQueriesContext(connection) as again:
        second = look(goal, Change(target_value=Decimal(4)), rough=True)

    assert asdict(first) == asdict(second)
    assert len(again) == 0
