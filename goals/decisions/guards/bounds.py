"""Every goal's limits: the tightest `max_factor`, and a stop after success. Pure."""

from decimal import Decimal

from goals.decisions.guards.base import GuardAnswer, SizingInputs
from mastertrade.values import in_text
from mastertrade.values.in_text import Text, say, setting


def guard_bounds(factor: Decimal, inputs: SizingInputs) -> GuardAnswer:
    """No factor above any goal's `max_factor`; none while an achieved goal stops."""
    stopping = [goal.goal_id for goal in inputs.goals if goal.stops_trading]
    if stopping:
        first = in_text.goal(stopping[0])
        reason = say("{} is reached and stops trading until its period ends", first)
        return GuardAnswer(Decimal(0), reason)
    tightest = min(inputs.goals, key=lambda goal: (goal.max_factor, goal.goal_id))
    if factor <= tightest.max_factor:
        return GuardAnswer(factor, Text("inside the bounds"))
    held, whose = tightest.max_factor, in_text.goal(tightest.goal_id)
    return GuardAnswer(held, say("held at {}'s {}", whose, setting("max_factor", held)))
