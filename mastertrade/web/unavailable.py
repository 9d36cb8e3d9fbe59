"""Pages when the database does not answer, not in time, or is deleted."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from mastertrade.db.limits import has_timed_out, is_unreachable

SORRY = "The database does not answer in time. Try again in a moment.\n"
WAS_DELETED = (
    "(the database) was deleted or moved while MasterTrade runs. Nothing was done. "
    "Bring it back, or stop MasterTrade and start it again: it then begins with an "
    "empty database."
)

logger = logging.getLogger(__name__)


class UnavailableMiddleware:
    """503 in place of a page, as the API says it for itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        if settings.DATABASE_FOLDER is not None:
            _opened(settings.DATABASE_FOLDER)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        folder = find_deleted_folder()
        if folder is not None:
            return _answer_deleted(request, folder)
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        if not (has_timed_out(error) or is_unreachable(error)):
            return None
        return HttpResponse(
            SORRY, status=503, content_type="text/plain", headers={"Retry-After": "1"}
        )


def find_deleted_folder() -> Path | None:
    """The embedded database's folder where it is another than at the start, or none.

    PostgreSQL itself answers some requests for up to a minute after that.
    """
    folder: Path | None = settings.DATABASE_FOLDER
    if folder is None:
        return None
    with suppress(FileNotFoundError):
        if os.path.samestat(os.stat(folder), os.fstat(_opened(folder))):
            return None
    _log_deleted(folder)
    return folder


@cache
def _opened(folder: Path) -> int:
    """A descriptor of the folder; while it is open no other gets the same inode."""
    return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)


@cache
def _log_deleted(folder: Path) -> None:
    """Once in a process."""
    logger.error("%s %s", folder, WAS_DELETED)


def _answer_deleted(request: HttpRequest, folder: Path) -> HttpResponse:
    text = f"{Path(*folder.parts[-2:])} {WAS_DELETED}"
    response: HttpResponse
    if request.path.startswith("/api/"):
        body = {"code": "database_unavailable", "detail": text}
        response = JsonResponse(body, status=503)
    else:
        response = HttpResponse(f"{text}\n", status=503, content_type="text/plain")
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
