"""Policies: their factors by progress, edge and trades left, in both forms."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from goals.decisions.policies import (
    AFTER_ACHIEVED_FACTORS,
    DEFAULT_MAX_FACTOR,
    DEFAULT_MIN_FACTOR,
    HIGHEST_FACTOR,
    LOWEST_FACTOR,
    PolicyName,
    constant,
    ladder,
)
from goals.decisions.policies.base import ArrayInputs, PolicyInputs, SolvedFactor
from goals.decisions.policies.pace import PACE_LIMITS, pace_factor
from goals.decisions.progress import BAND_FLOORS_PCT
from goals.enums import AfterAchieved
from goals.projection.goal_path import GoalPath
from goals.projection.policy_functions import GoalPolicy
from mastertrade.values.money import ONE

progresses = st.decimals(
    min_value=Decimal(-99_999_999), max_value=Decimal(99_999_999), places=6
)


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
    assert ladder.TABLE.factor(Decimal(progress)) == Decimal(factor)


@given(st.tuples(progresses, progresses))
def test_the_ladder_never_grows_with_progress(pair):
    low, high = sorted(pair)
    assert ladder.TABLE.factor(high) <= ladder.TABLE.factor(low)


@given(progresses)
def test_the_constant_policy_is_always_one(progress):
    assert constant.TABLE.factor(progress) == 1


@pytest.mark.parametrize("policy", PolicyName)
def test_a_policy_reads_time_where_its_factors_move_with_the_trades_left(policy):
    equity = np.linspace(0.9, 1.04, 30)
    few, many = (
        policy.rule.ask_arrays(
            ArrayInputs(
                progress_pct=(equity - 1) * 2_000,
                equity=equity,
                trades_left=left,
                goal_return=Decimal("0.05"),
                min_factor=LOW,
                max_factor=HIGH,
                edge=Decimal("0.002"),
                table=TableOfBoth(),
                trades_a_row=1.0,
            )
        )
        for left in (2, 40)
    )
    assert policy.rule.reads_time == (not np.array_equal(few, many))


def test_every_policy_has_a_version_of_its_own():
    versions = {policy.rule.version for policy in PolicyName}
    assert len(versions) == len(PolicyName)


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


# A solved table may answer by equity alone; that is enough to be asked in both forms.
class TableOfBoth:
    def factors_at(self, trades_left, equity, *seen):
        return np.round(equity / 2 + trades_left / 1_000, 4)


@pytest.mark.parametrize("policy", list(PolicyName))
@given(
    progress=st.decimals(min_value=-50, max_value=99, places=3),
    goal_return=st.decimals(min_value=Decimal("0.0001"), max_value=1, places=6),
    edge=growths,
    between=bounds,
    left=st.integers(1, 200),
    known=st.booleans(),
)
def test_the_projection_walks_the_policy_that_decides(
    policy, progress, goal_return, edge, between, left, known
):
    low, high = between
    way = GoalPath(goal_return, max(1 + goal_return * progress / 100, Decimal("0.01")))
    equity = np.array([float(way.equity)])
    at = Decimal(str(way.progress_at(equity)[0]))
    floors = [*BAND_FLOORS_PCT.values(), *(floor for floor, *_ in PACE_LIMITS[1:])]
    assume(at < 100 and all(abs(at - floor) > Decimal("0.001") for floor in floors))
    table = TableOfBoth()
    solved = Decimal(str(table.factors_at(left, equity)[0]))
    decided = policy.rule.ask(
        PolicyInputs(
            progress_pct=at,
            min_factor=low,
            max_factor=high,
            need=way.need(Decimal(left)) if known else None,
            edge=edge if known else None,
            trades_left=Decimal(left),
            equity=way.equity,
            solved=SolvedFactor(solved, ONE, "hash", "test") if known else None,
        )
    )
    walked = policy.rule.ask_arrays(
        ArrayInputs(
            progress_pct=np.array([float(at)]),
            equity=equity,
            trades_left=left,
            goal_return=goal_return,
            min_factor=low,
            max_factor=high,
            edge=edge if known else None,
            table=table if known else None,
            trades_a_row=1.0,
        )
    )
    if decided is None or walked is None:
        assert decided is None
        assert walked is None
    else:
        asked, array = min(max(decided.factor, low), high), walked[0]
        array = np.clip(array, float(low), float(high))
        assert array == pytest.approx(float(asked), abs=1.01e-4)


@pytest.mark.parametrize(
    ("left", "trades"),
    [
        ("0.034", "less than 0.1 trades left"),
        ("0.97", "0.97 trades left"),
        ("0.5", "0.5 trades left"),
        ("12.34", "12.3 trades left"),
    ],
)
def test_a_reason_says_what_the_probability_assumes_of_less_than_one_trade(
    left, trades
):
    goal = PolicyInputs(
        progress_pct=ONE,
        min_factor=LOW,
        max_factor=HIGH,
        need=Decimal("0.01"),
        edge=Decimal("0.005"),
        trades_left=Decimal(left),
        solved=SolvedFactor(ONE, Decimal("0.3191"), "hash", "test"),
    )
    solved = PolicyName.DEADLINE_OPTIMAL.rule.ask(goal).why
    assert ("if one trade more is made: P 31.91 %" in solved) == (Decimal(left) < 1)
    for gives in (solved, PolicyName.PACE.rule.ask(goal).why):
        assert gives.endswith(f" {trades})")


@pytest.mark.parametrize("policy", [PolicyName.PACE, PolicyName.DEADLINE_OPTIMAL])
def test_a_policy_without_what_it_needs_is_walked_as_the_ladder(policy):
    way = GoalPath(Decimal("0.05"), Decimal("1.001"))
    equity = np.linspace(0.9, 1.04, 30)
    walked, expected = (
        GoalPolicy(name, way, LOW, HIGH, AfterAchieved.PROTECT).as_function()(5, equity)
        for name in (policy, PolicyName.LADDER)
    )
    assert walked.tolist() == expected.tolist()


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
