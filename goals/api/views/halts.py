"""HTTP: halting and resuming trading."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.filters import HaltFilter
from goals.api.serializers.halts import (
    HaltSerializer,
    ResumeSerializer,
    TradingHaltSerializer,
)
from goals.api.serializers.portfolios import PortfolioSerializer
from goals.models import Portfolio, TradingHalt
from goals.services.resuming import halt_trading, resume_trading
from mastertrade.values.exceptions import FloorReferenceRequired, TradingNotHalted
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView

HALT = OpenApiExample(
    "Halt", value={"reason": "on holiday until Monday"}, request_only=True
)
RESUME = OpenApiExample(
    "Resume", value={"reason": "stops were too wide"}, request_only=True
)
RESUME_FROM = OpenApiExample(
    "Resume with a floor",
    value={"reason": "smaller sizes", "floor_reference": "present"},
    request_only=True,
)


class HaltListView(ListView[TradingHalt]):
    """A portfolio's halts, newest first; who halted and resumed trading, and why."""

    serializer_class = TradingHaltSerializer
    filterset_class = HaltFilter
    ordering_fields = ("halt_id", "halted_at", "resumed_at")
    ordering = ("-halt_id",)

    def get_queryset(self) -> QuerySet[TradingHalt]:
        if getattr(self, "swagger_fake_view", False):
            return TradingHalt.objects.none()
        mine = Portfolio.objects.filter(user_id=self.request.user.get_username())
        key: Any = self.kwargs["portfolio_id"]
        return TradingHalt.objects.filter(portfolio=get_object_or_404(mine, pk=key))


class HaltView(APIView):
    subject = (Portfolio, "user_id")

    @extend_schema(
        request=HaltSerializer, responses=PortfolioSerializer, examples=[HALT]
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Stop entries until you resume trading; exits, stops and imports go on."""
        body = read_body(self, HaltSerializer)
        portfolio = halt_trading(
            user=signed_in(request),
            portfolio_id=portfolio_id,
            now=timezone.now(),
            **body,
        )
        return Response(PortfolioSerializer(portfolio).data)


class ResumeView(APIView):
    subject = (Portfolio, "user_id")
    refusals = {"POST": (FloorReferenceRequired, TradingNotHalted)}

    @extend_schema(
        request=ResumeSerializer,
        responses=PortfolioSerializer,
        examples=[RESUME, RESUME_FROM],
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """End every halt; the day's loss, profit, trades and losses count anew.

        After a halt at the hard floor, the floors are measured from the present equity
        on, or from a given `floor_reference`; after any other halt they stay.
        """
        body = read_body(self, ResumeSerializer)
        portfolio = resume_trading(
            user=signed_in(request),
            portfolio_id=portfolio_id,
            now=timezone.now(),
            reason=body.get("reason") or "",
            floor_reference=body.get("floor_reference"),
        )
        return Response(PortfolioSerializer(portfolio).data)
