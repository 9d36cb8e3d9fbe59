"""What comes of a policy, whatever it is: table, function or number. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from goals.projection.barrier import Barrier, evaluate_under
from goals.projection.deadline import DeadlinePolicy, check_question
from goals.projection.exact_levels import Reached, walk_levels
from goals.projection.grid import TOUCH, Grid, log_levels, make_grid
from goals.projection.grouping import (
    SHARE,
    Step,
    Stretch,
    fewest_nodes,
    plan_steps,
    repeat,
    trades_at,
)
from goals.projection.outcomes import Outcomes, read_number, take_outcomes
from goals.projection.stencils import Landing, land
from goals.projection.types import Floats, Indices, Numbers
from mastertrade.values.exceptions import InvalidInput

# (trades left, equities of shape (n,)) → factors of shape (n,). Under a barrier that
# moves, high waters and profits of the day follow, all of one shape.
PolicyFunction: TypeAlias = Callable[..., Floats]
Policy: TypeAlias = DeadlinePolicy | PolicyFunction | float
# How far below the start the stop lies (a ratio), or the barrier.
Stop: TypeAlias = float | Barrier | None
# Where a policy's factors are asked to find out how small and large they get.
PROBES = 65
# Of a policy with more different factors, those of one time at once are measured.
MOST_KNOWN = 64


@dataclass(frozen=True, slots=True, eq=False)
class PolicyOutcome:
    """Chances of reaching the goal and of touching the stop, from today (ratios).

    `probabilities` of shape (trades_left + 1, nodes) are those of reaching the goal
    with so many trades left from the nodes `equity`; where trades were walked several
    at once, with the numbers of them in `trades`, shape (rows,).
    """

    probability: float
    stop_probability: float
    probabilities: Floats
    equity: Floats
    trades: Floats

    def value(self, stop_penalty: float) -> float:
        """What `solve_deadline_policy` maximises."""
        return self.probability - stop_penalty * self.stop_probability


def evaluate_policy(
    policy: Policy,
    outcomes: Numbers,
    probabilities: Numbers,
    base_risk: float,
    trades_left: int,
    goal_return: float,
    stop_loss: Stop = None,
    equity: float = 1.0,
    *,
    nodes: int | None = None,
    grouped: bool = False,
    share: float = SHARE,
    stops: bool = True,
) -> PolicyOutcome:
    """The chances of a given policy; arguments as in `solve_deadline_policy`.

    `policy` is what that returned, one factor for always, or a function of the trades
    left and an array of equities (in units of that at the goal's start) that returns a
    factor for each. `grouped`: many trades are walked several at once, which is quicker
    and less exact, and the policy is asked again after `share` of the trades left;
    docs/projection.md has figures. Without `stops` the chance of the
    stop is not worked out, and is NaN. `stop_loss` may be the `Barrier` that guards
    keep: then many trades are always grouped, and probabilities are those of today's
    equity alone.
    """
    chances = take_outcomes(outcomes, probabilities, base_risk)
    if isinstance(stop_loss, Barrier):
        check_question(trades_left, goal_return, None, 0.0, equity)
        return _evaluate_under(
            stop_loss, policy, chances, trades_left, goal_return, equity, share, stops
        )
    check_question(trades_left, goal_return, stop_loss, 0.0, equity)
    goal, stop, today = log_levels(goal_return, stop_loss, equity)
    if today >= goal - 1e-12 or (stop is not None and today <= stop + 1e-12):
        sure = float(today >= goal - 1e-12)
        known = np.full((trades_left + 1, 1), sure)
        every = np.arange(trades_left + 1.0)
        return PolicyOutcome(sure, 1 - sure, known, np.array([equity]), every)
    choose = as_function(policy)
    factors = _factors_of(policy, trades_left, goal, stop, today)
    grid = make_grid(
        chances,
        factors,
        trades_left=trades_left,
        goal=goal,
        stop=stop,
        today=today,
        nodes=nodes,
        fewest=fewest_nodes(chances, trades_left) if grouped else None,
    )
    plan = [Stretch(Step(1, chances))] * trades_left
    if grouped:
        bottom = float(grid.log_equity[0])
        nearest = min(goal - today, today - bottom)
        plan = plan_steps(
            chances, trades_left, nearest, goal - bottom, float(factors[-1]), share
        )
    reached, stopped = _walk(choose, plan, grid, stops)
    exact = None
    if not grouped or len(plan) == trades_left:
        exact = walk_levels(
            lambda left, levels: ask(choose, left, levels),
            chances,
            trades_left,
            *(goal, stop, today),
            constant=factors.size == 1 and not callable(policy),
        )
    found = exact or Reached(float(reached[-1, grid.today]), float(stopped[grid.today]))
    return PolicyOutcome(
        probability=found.probability,
        stop_probability=found.stop_probability if stops else float("nan"),
        probabilities=reached,
        equity=grid.equity,
        trades=trades_at(plan),
    )


def _evaluate_under(
    barrier: Barrier,
    policy: Policy,
    outcomes: Outcomes,
    trades_left: int,
    goal_return: float,
    equity: float,
    share: float,
    stops: bool,
) -> PolicyOutcome:
    choose = as_function(policy)
    probes = np.linspace(1 - barrier.stop_loss, 1 + goal_return, PROBES + 1)[1:-1]
    most = [choose(left, probes).max() for left in {1, max(trades_left, 1)}]
    found = evaluate_under(
        barrier,
        choose,
        outcomes,
        trades_left=trades_left,
        goal_return=goal_return,
        equity=equity,
        max_factor=float(max(most)),
        share=share,
        breaches=stops,
    )
    return PolicyOutcome(
        probability=found.probability,
        stop_probability=found.breach_probability,
        probabilities=found.probabilities[:, None],
        equity=np.array([equity]),
        trades=found.trades,
    )


def level_of(stop_loss: Stop) -> float | None:
    """The stop, or where the barrier's floor lies now; below the start (a ratio)."""
    return stop_loss.stop_loss if isinstance(stop_loss, Barrier) else stop_loss


def as_function(policy: Policy) -> PolicyFunction:
    """Any policy as a function of trades left and equities."""
    if isinstance(policy, DeadlinePolicy):
        return lambda left, equity, *seen: policy.factor(left, equity)
    if callable(policy):
        return policy
    constant = read_number(policy)
    return lambda _, equity, *seen: np.full(equity.shape, constant)


def _factors_of(
    policy: Policy, trades_left: int, goal: float, stop: float | None, at: float
) -> Floats:
    """The factors that a policy gives, of a function those at some equities."""
    if isinstance(policy, DeadlinePolicy):
        return np.unique(policy.factors)
    bottom = stop if stop is not None else at - 2 * (goal - at)
    equity = np.exp(np.linspace(bottom, goal, PROBES)[:-1])
    asked = {1, max(trades_left // 2, 1), max(trades_left, 1)}
    choose = as_function(policy)
    return np.unique([ask(choose, left, equity) for left in asked])


def ask(choose: PolicyFunction, trades_left: int, equity: Floats) -> Floats:
    """The policy's factors; `InvalidInput` where they are none."""
    factors = np.asarray(choose(trades_left, equity), dtype=np.float64)
    if factors.shape != equity.shape or not np.isfinite(factors).all():
        raise InvalidInput("policy", "must give one finite factor for each equity.")
    if (factors < 0).any():
        raise InvalidInput("policy", "must not give a factor below 0.")
    return factors


class _Walker:
    """Reads values where trades lead, on a grid with its ends.

    Factors of policies that use few of them are looked up: to measure where a trade
    leads costs more than to read there.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.nodes = np.arange(grid.size)[:, None]
        self.known = np.empty(0)
        self.landings: dict[Step, Landing] = {}

    def step(self, factors: Floats, step: Step) -> tuple[Indices, Floats]:
        """Where each outcome leads from each node: a place in `_lay_out`, a share."""
        grid, size = self.grid, self.grid.size
        landing, which = self._land(factors, step)
        exact = landing.exact.take(which, axis=0) + self.nodes
        drawn = (TOUCH + step.drawn * factors / grid.step)[:, None]
        bottom = -np.inf if grid.stop is None else (grid.stop - grid.lowest) / grid.step
        # Inside the goal's and the stop's cells: the node before them.
        place = landing.cells.take(which, axis=0) + (self.nodes + 1)
        np.clip(place, 0, size, out=place)
        place[exact >= size - 1 + grid.goal_share - drawn] = size + 2
        place[exact <= bottom + drawn if grid.stop is not None else exact < -1] = (
            size + 3
        )
        return place, landing.share.take(which, axis=0)

    def _land(self, factors: Floats, step: Step) -> tuple[Landing, Indices]:
        which = np.searchsorted(self.known, factors)
        known = self.known.take(which, mode="clip") if self.known.size else -factors - 1
        if not np.array_equal(known, factors):
            found = every = np.unique(factors)
            if found.size <= MOST_KNOWN:
                every = np.union1d(self.known, found)
            self.known = every if every.size <= MOST_KNOWN else found
            self.landings.clear()
            which = np.searchsorted(self.known, factors)
        if step not in self.landings:
            outcomes = step.outcomes
            steps = outcomes.log_steps(self.known)
            self.landings[step] = land(steps, outcomes.probabilities, self.grid)
        return self.landings[step], which


def _walk(
    choose: PolicyFunction, plan: Sequence[Stretch], grid: Grid, stops: bool
) -> tuple[Floats, Floats]:
    equity = grid.equity
    stopped = np.zeros(grid.size)
    reached = np.zeros((len(plan) + 1, grid.size))
    walker = _Walker(grid)
    given: Floats | None = None
    of: Step | None = None
    left = 0
    for row, stretch in enumerate(plan, start=1):
        left, step = left + stretch.trades, stretch.step
        factors = ask(choose, left, equity)
        if given is None or of is not step or not np.array_equal(given, factors):
            (place, share), given, of = walker.step(factors, step), factors, step
        read = partial(
            _read, place=place, share=share, chances=step.outcomes.probabilities
        )
        to_goal, to_stop = (
            partial(read, ends=(1.0, 0.0)),
            partial(read, ends=(0.0, 1.0)),
        )
        reached[row] = repeat(to_goal, reached[row - 1], stretch.times)
        if stops and grid.stop is not None:
            stopped = repeat(to_stop, stopped, stretch.times)
    return reached, stopped


def _read(
    values: Floats,
    place: Indices,
    share: Floats,
    chances: Floats,
    ends: tuple[float, float],
) -> Floats:
    """Values expected after a step; beyond the nodes those of the goal and the stop."""
    # The first and the last node twice: what misses the ends is held at them.
    laid = np.concatenate([values[:1], values, values[-1:], ends])
    rise = np.zeros(laid.size)
    np.subtract(laid[1:-2], laid[:-3], out=rise[:-3])
    read = rise.take(place)
    read *= share
    read += laid.take(place)
    return np.asarray(read @ chances)
