"""The grid on which a deadline's value is computed. Pure.

Nodes lie equally spaced in log-equity. Equity is in units of the equity at the goal's
start, so the goal lies at 1 + goal_return and the stop at 1 - stop_loss. The goal lies
in the middle of a cell and today's equity on a node: what a step just reaches and what
it just misses are then told apart exactly where it matters most.
"""

from dataclasses import dataclass
from math import ceil, floor, log, log1p

import numpy as np

from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats, Indices
from mastertrade.values.exceptions import InvalidInput

# How far below the goal the grid goes without a stop, in standard deviations of all
# trades left at the largest factor: from there the goal is reached once in 100,000.
DEPTH_DEVIATIONS = 4.3
FEWEST_NODES = 400
# Few trades leave the value rough, and few outcomes do so for longer.
SHORT = 40
FEWEST_NODES_SHORT = 1_200
FEW_OUTCOMES = 3
SHORT_OF_FEW_OUTCOMES = 120
FEWEST_NODES_OF_FEW_OUTCOMES = 800
MOST_NODES = 10_000
# Fewer than that say nothing.
FEWEST_ASKED = 20
MOST_NODES_TO_CHOOSE = 2_400
# Cells to a typical step at the smallest factor; more of them cost time alone.
CELLS_A_STEP = 8.0
# With so few factors the value has jumps, and cells to a step grow with √trades.
FEW_FACTORS = 3
CELLS_A_ROOT = 5.0
# A step that misses by less than this share of a cell has reached it: what is lost to
# binary fractions is a thousandth of it.
TOUCH = 1e-7
# How far from whole numbers (of units) the steps of a lattice may be.
LATTICE_TOUCH = 1e-8


@dataclass(frozen=True, slots=True)
class Grid:
    """`size` nodes from `lowest` up, `step` apart, all in log-equity.

    Today is the node `today`. The goal lies half a step above the highest node (on a
    lattice up to a whole one); the stop (None without one) between the lowest node and
    one step below it.
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

    @property
    def goal_share(self) -> float:
        """How far above the highest node the goal lies, in steps."""
        share = (self.goal - self.lowest) / self.step - (self.size - 1)
        # However near the goal is, standing still does not reach it.
        return max(share, 4 * TOUCH)

    def node_below(self, equity: Floats) -> Indices:
        """The highest nodes not above these equities, as indices inside the grid.

        What is right at a node is nearly right above it: the same factors lead from
        there to the goal no later and to the stop no sooner.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            place = (np.log(equity) - self.lowest) / self.step
        place = np.nan_to_num(place, nan=0.0, posinf=self.size, neginf=0.0)
        below = np.floor(place + TOUCH)
        return np.clip(below, 0, self.size - 1).astype(np.intp)


def make_grid(
    outcomes: Outcomes,
    factors: Floats,
    *,
    trades_left: int,
    goal: float,
    stop: float | None,
    today: float,
    nodes: int | None = None,
    fewest: int | None = None,
) -> Grid:
    """Lay a grid; `goal`, `stop` and `today` in log-equity, stop < today < goal.

    `factors` are all that may be used, ascending. `nodes` is about how many nodes it
    has; default: as many as the smallest steps need. With `fewest` they are the most:
    there are fewer where large steps need fewer. Where all steps are multiples of one
    (a lattice), a node lies wherever a walk can come, and nothing is rounded.
    """
    if nodes is not None and not FEWEST_ASKED <= nodes <= MOST_NODES:
        raise InvalidInput("nodes", f"must be from {FEWEST_ASKED} to {MOST_NODES:,}.")
    largest = float(factors[-1])
    reach = outcomes.reach(largest, trades_left, DEPTH_DEVIATIONS)
    bottom = min(goal - reach, today - (goal - today) / 4)
    if stop is not None:
        fall = outcomes.fall(largest, trades_left, DEPTH_DEVIATIONS)
        if stop < min(bottom, today - fall):
            stop = None  # so deep that hardly any walk comes there
        else:
            bottom = stop
    wide = goal - bottom
    wanted = nodes or _count_nodes(outcomes, factors, trades_left, wide)
    if fewest is not None:
        cells = CELLS_A_STEP * wide / max(_smallest_step(outcomes, factors), 1e-300)
        wanted = int(min(wanted, max(cells, fewest)))
    unit = find_unit(outcomes.log_steps(factors), wide / MOST_NODES)
    if unit is not None:
        step = unit / ceil(wanted * unit / wide - 1e-9)
    else:
        # Today is a whole number of steps below the highest node, which is half a step
        # below the goal; with the goal nearer than that, today is the highest node.
        step = wide / wanted
        if goal - today > step / 2:
            step = (goal - today) / (max(round((goal - today) / step - 0.5), 0) + 0.5)
    # The highest node is below the goal and the lowest above the stop, not at them.
    steps = max(ceil((goal - today) / step - TOUCH) - 1, 0)
    below = (today - bottom) / step
    depth = max(ceil(below - TOUCH) - 1, 0) if stop is not None else floor(below)
    return Grid(
        lowest=today - depth * step,
        step=step,
        size=depth + steps + 1,
        today=depth,
        goal=goal,
        stop=stop,
    )


def _count_nodes(
    outcomes: Outcomes, factors: Floats, trades_left: int, wide: float
) -> int:
    """As many nodes as the smallest step needs.

    Interpolation spreads a walk by about 0.4 cells times the root of its trades. With a
    choice of factors the value is smooth; with few of them it has jumps, which must not
    be smeared by more than a part of a step.
    """
    used = factors[factors > 0]
    typical = _smallest_step(outcomes, factors)
    if typical == 0:
        return FEWEST_NODES
    cells = CELLS_A_STEP
    if used.size <= FEW_FACTORS:
        cells = max(cells, CELLS_A_ROOT * trades_left**0.5)
    most = MOST_NODES if used.size <= FEW_FACTORS else MOST_NODES_TO_CHOOSE
    few = outcomes.values.size <= FEW_OUTCOMES
    fewest = FEWEST_NODES_OF_FEW_OUTCOMES if few else FEWEST_NODES
    if trades_left <= (SHORT_OF_FEW_OUTCOMES if few else SHORT):
        fewest = FEWEST_NODES_SHORT
    return int(min(max(wide * cells / typical, fewest), most))


def _smallest_step(outcomes: Outcomes, factors: Floats) -> float:
    """What one trade moves at the smallest factor above 0; 0 if nothing."""
    used = factors[factors > 0]
    return outcomes.typical_step(float(used[0])) if used.size else 0.0


def find_unit(log_steps: Floats, smallest: float) -> float | None:
    """What all these steps are whole multiples of; None if nothing above `smallest`."""
    sizes = np.unique(np.abs(log_steps[np.isfinite(log_steps)]))
    sizes = sizes[sizes > TOUCH * smallest]
    if not sizes.size:
        return None
    unit = float(sizes[0])
    for size in sizes.tolist():
        rest = float(size)
        while rest > smallest * 1e-3:
            unit, rest = rest, abs(unit - rest * round(unit / rest))
            if unit < smallest:
                return None
    places = sizes / unit
    return unit if np.abs(places - np.rint(places)).max() < LATTICE_TOUCH else None


def log_levels(
    goal_return: float, stop_loss: float | None, equity: float
) -> tuple[float, float | None, float]:
    """Goal, stop and today in log-equity; ratios to the equity at the goal's start."""
    stop = None if stop_loss is None else log(1 - stop_loss)
    return log1p(goal_return), stop, log(equity)
