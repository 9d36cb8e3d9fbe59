"""Many trades walked in fewer steps, several trades a step. Pure.

A walk over thousands of trades needs as many steps, and hardly differs from one whose
steps are sums of trades, as long as a goal counts as touched already where the walk of
single trades would have touched it: nearer by what longer steps jump beyond it more.
Sources: Siegmund, D. (1985), *Sequential Analysis*, chapter 10; Broadie, M.,
Glasserman, P. and Kou, S. (1997), *A continuity correction for discrete barrier
options*, Mathematical Finance 7.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from operator import index

import numpy as np

from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats

# Walks of no more trades take each for itself.
MOST_SINGLE = 60
# A step's deviation is at most this share of the way between goal and stop, or it is
# one trade. Nearer to a stop a policy must be able to answer.
PART_OF_WAY = 1 / 64
# A policy is asked again after this share of the trades left, or after an eighth of it
# of all trades; where a point is of no account, after a larger one.
SHARE = 1 / 32
ROUGH_SHARE = 1 / 12
LEAST_PART = 1 / 8
# A grid of many trades of many outcomes has fewer nodes than asked for where steps are
# large; few outcomes leave the value rough.
FEWEST_NODES = 200
FEW_OUTCOMES = 5
# By how many deviations of a step a walk jumps beyond a level, on average.
OVERSHOOT = 0.5826
# A goal is drawn nearer by this share of its distance at most.
MOST_DRAWN = 1 / 8
# Where one more step changes no probability by more than this, no further ones do.
SETTLED = 1e-5
# Outcomes no farther apart than this share of the way between all are alike; so many
# kinds of them are few.
ALIKE, FEW_KINDS = 0.1, 4
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


@dataclass(frozen=True, slots=True)
class Stretch:
    """`times` equal steps, for which a policy is asked once."""

    step: Step
    times: int = 1

    @property
    def trades(self) -> int:
        return self.step.trades * self.times


def plan_steps(
    outcomes: Outcomes,
    trades_left: int,
    nearest: float,
    path: float,
    factor: float,
    share: float = SHARE,
) -> list[Stretch]:
    """The stretches of a walk, the one before the deadline first.

    `nearest` is how far goal or stop are from today and `path` how far from each other,
    in log-equity; `factor` the largest; a policy is asked again after `share` of the
    trades left. Steps are short where the walk begins near one
    of them, where both are near each other, and before the deadline.
    """
    spread = _deviation(outcomes)
    if trades_left <= MOST_SINGLE or spread * factor == 0:
        return [Stretch(Step(1, outcomes))] * trades_left
    begin = (1 + nearest / (spread * factor) * MOST_DRAWN / OVERSHOOT) ** 2
    longest = (path * PART_OF_WAY / (spread * factor)) ** 2
    made = {1: Step(1, outcomes)}
    plan = []
    left, done = index(trades_left), 0
    while left:
        most = share * max(left, LEAST_PART * trades_left)
        size = _power_of_two(min(most, max(begin, SHARE * done), longest, left))
        times = max(min(int(most), left) // size, 1)
        plan.append(Stretch(_make(size, made, spread), times))
        left, done = left - size * times, done + size * times
    return plan[::-1]


def fewest_nodes(outcomes: Outcomes, trades_left: int) -> int | None:
    """The fewest nodes that do where steps are large; None: no fewer than asked."""
    if trades_left <= MOST_SINGLE or outcomes.values.size <= FEW_OUTCOMES:
        return None
    return FEWEST_NODES


def _power_of_two(most: float) -> int:
    return 1 << max(int(most).bit_length() - 1, 0)


def repeat(step: Callable[[Floats], Floats], values: Floats, times: int) -> Floats:
    """The values after n equal steps; no more are taken than change them."""
    for _ in range(times):
        before, values = values, step(values)
        if times > 1 and np.abs(values - before).max() < SETTLED:
            break
    return values


def sum_of(outcomes: Outcomes, trades: float) -> Outcomes:
    """The sum of n trades, of which there need be no whole number."""
    summed, doubled = outcomes, 1
    while doubled * 2 <= trades:
        summed, doubled = _twice(summed), doubled * 2
    mean = float(summed.values @ summed.probabilities)
    wider = sqrt(trades / doubled)
    values = mean * trades / doubled + (summed.values - mean) * wider
    return Outcomes(values, summed.probabilities, outcomes.base_risk)


def _make(size: int, made: dict[int, Step], spread: float) -> Step:
    if size not in made:
        half = _make(size // 2, made, spread).outcomes
        drawn = OVERSHOOT * spread * (sqrt(size) - 1)
        made[size] = Step(size, _twice(half), drawn)
    return made[size]


def _twice(outcomes: Outcomes) -> Outcomes:
    """The sum of two, as `SUM_OUTCOMES` outcomes of its mean and deviation."""
    values = np.add.outer(outcomes.values, outcomes.values).ravel()
    chances = np.outer(outcomes.probabilities, outcomes.probabilities).ravel()
    return fewer(Outcomes(values, chances, outcomes.base_risk))


def fewer(outcomes: Outcomes) -> Outcomes:
    """The same mean and deviation by no more than `SUM_OUTCOMES` outcomes."""
    if outcomes.values.size <= SUM_OUTCOMES:
        return outcomes
    order = np.argsort(outcomes.values, kind="stable")
    values, chances = outcomes.values[order], outcomes.probabilities[order]
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
    wanted = _deviation(outcomes) / outcomes.base_risk
    return Outcomes(mean + (means - mean) * wanted / kept, weights, outcomes.base_risk)


def coarsen(outcomes: Outcomes) -> Outcomes | None:
    """Outcomes that are about alike as one; None where more than a few are left.

    Sums of such ones lie on a few levels, and a goal may be hit by a hair.
    """
    order = np.argsort(outcomes.values)
    values, chances = outcomes.values[order], outcomes.probabilities[order]
    wide, firsts = ALIKE * float(np.ptp(values)), [0]
    for place, value in enumerate(values.tolist()):
        if value - values[firsts[-1]] > wide:
            firsts.append(place)
    if len(firsts) > FEW_KINDS:
        return None
    weights = np.add.reduceat(chances, firsts)
    means = np.add.reduceat(chances * values, firsts) / weights
    return Outcomes(means, weights, outcomes.base_risk)


def _deviation(outcomes: Outcomes) -> float:
    away = outcomes.values - outcomes.values @ outcomes.probabilities
    return outcomes.base_risk * sqrt(float(away**2 @ outcomes.probabilities))


def trades_at(plan: Sequence[Stretch]) -> Floats:
    """How many trades are left before each stretch, from none on: one more of them."""
    return np.cumsum([0.0, *(stretch.trades for stretch in plan)])
