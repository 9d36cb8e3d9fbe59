"""HTTP: what bots send of their own accord."""

import io
from collections.abc import Mapping
from typing import IO, Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, ParseError
from rest_framework.parsers import BaseParser, FormParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.api.throttling import count_failure
from goals.models import ApiToken, User
from mastertrade.values.exceptions import (
    FillMissing,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    OutOfRange,
    PortfolioRuined,
    TooManyTokens,
    TradeAlreadyClosed,
    TradeNotOpen,
)
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView
from mastertrade.web.json_parser import ExactJSONParser
from trades.api.filters import WebhookFilter
from trades.api.serializers.webhooks import (
    BookedFillSerializer,
    IssuedWebhookSerializer,
    WebhookRequestSerializer,
    WebhookSerializer,
)
from trades.freqtrade.messages import KINDS, read_kind, read_message
from trades.freqtrade.tokens import TokenRevoked, find_webhook, issue_webhook
from trades.freqtrade.webhook import WebhookOutcome, book_fill
from trades.models import WebhookToken

BOUGHT = {
    "type": "entry_fill",
    "trade_id": "7",
    "pair": "BTC/USDT",
    "direction": "Long",
    "leverage": "1.0",
    "amount": "0.0123",
    "open_rate": "64250.37",
    "current_rate": "64250.4",
    "stake_amount": "790.279551",
    "stake_currency": "USDT",
    "open_date": "2026-01-05 08:00:00+00:00",
    "enter_tag": "breakout",
}


class TokenInAddress(BaseAuthentication):
    """Whose a webhook is, by the token in its address; a wrong one is not found."""

    def authenticate(self, request: Request) -> tuple[User, WebhookToken]:
        context: Any = request.parser_context
        try:
            webhook = find_webhook(context["kwargs"]["token"], timezone.now())
        except NotFound:
            count_failure(request)
            raise
        return webhook.user, webhook


class PlainTextParser(BaseParser):
    """freqtrade's `raw` format: a JSON object or form fields, sent as plain text."""

    media_type = "text/plain"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = stream.read().decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise ParseError(f"No text in UTF-8: {error.reason}") from None
        if not text.startswith("{"):
            return QueryDict(text)
        return ExactJSONParser().parse(io.BytesIO(text.encode()))


class FreqtradeView(APIView):
    body_limit = "anonymous"
    parameters = None
    refusals = {
        "POST": (
            FillMissing,
            IdempotencyConflict,
            OutOfRange,
            PortfolioRuined,
            TradeAlreadyClosed,
            TradeNotOpen,
        )
    }
    authentication_classes = (TokenInAddress,)
    parser_classes = (ExactJSONParser, FormParser, PlainTextParser)

    @extend_schema(
        auth=[],
        request={
            "application/json": OpenApiTypes.OBJECT,
            "application/x-www-form-urlencoded": OpenApiTypes.OBJECT,
        },
        responses=BookedFillSerializer,
        examples=[OpenApiExample("A first entry", value=BOUGHT, request_only=True)],
    )
    def post(self, request: Request, token: str) -> Response:
        """Take a message of freqtrade's webhook; a fill is booked, once.

        The token in the address is the only credential. Which fields each
        type of message has is listed in `docs/integrations/freqtrade.md`.
        """
        body, now = _fields(request.data), timezone.now()
        kind = read_kind(body)
        if kind not in KINDS:
            return Response(BookedFillSerializer(_ignored(kind)).data)
        webhook: Any = request.auth
        booked = book_fill(webhook=webhook, message=read_message(body, now), now=now)
        return Response(BookedFillSerializer(booked).data)


def _ignored(kind: str) -> dict[str, Any]:
    return {
        "outcome": WebhookOutcome.IGNORED,
        "detail": f"A message of type {kind} reports no fill; nothing was done. Booked "
        f"are messages of type {' and '.join(KINDS)}.",
    }


def _fields(body: Any) -> dict[str, Any]:
    """A message's fields, each of them once."""
    if isinstance(body, QueryDict):
        twice = [name for name, values in body.lists() if len(values) > 1]
        if twice:
            raise InvalidInput(twice[0], "is given more than once.")
        return body.dict()
    if not isinstance(body, dict):
        raise ParseError("A message is an object with fields.")
    return body


class WebhookListView(ListView[WebhookToken]):
    """The signed-in user's webhooks; their tokens are not stored."""

    refusals = {"POST": (TooManyTokens,)}
    serializer_class: Any = WebhookSerializer
    filterset_class = WebhookFilter
    ordering_fields = ("webhook_id", "created_at", "last_used_at")
    ordering = ("-webhook_id",)

    def get_queryset(self) -> QuerySet[WebhookToken]:
        mine = WebhookToken.objects.filter(user_id=self.request.user.get_username())
        return mine.select_related("api_token")

    @extend_schema(
        request=WebhookRequestSerializer,
        responses={201: IssuedWebhookSerializer},
        examples=[
            OpenApiExample(
                "For a bot",
                value={
                    "bot": "freqtrade-1",
                    "portfolio": "crypto",
                    "strategy_id": "momentum_001",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Issue a webhook's address; it is shown this once.

        Issued with an API token it ends with it: when that expires or is revoked.
        """
        body = read_body(self, WebhookRequestSerializer)
        issuer = request.auth if isinstance(request.auth, ApiToken) else None
        try:
            row, token = issue_webhook(
                user=signed_in(request), now=timezone.now(), api_token=issuer, **body
            )
        except TokenRevoked as error:
            raise AuthenticationFailed("Invalid token.") from error
        path = reverse("freqtrade-webhook", args=[token])
        answer = {**WebhookSerializer(row).data, "path": path}
        return Response(answer, status=status.HTTP_201_CREATED)


class WebhookDetailView(generics.DestroyAPIView[WebhookToken]):
    """Revoke a webhook; its address stops working at once."""

    serializer_class = WebhookSerializer
    lookup_field = "webhook_id"

    def get_queryset(self) -> QuerySet[WebhookToken]:
        return WebhookToken.objects.filter(user_id=self.request.user.get_username())
