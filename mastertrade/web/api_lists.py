"""What every list shares: whose rows, filters and order.

Apart from `mastertrade.web.errors`, which the framework imports before its views exist.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from rest_framework import generics
from rest_framework.exceptions import ValidationError
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
                    f"{no_choice(shorten(term.removeprefix('-')), offered)} Put - "
                    "in front to reverse it.",
                )
        return [*terms, "-pk" if terms[-1].startswith("-") else "pk"]


@contextmanager
def _collect(wrong: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        wrong.update(error.errors)
    except ValidationError as error:
        wrong.update(cast(dict[str, Any], error.detail))


class ListView(generics.ListAPIView[Row]):
    """A list of the signed-in user's rows: pages, filters, order."""

    filter_backends = (FilterBackend, Ordering)

    def filter_queryset(self, queryset: Any) -> Any:
        """Filtered and ordered; names every parameter that is wrong."""
        wrong: dict[str, Any] = {}
        for backend in self.filter_backends:
            with _collect(wrong):
                queryset = backend().filter_queryset(self.request, queryset, self)
        paginator: Any = self.paginator
        with _collect(wrong):
            paginator.get_page_size(self.request)
        if wrong:
            raise ValidationError(wrong)
        return queryset
