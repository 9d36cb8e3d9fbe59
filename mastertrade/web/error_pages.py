"""What is answered where no view does: JSON below `/api/`, a page elsewhere."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLResolver, get_resolver
from django.views import defaults

from mastertrade.values.exceptions import NotFound

API = "/api/"
DOCS = "/api/docs/"
MOST_NEAR = 3
# A longer address is no typing error, and comparing it would cost.
LONGEST_COMPARED = 120
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def answer_unknown_address(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, below `/api/` with the addresses most like the one that was asked for."""
    if not is_of_api(request):
        return defaults.page_not_found(request, exception)
    near = find_near(request.path)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    detail = f"There is nothing at this address.{hint} {DOCS} lists all addresses."
    return _json(404, NotFound.code, detail, near=near, docs=DOCS)


def answer_bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not is_of_api(request):
        return defaults.bad_request(request, exception)
    detail = "The request cannot be read."
    if isinstance(exception, DisallowedHost):
        detail = "This site does not answer to that host name; see MASTERTRADE_HOSTS."
    return _json(400, "bad_request", detail)


def answer_forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not is_of_api(request):
        return defaults.permission_denied(request, exception)
    return _json(403, "permission_denied", "You may not do this.")


def answer_failure(request: HttpRequest) -> HttpResponse:
    """500; the exception is logged by whoever calls this."""
    if not is_of_api(request):
        return defaults.server_error(request)
    detail = (
        "Something went wrong on the server and was logged. The request was done "
        "completely or not at all: send it again, with the same id."
    )
    return _json(500, "internal_error", detail)


def is_of_api(request: HttpRequest) -> bool:
    return f"{request.path}/".startswith(API)


def find_near(path: str) -> list[str]:
    """The API's addresses most like `path`, the nearest first."""
    if len(path) > LONGEST_COMPARED:
        return []
    asked = re.sub(r"/+", "/", f"{path}/").lower()
    asked = re.sub(r"(?<=/)[0-9]+(?=/)", "1", asked)
    if asked in _comparable():  # but for slashes and capitals
        return [_comparable()[asked]]
    found = get_close_matches(asked, _comparable(), MOST_NEAR, cutoff=0.75)
    return [_comparable()[one] for one in found]


@cache
def _comparable() -> dict[str, str]:
    """Each address with 1 for its parameters, and as people read it."""
    routes = [f"/{one}" for one in _routes(get_resolver(), "")]
    return {
        PARAMETER.sub("1", route): PARAMETER.sub(r"{\1}", route)
        for route in routes
        if route.startswith(API)
    }


def _routes(resolver: URLResolver, before: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        route = f"{before}{one.pattern}"
        if isinstance(one, URLResolver):
            yield from _routes(one, route)
        else:
            yield route


def _json(status: int, code: str, detail: str, **facts: Any) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail, **facts}, status=status)
