"""What a record of trades says about the next one. Pure.

A growth is what a trade did to the unit value, at factor 1 (a ratio,
not percent). Few trades say little, so the mean is shrunk towards no edge at all, and
there is no estimate below `FEWEST_TRADES`.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from goals.decisions.trade_record import (
    CONFIDENT_TRADES,
    FEWEST_TRADES,
    Bounds,
    measure_bounds,
    shrink_mean,
)
from goals.projection.bunches import Bunches, find_bunches
from goals.projection.edge_guard import Records, allow_more
from goals.projection.types import Floats, Numbers

# A record longer than this is merged into as many outcomes, each the mean of its share.
MOST_OUTCOMES = 41
# A tilt that moves weights by more than this (in natural logarithms) says nothing.
STRONGEST_TILT = 30.0
# The one-sided 90 % bounds of the unshrunk mean: the band's ends.
ONE_SIDED_90 = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """The distribution of the next trade's growth at factor 1.

    `growths` and `probabilities` have shape (outcomes,); their mean is `shrunk_mean`.
    `best` is the largest growth there ever was, `allows_more` whether the edge guard
    lets a factor above 1 pass. `bunches` are the trades that were open at once, None
    where none were; `drawn` is what a walk draws: bunches, or the growths in order.
    """

    bounds: Bounds
    shrunk_mean: float
    best: float
    growths: Floats
    probabilities: Floats
    allows_more: bool
    drawn: Floats
    bunches: Bunches | None = None

    @property
    def trades_a_step(self) -> float:
        """The trades that one draw stands for, on average."""
        return 1.0 if self.bunches is None else self.bunches.trades_each

    @property
    def nearer(self) -> float:
        """How much nearer goal and stop count to a draw of several trades."""
        return 0.0 if self.bunches is None else self.bunches.nearer

    @property
    def standard_error(self) -> float:
        """Of the mean growth; trades that were open at once tell less than others."""
        alone: float = self.bounds.deviation / max(self.bounds.trades, 1) ** 0.5
        if self.bunches is None:
            return alone
        return max(alone, self.bunches.standard_error)

    @property
    def lowest_mean(self) -> float:
        """The 10 % confidence bound of the unshrunk mean, at most the shrunk one."""
        lowest = self.bounds.mean - ONE_SIDED_90 * self.standard_error
        return min(lowest, self.shrunk_mean)

    @property
    def highest_mean(self) -> float:
        """The 90 % confidence bound of the unshrunk mean, at least the shrunk one."""
        highest = self.bounds.mean + ONE_SIDED_90 * self.standard_error
        return max(highest, self.shrunk_mean)

    @property
    def low_confidence(self) -> bool:
        """Whether there are too few trades to rely on the figures."""
        return self.bounds.trades < CONFIDENT_TRADES

    def tilted(self, mean: float) -> tuple[Floats, Floats]:
        """What a walk draws, with another mean a trade: outcomes and probabilities."""
        if self.bunches is None:
            return tilt(self.growths, self.probabilities, mean)
        values, weights = summarise(self.bunches.growths)
        return tilt(values, weights, mean * self.trades_a_step)


def measure_typical_loss(growths: Floats) -> float:
    """The mean loss as a positive ratio; of a record without one, the mean growth."""
    losses = growths[growths < 0]
    return float(np.abs(losses if losses.size else growths).mean())


def estimate_edge(
    growths: Numbers, opened: Numbers | None = None, closed: Numbers | None = None
) -> Edge | None:
    """The edge of a record; None below 20 trades, which say nothing.

    `growths` in the order of their closes; `opened` and `closed` are the times of each
    trade, in one unit. Without them no two trades were open at once.
    """
    sample = np.asarray(growths, dtype=np.float64)
    if sample.size < FEWEST_TRADES:
        return None
    bounds = measure_bounds(sample.size, float(sample.sum()), float((sample**2).sum()))
    shrunk = shrink_mean(bounds, measure_typical_loss(sample))
    values, weights = summarise(sample)
    values, weights = tilt(values, weights, shrunk)
    allows_more = bool(allow_more(Records.of(sample[:, None]))[0])
    best = float(sample.max())
    bunches = None
    if opened is not None and closed is not None:
        bunches = find_bunches(sample, opened, closed)
    drawn = sample if bunches is None else bunches.growths
    return Edge(bounds, shrunk, best, values, weights, allows_more, drawn, bunches)


def summarise(sample: Floats) -> tuple[Floats, Floats]:
    """At most `MOST_OUTCOMES` outcomes with their weights; the mean stays the same."""
    values, counts = np.unique(sample, return_counts=True)
    if values.size > MOST_OUTCOMES:
        parts = np.array_split(np.sort(sample), MOST_OUTCOMES)
        values = np.array([part.mean() for part in parts])
        counts = np.array([part.size for part in parts])
    return values, counts / counts.sum()


def tilt(values: Floats, weights: Floats, mean: float) -> tuple[Floats, Floats]:
    """Weights ∝ w·exp(θ·value) that give the outcomes this mean.

    Of all distributions on these outcomes it is the one nearest to `weights` (least
    relative entropy). A mean that no weights could give shifts the outcomes as well.
    """
    wide = float(values.max() - values.min())
    if wide == 0:
        return values + (mean - float(values @ weights)), weights
    scaled = (values - values.min()) / wide
    low, high = -STRONGEST_TILT, STRONGEST_TILT
    for _ in range(100):
        middle = (low + high) / 2
        if float(_weigh(scaled, weights, middle) @ values) < mean:
            low = middle
        else:
            high = middle
    tilted = _weigh(scaled, weights, (low + high) / 2)
    missing = mean - float(values @ tilted)
    if abs(missing) > 1e-9 * wide:
        return values + missing, tilted
    return values, tilted


def _weigh(scaled: Floats, weights: Floats, theta: float) -> Floats:
    exponents = theta * scaled
    grown = weights * np.exp(exponents - exponents.max())
    return np.asarray(grown / grown.sum())
