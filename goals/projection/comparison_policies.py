"""The policies of a simulated goal: the ones that live goals have. Pure."""

from decimal import Decimal
from typing import Protocol

from goals.decisions.policies import PolicyName
from goals.decisions.policies.base import Needs
from goals.enums import AfterAchieved
from goals.projection.barrier import DEEPEST_STOP, Barrier
from goals.projection.evaluate import PolicyFunction
from goals.projection.goal_path import GoalPath
from goals.projection.outcomes import Outcomes
from goals.projection.policy_functions import GoalPolicy
from goals.projection.policy_tables import (
    STOP_PENALTY,
    DeadlineInputs,
    DeadlineTable,
    factors_between,
    solve,
)
from mastertrade.values.money import RATIO, round_to

# From the plainest on.
ORDER = sorted(PolicyName, key=lambda policy: policy.rule.needs.value)


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
    def after_achieved(self) -> AfterAchieved: ...
    @property
    def mean_growth(self) -> float: ...


def make_policies(question: GoalQuestion) -> dict[PolicyName, PolicyFunction]:
    """Every policy by name, inside the goal's bounds; equity in units of the start's.

    `pace` knows the true mean growth, `deadline_optimal` the true distribution.
    """
    low, high = (
        Decimal(str(bound)) for bound in (question.min_factor, question.max_factor)
    )
    table = _solve(question, low, high)
    return {
        name: GoalPolicy(
            policy=name,
            path=GoalPath(round_to(Decimal(question.goal_return), RATIO), Decimal(1)),
            min_factor=low,
            max_factor=high,
            after_achieved=question.after_achieved,
            edge=round_to(Decimal(question.mean_growth), RATIO),
            table=table if name.rule.needs is Needs.SOLVED_TABLE else None,
        ).as_function()
        for name in ORDER
    }


def _solve(question: GoalQuestion, low: Decimal, high: Decimal) -> DeadlineTable:
    chances = question.outcomes
    growths = chances.base_risk * chances.values
    has_stop = question.stop_loss is not None
    return solve(
        DeadlineInputs(
            growths=tuple(growths.tolist()),
            probabilities=tuple(chances.probabilities.tolist()),
            trades_left=question.trades,
            goal_return=question.goal_return,
            barrier=Barrier(hard_drawdown=question.stop_loss or DEEPEST_STOP),
            stop_penalty=STOP_PENALTY if has_stop else 0.0,
            factors=factors_between(low, high),
        )
    )
