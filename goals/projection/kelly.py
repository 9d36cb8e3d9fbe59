"""How large a record's edge would have had trades be, and how sure that is. Pure.

The Kelly fraction is the factor that makes the long run grow fastest: it maximises
E log(1 + f·g) over the growths g of a record at factor 1 (Kelly 1956, "A new
interpretation of information rate"). In continuous time it is μ/σ² (Thorp 2006, "The
Kelly criterion in blackjack, sports betting, and the stock market"), which is near it
where growths are small. Here f multiplies the size that factor 1 stands for; below 0
both are 0, for nobody trades a loss.

Uncertainty is the Bayesian bootstrap's (Rubin 1981): outcomes weighed anew by
Dirichlet draws, widened, and of what they make the 10 % and 90 % quantiles. It
is a bound to stay far below, no size to trade: half of it grows three quarters as fast.
"""

from dataclasses import dataclass

import numpy as np

from goals.decisions.trade_record import FEWEST_TRADES
from goals.projection.types import Floats

DRAWS = 400
# As the band of the projection: what is not known of the mean is more than it shows.
WIDENING = 1.25
BAND = (0.1, 0.9)
# More outcomes than this are merged into as many; the worst and the best stay.
MOST_OUTCOMES = 100
STEPS = 60
SEED = 20260302


@dataclass(frozen=True, slots=True)
class Kelly:
    """Kelly fractions at factor 1, each with its 80 % band.

    None where there is none: nothing ever varied, or nothing was ever lost.
    """

    continuous: float | None
    continuous_low: float | None
    continuous_high: float | None
    fraction: float | None
    fraction_low: float | None
    fraction_high: float | None


def measure_kelly(growths: Floats) -> Kelly | None:
    """Both fractions and their bands; None below 20 trades.

    Of `growths`, shape (trades,), ratios; their order does not matter.
    """
    if growths.size < FEWEST_TRADES:
        return None
    growths = np.sort(growths)
    values, counts = condense(growths)
    drawn = draw_weights(counts)
    weights = counts / counts.sum()
    mean, variance = float(growths.mean()), float(growths.var(ddof=1))
    means = drawn @ values
    variances = np.maximum(drawn @ values**2 - means**2, 0.0)
    continuous = low = high = None
    if variance > 0 and np.all(variances > 0):
        continuous = max(mean / variance, 0.0)
        low, high = _band(np.maximum(means / variances, 0.0))
    if values.min() >= 0:
        return Kelly(continuous, low, high, None, None, None)
    fraction = float(maximise_growth(values, weights[np.newaxis])[0])
    fractions = maximise_growth(values, drawn)
    return Kelly(continuous, low, high, fraction, *_band(fractions))


def condense(growths: Floats) -> tuple[Floats, Floats]:
    """At most `MOST_OUTCOMES` outcomes and how often each came; the mean stays.

    `growths` in ascending order.
    """
    values, counts = np.unique(growths, return_counts=True)
    if values.size <= MOST_OUTCOMES:
        return values, counts.astype(np.float64)
    parts = np.array_split(growths[1:-1], MOST_OUTCOMES - 2)
    means = [part.mean() for part in parts]
    sizes = [part.size for part in parts]
    return (
        np.array([growths[0], *means, growths[-1]]),
        np.array([1, *sizes, 1], dtype=np.float64),
    )


def draw_weights(counts: Floats) -> Floats:
    """Weights of outcomes, shape (draws, outcomes): a Dirichlet by their counts.

    Counted as if there were fewer trades by `WIDENING` squared, which widens the
    deviation of the mean by `WIDENING`.
    """
    random = np.random.default_rng(SEED)
    return np.asarray(random.dirichlet(counts / WIDENING**2, DRAWS), np.float64)


def maximise_growth(values: Floats, weights: Floats) -> Floats:
    """The f that maximises Σ w·log(1 + f·value), for each row of `weights`.

    The sum is concave in f: its slope Σ w·value / (1 + f·value) falls, and is bisected
    between 0 and the f at which the worst outcome would leave nothing. That is where
    an f goes whose draw has no loss in it.
    """
    worst = float(values.min())
    low = np.zeros(len(weights))
    high = np.full(len(weights), -1.0 / worst)
    for _ in range(STEPS):
        middle = (low + high) / 2
        left = np.maximum(1.0 + middle[:, np.newaxis] * values, 1e-300)
        rises = (weights * values / left).sum(axis=1) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return np.asarray(np.where(weights @ values > 0, low, 0.0), np.float64)


def _band(drawn: Floats) -> tuple[float, float]:
    low, high = np.quantile(drawn, BAND)
    return float(low), float(high)
