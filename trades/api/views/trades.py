"""HTTP: trades."""

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.serializers.portfolios import VoidSerializer
from mastertrade.values.exceptions import (
    IdempotencyConflict,
    OutOfRange,
    PortfolioRuined,
    PortfolioUnfunded,
    StrategyNotActive,
    TradeAlreadyClosed,
    TradeNotOpen,
    TradingHalted,
)
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView
from trades.api.filters import TradeFilter
from trades.api.serializers.trades import (
    ClosedTradeSerializer,
    TradeAdditionSerializer,
    TradeCloseSerializer,
    TradeCreationSerializer,
    TradeNoteChangeSerializer,
    TradeNoteSerializer,
    TradeSerializer,
    VoidedTradeSerializer,
)
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.open import open_trade, record_closed_trade
from trades.booking.void import void_trade
from trades.models import Trade
from trades.services.notes import read_note, write_note

OPEN = OpenApiExample(
    "Open a long",
    value={
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "0.02",
        "entry_price": "50000",
        "adjustment_id": 1,
        "external_id": "order-8812",
    },
    request_only=True,
)
CLOSE = OpenApiExample(
    "Close it all", value={"exit_price": "51000", "fees": "1.2"}, request_only=True
)
CLOSE_PART = OpenApiExample(
    "Close a part, safe to repeat",
    value={"exit_price": "51000", "quantity": "0.005", "external_id": "exit-17"},
    request_only=True,
)
ADD = OpenApiExample(
    "Add to a trade",
    value={"quantity": "0.02", "entry_price": "48000", "external_id": "order-8813"},
    request_only=True,
)
NOTE = OpenApiExample(
    "Say what it was",
    value={"note": "entered late", "tags": ["breakout"], "rating": 2},
    request_only=True,
)
VOID = OpenApiExample(
    "Recorded twice", value={"reason": "recorded twice"}, request_only=True
)


class TradeListView(ListView[Trade]):
    """The signed-in user's trades, newest first."""

    refusals = {
        "POST": (
            IdempotencyConflict,
            OutOfRange,
            PortfolioRuined,
            PortfolioUnfunded,
            StrategyNotActive,
            TradingHalted,
        )
    }

    serializer_class = TradeSerializer
    filterset_class = TradeFilter
    ordering_fields = ("trade_id", "entry_time", "exit_time", "profit_loss", "symbol")
    ordering = ("-trade_id",)

    def get_queryset(self) -> QuerySet[Trade]:
        return Trade.objects.filter(user_id=self.request.user.get_username())

    @extend_schema(
        request=TradeCreationSerializer,
        responses={200: TradeSerializer, 201: TradeSerializer},
        examples=[OPEN],
    )
    def post(self, request: Request) -> Response:
        """Record a trade: open, or with `exit_price` closed at once."""
        body = read_body(self, TradeCreationSerializer)
        fields, now = body, timezone.now()
        if "exit_price" in fields:
            closed, is_new = record_closed_trade(
                user=signed_in(request), now=now, **fields
            )
            answer = ClosedTradeSerializer(closed).data
        else:
            trade, is_new = open_trade(user=signed_in(request), now=now, **fields)
            answer = TradeSerializer(trade).data
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(answer, status=code)


class TradeDetailView(generics.RetrieveAPIView[Trade]):
    """One of the signed-in user's trades."""

    serializer_class = TradeSerializer
    lookup_field = "trade_id"

    def get_queryset(self) -> QuerySet[Trade]:
        return Trade.objects.filter(user_id=self.request.user.get_username())


class CloseTradeView(APIView):
    subject = (Trade, "user_id")
    refusals = {
        "POST": (IdempotencyConflict, OutOfRange, TradeAlreadyClosed, TradeNotOpen)
    }

    @extend_schema(
        request=TradeCloseSerializer,
        responses=ClosedTradeSerializer,
        examples=[CLOSE, CLOSE_PART],
    )
    def post(self, request: Request, trade_id: int) -> Response:
        """Close the trade; its profit moves the portfolio and its goals."""
        body = read_body(self, TradeCloseSerializer)
        closed = close_trade(
            user=signed_in(request),
            trade_id=trade_id,
            now=timezone.now(),
            **body,
        )
        return Response(ClosedTradeSerializer(closed).data)


class AddToTradeView(APIView):
    subject = (Trade, "user_id")
    refusals = {
        "POST": (IdempotencyConflict, OutOfRange, PortfolioRuined, TradeNotOpen)
    }

    @extend_schema(
        request=TradeAdditionSerializer,
        responses={200: TradeSerializer, 201: TradeSerializer},
        examples=[ADD],
    )
    def post(self, request: Request, trade_id: int) -> Response:
        """Enlarge an open trade, at the average entry price."""
        body = read_body(self, TradeAdditionSerializer)
        trade, is_new = add_to_trade(
            user=signed_in(request),
            trade_id=trade_id,
            now=timezone.now(),
            **body,
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(TradeSerializer(trade).data, status=code)


class TradeNoteView(APIView):
    subject = (Trade, "user_id")

    @extend_schema(responses=TradeNoteSerializer)
    def get(self, request: Request, trade_id: int) -> Response:
        """The note, tags and rating of a trade."""
        mine = Trade.objects.filter(user_id=signed_in(request).username)
        trade = get_object_or_404(mine, pk=trade_id)
        return Response(TradeNoteSerializer(read_note(trade)).data)

    @extend_schema(
        request=TradeNoteChangeSerializer,
        responses=TradeNoteSerializer,
        examples=[NOTE],
    )
    def patch(self, request: Request, trade_id: int) -> Response:
        """Change them; the ledger and its audit trail stay as they are."""
        body = read_body(self, TradeNoteChangeSerializer)
        note = write_note(
            user=signed_in(request), trade_id=trade_id, now=timezone.now(), **body
        )
        return Response(TradeNoteSerializer(note).data)


class VoidTradeView(APIView):
    subject = (Trade, "user_id")
    refusals = {"POST": (OutOfRange,)}

    @extend_schema(
        request=VoidSerializer, responses=VoidedTradeSerializer, examples=[VOID]
    )
    def post(self, request: Request, trade_id: int) -> Response:
        """Take a trade recorded by mistake out of the ledger; it stays readable."""
        body = read_body(self, VoidSerializer)
        voided = void_trade(
            user=signed_in(request),
            trade_id=trade_id,
            now=timezone.now(),
            **body,
        )
        return Response(VoidedTradeSerializer(voided).data)
