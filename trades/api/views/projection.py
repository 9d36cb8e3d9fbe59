"""HTTP: the projection of a goal, and its frontier."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.models import FinancialGoal
from mastertrade.values.exceptions import InvalidInput, TooManyJobs
from mastertrade.values.validation import require_not_future
from mastertrade.web.api_fields import InstantField, StrictSerializer, read_body
from strategies.models import StrategyInstance
from strategies.services import no_strategy
from trades.api.serializers.jobs import JobSerializer
from trades.api.serializers.projection import (
    FrontierSerializer,
    ProjectionSerializer,
)
from trades.api.views.jobs import (
    BACKGROUND_ONLY,
    accepted,
    plain_arguments,
    require_background,
)
from trades.booking.references import find_unknown
from trades.enums import JobKind
from trades.services.jobs import create_job
from trades.sizing_calls.forecasts import frontier_of, project
from trades.sizing_calls.kept_forecasts import FRONTIER, PROJECTION, find_forecast

OF_A_STRATEGY = OpenApiExample(
    "By one strategy's edge", value={"strategy_id": "momentum_001"}, request_only=True
)
AT_AN_INSTANT = OpenApiExample(
    "As of an instant", value={"as_of": "2026-03-02T12:00:00Z"}, request_only=True
)


class _AsOf(StrictSerializer):
    as_of = InstantField(required=False)


class _Question(_AsOf):
    strategy_id = serializers.CharField(max_length=100, required=False)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        of_goal = self.context["goal_id"]
        return find_unknown(self.context["user"], fields, of_goal)


def _read(
    view: APIView, request: Request, goal_id: int, question: type[StrictSerializer]
) -> tuple[FinancialGoal, Mapping[str, Any], datetime | None, datetime]:
    """The user's goal, what is asked, as of when (None: of what is kept), and now."""
    now = timezone.now()
    goal = _my_goal(request, goal_id)
    asked = read_body(view, question, request.query_params.dict())
    as_of = asked.get("as_of")
    if as_of is not None:
        require_not_future("as_of", as_of, now)
    return goal, asked, as_of, now


AS_OF = OpenApiParameter(
    "as_of",
    OpenApiTypes.DATETIME,
    description="Worked out as of this instant; default: what is kept, with its time.",
)


class ProjectionView(APIView):
    subject = (FinancialGoal, "user_id")
    parameters = {"GET": ("as_of", "strategy_id"), "POST": ("background",)}
    refusals = {"POST": (TooManyJobs,)}

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

        Without `as_of` and `strategy_id` what is kept is answered at once, as of its
        `as_of`. Where the portfolio has changed since, or a day has passed,
        `out_of_date` is true and a worker makes it anew; a changed goal, and one that
        nobody asked for in a week, is worked out at once. With either it is worked out
        for this call.
        """
        goal, asked, at, now = _read(self, request, goal_id, _Question)
        strategy_id = _tradable(goal, asked.get("strategy_id"))
        if at is None and strategy_id is None:
            answer = find_forecast(PROJECTION, goal, now)
        else:
            at = at or now
            answer = project(goal, at, strategy_id=strategy_id, now=now).answer
        return Response(ProjectionSerializer(answer).data)

    @extend_schema(
        request=_Question,
        parameters=[BACKGROUND_ONLY],
        responses={202: JobSerializer},
        examples=[OF_A_STRATEGY],
    )
    def post(self, request: Request, goal_id: int) -> Response:
        """The same without waiting for it: 202 with a job, whose result is the answer.

        Nothing is booked or decided.
        """
        return _put_off(self, request, goal_id, JobKind.PROJECTION, _Question)


class FrontierView(APIView):
    subject = (FinancialGoal, "user_id")
    parameters = {"GET": ("as_of",), "POST": ("background",)}
    refusals = {"POST": (TooManyJobs,)}

    @extend_schema(parameters=[AS_OF], responses=FrontierSerializer)
    def get(self, request: Request, goal_id: int) -> Response:
        """What constant sizes and every policy would come to, and a verdict in words.

        Up to 9 constant sizes from `min_factor` to `max_factor`, none above what the
        edge guard allows now. Nothing is booked or decided. Without `as_of` what is
        kept is answered at once, as a projection is.
        """
        goal, _, at, now = _read(self, request, goal_id, _AsOf)
        if at is None:
            answer = find_forecast(FRONTIER, goal, now)
        else:
            answer = frontier_of(project(goal, at, now=now))
        return Response(FrontierSerializer(answer).data)

    @extend_schema(
        request=_AsOf,
        parameters=[BACKGROUND_ONLY],
        responses={202: JobSerializer},
        examples=[AT_AN_INSTANT],
    )
    def post(self, request: Request, goal_id: int) -> Response:
        """The same without waiting for it: 202 with a job, whose result is the answer.

        Nothing is booked or decided.
        """
        return _put_off(self, request, goal_id, JobKind.FRONTIER, _AsOf)


def _put_off(
    view: APIView,
    request: Request,
    goal_id: int,
    kind: JobKind,
    question: type[StrictSerializer],
) -> Response:
    """A job for the question in the request's body."""
    require_background(request)
    goal = _my_goal(request, goal_id)
    asked = read_body(view, question)
    _tradable(goal, asked.get("strategy_id"))
    job = create_job(
        user=signed_in(request),
        kind=kind,
        arguments={**plain_arguments(asked), "goal_id": goal_id},
        now=timezone.now(),
    )
    return accepted(job)


def _my_goal(request: Request, goal_id: int) -> FinancialGoal:
    mine = FinancialGoal.objects.filter(user_id=request.user.get_username())
    return get_object_or_404(mine.select_related("portfolio"), pk=goal_id)


def _tradable(goal: FinancialGoal, strategy_id: str | None) -> str | None:
    """The strategy, which must be one of the goal's portfolio."""
    if strategy_id is not None:
        own = StrategyInstance.objects.tradable_in(goal.portfolio)
        if not own.filter(strategy_id=strategy_id).exists():
            raise no_strategy("strategy_id", own, strategy_id)
    return strategy_id
