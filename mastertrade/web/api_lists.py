"""What every list shares: whose rows, filters and order; and what an address may hold.

Apart from `mastertrade.web.errors`, which the framework imports before its views exist.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.urls import register_converter
from django.urls.converters import StringConverter
from rest_framework import generics
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import no_choice
from mastertrade.web.filters import FilterBackend
from mastertrade.web.json_parser import shorten

Row = TypeVar("Row", bound=Model)


class Ordering(OrderingFilter):
    """`?ordering=` by the names the view offers; an unknown one is refused.

    Rows that are equal in it are ordered by their key, or pages would overlap.
    """

    def get_ordering(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> Sequence[str] | None:
        text = request.query_params.get(self.ordering_param, "")
        terms = [term.strip() for term in text.split(",") if term.strip()]
        if not terms:
            return self.get_default_ordering(view)
        offered = [name for name, _ in self.get_valid_fields(queryset, view)]
        for term in terms:
            if term.removeprefix("-") not in offered:
                raise InvalidInput(
                    self.ordering_param,
                    f"{no_choice(shorten(term.removeprefix('-')), offered)} A - in "
                    "front reverses it.",
                )
        return [*terms, "-pk" if terms[-1].startswith("-") else "pk"]


class ListView(generics.ListAPIView[Row]):
    """A list of the signed-in user's rows: pages, filters, order."""

    filter_backends = (FilterBackend, Ordering)


class TextConverter(StringConverter):
    """A part of an address that PostgreSQL can look for: any text without NUL."""

    regex = r"[^/\x00]+"


# `<text:…>` in the addresses of every app; their views import this module first.
register_converter(TextConverter, "text")
