"""Decisions in a list: a short reason in the row, the whole one when asked for."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from goals.models import FinancialGoal
from goals.services.goals import update_goal
from goals.services.portfolios import update_portfolio
from goals.tests.factories import GoalFactory
from mastertrade.site.goal_decisions import lines_of
from tests.http import spaced
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db
FAR = date(2199, 12, 31)
HTMX = {"HX-Request": "true"}


def decided(goal: FinancialGoal, base_size: int = 100, **asked: Any) -> int:
    decision, _ = size_for_goal(
        user=goal.user,
        goal_id=goal.pk,
        now=timezone.now(),
        base_size=Decimal(base_size),
        **asked,
    )
    return int(decision.pk)


def short_of(goal: FinancialGoal) -> str:
    decided(goal)
    return spaced(lines_of(goal.adjustments.order_by("-adjustment_id"))[0].short)


@pytest.mark.parametrize(
    ("profits", "limits", "said"),
    [
        ((), {}, "0 % of the way, so larger"),
        ((25,), {}, "50 % of the way: the base size"),
        ((45,), {}, "90 % of the way, so smaller"),
        ((60, -50), {}, "Reached, so smaller"),
        ((-120,), {}, "held while the soft drawdown lasts"),
        ((-300,), {}, "no trade while trading is halted"),
        ((), {"edge_guard": "strict"}, "held as the record does not speak for more"),
        (
            (),
            {"max_position_pct": Decimal(1)},
            "held as the largest position allows no more",
        ),
    ],
)
def test_a_row_says_where_the_goal_was_and_what_bound(
    profits: tuple[int, ...], limits: dict[str, Any], said: str
) -> None:
    goal = GoalFactory(target_date=FAR)
    for profit in profits:
        book_profit(goal.portfolio, Decimal(profit), at=timezone.now())
    if limits:
        update_portfolio(
            user=goal.user,
            portfolio_id=goal.portfolio_id,
            now=timezone.now(),
            **limits,
        )

    assert short_of(goal).endswith(said)


def test_a_reached_goal_that_stops_says_until_when() -> None:
    goal = GoalFactory(target_date=FAR)
    book_profit(goal.portfolio, Decimal(60), at=timezone.now())
    update_goal(
        user=goal.user, goal_id=goal.pk, as_of=timezone.now(), after_achieved="stop"
    )
    assert short_of(goal) == "Reached, so no trade"


def test_the_whole_reason_comes_when_it_is_unfolded(client: Client) -> None:
    goal = GoalFactory(target_date=FAR)
    decision = decided(goal, 1_000_000)
    client.force_login(goal.user)
    address = reverse("site:goal-decision", args=[goal.pk, decision])
    for page in ("/", f"/goals/{goal.pk}/", f"/goals/{goal.pk}/decisions/"):
        listed = client.get(page, {"portfolio": goal.portfolio_id}).content.decode()
        assert f'hx-get="{address}"' in listed, page
        assert "the ladder policy gives" not in listed, page

    part = spaced(client.get(address, headers=HTMX).content.decode())
    whole = spaced(client.get(address).content.decode())

    reason = "“5 % by 31 Dec 2199” is at 0 % of the way (below 30 %)"
    assert strip_tags(part).startswith(reason)
    assert "1,300,000.00 USDT is above the live equity" in strip_tags(part)
    assert "Drawdown: drawdown 0 % is below soft drawdown 10 %" in strip_tags(part)
    assert part.strip() in whole
    assert "<h1>0 % of the way, so larger</h1>" in whole


def test_a_decision_of_another_goal_or_user_is_not_found(client: Client) -> None:
    mine, other = GoalFactory(target_date=FAR), GoalFactory(target_date=FAR)
    decision = decided(other)
    client.force_login(mine.user)
    for goal in (mine, other):
        address = reverse("site:goal-decision", args=[goal.pk, decision])
        assert client.get(address).status_code == 404
