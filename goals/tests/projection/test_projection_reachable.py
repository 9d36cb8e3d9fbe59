"""One factor for always and few outcomes: against every way there is."""

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.projection.deadline import solve_deadline_policy
from goals.projection.evaluate import evaluate_policy

Walk = tuple[float, float]


def count_ways(
    outcomes: list[float],
    chances: list[float],
    risk: float,
    trades: int,
    goal: float,
    stop: float | None,
    equity: float,
) -> Walk:
    """Every sequence of outcomes, one by one, in plain numbers."""
    reached = stopped = 0.0
    for path in product(range(len(outcomes)), repeat=trades):
        at = equity
        chance = prod(chances[place] for place in path)
        for place in path:
            at *= 1 + risk * outcomes[place]
            if at >= (1 + goal) * (1 - 1e-11):
                reached += chance
                break
            if stop is not None and at <= (1 - stop) * (1 + 1e-11):
                stopped += chance
                break
    return reached, stopped


@st.composite
def questions(draw: st.DrawFn) -> tuple:
    outcomes = draw(
        st.lists(
            st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.7, 1.0, 1.5, 2.0, 3.0]),
            min_size=2,
            max_size=4,
            unique=True,
        )
    )
    parts = [draw(st.integers(1, 9)) for _ in outcomes]
    chances = [part / sum(parts) for part in parts]
    risk = draw(st.sampled_from([0.005, 0.01, 0.02]))
    goal = draw(
        st.one_of(
            st.sampled_from([0.03, 0.05, 0.25]),
            # Exactly so many wins away: hit, or missed, by a binary fraction.
            st.integers(1, 4).map(lambda wins: (1 + risk) ** wins - 1),
        )
    )
    stop = draw(st.sampled_from([None, 0.02, 0.05]))
    equity = draw(st.sampled_from([1.0, 0.99, 1.005]))
    return outcomes, chances, risk, draw(st.integers(1, 6)), goal, stop, equity


@given(questions())
def test_a_constant_factor_is_worth_what_all_ways_together_are(asked: tuple) -> None:
    outcomes, chances, risk, trades, goal, stop, equity = asked
    reached, stopped = count_ways(*asked)
    question = (outcomes, chances, risk, trades, goal)
    for found in (
        evaluate_policy(1.0, *question, stop, equity),
        evaluate_policy(lambda _, at: np.ones(at.shape), *question, stop, equity),
        solve_deadline_policy(*question, [1.0], stop, 0.5, equity),
        solve_deadline_policy(*question, [1.0], stop, 0.5, equity, monotone=True),
    ):
        if equity >= (1 + goal) * (1 - 1e-11):
            assert found.probability == 1
            continue
        assert found.probability == pytest.approx(reached, abs=1e-9)
        assert found.stop_probability == pytest.approx(stopped, abs=1e-9)


def test_two_wins_that_hit_the_goal_exactly_touch_it() -> None:
    # 1.02 · 1.02 is the goal; nothing but two wins of two leads there.
    question = ([-1, 2], [0.6, 0.4], 0.01, 2, 1.02**2 - 1)
    solved = solve_deadline_policy(*question, [1.0])
    assert solved.probability == pytest.approx(0.16, abs=1e-12)
    assert solved.value == solved.probability


@pytest.mark.parametrize("trades", [20, 100, 480])
@pytest.mark.parametrize("wins", [0.4, 0.55])
def test_many_trades_of_two_outcomes_are_counted_by_their_wins(
    trades: int, wins: float
) -> None:
    needed = round(trades * 0.45)
    rise, fall = np.log(1.02), np.log(0.99)
    goal = float(np.expm1(needed * rise + (trades - needed) * fall)) * (1 - 1e-9)
    # Ways that are not yet there, by the wins so far.
    open_ways = {0: 1.0}
    reached = 0.0
    for done in range(1, trades + 1):
        then: dict[int, float] = {}
        for count, chance in open_ways.items():
            for more, part in ((1, wins), (0, 1 - wins)):
                level = (count + more) * rise + (done - count - more) * fall
                if level >= np.log1p(goal):
                    reached += chance * part
                else:
                    then[count + more] = then.get(count + more, 0.0) + chance * part
        open_ways = then
    found = evaluate_policy(1.0, [-1, 2], [1 - wins, wins], 0.01, trades, goal)
    assert found.probability == pytest.approx(reached, rel=1e-9)


def test_a_trade_that_loses_everything_is_a_stop_where_there_is_one() -> None:
    question = ([-100, 1], [0.1, 0.9], 0.01, 3, 0.02)
    answer = evaluate_policy(1.0, *question, 0.9)
    assert answer.probability == pytest.approx(0.81)
    assert answer.stop_probability == pytest.approx(0.19)
    assert evaluate_policy(1.0, *question).stop_probability == 0


@pytest.mark.parametrize("stop", [0.5, 0.9, 1 - 1e-6])
def test_a_stop_that_no_walk_comes_near_changes_nothing(stop: float) -> None:
    question = ([-1, 0.5, 2], [0.5, 0.2, 0.3], 0.01, 60, 0.1)
    factors = np.linspace(0.5, 1.3, 25)
    without = solve_deadline_policy(*question, factors, nodes=400)
    with_stop = solve_deadline_policy(*question, factors, stop, 1.0, nodes=400)
    assert with_stop.value == pytest.approx(without.value, abs=1e-4)
    assert with_stop.factor(30, 1 - stop - 1e-9)[0] == 1.0


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("goal", [0.05, 1e-6])
def test_a_goal_that_is_very_near_takes_no_larger_grid(
    distance: float, goal: float
) -> None:
    outcomes, chances = [-1.0, -0.3, 0.0, 0.7, 2.0], [0.2, 0.2, 0.2, 0.2, 0.2]
    equity = (1 + goal) * (1 - distance)
    question = (outcomes, chances, 0.01, 6, goal)
    reached, _ = count_ways(*question, 0.2, equity)
    answer = evaluate_policy(1.0, *question, 0.2, equity, nodes=400)
    assert answer.equity.size <= 1_000
    assert answer.probability == pytest.approx(reached, abs=1e-9)
    solved = solve_deadline_policy(
        *question, np.linspace(0.5, 1.3, 25), 0.2, 0.0, equity, nodes=400
    )
    assert solved.equity.size <= 1_000
    assert reached <= solved.probability + 0.005 <= 1.005


@pytest.mark.parametrize("goal", [1e-9, 1e-13, 1e-17, 1e-300])
def test_a_goal_that_is_hardly_any_is_solved(goal: float) -> None:
    solved = solve_deadline_policy(
        [-1, 2], [0.6, 0.4], 0.01, 5, goal, np.linspace(0.5, 1.3, 25), 0.2, 1.0
    )
    assert solved.equity.size <= 10_000
    assert 0.6 < solved.probability <= 1


@st.composite
def choices(draw: st.DrawFn) -> tuple:
    """A question, the factors to choose from, and what a stop costs."""
    outcomes, chances, risk, trades, goal, stop, equity = draw(questions())
    factors = draw(
        st.lists(
            st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0, 1.2, 1.5, 2.0]),
            min_size=2,
            max_size=4,
            unique=True,
        )
    )
    trades = min(trades, 3)
    penalty = draw(st.sampled_from([0.0, 0.5, 2.0]))
    return outcomes, chances, risk, trades, goal, factors, stop, penalty, equity


@given(choices())
def test_a_few_trades_with_a_choice_are_worth_what_the_best_way_is(
    asked: tuple,
) -> None:
    outcomes, chances, risk, trades, goal, factors, stop, penalty, equity = asked

    def best(left: int, at: float) -> float:
        if at >= (1 + goal) * (1 - 1e-11):
            return 1.0
        if stop is not None and at <= (1 - stop) * (1 + 1e-11):
            return -penalty
        if left == 0:
            return 0.0
        return max(
            sum(
                chance * best(left - 1, at * (1 + risk * factor * outcome))
                for outcome, chance in zip(outcomes, chances, strict=True)
            )
            for factor in factors
        )

    solved = solve_deadline_policy(*asked)
    assert solved.value == pytest.approx(best(trades, equity), abs=1e-9)
    assert solved.factor(trades, equity)[0] in (1.0, *factors)


def test_a_table_begins_with_the_factor_that_hits_the_goal_by_a_hair() -> None:
    # Of all factors 0.75 alone makes two wins the goal; between nodes it is missed.
    question = ([-1, 2], [0.6, 0.4], 0.01, 2, 1.015**2 - 1)
    solved = solve_deadline_policy(*question, [0.25, 0.75])
    assert solved.probability == pytest.approx(0.16, abs=1e-12)
    assert solved.factor(2, 1.0) == pytest.approx(0.75)
