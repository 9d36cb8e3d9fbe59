"""Sizing by pace and by solved tables: what trades say, logged, taken again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from goals.decisions.arbitration import GoalState, say_factor
from goals.models import FinancialGoal, PolicyTable
from goals.projection import mixture
from goals.services import policy_tables
from goals.services.decision_log import decide_again
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values import in_text
from mastertrade.values.jsonable import from_plain
from mastertrade.values.money import HUNDRED
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.services.daily import forget_old_tables
from trades.sizing_calls.decide import size_for_goal, size_for_portfolio
from trades.sizing_calls.forecasts import project
from trades.sizing_calls.records import load_growths
from trades.sizing_calls.stored_chances import refresh_projections
from trades.sizing_calls.trade_frequency import load_trades_per_day
from trades.tests.factories import TradeFactory, book_profit, import_profits
from trades.tests.races import fresh, run_at_once

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(days=12)


def funded(trades=24, win=Decimal(6), loss=Decimal(-4), **goal):
    """A portfolio of 1000 with so many trades in ten days, two wins to each loss."""
    portfolio = PortfolioFactory()
    made = GoalFactory(portfolio=portfolio, **{"target_value": Decimal(10), **goal})
    import_profits(
        portfolio,
        [
            (BEGIN + timedelta(hours=10 * number), win if number % 3 else loss)
            for number in range(1, trades + 1)
        ],
    )
    made.refresh_from_db()
    return portfolio, made


def size(goal, at=NOW, **asked):
    row, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, now=at, base_size=HUNDRED, **asked
    )
    return row


def size_all(portfolio, at=NOW):
    row, _ = size_for_portfolio(
        user=portfolio.user, portfolio=portfolio.pk, base_size=HUNDRED, now=at
    )
    return row


# Trades left


def rate_of(portfolio, at):
    trades = load_growths(portfolio, at).size
    return round(load_trades_per_day(portfolio, at, trades), 12)


def share(trades, days):
    return round(Decimal(trades) / days, 12)


def test_the_rate_looks_back_to_the_first_trade_but_a_week_at_least():
    portfolio = PortfolioFactory()
    assert rate_of(portfolio, NOW) == 0
    book_profit(portfolio, Decimal(1), at=NOW - timedelta(days=2))
    assert rate_of(portfolio, NOW) == share(1, 7)
    later = NOW + timedelta(days=8)
    book_profit(portfolio, Decimal(1), at=later)
    assert rate_of(portfolio, later) == share(2, 10)


def test_the_rate_is_half_that_of_ninety_days_and_half_that_since_the_first_trade():
    portfolio = PortfolioFactory()
    for days in (0, 11, 60):
        book_profit(portfolio, Decimal(1), at=NOW + timedelta(days=days))
    at = NOW + timedelta(days=100)
    assert rate_of(portfolio, at) == round((share(2, 90) + share(3, 100)) / 2, 12)


def test_the_rate_sees_nothing_later_than_the_time_asked_about():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(1), at=BEGIN)
    book_profit(portfolio, Decimal(1), at=NOW)
    before = NOW - timedelta(microseconds=1)
    assert rate_of(portfolio, NOW) == share(2, 12)
    assert rate_of(portfolio, before) * 12 < Decimal("1.01")


def test_the_parts_of_a_trade_count_once_and_only_when_it_has_ended():
    portfolio = PortfolioFactory()
    trade = TradeFactory(portfolio=portfolio, entry_time=BEGIN, now=BEGIN)
    at = BEGIN + timedelta(days=1)
    part = {"quantity": Decimal("0.01"), "exit_price": Decimal(50000)}
    for day in (1, 2):
        assert rate_of(portfolio, at) == 0
        at = BEGIN + timedelta(days=day)
        close_trade(
            user=portfolio.user, trade_id=trade.pk, exit_time=at, now=at, **part
        )
    assert rate_of(portfolio, at) == share(1, 7)
    assert rate_of(portfolio, at - timedelta(hours=1)) == 0


# Pace


def test_the_pace_policy_says_what_it_goes_by():
    _, goal = funded(policy="pace")
    row = size(goal)
    goal_state = row.inputs["goals"][0]
    assert row.policy_version == "pace-1"
    assert Decimal(goal_state["trades_left"]) > 0
    need = in_text.ratio(Decimal(goal_state["need"]))
    edge = in_text.ratio(Decimal(goal_state["edge"]))
    assert f"required growth {need} and edge {edge} per trade" in row.reason
    assert "trades left" in row.reason
    assert decide_again(row).adjustment_factor == row.adjustment_factor


@pytest.mark.parametrize("policy", ["pace", "deadline_optimal"])
def test_without_twenty_trades_the_ladder_decides_and_says_so(policy):
    _, goal = funded(trades=19, policy=policy)
    row = size(goal)
    assert row.policy_version == "ladder-1"
    assert "needs 20 closed trades; until then the ladder decides" in row.reason


@pytest.mark.parametrize("policy", ["pace", "deadline_optimal"])
def test_without_equity_at_the_marks_no_lack_of_trades_is_claimed(policy):
    portfolio, goal = funded(policy=policy)
    TradeFactory(
        portfolio=portfolio,
        symbol="SOLUSDT",
        quantity=Decimal(1),
        entry_price=Decimal(2000),
        entry_time=NOW - timedelta(hours=2),
    )
    mark = Mark("SOLUSDT", Decimal(100))
    mark_positions(user=portfolio.user, marks=[mark], now=NOW - timedelta(hours=1))
    row = size(goal)
    assert "ladder decides" in row.reason
    assert "20 closed trades" not in row.reason


@pytest.mark.parametrize("policy", ["pace", "deadline_optimal"])
def test_without_a_deadline_the_ladder_decides_and_says_so(policy):
    _, goal = funded(
        policy=policy, goal_type="portfolio_value", target_value=Decimal(2000)
    )
    row = size(goal)
    assert row.policy_version == "ladder-1"
    assert "needs a deadline; without one the ladder decides" in row.reason


# Solved tables


def test_a_solved_decision_is_taken_again_with_and_without_its_table():
    _, goal = funded(policy="deadline_optimal")
    row = size(goal)
    assert row.policy_version == "deadline_optimal-8"
    assert PolicyTable.objects.count() == 1
    kept = decide_again(row)
    PolicyTable.objects.all().delete()
    solved = decide_again(row)
    assert kept == solved
    assert (kept.adjustment_factor, kept.reason) == (row.adjustment_factor, row.reason)
    assert kept.arbitration.deciding_factor.policy_factor == row.policy_factor


def test_a_breach_counts_as_much_as_the_goal_says():
    """The table is solved with the goal's penalty, and the decision stores it."""
    _, careful = funded(policy="deadline_optimal", stop_penalty=Decimal(5))
    _, bold = funded(policy="deadline_optimal", stop_penalty=Decimal(0))
    rows = [size(careful), size(bold)]
    logged = [row.inputs["goals"][0]["stop_penalty"] for row in rows]
    assert [Decimal(penalty) for penalty in logged] == [5, 0]
    tables = [next(iter(row.inputs["tables"].values())) for row in rows]
    assert [float(table["stop_penalty"]) for table in tables] == [5, 0]
    assert decide_again(rows[1]).adjustment_factor == rows[1].adjustment_factor


def test_a_penalty_that_no_policy_looks_at_is_not_in_a_decision():
    _, goal = funded(policy="ladder", stop_penalty=Decimal(5))
    assert size(goal).inputs["goals"][0]["stop_penalty"] is None


def test_a_decision_by_an_older_version_is_taken_again_from_what_it_stored():
    _, goal = funded(policy="deadline_optimal")
    row = size(goal)
    old = "deadline_optimal-4"
    for goal_state in row.inputs["goals"]:
        goal_state["solved"] |= {"version": old, "factor": "0.8765"}
    for inputs in row.inputs["tables"].values():
        inputs |= {"version": old, "stop_loss": 0.2, "nodes": 400}
        del inputs["barrier"]
    PolicyTable.objects.all().delete()
    again = decide_again(row).arbitration.deciding_factor
    assert (again.policy_version, again.policy_factor) == (old, Decimal("0.8765"))


def test_a_table_is_solved_once_and_asked_again(django_assert_max_num_queries):
    _, goal = funded(policy="deadline_optimal")
    first = size(goal)
    second = size(goal, at=NOW + timedelta(minutes=1))
    assert PolicyTable.objects.count() == 1
    assert first.policy_factor == second.policy_factor
    with django_assert_max_num_queries(7):
        size(goal, at=NOW + timedelta(minutes=2))


def test_a_decision_over_twenty_goals_solves_the_deciding_one_and_two_more():
    portfolio, first = funded(policy="deadline_optimal", priority=2)
    others = [
        GoalFactory(
            portfolio=portfolio,
            policy="deadline_optimal",
            target_value=10 + Decimal(number) / 10,
            priority=1 if number == 19 else 5,
        )
        for number in range(1, 20)
    ]
    row = size_all(portfolio)
    assert row.goal_id == others[-1].pk
    assert row.policy_version == "deadline_optimal-8"
    assert PolicyTable.objects.count() == 3
    goal_states = {one["goal_id"]: one for one in row.inputs["goals"]}
    solved = {key for key, one in goal_states.items() if one["solved"]}
    assert solved == {others[-1].pk, first.pk, others[0].pk}
    assert {one["postponed"] for one in goal_states.values()} == {True, False}
    again = decide_again(row)
    assert (again.adjustment_factor, again.reason) == (
        row.adjustment_factor,
        row.reason,
    )
    later = size_all(portfolio, at=NOW + timedelta(seconds=1))
    assert PolicyTable.objects.count() == 6
    assert later.policy_factor == row.policy_factor


def test_a_goal_that_waits_for_its_table_says_so_and_goes_by_the_ladder():
    portfolio, _ = funded(policy="deadline_optimal")
    for number in range(1, 5):
        last = GoalFactory(
            portfolio=portfolio,
            policy="deadline_optimal",
            target_value=Decimal(10 + number),
        )
    row = size_all(portfolio)
    own = {one.goal_id: one for one in decide_again(row).arbitration.factors}
    assert own[last.pk].policy_version == "ladder-1"
    inputs = {one["goal_id"]: one for one in row.inputs["goals"]}
    waiting = say_factor(from_plain(GoalState, inputs[last.pk]))
    assert "is not solved here, as the goal does not decide" in waiting
    assert "the ladder is used" in waiting


def test_goals_nearly_out_of_reach_are_looked_at_closely_three_at_a_time(monkeypatch):
    portfolio, _ = funded(target_value=Decimal(40))
    for number in range(1, 8):
        GoalFactory(portfolio=portfolio, target_value=40 + Decimal(number) / 10)
    closely = []
    original = mixture.walk_under
    monkeypatch.setattr(
        mixture,
        "walk_under",
        lambda *asked, **more: closely.append(1) or original(*asked, **more),
    )
    size_all(portfolio)
    assert len(closely) == 3


@pytest.mark.parametrize("policy", ["ladder", "constant", "pace"])
def test_only_the_solved_policy_has_tables(policy):
    _, goal = funded(policy=policy)
    size(goal)
    assert not PolicyTable.objects.exists()


# Unreachable


@pytest.mark.parametrize("policy", ["ladder", "pace", "deadline_optimal"])
def test_what_cannot_be_reached_is_frozen_at_one(policy):
    _, goal = funded(policy=policy, target_value=Decimal(500))
    row = size(goal)
    assert (row.policy_version, row.policy_factor) == ("unreachable", 1)
    assert "can no longer be reached" in row.reason
    assert "frozen at 1" in row.reason
    assert decide_again(row).reason == row.reason


# Projection


def test_a_projection_is_the_same_each_time_and_writes_nothing():
    _, goal = funded()
    goal = FinancialGoal.objects.select_related("portfolio").get(pk=goal.pk)
    first, second = project(goal, NOW), project(goal, NOW)
    assert first.figures is not None
    assert first.probability == second.probability
    assert first.figures.low == second.figures.low
    assert first.figures.low <= first.figures.probability <= first.figures.high
    goal.refresh_from_db()
    assert goal.probability is None


def test_the_daily_refresh_keeps_the_probability_beside_the_goal():
    _, goal = funded()
    _, hopeless = funded(target_value=Decimal(500))
    _, young = funded(trades=3)
    assert refresh_projections(as_of=NOW) == 3
    for one in (goal, hopeless, young):
        one.refresh_from_db()
    assert goal.projected_at == NOW
    figures = project(goal, NOW).figures
    assert goal.probability == figures.probability
    assert (goal.probability_low, goal.probability_high) == (figures.low, figures.high)
    assert goal.projected_trades == 24
    assert goal.low_confidence
    assert (goal.unreachable, hopeless.unreachable) == (False, True)
    assert hopeless.probability == 0
    assert young.probability is None


@pytest.mark.django_db(transaction=True)
def test_the_daily_refresh_holds_no_lock_while_it_solves(monkeypatch):
    portfolio, goal = funded(policy="deadline_optimal")
    original, met = policy_tables.solve, []

    def solve(inputs):
        (booked,) = run_at_once(lambda: book_profit(fresh(portfolio), Decimal(1)))
        met.append(booked)
        return original(inputs)

    monkeypatch.setattr(policy_tables, "solve", solve)
    assert refresh_projections(as_of=NOW, portfolio_id=portfolio.pk) == 1
    assert len(met) == 1
    goal.refresh_from_db()
    assert goal.projected_trades == 24


def test_a_goal_that_became_another_while_it_was_projected_is_left_alone(monkeypatch):
    portfolio, goal = funded(policy="deadline_optimal")
    original = policy_tables.solve

    def solve(inputs):
        FinancialGoal.objects.filter(pk=goal.pk).update(target_value=Decimal(11))
        return original(inputs)

    monkeypatch.setattr(policy_tables, "solve", solve)
    assert refresh_projections(as_of=NOW, portfolio_id=portfolio.pk) == 0
    goal.refresh_from_db()
    assert (goal.probability, goal.projected_at) == (None, None)


def test_the_refresh_of_one_portfolio_leaves_the_others_alone():
    portfolio, _ = funded()
    _, other = funded()
    refresh_projections(as_of=NOW, portfolio_id=portfolio.portfolio_id)
    other.refresh_from_db()
    assert other.projected_at is None


@pytest.mark.slow
def test_the_daily_refresh_leaves_the_table_for_the_next_decision(monkeypatch):
    _, goal = funded(policy="deadline_optimal")
    refresh_projections(as_of=NOW)
    kept = PolicyTable.objects.get()

    def refuse(*_):
        raise AssertionError("solved again")

    monkeypatch.setattr("goals.services.policy_tables.solve", refuse)
    row = size(goal)
    assert row.policy_version == kept.version
    refresh_projections(as_of=NOW)


def test_tables_older_than_a_week_are_deleted_and_solved_again_where_logged():
    _, goal = funded(policy="deadline_optimal")
    row = size(goal)
    forget_old_tables(NOW + timedelta(days=7), None)
    assert PolicyTable.objects.count() == 1
    done = forget_old_tables(NOW + timedelta(days=7, microseconds=1), None)
    assert done.words == "1 old table deleted"
    assert not PolicyTable.objects.exists()
    assert decide_again(row).adjustment_factor == row.adjustment_factor
