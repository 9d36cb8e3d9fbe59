"""Properties of edges, policies and forecasts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goals.projection import (
    estimate_edge,
    fan,
    is_unreachable,
    project,
    required_growth,
    solve_deadline_policy,
    suggest,
    tilt,
)


def make_edge(count=100, win=0.42):
    wins = round(count * win)
    return estimate_edge([0.02] * wins + [-0.01] * (count - wins))


def solve(trades=12, goal=0.05, upper=1.5, monotone=False, win=0.42):
    factors = np.linspace(0.3, upper, 9)
    chances = [1 - win, win]
    return solve_deadline_policy(
        [-1, 2], chances, 0.01, trades, goal, factors, nodes=300, monotone=monotone
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 25), st.floats(0.03, 0.2), st.floats(0.2, 0.6))
def test_more_progress_and_more_trades_never_make_it_less_probable(trades, goal, win):
    reached = solve(trades, goal, win=win).probabilities

    assert (np.diff(reached, axis=1) >= -1e-9).all()
    assert (np.diff(reached, axis=0) >= -1e-9).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 20), st.floats(0.03, 0.15))
def test_a_wider_choice_of_factors_is_never_worse(trades, goal):
    narrow, wide = ([0.3, 0.7, 1.0], [0.3, 0.7, 1.0, 1.5])
    values = [
        solve_deadline_policy([-1, 2], [0.6, 0.4], 0.01, trades, goal, some, nodes=2000)
        for some in (narrow, wide)
    ]

    assert values[1].value >= values[0].value - 0.003


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 25), st.floats(0.03, 0.2), st.floats(0.2, 0.6))
def test_a_monotone_factor_never_grows_with_progress(trades, goal, win):
    factors = solve(trades, goal, monotone=True, win=win).factors

    assert (np.diff(factors, axis=1) <= 0).all()


@given(st.floats(-0.009, 0.019))
def test_a_tilt_gives_the_wanted_mean(mean):
    values, weights = tilt(
        np.array([-0.01, 0.0, 0.02]), np.array([0.5, 0.1, 0.4]), mean
    )

    assert values @ weights == pytest.approx(mean, abs=1e-9)
    assert weights.sum() == pytest.approx(1)


def test_few_trades_say_nothing():
    assert estimate_edge([0.01] * 19) is None
    assert make_edge(20).low_confidence
    assert not make_edge(100).low_confidence


def test_the_mean_is_shrunk_towards_nothing_and_less_so_with_more_trades():
    few, many = make_edge(50), make_edge(500)

    assert 0 < few.shrunk_mean < many.shrunk_mean < many.bounds.mean
    assert few.growths @ few.probabilities == pytest.approx(few.shrunk_mean)


def test_the_band_holds_the_probability_and_narrows_with_more_trades():
    asked = {"trades_left": 50, "goal_return": 0.05, "stop_loss": 0.2}
    few = project(make_edge(50), 1.0, **asked)
    many = project(make_edge(5_000), 1.0, **asked)

    for one in (few, many):
        assert one.low <= one.probability <= one.high
    assert many.high - many.low < few.high - few.low
    assert project(make_edge(50), 1.0, **asked) == few


def test_a_goal_beyond_the_best_of_luck_is_unreachable():
    edge = make_edge()

    asked = {"max_factor": 1.3, "goal_return": 0.5}
    assert "Not even 5 trades" in is_unreachable(edge, trades_left=5, **asked)
    assert "probability" in is_unreachable(edge, trades_left=30, **asked)
    assert is_unreachable(edge, trades_left=400, **asked) is None


def test_a_suggestion_makes_the_goal_as_probable_as_not():
    edge = make_edge()
    asked = {"trades_left": 20, "goal_return": 0.1}
    assert project(edge, 1.0, **asked).probability < 0.4

    found = suggest(edge, 1.0, **asked)

    later = asked | {"trades_left": found.trades_left}
    lower = asked | {"goal_return": found.goal_return}
    assert project(edge, 1.0, **later).probability == pytest.approx(0.5, abs=0.03)
    assert project(edge, 1.0, **lower).probability == pytest.approx(0.5, abs=0.06)


def test_a_fan_opens_with_time():
    walks = fan(make_edge(), 1.0, trades_left=20, goal_return=0.1, paths=2_000)

    assert walks.fan.shape == (21, 5)
    assert (np.diff(walks.fan, axis=1) >= 0).all()


def test_required_growth_is_what_is_left_by_what_is_left():
    assert required_growth(10, 0.1) == pytest.approx(np.log(1.1) / 10)
    assert required_growth(0, 0.1) is None
    assert required_growth(0, 0.1, 1.1) == 0
