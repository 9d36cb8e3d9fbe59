"""The factors that most probably reach a goal by a deadline. Pure.

Backward induction over the trades left, on a grid of log-equity. Live decisions are
solved by `barrier_induction`; this stays for tables over equity alone, ties to
the factor nearest to 1 and tables that never grow with progress. Sources: Browne, S.
(1999), *Reaching goals by a deadline: digital options and continuous-time active
portfolio management*, Advances in Applied Probability 31; Das, S. R., Ostrov, D.,
Radhakrishnan, A. and Srivastav, D. (2020), *Dynamic portfolio allocation in goals-based
wealth management*, Computational Management Science 17; for the price of a stop,
Busseti, E., Ryu, E. K. and Boyd, S. (2016), *Risk-constrained Kelly gambling*.
"""

from dataclasses import dataclass
from operator import index
from typing import TypeAlias

import numpy as np

from goals.projection.exact_levels import Reached, choose_at_levels, walk_levels
from goals.projection.grid import Grid, log_levels, make_grid
from goals.projection.grouping import (
    Step,
    Stretch,
    fewest_nodes,
    plan_steps,
    trades_at,
)
from goals.projection.induction import nearest_to_one, solve
from goals.projection.outcomes import (
    Outcomes,
    require,
    take_factors,
    take_outcomes,
)
from goals.projection.types import Flags, Floats, Numbers
from mastertrade.values.exceptions import InvalidInput

MOST_TRADES_LEFT = 10_000
# Goal, stop and today in log-equity.
Ends: TypeAlias = tuple[float, float | None, float]
# Nearer to the goal than this, in log-equity, is at the goal.
SMALLEST_WAY = 1e-11


@dataclass(frozen=True, slots=True, eq=False)
class DeadlinePolicy:
    """What to do with n trades left at any equity, and what comes of it from today.

    `value` is probability - stop_penalty · stop_probability, as of today's equity with
    all trades left. Probabilities are ratios from 0 to 1.

    `factors` has shape (rows, nodes): a row holds with as many trades left as `trades`,
    shape (rows,), says, and with fewer down to the row before it (row 0, with none, is
    1.0), each node from itself up to the next one. There is a row for each number of
    trades, unless they were grouped.
    `equity` are the nodes, ascending, shape (nodes,), in units of the equity at the
    goal's start. `probabilities`, of the same shape as `factors`, are those of reaching
    the goal. `stop` is in log-equity; the grid has none where hardly a walk would come.
    """

    value: float
    probability: float
    stop_probability: float
    factors: Floats
    equity: Floats
    probabilities: Floats
    grid: Grid
    stop: float | None
    trades: Floats

    def factor(self, trades_left: int, equity: Floats | float) -> Floats:
        """The factors at these equities, by the row for so many trades left.

        1.0 from the goal on and from the stop down: nothing is left to decide there.
        """
        at = np.atleast_1d(np.asarray(equity, dtype=np.float64))
        row = row_of(self.trades, trades_left)
        found = self.factors[row][self.grid.node_below(at)]
        return np.where(self._is_over(at), 1.0, found)

    def probability_at(self, trades_left: int, equity: float) -> float:
        """The probability to reach the goal from here, between nodes by a line."""
        row = row_of(self.trades, trades_left)
        if equity <= 0 or self._is_over(np.array([equity]))[0]:
            return float(equity > 0 and np.log(equity) >= self.grid.goal - 1e-12)
        nodes = np.append(self.grid.log_equity, self.grid.goal)
        known = np.append(self.probabilities[row], 1.0)
        return float(np.interp(np.log(equity), nodes, known))

    def _is_over(self, equity: Floats) -> Flags:
        with np.errstate(divide="ignore", invalid="ignore"):
            level = np.log(equity)
        over = level >= self.grid.goal - 1e-12
        if self.stop is not None:
            over |= level <= self.stop + 1e-12
        return over


def row_of(trades: Floats, trades_left: float) -> int:
    """The row of a table that holds with so many trades left.

    `trades`, ascending, are the most trades left that each row holds with.
    """
    return min(int(np.searchsorted(trades, trades_left)), trades.size - 1)


def solve_deadline_policy(
    outcomes: Numbers,
    probabilities: Numbers,
    base_risk: float,
    trades_left: int,
    goal_return: float,
    factors: Numbers,
    stop_loss: float | None = None,
    stop_penalty: float = 0.0,
    equity: float = 1.0,
    monotone: bool = False,
    *,
    nodes: int | None = None,
    grouped: bool = False,
) -> DeadlinePolicy:
    """Maximise P(goal is touched) - stop_penalty · P(stop is touched) over factors.

    Equity is in units of the equity at the goal's start: the goal lies at
    1 + `goal_return`, the stop at 1 - `stop_loss` (None: no stop), today at `equity`.
    A trade multiplies equity by 1 + `base_risk` · factor · outcome, with one of
    `outcomes` by its probability, independently of all others; there are `trades_left`.
    Goal and stop end the walk at the first trade's close that reaches them. A trade
    that leaves nothing or less ends it too, as a stop where there is one.

    `monotone` allows only factors that never grow with progress: each step is chosen
    by a dynamic program over the nodes, weighed by how often they are visited. It is a
    search from several tables and ends at one that no step alone makes better: within
    0.05 percentage points of the best free table, or at least as good as the constant
    factors tried, and nearly always within 0.5 points of the best of its kind. Where a
    stop is near and its penalty high, that is much worse than a table that may grow:
    being small near the stop is ruled out. docs/projection.md has figures. Of equally
    good factors the one nearest to 1 is taken. `nodes` is about the size of the grid;
    left out, as many as the distribution needs for an error of some tenths of a
    percentage point. `grouped`: many trades are walked several at once, with the same
    factor, which is quicker and less exact; docs/projection.md has figures. A monotone
    table is never grouped.

    With one factor, or few trades, factors and outcomes, the chances are exact: every
    equity in reach is looked at. The table is that of the grid even so, and followed
    between its nodes it may be worth a little less.

    Raises `InvalidInput` that names the argument.
    """
    chances = take_outcomes(outcomes, probabilities, base_risk)
    choices = take_factors(factors)
    check_question(trades_left, goal_return, stop_loss, stop_penalty, equity)
    goal, stop, today = log_levels(goal_return, stop_loss, equity)
    over = today >= goal - 1e-12 or (stop is not None and today <= stop + 1e-12)
    # Where there is nothing left to do today, the table is that of the start.
    start = min(0.0, goal - SMALLEST_WAY) if over else today
    grid = make_grid(
        chances,
        choices,
        trades_left=trades_left,
        goal=goal,
        stop=stop,
        today=start,
        nodes=nodes,
        fewest=fewest_nodes(chances, trades_left) if grouped else None,
    )
    plan = [Stretch(Step(1, chances))] * trades_left
    if grouped and not monotone:
        bottom = float(grid.log_equity[0])
        nearest = min(goal - start, start - bottom)
        largest = float(choices[-1])
        plan = plan_steps(chances, trades_left, nearest, goal - bottom, largest)
    solved = solve(plan, choices, grid, stop_penalty, monotone)
    if over:
        reached = float(today >= goal - 1e-12)
        found = Reached(reached, 1 - reached)
    else:
        ends = (goal, stop, today)
        found = Reached(
            float(solved.reached[-1, grid.today]), float(solved.stopped[grid.today])
        )
        if choices.size == 1:
            found = _walk_constant(chances, choices, trades_left, ends) or found
        elif not monotone:
            best = _choose_exactly(chances, choices, trades_left, ends, stop_penalty)
            if best is not None:
                found, solved.factors[-1, grid.today] = best
    return DeadlinePolicy(
        value=found.probability - stop_penalty * found.stop_probability,
        probability=found.probability,
        stop_probability=found.stop_probability,
        factors=solved.factors,
        equity=grid.equity,
        probabilities=solved.reached,
        grid=grid,
        stop=stop,
        trades=trades_at(plan),
    )


def _walk_constant(
    outcomes: Outcomes, factors: Floats, trades_left: int, ends: Ends
) -> Reached | None:
    """Exactly, where few equities are in reach."""
    return walk_levels(
        lambda _, equity: np.full(equity.shape, factors[0]),
        outcomes,
        trades_left,
        *ends,
        constant=True,
    )


def _choose_exactly(
    outcomes: Outcomes,
    factors: Floats,
    trades_left: int,
    ends: Ends,
    penalty: float,
) -> tuple[Reached, float] | None:
    """The same with a choice of factors, and the one to begin with."""
    near_one = nearest_to_one(factors)
    best = choose_at_levels(near_one, outcomes, trades_left, *ends, penalty)
    return best and (best[0], float(near_one[best[1]]))


def check_question(
    trades_left: int,
    goal_return: float,
    stop_loss: float | None,
    stop_penalty: float,
    equity: float,
) -> None:
    """Check a question's numbers; `InvalidInput` names the one that makes no sense."""
    try:
        index(trades_left)
    except TypeError:
        raise InvalidInput("trades_left", "must be a whole number.") from None
    if not 0 <= trades_left <= MOST_TRADES_LEFT:
        raise InvalidInput("trades_left", f"must be from 0 to {MOST_TRADES_LEFT:,}.")
    require("goal_return", goal_return, above=0.0)
    if stop_loss is not None:
        # Below 0: the stop lies above the start, still below the goal.
        require("stop_loss", stop_loss, above=-goal_return, below=1.0)
    require("equity", equity, above=0.0)
    if stop_penalty != 0:
        require("stop_penalty", stop_penalty, above=0.0)
