"""Entries and exits of three classical strategies, from bars.

Indicators are TA-Lib's; nothing here is a formula of our own. A value at index i
depends on bars 0 … i only, so it is known at that bar's close and can be acted upon at
the next bar's open. TA-Lib is imported where it computes, for it brings pandas, which a
web process has no use for.

- `momentum`: the MACD line crosses its signal line while the trend has strength.
  Gerald Appel, *Technical Analysis: Power Tools for Active Investors* (2005), for MACD
  12/26/9; J. Welles Wilder, *New Concepts in Technical Trading Systems* (1978), for
  ADX over 14 bars. Wilder asks for 25, 20 is the usual softer bound; here 15, which
  only keeps out a market without any direction.
- `mean_reversion`: a two-bar RSI below 10 in a market above its 200-bar average, left
  when the close is back above its five-bar average. Larry Connors and Cesar Alvarez,
  *Short Term Trading Strategies That Work* (2008).
- `breakout`: a close above the highest high of the 20 bars before, left at a close
  below the lowest low of the 10 bars before: System 1 of the Turtles. Curtis Faith,
  *Way of the Turtle* (2007).

Entries are events (the bar where the condition becomes true), exits are states (true as
long as the reason to be out holds). All three trade long only unless `allow_short` is
true: single stocks rise in the long run, and borrowing costs are not modelled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class SignalKind(StrEnum):
    """The strategy types that have signals, spelled as `strategy_type` is."""

    MOMENTUM = "momentum"
    MEAN_REVERSION = "mean_reversion"
    BREAKOUT = "breakout"


class SignalParameterError(ValueError):
    """A strategy's parameters cannot be used; the text names the one at fault."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One parameter: its default and the values it may take."""

    default: float
    minimum: float
    maximum: float
    whole: bool = True


# Bars are counted in bars, levels in the indicator's own points (0-100).
PARAMETER_RULES: Mapping[SignalKind, Mapping[str, Rule]] = {
    SignalKind.MOMENTUM: {
        "fast_bars": Rule(12, 2, 500),
        "slow_bars": Rule(26, 3, 1000),
        "signal_bars": Rule(9, 1, 500),
        "strength_bars": Rule(14, 2, 500),
        "strength_level": Rule(15, 0, 100, whole=False),
    },
    SignalKind.MEAN_REVERSION: {
        "rsi_bars": Rule(2, 2, 500),
        "oversold_level": Rule(10, 0, 50, whole=False),
        "trend_bars": Rule(200, 2, 1000),
        "exit_bars": Rule(5, 2, 500),
    },
    SignalKind.BREAKOUT: {
        "entry_bars": Rule(20, 2, 500),
        "exit_bars": Rule(10, 2, 500),
    },
}
ALLOW_SHORT = "allow_short"


@dataclass(frozen=True, slots=True, eq=False)
class PriceArrays:
    """Bars as columns of equal length, oldest first. For indicators, not for money."""

    high: FloatArray
    low: FloatArray
    close: FloatArray

    def __post_init__(self) -> None:
        if not self.high.shape == self.low.shape == self.close.shape:
            raise ValueError("high, low and close must have the same length")
        if self.close.ndim != 1 or not len(self.close):
            raise ValueError("prices must be one column with at least one bar")

    def __len__(self) -> int:
        return len(self.close)


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """What a strategy says at every bar's close.

    `figures` are the indicator values it looked at; the texts quote them by name.
    """

    enter_long: BoolArray
    exit_long: BoolArray
    enter_short: BoolArray
    exit_short: BoolArray
    figures: Mapping[str, FloatArray]
    texts: Mapping[str, str]  # enter_long, exit_long, … -> a template over the figures

    def reason(self, signal: str, index: int) -> str:
        """Why `signal` (such as "enter_long") is given at `index`, with its figures."""
        values = {name: column[index] for name, column in self.figures.items()}
        return self.texts[signal].format(**values)


Values = Mapping[str, float]


def compute_signals(
    kind: SignalKind,
    prices: PriceArrays,
    parameters: Mapping[str, object] | None = None,
) -> Signals:
    """Compute a strategy's entries and exits; false during its warm-up.

    `parameters` replace the defaults of `PARAMETER_RULES` one by one; `allow_short`
    (default false) turns the short side on.
    """
    values, allow_short = validate_parameters(kind, parameters or {})
    signals = _COMPUTERS[kind](prices, values)
    if allow_short:
        return signals
    nothing = np.zeros(len(prices), dtype=np.bool_)
    return Signals(
        enter_long=signals.enter_long,
        exit_long=signals.exit_long,
        enter_short=nothing,
        exit_short=nothing,
        figures=signals.figures,
        texts=signals.texts,
    )


def validate_parameters(
    kind: SignalKind, parameters: Mapping[str, object]
) -> tuple[dict[str, float], bool]:
    """Fill in the defaults; refuse unknown names and values out of bounds.

    Returns the numbers by name, and whether short trades are allowed.
    """
    rules = PARAMETER_RULES[kind]
    unknown = sorted(set(parameters) - set(rules) - {ALLOW_SHORT})
    if unknown:
        known = ", ".join([*rules, ALLOW_SHORT])
        raise SignalParameterError(
            f"{kind} has no parameter {unknown[0]!r}; it has {known}"
        )
    allow_short = parameters.get(ALLOW_SHORT, False)
    if not isinstance(allow_short, bool):
        raise SignalParameterError(
            f"{kind}: {ALLOW_SHORT} must be true or false, was {allow_short!r}"
        )
    values = {
        name: _checked(kind, name, rule, parameters.get(name, rule.default))
        for name, rule in rules.items()
    }
    if kind is SignalKind.MOMENTUM and values["fast_bars"] >= values["slow_bars"]:
        raise SignalParameterError(f"{kind}: fast_bars must be below slow_bars")
    return values, allow_short


def _checked(kind: SignalKind, name: str, rule: Rule, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignalParameterError(f"{kind}: {name} must be a number, was {value!r}")
    if not rule.minimum <= value <= rule.maximum:
        raise SignalParameterError(
            f"{kind}: {name} must be from {rule.minimum:g} to {rule.maximum:g}, "
            f"was {value!r}"
        )
    if rule.whole and value != int(value):
        raise SignalParameterError(
            f"{kind}: {name} must be a whole number, was {value!r}"
        )
    return float(value)


def _momentum(prices: PriceArrays, values: Values) -> Signals:
    import talib

    macd, signal, _ = talib.MACD(
        prices.close,
        fastperiod=int(values["fast_bars"]),
        slowperiod=int(values["slow_bars"]),
        signalperiod=int(values["signal_bars"]),
    )
    strength = talib.ADX(
        prices.high, prices.low, prices.close, timeperiod=int(values["strength_bars"])
    )
    strong = strength >= values["strength_level"]
    return Signals(
        enter_long=_begins(macd > signal) & strong,
        exit_long=macd < signal,
        enter_short=_begins(macd < signal) & strong,
        exit_short=macd > signal,
        figures={"macd": macd, "signal": signal, "strength": strength},
        texts={
            "enter_long": "MACD {macd:.3g} crossed above its signal line {signal:.3g}, "
            "ADX {strength:.0f}",
            "exit_long": "MACD {macd:.3g} is below its signal line {signal:.3g}",
            "enter_short": "MACD {macd:.3g} crossed below its signal line {signal:.3g},"
            " ADX {strength:.0f}",
            "exit_short": "MACD {macd:.3g} is above its signal line {signal:.3g}",
        },
    )


def _mean_reversion(prices: PriceArrays, values: Values) -> Signals:
    import talib

    rsi = talib.RSI(prices.close, timeperiod=int(values["rsi_bars"]))
    trend = talib.SMA(prices.close, timeperiod=int(values["trend_bars"]))
    recent = talib.SMA(prices.close, timeperiod=int(values["exit_bars"]))
    oversold, overbought = values["oversold_level"], 100 - values["oversold_level"]
    return Signals(
        enter_long=_begins((rsi < oversold) & (prices.close > trend)),
        exit_long=prices.close > recent,
        enter_short=_begins((rsi > overbought) & (prices.close < trend)),
        exit_short=prices.close < recent,
        figures={"close": prices.close, "rsi": rsi, "trend": trend, "recent": recent},
        texts={
            "enter_long": "RSI {rsi:.0f} is oversold, close {close:.5g} above its "
            "long average {trend:.5g}",
            "exit_long": "close {close:.5g} is back above its short average "
            "{recent:.5g}",
            "enter_short": "RSI {rsi:.0f} is overbought, close {close:.5g} below its "
            "long average {trend:.5g}",
            "exit_short": "close {close:.5g} is back below its short average "
            "{recent:.5g}",
        },
    )


def _breakout(prices: PriceArrays, values: Values) -> Signals:
    import talib

    entry_bars, exit_bars = int(values["entry_bars"]), int(values["exit_bars"])
    entry_high = _bar_before(talib.MAX(prices.high, timeperiod=entry_bars))
    entry_low = _bar_before(talib.MIN(prices.low, timeperiod=entry_bars))
    exit_high = _bar_before(talib.MAX(prices.high, timeperiod=exit_bars))
    exit_low = _bar_before(talib.MIN(prices.low, timeperiod=exit_bars))
    return Signals(
        enter_long=_begins(prices.close > entry_high),
        exit_long=prices.close < exit_low,
        enter_short=_begins(prices.close < entry_low),
        exit_short=prices.close > exit_high,
        figures={
            "close": prices.close,
            "entry_high": entry_high,
            "entry_low": entry_low,
            "exit_high": exit_high,
            "exit_low": exit_low,
        },
        texts={
            "enter_long": "close {close:.5g} is above the channel's high "
            "{entry_high:.5g}",
            "exit_long": "close {close:.5g} is below the channel's low {exit_low:.5g}",
            "enter_short": "close {close:.5g} is below the channel's low "
            "{entry_low:.5g}",
            "exit_short": "close {close:.5g} is above the channel's high "
            "{exit_high:.5g}",
        },
    )


_COMPUTERS: Mapping[SignalKind, Callable[[PriceArrays, Values], Signals]] = {
    SignalKind.MOMENTUM: _momentum,
    SignalKind.MEAN_REVERSION: _mean_reversion,
    SignalKind.BREAKOUT: _breakout,
}


def average_ranges(prices: PriceArrays, bars: int) -> FloatArray:
    """Wilder's average true range of `bars` bars, in the price's unit; NaN before."""
    import talib

    ranges: FloatArray = talib.ATR(
        prices.high, prices.low, prices.close, timeperiod=bars
    )
    return ranges


def _begins(condition: BoolArray) -> BoolArray:
    """True where the condition holds and did not hold at the bar before."""
    begins = condition.copy()
    begins[1:] &= ~condition[:-1]
    return begins


def _bar_before(column: FloatArray) -> FloatArray:
    """The column one bar late: what was known before the bar began."""
    late = np.full_like(column, np.nan)
    late[1:] = column[:-1]
    return late
