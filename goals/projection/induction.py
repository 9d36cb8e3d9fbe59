"""Backward induction over the trades left: the best factor at every node. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from goals.projection.grid import Grid
from goals.projection.grouping import Stretch, repeat
from goals.projection.monotone import choose_monotone
from goals.projection.stencils import Stencils, make_stencils
from goals.projection.types import Floats, Indices

# Values closer than this are equal, and of equals the factor nearest to 1 is taken.
TIE = 1e-11
# What a node weighs that is hardly ever visited, as a share of the most visited one.
RAREST = 1e-6
# How often a monotone table is improved; a third time brought next to nothing.
IMPROVEMENTS = 2
# How near to the best of all tables, which need not be monotone, is near enough: not to
# look any further, and not to look everywhere.
NEAR_BEST = 5e-4
FAIR = 5e-3
# What is so much behind the best after one improvement does not get another.
HOPELESS = 1e-2
# So many constant factors are tried, and the best of them is improved.
CONSTANTS = 5
# Where a table costs no more than this (factors at all nodes, over all trades), the
# smallest and the largest factor are improved, too.
MOST_TO_LOOK_EVERYWHERE = 2_000_000
# A step's stencils, and how many times it is taken with the same factors.
Plan: TypeAlias = Sequence[tuple[Stencils, int]]


@dataclass(frozen=True, slots=True)
class Solved:
    """The factors and the chances of goal and stop, by steps left and node.

    `factors` and `reached` have shape (steps + 1, nodes); `stopped` is with all steps
    left, shape (nodes,).
    """

    factors: Floats
    reached: Floats
    stopped: Floats


@dataclass(frozen=True, slots=True)
class _Table:
    """Values and choices (indices of factors), of shape (steps + 1, nodes)."""

    values: Floats
    choices: Indices

    def worth(self, grid: Grid) -> float:
        return float(self.values[-1, grid.today])


def solve(
    stretches: Sequence[Stretch],
    factors: Floats,
    grid: Grid,
    penalty: float,
    monotone: bool,
) -> Solved:
    """Step back from the deadline; one matrix product a step. `factors` ascending.

    `stretches` as `plan_steps` gives them; of one trade each, and alike, for a
    `monotone` table.
    """
    if grid.stop is None:
        penalty = 0.0  # or leaving the grid would cost what a stop does
    if monotone:
        plan = _lay_out(stretches, factors, grid)
        table = _solve_monotone(plan, factors, grid, penalty)
        return _trace(table, plan, factors, grid, penalty)
    near_one = nearest_to_one(factors)
    plan = _lay_out(stretches, near_one, grid)
    table = _step_back(plan, near_one, grid, penalty, None)
    return _trace(table, plan, near_one, grid, penalty)


def _lay_out(stretches: Sequence[Stretch], factors: Floats, grid: Grid) -> Plan:
    """Equal steps have the same stencils."""
    made = {
        step: make_stencils(step.outcomes, factors, grid, step.drawn)
        for step in dict.fromkeys(stretch.step for stretch in stretches)
    }
    return [(made[stretch.step], stretch.times) for stretch in stretches]


def nearest_to_one(factors: Floats) -> Floats:
    """The same factors, in the order in which equally good ones are taken."""
    return factors[np.argsort(np.abs(factors - 1.0), kind="stable")]


def _step_back(
    plan: Plan,
    factors: Floats,
    grid: Grid,
    penalty: float,
    weights: Floats | None,
) -> _Table:
    """Free choice without `weights` of the nodes, monotone with them."""
    nearness = TIE * np.abs(factors - 1.0)[:, None]
    # Small numbers are compared quickest.
    small = np.min_scalar_type(factors.size)
    best_first = np.arange(factors.size, 0, -1, dtype=small)[:, None]
    size = grid.size
    values = np.zeros((len(plan) + 1, size))
    choices = np.zeros((len(plan) + 1, size), dtype=np.intp)
    nodes = np.arange(size)
    equal = np.empty((factors.size, size), dtype=small)
    for left, (stencils, times) in enumerate(plan, start=1):
        expected = stencils.expect(values[left - 1], 1.0, -penalty)
        highest = expected.max(axis=0)
        if weights is None:
            # The first of equals; this way it is found quicker than by `argmax`.
            np.multiply(expected >= highest - TIE, best_first, out=equal)
            choices[left] = factors.size - equal.max(axis=0)
            values[left] = highest
            take = partial(
                stencils.expect_chosen,
                chosen=choices[left],
                reached=1.0,
                stopped=-penalty,
            )
            values[left] = repeat(take, highest, times - 1)
            continue
        # What a choice loses, not what it gives: sums of it keep their digits.
        lost = expected - highest - nearness
        lost *= weights[left]
        best = choose_monotone(lost)
        values[left] = expected[best, nodes]
        choices[left] = best
    return _Table(values, choices)


def _trace(
    table: _Table,
    plan: Plan,
    factors: Floats,
    grid: Grid,
    penalty: float,
) -> Solved:
    """The factors, and the goal's and the stop's parts of the values."""
    stopped = np.zeros(grid.size)
    reached = table.values.copy()
    if grid.stop is not None:
        for left, (stencils, times) in enumerate(plan, start=1):
            chosen = table.choices[left]
            take = partial(
                stencils.expect_chosen, chosen=chosen, reached=0.0, stopped=1.0
            )
            stopped = repeat(take, stopped, times)
            reached[left] += penalty * stopped
    np.clip(reached, 0.0, 1.0, out=reached)
    given = factors[table.choices]
    given[0] = 1.0
    return Solved(given, reached, stopped)


def _solve_monotone(
    plan: Plan,
    factors: Floats,
    grid: Grid,
    penalty: float,
) -> _Table:
    """Monotone factors, from the visits of the best table of all on.

    A monotone choice gives up something at some nodes for others, so it matters how
    often each is visited. Weighed by the visits under some monotone table, the best
    choice of each step gives a table that is at least as good from today: by induction
    over the trades left, the sum of values weighed by those visits is.
    """
    free = _step_back(plan, factors, grid, penalty, None)
    limit = free.worth(grid)

    def improve(choices: Indices, beaten: float) -> _Table:
        """By the visits under `choices`, and by those under the table found so."""
        for _ in range(IMPROVEMENTS):
            weights = _count_visits(plan, choices, grid)
            table = _step_back(plan, factors, grid, penalty, weights)
            if not beaten <= table.worth(grid) < limit - NEAR_BEST:
                break
            choices = table.choices
        return table

    def improve_constant(factor: int, best: _Table) -> _Table:
        choices = np.full(free.choices.shape, factor, dtype=np.intp)
        found = improve(choices, best.worth(grid) - HOPELESS)
        return found if found.worth(grid) > best.worth(grid) else best

    best = improve(free.choices, -np.inf)
    if best.worth(grid) >= limit - NEAR_BEST:
        return best
    # The best is often not near these visits: what is best there may lead elsewhere.
    constant = _best_constant(plan, factors, grid, penalty)
    best = improve_constant(constant, best)
    if free.choices.size * factors.size <= MOST_TO_LOOK_EVERYWHERE:
        for factor in {0, factors.size - 1} - {constant}:
            if best.worth(grid) < limit - FAIR:
                best = improve_constant(factor, best)
    return best


def _best_constant(plan: Plan, factors: Floats, grid: Grid, penalty: float) -> int:
    """The index of the best of some factors for always, as of today."""
    tried = np.unique(np.linspace(0, factors.size - 1, CONSTANTS).astype(int))
    found = []
    for factor in tried.tolist():
        value = np.zeros(grid.size)
        for stencils, _ in plan:
            value = stencils.expect_one(value, factor, 1.0, -penalty)
        found.append(float(value[grid.today]))
    return int(tried[np.argmax(found)])


def _count_visits(plan: Plan, choices: Indices, grid: Grid) -> Floats:
    """How often each node is visited with n steps left, as a share of the most."""
    weights = np.zeros((len(plan) + 1, grid.size))
    visits = np.zeros(grid.size)
    visits[grid.today] = 1.0
    for left in range(len(plan), 0, -1):
        weights[left] = visits / max(float(visits.max()), 1e-300) + RAREST
        visits = plan[left - 1][0].carry(visits, choices[left])
    return weights
