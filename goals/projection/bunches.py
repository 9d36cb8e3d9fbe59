"""Trades that were open at once, drawn together. Pure.

Trades of one day lose together. A walk that draws each for itself is too narrow; so
what was open at once is one draw: a bunch, of the trades opened while its first one was
open. Where nothing was open at once each trade is its own.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from goals.projection.grouping import OVERSHOOT
from goals.projection.types import Floats, Indices, Numbers

# However long trades stay open, a record is this many bunches at least.
FEWEST_BUNCHES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Bunches:
    """Bunches in the order in which they were opened, all of shape (bunches,).

    `growths` are the sums of their trades' growths, `sizes` the numbers of trades.
    `standard_error` is that of the mean growth of a trade, `within` the deviation of
    trades around the mean of their bunch.
    """

    growths: Floats
    sizes: Floats
    standard_error: float
    within: float

    @property
    def trades_each(self) -> float:
        return float(self.sizes.mean())

    @property
    def nearer(self) -> float:
        """How much nearer, in log-equity, what trades touch counts to whole bunches.

        A bunch is one step, and its trades may touch a goal on the way; longer steps
        jump beyond it by more: see `goals.projection.grouping`.
        """
        return OVERSHOOT * self.within * (sqrt(self.trades_each) - 1)


def find_bunches(growths: Numbers, opened: Numbers, closed: Numbers) -> Bunches | None:
    """The bunches of a record; None where no two trades were open at once.

    `opened` and `closed` are times in one unit, all of shape (trades,).
    """
    each = np.asarray(growths, dtype=np.float64)
    begins = np.asarray(opened, dtype=np.float64)
    order = np.argsort(begins, kind="stable")
    which = _number(begins[order], np.asarray(closed, dtype=np.float64)[order])
    count = int(which[-1]) + 1 if which.size else 0
    if count == each.size:
        return None
    sizes = np.bincount(which, minlength=count).astype(np.float64)
    sums = np.bincount(which, each[order], count).astype(np.float64)
    # The mean of a trade is a ratio of two sums over bunches.
    away = sums - each.mean() * sizes
    error = sqrt(count / max(count - 1, 1) * float(away @ away)) / each.size
    rest = each[order] - (sums / sizes)[which]
    within = sqrt(float(rest @ rest) / max(each.size - count, 1))
    return Bunches(sums, sizes, error, within)


def _number(begins: Floats, ends: Floats) -> Indices:
    """Each trade's bunch, ascending."""
    most = max(begins.size // FEWEST_BUNCHES, 1)
    which = np.arange(begins.size)
    # Where a bunch that begins with each trade stops, if nothing stops it before.
    until = np.maximum(np.searchsorted(begins, ends, side="left"), which + 1)
    if np.array_equal(until, which + 1):  # no two were open at once
        return which
    first = number = 0
    while first < begins.size:
        after = min(int(until[first]), first + most)
        which[first:after] = number
        first, number = after, number + 1
    return which
