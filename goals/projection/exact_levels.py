"""The chances of a policy by every equity in reach, where these are few. Pure.

With one factor for always an equity depends on how often each outcome came, not on the
order, so few outcomes lead to few equities. These are walked one by one and nothing is
read between nodes: a goal that a sum of steps hits by a hair is hit. With a choice of
factors and few trades left it is the same, and the best choice is known exactly. It
stays next to the grids, as those are off by a point where a sum of few steps hits a
goal by a hair.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

from goals.projection.induction import TIE
from goals.projection.outcomes import Outcomes
from goals.projection.types import Flags, Floats, Indices

# Log-equities closer than this are one; sums of thousands of steps err by less.
SAME = 1e-11
# Equities over all trades, times outcomes, that are walked sooner than a grid: where
# there is one factor for always, and where nobody knows how many there will be.
MOST_STEPS = 1_500_000
MOST_STEPS_TRIED = 60_000
# With one factor and without goal and stop; more is not begun.
MOST_STEPS_BEGUN = 20_000_000
# The same with a choice: equities at most, times factors and outcomes, in all.
MOST_STEPS_TO_CHOOSE = 1_500_000


@dataclass(frozen=True, slots=True)
class Reached:
    """The chances (ratios) to touch the goal and the stop, from today."""

    probability: float
    stop_probability: float


def walk_levels(
    choose: Callable[[int, Floats], Floats],
    outcomes: Outcomes,
    trades_left: int,
    goal: float,
    stop: float | None,
    today: float,
    *,
    constant: bool,
) -> Reached | None:
    """Carry the probability of each log-equity from trade to trade until it ends.

    `choose` gives the factors for trades left and equities; `goal`, `stop` and `today`
    in log-equity. A walk that loses everything ends, as a stop where there is one. None
    where there are too many equities. `constant`: the factors are known to be one.
    """
    most = MOST_STEPS if constant else MOST_STEPS_TRIED
    kinds = outcomes.values.size
    if comb(trades_left + kinds, kinds) * kinds > MOST_STEPS_BEGUN:
        return None
    levels, chances = np.array([today]), np.ones(1)
    reached = stopped = 0.0
    for left in range(trades_left, 0, -1):
        most -= levels.size * kinds
        if most < 0:
            return None
        steps = outcomes.log_steps(choose(left, np.exp(levels)))
        levels = (levels[:, None] + steps).ravel()
        chances = np.outer(chances, outcomes.probabilities).ravel()
        at_goal = levels >= goal - SAME
        at_stop = _is_stopped(levels, stop)
        reached += float(chances[at_goal].sum())
        stopped += float(chances[at_stop].sum())
        goes_on = ~(at_goal | at_stop)
        levels, chances = _merge(levels[goes_on], chances[goes_on])
        if not levels.size:
            break
    return Reached(reached, 0.0 if stop is None else stopped)


def choose_at_levels(
    factors: Floats,
    outcomes: Outcomes,
    trades_left: int,
    goal: float,
    stop: float | None,
    today: float,
    penalty: float,
) -> tuple[Reached, int] | None:
    """The best choice of factors at each log-equity in reach, and the first of them.

    Of equally good factors the first is taken. None where there may be too many
    equities: they depend on how often each factor met each outcome, in any order.
    """
    steps = outcomes.log_steps(factors)
    bound = comb(steps.size + trades_left - 1, steps.size) * steps.size
    if trades_left == 0 or bound > MOST_STEPS_TO_CHOOSE:
        return None
    levels, ways = np.array([today]), []
    for _ in range(trades_left):
        then = levels[:, None, None] + steps
        # The last two places are the goal and the stop.
        to = np.where(then >= goal - SAME, -2, -1)
        goes_on = (to == -1) & ~_is_stopped(then, stop)
        levels, to[goes_on] = _number(then[goes_on])
        ways.append(to)
    reached = stopped = np.zeros(levels.size)
    for to in reversed(ways):
        reach = np.append(reached, [1.0, 0.0])[to] @ outcomes.probabilities
        ends = np.append(stopped, [0.0, stop is not None])[to] @ outcomes.probabilities
        worth = reach - penalty * ends
        best = np.argmax(worth >= worth.max(axis=1, keepdims=True) - TIE, axis=1)
        rows = np.arange(best.size)
        reached, stopped = reach[rows, best], ends[rows, best]
    return Reached(float(reached[0]), float(stopped[0])), int(best[0])


def _number(levels: Floats) -> tuple[Floats, Indices]:
    """Each log-equity once, and which of them each one is."""
    order = np.argsort(levels, kind="stable")
    begins = np.diff(levels[order], prepend=-np.inf) > SAME
    which = np.empty(levels.size, dtype=np.intp)
    which[order] = np.cumsum(begins) - 1
    return levels[order][begins], which


def _is_stopped(levels: Floats, stop: float | None) -> Flags:
    bottom = -np.inf if stop is None else stop + SAME
    return np.asarray(levels <= bottom)


def _merge(levels: Floats, chances: Floats) -> tuple[Floats, Floats]:
    """Each log-equity once, with the probability of all ways to it."""
    merged, which = _number(levels)
    return merged, np.bincount(which, chances, merged.size).astype(np.float64)
