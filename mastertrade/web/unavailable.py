"""Pages when the database does not answer, not in time, or is deleted."""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse

from mastertrade.db.limits import has_timed_out, is_unreachable
from mastertrade.postgres import REMOVED, Embedded

SORRY = "The database does not answer in time. Try again in a moment.\n"

logger = logging.getLogger(__name__)


class UnavailableMiddleware:
    """503 in place of a page, as the API says it for itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        removed = find_removed_database()
        if removed is not None:
            return _answer_removed(request, removed)
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        if not (has_timed_out(error) or is_unreachable(error)):
            return None
        return HttpResponse(
            SORRY, status=503, content_type="text/plain", headers={"Retry-After": "1"}
        )


def find_removed_database() -> Embedded | None:
    """The embedded database where it is gone from its place.

    PostgreSQL itself answers some requests for up to a minute after that.
    """
    embedded: Embedded | None = connections.settings["default"].get("EMBEDDED")
    if embedded is None or not embedded.is_removed():
        return None
    _log_removed(embedded)
    return embedded


@cache
def _log_removed(embedded: Embedded) -> None:
    """Once in a process."""
    logger.error("The database in %s %s", embedded.path, REMOVED)


def _answer_removed(request: HttpRequest, embedded: Embedded) -> HttpResponse:
    text = f"The database in {Path(*embedded.path.parts[-2:])} {REMOVED}"
    response: HttpResponse
    if request.path.startswith("/api/"):
        body = {"code": "database_unavailable", "detail": text}
        response = JsonResponse(body, status=503)
    else:
        response = HttpResponse(f"{text}\n", status=503, content_type="text/plain")
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
