"""A goal's projection and its frontier, as `GET` of the same addresses answers them."""

from datetime import datetime
from typing import Any

from goals.models import FinancialGoal
from mastertrade.values.exceptions import NotFound
from trades.api.serializers.projection import FrontierSerializer, ProjectionSerializer
from trades.jobs.kinds.base import Given, Kind
from trades.sizing_calls import kept_forecasts as kept
from trades.sizing_calls.forecasts import frontier_of, project


def run(given: Given) -> dict[str, Any]:
    """Work it out; writes nothing but what is kept for the next call.

    That is a solved table and, of now, the answer itself.
    """
    given.report(0, "Working out the projection")
    goal, at = _read(given)
    strategy_id = given.arguments.get("strategy_id")
    if at is None and strategy_id is None:
        answer = kept.make_forecast(kept.PROJECTION, goal, given.now)
    else:
        at = at or given.now
        answer = project(goal, at, strategy_id=strategy_id, now=given.now).answer
    return dict(ProjectionSerializer(answer).data)


def run_frontier(given: Given) -> dict[str, Any]:
    """As `run`."""
    given.report(0, "Working out the frontier")
    goal, at = _read(given)
    if at is None:
        answer = kept.make_forecast(kept.FRONTIER, goal, given.now)
    else:
        answer = frontier_of(project(goal, at, now=given.now))
    return dict(FrontierSerializer(answer).data)


def _read(given: Given) -> tuple[FinancialGoal, datetime | None]:
    """The user's goal, and as of when; None: of now."""
    asked = given.arguments
    mine = FinancialGoal.objects.filter(user_id=given.user.username)
    goal = mine.select_related("portfolio").filter(pk=asked["goal_id"]).first()
    if goal is None:
        raise NotFound(f"You have no goal {asked['goal_id']}.")
    as_of = asked.get("as_of")
    return goal, None if as_of is None else datetime.fromisoformat(as_of)


KIND = Kind(run)
FRONTIER = Kind(run_frontier)
