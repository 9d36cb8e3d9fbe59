"""What a record of trades says about the next one. Pure.

A growth is what a trade did to the unit value, at factor 1 (a ratio,
not percent). Few trades say little, so the mean is shrunk towards no edge at all, and
there is no estimate below `FEWEST_TRADES`.
"""

from dataclasses import dataclass

import numpy as np

from goals.decisions.trade_record import (
    CONFIDENT_TRADES,
    FEWEST_TRADES,
    Bounds,
    measure_bounds,
    shrink_mean,
)
from goals.projection.edge_guard import Records, allow_more
from goals.projection.types import Floats, Numbers

# A record longer than this is merged into as many outcomes, each the mean of its share.
MOST_OUTCOMES = 41
# A tilt that moves weights by more than this (in natural logarithms) says nothing.
STRONGEST_TILT = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """The distribution of the next trade's growth at factor 1.

    `growths` and `probabilities` have shape (outcomes,); their mean is `shrunk_mean`.
    `posterior_deviation` is the standard deviation of what is known of the mean;
    `best` the largest growth there ever was, `allows_more` whether the edge guard lets
    a factor above 1 pass.
    """

    bounds: Bounds
    shrunk_mean: float
    posterior_deviation: float
    best: float
    growths: Floats
    probabilities: Floats
    allows_more: bool

    @property
    def low_confidence(self) -> bool:
        """Whether there are too few trades to rely on the figures."""
        return self.bounds.trades < CONFIDENT_TRADES

    def tilted(self, mean: float) -> tuple[Floats, Floats]:
        """The same outcomes with another mean: growths and probabilities."""
        return tilt(self.growths, self.probabilities, mean)


def measure_typical_loss(growths: Floats) -> float:
    """The mean loss as a positive ratio; of a record without one, the mean growth."""
    losses = growths[growths < 0]
    return float(np.abs(losses if losses.size else growths).mean())


def estimate_edge(growths: Numbers) -> Edge | None:
    """The edge of a record; None below 20 trades, which say nothing."""
    sample = np.asarray(growths, dtype=np.float64)
    if sample.size < FEWEST_TRADES:
        return None
    bounds = measure_bounds(sample.size, float(sample.sum()), float((sample**2).sum()))
    shrunk, deviation = shrink_mean(bounds, measure_typical_loss(sample))
    values, weights = summarise(sample)
    values, weights = tilt(values, weights, shrunk)
    allows_more = bool(allow_more(Records.of(sample[:, None]))[0])
    best = float(sample.max())
    return Edge(bounds, shrunk, deviation, best, values, weights, allows_more)


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
