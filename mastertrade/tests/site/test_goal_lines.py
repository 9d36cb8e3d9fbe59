"""Goals as the pages list them, read for a portfolio at once."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from goals.decisions.guards.day_rules import DayUnknown
from goals.decisions.guards.headroom import StopPriceRequired
from goals.decisions.policies import PolicyName
from goals.decisions.size_request import NoLiveEquity, SizeRequest
from goals.enums import GoalType
from goals.models import GoalAdjustmentLog, Portfolio
from goals.services.portfolios import update_portfolio
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from mastertrade.site.goal_lines import (
    GoalLine,
    read_lines,
    running_goals,
    title_of,
)
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.in_text import name, say
from tests.http import spaced
from trades.sizing_calls import limits
from trades.sizing_calls.decide import plan_next_trade, size_for_goal
from trades.tests.factories import book_profit, ensure_strategy, import_profits

pytestmark = pytest.mark.django_db

NOW = START + timedelta(days=10)


def lines_of(portfolio: Portfolio) -> list[GoalLine]:
    portfolio.refresh_from_db()
    goals = running_goals(portfolio, NOW)
    return read_lines(portfolio.user, portfolio, goals, NOW)


def test_the_next_factor_is_that_of_a_size_asked_for_now() -> None:
    goal = GoalFactory(target_date=date(2026, 3, 31))
    (line,) = lines_of(goal.portfolio)

    decision, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, now=NOW, base_size=Decimal(100)
    )

    assert "next trade at 1.3 of base" in strip_tags(line.sentence)
    assert line.figures.next_factor is not None
    assert decision.adjustment_factor == line.figures.next_factor.factor


def test_a_share_of_the_headroom_asks_for_the_stop_in_words() -> None:
    goal = GoalFactory(target_date=date(2026, 3, 31))
    update_portfolio(
        user=goal.user,
        portfolio_id=goal.portfolio_id,
        now=NOW,
        headroom_share_pct=Decimal(25),
    )

    (line,) = lines_of(goal.portfolio)

    assert "; next trade: give its stop to size it" in strip_tags(line.sentence)


@pytest.mark.parametrize(
    "refusal",
    [
        StopPriceRequired("headroom_share_pct: send stop_price.", on_page="Give it."),
        InvalidInput("base_risk_pct", "makes a base size that rounds down to 0."),
        DayUnknown(say("{} could not be read.", name("daily_loss_limit_pct"))),
    ],
)
def test_a_refused_size_names_no_field_of_the_api(
    refusal: DomainError, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = GoalFactory(target_date=date(2026, 3, 31))

    def refuse(_: object) -> None:
        raise refusal

    monkeypatch.setattr(limits, "decide_size", refuse)
    (line,) = lines_of(goal.portfolio)

    said = strip_tags(line.sentence)
    assert "no size now: " in said or "next trade: give" in said
    assert "_" not in said


@pytest.mark.parametrize(
    "asked",
    [SizeRequest(base_pct=Decimal(1)), SizeRequest(risk_pct=Decimal(1))],
)
def test_without_live_equity_the_page_names_no_field(asked: SizeRequest) -> None:
    with pytest.raises(NoLiveEquity) as refused:
        asked.measure_base_size(Decimal(0))
    assert "_" not in refused.value.on_page


@pytest.mark.parametrize("profits", [[-3, 1], [9, -2]])
def test_the_next_factor_rests_on_the_strategy_that_would_be_chosen(
    profits: list[int],
) -> None:
    """Its trades are in another portfolio; in this one there is none."""
    goal = GoalFactory(target_date=date(2026, 3, 31))
    other = PortfolioFactory(user=goal.user, name="other")
    ensure_strategy(other)
    apart = timedelta(hours=1)
    import_profits(
        other,
        [(START + at * apart, Decimal(profits[at % 2])) for at in range(1, 61)],
    )
    (line,) = lines_of(goal.portfolio)

    planned = plan_next_trade(
        user=goal.user, portfolio=goal.portfolio_id, now=NOW, base_size=Decimal(100)
    )

    assert planned.plan.inputs.risk_state.record.trades == 60
    assert line.figures.next_factor is not None
    assert line.figures.next_factor.factor == planned.decision.adjustment_factor
    assert planned.decision.adjustment_factor == (
        1 if profits[0] < 0 else planned.decision.policy_factor
    )


@pytest.mark.parametrize(("days", "said"), [(0, False), (9, True)])
def test_a_goal_made_late_in_its_month_says_when_that_began(
    days: int, said: bool
) -> None:
    goal = GoalFactory(
        start_date=START.date(),
        target_date=date(2026, 3, 31),
        as_of=START + timedelta(days=days),
    )
    (line,) = lines_of(goal.portfolio)

    sentence = strip_tags(line.sentence)
    assert "Behind by" in sentence
    assert (f"; its month began on {START:%-d %b}" in sentence) is said


def test_reading_the_lines_logs_no_decision() -> None:
    goal = GoalFactory()

    lines_of(goal.portfolio)

    assert not GoalAdjustmentLog.objects.exists()


def test_of_two_goals_one_waits_for_the_other() -> None:
    portfolio = PortfolioFactory()
    first = GoalFactory(portfolio=portfolio, priority=1)
    second = GoalFactory(
        portfolio=portfolio,
        goal_type=GoalType.PORTFOLIO_VALUE,
        target_value=Decimal(2000),
        start_date=None,
        target_date=date(2026, 3, 20),
    )

    lines = {line.goal.pk: line for line in lines_of(portfolio)}

    assert "it waits" not in lines[first.pk].sentence
    said = strip_tags(lines[second.pk].sentence)
    assert f"“{strip_tags(title_of(first))}” has the higher priority" in said


def test_the_headroom_is_that_of_the_limits() -> None:
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(-10))

    (line,) = lines_of(goal.portfolio)

    assert "average losing trades to the hard floor" in strip_tags(line.sentence)


@pytest.mark.parametrize("policy", [PolicyName.LADDER, PolicyName.PACE])
def test_lines_take_the_same_statements_for_one_goal_and_for_many(
    policy: PolicyName,
) -> None:
    portfolio = PortfolioFactory(daily_loss_limit_pct=Decimal(5))
    import_profits(
        portfolio,
        [
            (START + timedelta(hours=hour), Decimal(10 - hour % 2 * 15))
            for hour in range(24)
        ],
    )

    def make_goal(number: int) -> None:
        target = Decimal(20) + Decimal(number) / 100
        GoalFactory(portfolio=portfolio, policy=policy, target_value=target)

    make_goal(0)
    with CaptureQueriesContext(connection) as one:
        lines_of(portfolio)
    for number in range(1, 13):
        make_goal(number)
    with CaptureQueriesContext(connection) as many:
        assert len(lines_of(portfolio)) == 13

    assert len(one) == len(many)


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({}, "5 % in March"),
        ({"target_date": date(2026, 4, 20)}, "5 % by 20 Apr"),
        ({"goal_type": GoalType.WEEKLY_RETURN}, "5 % by 1 Mar"),
        (
            {"goal_type": GoalType.QUARTERLY_INCOME, "target_value": Decimal(4000)},
            "4,000 USDT of income by 31 Mar",
        ),
        (
            {"goal_type": GoalType.YEARLY_RETURN, "start_date": date(2026, 1, 1)},
            "5 % in 2026",
        ),
    ],
)
def test_a_title_names_the_period_in_a_persons_words(
    fields: dict[str, object], title: str
) -> None:
    assert spaced(strip_tags(title_of(GoalFactory(**fields)))).startswith(title)
