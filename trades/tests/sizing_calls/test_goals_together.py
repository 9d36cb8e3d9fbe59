"""Goals that live together, and goals that fail: what sizes, selects and is told."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from goals.models import GoalAdjustmentLog, GoalProgressHistory
from goals.services.goals import cancel_goal, update_goal
from goals.services.portfolios import record_cash_flow
from goals.services.rollover import roll_goals
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import GoalNotActive, NoActiveGoal
from mastertrade.values.money import HUNDRED
from strategies.tests.factories import StrategyFactory
from trades.booking.void import void_trade
from trades.sizing_calls.decide import (
    plan_next_trade,
    select_strategy,
    size_for_goal,
    size_for_portfolio,
)
from trades.tests.factories import ENTRY, book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
LAST_MOMENT = APRIL - timedelta(microseconds=1)
TENTH = datetime(2026, 3, 10, 9, tzinfo=UTC)
IN_APRIL = datetime(2026, 4, 15, tzinfo=UTC)


def size_all(portfolio, now=TENTH):
    row, _ = size_for_portfolio(
        user=portfolio.user, portfolio=portfolio.pk, base_size=HUNDRED, now=now
    )
    return row


def own_factors(row):
    return {one["goal_id"]: Decimal(one["factor"]) for one in row.answer["goals"]}


def bounds(row):
    return next(one for one in row.answer["guards"] if one["name"] == "bounds")


# Risk against return


@pytest.fixture
def income_and_growth():
    """An income goal nearly there that risks little, a return goal far behind."""
    portfolio = PortfolioFactory()
    income = GoalFactory(
        portfolio=portfolio,
        goal_type="monthly_income",
        target_value=Decimal(20),
        max_factor=Decimal("0.8"),
    )
    growth = GoalFactory(
        portfolio=portfolio,
        goal_type="yearly_return",
        target_value=Decimal(40),
    )
    book_profit(portfolio, Decimal(18))
    return income, growth


def test_risk_against_return_is_a_conflict_with_each_goals_own_factor(
    income_and_growth,
):
    income, growth = income_and_growth
    row = size_all(income.portfolio)
    assert own_factors(row) == {income.pk: Decimal("0.7"), growth.pk: Decimal("1.3")}
    assert row.answer["conflict"] is True
    assert (row.goal_id, row.adjusted_size) == (income.pk, 70)
    assert f"goal {income.pk} decides among 2" in row.reason
    assert "they pull in different directions" in row.reason


def test_the_goal_that_risks_little_limits_even_the_one_that_decides(
    income_and_growth,
):
    income, growth = income_and_growth
    update_goal(user=growth.user, goal_id=growth.pk, as_of=TENTH, priority=1)
    row = size_all(income.portfolio)
    assert (row.goal_id, row.adjusted_size) == (growth.pk, 80)
    assert bounds(row)["reason"] == f"held at goal {income.pk}'s max_factor 0.8"


def test_asked_alone_the_return_goal_is_not_limited_by_the_other(income_and_growth):
    _, growth = income_and_growth
    row, _ = size_for_goal(
        user=growth.user, goal_id=growth.pk, base_size=HUNDRED, now=TENTH
    )
    assert row.adjusted_size == 130


# Nested horizons


@pytest.fixture
def nested():
    """A month inside a quarter inside a year, of one portfolio."""
    portfolio = PortfolioFactory()
    kinds = ("yearly_return", 40), ("quarterly_return", 12), ("monthly_return", 5)
    year, quarter, month = (
        GoalFactory(portfolio=portfolio, goal_type=kind, target_value=Decimal(target))
        for kind, target in kinds
    )
    # March ends the month and the first quarter: give the quarter until June.
    update_goal(
        user=portfolio.user,
        goal_id=quarter.pk,
        as_of=START,
        target_date=date(2026, 6, 30),
    )
    return month, quarter, year


def test_one_trade_moves_the_month_the_quarter_and_the_year(nested):
    book_profit(nested[0].portfolio, Decimal(45))
    assert [fresh(goal).progress_pct for goal in nested] == [
        90,
        Decimal("37.5"),
        Decimal("11.25"),
    ]


def test_the_month_decides_and_after_it_the_quarter(nested):
    month, quarter, _ = nested
    book_profit(month.portfolio, Decimal(45))
    assert size_all(month.portfolio).goal_id == month.pk
    assert size_all(month.portfolio, now=LAST_MOMENT).goal_id == month.pk
    row = size_all(month.portfolio, now=APRIL)
    assert (row.goal_id, row.adjusted_size) == (quarter.pk, 100)


def test_periods_that_end_together_are_decided_by_the_goal_made_first():
    portfolio = PortfolioFactory()
    first, _ = (
        GoalFactory(portfolio=portfolio, goal_type=kind)
        for kind in ("quarterly_return", "monthly_return")
    )
    row = size_all(portfolio)
    assert row.goal_id == first.pk
    assert "it has the lowest key among equals" in row.reason


# Goals that rest, and goals of others


def test_a_paused_goal_is_moved_and_neither_decides_nor_limits_nor_is_told(nested):
    month, quarter, year = nested
    update_goal(user=month.user, goal_id=month.pk, as_of=START, status="paused")
    book_profit(month.portfolio, Decimal(45))
    row = size_all(month.portfolio)
    assert set(own_factors(row)) == {quarter.pk, year.pk}
    assert fresh(month).progress_pct == 90


def test_goals_of_two_portfolios_do_not_touch():
    mine = GoalFactory(priority=1, after_achieved="stop", target_value=Decimal(1))
    other = GoalFactory(portfolio=PortfolioFactory(user=mine.user), priority=9)
    before = type(other).objects.filter(pk=other.pk).values().get()
    book_profit(mine.portfolio, Decimal(50))
    record_cash_flow(
        user=mine.user, portfolio=mine.portfolio_id, amount=HUNDRED, now=TENTH
    )
    assert type(other).objects.filter(pk=other.pk).values().get() == before
    assert GoalProgressHistory.objects.filter(goal=other).count() == 1
    assert size_all(mine.portfolio).verdict == "block"
    row = size_all(other.portfolio)
    assert (own_factors(row), row.adjusted_size) == ({other.pk: Decimal("1.3")}, 130)


def test_rolling_one_portfolio_leaves_the_others_goals_and_their_limits():
    mine = GoalFactory(recurring=True)
    other = GoalFactory(portfolio=PortfolioFactory(user=mine.user), recurring=True)
    roll_goals(as_of=APRIL, portfolio_id=mine.portfolio_id)
    assert (fresh(mine).status, fresh(other).status) == ("missed", "active")


# Missed


@pytest.mark.parametrize("recurring", [False, True])
def test_a_missed_goal_sizes_and_selects_nothing_any_more(recurring):
    goal = GoalFactory(recurring=recurring)
    StrategyFactory(user=goal.user)
    roll_goals(as_of=APRIL)
    user, key = goal.user, goal.pk
    with pytest.raises(GoalNotActive, match="missed"):
        size_for_goal(user=user, goal_id=key, base_size=HUNDRED, now=IN_APRIL)
    with pytest.raises(GoalNotActive, match="missed"):
        select_strategy(user=user, goal_id=key, now=IN_APRIL)
    with pytest.raises(GoalNotActive):
        update_goal(user=user, goal_id=key, as_of=IN_APRIL, priority=1)
    with pytest.raises(GoalNotActive):
        cancel_goal(user=user, goal_id=key, as_of=IN_APRIL)


def test_after_a_missed_goal_its_successor_decides_from_its_own_beginning():
    goal = GoalFactory(recurring=True)
    book_profit(goal.portfolio, Decimal(45))
    roll_goals(as_of=APRIL)
    row = size_all(goal.portfolio, now=IN_APRIL)
    assert (row.goal_id, row.progress_pct) == (fresh(goal).next_goal.pk, 0)
    assert row.adjusted_size == 130


def test_after_a_missed_goal_that_nothing_follows_there_is_no_decision():
    goal = GoalFactory()
    StrategyFactory(user=goal.user)
    roll_goals(as_of=APRIL)
    with pytest.raises(NoActiveGoal):
        size_all(goal.portfolio, now=IN_APRIL)
    with pytest.raises(NoActiveGoal):
        plan_next_trade(
            user=goal.user,
            portfolio=goal.portfolio_id,
            base_size=HUNDRED,
            now=IN_APRIL,
        )


def test_the_history_and_the_decisions_of_a_missed_goal_stay():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(45))
    size_all(goal.portfolio)
    given = list(goal.history.order_by("pk").values())
    roll_goals(as_of=APRIL)
    assert list(goal.history.order_by("pk").values()) == given
    assert GoalAdjustmentLog.objects.filter(goal=goal).count() == 1


# Restated


def test_a_goal_that_is_restated_after_its_end_decides_nothing_again():
    goal = GoalFactory(recurring=True)
    roll_goals(as_of=APRIL)
    book_profit(goal.portfolio, Decimal(60), at=LAST_MOMENT)
    assert fresh(goal).status == "achieved"
    row = size_all(goal.portfolio, now=IN_APRIL)
    assert set(own_factors(row)) == {fresh(goal).next_goal.pk}
    assert row.progress_pct == 0


def test_a_late_trade_is_one_restated_row_for_each_local_day_from_it_on():
    goal = GoalFactory()
    for day, hour in ((10, 9), (12, 9), (12, 15), (11, 9)):
        at = datetime(2026, 3, day, hour, tzinfo=UTC)
        book_profit(goal.portfolio, Decimal(10), at=at)
    restated = goal.history.filter(kind="restated").order_by("effective_at")
    assert [(row.snapshot_date.day, row.progress_pct) for row in restated] == [
        (11, 40),
        (12, 80),
    ]
    assert fresh(goal).progress_pct == 80


def test_a_success_that_a_void_takes_back_sizes_as_if_it_had_never_been():
    goal = GoalFactory(after_achieved="stop")
    trade = book_profit(goal.portfolio, Decimal(60))
    assert size_all(goal.portfolio).verdict == "block"
    void_trade(user=goal.user, trade_id=trade.pk, reason="recorded twice", now=TENTH)
    row = size_all(goal.portfolio)
    assert (fresh(goal).status, row.adjusted_size) == ("active", 130)


def test_the_decision_made_before_a_restatement_stays_as_it_was_told():
    goal = GoalFactory()
    row = size_all(goal.portfolio)
    before = GoalAdjustmentLog.objects.values().get(pk=row.pk)
    book_profit(goal.portfolio, Decimal(45), at=ENTRY)
    assert GoalAdjustmentLog.objects.values().get(pk=row.pk) == before


# Unreachable


@pytest.fixture
def ruined():
    """A return goal of a run of units that ended in ruin; the money is new."""
    goal = GoalFactory(min_factor=Decimal("1.2"), max_factor=Decimal(2))
    portfolio = goal.portfolio
    book_profit(portfolio, Decimal(-1500))
    record_cash_flow(
        user=goal.user, portfolio=portfolio.pk, amount=Decimal(3000), now=TENTH
    )
    return goal


def test_a_goal_that_cannot_be_reached_is_sized_by_one_whatever_its_min_factor(
    ruined,
):
    row = size_all(ruined.portfolio)
    assert own_factors(row) == {ruined.pk: 1}
    assert row.adjustment_factor <= 1
    assert "can no longer be reached" in row.reason


def test_a_goal_that_cannot_be_reached_leaves_others_their_own_factor(ruined):
    income = GoalFactory(
        portfolio=ruined.portfolio,
        goal_type="monthly_income",
        target_value=Decimal(500),
        start_date=date(2026, 3, 10),
        as_of=TENTH,
        priority=1,
    )
    row = size_all(ruined.portfolio)
    assert row.goal_id == income.pk
    assert own_factors(row) == {ruined.pk: 1, income.pk: Decimal("1.3")}


def test_a_goal_that_cannot_be_reached_is_missed_at_its_end_and_followed(ruined):
    update_goal(user=ruined.user, goal_id=ruined.pk, as_of=TENTH, recurring=True)
    [following] = roll_goals(as_of=APRIL)
    assert (fresh(ruined).status, fresh(ruined).current_value) == ("missed", -100)
    row = size_all(ruined.portfolio, now=IN_APRIL)
    assert own_factors(row) == {following.pk: Decimal("1.3")}
