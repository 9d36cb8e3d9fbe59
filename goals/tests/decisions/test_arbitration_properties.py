"""Whatever goals meet: who decides, what limits, and what one more goal may change."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.arbitration import arbitrate, measure_goal_factor
from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved
from goals.tests.decisions.test_arbitration import END, goal_state
from goals.tests.decisions.test_guards import bounds_after

factors = st.decimals(Decimal("0.1"), Decimal(2), places=4)
# Few different values, so that equal priorities and deadlines are common.
deadlines = st.none() | st.sampled_from(
    [END + timedelta(microseconds=n) for n in (0, 1, 10**12)]
)


keys, later_keys = st.integers(1, 60), st.integers(61, 70)


@st.composite
def goals_of(draw, goal_id=keys):
    low, high = sorted((draw(factors), draw(factors)))
    progress = draw(st.decimals(Decimal(-300), Decimal(300), places=6))
    return goal_state(
        draw(goal_id),
        progress,
        priority=draw(st.integers(1, 3)),
        deadline=draw(deadlines),
        policy=draw(st.sampled_from([PolicyName.LADDER, PolicyName.CONSTANT])),
        achieved=draw(st.booleans()),
        after_achieved=draw(st.sampled_from(list(AfterAchieved))),
        reachable=draw(st.booleans()),
        min_factor=low,
        max_factor=high,
    )


portfolios = st.lists(
    goals_of(), min_size=1, max_size=8, unique_by=lambda goal: goal.goal_id
).map(tuple)
newcomers = goals_of(later_keys)


def bounded(goals):
    return bounds_after(arbitrate(goals).deciding_factor.floored_factor, *goals).factor


@given(portfolios, st.randoms(use_true_random=False))
def test_in_whatever_order_the_goals_come_the_decision_is_the_same(goals, random):
    mixed = list(goals)
    random.shuffle(mixed)
    assert arbitrate(tuple(mixed)) == arbitrate(goals)
    assert bounded(tuple(mixed)) == bounded(goals)


@given(portfolios)
def test_the_decider_has_the_first_priority_deadline_and_key(goals):
    decider = arbitrate(goals).decider
    for other in goals:
        if other.priority != decider.priority:
            assert decider.priority < other.priority
        elif other.deadline != decider.deadline:
            assert decider.deadline is not None
            assert other.deadline is None or decider.deadline < other.deadline
        else:
            assert decider.goal_id <= other.goal_id


@given(portfolios)
def test_no_factor_is_above_any_goals_max_factor(goals):
    assert bounded(goals) <= min(goal.max_factor for goal in goals)


@given(portfolios)
def test_the_factor_is_the_deciders_or_the_tightest_limit(goals):
    if any(goal.stops_trading for goal in goals):
        assert bounded(goals) == 0
    else:
        own = arbitrate(goals).deciding_factor.factor
        assert bounded(goals) == min(own, *(goal.max_factor for goal in goals))


@given(portfolios, newcomers)
def test_one_more_goal_never_lifts_a_limit(goals, newcomer):
    more = (*goals, newcomer)
    tightest = min(goal.max_factor for goal in goals)
    assert bounded(more) <= min(tightest, newcomer.max_factor)
    if any(goal.stops_trading for goal in goals):
        assert bounded(more) == 0


@given(portfolios, newcomers)
def test_one_more_goal_that_does_not_decide_only_lowers(goals, newcomer):
    more = (*goals, newcomer)
    if arbitrate(more).decider != newcomer:
        assert bounded(more) <= bounded(goals)


@given(portfolios, newcomers)
def test_a_goals_own_factor_does_not_depend_on_the_others(goals, newcomer):
    answer = {one.goal_id: one for one in arbitrate((*goals, newcomer)).factors}
    assert all(answer[goal.goal_id] == measure_goal_factor(goal) for goal in goals)


@given(portfolios)
def test_a_conflict_is_one_that_wants_more_and_one_that_wants_less(goals):
    wanted = [measure_goal_factor(goal).factor for goal in goals]
    assert arbitrate(goals).conflict is (min(wanted) < 1 < max(wanted))


@given(goals_of())
def test_a_goal_that_cannot_be_reached_never_asks_for_more_than_one(goal):
    factor = measure_goal_factor(goal)
    if not goal.reachable or goal.achieved:
        assert factor.factor <= 1


# The cases that people have


def answer(*goals):
    return {one.goal_id: one.factor for one in arbitrate(goals).factors}


def test_risk_against_return_the_nearer_deadline_decides_and_both_are_told():
    """An income goal nearly there, held at 0.8, beside a return goal far behind."""
    income = goal_state(1, "92", max_factor=Decimal("0.8"))
    growth = goal_state(2, "5", deadline=END + timedelta(days=270))
    decision = arbitrate((income, growth))
    assert decision.decider == income
    assert answer(income, growth) == {1: Decimal("0.7"), 2: Decimal("1.3")}
    assert decision.conflict
    assert bounded((income, growth)) == Decimal("0.7")


def test_risk_against_return_the_risk_goals_limit_holds_whoever_decides():
    income = goal_state(1, "92", max_factor=Decimal("0.8"), priority=9)
    growth = goal_state(2, "5", priority=1)
    assert arbitrate((income, growth)).decider == growth
    assert bounded((income, growth)) == Decimal("0.8")
    own = measure_goal_factor(growth)
    held = bounds_after(own.floored_factor, income, growth)
    assert held.reason == "held at goal 1's max_factor 0.8"


MONTH, QUARTER, YEAR = (
    datetime(2026, 2, 1, tzinfo=UTC),
    datetime(2026, 4, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("month", "quarter", "year", "factor"),
    [("10", "50", "90", "1.3"), ("50", "90", "10", "1"), ("90", "10", "10", "0.7")],
)
def test_a_month_inside_a_quarter_inside_a_year_decides(month, quarter, year, factor):
    goals = (
        goal_state(1, year, deadline=YEAR),
        goal_state(2, quarter, deadline=QUARTER),
        goal_state(3, month, deadline=MONTH),
    )
    assert arbitrate(goals).decider.goal_id == 3
    assert bounded(goals) == Decimal(factor)


def test_when_the_month_is_achieved_it_protects_and_the_quarter_does_not_decide():
    month = goal_state(3, "100", deadline=MONTH, achieved=True)
    quarter = goal_state(2, "10", deadline=QUARTER)
    assert arbitrate((month, quarter)).decider == month
    assert bounded((month, quarter)) == Decimal("0.5")


def test_a_year_that_is_more_important_overrules_the_month():
    month = goal_state(3, "10", deadline=MONTH)
    year = goal_state(1, "90", deadline=YEAR, priority=4)
    decision = arbitrate((month, year))
    assert decision.decider == year
    assert "it has the highest priority (4)" in decision.reason
    assert "they pull in different directions" in decision.reason


def test_periods_that_end_together_are_decided_by_the_lowest_key():
    """A month, a quarter and a year that end on 31 December."""
    goals = tuple(goal_state(n, "50", deadline=YEAR) for n in (9, 4, 6))
    assert arbitrate(goals).decider.goal_id == 4


def test_a_goal_that_cannot_be_reached_decides_one_and_still_limits():
    lost = goal_state(
        1, "-2000", reachable=False, priority=1, max_factor=Decimal("0.9")
    )
    behind = goal_state(2, "0")
    decision = arbitrate((lost, behind))
    assert decision.deciding_factor.policy_factor == 1
    assert bounded((lost, behind)) == Decimal("0.9")
    assert "can no longer be reached" in decision.reason


def test_min_factor_does_not_lift_a_goal_that_cannot_be_reached():
    lost = goal_state(
        1, "-2000", reachable=False, min_factor=Decimal("1.2"), max_factor=Decimal(2)
    )
    assert measure_goal_factor(lost).factor == 1


def test_each_of_fifty_goals_is_told_in_the_reason():
    goals = tuple(goal_state(n, str(n * 2)) for n in range(50))
    decision = arbitrate(goals)
    assert all(f"{n} wants" in decision.reason for n in range(50))
