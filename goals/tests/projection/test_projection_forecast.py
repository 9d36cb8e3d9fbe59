"""The projection of an edge: its band, what is unreachable, what is offered instead."""

from typing import Any

import numpy as np
import pytest

from goals.projection.edge import Edge, estimate_edge
from goals.projection.evaluate import evaluate_policy
from goals.projection.forecast import (
    fan,
    project_policy,
    required_growth,
    why_unreachable,
)
from goals.projection.mixture import Walked
from goals.projection.suggestions import suggest
from mastertrade.values.exceptions import InvalidInput


def make_edge(trades: int = 100, win: float = 0.02) -> Edge:
    """Of half -1 % and half the win."""
    edge = estimate_edge([-0.01, win] * (trades // 2))
    assert edge is not None
    return edge


def test_fewer_than_twenty_trades_are_no_edge() -> None:
    assert estimate_edge([-0.01, 0.02] * 9 + [0.01]) is None
    assert estimate_edge([-0.01, 0.02] * 10) is not None


def test_the_distribution_has_the_shrunk_mean() -> None:
    edge = make_edge(40)
    mean = float(edge.growths @ edge.probabilities)
    assert mean == pytest.approx(edge.shrunk_mean)
    assert 0 < edge.shrunk_mean < edge.bounds.mean


def test_the_band_holds_the_probability_and_narrows_with_trades() -> None:
    few = project_policy(make_edge(40), 1.0, trades_left=60, goal_return=0.1)
    many = project_policy(make_edge(1_000), 1.0, trades_left=60, goal_return=0.1)
    for found in (few, many):
        assert 0 <= found.low <= found.probability <= found.high <= 1
    assert many.high - many.low < few.high - few.low


def test_the_bands_ends_are_chances_at_the_bounds_of_the_unshrunk_mean() -> None:
    edge = make_edge(40)
    error = edge.bounds.deviation / 40**0.5
    found = project_policy(edge, 1.0, trades_left=60, goal_return=0.1)
    for end, side in ((found.low, -1), (found.high, 1)):
        mean = edge.bounds.mean + side * 1.2815516 * error
        exact = evaluate_policy(
            1.0,
            *edge.tilted(min(mean, edge.shrunk_mean) if side < 0 else mean),
            1.0,
            60,
            0.1,
        )
        assert end == pytest.approx(exact.probability, abs=0.01)


def test_a_band_is_widened_to_hold_the_chance_at_the_shrunk_mean() -> None:
    edge = estimate_edge([0.01, 0.011] * 10 + [-0.002])
    assert edge is not None
    assert edge.bounds.mean - 1.2816 * edge.standard_error > edge.shrunk_mean
    assert edge.lowest_mean == edge.shrunk_mean
    found = project_policy(edge, 1.0, trades_left=10, goal_return=0.1)
    assert found.low == found.probability <= found.high


def test_the_probability_is_that_of_the_policy() -> None:
    edge = make_edge()

    def ladder(left: int, equity: Any) -> Any:
        return np.where(equity < 1.03, 1.3, 1.0)

    found = project_policy(edge, ladder, trades_left=40, goal_return=0.1, stop_loss=0.1)
    answer = evaluate_policy(
        ladder, edge.growths, edge.probabilities, 1.0, 40, 0.1, 0.1, nodes=2_000
    )
    assert found.probability == pytest.approx(answer.probability, abs=0.01)


def test_a_goal_that_the_best_trades_cannot_bring_is_unreachable() -> None:
    edge = make_edge()
    reason = why_unreachable(edge, trades_left=3, goal_return=0.1, max_factor=1.3)
    assert reason is not None
    assert "3 trades like the best" in reason
    # Three of 2 % at factor 1.3 make 8.0 %.
    assert (1 + 0.02 * 1.3) ** 3 < 1.081


def test_a_goal_far_above_the_band_is_unreachable() -> None:
    reason = why_unreachable(make_edge(), trades_left=60, goal_return=0.9)
    assert reason is not None
    assert reason.endswith(" %, below 5 %")
    found = project_policy(make_edge(), 1.0, trades_left=60, goal_return=0.9)
    assert found.unreachable_reason
    assert found.unreachable_reason == reason


@pytest.mark.parametrize(
    ("probability", "shown"),
    [
        (0.0213, "2.13 %, below 5 %"),
        (0.0499999, "4.99999 %, below 5 %"),
        (0.0004, "0.04 %, below 5 %"),
        (1e-300, "less than 0.01 %"),
    ],
)
def test_an_upper_end_below_the_limit_is_shown_below_it_and_never_as_zero(
    probability: float, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Walked, "chance", lambda *_, **__: probability)
    reason = why_unreachable(make_edge(), trades_left=60, goal_return=0.9)
    assert reason is not None
    assert reason.endswith(f"the probability is {shown}")


def test_a_goal_within_reach_is_not_looked_at_any_closer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("evaluated")

    monkeypatch.setattr(Walked, "chance", refuse)
    edge = make_edge()
    assert why_unreachable(edge, trades_left=60, goal_return=0.05) is None
    assert why_unreachable(edge, trades_left=0, goal_return=0.1, equity=1.1) is None


def test_required_growth() -> None:
    assert required_growth(10, 0.1, 1.0) == pytest.approx(np.log(1.1) / 10)
    assert required_growth(10, 0.1, 1.2) == 0
    assert required_growth(0, 0.1, 1.0) is None


def test_what_is_suggested_is_as_probable_as_not() -> None:
    edge = make_edge()
    found = suggest(edge, lambda *_: 1.0, trades_left=30, goal_return=0.3)
    assert found.trades_left is not None
    assert found.goal_return is not None
    assert found.trades_left > 30
    assert found.goal_return < 0.3
    later = project_policy(edge, 1.0, trades_left=found.trades_left, goal_return=0.3)
    lower = project_policy(edge, 1.0, trades_left=30, goal_return=found.goal_return)
    assert later.probability == pytest.approx(0.5, abs=0.03)
    assert lower.probability == pytest.approx(0.5, abs=0.03)


def test_nothing_is_suggested_where_nothing_helps() -> None:
    edge = make_edge(win=0.005)
    assert edge.shrunk_mean < 0
    found = suggest(
        edge, lambda *_: 1.0, trades_left=30, goal_return=0.3, most_trades=100
    )
    assert found.trades_left is None
    nothing_left = suggest(
        edge, lambda *_: 1.0, trades_left=0, goal_return=0.3, most_trades=50
    )
    assert nothing_left.goal_return is None


def test_the_fan_spreads_from_today_on() -> None:
    walks = fan(make_edge(), 1.0, trades_left=30, goal_return=0.1, paths=2_000)
    assert walks.fan is not None
    assert walks.fan.shape == (31, 5)
    assert (walks.fan[0] == 1.0).all()
    assert (np.diff(walks.fan, axis=1) >= 0).all()
    same = fan(make_edge(), 1.0, trades_left=30, goal_return=0.1, paths=2_000)
    assert (walks.fan == same.fan).all()


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("trades_left", -1),
        ("goal_return", 0.0),
        ("equity", -1.0),
        ("stop_loss", 1.5),
        ("max_factor", 0.0),
    ],
)
def test_what_makes_no_sense_is_named(argument: str, wrong: float) -> None:
    question: dict[str, Any] = {"trades_left": 10, "goal_return": 0.1}
    with pytest.raises(InvalidInput) as caught:
        project_policy(make_edge(), 1.0, **{**question, argument: wrong})
    assert caught.value.field == argument
