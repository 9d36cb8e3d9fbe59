"""A goal's projection, as `GET /api/goals/{goal_id}/projection/` answers it."""

from datetime import datetime
from typing import Any

from goals.models import FinancialGoal
from mastertrade.values.exceptions import NotFound
from trades.api.serializers.projection import ProjectionSerializer
from trades.jobs.kinds.base import Given, Kind
from trades.sizing_calls.forecasts import project


def run(given: Given) -> dict[str, Any]:
    """Work it out; writes nothing but a solved table, for the next call."""
    asked = given.arguments
    given.report(0, "Working out the projection")
    mine = FinancialGoal.objects.filter(user_id=given.user.username)
    goal = mine.select_related("portfolio").filter(pk=asked["goal_id"]).first()
    if goal is None:
        raise NotFound(f"You have no goal {asked['goal_id']}.")
    as_of = asked.get("as_of")
    at = given.now if as_of is None else datetime.fromisoformat(as_of)
    found = project(goal, at, strategy_id=asked.get("strategy_id"), now=given.now)
    return dict(ProjectionSerializer(found).data)


KIND = Kind(run)
