"""Whether a goal can still be reached, as a decision asks it. Pure.

The record's sums say that of nearly every goal; the trades themselves are read only
where they leave it open.
"""

from collections.abc import Callable
from decimal import Decimal
from math import log, log1p, sqrt

import numpy as np

from goals.decisions.trade_record import ONE_SIDED_80, Bounds, GrowthRecord, shrink_mean
from goals.projection.edge import Edge
from goals.projection.forecast import (
    SURELY_REACHABLE,
    estimate_chance,
    is_unreachable,
    most_trades,
)
from goals.projection.goal_path import GoalPath
from goals.projection.policy_tables import DEEPEST_STOP
from goals.projection.trades_left import TradesLeft
from mastertrade.values.money import ONE, PERCENT, exactly, round_to


@exactly
def stop_below(path: GoalPath, floor_ratio: Decimal) -> float:
    """How far below the path's start (a ratio) the floor in force now lies.

    `floor_ratio` is the floor by the value of now. Below 0 where the floor lies above
    the start. Rounded, so that marks, which move both, leave the question the same.
    """
    level = round_to(path.equity * floor_ratio, PERCENT)
    return min(float(ONE - level), DEEPEST_STOP)


def find_unreachable(
    record: GrowthRecord,
    path: GoalPath,
    *,
    expected: float,
    max_factor: Decimal,
    stop_loss: float | None,
    read_edge: Callable[[], Edge | None],
    measure_left: Callable[[], TradesLeft],
) -> str | None:
    """Why the goal cannot be reached any more; None if it can, or nobody knows.

    Nobody knows below 20 trades. `expected` are the trades left, at least 1.
    `read_edge` reads the trades, and `measure_left`, which is asked after it, how the
    trades left are dispersed.
    """
    if not record.judged:
        return None
    factor = float(max_factor)
    goal_return, equity = float(path.goal_return), float(path.equity)
    needed = log1p(goal_return) - log(equity)
    left = TradesLeft(expected)
    most = most_trades(left) * log1p(max(float(record.best), 0.0) * factor)
    edge = _told_by_sums(record)
    if most >= needed - 1e-12:
        chance = estimate_chance(
            edge,
            trades_left=expected,
            goal_return=goal_return,
            equity=equity,
            factor=factor,
            stop_loss=stop_loss,
        )
        if chance >= SURELY_REACHABLE:
            return None
        found = read_edge()
        if found is None:
            return None
        edge, left = found, measure_left()
    return is_unreachable(
        edge,
        trades_left=left,
        goal_return=goal_return,
        equity=equity,
        max_factor=factor,
        stop_loss=stop_loss,
    )


def _told_by_sums(record: GrowthRecord) -> Edge:
    """The edge without its outcomes."""
    mean, lower = float(record.mean), float(record.lower)
    deviation = (mean - lower) / ONE_SIDED_80 * sqrt(record.trades)
    bounds = Bounds(record.trades, mean, deviation, lower, float(record.upper))
    shrunk, posterior = shrink_mean(bounds, float(record.typical_loss))
    nothing = np.empty(0)
    return Edge(
        bounds,
        shrunk,
        posterior,
        float(record.best),
        nothing,
        nothing,
        record.allows_more,
        nothing,
    )
