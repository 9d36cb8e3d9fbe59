"""HTTP: cash flows, next to the trades that are open."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from goals.api.authentication import signed_in
from goals.api.filters import CashFlowFilter
from goals.api.serializers.portfolios import CashFlowSerializer
from goals.models import CashFlow, Portfolio
from mastertrade.values.exceptions import (
    CashFlowRefused,
    IdempotencyConflict,
    InsufficientEquity,
    OutOfRange,
)
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView
from trades.api.serializers.cash_flows import CashFlowCreationSerializer
from trades.booking.cash_flows import record_valued_cash_flow

DEPOSIT = OpenApiExample(
    "Deposit, safe to repeat",
    value={"amount": "500", "external_id": "bank-2026-03-02-1"},
    request_only=True,
)
VALUED = OpenApiExample(
    "Next to an open trade that made 200",
    value={
        "amount": "-900",
        "unrealized": [{"trade_id": 1, "unrealized_pnl": "200"}],
    },
    request_only=True,
)


class CashFlowListView(ListView[CashFlow]):
    """A portfolio's deposits and withdrawals, newest first."""

    serializer_class = CashFlowSerializer
    filterset_class = CashFlowFilter
    ordering_fields = ("flowed_at", "cash_flow_id", "amount")
    ordering = ("-flowed_at", "-cash_flow_id")
    subject = (Portfolio, "user_id")
    refusals = {
        "POST": (CashFlowRefused, IdempotencyConflict, InsufficientEquity, OutOfRange)
    }

    def get_queryset(self) -> QuerySet[CashFlow]:
        if getattr(self, "swagger_fake_view", False):
            return CashFlow.objects.none()
        return CashFlow.objects.filter(portfolio=self._portfolio())

    def _portfolio(self) -> Portfolio:
        mine = Portfolio.objects.filter(user_id=self.request.user.get_username())
        key: Any = self.kwargs["portfolio_id"]
        return get_object_or_404(mine, pk=key)

    @extend_schema(
        request=CashFlowCreationSerializer,
        responses={200: CashFlowSerializer, 201: CashFlowSerializer},
        examples=[DEPOSIT, VALUED],
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Deposit or withdraw at the live unit value, which does not move.

        Open trades are valued at their marks, or by the `unrealized` that is sent.
        """
        self._portfolio()
        body = read_body(self, CashFlowCreationSerializer)
        flow, is_new = record_valued_cash_flow(
            user=signed_in(request),
            portfolio=portfolio_id,
            now=timezone.now(),
            **body,
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(CashFlowSerializer(flow).data, status=code)
