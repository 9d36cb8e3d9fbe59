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

from goals.authentication import signed_in
from mastertrade.exceptions import InvalidInput, OutOfRange
from mastertrade.listing import ListView
from trades.filters import PositionFilter
from trades.models import Position
from trades.serializers.positions import (
    MarkedSerializer,
    MarkSerializer,
    PositionSerializer,
    show_marked,
)
from trades.services import Mark, mark_positions

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
    """What the user's trades hold open (and, with `?status=closed`, held)."""

    serializer_class = PositionSerializer
    filterset_class = PositionFilter
    ordering_fields = ("position_id", "symbol", "opened_at", "unrealized_pnl")
    ordering = ("-position_id",)

    def get_queryset(self) -> QuerySet[Position]:
        return Position.objects.filter(user_id=self.request.user.get_username())


class MarkPositionsView(APIView):
    refusals = {"POST": (OutOfRange,)}

    @extend_schema(
        request=PolymorphicProxySerializer(
            component_name="Marks",
            serializers=[MarkSerializer, MarkSerializer(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        parameters=[
            OpenApiParameter("portfolio", str, description="Only here; key or name.")
        ],
        responses=MarkedSerializer,
        examples=[MARK_TWO],
    )
    def post(self, request: Request) -> Response:
        """Mark open positions, up to 1,000 symbols at once; live equity follows."""
        marked = mark_positions(
            user=signed_in(request),
            marks=[Mark(**mark) for mark in _read(request.data)],
            now=timezone.now(),
            portfolio=request.query_params.get("portfolio") or None,
        )
        return Response(show_marked(marked))


def _read(data: Any) -> list[dict[str, Any]]:
    """One mark or a list of them; an error names which one and the field."""
    if not isinstance(data, list):
        body = MarkSerializer(data=data)
        body.is_valid(raise_exception=True)
        return [body.validated_data]
    if len(data) > MOST_MARKS:
        raise InvalidInput("marks", f"are more than {MOST_MARKS}.")
    bodies = [MarkSerializer(data=mark) for mark in data]
    wrong = {
        f"{number}.{field}": errors
        for number, body in enumerate(bodies)
        if not body.is_valid()
        for field, errors in body.errors.items()
    }
    if wrong:
        raise ValidationError(wrong)
    return [body.validated_data for body in bodies]
