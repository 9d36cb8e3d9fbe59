"""The deadline policy beside what is known exactly."""

from fractions import Fraction
from math import exp, log
from statistics import NormalDist

import numpy as np
import pytest

from goals.projection.deadline import solve_deadline_policy
from goals.projection.evaluate import evaluate_policy
from goals.projection.simulation import simulate_policy
from mastertrade.values.exceptions import InvalidInput

FACTORS = np.linspace(0.3, 1.5, 25)
POINT = 0.005


def best_on_lattice(ups, chances, trades, goal, stop):
    """The exact probability on whole steps, by fractions."""
    value = {place: Fraction(0) for place in range(-stop + 1, goal)}

    def read(place):
        if place >= goal:
            return Fraction(1)
        return Fraction(0) if place <= -stop else value[place]

    for _ in range(trades):
        value = {
            place: sum(c * read(place + up) for up, c in zip(ups, chances, strict=True))
            for place in value
        }
    return value[0]


@pytest.mark.parametrize("trades", [1, 20, 60])
def test_a_lattice_is_solved_exactly(trades):
    unit, goal, stop = 0.01, 4, 8
    chances = [Fraction(2, 5), Fraction(3, 5)]
    exact = float(best_on_lattice([2, -1], chances, trades, goal, stop))
    outcomes = [exp(2 * unit) - 1, exp(-unit) - 1]

    solved = solve_deadline_policy(
        outcomes,
        [0.4, 0.6],
        1.0,
        trades,
        exp(goal * unit) - 1,
        [1.0],
        1 - exp(-stop * unit),
    )

    assert solved.probability == pytest.approx(exact, abs=1e-6)


@pytest.mark.slow
def test_many_small_trades_come_near_the_closed_form_of_browne():
    """P* = Phi(Phi^-1(x / b) + theta * sqrt(trades)), factors without a bound."""
    trades, theta, risk = 240, 0.1, 0.002
    up = NormalDist().cdf(0) + theta / 2
    goal = 0.03
    floor = 0.05
    share = floor / (floor + goal)
    closed = NormalDist().cdf(NormalDist().inv_cdf(share) + theta * trades**0.5)

    wide = [
        solve_deadline_policy(
            [1, -1],
            [up, 1 - up],
            risk,
            trades,
            goal,
            np.linspace(0.1, upper, 25),
            floor,
        ).probability
        for upper in (1.5, 4.0)
    ]

    assert wide[0] < wide[1] <= closed + POINT
    assert wide[1] == pytest.approx(closed, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("monotone", [False, True])
@pytest.mark.parametrize("stop", [None, 0.1])
def test_a_million_walks_end_as_solved(monotone, stop):
    question = ([-1, 2], [0.6, 0.4], 0.01, 40, 0.05)
    solved = solve_deadline_policy(
        *question, FACTORS, stop, 1.0 if stop else 0.0, monotone=monotone
    )

    walks = simulate_policy(solved, *question, stop, paths=1_000_000)

    assert walks.probability == pytest.approx(solved.probability, abs=0.003)
    assert walks.stop_probability == pytest.approx(solved.stop_probability, abs=0.003)


@pytest.mark.parametrize("monotone", [False, True])
def test_a_solved_policy_evaluates_to_its_own_probability(monotone):
    question = ([-1, 2], [0.6, 0.4], 0.01, 30, 0.05)
    solved = solve_deadline_policy(*question, FACTORS, 0.1, 1.0, monotone=monotone)

    outcome = evaluate_policy(solved, *question, 0.1)

    assert outcome.probability == pytest.approx(solved.probability, abs=1e-9)
    assert outcome.value(1.0) == pytest.approx(solved.value, abs=1e-9)


def test_finer_grids_change_little():
    question = ([-1, 2], [0.6, 0.4], 0.01, 20, 0.03)

    usual = solve_deadline_policy(*question, FACTORS)
    fine = solve_deadline_policy(*question, FACTORS, nodes=6_000)

    assert usual.probability == pytest.approx(fine.probability, abs=POINT / 2)


def test_where_every_factor_is_as_good_it_is_one():
    solved = solve_deadline_policy([-1, 1], [0.5, 0.5], 0.01, 3, 0.25, FACTORS)

    assert solved.factors[:, solved.grid.today] == pytest.approx(1.0)
    assert solved.probability == 0


@pytest.mark.parametrize(
    ("equity", "probability", "stopped"), [(1.05, 1, 0), (0.9, 0, 1), (0.5, 0, 1)]
)
def test_at_the_goal_and_at_the_stop_it_is_over(equity, probability, stopped):
    solved = solve_deadline_policy(
        [-1, 2], [0.6, 0.4], 0.01, 10, 0.05, FACTORS, 0.1, 1.0, equity
    )

    assert (solved.probability, solved.stop_probability) == (probability, stopped)
    assert solved.value == probability - stopped


def test_without_trades_left_nothing_is_reached():
    solved = solve_deadline_policy([-1, 2], [0.6, 0.4], 0.01, 0, 0.05, FACTORS)

    assert solved.probability == 0
    assert solved.factors.shape[0] == 1


def test_a_factor_of_zero_may_wait():
    solved = solve_deadline_policy([-1, 2], [0.6, 0.4], 0.01, 10, 0.05, [0, 1], 0.1)

    assert 0 < solved.probability < 1


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("outcomes", {"outcomes": []}),
        ("outcomes", {"outcomes": [float("nan"), 1]}),
        ("outcomes", {"outcomes": [[1, 2]]}),
        ("probabilities", {"probabilities": [0.5, 0.4]}),
        ("probabilities", {"probabilities": [-0.5, 1.5]}),
        ("probabilities", {"probabilities": [1.0]}),
        ("base_risk", {"base_risk": 0}),
        ("base_risk", {"base_risk": float("nan")}),
        ("trades_left", {"trades_left": -1}),
        ("goal_return", {"goal_return": 0}),
        ("goal_return", {"goal_return": float("inf")}),
        ("factors", {"factors": []}),
        ("factors", {"factors": [-0.1, 1]}),
        ("stop_loss", {"stop_loss": 1}),
        ("stop_loss", {"stop_loss": -1}),
        ("stop_penalty", {"stop_penalty": -1}),
        ("stop_penalty", {"stop_penalty": float("nan")}),
        ("equity", {"equity": 0}),
    ],
)
def test_what_makes_no_sense_is_named(field, changed):
    question = {
        "outcomes": [-1, 2],
        "probabilities": [0.6, 0.4],
        "base_risk": 0.01,
        "trades_left": 10,
        "goal_return": 0.05,
        "factors": [1.0],
    }

    with pytest.raises(InvalidInput) as refused:
        solve_deadline_policy(**(question | changed))

    assert refused.value.field == field


def test_the_goal_is_touched_by_a_step_that_just_reaches_it():
    goal = exp(2 * log(1.02)) - 1

    outcome = evaluate_policy(1.0, [2.0], [1.0], 0.01, 2, goal)

    assert outcome.probability == pytest.approx(1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "stop", "penalty", "equity", "value"),
    [
        (([-1, 5], [0.8, 0.2], 0.005, 480, 0.25), 0.03, 0.5, 0.99, 0.3960),
        (
            (
                [-1, -0.5, 0.3, 1, 6],
                [0.45, 0.2, 0.1, 0.1, 0.15],
                *(0.005, 480, 0.25),
            ),
            *(0.03, 1.0, 0.99, 0.9241),
        ),
        (([-1, 2], [0.6, 0.4], 0.005, 80, 0.1), 0.045, 1.0, 1.0, 0.6040),
    ],
)
def test_a_near_stop_is_told_as_by_a_grid_of_twenty_thousand_nodes(
    question, stop, penalty, equity, value
):
    """The values are those of an induction of its own kind, interpolated alone."""
    outcomes, chances, risk, trades, goal = question
    solved = solve_deadline_policy(
        *(outcomes, chances, risk, trades, goal, FACTORS),
        stop_loss=stop,
        stop_penalty=penalty,
        equity=equity,
    )

    assert solved.value == pytest.approx(value, abs=0.003)
