"""Trades that were open at once, drawn together. Pure.

Trades of one day lose together. A walk that draws each for itself is too narrow; so
what was open at once is one draw: a bunch, of the trades opened while its first one was
open. Where nothing was open at once each trade is its own.
"""

from dataclasses import dataclass

import numpy as np

from goals.projection.types import Floats, Indices, Numbers

# However long trades stay open, a record is this many bunches at least.
FEWEST_BUNCHES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Bunches:
    """Bunches in the order in which they were opened, all of shape (bunches,).

    `growths` are the sums of their trades' growths, `sizes` the numbers of trades.
    `standard_error` is that of the mean growth of a trade.
    """

    growths: Floats
    sizes: Floats
    standard_error: float

    @property
    def trades_each(self) -> float:
        return float(self.sizes.mean())


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
    error = float(np.sqrt(count / max(count - 1, 1) * (away @ away))) / each.size
    return Bunches(sums, sizes, error)


def _number(begins: Floats, ends: Floats) -> Indices:
    """Each trade's bunch, ascending."""
    most = max(begins.size // FEWEST_BUNCHES, 1)
    which = np.empty(begins.size, dtype=np.intp)
    # Where a bunch that begins with each trade stops, if nothing stops it before.
    until = np.searchsorted(begins, ends, side="left")
    first = number = 0
    while first < begins.size:
        after = min(max(int(until[first]), first + 1), first + most)
        which[first:after] = number
        first, number = after, number + 1
    return which
