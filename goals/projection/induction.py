"""Backward induction over the trades left: the best factor at every node. Pure."""

from dataclasses import dataclass

import numpy as np

from goals.projection.grid import Grid
from goals.projection.monotone import choose_monotone
from goals.projection.outcomes import Outcomes
from goals.projection.stencils import Stencils, make_stencils
from goals.projection.types import Floats, Indices

# Values closer than this are equal, and of equals the factor nearest to 1 is taken.
TIE = 1e-11
# What a node weighs that is hardly ever visited, beside the most visited one.
RAREST = 1e-6
# How often a monotone table is improved, and how near to the best of all tables, which
# need not be monotone, it is good enough.
IMPROVEMENTS = 2
NEAR_BEST = 1e-4
# So many constant factors are tried; where one is better, it is improved too.
CONSTANTS = 5
# Where a step costs little (factors at all nodes, over all trades), more is tried.
SMALL = 100_000


@dataclass(frozen=True, slots=True)
class Solved:
    """The factors and the chances of goal and stop, by trades left and node.

    `factors` and `reached` have shape (trades_left + 1, nodes); `stopped` is with all
    trades left, shape (nodes,).
    """

    factors: Floats
    reached: Floats
    stopped: Floats


@dataclass(frozen=True, slots=True)
class _Table:
    """Values and choices (indices of factors), of shape (trades_left + 1, nodes)."""

    values: Floats
    choices: Indices

    def worth(self, grid: Grid) -> float:
        return float(self.values[-1, grid.today])


def solve(
    outcomes: Outcomes,
    factors: Floats,
    grid: Grid,
    trades_left: int,
    penalty: float,
    monotone: bool,
) -> Solved:
    """Step back from the deadline; one matrix product a trade. `factors` ascending."""
    if monotone:
        stencils = make_stencils(outcomes, factors, grid)
        table = _solve_monotone(stencils, factors, grid, trades_left, penalty)
        return _trace(table, stencils, factors, grid, penalty)
    near_one = factors[np.argsort(np.abs(factors - 1.0), kind="stable")]
    stencils = make_stencils(outcomes, near_one, grid)
    table = _step_back(stencils, near_one, trades_left, penalty, None)
    return _trace(table, stencils, near_one, grid, penalty)


def _step_back(
    stencils: Stencils,
    factors: Floats,
    trades_left: int,
    penalty: float,
    weights: Floats | None,
) -> _Table:
    """Free choice without `weights` of the nodes, monotone with them."""
    nearness = TIE * np.abs(factors - 1.0)[:, None]
    size = stencils.at_goal.shape[1]
    values = np.zeros((trades_left + 1, size))
    choices = np.zeros((trades_left + 1, size), dtype=np.intp)
    nodes = np.arange(size)
    for left in range(1, trades_left + 1):
        expected = stencils.expect(values[left - 1], 1.0, -penalty)
        highest = expected.max(axis=0)
        if weights is None:
            best = np.argmax(expected >= highest - TIE, axis=0)
        else:
            # What a choice loses, not what it gives: sums of it keep their digits.
            best = choose_monotone((expected - highest - nearness) * weights[left])
        values[left] = expected[best, nodes]
        choices[left] = best
    return _Table(values, choices)


def _trace(
    table: _Table, stencils: Stencils, factors: Floats, grid: Grid, penalty: float
) -> Solved:
    """The factors, and the goal's and the stop's parts of the values."""
    stopped = np.zeros(grid.size)
    reached = table.values.copy()
    if grid.stop is not None:
        for left in range(1, len(reached)):
            chosen = table.choices[left]
            stopped = stencils.expect_chosen(stopped, chosen, 0.0, 1.0)
            reached[left] += penalty * stopped
    np.clip(reached, 0.0, 1.0, out=reached)
    given = factors[table.choices]
    given[0] = 1.0
    return Solved(given, reached, stopped)


def _solve_monotone(
    stencils: Stencils,
    factors: Floats,
    grid: Grid,
    trades_left: int,
    penalty: float,
) -> _Table:
    """Monotone factors, from the visits of the best table of all on.

    A monotone choice gives up something at some nodes for others, so it matters how
    often each is visited. Weighed by the visits under some monotone table, the best
    choice of each step gives a table that is at least as good from today: by induction
    over the trades left, the sum of values weighed by those visits is.
    """
    free = _step_back(stencils, factors, trades_left, penalty, None)
    limit = free.worth(grid)
    asked = (stencils, factors, grid, trades_left, penalty, limit)
    found = [_improve(free.choices, *asked)]

    def improve_constant(factor: int) -> None:
        choices = np.full(free.choices.shape, factor, dtype=np.intp)
        found.append(_improve(choices, *asked))

    if found[0].worth(grid) < limit - NEAR_BEST:
        constant, worth = _best_constant(stencils, grid, trades_left, penalty)
        if worth > found[0].worth(grid):
            improve_constant(constant)
        if free.choices.size * factors.size <= SMALL:
            improve_constant(0)
            improve_constant(factors.size - 1)
    return max(found, key=lambda table: table.worth(grid))


def _improve(
    choices: Indices,
    stencils: Stencils,
    factors: Floats,
    grid: Grid,
    trades_left: int,
    penalty: float,
    limit: float,
) -> _Table:
    """The monotone table by the visits under `choices`, and by those under itself."""
    for _ in range(IMPROVEMENTS):
        weights = _count_visits(stencils, choices, grid, trades_left)
        table = _step_back(stencils, factors, trades_left, penalty, weights)
        if table.worth(grid) >= limit - NEAR_BEST:
            break
        choices = table.choices
    return table


def _best_constant(
    stencils: Stencils, grid: Grid, trades_left: int, penalty: float
) -> tuple[int, float]:
    """The best of some factors for always: its index and what it is worth today."""
    tried = np.unique(np.linspace(0, len(stencils.weights) - 1, CONSTANTS).astype(int))
    found = []
    for factor in tried.tolist():
        value = np.zeros(grid.size)
        for _ in range(trades_left):
            value = stencils.expect_one(value, factor, 1.0, -penalty)
        found.append(float(value[grid.today]))
    return int(tried[np.argmax(found)]), max(found)


def _count_visits(
    stencils: Stencils, choices: Indices, grid: Grid, trades_left: int
) -> Floats:
    """How often each node is visited with so many trades left, beside the most."""
    weights = np.zeros((trades_left + 1, grid.size))
    visits = np.zeros(grid.size)
    visits[grid.today] = 1.0
    for left in range(trades_left, 0, -1):
        weights[left] = visits / max(float(visits.max()), 1e-300) + RAREST
        visits = stencils.carry(visits, choices[left], grid)
    return weights
