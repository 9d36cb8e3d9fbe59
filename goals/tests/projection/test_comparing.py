"""Comparing policies by simulation: against induction, the guard, the record."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from goals.decisions.policies import PolicyName, constant, ladder
from goals.enums import AfterAchieved
from goals.projection.comparison import (
    GuardKind,
    Question,
    StartingRecord,
    _draw_all,
    _guard,
    compare,
)
from goals.projection.comparison_cases import CASES, find_case
from goals.projection.comparison_policies import make_policies
from goals.projection.deadline import solve_deadline_policy
from goals.projection.evaluate import evaluate_policy
from mastertrade.values.exceptions import InvalidInput


def question(name="modest-edge", **changes):
    asked = Question(CASES[name].at_risk(0.01), trades=30, goal_return=0.05)
    return replace(asked, **changes)


def by_name(results):
    return {(one.policy, one.guarded): one for one in results}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_simulation_agrees_with_the_induction(name):
    for one in compare(question(name), paths=20_000, seed=3):
        if one.exact is not None:
            # Four standard errors, and half a point for the induction's grid.
            error = 4 * (0.25 / 20_000) ** 0.5 + 0.006
            assert one.probability == pytest.approx(one.exact, abs=error), one


def test_a_fixed_guard_is_worked_out_by_induction_and_a_growing_one_is_not():
    fixed = by_name(
        compare(question("no-edge", guard=GuardKind.FIXED), paths=5_000, seed=1)
    )
    growing = by_name(compare(question("no-edge"), paths=100, seed=1))
    ladder = fixed[PolicyName.LADDER, True]
    assert ladder.exact == pytest.approx(ladder.probability, abs=0.03)
    assert growing[PolicyName.LADDER, True].exact is None


def test_the_same_seed_gives_the_same_figures_and_another_one_others():
    first, again, other = (
        compare(question(), paths=2_000, seed=seed) for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_the_record_changes_no_walk_without_the_guard():
    short, long = (
        by_name(compare(question(record=StartingRecord(n)), paths=1_000, seed=1))
        for n in (0, 400)
    )
    assert short[PolicyName.LADDER, False] == long[PolicyName.LADDER, False]
    assert short[PolicyName.LADDER, True] != long[PolicyName.LADDER, True]


def test_a_known_record_is_every_walks_past():
    known = StartingRecord(
        50, growths=np.append(np.full(30, 0.02), np.full(20, -0.005))
    )
    asked = question(record=known)
    past = next(_draw_all(asked, 10, 1)).pasts
    assert past.trades == 50
    assert past.total.tolist() == [pytest.approx(0.5)]
    boldest = np.full(10, 1.3)
    passed = _guard(asked, boldest, past)
    held = _guard(asked, boldest, replace(past, total=-past.total))
    assert set(passed) == {1.3}
    assert set(held) == {1.0}


def test_the_guard_changes_nothing_for_factors_up_to_1():
    results = by_name(compare(question("negative-edge"), paths=2_000, seed=1))
    free, held = (results[PolicyName.CONSTANT, guarded] for guarded in (False, True))
    assert replace(held, guarded=False, exact=free.exact) == free
    assert held.held_share == 0


@pytest.mark.slow
def test_after_the_goal_a_walk_goes_on_as_after_achieved_says():
    ends = {
        after: by_name(
            compare(question("strong-edge", after_achieved=after), paths=4_000, seed=1)
        )[PolicyName.CONSTANT, False]
        for after in AfterAchieved
    }
    chances = {one.probability for one in ends.values()}
    assert len(chances) == 1
    stop, protect, go_on = (
        ends[AfterAchieved(n)].mean_end for n in ("stop", "protect", "continue")
    )
    assert stop < protect < go_on


def test_no_policy_trades_on_beyond_the_stop():
    asked = question("negative-edge", trades=200, stop_loss=0.1)
    lowest = 0.9 * (1 - 0.013)
    for one in compare(asked, paths=500, seed=1):
        assert one.stop_probability > 0.3
        assert one.low_end >= lowest


def test_the_ladder_and_constant_are_the_live_tables():
    asked = question()
    policies = make_policies(asked)
    equity = 1 + np.array([-0.2, 0, 0.0149999, 0.015, 0.03, 0.0399999, 0.04, 0.049])
    for table, name in (
        (ladder.TABLE, PolicyName.LADDER),
        (constant.TABLE, PolicyName.CONSTANT),
    ):
        progress = np.round((equity - 1) / asked.goal_return * 100, 6)
        live = [float(table.factor(one)) for one in progress]
        assert policies[name](10, equity).tolist() == live


@pytest.mark.parametrize(
    ("progress", "lowest", "highest"),
    [(39.9, 1.0, 1.3), (40, 0.95, 1.05), (50, 0.5, 1.05), (80, 0.5, 1.0)],
)
def test_the_pace_policy_stays_inside_its_limits(progress, lowest, highest):
    equity = np.array([1 + 0.05 * progress / 100])
    assert make_policies(question())[PolicyName.PACE](1, equity)[0] == pytest.approx(
        highest
    )
    assert make_policies(question())[PolicyName.PACE](4_000, equity)[
        0
    ] == pytest.approx(lowest)
    assert make_policies(question("negative-edge"))[PolicyName.PACE](1, equity)[
        0
    ] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["modest-edge", "no-edge", "negative-edge"])
def test_a_stop_does_not_make_monotone_factors_worse_than_a_constant_one(name):
    chances = CASES[name].at_risk(0.01)
    world = (list(chances.values), list(chances.probabilities), 0.01, 40, 0.05)
    factors = list(np.linspace(0.5, 1.3, 25))
    solved = solve_deadline_policy(
        *world, factors, stop_loss=0.2, stop_penalty=1.0, monotone=True
    )
    assert solved.value > evaluate_policy(1.0, *world, 0.2).value(1.0) + 0.03


@pytest.mark.slow
@pytest.mark.parametrize("name", ["modest-edge", "no-edge", "negative-edge"])
def test_no_other_policy_is_worth_more_than_deadline_optimal(name):
    results = by_name(compare(question(name, trades=40), paths=20_000, seed=1))

    def worth(policy):
        one = results[policy, False]
        return one.exact - one.stop_probability

    best = worth(PolicyName.DEADLINE_OPTIMAL)
    assert all(worth(name) <= best + 0.01 for name in PolicyName)


@pytest.mark.slow
def test_being_bigger_when_behind_without_an_edge_reaches_more_and_loses_more():
    results = by_name(compare(question("negative-edge"), paths=20_000, seed=1))
    ladder, base = (
        results[name, False] for name in (PolicyName.LADDER, PolicyName.CONSTANT)
    )
    assert ladder.probability > base.probability + 0.03
    assert ladder.mean_end < base.mean_end
    assert ladder.deep_fall_probability > base.deep_fall_probability + 0.03
    held = results[PolicyName.LADDER, True]
    assert held.deep_fall_probability < ladder.deep_fall_probability - 0.03


@pytest.mark.parametrize(
    ("field", "changes", "paths", "seed"),
    [
        ("trades", {"trades": 0}, 1, 1),
        ("trades_left", {"trades": 10_001}, 1, 1),
        ("goal_return", {"goal_return": 0.0}, 1, 1),
        ("stop_loss", {"stop_loss": 1.0}, 1, 1),
        ("min_factor", {"min_factor": 0.05}, 1, 1),
        ("max_factor", {"max_factor": float("nan")}, 1, 1),
        ("min_factor", {"min_factor": 1.2, "max_factor": 1.1}, 1, 1),
        ("record", {"record": StartingRecord(-1)}, 1, 1),
        ("paths", {}, 0, 1),
        ("paths", {"trades": 10_000}, 20_001, 1),
        ("seed", {}, 1, -1),
    ],
)
def test_what_makes_no_sense_is_named(field, changes, paths, seed):
    with pytest.raises(InvalidInput) as refused:
        compare(question(**changes), paths=paths, seed=seed)
    assert refused.value.field == field


@pytest.mark.slow
def test_many_trades_are_induced_several_at_once_in_little_memory():
    """One by one, 10,000 trades take 2.6 GB and give 0.92152."""
    tracemalloc.start()
    results = by_name(compare(question("modest-edge", trades=2_000), paths=10, seed=1))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 150e6
    one_by_one = evaluate_policy(
        1.0, [2, -1], [11 / 30, 19 / 30], 0.01, 2_000, 0.05, 0.2, nodes=2_000
    )
    found = results[PolicyName.CONSTANT, False].exact
    assert found == pytest.approx(one_by_one.probability, abs=0.005)


def test_an_unknown_case_lists_those_there_are():
    with pytest.raises(InvalidInput, match="no-edge"):
        find_case("luck")


def test_each_case_has_the_edge_that_it_names():
    means = {
        name: round(
            sum(o * p for o, p in zip(case.outcomes, case.probabilities, strict=True)),
            9,
        )
        for name, case in CASES.items()
    }
    for name, case in CASES.items():
        assert f"{means[name]:+g} R" in case.meaning or means[name] == 0
