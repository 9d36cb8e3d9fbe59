"""HTTP: portfolios, and voiding their cash flows."""

from django.db.models import F, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.filters import PortfolioListFilter
from goals.api.serializers.portfolios import (
    CashFlowSerializer,
    PortfolioCreationSerializer,
    PortfolioSerializer,
    PortfolioSettingsSerializer,
    VoidSerializer,
)
from goals.models import CashFlow, Portfolio
from goals.services.challenges import create_challenge
from goals.services.portfolios import create_portfolio, update_portfolio
from goals.services.trading_state import with_trading_state
from goals.services.voids import void_cash_flow
from mastertrade.values.exceptions import (
    DomainError,
    InsufficientEquity,
    OutOfRange,
    PortfolioFrozen,
)
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView

OPEN_WITH_1000 = OpenApiExample(
    "Open a portfolio with 1000",
    value={"name": "crypto", "currency": "USDT", "opening_balance": "1000"},
    request_only=True,
)
OPEN_CHALLENGE = OpenApiExample(
    "Open the account of a firm's challenge",
    value={"name": "combine", "preset": "topstep-combine-50k"},
    request_only=True,
)
TIGHTER_LIMITS = OpenApiExample(
    "Tighter limits",
    value={"soft_drawdown_pct": "5", "max_position_pct": "25"},
    request_only=True,
)
FIRM = OpenApiExample(
    "An account whose floor trails and stands at 48,500 today",
    value={
        "drawdown_mode": "end_of_day",
        "drawdown_of": "start",
        "hard_drawdown_pct": "4",
        "soft_drawdown_pct": "2",
        "drawdown_locks_at": "1",
        "floor_in": "money",
        "floor_reference": {"start_equity": "50000", "floor_equity": "48500"},
        "daily_loss_limit_pct": "2",
        "daily_loss_of": "start",
        "on_breach": "fail",
        "daily_on_breach": "fail",
    },
    request_only=True,
)
MISTAKEN = OpenApiExample(
    "Recorded twice", value={"reason": "recorded twice"}, request_only=True
)


def _mine(request: Request) -> QuerySet[Portfolio]:
    mine = Portfolio.objects.filter(user_id=request.user.get_username())
    mine = mine.annotate(predecessor_key=F("predecessors__portfolio_id"))
    return with_trading_state(mine, timezone.now())


class PortfolioListView(ListView[Portfolio]):
    """The signed-in user's portfolios; `main` is made with the user."""

    serializer_class = PortfolioSerializer
    filterset_class = PortfolioListFilter
    ordering_fields = ("portfolio_id", "name", "equity", "drawdown_pct", "created_at")
    ordering = ("portfolio_id",)

    def get_queryset(self) -> QuerySet[Portfolio]:
        return _mine(self.request)

    @extend_schema(
        request=PortfolioCreationSerializer,
        responses={201: PortfolioSerializer},
        examples=[OPEN_WITH_1000, OPEN_CHALLENGE],
    )
    def post(self, request: Request) -> Response:
        """Open a portfolio."""
        body = read_body(self, PortfolioCreationSerializer)
        create = create_challenge if "preset" in body else create_portfolio
        portfolio = create(user=signed_in(request), now=timezone.now(), **body)
        return Response(
            PortfolioSerializer(portfolio).data, status=status.HTTP_201_CREATED
        )


class PortfolioDetailView(generics.RetrieveAPIView[Portfolio]):
    """A portfolio and the figures that follow from its ledger."""

    serializer_class = PortfolioSerializer
    lookup_field = "portfolio_id"
    refusals: dict[str, tuple[type[DomainError], ...]] = {
        "PATCH": (PortfolioFrozen, OutOfRange)
    }

    def get_queryset(self) -> QuerySet[Portfolio]:
        return _mine(self.request)

    @extend_schema(
        request=PortfolioSettingsSerializer,
        responses=PortfolioSerializer,
        examples=[TIGHTER_LIMITS, FIRM],
    )
    def patch(self, request: Request, portfolio_id: int) -> Response:
        """Change settings; what figures rest on only until first use."""
        self.get_object()
        body = read_body(self, PortfolioSettingsSerializer)
        portfolio = update_portfolio(
            portfolio_id=portfolio_id,
            user=signed_in(request),
            now=timezone.now(),
            **body,
        )
        return Response(PortfolioSerializer(portfolio).data)


class VoidCashFlowView(APIView):
    subject = (CashFlow, "portfolio__user_id")
    refusals = {"POST": (InsufficientEquity, OutOfRange)}

    @extend_schema(
        request=VoidSerializer, responses=CashFlowSerializer, examples=[MISTAKEN]
    )
    def post(self, request: Request, portfolio_id: int, cash_flow_id: int) -> Response:
        """Take a cash flow recorded by mistake out of the ledger; it stays readable."""
        body = read_body(self, VoidSerializer)
        flow, _ = void_cash_flow(
            user=signed_in(request),
            portfolio_id=portfolio_id,
            cash_flow_id=cash_flow_id,
            now=timezone.now(),
            **body,
        )
        return Response(CashFlowSerializer(flow).data)
