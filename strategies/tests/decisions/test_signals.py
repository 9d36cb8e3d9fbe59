"""The three strategies' signals: what they say, and that none knows the future."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.decisions.signals import (
    PARAMETER_RULES,
    PriceArrays,
    SignalKind,
    SignalParameterError,
    Signals,
    compute_signals,
    validate_parameters,
)

COLUMNS = ("enter_long", "exit_long", "enter_short", "exit_short")
SHORT_WARM_UP = {
    SignalKind.MOMENTUM: {},
    SignalKind.MEAN_REVERSION: {"trend_bars": 30},
    SignalKind.BREAKOUT: {},
}


def prices_from(closes: list[float] | np.ndarray) -> PriceArrays:
    close = np.asarray(closes, dtype=np.float64)
    return PriceArrays(high=close * 1.01, low=close * 0.99, close=close)


def random_walk(seed: int, length: int = 400) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(0.0003, 0.02, length)
    return 100 * np.exp(np.cumsum(steps))


def with_shorts(kind: SignalKind, prices: PriceArrays) -> Signals:
    return compute_signals(kind, prices, {**SHORT_WARM_UP[kind], "allow_short": True})


@pytest.mark.parametrize("kind", SignalKind)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 400))
def test_signals_of_the_first_bars_are_the_same_without_the_later_ones(kind, seed, cut):
    closes = random_walk(seed)

    whole = with_shorts(kind, prices_from(closes))
    part = with_shorts(kind, prices_from(closes[:cut]))

    for name in COLUMNS:
        expected = getattr(whole, name)[:cut]
        assert np.array_equal(getattr(part, name), expected), name


@pytest.mark.parametrize("kind", SignalKind)
def test_the_causality_test_sees_every_kind_of_signal(kind):
    signals = with_shorts(kind, prices_from(random_walk(1)))

    assert all(getattr(signals, name).any() for name in COLUMNS)


@pytest.mark.parametrize("kind", SignalKind)
def test_fewer_bars_than_the_warm_up_give_no_signal(kind):
    signals = with_shorts(kind, prices_from([100.0, 101.0, 99.0]))

    assert not any(getattr(signals, name).any() for name in COLUMNS)


@pytest.mark.parametrize("kind", SignalKind)
def test_one_bar_gives_no_signal(kind):
    signals = with_shorts(kind, prices_from([100.0]))

    assert not any(getattr(signals, name).any() for name in COLUMNS)


@pytest.mark.parametrize("kind", SignalKind)
def test_entries_come_on_the_first_bar_of_their_condition_only(kind):
    entries = with_shorts(kind, prices_from(random_walk(2))).enter_long

    assert not (entries[1:] & entries[:-1]).any()


@pytest.mark.parametrize("kind", SignalKind)
def test_scaling_all_prices_changes_no_signal(kind):
    closes = random_walk(3)

    plain = with_shorts(kind, prices_from(closes))
    scaled = with_shorts(kind, prices_from(closes / 8))

    assert np.array_equal(plain.enter_long, scaled.enter_long)


@pytest.mark.parametrize("kind", SignalKind)
def test_shorts_are_off_by_default(kind):
    signals = compute_signals(kind, prices_from(random_walk(4)), SHORT_WARM_UP[kind])

    assert not signals.enter_short.any()
    assert not signals.exit_short.any()


def test_breakout_enters_above_the_highest_high_of_the_bars_before():
    closes = [100.0] * 20 + [100.5, 102.0]  # highs: 101, 101.505

    signals = compute_signals(SignalKind.BREAKOUT, prices_from(closes))

    assert np.flatnonzero(signals.enter_long).tolist() == [21]


def test_breakout_leaves_below_the_lowest_low_of_ten_bars():
    closes = [100.0] * 10 + [99.5, 98.5]  # the lows before are 99

    signals = compute_signals(SignalKind.BREAKOUT, prices_from(closes))

    assert np.flatnonzero(signals.exit_long).tolist() == [11]


def test_mean_reversion_buys_the_dip_in_a_rising_market_and_sells_the_rebound():
    rising = np.linspace(100, 150, 220).tolist()
    closes = [*rising, 147.0, 144.0, 152.0]

    signals = compute_signals(SignalKind.MEAN_REVERSION, prices_from(closes))

    assert np.flatnonzero(signals.enter_long).tolist() == [220]
    assert signals.exit_long[222]


def test_mean_reversion_leaves_the_dip_alone_in_a_falling_market():
    closes = [*np.linspace(150, 100, 220).tolist(), 97.0, 94.0]

    signals = compute_signals(SignalKind.MEAN_REVERSION, prices_from(closes))

    assert not signals.enter_long.any()


def test_momentum_buys_when_a_fall_turns_into_a_rise():
    fall = 150 - 50 * np.linspace(0, 1, 80) ** 2  # ever steeper
    rise = np.linspace(102, 140, 20)

    signals = compute_signals(
        SignalKind.MOMENTUM, prices_from(np.concatenate([fall, rise]))
    )

    assert np.flatnonzero(signals.enter_long).tolist() == [81]


def test_momentum_buys_no_cross_without_strength():
    prices = prices_from(random_walk(6))

    any_strength = compute_signals(SignalKind.MOMENTUM, prices, {"strength_level": 0})
    strong = compute_signals(SignalKind.MOMENTUM, prices, {"strength_level": 25})

    weak = any_strength.enter_long & (any_strength.figures["strength"] < 25)
    assert weak.any()
    assert np.array_equal(strong.enter_long, any_strength.enter_long & ~weak)


def test_a_reason_quotes_the_figures_of_its_bar():
    closes = [100.0] * 20 + [100.5, 102.0]

    signals = compute_signals(SignalKind.BREAKOUT, prices_from(closes))

    assert (
        signals.reason("enter_long", 21)
        == "close 102 is above the channel's high 101.5"
    )


@pytest.mark.parametrize("kind", SignalKind)
@pytest.mark.parametrize("name", COLUMNS)
def test_every_signal_has_a_reason_in_words(kind, name):
    signals = with_shorts(kind, prices_from(random_walk(1)))
    index = int(np.flatnonzero(getattr(signals, name))[0])

    assert "nan" not in signals.reason(name, index)


@pytest.mark.parametrize("kind", SignalKind)
def test_the_defaults_are_valid(kind):
    values, allow_short = validate_parameters(kind, {})

    assert set(values) == set(PARAMETER_RULES[kind])
    assert allow_short is False


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"fast": 12}, "momentum has no parameter 'fast'; it has fast_bars, slow_bars"),
        ({"fast_bars": "12"}, "momentum: fast_bars must be a number, was '12'"),
        ({"fast_bars": True}, "momentum: fast_bars must be a number, was True"),
        ({"fast_bars": 12.5}, "momentum: fast_bars must be a whole number, was 12.5"),
        ({"fast_bars": 1}, "momentum: fast_bars must be from 2 to 500, was 1"),
        (
            {"fast_bars": float("nan")},
            "momentum: fast_bars must be from 2 to 500, was nan",
        ),
        ({"fast_bars": 26}, "momentum: fast_bars must be below slow_bars"),
        ({"allow_short": 1}, "momentum: allow_short must be true or false, was 1"),
    ],
)
def test_bad_parameters_are_refused_by_name(parameters, fault):
    with pytest.raises(SignalParameterError) as caught:
        validate_parameters(SignalKind.MOMENTUM, parameters)

    assert str(caught.value).startswith(fault)


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="the same length"):
        PriceArrays(high=np.ones(3), low=np.ones(3), close=np.ones(2))


def test_no_bars_are_refused():
    with pytest.raises(ValueError, match="at least one bar"):
        prices_from([])


def test_all_columns_of_signals_are_as_long_as_the_prices():
    signals = compute_signals(SignalKind.MOMENTUM, prices_from(random_walk(5, 120)))

    lengths = {len(getattr(signals, item.name)) for item in fields(signals)[:4]}
    assert lengths == {120}
