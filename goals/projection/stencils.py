"""How one trade carries value from node to node. Pure.

Between nodes the value is read by linear interpolation, which keeps the mean of each
step; its variance, too, once the outcomes are drawn together by what reading between
nodes adds. In the cells that hold the goal and the stop it is not read so: there a step
counts as reaching them if it does, exactly, and as ending on the node before them
otherwise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from goals.projection.grid import TOUCH, Grid
from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats, Indices

# Multiply-adds of one product. OpenBLAS gives larger ones to all cores, which on a busy
# machine wait for each other for longer than the work takes.
MOST_PRODUCT = 1 << 18
# How often it is worked out by how much to draw outcomes together, as what reading
# between nodes adds depends on where they come to lie; and by how much at most.
NARROWINGS = 3
NARROWEST = 0.8


@dataclass(frozen=True, slots=True)
class Landing:
    """Where steps land from a node: `cells` whole cells away, and a `share` beyond.

    Arrays of equal shape, (factors, outcomes); a share is at least 0 and below 1. The
    variance of a step is right when read so; `exact` is where it leads, in cells.
    """

    cells: Indices
    share: Floats
    exact: Floats


def land(log_steps: Floats, probabilities: Floats, grid: Grid) -> Landing:
    """Measure steps in cells; one that leaves the grid is held just outside it.

    Reading between two nodes takes a step to one or the other of them, which adds
    share · (1 - share) of a cell squared to its variance. Over hundreds of trades near
    a stop that costs some tenths of a percentage point.
    """
    bound = grid.size + 1
    exact = _snap(np.clip(log_steps / grid.step, -bound, bound))
    mean = (exact @ probabilities)[:, None]
    apart = exact - mean
    variance = np.maximum(apart**2 @ probabilities, TOUCH)
    places = exact
    for _ in range(NARROWINGS):
        share = places - np.floor(places)
        added = (share * (1 - share)) @ probabilities
        kept = np.sqrt(np.clip(1 - added / variance, NARROWEST**2, 1.0))
        places = _snap(mean + apart * kept[:, None])
    cells = np.floor(places)
    return Landing(cells.astype(np.intp), places - cells, exact)


def _snap(places: Floats) -> Floats:
    """What is a whole number of cells but for rounding is that number."""
    whole = np.rint(places)
    return np.where(np.abs(places - whole) < TOUCH, whole, places)


@dataclass(frozen=True, slots=True)
class Stencils:
    """One trade at each factor, as weights on the nodes around.

    `weights` has shape (factors, window): it times the windows of the values, padded by
    `below` and `above` nodes, are the expected values. `at_goal` and `at_stop` have
    shape (cells, factors, nodes): what the cell of the goal adds at the last nodes, and
    that of the stop at the first ones, for each unit that the value of the node next to
    the end differs from the end's. Where a step is several trades, further cells are
    near enough to count as touching; their nodes follow. `chances`,
    shape (outcomes,), are the outcomes'; `cells` and `shares`, shape (factors,
    outcomes), where each one leads: n cells away, counted from the begin of
    `padded` with the node itself at 0, and a share of a cell beyond. `padded` is room
    for values with what lies beyond them, and `windows` shows it shifted by each cell.
    """

    weights: Floats
    below: int
    above: int
    at_goal: Floats
    at_stop: Floats | None
    chances: Floats
    cells: Indices
    shares: Floats
    padded: Floats
    windows: Floats

    def expect(self, values: Floats, reached: float, stopped: float) -> Floats:
        """The expected values after one trade, shape (factors, nodes).

        `values` by node; `reached` from the goal on, `stopped` from the stop down.
        """
        self._pad(values, reached, stopped)
        expected = np.empty((self.weights.shape[0], values.size))
        block = max(MOST_PRODUCT // self.weights.size, 8)
        for begin in range(0, values.size, block):
            part = slice(begin, begin + block)
            # Copied: overlapping rows would not be left to the fast library.
            around = np.ascontiguousarray(self.windows[:, part])
            np.matmul(self.weights, around, out=expected[:, part])
        goal, stop = self.at_goal, self.at_stop
        missing = reached - values[::-1][: len(goal)]
        expected[:, -goal.shape[2] :] += np.tensordot(missing, goal, 1)
        if stop is not None:
            missing = stopped - values[: len(stop)]
            expected[:, : stop.shape[2]] += np.tensordot(missing, stop, 1)
        return np.asarray(expected)

    def expect_one(
        self, values: Floats, factor: int, reached: float, stopped: float
    ) -> Floats:
        """The same at one factor, given by its index, everywhere; shape (nodes,)."""
        padded = self._pad(values, reached, stopped)
        expected = np.correlate(padded, self.weights[factor], "valid")
        goal, stop = self.at_goal, self.at_stop
        missing = reached - values[::-1][: len(goal)]
        expected[-goal.shape[2] :] += missing @ goal[:, factor]
        if stop is not None:
            missing = stopped - values[: len(stop)]
            expected[: stop.shape[2]] += missing @ stop[:, factor]
        return np.asarray(expected)

    def expect_chosen(
        self, values: Floats, chosen: Indices, reached: float, stopped: float
    ) -> Floats:
        """The same for one factor at each node, given by index; shape (nodes,)."""
        padded = self._pad(values, reached, stopped)
        below = self._land(chosen)
        read = (padded[1:] - padded[:-1]).take(below)
        read *= self.shares.take(chosen, axis=0)
        read += padded.take(below)
        expected = read @ self.chances
        goal, stop = self._near_ends(chosen)
        missing = reached - values[::-1][: len(goal)]
        expected[-goal.shape[1] :] += missing @ goal
        if stop is not None:
            missing = stopped - values[: len(stop)]
            expected[: stop.shape[1]] += missing @ stop
        return np.asarray(expected)

    def carry(self, visits: Floats, chosen: Indices) -> Floats:
        """How probably each node is visited after a step of one trade, given before it.

        `chosen` are the indices of the factors at the nodes. Walks that end are gone.
        What `expect_chosen` reads from a node is what this one carries there.
        """
        below = self._land(chosen)
        moved = np.multiply.outer(visits, self.chances)
        above = moved * self.shares.take(chosen, axis=0)
        moved -= above
        size = self.padded.size
        carried = np.bincount(below.ravel(), moved.ravel(), size)
        carried[1:] += np.bincount(below.ravel(), above.ravel(), size)[:-1]
        carried = carried[self.below : self.below + visits.size]
        goal, stop = self._near_ends(chosen)
        carried[-1] -= goal[0] @ visits[-goal.shape[1] :]
        if stop is not None:
            carried[0] -= stop[0] @ visits[: stop.shape[1]]
        # What is nothing but for rounding is nothing.
        return np.asarray(np.maximum(carried, 0.0))

    def _land(self, chosen: Indices) -> Indices:
        """Where in `padded` the outcomes lead from each node."""
        return self.cells.take(chosen, axis=0) + np.arange(chosen.size)[:, None]

    def _near_ends(self, chosen: Indices) -> tuple[Floats, Floats | None]:
        """What the cells of the ends add for these factors, shape (cells, nodes)."""
        near = self.at_goal.shape[2]
        goal = self.at_goal[:, chosen[-near:], np.arange(near)]
        if self.at_stop is None:
            return goal, None
        near = self.at_stop.shape[2]
        return goal, self.at_stop[:, chosen[:near], np.arange(near)]

    def _pad(self, values: Floats, reached: float, stopped: float) -> Floats:
        """The values with what lies beyond them, in the array that `windows` shows."""
        self.padded[: self.below] = stopped
        self.padded[self.below : self.below + values.size] = values
        self.padded[self.below + values.size :] = reached
        return self.padded


def make_stencils(
    outcomes: Outcomes, factors: Floats, grid: Grid, drawn: float = 0.0
) -> Stencils:
    """Work out one step's weights for every factor.

    `drawn` is by how much goal and stop count as nearer, in log-equity at factor 1.
    """
    steps = outcomes.log_steps(factors)
    landing = land(steps, outcomes.probabilities, grid)
    below = int(max(-landing.cells.min(), 0))
    above = int(max(landing.cells.max() + 1, 0))
    weights = np.zeros((factors.size, below + above + 1))
    rows = np.broadcast_to(np.arange(factors.size)[:, None], landing.cells.shape)
    chances = np.broadcast_to(outcomes.probabilities, landing.cells.shape)
    np.add.at(weights, (rows, landing.cells + below), chances * (1 - landing.share))
    beyond = np.minimum(landing.cells + below + 1, below + above)
    np.add.at(weights, (rows, beyond), chances * landing.share)
    padded = np.zeros(below + grid.size + above)
    nearer = drawn * factors[:, None] / grid.step
    goal = _Corner(landing, chances, nearer, grid.goal_share, above)
    stop = None
    if grid.stop is not None:
        # The same from the other side.
        depth = (grid.lowest - grid.stop) / grid.step
        mirrored = Landing(-1 - landing.cells, 1 - landing.share, -landing.exact)
        stop = _Corner(mirrored, chances, nearer, depth, below)
    return Stencils(
        weights=weights,
        below=below,
        above=above,
        at_goal=goal.measure(grid.size)[:, :, ::-1],
        at_stop=None if stop is None else stop.measure(grid.size),
        chances=outcomes.probabilities,
        cells=landing.cells + below,
        shares=landing.share,
        padded=padded,
        windows=sliding_window_view(padded, grid.size),
    )


@dataclass(frozen=True, slots=True)
class _Corner:
    """Steps towards an end, in cells; the end lies `end` beyond the last node.

    From the end's side, nodes count from 0 on.
    """

    landing: Landing
    chances: Floats
    nearer: Floats
    end: float
    window: int

    def measure(self, size: int) -> Floats:
        """What was read wrongly where a step touches the end, or misses it.

        Shape (cells, factors, nodes): per unit that the value of the cell's node lies
        below the end's.
        """
        landing, furthest = self.landing, float(self.nearer.max())
        cells = 1 if furthest == 0 else min(int(furthest) + 2, size)
        near = min(max(self.window + cells - 1, 1), size)
        wrong = np.zeros((cells, landing.cells.shape[0], near))
        beyond = landing.exact - landing.cells
        for cell in range(cells):
            from_node = landing.cells + cell
            inside = (from_node >= 0) & (from_node < near)
            touches = beyond >= self.end + cell - self.nearer - TOUCH
            rows, outcomes = np.nonzero(inside & (touches | (cell == 0)))
            at = (rows, from_node[rows, outcomes])
            chance = self.chances[rows, outcomes]
            share = landing.share[rows, outcomes]
            if cell == 0:
                np.add.at(wrong[0], at, chance * (touches[rows, outcomes] - share))
            else:
                np.add.at(wrong[cell], at, chance * (1 - share))
                np.add.at(wrong[cell - 1], at, chance * share)
        return wrong
