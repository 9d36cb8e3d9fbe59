"""Every goal's limits: the tightest `max_factor`, and a stop after success. Pure."""

from decimal import Decimal

from goals.decisions.guards.base import GuardAnswer, SizingInputs
from mastertrade.values.money import format_plain


def guard_bounds(factor: Decimal, inputs: SizingInputs) -> GuardAnswer:
    """No factor above any goal's `max_factor`; none while an achieved goal stops."""
    stopping = [goal.goal_id for goal in inputs.goals if goal.stops_trading]
    if stopping:
        reason = (
            f"goal {stopping[0]} is achieved and stops trading until its period ends"
        )
        return GuardAnswer(Decimal(0), reason)
    tightest = min(inputs.goals, key=lambda goal: (goal.max_factor, goal.goal_id))
    if factor <= tightest.max_factor:
        return GuardAnswer(factor, "inside the bounds")
    held = tightest.max_factor
    reason = f"held at goal {tightest.goal_id}'s max_factor {format_plain(held)}"
    return GuardAnswer(held, reason)
