"""The policies as functions of many equities at once, for simulated walks. Pure.

Each is that of `goals.policies`, with its own thresholds and factors. Equity is in
units of that at the goal's start.
"""

from decimal import Decimal
from typing import Protocol

import numpy as np

from goals.enums import PolicyName
from goals.policies import CONSTANT, LADDER, PolicyTable
from goals.policy_functions import look_up, pace_factors
from goals.projection.deadline import solve_deadline_policy
from goals.projection.evaluate import PolicyFunction
from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats

SOLVED_FACTORS = 25
STOP_PENALTY = 1.0


class GoalQuestion(Protocol):
    """What a policy may know of the goal and of its trades."""

    @property
    def outcomes(self) -> Outcomes: ...
    @property
    def trades(self) -> int: ...
    @property
    def goal_return(self) -> float: ...
    @property
    def stop_loss(self) -> float | None: ...
    @property
    def min_factor(self) -> float: ...
    @property
    def max_factor(self) -> float: ...
    @property
    def mean_growth(self) -> float: ...


def make_policies(question: GoalQuestion) -> dict[PolicyName, PolicyFunction]:
    """Every policy by name, inside the goal's bounds."""
    free = {
        PolicyName.CONSTANT: tabulated(CONSTANT, question),
        PolicyName.LADDER: tabulated(LADDER, question),
        PolicyName.PACE: paced(question),
        PolicyName.DEADLINE_OPTIMAL: solved(question),
    }
    return {name: _bounded(policy, question) for name, policy in free.items()}


def tabulated(table: PolicyTable, question: GoalQuestion) -> PolicyFunction:
    """What the table says, for each equity."""

    def choose(_: int, equity: Floats) -> Floats:
        return look_up(table, progress_pct(equity, question))

    return choose


def paced(question: GoalQuestion) -> PolicyFunction:
    """The pace policy, by the growth still required and the true mean growth."""
    low, high = (
        Decimal(str(bound)) for bound in (question.min_factor, question.max_factor)
    )

    def choose(left: int, equity: Floats) -> Floats:
        progress = progress_pct(equity, question)
        need = np.log((1 + question.goal_return) / equity) / max(left, 1)
        return pace_factors(progress, need, question.mean_growth, low, high)

    return choose


def solved(question: GoalQuestion) -> PolicyFunction:
    """The factors that most probably reach this goal, by the true distribution."""
    chances = question.outcomes
    policy = solve_deadline_policy(
        list(chances.values),
        list(chances.probabilities),
        chances.base_risk,
        question.trades,
        question.goal_return,
        list(np.linspace(question.min_factor, question.max_factor, SOLVED_FACTORS)),
        stop_loss=question.stop_loss,
        stop_penalty=0.0 if question.stop_loss is None else STOP_PENALTY,
        monotone=True,
    )
    return policy.factor


def progress_pct(equity: Floats, question: GoalQuestion) -> Floats:
    """Progress of a return goal in percent, rounded before any threshold is asked."""
    return np.round((equity - 1) / question.goal_return * 100, 6)


def _bounded(policy: PolicyFunction, question: GoalQuestion) -> PolicyFunction:
    def choose(left: int, equity: Floats) -> Floats:
        return np.clip(policy(left, equity), question.min_factor, question.max_factor)

    return choose
