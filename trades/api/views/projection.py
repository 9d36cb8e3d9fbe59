"""HTTP: the projection of a goal, and its frontier."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.models import FinancialGoal
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.validation import require_not_future
from mastertrade.web.api_fields import InstantField, StrictSerializer, read_body
from strategies.models import StrategyInstance
from strategies.services import no_strategy
from trades.api.serializers.projection import FrontierSerializer, ProjectionSerializer
from trades.booking.references import find_unknown
from trades.sizing_calls.forecasts import measure_frontier_of, project


class _AsOf(StrictSerializer):
    as_of = InstantField(required=False)


class _Question(_AsOf):
    strategy_id = serializers.CharField(max_length=100, required=False)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        of_goal = self.context["goal_id"]
        return find_unknown(self.context["user"], fields, of_goal)


def _read(
    view: APIView, request: Request, goal_id: int, question: type[StrictSerializer]
) -> tuple[FinancialGoal, Mapping[str, Any], datetime, datetime]:
    """The user's goal, what is asked, as of when, and now."""
    now = timezone.now()
    mine = FinancialGoal.objects.filter(user_id=request.user.get_username())
    goal = get_object_or_404(mine.select_related("portfolio"), pk=goal_id)
    asked = read_body(view, question, request.query_params.dict())
    as_of = asked.get("as_of")
    at = now if as_of is None else require_not_future("as_of", as_of, now)
    return goal, asked, at, now


AS_OF = OpenApiParameter(
    "as_of", OpenApiTypes.DATETIME, description="As of this instant; default: now."
)


class ProjectionView(APIView):
    parameters = {"GET": ("as_of", "strategy_id")}

    @extend_schema(
        parameters=[
            AS_OF,
            OpenApiParameter(
                "strategy_id",
                OpenApiTypes.STR,
                description="Strategy whose edge replaces the portfolio's.",
            ),
        ],
        responses=ProjectionSerializer,
    )
    def get(self, request: Request, goal_id: int) -> Response:
        """The probability of reaching the goal in time, and what would raise it.

        Under the goal's own policy. Without 20 closed trades, or a deadline,
        `probability` is null and `reason` says why. Nothing is booked or decided.
        """
        goal, asked, at, now = _read(self, request, goal_id, _Question)
        strategy_id = asked.get("strategy_id")
        if strategy_id is not None:
            own = StrategyInstance.objects.tradable_in(goal.portfolio)
            if not own.filter(strategy_id=strategy_id).exists():
                raise no_strategy("strategy_id", own, strategy_id)
        found = project(goal, at, strategy_id=strategy_id, now=now)
        return Response(ProjectionSerializer(found).data)


class FrontierView(APIView):
    parameters = {"GET": ("as_of",)}

    @extend_schema(parameters=[AS_OF], responses=FrontierSerializer)
    def get(self, request: Request, goal_id: int) -> Response:
        """What constant sizes and every policy would come to, and a verdict in words.

        Up to 9 constant sizes from `min_factor` to `max_factor`, none above what the
        edge guard allows now. Nothing is booked or decided.
        """
        goal, _, at, now = _read(self, request, goal_id, _AsOf)
        found, frontier = measure_frontier_of(goal, at, now=now)
        points = None if frontier is None else frontier.frontier
        answer = {
            "goal_id": goal.pk,
            "as_of": at,
            "reason": found.reason,
            "policy": goal.policy,
            "constants": [
                {"factor": factor, **asdict(point)}
                for factor, point in (points.constants if points else ())
            ],
            "policies": [
                {"policy": str(name), **asdict(point)}
                for name, point in (points.policies.items() if points else ())
            ],
            "verdict": None if frontier is None else frontier.verdict,
        }
        return Response(FrontierSerializer(answer).data)
