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
# Constant factors that monotone tables are improved from, and how often.
CONSTANTS = 9
IMPROVEMENTS = 2


@dataclass(frozen=True, slots=True)
class Solved:
    """The factors and the chances of goal and stop, by trades left and node.

    `factors` and `reached` have shape (trades_left + 1, nodes); `stopped` is with all
    trades left, shape (nodes,). `choices` are the factors' indices.
    """

    factors: Floats
    reached: Floats
    stopped: Floats
    choices: Indices


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
        return _improve(stencils, factors, grid, trades_left, penalty)
    near_one = factors[np.argsort(np.abs(factors - 1.0), kind="stable")]
    stencils = make_stencils(outcomes, near_one, grid)
    return _step_back(stencils, near_one, grid, trades_left, penalty, None)


def _step_back(
    stencils: Stencils,
    factors: Floats,
    grid: Grid,
    trades_left: int,
    penalty: float,
    weights: Floats | None,
) -> Solved:
    """Free choice without `weights` of the nodes, monotone with them."""
    nearness = TIE * np.abs(factors - 1.0)[:, None]
    value, stopped = np.zeros(grid.size), np.zeros(grid.size)
    choices = np.zeros((trades_left + 1, grid.size), dtype=np.intp)
    reached = np.zeros((trades_left + 1, grid.size))
    nodes = np.arange(grid.size)
    for left in range(1, trades_left + 1):
        expected = stencils.expect(value, 1.0, -penalty)
        highest = expected.max(axis=0)
        if weights is None:
            best = np.argmax(expected >= highest - TIE, axis=0)
        else:
            # What a choice loses, not what it gives: sums of it keep their digits.
            best = choose_monotone((expected - highest - nearness) * weights[left])
        if grid.stop is not None:
            stopped = stencils.expect_chosen(stopped, best, 0.0, 1.0)
        value = expected[best, nodes]
        choices[left] = best
        reached[left] = value + penalty * stopped
    table = factors[choices]
    table[0] = 1.0
    return Solved(table, reached, stopped, choices)


def _improve(
    stencils: Stencils,
    factors: Floats,
    grid: Grid,
    trades_left: int,
    penalty: float,
) -> Solved:
    """Monotone factors, from the best constant one on.

    A monotone choice gives up something at some nodes for others, so it matters how
    often each is visited. Weighed by the visits under some table, the best choice of
    each step gives a table that is at least as good from today: by induction over the
    trades left, the sum of values weighed by those visits is.
    """
    constant = _best_constant(stencils, grid, trades_left, penalty)
    choices = np.full((trades_left + 1, grid.size), constant, dtype=np.intp)
    for _ in range(IMPROVEMENTS):
        weights = _count_visits(stencils, choices, grid, trades_left)
        solved = _step_back(stencils, factors, grid, trades_left, penalty, weights)
        choices = solved.choices
    return solved


def _best_constant(
    stencils: Stencils, grid: Grid, trades_left: int, penalty: float
) -> int:
    tried = np.unique(np.linspace(0, len(stencils.weights) - 1, CONSTANTS).astype(int))
    found = []
    for factor in tried.tolist():
        value = np.zeros(grid.size)
        for _ in range(trades_left):
            value = stencils.expect_one(value, factor, 1.0, -penalty)
        found.append(value[grid.today])
    return int(tried[np.argmax(found)])


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
