"""Projection: what a goal may come to, in probabilities. Pure.

All figures are plain floats and numpy arrays. Equity is in units of the equity at the
goal's start; probabilities and growths are ratios. The user's side of it is in
docs/projection.md.
"""

from goals.projection.challenge import (
    evaluate_challenge,
    solve_challenge,
)
from goals.projection.challenge_policy import ChallengePolicy
from goals.projection.challenge_rules import ChallengeRules
from goals.projection.challenge_walk import ChallengeOutcome

__all__ = [
    "ChallengeOutcome",
    "ChallengePolicy",
    "ChallengeRules",
    "evaluate_challenge",
    "solve_challenge",
]
