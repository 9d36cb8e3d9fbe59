"""Policies are tables over (progress, time left)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.enums import AfterAchieved, PolicyName
from goals.policies import (
    AFTER_ACHIEVED_FACTORS,
    CONSTANT,
    DEFAULT_MAX_FACTOR,
    DEFAULT_MIN_FACTOR,
    HIGHEST_FACTOR,
    LADDER,
    LOWEST_FACTOR,
    PolicyTable,
    table_for,
)
from mastertrade.exceptions import NotSupported

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
    table = PolicyTable(
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


@pytest.mark.parametrize(
    ("name", "table"),
    [(PolicyName.LADDER, LADDER), (PolicyName.CONSTANT, CONSTANT)],
)
def test_a_policy_has_its_table(name, table):
    assert table_for(name) is table


@pytest.mark.parametrize("name", [PolicyName.PACE, PolicyName.DEADLINE_OPTIMAL])
def test_a_policy_without_a_table_is_not_supported(name):
    with pytest.raises(NotSupported, match=name):
        table_for(name)


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
