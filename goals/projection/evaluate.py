"""What comes of a policy, whatever it is: table, function or number. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from goals.projection.barrier import Barrier, ask_under, standing
from goals.projection.barrier_induction import (
    FINE_PLACES,
    ROUGH_PLACES,
    follow_under,
    lay,
    plan_under,
)
from goals.projection.challenge_grid import States
from goals.projection.challenge_reach import bounds
from goals.projection.challenge_walk import Walk
from goals.projection.deadline import DeadlinePolicy, check_question
from goals.projection.exact_levels import Reached, walk_levels
from goals.projection.grid import log_levels, make_grid
from goals.projection.grouping import SHARE, coarsen, fewest_nodes
from goals.projection.outcomes import Outcomes, read_number, take_outcomes
from goals.projection.types import Floats, Numbers
from mastertrade.values.exceptions import InvalidInput

# (trades left, equities of shape (n,)) → factors of shape (n,). Under a barrier that
# moves, high waters and profits of the day follow, all of one shape.
PolicyFunction: TypeAlias = Callable[..., Floats]
Policy: TypeAlias = DeadlinePolicy | PolicyFunction | float
# How far below the start the stop lies (a ratio), or the barrier.
Stop: TypeAlias = float | Barrier | None
# Where a policy's factors are asked to find out how small and large they get.
PROBES = 65
# More trades than this are not walked under a barrier, nor more states in all; of too
# many so many walks are drawn.
MOST_WALKED, MOST_STATES, PATHS = 160, 1_000_000, 1 << 14
# Nodes that stand for a barrier's whole grid.
ALL_NODES = 400


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
    walks: bool = True,
) -> PolicyOutcome:
    """The chances of a given policy; arguments as in `solve_deadline_policy`.

    `policy` is what that returned, one factor for always, or a function of the trades
    left and an array of equities (in units of that at the goal's start) that returns a
    factor for each. `grouped`: many trades are walked several at once, which is quicker
    and less exact, and the policy is asked again after `share` of the trades left;
    docs/projection.md has figures. Without `stops` the chance of the
    stop is not worked out, and is NaN. `stop_loss` may be the `Barrier` that guards
    keep: then the policy is asked with high waters and profits of the day, too, many
    trades are always grouped, and probabilities are those of today's equity alone.

    While few equities are in reach of few trades, each of them is walked instead of
    the grid, as a goal that a sum of steps hits by a hair shows there alone.
    """
    chances = take_outcomes(outcomes, probabilities, base_risk)
    level = level_of(stop_loss)
    check_question(trades_left, goal_return, level, 0.0, equity)
    ends = goal, stop, today = log_levels(goal_return, level, equity)
    is_at_goal = today >= goal - 1e-12
    if is_at_goal or trades_left == 0 or (stop is not None and today <= stop + 1e-12):
        known = np.full((trades_left + 1, 1), float(is_at_goal))
        stopped = 0.0 if is_at_goal or stop is None or today > stop + 1e-12 else 1.0
        every = np.arange(trades_left + 1.0)
        return PolicyOutcome(known[0, 0], stopped, known, np.array([equity]), every)
    choose = as_function(policy)
    factors = factors_of(policy, trades_left, goal_return, level, equity)
    moves = isinstance(stop_loss, Barrier)
    barrier = as_barrier(stop_loss)
    if moves and walks:
        came = walk_under(
            choose, barrier, chances, trades_left, goal_return, equity, factors[-1:]
        )
        if came is not None:
            passed = came.passed[-1]
            breached = came.breached if stops else float("nan")
            return PolicyOutcome(
                passed,
                breached,
                np.array([[0.0], [passed]]),
                np.array([equity]),
                np.array([0.0, trades_left]),
            )
    plan = plan_under(
        barrier,
        chances,
        factors[-1:],
        trades_left=trades_left,
        goal_return=goal_return,
        equity=equity,
        share=share if grouped or moves else None,
    )
    if moves:
        # As coarse as the grid that is asked for is by its nodes.
        states = lay(plan.question, min((nodes or ALL_NODES) / ALL_NODES, 1.0))
    else:
        fewest = fewest_nodes(chances, trades_left) if grouped else None
        grid = make_grid(
            chances,
            factors,
            trades_left=trades_left,
            goal=goal,
            stop=stop,
            today=today,
            nodes=nodes,
            fewest=fewest,
        )
        step = grid.step
        if grouped and nodes is not None:
            bottom, top = bounds(plan.question)
            step = max(step, (top - bottom) / nodes)
        states = States(plan.question, step, 1)
    found = follow_under(
        barrier,
        plan,
        states,
        lambda left, *seen: ask(choose, left, *seen[: None if moves else 1]),
        breaches=stops,
        places=ROUGH_PLACES if moves or grouped else FINE_PLACES,
    )
    exact = None
    if not moves and len(plan.stretches) == trades_left:
        exact = walk_levels(
            lambda left, levels: ask(choose, left, levels),
            chances,
            trades_left,
            *ends,
            constant=factors.size == 1 and not callable(policy),
        )
    if exact is None:
        now = states.place_now
        breached = 0.0 if found.breaches is None else float(found.breaches[now])
        exact = Reached(float(found.probabilities[-1, now]), breached)
    here = slice(states.place_now, states.place_now + 1) if moves else slice(None)
    return PolicyOutcome(
        probability=exact.probability,
        stop_probability=exact.stop_probability if stops else float("nan"),
        probabilities=found.probabilities[:, here],
        equity=states.seen.equity.ravel()[here] / barrier.scale,
        trades=np.append(0.0, plan.trades),
    )


def walk_under(
    choose: PolicyFunction,
    barrier: Barrier,
    outcomes: Outcomes,
    trades_left: int,
    goal_return: float,
    equity: float,
    largest: Numbers,
    *,
    paths: int = PATHS,
    seed: int = 0,
) -> Walk | None:
    """A policy walked forward under a barrier; None where a grid does as well.

    That is where there are too many states to walk each, and either many trades or
    outcomes of more than a few kinds. `paths` are drawn of too many states.
    """
    barrier = barrier.within_reach(
        outcomes, float(largest[-1]), trades_left, goal_return, equity
    )
    question = ask_under(
        barrier,
        outcomes,
        largest,
        trades_left=trades_left,
        goal_return=goal_return,
        equity=equity,
    )
    if coarsen(outcomes) is None or trades_left > MOST_WALKED:
        paths = 0
    scale, day = barrier.scale, question.trades_per_day
    has_limit = barrier.daily_loss is not None

    def factor_at(days: int, trades: int, at: Floats, *seen: Floats) -> Floats:
        profit, water, _ = seen
        profit = profit * has_limit
        left = (days - 1) * day + trades
        return ask(choose, left, at / scale, water / scale, profit / scale)

    came = Walk(
        question, factor_at, seed, needs_day=False, paths=paths, most=MOST_STATES
    )
    came.run()
    return None if came.given_up else came


def as_barrier(stop_loss: Stop) -> Barrier:
    """The barrier, or one whose floor stands at the stop."""
    return stop_loss if isinstance(stop_loss, Barrier) else standing(stop_loss)


def each_of(stop_loss: Stop, trades: float) -> Stop:
    """The same where so many trades count as one."""
    return stop_loss.each(trades) if isinstance(stop_loss, Barrier) else stop_loss


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


def factors_of(
    policy: Policy,
    trades_left: int,
    goal_return: float,
    stop_loss: float | None,
    equity: float,
) -> Floats:
    """The factors that a policy gives, of a function those at some equities."""
    goal, stop, at = log_levels(goal_return, stop_loss, equity)
    if isinstance(policy, DeadlinePolicy):
        return np.unique(policy.factors)
    bottom = stop if stop is not None else at - 2 * (goal - at)
    probed = np.exp(np.linspace(bottom, goal, PROBES)[:-1])
    asked = {1, max(trades_left // 2, 1), max(trades_left, 1)}
    choose = as_function(policy)
    return np.unique([ask(choose, left, probed) for left in asked])


def ask(
    choose: PolicyFunction, trades_left: int, equity: Floats, *seen: Floats
) -> Floats:
    """The policy's factors; `InvalidInput` where they are none."""
    factors = np.asarray(choose(trades_left, equity, *seen), dtype=np.float64)
    if factors.shape != equity.shape or not np.isfinite(factors).all():
        raise InvalidInput("policy", "must give one finite factor for each equity.")
    if (factors < 0).any():
        raise InvalidInput("policy", "must not give a factor below 0.")
    return factors
