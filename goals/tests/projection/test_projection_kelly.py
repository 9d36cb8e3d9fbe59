"""Kelly fractions against closed forms, and their bands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.projection.kelly import condense, maximise_growth, measure_kelly

SAMPLES = st.lists(
    st.floats(-0.5, 0.5, allow_subnormal=False), min_size=20, max_size=300
).map(np.array)


@pytest.mark.parametrize(("win", "chance"), [(1.0, 0.6), (2.0, 0.5), (0.5, 0.8)])
def test_of_a_bet_that_wins_or_loses_all_it_is_edge_by_odds(
    win: float, chance: float
) -> None:
    values = np.array([-1.0, win])
    found = maximise_growth(values, np.array([[1 - chance, chance]]))
    assert found[0] == pytest.approx((win * chance - (1 - chance)) / win, abs=1e-9)


def test_in_small_steps_both_fractions_are_near() -> None:
    growths = np.tile([0.0102, -0.01, 0.0001], 100)
    kelly = measure_kelly(growths)
    assert kelly is not None
    assert kelly.continuous == pytest.approx(growths.mean() / growths.var(ddof=1))
    assert kelly.fraction == pytest.approx(kelly.continuous, rel=0.02)


def test_there_is_none_below_twenty_trades() -> None:
    assert measure_kelly(np.tile([0.01, -0.005], 9)) is None
    assert measure_kelly(np.tile([0.01, -0.005], 10)) is not None


def test_a_record_that_loses_has_a_fraction_of_zero() -> None:
    kelly = measure_kelly(np.tile([0.01, -0.02], 50))
    assert kelly is not None
    assert (kelly.continuous, kelly.fraction) == (0, 0)


def test_without_a_loss_there_is_no_largest_size() -> None:
    kelly = measure_kelly(np.tile([0.01, 0.02], 50))
    assert kelly is not None
    assert (kelly.fraction, kelly.fraction_low, kelly.fraction_high) == (None,) * 3
    same = measure_kelly(np.full(50, 0.01))
    assert same is not None
    assert same.continuous is None


def test_the_band_narrows_as_trades_come_in() -> None:
    widths = []
    for times in (10, 100, 1000):
        kelly = measure_kelly(np.tile([0.02, 0.01, -0.012], times))
        assert kelly is not None
        assert kelly.fraction_low is not None
        assert kelly.fraction_high is not None
        widths.append(kelly.fraction_high - kelly.fraction_low)
    assert widths == sorted(widths, reverse=True)


@given(growths=SAMPLES)
def test_no_other_fraction_makes_the_sample_grow_faster(growths: np.ndarray) -> None:
    if growths.min() >= -1e-6:
        return
    values, counts = np.unique(growths, return_counts=True)
    weights = counts / counts.sum()
    best = float(maximise_growth(values, weights[np.newaxis])[0])
    grows = weights @ np.log1p(best * values)
    for other in np.linspace(0, -0.999 / values.min(), 50):
        assert weights @ np.log1p(other * values) <= grows + 1e-9


@given(growths=SAMPLES)
def test_the_same_sample_always_has_the_same_ordered_band(growths: np.ndarray) -> None:
    kelly = measure_kelly(growths)
    assert kelly is not None
    assert kelly == measure_kelly(growths[::-1])
    if kelly.fraction_low is not None and kelly.fraction_high is not None:
        assert 0 <= kelly.fraction_low <= kelly.fraction_high


@given(growths=SAMPLES)
def test_condensing_keeps_the_mean_the_worst_and_the_best(growths: np.ndarray) -> None:
    values, counts = condense(np.sort(growths))
    assert counts.sum() == growths.size
    assert values @ counts / counts.sum() == pytest.approx(growths.mean(), abs=1e-12)
    assert (values.min(), values.max()) == (growths.min(), growths.max())
