"""HTTP: mappings of columns, by name."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from goals.api.authentication import signed_in
from mastertrade.values.exceptions import TooManyMappings
from mastertrade.web.api_fields import read_body
from mastertrade.web.api_lists import ListView
from trades.api.filters import MappingFilter
from trades.api.serializers.mappings import MappingRequestSerializer, MappingSerializer
from trades.importing.mapped.mapping import read_mapping
from trades.models import ImportMapping
from trades.services.mappings import save_mapping

EXAMPLE = {
    "name": "My broker",
    "mapping": {
        "kind": "fills",
        "columns": {
            "Date": "time",
            "Ticker": "symbol",
            "B/S": "side",
            "Qty": "quantity",
            "Price": "price",
            "Commission": "fees",
        },
        "sides": {"b": "buy", "s": "sell"},
        "quote_currency": "USD",
    },
}


class MappingListView(ListView[ImportMapping]):
    """The user's mappings of columns to fields, for files of any layout."""

    refusals = {"POST": (TooManyMappings,)}
    serializer_class: Any = MappingSerializer
    filterset_class = MappingFilter
    ordering_fields = ("mapping_id", "name", "updated_at")
    ordering = ("-mapping_id",)

    def get_queryset(self) -> QuerySet[ImportMapping]:
        return ImportMapping.objects.filter(user_id=self.request.user.get_username())

    @extend_schema(
        request=MappingRequestSerializer,
        responses={200: MappingSerializer, 201: MappingSerializer},
        examples=[
            OpenApiExample("Fills of a broker", value=EXAMPLE, request_only=True)
        ],
    )
    def post(self, request: Request) -> Response:
        """Store a mapping; one of that name is replaced, and the answer then is 200.

        What it may hold is listed in `docs/importing.md`; what is not given has its
        default. A mapping that lacks a field which every row needs is refused.
        """
        body = read_body(self, MappingRequestSerializer)
        row, is_new = save_mapping(
            user=signed_in(request),
            name=body["name"],
            mapping=read_mapping(body["mapping"]),
            now=timezone.now(),
        )
        made = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(MappingSerializer(row).data, made)


class MappingDetailView(generics.RetrieveDestroyAPIView[ImportMapping]):
    """A mapping; what was imported by a deleted one stays."""

    serializer_class = MappingSerializer
    lookup_field = "mapping_id"

    def get_queryset(self) -> QuerySet[ImportMapping]:
        return ImportMapping.objects.filter(user_id=self.request.user.get_username())
