"""Trades left as a random number, and the chance that is the mixture over them."""

import numpy as np
import pytest

from goals.projection.edge import estimate_edge
from goals.projection.evaluate import evaluate_policy
from goals.projection.mixture import Walked
from goals.projection.trades_left import TradesLeft, measure_dispersion
from goals.projection.types import Floats
from mastertrade.values.exceptions import InvalidInput
from tests.examples import crossed

GOAL, STOP = 0.03, 0.1


@pytest.mark.parametrize("expected", [0.3, 4.0, 40.0, 700.0])
@pytest.mark.parametrize("dispersion", [1.0, 3.0])
def test_a_count_has_its_mean_and_variance_between_its_quantiles(
    expected: float, dispersion: float
) -> None:
    generator = np.random.default_rng(3)
    if dispersion == 1:
        drawn = generator.poisson(expected, 200_000)
    else:
        size = expected / (dispersion - 1)
        drawn = generator.negative_binomial(size, 1 / dispersion, 200_000)
    numbers, weights = TradesLeft(expected, dispersion).chances()
    low, high = np.quantile(drawn, [0.01, 0.99])
    assert numbers[0] == pytest.approx(low, abs=1 + 0.01 * low)
    assert numbers[-1] == pytest.approx(max(high, 1), abs=1 + 0.01 * high)
    kept = drawn[(drawn >= numbers[0]) & (drawn <= numbers[-1])]
    assert weights @ numbers == pytest.approx(kept.mean(), rel=0.02)
    assert weights.sum() == pytest.approx(1)


def test_one_trade_counts_however_seldom_it_is_expected() -> None:
    assert TradesLeft(1e-6).chances()[0].tolist() == [0, 1]
    assert TradesLeft(0).chances()[0].tolist() == [0]


@pytest.mark.parametrize(("expected", "dispersion"), [(-1, 1), (10_000, 1), (4, 0.9)])
def test_a_count_that_makes_no_sense_is_refused(
    expected: float, dispersion: float
) -> None:
    with pytest.raises(InvalidInput):
        TradesLeft(expected, dispersion)


def test_dispersion_is_the_variance_of_counts_by_their_mean_in_equal_windows() -> None:
    counts = [0, 8, 0, 8, 0, 8, 0, 8, 0, 8]
    ended = [
        day + (n + 0.5) / 10 for day, count in enumerate(counts) for n in range(count)
    ]
    ended.append(0.001)  # the first trade begins the record
    counts[0] += 1
    found = measure_dispersion(ended, 1.0, 10.0)
    expected = np.var(counts[1:] + counts[:1], ddof=1) / np.mean(counts)
    assert found == pytest.approx(expected, rel=0.15)
    assert measure_dispersion(np.arange(100) / 10, 1.0, 10.0) == 1.0
    assert measure_dispersion(ended[:7], 1.0, 10.0) == 1.0


def test_windows_are_shorter_where_fewer_than_eight_fit() -> None:
    ended = np.repeat(np.arange(8.0), 6)[::2] + 0.01  # three a day for eight days
    assert measure_dispersion(ended, 30.0, 8.0) == measure_dispersion(ended, 1.0, 8.0)


@crossed("expected, dispersion, reads_time", [2, 12, 40], [1.0, 4.0], [True, False])
def test_the_chance_is_the_mixture_over_the_trades_left(
    expected: int, dispersion: float, reads_time: bool
) -> None:
    """Held against one induction for each number of trades."""
    edge = estimate_edge(np.random.default_rng(1).normal(0.001, 0.01, 300))
    assert edge is not None
    drawn = edge.tilted(edge.shrunk_mean)

    def policy(left: int, equity: Floats) -> Floats:
        pace = 0.002 * left if reads_time else 0.04
        return np.clip((1.04 - equity) / pace, 0.5, 1.3)

    left = TradesLeft(expected, dispersion)
    exact = 0.0
    for number, weight in zip(*left.chances(), strict=True):
        ahead = expected - int(number)

        def shifted(trades: int, equity: Floats, ahead: int = ahead) -> Floats:
            return policy(max(trades + ahead, 1), equity)

        asked = (*drawn, 1.0, int(number), GOAL, STOP)
        exact += weight * evaluate_policy(shifted, *asked, nodes=400).probability
    walked = Walked(policy, GOAL, STOP, reads_time=reads_time)
    found = walked.chance(drawn, left, nodes=400)
    assert found == pytest.approx(exact, abs=0.003)


def test_a_walk_that_may_end_sooner_is_worth_less_than_its_expected_number() -> None:
    edge = estimate_edge([-0.01, 0.02] * 50)
    assert edge is not None
    drawn = edge.tilted(edge.shrunk_mean)
    walked = Walked(1.0, 0.1, reads_time=False)
    known, random, wide = (
        walked.chance(drawn, left, nodes=400)
        for left in (40, TradesLeft(40), TradesLeft(40, 6))
    )
    assert known > random > wide
