"""How much of a request's body is read: decided by its head, before anything is."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

# A view of the API says which limit of `settings.BODY_LIMITS` holds for it.
ATTRIBUTE = "body_limit"
SIGNED_IN = "signed_in"


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
        length = request.META.get("CONTENT_LENGTH")
        if "HTTP_TRANSFER_ENCODING" in request.META and not length:
            return JsonResponse(
                {
                    "code": "length_required",
                    "detail": "The body comes in chunks, and its length is not known. "
                    "Send it again with a Content-Length.",
                },
                status=411,
            )
        limit = limit_of(view)
        if length and length.isdecimal() and int(length) > limit:
            return JsonResponse(
                {
                    "code": "too_large",
                    "detail": f"The body has {int(length):,} bytes; {limit:,} are "
                    "allowed here. Send less at once.",
                },
                status=413,
            )
        return None


def limit_of(view: Any) -> int:
    """The largest body, in bytes, that a view reads."""
    api_view = getattr(view, "cls", None)
    if api_view is None:
        pages: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return pages
    limits: dict[str, int] = settings.BODY_LIMITS
    return limits[getattr(api_view, ATTRIBUTE, SIGNED_IN)]
