"""A goal sized and projected: that both agree, and what many goals cost."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from goals.models import FinancialGoal, Portfolio
from goals.projection.forecast import measure_chance
from goals.projection.policy_tables import solve
from goals.services.goals import MOST_GOALS
from goals.services.policy_tables import find_solved
from goals.services.snapshots import snapshot_goals
from goals.services.trade_forecasts import whole_trades
from goals.tests.factories import GoalFactory, PortfolioFactory
from strategies.tests.factories import StrategyFactory
from tests.http import client_of, count_statements
from trades.services.daily import run_day
from trades.sizing_calls.forecasts import project
from trades.sizing_calls.stored_chances import find_projectable, refresh_projections
from trades.tests.sizing_calls.test_trade_forecasts import NOW, funded, size

pytestmark = pytest.mark.django_db
AS_OF = NOW.isoformat()


def post(goal: FinancialGoal, what: str, **body: Any) -> dict[str, Any]:
    answer = client_of(goal.user).post(
        f"/api/goals/{goal.pk}/{what}/", {"as_of": AS_OF, **body}, format="json"
    )
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def read_projection(goal: FinancialGoal) -> dict[str, Any]:
    address = f"/api/goals/{goal.pk}/projection/"
    return dict(client_of(goal.user).get(address, {"as_of": AS_OF}).json())


# Out of reach


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["ladder", "pace", "deadline_optimal"])
def test_a_goal_out_of_reach_is_sized_at_one_flagged_and_says_why(policy: str) -> None:
    """It is behind, which by itself asks for 1.3."""
    _, goal = funded(
        policy=policy, target_value=Decimal(500), min_factor=Decimal("1.2")
    )

    answer = post(goal, "sizing", base_size="100")

    assert (answer["band"], answer["verdict"]) == ("behind", "allow")
    assert Decimal(answer["adjustment_factor"]) == 1
    assert Decimal(answer["adjusted_size"]) == 100
    assert f"Goal {goal.pk} can no longer be reached" in answer["reason"]
    assert "its factor is frozen at 1" in answer["reason"]
    given = read_projection(goal)
    assert given["unreachable"] is True
    assert given["unreachable_reason"] in answer["reason"]
    refresh_projections(as_of=NOW)
    goal.refresh_from_db()
    assert goal.unreachable is True


def test_what_is_out_of_reach_leaves_the_choice_of_a_strategy_to_the_band() -> None:
    portfolio, goal = funded(target_value=Decimal(500))
    for kind in ("momentum", "mean_reversion"):
        StrategyFactory(user=portfolio.user, strategy_id=kind, strategy_type=kind)

    chosen = post(goal, "strategy", candidates=["mean_reversion", "momentum"])

    assert (chosen["selected_strategy"], chosen["stance"]) == ("momentum", "aggressive")
    answer = client_of(goal.user).post(
        "/api/next-trade/",
        {"portfolio": portfolio.pk, "base_size": "100", "as_of": AS_OF},
        format="json",
    )
    assert answer.status_code == 200, answer.json()
    assert "its factor is frozen at 1" in str(answer.json())


def test_one_out_of_reach_keeps_another_from_nothing_but_its_own_factor() -> None:
    """The lower factor decides: 1 instead of the 1.3 that both are behind for."""
    portfolio, _ = funded(target_value=Decimal(500))
    GoalFactory(portfolio=portfolio, start_date=NOW.date(), as_of=NOW)
    answer = client_of(portfolio.user).post(
        "/api/sizing/",
        {"portfolio": portfolio.pk, "base_size": "100", "as_of": AS_OF},
        format="json",
    )
    factors = {Decimal(one["factor"]) for one in answer.json()["goals"]}
    assert factors == {Decimal(1), Decimal("1.3")}


# A solved table


def test_sizing_and_projection_go_by_the_same_table_factor_and_probability() -> None:
    _, goal = funded(policy="deadline_optimal")
    row = size(goal)
    goal_state = row.inputs["goals"][0]
    sized = goal_state["solved"]
    goal = FinancialGoal.objects.select_related("portfolio").get(pk=goal.pk)

    with patch(
        "trades.sizing_calls.forecasts.find_solved", wraps=find_solved
    ) as solved:
        given = project(goal, NOW)

    [asked, _], _ = solved.call_args
    assert asked.digest == sized["table"]
    assert given.trades_left is not None
    assert given.path is not None
    trades = whole_trades(given.trades_left)
    assert trades == whole_trades(Decimal(goal_state["trades_left"]))
    table = solve(asked)
    assert table.factor_at(trades, given.path.equity) == Decimal(sized["factor"])
    assert Decimal(sized["factor"]) == row.policy_factor
    at_table = table.probability_at(trades, given.path.equity)
    assert at_table == Decimal(sized["probability"])
    # The table is solved for a known number of trades, on a grid of its own.
    assert given.asked is not None
    assert given.policy is not None
    known = measure_chance(
        given.asked.edge,
        given.policy.as_function(),
        trades_left=trades,
        goal_return=float(given.path.goal_return),
        equity=float(given.path.equity),
        stop_loss=given.asked.stop_loss,
    )
    assert known.probability == pytest.approx(float(at_table), abs=0.02)
    assert Decimal(read_projection(goal)["probability"]) == given.probability


# What it costs


def add_goals(portfolio: Portfolio, number: int) -> None:
    """Copies of the portfolio's first goal, with targets of their own."""
    goal = portfolio.goals.order_by("pk").first()
    copies = []
    for more in range(number):
        copy = FinancialGoal.objects.get(pk=goal.pk)
        copy.pk, copy.target_value = None, goal.target_value + more
        copies.append(copy)
    FinancialGoal.objects.bulk_create(copies)


def count(work: Callable[[], object]) -> int:
    with count_statements() as said:
        work()
    return len(said)


def test_a_projection_is_read_in_as_many_statements_beside_fifty_goals() -> None:
    portfolio, goal = funded()
    client = client_of(goal.user)
    address = f"/api/goals/{goal.pk}/projection/"
    few = count(lambda: client.get(address, {"as_of": AS_OF}))
    add_goals(portfolio, MOST_GOALS - 1)
    assert count(lambda: client.get(address, {"as_of": AS_OF})) == few <= 5


@pytest.mark.slow
def test_six_goals_are_projected_in_as_many_statements_as_one() -> None:
    portfolio, _ = funded()
    refresh_projections(as_of=NOW)  # brings the record up to the ledger
    few = count(lambda: refresh_projections(as_of=NOW, portfolio_id=portfolio.pk))
    add_goals(portfolio, 5)
    alerting = count(lambda: refresh_projections(as_of=NOW, portfolio_id=portfolio.pk))
    assert alerting == few + 1  # what it found alerts, of all goals at once
    many = count(lambda: refresh_projections(as_of=NOW, portfolio_id=portfolio.pk))
    assert many == few <= 8
    given = portfolio.goals.values_list("projected_at", "probability")
    assert {at for at, _ in given} == {NOW}
    assert None not in {probability for _, probability in given}


@pytest.mark.slow
def test_a_hundred_goals_take_a_day_of_so_many_statements_a_portfolio() -> None:
    """Snapshots of all are two; a portfolio of five is projected in eight or nine."""
    for _ in range(20):
        goal = GoalFactory(portfolio=PortfolioFactory())
        add_goals(goal.portfolio, 4)
    assert FinancialGoal.objects.count() == 100

    assert count(lambda: snapshot_goals(as_of=NOW, once_a_day=True)) == 2
    assert len(find_projectable(NOW)) == 20
    projecting = count(lambda: refresh_projections(as_of=NOW))
    assert projecting <= 1 + 20 * 9
    words = [one.done.words for one in run_day(as_of=NOW + timedelta(days=1))]
    assert words[1] == "100 goals written down"
    assert "100 goals projected" in words


def test_a_deadline_of_many_thousand_trades_is_sized_projected_and_kept() -> None:
    """Two trades a day for 19 years: more than any grid is laid for."""
    portfolio, goal = funded(
        win=Decimal(1),
        loss=Decimal(-16),
        goal_type="portfolio_value",
        target_value=Decimal(5000),
        target_date=date(2045, 1, 1),
    )
    answer = post(goal, "sizing", base_size="100")
    given = read_projection(goal)
    assert Decimal(given["trades_left"]) > 10_000
    assert refresh_projections(as_of=NOW, portfolio_id=portfolio.pk) == 1
    goal.refresh_from_db()
    assert goal.unreachable == given["unreachable"] is True
    assert given["unreachable_reason"] in answer["reason"]
