"""The deadline's optimum against exact answers, closed forms and simulated walks."""

from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import comb
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goals.projection.deadline import DeadlinePolicy, solve_deadline_policy
from goals.projection.evaluate import evaluate_policy
from goals.projection.simulation import simulate_policy
from mastertrade.values.exceptions import InvalidInput

FACTORS = np.linspace(0.3, 1.5, 25)
WINS = ([-1.0, 2.0], [0.6, 0.4])
EVEN = ([-1.0, 1.0], [0.48, 0.52])
THREE = ([-1.0, 0.5, 3.0], [0.55, 0.25, 0.2])


def exact_optimum(
    outcomes: list[int],
    chances: list[Fraction],
    risk: Fraction,
    trades: int,
    goal: Fraction,
    factors: list[Fraction],
    stop: Fraction | None = None,
    penalty: int = 0,
) -> Fraction:
    """Over every equity there can be, in fractions: nothing is rounded."""

    @cache
    def value(left: int, equity: Fraction) -> Fraction:
        if equity >= 1 + goal:
            return Fraction(1)
        if stop is not None and equity <= 1 - stop:
            return Fraction(-penalty)
        if left == 0:
            return Fraction(0)
        return max(
            sum(
                (
                    chance * value(left - 1, equity * (1 + risk * factor * outcome))
                    for outcome, chance in zip(outcomes, chances, strict=True)
                ),
                Fraction(0),
            )
            for factor in factors
        )

    return value(trades, Fraction(1))


@pytest.mark.parametrize("wins", [Fraction(2, 5), Fraction(11, 20)])
@pytest.mark.parametrize("goal", [Fraction(1, 20), Fraction(3, 25)])
@pytest.mark.parametrize("stop", [None, Fraction(1, 20)])
@pytest.mark.slow
def test_six_trades_are_within_half_a_point_of_the_exact_optimum(
    wins: Fraction, goal: Fraction, stop: Fraction | None
) -> None:
    factors = [Fraction(3 + 3 * i, 10) for i in range(5)]
    question = ([-1, 2], [1 - wins, wins], Fraction(1, 100), 6, goal, factors, stop)
    exact = exact_optimum(*question, 0 if stop is None else 1)
    solved = solve_deadline_policy(
        [-1, 2],
        [float(1 - wins), float(wins)],
        0.01,
        6,
        float(goal),
        [float(factor) for factor in factors],
        None if stop is None else float(stop),
        0 if stop is None else 1,
    )
    assert solved.value == pytest.approx(float(exact), abs=0.005)


@pytest.mark.parametrize("wins", [Fraction(2, 5), Fraction(11, 20)])
def test_a_lattice_is_exact(wins: Fraction) -> None:
    """Steps of ln 1.01 up and down, the goal 5 of them above, the stop 4 below."""

    @cache
    def chances(left: int, place: int) -> tuple[Fraction, Fraction]:
        if place in (5, -4) or left == 0:
            return Fraction(place == 5), Fraction(place == -4)
        up, down = chances(left - 1, place + 1), chances(left - 1, place - 1)
        reached, stopped = (
            wins * u + (1 - wins) * d for u, d in zip(up, down, strict=True)
        )
        return reached, stopped

    outcomes, weights = [1 / 1.01 - 1, 0.01], [float(1 - wins), float(wins)]
    stop = 1 - 1.01**-4
    question = (outcomes, weights, 1.0, 40, 1.01**5 - 1)
    solved = solve_deadline_policy(*question, [1.0], stop)
    answer = evaluate_policy(1.0, *question, stop)
    reached, stopped = (float(chance) for chance in chances(40, 0))
    for found in (solved, answer):
        assert found.probability == pytest.approx(reached, abs=1e-9)
        assert found.stop_probability == pytest.approx(stopped, abs=1e-9)


def test_a_goal_that_is_a_sum_of_steps_is_touched_by_them() -> None:
    # 3 of ln 1.02 lead to it exactly; in binary fractions they miss it by a bit.
    solved = solve_deadline_policy([0, 1], [0.5, 0.5], 0.02, 20, 1.02**3 - 1, [1.0])
    wanted = 1 - sum(comb(20, heads) for heads in range(3)) / 2**20
    assert solved.probability == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("distribution", "risk", "trades", "goal", "stop", "penalty"),
    [
        (WINS, 0.01, 40, 0.1, None, 0.0),
        (EVEN, 0.01, 60, 0.05, 0.1, 1.0),
        (THREE, 0.02, 20, 0.15, 0.1, 1.0),
        (THREE, 0.005, 120, 0.1, 0.2, 0.0),
    ],
)
@pytest.mark.slow
def test_a_finer_grid_changes_little(
    distribution: Any,
    risk: float,
    trades: int,
    goal: float,
    stop: float | None,
    penalty: float,
) -> None:
    question = (*distribution, risk, trades, goal, FACTORS, stop, penalty)
    usual = solve_deadline_policy(*question)
    fine = solve_deadline_policy(*question, nodes=4_000)
    assert usual.value == pytest.approx(fine.value, abs=0.003)


@pytest.mark.parametrize(("trades", "theta"), [(400, 0.5), (100, 1.0)])
def test_it_nears_brownes_closed_form_as_bounds_widen(
    trades: int, theta: float
) -> None:
    """P* = Φ(Φ⁻¹((x - L) / (b - L)) + θ√τ), half way between L and b."""
    normal = NormalDist()
    closed = normal.cdf(normal.inv_cdf(0.5) + theta)
    drift = theta / trades**0.5
    tilt = drift / 2 / (1 + drift**2) ** 0.5
    found = []
    for widest in (5, 15, 60):
        factors = np.linspace(0, widest, 61) * 10 / trades**0.5
        chances = [0.5 - tilt, 0.5 + tilt]
        found.append(
            solve_deadline_policy(
                [-1, 1], chances, 0.0005, trades, 0.1, factors, 0.1, nodes=800
            ).value
        )
    assert found == sorted(found)
    assert found[-1] == pytest.approx(closed, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("monotone", [False, True])
@pytest.mark.parametrize(
    ("distribution", "risk", "trades", "goal", "stop", "penalty"),
    [
        (WINS, 0.01, 40, 0.1, None, 0.0),
        (EVEN, 0.01, 60, 0.05, 0.1, 1.0),
        (THREE, 0.02, 20, 0.15, 0.2, 1.0),
    ],
)
def test_a_million_walks_of_the_table_say_the_same(
    distribution: Any,
    risk: float,
    trades: int,
    goal: float,
    stop: float | None,
    penalty: float,
    monotone: bool,
) -> None:
    outcomes, chances = distribution
    question = (outcomes, chances, risk, trades, goal)
    solved = solve_deadline_policy(
        *question, FACTORS, stop_loss=stop, stop_penalty=penalty, monotone=monotone
    )
    walks = simulate_policy(solved, *question, stop_loss=stop, paths=1_000_000, seed=4)
    assert walks.probability == pytest.approx(solved.probability, abs=0.003)
    assert walks.stop_probability == pytest.approx(solved.stop_probability, abs=0.003)


@pytest.mark.parametrize("stop", [None, 0.1])
def test_evaluating_a_table_gives_its_own_chances(stop: float | None) -> None:
    solved = solve_deadline_policy(*WINS, 0.01, 40, 0.1, FACTORS, stop, 1.0)
    found = evaluate_policy(solved, *WINS, 0.01, 40, 0.1, stop)
    assert found.probability == pytest.approx(solved.probability, abs=1e-3)
    assert found.stop_probability == pytest.approx(solved.stop_probability, abs=1e-3)
    assert solved.value == pytest.approx(
        solved.probability - solved.stop_probability, abs=1e-12
    )


def test_no_constant_factor_is_better() -> None:
    for monotone in (False, True):
        solved = solve_deadline_policy(
            *WINS, 0.01, 40, 0.1, FACTORS, 0.1, 1.0, monotone=monotone
        )
        for factor in (0.3, 0.9, 1.5):
            other = evaluate_policy(factor, *WINS, 0.01, 40, 0.1, 0.1)
            assert solved.value >= other.value(1.0) - 0.003


def test_monotone_factors_never_grow_with_progress_and_cost_little() -> None:
    free = solve_deadline_policy(*WINS, 0.01, 60, 0.1, FACTORS)
    held = solve_deadline_policy(*WINS, 0.01, 60, 0.1, FACTORS, monotone=True)
    assert (np.diff(held.factors[1:], axis=1) <= 0).all()
    assert (np.diff(free.factors[1:], axis=1) > 0).any()
    assert free.value - 0.002 <= held.value <= free.value + 1e-9


def test_of_equally_good_factors_it_takes_the_nearest_to_one() -> None:
    hopeless = solve_deadline_policy(*EVEN, 0.001, 5, 0.2, FACTORS)
    assert hopeless.value == 0
    assert (hopeless.factor(5, 1.0) == 1.0).all()


def test_at_the_goal_and_at_the_stop_nothing_is_left_to_decide() -> None:
    solved = solve_deadline_policy(*WINS, 0.01, 20, 0.1, FACTORS, 0.1, 1.0)
    assert (solved.factor(7, np.array([0.9, 1.1, 1.2])) == 1.0).all()
    assert solved.probability_at(7, 1.1) == 1
    assert solved.probability_at(7, 0.9) == 0
    won = solve_deadline_policy(*WINS, 0.01, 20, 0.1, FACTORS, equity=1.1)
    lost = solve_deadline_policy(*WINS, 0.01, 20, 0.1, FACTORS, 0.1, 1.0, equity=0.9)
    assert (won.value, won.probability) == (1, 1)
    assert (lost.value, lost.stop_probability) == (-1, 1)


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.integers(2, 6))
    losses = draw(st.lists(st.floats(-1, -0.1), min_size=1, max_size=size))
    wins = draw(st.lists(st.floats(0.1, 4), min_size=1, max_size=size))
    weights = np.array(
        draw(
            st.lists(
                st.floats(0.1, 1),
                min_size=len(losses) + len(wins),
                max_size=len(losses) + len(wins),
            )
        )
    )
    return {
        "outcomes": losses + wins,
        "probabilities": weights / weights.sum(),
        "base_risk": draw(st.floats(0.002, 0.02)),
        "trades_left": draw(st.integers(1, 25)),
        "goal_return": draw(st.floats(0.03, 0.25)),
        "stop_loss": draw(st.sampled_from([None, 0.1, 0.2])),
        "nodes": 400,
    }


def solve(question: dict[str, Any], **others: Any) -> DeadlinePolicy:
    return solve_deadline_policy(**{"factors": FACTORS[::4], **question, **others})


@settings(max_examples=20, deadline=None)
@given(questions())
def test_the_chance_grows_with_progress_and_with_trades_left(
    question: dict[str, Any],
) -> None:
    solved = solve(question)
    assert (np.diff(solved.probabilities, axis=1) >= -2e-3).all()
    assert (np.diff(solved.probabilities, axis=0) >= -2e-3).all()
    assert 0 <= solved.probability <= 1
    assert 0 <= solved.stop_probability <= 1


@settings(max_examples=15, deadline=None)
@given(questions())
def test_the_chance_grows_with_the_largest_factor(question: dict[str, Any]) -> None:
    found = [
        solve(question, factors=np.linspace(0.3, most, 6), nodes=400).value
        for most in (0.8, 1.3, 2.0)
    ]
    for less, more in pairwise(found):
        assert less <= more + 0.01


@settings(max_examples=15, deadline=None)
@given(questions())
def test_monotone_tables_are_monotone(question: dict[str, Any]) -> None:
    held = solve(question, monotone=True, stop_penalty=1.0)
    assert (np.diff(held.factors[1:], axis=1) <= 0).all()


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("outcomes", []),
        ("outcomes", [-1.0, float("nan")]),
        ("probabilities", [0.6, 0.5]),
        ("probabilities", [1.2, -0.2]),
        ("probabilities", [1.0]),
        ("base_risk", 0.0),
        ("base_risk", float("inf")),
        ("outcomes", "ab"),
        ("base_risk", "a"),
        ("base_risk", None),
        ("trades_left", -1),
        ("trades_left", 1.5),
        ("trades_left", "5"),
        ("goal_return", None),
        ("stop_penalty", None),
        ("equity", "1"),
        ("nodes", 3),
        ("nodes", -1),
        ("nodes", float("nan")),
        ("trades_left", 10_001),
        ("goal_return", 0.0),
        ("factors", [-0.1, 1.0]),
        ("factors", []),
        ("stop_loss", 1.0),
        ("stop_loss", -1.0),
        ("stop_penalty", -1.0),
        ("equity", 0.0),
    ],
)
def test_what_makes_no_sense_is_named(argument: str, wrong: Any) -> None:
    question: dict[str, Any] = {
        "outcomes": [-1.0, 2.0],
        "probabilities": [0.6, 0.4],
        "base_risk": 0.01,
        "trades_left": 10,
        "goal_return": 0.1,
        "factors": FACTORS,
    }
    with pytest.raises(InvalidInput) as caught:
        solve_deadline_policy(**{**question, argument: wrong})
    assert caught.value.field == argument


@pytest.mark.parametrize("policy", [-1.0, None, "ab", lambda left, equity: equity[:1]])
def test_a_policy_that_gives_no_factors_is_refused(policy: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate_policy(policy, *WINS, 0.01, 10, 0.1)
    assert caught.value.field == "policy"


@pytest.mark.parametrize("monotone", [False, True])
def test_without_a_stop_its_penalty_is_of_no_account(monotone: bool) -> None:
    question = ([-1.0, 2.0], [0.72, 0.28], 0.01, 240, 0.1, FACTORS, None)
    free, penal = (
        solve_deadline_policy(*question, penalty, monotone=monotone, nodes=400)
        for penalty in (0.0, 1.0)
    )
    assert penal.value == penal.probability == free.probability
    assert (penal.factors == free.factors).all()
