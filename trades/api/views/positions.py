"""HTTP: positions and their marks."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.models import User
from goals.services.portfolios import find_portfolio
from mastertrade.values.exceptions import InvalidInput, OutOfRange
from mastertrade.web.api_lists import ListView
from trades.api.filters import PositionFilter
from trades.api.serializers.positions import (
    MarkedSerializer,
    MarkSerializer,
    PositionSerializer,
)
from trades.booking.mark import Mark, mark_positions
from trades.models import Position

MOST_MARKS = 1000
MARK_TWO = OpenApiExample(
    "Mark two symbols",
    value=[
        {"symbol": "BTCUSDT", "price": "51200"},
        {"symbol": "ETHUSDT", "price": "2950.5"},
    ],
    request_only=True,
)


class PositionListView(ListView[Position]):
    """The user's open positions (with `?status=closed`, the closed ones)."""

    serializer_class = PositionSerializer
    filterset_class = PositionFilter
    ordering_fields = ("position_id", "symbol", "opened_at", "unrealized_pnl")
    ordering = ("-position_id",)

    def get_queryset(self) -> QuerySet[Position]:
        return Position.objects.filter(user_id=self.request.user.get_username())


class MarkPositionsView(APIView):
    parameters = {"POST": ("portfolio",)}
    refusals = {"POST": (OutOfRange,)}

    @extend_schema(
        request=PolymorphicProxySerializer(
            component_name="Marks",
            serializers=[MarkSerializer, MarkSerializer(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        parameters=[
            OpenApiParameter(
                "portfolio", str, description="Only in this portfolio; key or name."
            )
        ],
        responses=MarkedSerializer,
        examples=[MARK_TWO],
    )
    def post(self, request: Request) -> Response:
        """Mark open positions, up to 1,000 symbols at once; live equity follows."""
        user = signed_in(request)
        portfolio = request.query_params.get("portfolio") or None
        marked = mark_positions(
            user=user,
            marks=[Mark(**mark) for mark in _read(request.data, user, portfolio)],
            now=timezone.now(),
            portfolio=portfolio,
        )
        return Response(MarkedSerializer(marked).data)


def _read(data: Any, user: User, portfolio: str | None) -> list[dict[str, Any]]:
    """One mark or a list of them; an error names which one and the field."""
    is_list = isinstance(data, list)
    if is_list and len(data) > MOST_MARKS:
        raise InvalidInput(
            "marks", f"are {len(data):,}; at most {MOST_MARKS:,} at once."
        )
    bodies = [MarkSerializer(data=mark) for mark in (data if is_list else [data])]
    wrong = {
        f"{number}.{field}" if is_list else field: errors
        for number, body in enumerate(bodies)
        if not body.is_valid()
        for field, errors in body.errors.items()
    }
    if wrong:
        raise ValidationError({**wrong, **_wrong_portfolio(user, portfolio)})
    return [body.validated_data for body in bodies]


def _wrong_portfolio(user: User, portfolio: str | None) -> dict[str, list[str]]:
    try:
        find_portfolio(user, portfolio)
    except InvalidInput as unknown:
        return unknown.errors
    return {}
