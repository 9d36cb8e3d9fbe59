"""Many trades walked in fewer steps, several trades a step. Pure.

A walk over thousands of trades needs as many steps, and hardly differs from one whose
steps are sums of trades, as long as a goal counts as touched already where the walk of
single trades would have touched it: nearer by what longer steps jump beyond it more.
Sources: Siegmund, D. (1985), *Sequential Analysis*, chapter 10; Broadie, M.,
Glasserman, P. and Kou, S. (1997), *A continuity correction for discrete barrier
options*, Mathematical Finance 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from operator import index

import numpy as np

from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats

# Walks of no more trades take each for itself; few outcomes are quick, and their sums
# are less like those of a normal distribution.
MOST_SINGLE = 60
FEW_OUTCOMES = 5
MOST_SINGLE_OF_FEW = 240
# A step's deviation is at most this share of the way between goal and stop, but a walk
# is cut into no more steps than about twice so many for that.
PART_OF_WAY = 1 / 12
MOST_STEPS = 64
# A step has at most this share of the trades left, and of those done or nearly.
SHARE = 1 / 24
# By how many deviations of a step a walk jumps beyond a level, on average.
OVERSHOOT = 0.5826
# Outcomes that stand for a sum of trades.
SUM_OUTCOMES = 21


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """So many trades at once: the outcomes of their sum.

    `drawn` is by how much goal and stop count as nearer, in log-equity at factor 1.
    """

    trades: int
    outcomes: Outcomes
    drawn: float = 0.0


def plan_steps(
    outcomes: Outcomes, trades_left: int, nearest: float, way: float, factor: float
) -> list[Step]:
    """The steps of a walk, the one before the deadline first.

    `nearest` is how far goal or stop are from today and `way` how far from each other,
    in log-equity; `factor` the largest. Steps are short where the walk begins near one
    of them, where both are near each other, and before the deadline.
    """
    single = Step(1, outcomes)
    spread = _deviation(outcomes)
    few = outcomes.values.size <= FEW_OUTCOMES
    most_single = MOST_SINGLE_OF_FEW if few else MOST_SINGLE
    if trades_left <= most_single or spread * factor == 0:
        return [single] * trades_left
    # A goal is drawn nearer by a quarter of its distance at most.
    begin = (1 + nearest / (spread * factor) / (4 * OVERSHOOT)) ** 2
    longest = (way * PART_OF_WAY / (spread * factor)) ** 2
    longest = max(longest, trades_left / MOST_STEPS)
    made = {1: single}
    steps = []
    left, done = index(trades_left), 0
    while left:
        most = min(SHARE * left, max(begin, SHARE * done), longest)
        size = 1 << max(int(most).bit_length() - 1, 0)
        steps.append(_make(size, made, spread))
        left, done = left - size, done + size
    return steps[::-1]


def sum_of(outcomes: Outcomes, trades: float) -> Outcomes:
    """The sum of so many trades, of which there need be no whole number."""
    told, doubled = outcomes, 1
    while doubled * 2 <= trades:
        told, doubled = _twice(told), doubled * 2
    mean = float(told.values @ told.probabilities)
    wider = sqrt(trades / doubled)
    values = mean * trades / doubled + (told.values - mean) * wider
    return Outcomes(values, told.probabilities, outcomes.base_risk)


def _make(size: int, made: dict[int, Step], spread: float) -> Step:
    if size not in made:
        half = _make(size // 2, made, spread).outcomes
        drawn = OVERSHOOT * spread * (sqrt(size) - 1)
        made[size] = Step(size, _twice(half), drawn)
    return made[size]


def _twice(outcomes: Outcomes) -> Outcomes:
    """The sum of two, told by `SUM_OUTCOMES` outcomes of its mean and deviation."""
    values = np.add.outer(outcomes.values, outcomes.values).ravel()
    chances = np.outer(outcomes.probabilities, outcomes.probabilities).ravel()
    order = np.argsort(values, kind="stable")
    values, chances = values[order], chances[order]
    part = np.minimum(
        (np.cumsum(chances) - chances / 2) * SUM_OUTCOMES, SUM_OUTCOMES - 1
    )
    which = part.astype(np.intp)
    weights = np.bincount(which, chances, SUM_OUTCOMES)
    used = weights > 0
    means = np.bincount(which, chances * values, SUM_OUTCOMES)[used] / weights[used]
    weights = weights[used] / weights.sum()
    mean = float(means @ weights)
    kept = sqrt(float((means - mean) ** 2 @ weights))
    wanted = sqrt(2) * _deviation(outcomes) / outcomes.base_risk
    return Outcomes(mean + (means - mean) * wanted / kept, weights, outcomes.base_risk)


def _deviation(outcomes: Outcomes) -> float:
    away = outcomes.values - outcomes.values @ outcomes.probabilities
    return outcomes.base_risk * sqrt(float(away**2 @ outcomes.probabilities))


def trades_at(steps: Sequence[Step]) -> Floats:
    """How many trades are left before each step, from none on: shape (steps + 1,)."""
    return np.cumsum([0, *(step.trades for step in steps)])
