"""Streaks next to independence: trades drawn in their order."""

import numpy as np
import pytest

from goals.projection.edge import estimate_edge
from goals.projection.mixture import Walked
from goals.projection.streaks import Streaks, draw_blocks, measure_streaks
from goals.projection.trades_left import TradesLeft

ASKED = {"goal_return": 0.05, "stop_loss": 0.1, "reads_time": False}


def measure(growths: np.ndarray, **more) -> Streaks:
    edge = estimate_edge(growths)
    return measure_streaks(
        edge,
        1.0,
        probability=0.4,
        trades_left=TradesLeft(40),
        **{**ASKED, **more},
    )


def test_wins_and_losses_in_long_runs_reach_a_far_goal_more_often() -> None:
    runs = np.tile(np.repeat([0.01, -0.01], 10), 15)
    mixed = np.random.default_rng(4).permutation(runs)
    in_runs, alone = measure(runs), measure(mixed)
    assert in_runs.difference > 0.1
    assert in_runs.probability == pytest.approx(0.4 + in_runs.difference)
    assert in_runs.words is not None
    assert "more often" in in_runs.words
    assert abs(alone.difference) < 0.05
    assert (alone.differ, alone.words) == (False, None)


def test_a_win_after_each_loss_reaches_it_less_often() -> None:
    found = measure(np.tile([0.01, -0.01], 150))
    assert found.difference < -0.1
    assert found.words is not None
    assert "less often" in found.words


def test_the_same_seed_gives_the_same_streaks() -> None:
    growths = np.random.default_rng(2).normal(0, 0.01, 100)
    assert measure(growths, seed=1) == measure(growths, seed=1)
    assert measure(growths, seed=1) != measure(growths, seed=2)


def test_blocks_follow_the_record_round_and_are_as_long_as_asked() -> None:
    places = draw_blocks(np.random.default_rng(1), 50, (400, 200), 5.0)
    follows = (places[1:] - places[:-1]) % 50 == 1
    # A fifth begin anew, of which one in 50 is the next one by chance.
    assert follows.mean() == pytest.approx(0.8 + 0.2 / 50, abs=0.01)
    assert np.bincount(places.ravel(), minlength=50).min() > 1_000


def test_a_policy_that_reads_the_time_left_is_compared_with_its_own_chance() -> None:
    """A constant size in disguise differs as the constant size does."""
    runs = np.tile(np.repeat([0.01, -0.01], 10), 15)
    edge = estimate_edge(runs)
    left = TradesLeft(40)
    own = Walked(1.0, 0.05, 0.1).chance(edge.tilted(edge.shrunk_mean), left, nodes=400)
    found = [
        measure_streaks(
            edge,
            lambda _, equity: np.ones_like(equity),
            probability=own,
            trades_left=left,
            goal_return=0.05,
            stop_loss=0.1,
            reads_time=reads_time,
        ).difference
        for reads_time in (False, True)
    ]
    assert found[0] == pytest.approx(found[1], abs=0.005)
