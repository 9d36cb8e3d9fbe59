"""Whether a goal can still be reached, as a decision asks it. Pure.

The record's sums say that of nearly every goal; the trades themselves are read only
where they leave it open.
"""

from collections.abc import Callable
from decimal import Decimal
from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np

from goals.projection.edge import ONE_SIDED_80, Bounds, Edge, shrink_mean
from goals.projection.forecast import WIDENED, is_unreachable
from goals.records import GrowthRecord
from goals.ways import Way

# The upper end of the band, in standard deviations.
UPPER_END = NormalDist().inv_cdf(0.9)
# A normal walk that touches the goal as often as this is not looked at any closer; far
# above the limit of 5 %, for a record is no normal distribution.
CERTAINLY = 0.15


def find_unreachable(
    record: GrowthRecord,
    way: Way,
    *,
    trades_left: int,
    max_factor: Decimal,
    read_edge: Callable[[], Edge | None],
) -> str | None:
    """Why the goal cannot be reached any more; None if it can, or nobody knows.

    Nobody knows below 20 trades. `read_edge` reads the trades.
    """
    if not record.judged:
        return None
    factor = float(max_factor)
    needed = log(1 + float(way.goal_return)) - log(float(way.equity))
    most = trades_left * log(1 + max(float(record.best), 0.0) * factor)
    told = _told_by_sums(record)
    edge: Edge | None = told
    if most >= needed - 1e-12:
        if _touches(told, trades_left, needed, factor) >= CERTAINLY:
            return None
        edge = read_edge()
    if edge is None:
        return None
    return is_unreachable(
        edge,
        trades_left=trades_left,
        goal_return=float(way.goal_return),
        equity=float(way.equity),
        max_factor=factor,
    )


def _told_by_sums(record: GrowthRecord) -> Edge:
    """The edge without its outcomes."""
    mean, lower = float(record.mean), float(record.lower)
    deviation = (mean - lower) / ONE_SIDED_80 * sqrt(record.trades)
    bounds = Bounds(record.trades, mean, deviation, lower, float(record.upper))
    shrunk, posterior = shrink_mean(bounds, float(record.typical_loss))
    nothing = np.empty(0)
    return Edge(bounds, shrunk, posterior, float(record.best), nothing, nothing)


def _touches(edge: Edge, trades_left: int, needed: float, factor: float) -> float:
    """How often a normal walk at the band's upper end touches the goal in time.

    The reflection principle for a Brownian motion with drift.
    """
    if needed <= 0:
        return 1.0
    spread = edge.bounds.deviation * factor
    upper = edge.shrunk_mean + UPPER_END * WIDENED * edge.posterior_deviation
    drift = upper * factor - spread**2 / 2
    if spread == 0 or trades_left == 0:
        return float(trades_left * drift >= needed)
    normal, wide = NormalDist(), spread * sqrt(trades_left)
    direct = normal.cdf((trades_left * drift - needed) / wide)
    mirrored = normal.cdf((-trades_left * drift - needed) / wide)
    # Above e^50 the mirrored part is 0 in floats anyway.
    return direct + mirrored * exp(min(2 * drift * needed / spread**2, 50.0))
