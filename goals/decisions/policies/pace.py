"""As large as the rest of the way needs, inside limits by progress. Pure."""

from bisect import bisect_right
from decimal import Decimal
from functools import lru_cache

import numpy as np

from goals.decisions.policies.base import (
    ArrayInputs,
    Floats,
    Needs,
    Policy,
    PolicyAnswer,
    PolicyInputs,
)
from mastertrade.values import in_text
from mastertrade.values.in_text import say
from mastertrade.values.money import FACTOR, ONE, exactly, round_to

VERSION = "pace-1"
# How much more than needed a goal that is behind strives for. No unit.
PACE_SPEED = Decimal("1.5")
# From so much progress on (percent): the pace's lowest and highest factor. None is the
# goal's own bound. Source: docs/rules.md, "Policies".
PACE_LIMITS: tuple[tuple[Decimal, Decimal | None, Decimal | None], ...] = (
    (Decimal("-Infinity"), ONE, None),
    (Decimal(40), Decimal("0.95"), Decimal("1.05")),
    (Decimal(50), None, Decimal("1.05")),
    (Decimal(80), None, ONE),
)


FLOORS_PCT = [floor for floor, *_ in PACE_LIMITS]
FLOORS = np.array(FLOORS_PCT, dtype=np.float64)


def pace_limits(
    min_factor: Decimal, max_factor: Decimal
) -> list[tuple[Decimal, Decimal]]:
    """For each floor of progress: the lowest and highest factor of a goal."""
    return [
        (
            min_factor if lowest is None else lowest,
            max_factor if highest is None else highest,
        )
        for _, lowest, highest in PACE_LIMITS
    ]


@exactly
def pace_factor(
    progress_pct: Decimal,
    need: Decimal,
    edge: Decimal,
    *,
    min_factor: Decimal,
    max_factor: Decimal,
) -> Decimal:
    """`1.5 x need / edge` inside the limits of the progress, then the goal's bounds.

    `need` is the log-growth each trade left must bring, `edge` the shrunk mean growth
    per trade at factor 1; both ratios. An edge at or below 0 cannot be sped up: 1.0
    before the limits.
    """
    band = bisect_right(FLOORS_PCT, progress_pct) - 1
    low, high = pace_limits(min_factor, max_factor)[band]
    wanted = ONE if edge <= 0 else PACE_SPEED * need / edge
    held = min(max(wanted, low), high)
    return round_to(min(max(held, min_factor), max_factor), FACTOR)


@lru_cache(maxsize=64)  # an induction asks for the same hundreds of times
def _limits(min_factor: Decimal, max_factor: Decimal) -> tuple[Floats, Floats]:
    low, high = np.array(pace_limits(min_factor, max_factor), dtype=np.float64).T
    return low, high


def pace_factors(
    progress_pct: Floats,
    need: Floats,
    edge: float,
    *,
    min_factor: Decimal,
    max_factor: Decimal,
) -> Floats:
    """What `pace_factor` gives for each progress (percent) and need (log-growth)."""
    low, high = _limits(min_factor, max_factor)
    wanted = np.ones(progress_pct.shape)
    if edge > 0:
        wanted = float(PACE_SPEED) * need / edge
    band = np.searchsorted(FLOORS, progress_pct, side="right") - 1
    held = np.clip(wanted, low[band], high[band])
    return np.asarray(np.round(held, FACTOR[1]))


def _ask(goal: PolicyInputs) -> PolicyAnswer | None:
    need, edge = goal.need, goal.edge
    if need is None or edge is None:
        return None
    factor = pace_factor(
        goal.progress_pct,
        need,
        edge,
        min_factor=goal.min_factor,
        max_factor=goal.max_factor,
    )
    why = say(
        " (required growth {} and edge {} per trade, {})",
        in_text.ratio(need),
        in_text.ratio(edge),
        goal.trades_in_words,
    )
    return PolicyAnswer(VERSION, factor, why)


def _ask_arrays(goal: ArrayInputs) -> Floats | None:
    if goal.edge is None:
        return None
    return pace_factors(
        goal.progress_pct,
        goal.need(),
        float(goal.edge),
        min_factor=goal.min_factor,
        max_factor=goal.max_factor,
    )


POLICY = Policy(VERSION, Needs.FORECAST, _ask, _ask_arrays)
