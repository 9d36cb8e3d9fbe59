"""The edge guard over many records at once, for simulations and samples. Pure.

The same rule as `GrowthRecord.allows_more` and `guard_edge` give for one record.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goals.decisions.trade_record import FEWEST_TRADES, ONE_SIDED_80, SKEWED_BELOW
from goals.enums import EdgeGuard
from goals.projection.types import Floats

# Bounds closer to 0 than this are 0: sums of binary fractions differ by as much.
TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Many records of equally many trades: sums over growths, the smallest growth.

    `total`, `squares`, `cubes`, `losses` (how many) and `worst` have the same shape.
    """

    trades: int
    total: Floats
    squares: Floats
    cubes: Floats
    losses: Floats
    worst: Floats

    @classmethod
    def of(cls, growths: Floats) -> "Records":
        """The records of growths of shape (trades, records)."""
        return cls(
            trades=len(growths),
            total=growths.sum(axis=0),
            squares=(growths**2).sum(axis=0),
            cubes=(growths**3).sum(axis=0),
            losses=(growths < 0).sum(axis=0).astype(np.float64),
            worst=growths.min(axis=0, initial=np.inf),
        )

    def after(self, growths: Floats) -> "Records":
        """Each record with one more growth, of the same shape as the sums."""
        squares = growths * growths
        return Records(
            trades=self.trades + 1,
            total=self.total + growths,
            squares=self.squares + squares,
            cubes=self.cubes + squares * growths,
            losses=self.losses + (growths < 0),
            worst=np.minimum(self.worst, growths),
        )


def lower_bounds(trades: int, total: Floats, squares: Floats) -> Floats:
    """`measure_bounds(...).lower` for many records of equally many trades."""
    if trades == 0:
        return np.zeros(total.shape)
    mean = total / trades
    spread = np.maximum(squares - trades * mean**2, 0.0) / max(trades - 1, 1)
    return np.asarray(mean - ONE_SIDED_80 * np.sqrt(spread / trades))


def allow_more(records: Records) -> NDArray[np.bool_]:
    """`GrowthRecord.allows_more` for many records that are long enough to judge."""
    trades, total, squares = records.trades, records.total, records.squares
    second = trades * squares - total**2
    third = trades * (trades * records.cubes - 3 * total * squares) + 2 * total**3
    is_skewed = third < float(SKEWED_BELOW) * np.maximum(second, 0.0) ** 1.5
    worse = lower_bounds(trades + 1, total + records.worst, squares + records.worst**2)
    lower = np.where(is_skewed, worse, lower_bounds(trades, total, squares))
    return np.asarray((records.losses > 0) & (lower > TOLERANCE))


def guard_factors(factors: Floats, records: Records, edge_guard: EdgeGuard) -> Floats:
    """The edge guard of docs/rules.md: no factor above 1 against the record."""
    if records.trades < FEWEST_TRADES:
        allowed = np.full(factors.shape, edge_guard is not EdgeGuard.STRICT)
    else:
        allowed = allow_more(records)
    return np.where(allowed, factors, np.minimum(factors, 1.0))
