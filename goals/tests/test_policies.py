"""Policies are tables over (progress, time left)."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from goals.decisions.policies import (
    AFTER_ACHIEVED_FACTORS,
    CONSTANT,
    DEFAULT_MAX_FACTOR,
    DEFAULT_MIN_FACTOR,
    HIGHEST_FACTOR,
    LADDER,
    LOWEST_FACTOR,
    POLICY_VERSIONS,
    FactorTable,
    pace_factor,
)
from goals.enums import AfterAchieved, PolicyName
from goals.projection.goal_path import GoalPath
from goals.projection.policy_functions import GoalPolicy

progresses = st.decimals(
    min_value=Decimal(-99_999_999), max_value=Decimal(99_999_999), places=6
)
time_left = st.decimals(min_value=Decimal(0), max_value=Decimal(1), places=6)


@pytest.mark.parametrize(
    ("progress", "factor"),
    [
        ("-99999999", "1.3"),
        ("-20", "1.3"),
        ("-0", "1.3"),
        ("0", "1.3"),
        ("29.999999", "1.3"),
        ("30", "1.0"),
        ("79.999999", "1.0"),
        ("80", "0.7"),
        ("99.999999", "0.7"),
    ],
)
def test_the_ladder_is_larger_behind_and_smaller_near_the_target(progress, factor):
    assert LADDER.factor(Decimal(progress)) == Decimal(factor)


@given(st.tuples(progresses, progresses), time_left)
def test_the_ladder_never_grows_with_progress(pair, left):
    low, high = sorted(pair)
    assert LADDER.factor(high, left) <= LADDER.factor(low, left)


@given(progresses, time_left, time_left)
def test_the_ladder_does_not_ask_for_the_time_left(progress, one, other):
    assert LADDER.factor(progress, one) == LADDER.factor(progress, other)


@given(progresses, time_left)
def test_the_constant_policy_is_always_one(progress, left):
    assert CONSTANT.factor(progress, left) == 1


def test_a_table_is_asked_by_time_left_and_progress():
    table = FactorTable(
        name=PolicyName.PACE,
        version="test",
        progress_floors_pct=(Decimal(50),),
        factors=(
            (Decimal("0.1"), Decimal("0.2")),
            (Decimal("0.3"), Decimal("0.4")),
        ),
        time_left_floors=(Decimal(0), Decimal("0.5")),
    )
    asked = [
        table.factor(Decimal(progress), Decimal(left))
        for left in ("0", "0.499999", "0.5", "1")
        for progress in ("49.999999", "50")
    ]
    assert asked == [Decimal(f"0.{n}") for n in (1, 2, 1, 2, 3, 4, 3, 4)]


def test_every_policy_has_a_version():
    assert set(POLICY_VERSIONS) == set(PolicyName)
    assert len(set(POLICY_VERSIONS.values())) == len(PolicyName)


LOW, HIGH = Decimal("0.5"), Decimal("1.3")


def pace(progress, need, edge, low=LOW, high=HIGH):
    return pace_factor(
        Decimal(progress),
        Decimal(need),
        Decimal(edge),
        min_factor=Decimal(low),
        max_factor=Decimal(high),
    )


@pytest.mark.parametrize(
    ("progress", "slow", "fast"),
    [
        ("-50", "1", "1.3"),
        ("0", "1", "1.3"),
        ("39.999999", "1", "1.3"),
        ("40", "0.95", "1.05"),
        ("49.999999", "0.95", "1.05"),
        ("50", "0.5", "1.05"),
        ("79.999999", "0.5", "1.05"),
        ("80", "0.5", "1"),
        ("99.999999", "0.5", "1"),
    ],
)
def test_the_pace_policy_stays_inside_the_limits_of_its_progress(progress, slow, fast):
    assert pace(progress, "-1", "0.001") == Decimal(slow)
    assert pace(progress, "0", "0.001") == Decimal(slow)
    assert pace(progress, "1", "0.001") == Decimal(fast)


@pytest.mark.parametrize("progress", ["-50", "0", "39.999999", "40", "50", "80", "99"])
@pytest.mark.parametrize("edge", ["0", "-0.000000000001", "-1"])
@pytest.mark.parametrize("need", ["-1", "0", "1"])
def test_without_an_edge_nothing_is_sped_up(progress, edge, need):
    assert pace(progress, need, edge) == 1


def test_the_pace_strives_for_half_as_much_again_as_is_needed():
    assert pace("10", "0.0008", "0.001") == Decimal("1.2")
    assert pace("60", "0.0004", "0.001") == Decimal("0.6")
    assert pace("60", "0.001", "0.003") == Decimal("0.5")
    assert pace("10", "0.001", "0.0012345") == Decimal("1.2151")


@pytest.mark.parametrize(
    ("progress", "low", "high", "factor"),
    [("0", "0.5", "0.8", "0.8"), ("90", "1.2", "2", "1.2"), ("45", "1.1", "2", "1.1")],
)
def test_a_goals_own_bounds_win_over_the_paces_limits(progress, low, high, factor):
    assert pace(progress, "0.001", "0.001", low, high) == Decimal(factor)


growths = st.decimals(min_value=Decimal(-1), max_value=Decimal(1), places=12)
bounds = st.tuples(
    st.decimals(min_value=LOWEST_FACTOR, max_value=HIGHEST_FACTOR, places=4),
    st.decimals(min_value=LOWEST_FACTOR, max_value=HIGHEST_FACTOR, places=4),
).map(sorted)


@given(progresses, growths, growths, bounds)
def test_the_pace_never_leaves_the_goals_bounds(progress, need, edge, between):
    low, high = between
    assert low <= pace(progress, need, edge, low, high) <= high


@given(progresses, st.tuples(growths, growths).map(sorted), growths, bounds)
def test_who_needs_more_is_never_given_less(progress, needs, edge, between):
    less, more = needs
    given_less = pace(progress, less, edge, *between)
    assert given_less <= pace(progress, more, edge, *between)


@given(
    progresses,
    st.decimals(min_value=Decimal("0.0001"), max_value=1, places=6),
    growths,
    bounds,
    st.integers(1, 200),
)
def test_the_projection_walks_the_same_pace(progress, goal_return, edge, between, left):
    way = GoalPath(goal_return, max(1 + goal_return * progress / 100, Decimal("0.01")))
    at = way.progress_at(np.array([float(way.equity)]))
    near = [abs(at[0] - floor) < 0.001 for floor in (40, 50, 80, 100)]
    assume(not any(near) and at[0] < 100)
    low, high = between
    policy = GoalPolicy(
        PolicyName.PACE, way, low, high, AfterAchieved.PROTECT, edge=edge
    )
    walked = policy.as_function()(left, np.array([float(way.equity)]))[0]
    need = way.need(Decimal(left))
    answer = pace(Decimal(str(at[0])), need, edge, low, high)
    assert walked == pytest.approx(float(answer), abs=1.01e-4)


@pytest.mark.parametrize(
    ("after", "factor"),
    [
        (AfterAchieved.PROTECT, "0.5"),
        (AfterAchieved.CONTINUE, "1.0"),
        (AfterAchieved.STOP, "0"),
    ],
)
def test_what_happens_after_success(after, factor):
    assert AFTER_ACHIEVED_FACTORS[after] == Decimal(factor)


def test_the_bounds_of_every_factor():
    bounds = LOWEST_FACTOR, DEFAULT_MIN_FACTOR, DEFAULT_MAX_FACTOR, HIGHEST_FACTOR
    assert bounds == (Decimal("0.1"), Decimal("0.5"), Decimal("1.3"), Decimal(2))
