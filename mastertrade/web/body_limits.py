"""How much of a request's body is read: decided by its head, before anything is.

The server asks before it takes a body in (`mastertrade.web.connections`), the
middleware again, for servers that do not ask.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import get_path_info
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve

# A view says which limit of `settings.BODY_LIMITS` holds for it; default: of the API
# `signed_in`, of pages DATA_UPLOAD_MAX_MEMORY_SIZE.
ATTRIBUTE = "body_limit"
ANONYMOUS = "anonymous"
SIGNED_IN = "signed_in"
TOO_LARGE = "too_large"
LENGTH_REQUIRED = "length_required"
LENGTH_IS_UNKNOWN = (
    "The body comes with a Transfer-Encoding, and its length is not known. Send it "
    "again with a Content-Length."
)


class BodyLimitMiddleware:
    """413 for a body that is too large, 411 for one that does not say its length.

    First of all, so that neither a form's token nor a sign-in is looked for in a body
    that nobody should read. A body without a length would count as none.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        meta = request.META
        length = meta.get("CONTENT_LENGTH")
        if "HTTP_TRANSFER_ENCODING" in meta and not length:
            return JsonResponse(
                {"code": LENGTH_REQUIRED, "detail": LENGTH_IS_UNKNOWN}, status=411
            )
        limit = _limit_of(
            view, meta.get("HTTP_AUTHORIZATION", ""), meta.get("HTTP_COOKIE", "")
        )
        if length and length.isdecimal() and int(length) > limit:
            detail = describe_excess(int(length), limit)
            return JsonResponse({"code": TOO_LARGE, "detail": detail}, status=413)
        return None


def limit_at(path: str, authorization: str, cookies: str) -> int:
    """The largest body, in bytes, that is read at a path (as in WSGI's PATH_INFO)."""
    info = get_path_info({"PATH_INFO": path})
    for address in (info, f"{info}/"):  # of the API, with and without its last slash
        with suppress(Resolver404):
            return _limit_of(resolve(address).func, authorization, cookies)
    return _limit(ANONYMOUS)


def describe_excess(size: int, limit: int) -> str:
    """What is wrong with a body of at least `size` bytes, and what to do."""
    words = (
        f"The body has {size:,} bytes or more; {limit:,} are allowed here. Send less "
        "at once."
    )
    if limit == _limit(ANONYMOUS):
        words += " More is read only with an Authorization header or a session."
    return words


def _limit_of(view: Any, authorization: str, cookies: str) -> int:
    """Nobody who shows no credentials fills memory or the disk; they may be wrong."""
    api_view = getattr(view, "cls", None)
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if api_view is not None:
        limit = _limit(getattr(api_view, ATTRIBUTE, SIGNED_IN))
    elif hasattr(view, ATTRIBUTE):
        limit = _limit(getattr(view, ATTRIBUTE))
    if authorization or f"{settings.SESSION_COOKIE_NAME}=" in cookies:
        return limit
    return min(limit, _limit(ANONYMOUS))


def _limit(name: str) -> int:
    limits: dict[str, int] = settings.BODY_LIMITS
    return limits[name]
