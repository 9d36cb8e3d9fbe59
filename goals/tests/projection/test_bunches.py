"""Trades that were open at once are drawn together."""

import numpy as np
import pytest

from goals.projection.bunches import find_bunches
from goals.projection.edge import estimate_edge
from goals.projection.forecast import measure_chance
from goals.projection.mixture import Walked

DAYS, EACH = 60, 4


def record(correlation: float, seed: int = 1) -> tuple[np.ndarray, ...]:
    """Four trades a day, open all day together; growths of 1 % deviation."""
    generator = np.random.default_rng(seed)
    common = generator.normal(0, 1, (DAYS, 1)) * correlation**0.5
    own = generator.normal(0, 1, (DAYS, EACH)) * (1 - correlation) ** 0.5
    day = np.repeat(np.arange(DAYS, dtype=float), EACH)
    return (common + own).ravel() * 0.01, day, day + 0.9


def test_trades_one_after_another_are_no_bunch() -> None:
    at = np.arange(30.0)
    assert find_bunches(at, at, at + 1) is None
    assert find_bunches(at, at, at + 1.5) is not None


def test_a_bunch_is_what_was_opened_while_its_first_trade_was_open() -> None:
    opened = [0.0, 0.5, 3.0, 1.0, 3.2, *range(10, 60)]
    closed = [2.0, 0.6, 3.3, 9.0, 4.0, *(at + 0.5 for at in range(10, 60))]
    growths = [1.0, 2.0, 4.0, 8.0, 16.0, *[0.0] * 50]
    found = find_bunches(growths, opened, closed)
    assert found is not None
    assert found.growths[:2].tolist() == [11.0, 20.0]
    assert found.sizes[:2].tolist() == [3, 2]
    assert found.sizes.sum() == len(growths)


def test_a_record_that_was_open_all_the_time_is_ten_bunches() -> None:
    growths = np.random.default_rng(1).normal(0, 0.01, 200)
    found = find_bunches(growths, np.arange(200.0), np.full(200, 500.0))
    assert found is not None
    assert found.growths.size == 10


@pytest.mark.parametrize("correlation", [0.3, 0.6])
def test_bunches_are_as_probable_as_days_walked_together(correlation: float) -> None:
    """Against 40,000 walks of whole days, each touching at every trade's close."""
    growths, opened, closed = record(correlation)
    edge = estimate_edge(growths, opened, closed)
    assert edge is not None
    assert edge.trades_a_step == EACH
    walked = Walked(1.0, 0.05, 0.1, 1.0, EACH, False, nearer=edge.nearer)
    found = walked.chance(edge.tilted(edge.shrunk_mean), 60, nodes=800)
    generator = np.random.default_rng(2)
    days = growths.reshape(DAYS, EACH)
    days = days + (edge.shrunk_mean - days.mean())
    picked = days[generator.integers(0, DAYS, (40_000, 60 // EACH))]
    equity = np.cumprod(1 + picked.reshape(40_000, 60), axis=1)
    up = np.where((equity >= 1.05).any(axis=1), (equity >= 1.05).argmax(axis=1), 999)
    down = np.where((equity <= 0.9).any(axis=1), (equity <= 0.9).argmax(axis=1), 999)
    assert found == pytest.approx(float((up < down).mean()), abs=0.015)


@pytest.mark.parametrize("correlation", [0.3, 0.6])
def test_trades_that_lose_together_tell_less_of_the_edge(correlation: float) -> None:
    growths, opened, closed = record(correlation)
    alone, together = estimate_edge(growths), estimate_edge(growths, opened, closed)
    assert alone is not None
    assert together is not None
    assert together.shrunk_mean == alone.shrunk_mean
    expected = (1 + (EACH - 1) * correlation) ** 0.5
    grown = together.standard_error / alone.standard_error
    assert grown == pytest.approx(expected, rel=0.2)
    bands = [
        measure_chance(edge, 1.0, trades_left=60, goal_return=0.05)
        for edge in (alone, together)
    ]
    assert bands[1].high - bands[1].low > bands[0].high - bands[0].low
