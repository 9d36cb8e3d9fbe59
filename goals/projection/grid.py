"""The grid on which a deadline's value is computed. Pure.

Nodes lie equally spaced in log-equity. Equity is in units of the equity at the goal's
start, so the goal lies at 1 + goal_return and the stop at 1 - stop_loss. The goal lies
in the middle of a cell and today's equity on a node: what a step just reaches and what
it just misses are then told apart exactly where it matters most.
"""

from dataclasses import dataclass
from math import ceil, floor, log

import numpy as np

from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats, Indices

# How far below the goal the grid goes without a stop, in standard deviations of all
# trades left at the largest factor: from there the goal is reached once in 100,000.
DEPTH_DEVIATIONS = 4.3
FEWEST_NODES = 400
MOST_NODES = 4_000
# Cells to a typical step at the smallest factor; more of them cost time alone.
CELLS_A_STEP = 8.0


@dataclass(frozen=True, slots=True)
class Grid:
    """`size` nodes from `lowest` up, `step` apart, all in log-equity.

    Today is the node `today`. The goal lies half a step above the highest node; the
    stop (None without one) between the lowest node and one step below it.
    """

    lowest: float
    step: float
    size: int
    today: int
    goal: float
    stop: float | None

    @property
    def log_equity(self) -> Floats:
        """The nodes, shape (size,), ascending."""
        return self.lowest + self.step * np.arange(self.size, dtype=np.float64)

    @property
    def equity(self) -> Floats:
        """The nodes as equity in units of that at the goal's start, shape (size,)."""
        return np.exp(self.log_equity)

    def nearest(self, equity: Floats) -> Indices:
        """The nodes nearest to these equities, as indices inside the grid."""
        with np.errstate(divide="ignore", invalid="ignore"):
            place = (np.log(equity) - self.lowest) / self.step
        place = np.nan_to_num(place, nan=0.0, posinf=self.size, neginf=0.0)
        return np.clip(np.rint(place), 0, self.size - 1).astype(np.intp)


def make_grid(
    outcomes: Outcomes,
    *,
    smallest_factor: float,
    largest_factor: float,
    trades_left: int,
    goal: float,
    stop: float | None,
    today: float,
    nodes: int | None = None,
) -> Grid:
    """Lay a grid; `goal`, `stop` and `today` in log-equity, stop < today < goal.

    `nodes` is about how many it has; left out, as many as the smallest step of the
    smallest factor needs.
    """
    bottom = stop
    if bottom is None:
        reach = outcomes.reach(largest_factor, trades_left, DEPTH_DEVIATIONS)
        bottom = min(goal - reach, today - (goal - today) / 4)
    wide = goal - bottom
    if nodes is None:
        typical = outcomes.typical_step(smallest_factor)
        wanted = wide * CELLS_A_STEP / typical if typical > 0 else FEWEST_NODES
        nodes = int(min(max(wanted, FEWEST_NODES), MOST_NODES))
    # Today is a whole number of steps below the highest node, which is half a step
    # below the goal.
    steps = max(round((goal - today) / wide * nodes - 0.5), 0)
    step = (goal - today) / (steps + 0.5)
    below = (today - bottom) / step
    # The lowest node is above the stop, not at it.
    depth = max(ceil(below - 1e-9) - 1, 0) if stop is not None else floor(below)
    return Grid(
        lowest=today - depth * step,
        step=step,
        size=depth + steps + 1,
        today=depth,
        goal=goal,
        stop=stop,
    )


def log_levels(
    goal_return: float, stop_loss: float | None, equity: float
) -> tuple[float, float | None, float]:
    """Goal, stop and today in log-equity; ratios to the equity at the goal's start."""
    stop = None if stop_loss is None else log(1 - stop_loss)
    return log(1 + goal_return), stop, log(equity)
