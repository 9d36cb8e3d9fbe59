"""HTTP: strategies."""

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from goals.api.authentication import signed_in
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView
from strategies.api.filters import StrategyFilter
from strategies.api.serializers import (
    StrategyChangeSerializer,
    StrategyCreationSerializer,
    StrategySerializer,
)
from strategies.models import StrategyInstance
from strategies.services import create_strategy, update_strategy

MOMENTUM = OpenApiExample(
    "A momentum strategy",
    value={
        "strategy_id": "momentum_001",
        "strategy_name": "Momentum, 20 bars",
        "strategy_type": "momentum",
        "risk_profile": "moderate",
        "parameters": {"period": 20},
    },
    request_only=True,
)

PAUSE = OpenApiExample("Pause", value={"status": "paused"}, request_only=True)


class StrategyListView(ListView[StrategyInstance]):
    """The signed-in user's strategies; those of replays with `?kind=`."""

    serializer_class = StrategySerializer
    filterset_class = StrategyFilter
    ordering_fields = ("strategy_id", "strategy_type", "created_at")
    ordering = ("strategy_id",)

    def get_queryset(self) -> QuerySet[StrategyInstance]:
        return StrategyInstance.objects.filter(user_id=self.request.user.get_username())

    @extend_schema(
        request=StrategyCreationSerializer,
        responses={201: StrategySerializer},
        examples=[MOMENTUM],
    )
    def post(self, request: Request) -> Response:
        """Add a strategy."""
        body = read_body(self, StrategyCreationSerializer)
        strategy = create_strategy(user=signed_in(request), now=timezone.now(), **body)
        return Response(
            StrategySerializer(strategy).data, status=status.HTTP_201_CREATED
        )


class StrategyDetailView(generics.RetrieveAPIView[StrategyInstance]):
    """One of the signed-in user's strategies, by its `strategy_id`."""

    serializer_class = StrategySerializer
    lookup_field = "strategy_id"

    def get_queryset(self) -> QuerySet[StrategyInstance]:
        return StrategyInstance.objects.filter(user_id=self.request.user.get_username())

    @extend_schema(
        request=StrategyChangeSerializer,
        responses=StrategySerializer,
        examples=[PAUSE],
    )
    def patch(self, request: Request, strategy_id: str) -> Response:
        """Change a strategy; a paused one is not selected."""
        self.get_object()
        body = read_body(self, StrategyChangeSerializer)
        strategy = update_strategy(
            user=signed_in(request),
            strategy_id=strategy_id,
            now=timezone.now(),
            **body,
        )
        return Response(StrategySerializer(strategy).data)
