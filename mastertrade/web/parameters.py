"""The parameters an address of the API takes: an unknown one is refused.

A misspelt `?portfolo=crypto` must not answer for all portfolios.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.settings import api_settings

from mastertrade.values.messages import unknown_field
from mastertrade.web.api_lists import ListView
from mastertrade.web.errors import MOST_ERRORS, readable
from mastertrade.web.filters import WordsFilter

Asked = HttpRequest | Request
# A view names the parameters of each method here; None: it takes any.
ATTRIBUTE = "parameters"
OF_LISTS = ("ordering", "page", "page_size")
# Where a request keeps what the view is not to find out.
WRONG = "wrong_parameters"


class KnownParametersMiddleware:
    """400 for a parameter that a view does not know, or that is given twice.

    What is only read is asked all the same, so that one answer names what it finds
    wrong too. `KnowsParameters` refuses what would change something.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        wrong: dict[str, Any] | None = getattr(request, WRONG, None)
        if wrong is None:
            return response
        found = getattr(response, "data", None)
        if response.status_code == 400 and isinstance(found, dict):
            is_of_fields = "code" not in found
            response = _refuse({**found, **wrong}) if is_of_fields else response
        elif response.status_code < 400:
            response = _refuse(wrong)
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        api_view = getattr(view, "cls", None)
        if api_view is None or request.method not in SAFE_METHODS:
            return None
        if wrong := find_wrong(request, api_view):
            setattr(request, WRONG, wrong)
        return None


def find_wrong(request: Asked, api_view: Any) -> dict[str, list[str]]:
    """The names in the query that are wrong, with what is wrong about each."""
    if not request.META.get("QUERY_STRING"):
        return {}
    method = "GET" if request.method == "HEAD" else str(request.method)
    known = parameters_of(api_view, method)
    if known is None or not hasattr(api_view, method.lower()):  # that is 405
        return {}
    return {**_unknown(request, known), **_repeated(request, api_view, known)}


def _refuse(wrong: Mapping[str, Any]) -> HttpResponse:
    return JsonResponse(readable(wrong), status=400)


def _unknown(request: Asked, known: tuple[str, ...]) -> dict[str, list[str]]:
    unknown = [name for name in request.GET if name not in known]
    named = islice(unknown, MOST_ERRORS)
    wrong = {name: [unknown_field(name, known, "parameter")] for name in named}
    more = {name: ["Unknown parameter."] for name in unknown[MOST_ERRORS:]}
    return {**wrong, **more}


def _repeated(
    request: Asked, api_view: Any, known: tuple[str, ...]
) -> dict[str, list[str]]:
    """What is given more than once and is no filter by any of some words."""
    filters = getattr(getattr(api_view, "filterset_class", None), "base_filters", {})
    return {
        name: [f"Is given {len(values)} times; give it once."]
        for name, values in request.GET.lists()
        if len(values) > 1
        and name in known
        and not isinstance(filters.get(name), WordsFilter)
    }


def parameters_of(api_view: Any, method: str) -> tuple[str, ...] | None:
    """The names in a query that a view takes, as lists of addresses show them."""
    declared: Mapping[str, tuple[str, ...]] | None = getattr(api_view, ATTRIBUTE, {})
    if declared is None:
        return None
    names = declared.get(method, ())
    if method == "GET" and issubclass(api_view, ListView):
        filters = getattr(api_view, "filterset_class", None)
        fields = getattr(api_view, "filterset_fields", ())
        names += tuple(fields if filters is None else filters.base_filters) + OF_LISTS
    how: str | None = api_settings.URL_FORMAT_OVERRIDE
    return names if how is None or how in names else (*names, how)
