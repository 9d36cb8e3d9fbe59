"""The factors that most probably reach a goal by a deadline. Pure.

Backward induction over the trades left, on a grid of log-equity. Sources: Browne, S.
(1999), *Reaching goals by a deadline: digital options and continuous-time active
portfolio management*, Advances in Applied Probability 31; Das, S. R., Ostrov, D.,
Radhakrishnan, A. and Srivastav, D. (2020), *Dynamic portfolio allocation in goals-based
wealth management*, Computational Management Science 17; for the price of a stop,
Busseti, E., Ryu, E. K. and Boyd, S. (2016), *Risk-constrained Kelly gambling*.
"""

from dataclasses import dataclass

import numpy as np

from goals.projection.grid import Grid, log_levels, make_grid
from goals.projection.monotone import choose_monotone
from goals.projection.outcomes import Outcomes, require, take_factors, take_outcomes
from goals.projection.stencils import make_stencils
from goals.projection.types import Flags, Floats, Numbers
from mastertrade.exceptions import InvalidInput

# Values closer than this are equal, and of equals the factor nearest to 1 is taken.
TIE = 1e-11
MOST_TRADES = 10_000
# What a node weighs that is hardly ever visited, beside today's.
RAREST = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class DeadlinePolicy:
    """What to do with n trades left at any equity, and what comes of it from today.

    `value` is probability - stop_penalty · stop_probability, as of today's equity with
    all trades left. Probabilities are ratios from 0 to 1.

    `factors` has shape (trades_left + 1, nodes): row n holds with n trades left (row 0,
    with none, is 1.0), each node from half a grid step below it to half a step above.
    `equity` are the nodes, ascending, shape (nodes,), in units of the equity at the
    goal's start. `probabilities`, of the same shape as `factors`, are those of reaching
    the goal.
    """

    value: float
    probability: float
    stop_probability: float
    factors: Floats
    equity: Floats
    probabilities: Floats
    grid: Grid

    def factor(self, trades_left: int, equity: Floats | float) -> Floats:
        """The factors at these equities; with more trades than solved, those at first.

        1.0 from the goal on and from the stop down: nothing is left to decide there.
        """
        at = np.atleast_1d(np.asarray(equity, dtype=np.float64))
        row = min(max(trades_left, 0), self.factors.shape[0] - 1)
        found = self.factors[row][self.grid.nearest(at)]
        return np.where(self._is_over(at), 1.0, found)

    def probability_at(self, trades_left: int, equity: float) -> float:
        """The probability to reach the goal from here, between nodes by a line."""
        row = min(max(trades_left, 0), self.factors.shape[0] - 1)
        if equity <= 0 or self._is_over(np.array([equity]))[0]:
            return float(equity > 0 and np.log(equity) >= self.grid.goal - 1e-12)
        nodes = np.append(self.grid.log_equity, self.grid.goal)
        known = np.append(self.probabilities[row], 1.0)
        return float(np.interp(np.log(equity), nodes, known))

    def _is_over(self, equity: Floats) -> Flags:
        with np.errstate(divide="ignore", invalid="ignore"):
            level = np.log(equity)
        over = level >= self.grid.goal - 1e-12
        if self.grid.stop is not None:
            over |= level <= self.grid.stop + 1e-12
        return over


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
) -> DeadlinePolicy:
    """Maximise P(goal is touched) - stop_penalty · P(stop is touched) over factors.

    Equity is in units of the equity at the goal's start: the goal lies at
    1 + `goal_return`, the stop at 1 - `stop_loss` (None: no stop), today at `equity`.
    A trade multiplies equity by 1 + `base_risk` · factor · outcome, with one of
    `outcomes` by its probability, independently of all others; there are `trades_left`.
    Goal and stop end the walk at the first trade's close that reaches them. A trade
    that leaves nothing or less ends it too, as a stop where there is one.

    `monotone` allows only factors that never grow with progress; the best of them are
    chosen at each number of trades left. Of equally good factors the one nearest to 1
    is taken. `nodes` is about the size of the grid; left out, as many as the
    distribution needs for an error of some tenths of a percentage point.

    Raises `InvalidInput` that names the argument.
    """
    chances = take_outcomes(outcomes, probabilities, base_risk)
    choices = take_factors(factors)
    check_question(trades_left, goal_return, stop_loss, stop_penalty, equity)
    goal, stop, today = log_levels(goal_return, stop_loss, equity)
    over = today >= goal - 1e-12 or (stop is not None and today <= stop + 1e-12)
    start = 0.0 if over else today
    grid = make_grid(
        chances,
        choices,
        trades_left=trades_left,
        goal=goal,
        stop=stop,
        today=start,
        nodes=nodes,
    )
    solved = _solve(chances, choices, grid, trades_left, stop_penalty, monotone)
    if over:
        reached = float(today >= goal - 1e-12)
        value, stopped = reached - stop_penalty * (1 - reached), 1 - reached
    else:
        reached = float(solved.reached[-1, grid.today])
        stopped = float(solved.stopped[grid.today])
        value = reached - stop_penalty * stopped
    return DeadlinePolicy(
        value=value,
        probability=reached,
        stop_probability=stopped,
        factors=solved.factors,
        equity=grid.equity,
        probabilities=solved.reached,
        grid=grid,
    )


@dataclass(frozen=True, slots=True)
class _Solved:
    factors: Floats
    reached: Floats
    stopped: Floats


def _solve(
    outcomes: Outcomes,
    factors: Floats,
    grid: Grid,
    trades_left: int,
    penalty: float,
    monotone: bool,
) -> _Solved:
    """Step back from the deadline; one matrix product a trade."""
    near_one = np.argsort(np.abs(factors - 1.0), kind="stable")
    ordered = factors if monotone else factors[near_one]
    stencils = make_stencils(outcomes, ordered, grid)
    nearness = TIE * np.abs(ordered - 1.0)[:, None]
    value, stopped = np.zeros(grid.size), np.zeros(grid.size)
    chosen = np.ones((trades_left + 1, grid.size))
    reached = np.zeros((trades_left + 1, grid.size))
    nodes = np.arange(grid.size)
    for left in range(1, trades_left + 1):
        expected = stencils.expect(value, 1.0, -penalty)
        if monotone:
            weights = _weigh_nodes(outcomes, grid, trades_left - left)
            # What a choice loses, not what it gives: sums of it keep their digits.
            lost = expected - expected.max(axis=0) - nearness
            best = choose_monotone(lost * weights)
        else:
            best = np.argmax(expected >= expected.max(axis=0) - TIE, axis=0)
        if grid.stop is not None:
            stopped = stencils.expect(stopped, 0.0, 1.0)[best, nodes]
        value = expected[best, nodes]
        chosen[left] = ordered[best]
        reached[left] = value + penalty * stopped
    return _Solved(chosen, reached, stopped)


def _weigh_nodes(outcomes: Outcomes, grid: Grid, trades_done: int) -> Floats:
    """About how likely each node is visited then, from today at factor 1.

    A monotone choice gives up something at some nodes for others. Were all of them to
    weigh the same, the many near the stop, where small factors are best, would hold
    back those on the way.
    """
    spread = outcomes.typical_step(1.0) * np.sqrt(trades_done + 1.0)
    away = (np.arange(grid.size) - grid.today) * grid.step
    density: Floats = np.exp(-0.5 * (away / max(spread, grid.step)) ** 2)
    return density + RAREST


def check_question(
    trades_left: int,
    goal_return: float,
    stop_loss: float | None,
    stop_penalty: float,
    equity: float,
) -> None:
    """Check a question's numbers; `InvalidInput` names the one that makes no sense."""
    if not 0 <= trades_left <= MOST_TRADES:
        raise InvalidInput("trades_left", f"must be from 0 to {MOST_TRADES:,}.")
    require("goal_return", goal_return, above=0.0)
    if stop_loss is not None:
        require("stop_loss", stop_loss, above=0.0, below=1.0)
    require("equity", equity, above=0.0)
    if not 0 <= stop_penalty < float("inf"):
        raise InvalidInput("stop_penalty", "must be a number from 0.")
