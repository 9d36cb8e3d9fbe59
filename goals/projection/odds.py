"""What a challenge comes to under each policy: passing, a breach, days. Pure.

Every row is walked by `evaluate_challenge`, the solved policy's too.
Equity is in units of the start, probabilities are ratios.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved
from goals.projection.challenge import evaluate_challenge, solve_challenge
from goals.projection.challenge_policy import ChallengePolicy
from goals.projection.challenge_rules import ChallengeRules
from goals.projection.challenge_walk import ChallengeOutcome, FactorAt
from goals.projection.goal_path import GoalPath
from goals.projection.outcomes import Outcomes
from goals.projection.policy_functions import GoalPolicy
from goals.projection.types import Floats
from mastertrade.values.money import RATIO, round_to

# Constants that are shown, as far as the bounds allow.
CONSTANTS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
# How many factors the solver chooses from, next to what guards lower them to.
CHOICES = 20
# At its target with trading days missing a fixed policy goes on as near to it.
NEAR_TARGET = 1e-6


@dataclass(frozen=True, slots=True)
class Trial:
    """One phase: the trades there are, its rules and target, and the time for it."""

    outcomes: Outcomes
    rules: ChallengeRules
    goal_return: float
    days: int
    trades_per_day: int
    min_factor: float
    max_factor: float
    stop_penalty: float = 0.0

    @property
    def mean(self) -> float:
        """Of a trade at factor 1, in units of equity."""
        chances = self.outcomes
        return float(chances.base_risk * (chances.values @ chances.probabilities))

    @property
    def constants(self) -> list[float]:
        """Those inside the bounds, and at least one."""
        inside = [one for one in CONSTANTS if self.min_factor <= one <= self.max_factor]
        return inside or [self.max_factor]

    @property
    def choices(self) -> list[float]:
        """What the solver chooses from; the headroom guard goes below `min_factor`."""
        evenly = [self.max_factor * part / CHOICES for part in range(1, CHOICES + 1)]
        if self.rules.headroom_share is not None:
            return evenly
        return [one for one in evenly if one >= self.min_factor]

    def evaluate(
        self,
        policy: ChallengePolicy | FactorAt | float,
        outcomes: Outcomes | None = None,
    ) -> ChallengeOutcome:
        """What comes of a policy, with other outcomes where they are given."""
        chances = outcomes or self.outcomes
        return evaluate_challenge(
            policy,
            chances.values,
            chances.probabilities,
            base_risk=chances.base_risk,
            factors=self.choices,
            goal_return=self.goal_return,
            days=self.days,
            trades_per_day=self.trades_per_day,
            rules=self.rules,
            stop_penalty=self.stop_penalty,
        )

    def solve(self) -> ChallengePolicy:
        chances = self.outcomes
        return solve_challenge(
            chances.values,
            chances.probabilities,
            base_risk=chances.base_risk,
            factors=self.choices,
            goal_return=self.goal_return,
            days=self.days,
            trades_per_day=self.trades_per_day,
            rules=self.rules,
            stop_penalty=self.stop_penalty,
        )


@dataclass(frozen=True, slots=True)
class Odds:
    """A policy's row: `factor` where it is a constant one."""

    name: str
    factor: float | None
    probability: float
    breach_probability: float
    days: tuple[int, int, int] | None

    @property
    def unfinished(self) -> float:
        """Neither passed nor failed when the days are over."""
        return max(1 - self.probability - self.breach_probability, 0.0)


def measure_odds(
    trial: Trial, step: Callable[[str], None] = lambda _: None
) -> tuple[tuple[Odds, ...], ChallengePolicy]:
    """The constants, then ladder and pace, then the solved policy; and that policy.

    `step` is called with the name of each before it is worked out.
    """
    step("solving")
    solved = trial.solve()  # first: what takes too long is refused there
    rows = []
    for name, factor, policy in _policies(trial):
        step(name)
        rows.append(_odds(name, factor, trial.evaluate(policy)))
    step("solved")
    rows.append(_odds("solved", None, trial.evaluate(solved)))
    return tuple(rows), solved


def best_constant(rows: tuple[Odds, ...]) -> Odds:
    """The constant size that passes most often; of equals the smallest."""
    constants = [row for row in rows if row.factor is not None]
    return max(constants, key=lambda row: row.probability)


def _policies(
    trial: Trial,
) -> Iterator[tuple[str, float | None, FactorAt | float]]:
    for factor in trial.constants:
        yield f"constant {factor:g}", factor, factor
    for name in (PolicyName.LADDER, PolicyName.PACE):
        yield str(name), None, _fixed(trial, name)


def _fixed(trial: Trial, name: PolicyName) -> FactorAt:
    """A policy that knows progress and time left alone, inside the bounds."""
    choose = GoalPolicy(
        policy=name,
        path=GoalPath(round_to(Decimal(trial.goal_return), RATIO), Decimal(1)),
        min_factor=Decimal(str(trial.min_factor)),
        max_factor=Decimal(str(trial.max_factor)),
        after_achieved=AfterAchieved.PROTECT,
        edge=round_to(Decimal(trial.mean), RATIO),
    ).as_function()
    highest = 1 + trial.goal_return - NEAR_TARGET

    def factors(days_left: int, trades_left: int, equity: Floats, *_: Floats) -> Floats:
        left = (days_left - 1) * trial.trades_per_day + trades_left
        return choose(left, np.minimum(equity, highest))

    return factors


def _odds(name: str, factor: float | None, found: ChallengeOutcome) -> Odds:
    return Odds(name, factor, found.probability, found.breach_probability, found.days)
