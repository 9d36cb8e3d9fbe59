"""The parameters an address of the API takes: an unknown one is refused.

A misspelt `?portfolo=crypto` must not answer for all portfolios.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.settings import api_settings

from mastertrade.values.messages import unknown_field
from mastertrade.web.api_lists import ListView
from mastertrade.web.errors import MOST_ERRORS, readable

# A view names the parameters of each method here; None: it takes any.
ATTRIBUTE = "parameters"
OF_LISTS = ("ordering", "page", "page_size")


class KnownParametersMiddleware:
    """400 for a parameter that a view of the API does not know."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        api_view = getattr(view, "cls", None)
        if api_view is None or not request.META.get("QUERY_STRING"):
            return None
        known = parameters_of(api_view, str(request.method))
        if known is None:
            return None
        unknown = [name for name in request.GET if name not in known]
        if not unknown:
            return None
        named = islice(unknown, MOST_ERRORS)
        wrong = {name: [unknown_field(name, known, "parameter")] for name in named}
        more = {name: ["Unknown parameter."] for name in unknown[MOST_ERRORS:]}
        return JsonResponse(readable({**wrong, **more}), status=400)


def parameters_of(api_view: Any, method: str) -> tuple[str, ...] | None:
    """The names in a query that a view takes, as lists of addresses show them."""
    declared: Mapping[str, tuple[str, ...]] | None = getattr(api_view, ATTRIBUTE, {})
    if declared is None:
        return None
    method = "GET" if method == "HEAD" else method
    names = declared.get(method, ())
    if method == "GET" and issubclass(api_view, ListView):
        filters = getattr(api_view, "filterset_class", None)
        fields = getattr(api_view, "filterset_fields", ())
        names += tuple(fields if filters is None else filters.base_filters) + OF_LISTS
    how: str | None = api_settings.URL_FORMAT_OVERRIDE
    return names if how is None or how in names else (*names, how)
