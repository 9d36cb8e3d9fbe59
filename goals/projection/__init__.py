"""Projection: what a goal may come to, in probabilities. Pure.

All figures are plain floats and numpy arrays. Equity is in units of the equity at the
goal's start; probabilities and growths are ratios. The user's side of it is in
docs/projection.md.
"""

from goals.projection.deadline import DeadlinePolicy, solve_deadline_policy
from goals.projection.edge import (
    Bounds,
    Edge,
    estimate_edge,
    measure_bounds,
    shrink_mean,
    tilt,
)
from goals.projection.evaluate import PolicyOutcome, evaluate_policy
from goals.projection.forecast import (
    Projection,
    fan,
    is_unreachable,
    project,
    required_growth,
)
from goals.projection.paths import Walks, simulate_policy
from goals.projection.suggestions import Suggestion, suggest

__all__ = [
    "Bounds",
    "DeadlinePolicy",
    "Edge",
    "PolicyOutcome",
    "Projection",
    "Suggestion",
    "Walks",
    "estimate_edge",
    "evaluate_policy",
    "fan",
    "is_unreachable",
    "measure_bounds",
    "project",
    "required_growth",
    "shrink_mean",
    "simulate_policy",
    "solve_deadline_policy",
    "suggest",
    "tilt",
]
