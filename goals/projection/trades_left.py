"""How many trades are left: a random number. Pure.

A count of mean μ and variance φ·μ: negative binomial, Poisson where φ is 1. Of its
values those from the 1 % to the 99 % quantile count, by their probabilities.
"""

from dataclasses import dataclass

import numpy as np

from goals.projection.types import Floats, Numbers
from mastertrade.values.exceptions import InvalidInput

QUANTILES = (0.01, 0.99)
FEWEST_WINDOWS = 8
MOST_WINDOWS = 64
# More trades than this are not walked.
MOST_COUNT = 9_999
# Above this dispersion a count says nothing.
WIDEST = 1_000.0


@dataclass(frozen=True, slots=True)
class TradesLeft:
    """A random number of trades: its expected value, and its variance by that."""

    expected: float
    dispersion: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.expected <= MOST_COUNT:
            raise InvalidInput("trades_left", f"must be from 0 to {MOST_COUNT:,}.")
        if not 1 <= self.dispersion < float("inf"):
            raise InvalidInput("dispersion", "must be a finite number of at least 1.")

    def chances(self) -> tuple[Floats, Floats]:
        """Numbers of trades, ascending, and their probabilities; both of shape (n,).

        One trade is among them wherever a trade is expected, however seldom.
        """
        if self.expected == 0:
            return np.zeros(1), np.ones(1)
        spread = (self.expected * self.dispersion) ** 0.5
        # 12 deviations hold the 99 % quantile of any such count.
        most = min(int(self.expected + 12 * spread + 12), MOST_COUNT)
        counts = np.arange(most + 1.0)
        logs = np.concatenate([[0.0], np.cumsum(self._log_ratios(counts[:-1]))])
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        below = np.cumsum(weights)
        first, last = np.searchsorted(below, QUANTILES)
        kept = slice(int(first), max(int(last), 1) + 1)
        return counts[kept], weights[kept] / weights[kept].sum()

    def _log_ratios(self, counts: Floats) -> Floats:
        """ln P(n + 1) - ln P(n)."""
        if self.dispersion - 1 < 1e-9:
            return np.asarray(np.log(self.expected / (counts + 1)))
        size = self.expected / (self.dispersion - 1)
        share = 1 - 1 / self.dispersion
        return np.asarray(np.log((counts + size) / (counts + 1) * share))


def likely_most(expected: float) -> int:
    """So many trades at most: the 99 % quantile of a Poisson count, at least 1."""
    return max(int(TradesLeft(expected).chances()[0][-1]), 1)


def measure_dispersion(ended: Numbers, window: float, until: float) -> float:
    """max(1, variance / mean) of the counts of trades in equal windows up to `until`.

    `ended` are the times at which trades ended, of shape (trades,), and `window` the
    length asked for, in the same unit. Windows are shorter where fewer than 8 fit after
    the first trade, and the last 64 count. 1.0 below 8 trades.
    """
    times = np.asarray(ended, dtype=np.float64)
    if times.size < FEWEST_WINDOWS or window <= 0:
        return 1.0
    span = until - float(times.min())
    if span <= 0:
        return 1.0
    length = min(window, span / FEWEST_WINDOWS)
    windows = min(int(span / length + 1e-9), MOST_WINDOWS)
    place = np.floor((until - times) / length)
    inside = place[(place >= 0) & (place < windows)].astype(np.intp)
    counts = np.bincount(inside, minlength=windows)
    mean = float(counts.mean())
    if mean == 0:
        return 1.0
    return float(min(max(1.0, counts.var(ddof=1) / mean), WIDEST))
