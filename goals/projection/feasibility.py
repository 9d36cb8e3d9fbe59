"""Whether a goal can still be reached, as a decision asks it. Pure.

The record's sums say that of nearly every goal; the trades themselves are read only
where they leave it open.
"""

from collections.abc import Callable
from decimal import Decimal
from math import log, log1p, sqrt

import numpy as np

from goals.decisions.limits import FloorReference, Limits
from goals.decisions.trade_record import ONE_SIDED_80, Bounds, GrowthRecord, shrink_mean
from goals.enums import DrawdownMode, DrawdownOf
from goals.projection.barrier import DEEPEST_STOP, Barrier
from goals.projection.edge import Edge
from goals.projection.evaluate import Stop
from goals.projection.forecast import (
    SURELY_REACHABLE,
    estimate_chance,
    most_trades,
    why_unreachable,
)
from goals.projection.goal_path import GoalPath
from goals.projection.trades_left import TradesLeft
from mastertrade.values.money import HUNDRED, exactly

# Decimal places of what a barrier is made of.
PLACES = 6


@exactly
def barrier_on(
    path: GoalPath,
    limits: Limits,
    reference: FloorReference,
    *,
    value: Decimal,
    opening: Decimal | None,
    trades_per_day: Decimal,
) -> Barrier:
    """The limits in force as a goal's walk meets them.

    `value` is what the floors are compared with now, `opening` the day's (None: it has
    no limit); both as the reference's. Rounded, so that marks, which move equity and
    value alike, leave the question the same.
    """
    start = reference.start
    if value <= 0 or start <= 0:
        return Barrier(hard_drawdown=DEEPEST_STOP)
    hard = min(_share(limits.hard_drawdown_pct), DEEPEST_STOP)
    lock, high = limits.drawdown_locks_at, max(float(reference.peak / start), 1.0)
    mode = limits.drawdown_mode
    if lock is not None and float(lock) < 1 - hard:
        # The floor lies at the lock from the start on.
        mode, hard, lock = DrawdownMode.STATIC, 1 - float(lock), None
    elif lock is not None and reference.locked:
        of_peak = limits.drawdown_of is DrawdownOf.PEAK
        locked_from = float(lock) / (1 - hard) if of_peak else float(lock) + hard
        high = max(high, locked_from)
    daily = opened = None
    if limits.daily_loss_limit_pct is not None and opening is not None:
        daily = min(_share(limits.daily_loss_limit_pct), DEEPEST_STOP)
        opened = round(float(opening / start), PLACES)
    headroom = limits.headroom_share_pct
    return Barrier(
        drawdown_mode=mode.value,
        hard_drawdown=hard,
        drawdown_of=limits.drawdown_of.value,
        locks_at=None if lock is None else float(lock),
        soft_drawdown=min(_share(limits.soft_drawdown_pct), DEEPEST_STOP) or None,
        daily_loss=daily,
        daily_loss_of=limits.daily_loss_of.value,
        daily_on_breach=limits.daily_on_breach.value,
        headroom_share=None if headroom is None else min(_share(headroom), 1.0),
        scale=float(f"{value / start / path.equity:.{PLACES}g}"),
        high_water=round(high, PLACES),
        opening=opened,
        # A rate changes all the time; how many come a day is a whole number here.
        trades_per_day=float(max(round(trades_per_day), 1)),
    )


def _share(pct: Decimal) -> float:
    return float(pct / HUNDRED)


def find_unreachable(
    record: GrowthRecord,
    path: GoalPath,
    *,
    expected: float,
    max_factor: Decimal,
    stop_loss: Stop,
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
    best = log1p(max(float(record.best), 0.0) * factor)
    edge = _told_by_sums(record)
    # Whether the expected trades would do is the cheaper question.
    if expected * best >= needed or most_trades(left) * best >= needed - 1e-12:
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
    return why_unreachable(
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
    shrunk = shrink_mean(bounds, float(record.typical_loss))
    nothing = np.empty(0)
    return Edge(
        bounds,
        shrunk,
        float(record.best),
        nothing,
        nothing,
        record.allows_more,
        nothing,
    )
