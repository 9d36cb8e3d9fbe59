"""HTTP: goals and their logs."""

from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.functional import cached_property
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.filters import GoalFilter, filter_by_time
from goals.api.serializers.goals import (
    GoalChangeSerializer,
    GoalCreationSerializer,
    GoalSerializer,
)
from goals.api.serializers.logs import GoalAdjustmentSerializer, GoalProgressSerializer
from goals.models import FinancialGoal, GoalAdjustmentLog, GoalProgressHistory
from goals.services.goal_state import with_status
from goals.services.goals import cancel_goal, create_goal, update_goal
from mastertrade.values.exceptions import (
    GoalExists,
    GoalNotActive,
    OutOfRange,
    PortfolioRuined,
    TooManyGoals,
)
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView

FIVE_PERCENT = OpenApiExample(
    "5 % this month",
    value={"goal_type": "monthly_return", "target_value": "5", "portfolio": "crypto"},
    request_only=True,
)
INCOME = OpenApiExample(
    "4,000 of income, every month",
    value={"goal_type": "monthly_income", "target_value": "4000", "recurring": True},
    request_only=True,
)
PAUSE = OpenApiExample("Pause", value={"status": "paused"}, request_only=True)


class MyGoals(generics.GenericAPIView[FinancialGoal]):
    """The signed-in user's goals; anybody else's do not exist."""

    @cached_property
    def now(self) -> datetime:
        """The request's one reading of the clock."""
        return timezone.now()

    def get_queryset(self) -> QuerySet[FinancialGoal]:
        mine = FinancialGoal.objects.filter(user_id=self.request.user.get_username())
        following = mine.annotate(following_id=F("next_goal__goal_id"))
        return with_status(following.select_related("portfolio"), self.now)

    def get_serializer_context(self) -> dict[str, Any]:
        return {"request": self.request, "now": self.now}


class GoalListView(MyGoals, ListView[FinancialGoal]):
    """The signed-in user's goals."""

    serializer_class = GoalSerializer
    filterset_class = GoalFilter
    ordering_fields = (
        "goal_id",
        "progress_pct",
        "target_date",
        "priority",
        "created_at",
    )
    ordering = ("-goal_id",)
    refusals = {"POST": (GoalExists, OutOfRange, PortfolioRuined, TooManyGoals)}

    @extend_schema(
        request=GoalCreationSerializer,
        responses={201: GoalSerializer},
        examples=[FIVE_PERCENT, INCOME],
    )
    def post(self, request: Request) -> Response:
        """Create a goal; `warnings` say what it lacks, such as a deposit."""
        body = read_body(self, GoalCreationSerializer)
        now = self.now
        goal = create_goal(user=signed_in(request), as_of=now, **body)
        answer = GoalSerializer(goal, context={"now": now})
        return Response(answer.data, status=status.HTTP_201_CREATED)


class GoalDetailView(MyGoals, generics.RetrieveAPIView[FinancialGoal]):
    """A goal as it stands now."""

    serializer_class = GoalSerializer
    lookup_field = "goal_id"
    refusals = {
        "PATCH": (
            GoalExists,
            GoalNotActive,
            OutOfRange,
            PortfolioRuined,
            TooManyGoals,
        ),
        "DELETE": (GoalNotActive,),
    }

    @extend_schema(
        request=GoalChangeSerializer, responses=GoalSerializer, examples=[PAUSE]
    )
    def patch(self, request: Request, goal_id: int) -> Response:
        """Pause or resume the goal, or change its settings."""
        self.get_object()
        body = read_body(self, GoalChangeSerializer)
        now = self.now
        update_goal(user=signed_in(request), goal_id=goal_id, as_of=now, **body)
        answer = GoalSerializer(self.get_object(), context={"now": now})
        return Response(answer.data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, goal_id: int) -> Response:
        """Cancel the goal; it and its rows stay readable."""
        self.get_object()
        cancel_goal(user=signed_in(request), goal_id=goal_id, as_of=self.now)
        return Response(status=status.HTTP_204_NO_CONTENT)


class GoalLogView(APIView):
    """A log of one of the user's goals."""

    def get_goal(self) -> FinancialGoal:
        mine = FinancialGoal.objects.filter(user_id=self.request.user.get_username())
        return get_object_or_404(
            mine.select_related("portfolio"), pk=self.kwargs["goal_id"]
        )


INSTANT_OR_DATE = "A date of the portfolio's time zone, or an instant; included."


class GoalProgressView(GoalLogView, ListView[GoalProgressHistory]):
    """The goal's history, oldest first: by when it took effect, then by key."""

    serializer_class = GoalProgressSerializer
    filterset_fields = ("kind",)
    parameters = {"GET": ("from", "to")}
    ordering = ("effective_at", "history_id")
    ordering_fields = ("effective_at", "history_id", "recorded_at")

    def get_queryset(self) -> QuerySet[GoalProgressHistory]:
        if getattr(self, "swagger_fake_view", False):
            return GoalProgressHistory.objects.none()
        goal = self.get_goal()
        return filter_by_time(
            GoalProgressHistory.objects.filter(goal=goal),
            goal.portfolio.time_zone,
            self.request.query_params.get("from"),
            self.request.query_params.get("to"),
        )

    @extend_schema(
        parameters=[
            OpenApiParameter("from", OpenApiTypes.STR, description=INSTANT_OR_DATE),
            OpenApiParameter("to", OpenApiTypes.STR, description=INSTANT_OR_DATE),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class GoalAdjustmentView(GoalLogView, ListView[GoalAdjustmentLog]):
    """The decisions this goal made, newest first."""

    serializer_class = GoalAdjustmentSerializer
    filterset_fields = ("verdict", "band", "policy", "strategy_id", "symbol")
    ordering = ("-adjustment_id",)
    ordering_fields = ("adjustment_id", "as_of", "adjustment_factor")

    def get_queryset(self) -> QuerySet[GoalAdjustmentLog]:
        if getattr(self, "swagger_fake_view", False):
            return GoalAdjustmentLog.objects.none()
        return GoalAdjustmentLog.objects.filter(goal=self.get_goal())
