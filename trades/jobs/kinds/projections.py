"""A goal's projection and its frontier, as `GET` of the same addresses answers them."""

from datetime import datetime
from typing import Any

from goals.models import FinancialGoal
from mastertrade.values.exceptions import NotFound
from trades.api.serializers.projection import ProjectionSerializer, describe_frontier
from trades.jobs.kinds.base import Given, Kind
from trades.sizing_calls.forecasts import measure_frontier_of, project


def run(given: Given) -> dict[str, Any]:
    """Work it out; writes nothing but a solved table, for the next call."""
    given.report(0, "Working out the projection")
    goal, at = _read(given)
    strategy_id = given.arguments.get("strategy_id")
    found = project(goal, at, strategy_id=strategy_id, now=given.now)
    return dict(ProjectionSerializer(found).data)


def run_frontier(given: Given) -> dict[str, Any]:
    """As `run`."""
    given.report(0, "Working out the frontier")
    goal, at = _read(given)
    return dict(describe_frontier(*measure_frontier_of(goal, at, now=given.now)))


def _read(given: Given) -> tuple[FinancialGoal, datetime]:
    """The user's goal, and as of when."""
    asked = given.arguments
    mine = FinancialGoal.objects.filter(user_id=given.user.username)
    goal = mine.select_related("portfolio").filter(pk=asked["goal_id"]).first()
    if goal is None:
        raise NotFound(f"You have no goal {asked['goal_id']}.")
    as_of = asked.get("as_of")
    return goal, given.now if as_of is None else datetime.fromisoformat(as_of)


KIND = Kind(run)
FRONTIER = Kind(run_frontier)
