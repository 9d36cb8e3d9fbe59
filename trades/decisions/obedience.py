"""Whether following the advice paid: trades by how they were sized against it. Pure.

A trade made its profit in percent of the equity before it; sizes are not taken out, as
they are what is judged. Trades of one day rise and fall together, so the interval of
the mean is a bootstrap of whole days (Davison and Hinkley 1997, *Bootstrap Methods and
their Application*, 3.8: resampling of clusters).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from goals.decisions.trade_record import FEWEST_TRADES
from mastertrade.values.money import PERCENT, ZERO, exactly, round_to

# A price that moved a little between answer and entry is no other size.
TOLERANCE = Decimal("0.05")
# Fewer days say nothing of the days to come, however many trades they had.
FEWEST_DAYS = 10
CONFIDENCE = (0.025, 0.975)
MOST_DRAWS, FEWEST_DRAWS, MOST_DRAWN = 2_000, 200, 1_000_000
SEED = 20261129


class Sized(StrEnum):
    """How a trade was sized against the advice."""

    AS_ADVISED = "as_advised"
    LARGER = "larger"
    SMALLER = "smaller"
    WITHOUT_ASKING = "without_asking"
    OVERRIDDEN = "overridden"


class Evidence(StrEnum):
    NONE = "none"
    MADE_MONEY = "made_money"
    COST_MONEY = "cost_money"


@dataclass(frozen=True, slots=True)
class ObedienceLine:
    """One kind's trades. Percent of the equity before each; None where unknown.

    `low_pct` and `high_pct` are the 95 % interval of `mean_pct`, None with too few
    trades or days.
    """

    sized: Sized | None
    trades: int
    days: int
    profit: Decimal
    mean_pct: Decimal | None = None
    low_pct: Decimal | None = None
    high_pct: Decimal | None = None

    @property
    def evidence(self) -> Evidence:
        """None while the interval is unknown or holds 0."""
        if self.low_pct is None or self.high_pct is None:
            return Evidence.NONE
        if self.low_pct > 0:
            return Evidence.MADE_MONEY
        return Evidence.COST_MONEY if self.high_pct < 0 else Evidence.NONE

    @property
    def lacks_trades(self) -> bool:
        return self.trades < FEWEST_TRADES


def how_sized(
    *, notional: Decimal | None, advised: Decimal | None, overridden: bool
) -> Sized:
    """A halt that was overridden says more than the size; a blocked trade has none.

    `notional` is what was entered in all, `advised` what the decision answered (0:
    blocked), None without one; both in the portfolio's currency.
    """
    if overridden:
        return Sized.OVERRIDDEN
    if advised is None or notional is None:
        return Sized.WITHOUT_ASKING
    if notional > advised * (1 + TOLERANCE):
        return Sized.LARGER
    if notional < advised * (1 - TOLERANCE):
        return Sized.SMALLER
    return Sized.AS_ADVISED


@dataclass(frozen=True, slots=True)
class SizedDay:
    """A day's trades of one kind: how many, and what they made.

    `sum_pct` is of those `counted`: each in percent of the equity before it, where
    there was any.
    """

    sized: Sized
    day: date
    trades: int
    profit: Decimal
    counted: int
    sum_pct: Decimal


@exactly
def measure_obedience(days: Iterable[SizedDay]) -> list[ObedienceLine]:
    """A line for each way of sizing, in the order of `Sized`, then one of all.

    `days` in order.
    """
    kinds: dict[Sized, list[SizedDay]] = {kind: [] for kind in Sized}
    for day in days:
        kinds[day.sized].append(day)
    every = [day for kind in kinds.values() for day in kind]
    return [*(_line(kind, kinds[kind]) for kind in Sized), _line(None, every)]


def _line(sized: Sized | None, days: Sequence[SizedDay]) -> ObedienceLine:
    trades = sum(day.trades for day in days)
    profit = sum((day.profit for day in days), ZERO)
    by_day: dict[date, tuple[Decimal, int]] = {}
    for day in days:
        if day.counted:
            made, counted = by_day.get(day.day, (ZERO, 0))
            by_day[day.day] = (made + day.sum_pct, counted + day.counted)
    if not by_day:
        return ObedienceLine(sized, trades, 0, profit)
    sums = np.array([float(made) for made, _ in by_day.values()])
    counts = np.array([counted for _, counted in by_day.values()], float)
    mean = _pct(float(sums.sum() / counts.sum()))
    if counts.sum() < FEWEST_TRADES or len(by_day) < FEWEST_DAYS:
        return ObedienceLine(sized, trades, len(by_day), profit, mean)
    low, high = bootstrap_mean(sums, counts)
    return ObedienceLine(
        sized, trades, len(by_day), profit, mean, _pct(low), _pct(high)
    )


def bootstrap_mean(
    sums: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[float, float]:
    """The 95 % interval of Σ sums / Σ counts, days drawn anew with replacement.

    The seed is fixed: the same record gives the same interval. There are fewer draws of
    many days. The percentile interval of few days is too narrow: it is widened by
    √(days / (days - 1)), and as Student's t of so many days is wider than the normal.
    """
    days = sums.size
    draws = min(max(MOST_DRAWN // days, FEWEST_DRAWS), MOST_DRAWS)
    drawn = np.random.default_rng(SEED).integers(0, days, (draws, days))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    mean = float(sums.sum() / counts.sum())
    low, high = np.quantile(means, CONFIDENCE)
    widening = (days / (days - 1)) ** 0.5 * _wider_than_normal(days - 1)
    return mean + (float(low) - mean) * widening, mean + (float(high) - mean) * widening


def _wider_than_normal(freedom: int) -> float:
    """Student's quantile by the normal one (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(CONFIDENCE[1])
    first = (z**2 + 1) / 4
    second = (5 * z**4 + 16 * z**2 + 3) / 96
    return 1 + first / freedom + second / freedom**2


def _pct(value: float) -> Decimal:
    return round_to(Decimal(value), PERCENT)
