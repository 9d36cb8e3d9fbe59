"""Several goals, one decision."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.arbitration import (
    GoalState,
    arbitrate,
    measure_goal_factor,
    say_factor,
)
from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved, ProgressBand

END = datetime(2026, 4, 1, tzinfo=UTC)


def goal_state(goal_id=1, progress="0", **fields):
    return GoalState(
        **{
            "goal_id": goal_id,
            "progress_pct": Decimal(progress),
            "achieved": False,
            "priority": 5,
            "deadline": END,
            "policy": PolicyName.LADDER,
            "min_factor": Decimal("0.5"),
            "max_factor": Decimal("1.3"),
            "after_achieved": AfterAchieved.PROTECT,
            **fields,
        }
    )


goal_states = st.builds(
    goal_state,
    goal_id=st.integers(1, 10_000),
    progress=st.decimals(min_value=Decimal(-200), max_value=Decimal(200), places=6),
    priority=st.integers(1, 10),
    deadline=st.none() | st.datetimes(timezones=st.just(UTC)),
)


def decider_of(*goals):
    """The decider, the same in whatever order the goals come."""
    deciders = {arbitrate(order).decider.goal_id for order in permutations(goals)}
    assert len(deciders) == 1
    return deciders.pop()


def test_the_highest_priority_decides():
    goals = (
        goal_state(1, priority=2, deadline=END),
        goal_state(2, priority=1, deadline=END + timedelta(days=9)),
        goal_state(3, priority=10, deadline=END),
    )
    assert decider_of(*goals) == 2


def test_among_equal_priorities_the_nearest_deadline_decides():
    goals = (
        goal_state(1, deadline=END + timedelta(microseconds=1)),
        goal_state(2, deadline=END),
        goal_state(3, deadline=END + timedelta(days=9)),
    )
    assert decider_of(*goals) == 2


def test_a_goal_without_a_deadline_comes_last_among_equals():
    goals = goal_state(1, deadline=None), goal_state(2, deadline=END)
    assert decider_of(*goals) == 2


def test_among_equal_deadlines_the_lowest_key_decides():
    assert decider_of(goal_state(7), goal_state(3), goal_state(5)) == 3


def test_among_goals_without_a_deadline_the_lowest_key_decides():
    assert decider_of(goal_state(2, deadline=None), goal_state(1, deadline=None)) == 1


@given(st.lists(goal_states, min_size=1, max_size=6, unique_by=lambda g: g.goal_id))
def test_the_order_of_the_goals_does_not_matter(goals):
    assert arbitrate(tuple(goals)) == arbitrate(tuple(reversed(goals)))


@given(st.lists(goal_states, min_size=1, max_size=6, unique_by=lambda g: g.goal_id))
def test_every_goal_tells_its_own_factor(goals):
    answer = {factor.goal_id for factor in arbitrate(tuple(goals)).factors}
    assert answer == {goal.goal_id for goal in goals}


def test_a_single_goal_needs_no_explanation_of_why_it_decides():
    assert arbitrate((goal_state(4, "10"),)).reason == (
        "goal 4 is at 10 % of the way (below 30 %): the ladder policy gives 1.3"
    )


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (goal_state(2, priority=6), "it has the highest priority (5)"),
        (
            goal_state(2, deadline=None),
            "it has the nearest deadline among equal priorities",
        ),
        (goal_state(2), "it has the lowest key among equals"),
    ],
)
def test_the_reason_says_why_the_winner_won(other, words):
    assert words in arbitrate((goal_state(1), other)).reason


@pytest.mark.parametrize(
    ("progress", "conflict"), [("10", False), ("50", False), ("90", True)]
)
def test_larger_against_smaller_is_a_conflict(progress, conflict):
    goals = goal_state(1, "0"), goal_state(2, progress)
    assert arbitrate(goals).conflict is conflict


def test_the_reason_tells_of_a_conflict():
    goals = goal_state(1, "0"), goal_state(2, "90")
    assert "pull in different directions" in arbitrate(goals).reason


@pytest.mark.parametrize(
    ("progress", "factor"),
    [("29.999999", "1.3"), ("30", "1"), ("79.999999", "1"), ("80", "0.7")],
)
def test_a_goals_own_factor_is_what_its_policy_gives(progress, factor):
    assert measure_goal_factor(goal_state(progress=progress)).factor == Decimal(factor)


@pytest.mark.parametrize(
    ("progress", "low", "high", "factor"),
    [
        ("0", "0.5", "1.1", "1.1"),
        ("90", "0.9", "1.3", "0.9"),
        ("0", "0.1", "0.4", "0.4"),
    ],
)
def test_a_policys_factor_is_clipped_to_the_goals_bounds(progress, low, high, factor):
    goal = goal_state(
        progress=progress, min_factor=Decimal(low), max_factor=Decimal(high)
    )
    assert measure_goal_factor(goal).factor == Decimal(factor)


@given(goal_states)
def test_no_factor_lies_outside_its_goals_bounds(goal):
    factor = measure_goal_factor(goal).factor
    assert goal.min_factor <= factor <= goal.max_factor


@pytest.mark.parametrize(
    ("after", "factor"), [("protect", "0.5"), ("continue", "1"), ("stop", "0")]
)
def test_an_achieved_goal_wants_what_it_should_want_after_success(after, factor):
    goal = goal_state(
        progress="100", achieved=True, after_achieved=AfterAchieved(after)
    )
    assert measure_goal_factor(goal).factor == Decimal(factor)


def test_an_achieved_goal_stays_achieved_when_it_falls_back():
    goal = goal_state(progress="10", achieved=True)
    assert measure_goal_factor(goal).factor == Decimal("0.5")


def test_min_factor_never_lifts_the_protection_of_an_achieved_goal():
    goal = goal_state(progress="120", achieved=True, min_factor=Decimal("0.9"))
    assert measure_goal_factor(goal).factor == Decimal("0.5")


def test_max_factor_holds_an_achieved_goal_that_continues():
    goal = goal_state(
        progress="120",
        achieved=True,
        min_factor=Decimal("0.1"),
        max_factor=Decimal("0.4"),
        after_achieved=AfterAchieved.CONTINUE,
    )
    assert measure_goal_factor(goal).factor == Decimal("0.4")


@pytest.mark.parametrize(
    ("achieved", "version"), [(False, "ladder-1"), (True, "after-achieved-protect")]
)
def test_the_version_of_what_decided_is_told(achieved, version):
    assert measure_goal_factor(goal_state(achieved=achieved)).policy_version == version


def test_a_standing_knows_its_band():
    assert goal_state(progress="80").band is ProgressBand.NEAR_TARGET


def test_min_factor_does_not_lift_the_frozen_factor_of_an_unreachable_goal():
    goal = goal_state(min_factor=Decimal("1.2"), unreachable="too far")
    own = measure_goal_factor(goal)
    assert (own.factor, own.floored_factor) == (1, 1)
    assert "lifted" not in say_factor(goal)
