"""The projection while trading is halted, and with less than a trade expected."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved
from goals.models import FinancialGoal, Portfolio
from goals.projection.goal_projection import growth, project_goal
from goals.projection.policy_functions import GoalPolicy
from goals.services.portfolios import update_portfolio
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.http import count_statements
from trades.models import Trade
from trades.sizing_calls.forecasts import project
from trades.sizing_calls.stored_chances import refresh_projections
from trades.tests.api.test_api_frontier import ask as ask_frontier
from trades.tests.api.test_api_projection import AS_OF, BEGIN, ask
from trades.tests.factories import book_profit, import_profits
from trades.tests.sizing_calls.test_trade_forecasts import funded

pytestmark = pytest.mark.django_db
NOW = BEGIN + timedelta(days=12)


def halt(portfolio: Portfolio, reason: str = "on holiday.") -> None:
    halt_trading(user=portfolio.user, portfolio_id=portfolio.pk, reason=reason, now=NOW)


def resume(portfolio: Portfolio) -> None:
    resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=NOW)


def stored(goal: FinancialGoal) -> FinancialGoal:
    refresh_projections(as_of=NOW, portfolio_id=goal.portfolio_id)
    goal.refresh_from_db()
    return goal


def test_while_halted_the_probability_is_that_of_not_trading_and_says_why():
    portfolio, goal = funded()
    before = ask(goal, **AS_OF)
    halt(portfolio)
    answer = ask(goal, **AS_OF)
    assert answer["probability"] == "0.000000"
    assert answer["probability_if_resumed"] == before["probability"] != "0.000000"
    assert (answer["probability_low"], answer["probability_high"]) == (None, None)
    assert answer["fan"] == before["fan"]
    who = f"Halted by {portfolio.user_id} since 2026-03-13 00:00 UTC"
    call = f"POST /api/portfolios/{portfolio.pk}/resume/"
    assert answer["reason"] == (
        "trading is halted, and this is the probability without another trade. "
        f"{who}, until it is resumed: on holiday. Entries stop; exits, stops and "
        f"imports go on. Resume it with {call}."
    )
    resume(portfolio)
    assert ask(goal, **AS_OF) == before
    assert before["probability_if_resumed"] is None


def test_a_halted_frontier_says_that_its_points_are_those_if_resumed():
    portfolio, goal = funded(policy="ladder")
    before = ask_frontier(goal, **AS_OF)
    halt(portfolio)
    halted = ask_frontier(goal, **AS_OF)
    assert halted | {"reason": None} == before
    assert (
        "each point is what it would come to if trading were resumed now"
        in (halted["reason"])
    )
    assert "without another trade" not in halted["reason"]
    assert f"POST /api/portfolios/{portfolio.pk}/resume/" in halted["reason"]


@pytest.mark.parametrize(
    ("goal_type", "target"), [("monthly_return", 10), ("monthly_income", 100)]
)
@pytest.mark.parametrize("lost", [0, 2000], ids=["solvent", "ruined"])
@pytest.mark.parametrize("trades", [3, 24])
@pytest.mark.parametrize("is_halted", [False, True])
def test_the_daily_job_stores_the_probability_that_is_answered(
    goal_type, target, lost, trades, is_halted
):
    asked = {"goal_type": goal_type, "target_value": Decimal(target)}
    portfolio, goal = funded(trades=trades, **asked)
    if lost:
        book_profit(portfolio, Decimal(-lost), at=NOW)
    if is_halted:
        halt(portfolio)
    answer = ask(goal, **AS_OF)
    kept = stored(goal)
    known = None if kept.probability is None else f"{kept.probability:.6f}"
    assert (known, kept.unreachable) == (answer["probability"], answer["unreachable"])


def test_before_the_halt_nothing_is_known_of_it():
    portfolio, goal = funded()
    earlier = {"as_of": (NOW - timedelta(hours=1)).isoformat()}
    before = ask(goal, **earlier)
    halt(portfolio)
    assert ask(goal, **earlier) == before


def test_what_was_touched_stays_touched_while_halted():
    portfolio, goal = funded(target_value=Decimal(1))
    halt(portfolio)
    answer = ask(goal, **AS_OF)
    assert (answer["probability"], answer["reason"]) == (
        "1.000000",
        "the goal was achieved",
    )


def test_a_halt_is_said_before_too_few_trades_are():
    portfolio, goal = funded(trades=3)
    halt(portfolio)
    answer = ask(goal, **AS_OF)
    assert answer["probability"] == "0.000000"
    assert answer["probability_if_resumed"] is None
    assert answer["reason"].startswith("trading is halted")


def test_a_goal_without_a_deadline_has_no_probability_while_halted_either():
    portfolio, goal = funded(goal_type="portfolio_value", target_value=Decimal(2000))
    halt(portfolio)
    assert ask(goal, **AS_OF)["reason"] == "the goal has no deadline"


def test_a_day_s_halt_ends_and_trades_are_counted_from_then():
    portfolio, goal = funded()
    update_portfolio(
        portfolio_id=portfolio.pk,
        user=portfolio.user,
        now=NOW,
        daily_loss_limit_pct=Decimal(1),
    )
    free = ask(goal, as_of=(NOW + timedelta(days=1)).isoformat())
    book_profit(portfolio, Decimal(-30), at=NOW)
    answer = ask(goal, as_of=(NOW + timedelta(hours=1)).isoformat())
    assert Decimal(answer["probability"]) > 0
    assert answer["probability_if_resumed"] is None
    assert "trades are counted from its end" in answer["reason"]
    assert "until 2026-03-14 00:00 UTC" in answer["reason"]
    days = Decimal(answer["trades_left"]) / Decimal(answer["trades_per_day"])
    assert round(days, 6) == 18  # from the 14th to the end of March
    assert free["reason"] is None


def test_the_daily_run_stores_the_probability_of_not_trading():
    portfolio, goal = funded()
    assert 0 < stored(goal).probability < 1
    halt(portfolio)
    answer = stored(goal)
    assert answer.probability == answer.probability_low == answer.probability_high == 0
    resume(portfolio)
    assert 0 < stored(goal).probability < 1


@pytest.mark.parametrize("target", [10, 100_000])
def test_the_daily_run_and_the_projection_agree_whether_a_halted_goal_is_reachable(
    target: int,
):
    portfolio, goal = funded(target_value=Decimal(target))
    halt(portfolio)
    assert stored(goal).unreachable == ask(goal, **AS_OF)["unreachable"]
    assert goal.unreachable == (target == 100_000)


def test_the_home_page_says_what_a_halt_makes_of_the_probability(client: Client):
    portfolio = PortfolioFactory()
    goal = GoalFactory(portfolio=portfolio, target_date=date(2199, 12, 31))
    client.force_login(portfolio.user)

    def page() -> str:
        of_portfolio = {"portfolio": portfolio.pk}
        return client.get(reverse("site:home"), of_portfolio).content.decode()

    assert "no probability yet" in page()
    halt(portfolio)
    # What was projected is not what halted trading comes to.
    assert "no probability yet" not in page()
    assert "until you resume it, so no trade is sized" in page()
    assert goal.achieved_at is None


def test_a_portfolio_never_halted_takes_no_statement_for_it():
    portfolio, goal = funded()
    goal = FinancialGoal.objects.select_related("portfolio").get(pk=goal.pk)

    def tables() -> list[str]:
        with count_statements() as said:
            project(goal, NOW)
        return [one for one in said if "trading_halts" in one]

    assert tables() == []
    halt(portfolio)
    goal = FinancialGoal.objects.select_related("portfolio").get(pk=goal.pk)
    assert len(tables()) == 1


@pytest.mark.parametrize("policy", ["ladder", "pace", "deadline_optimal", "constant"])
def test_with_a_quarter_of_a_trade_left_the_goal_may_still_be_reached(policy: str):
    """One trade can reach it: 0.25 trades are one with a probability of 0.25."""
    portfolio, goal = funded(policy=policy, target_value=Decimal("6.81"))
    rate = Decimal(ask(goal, **AS_OF)["trades_per_day"])
    assert Trade.objects.filter(portfolio=portfolio).count() == 24

    def told_with(trades: str) -> Any:
        assert goal.period_ends_at is not None
        left = timedelta(days=float(Decimal(trades) / rate))
        return ask(goal, as_of=(goal.period_ends_at - left).isoformat())

    answer = told_with("0.25")
    assert 0 < Decimal(answer["trades_left"]) < 1
    assert answer["unreachable"] is False
    assert 0 < Decimal(answer["probability"]) <= Decimal(answer["trades_left"])
    assert (answer["fan"], answer["suggestions"]["target_value"]) == ([], None)


def test_the_stop_is_the_floor_in_force_now_not_one_below_the_goals_start():
    """18 % below the peak, 2.4 % are left to the floor, wherever the goal began."""
    portfolio = PortfolioFactory()
    profits = [Decimal(text) for text in ("7.5", "-10", "7.5", "-10", "7.5")] * 8
    times = [BEGIN + timedelta(hours=6 * number) for number in range(40)]
    import_profits(portfolio, zip(times, profits, strict=True))
    risen = Portfolio.objects.get(pk=portfolio.pk)
    left = risen.peak_unit_value * risen.units * Decimal("0.82")
    book_profit(portfolio, left - risen.equity, at=NOW - timedelta(hours=3))
    goal = GoalFactory(
        portfolio=portfolio,
        start_date=NOW.date(),
        target_date=NOW.date() + timedelta(days=20),
        target_value=Decimal(5),
        policy="constant",
        as_of=NOW,
    )
    found = project(goal, NOW)
    fresh = Portfolio.objects.get(pk=portfolio.pk)
    assert fresh.drawdown_pct == 18
    left = 1 - Decimal(80) / 82  # of what is there now
    assert found.path is not None
    assert found.edge is not None
    assert found.trades_left is not None

    def chance(stop: Decimal) -> Decimal | None:
        policy = GoalPolicy(
            policy=PolicyName.CONSTANT,
            path=found.path,
            min_factor=goal.min_factor,
            max_factor=goal.max_factor,
            after_achieved=AfterAchieved.PROTECT,
            edge=growth(found.edge.shrunk_mean),
            cap=Decimal(1) if found.edge.bounds.lower <= 0 else None,
        )
        asked = {"trades_left": found.trades_left, "stop_loss": float(stop)}
        return project_goal(found.edge, policy, **asked).probability

    # The floor is far too near to rise, so it is nearly one that stands.
    assert found.probability == pytest.approx(
        chance(round(left, 6)), abs=Decimal("0.005")
    )
    below_start = chance(Decimal("0.2"))
    assert found.probability < below_start - Decimal("0.05")
