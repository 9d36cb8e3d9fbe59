"""Pages when the database does not answer, or not in time."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from mastertrade.limits import has_timed_out, is_unreachable

SORRY = "The database does not answer in time. Try again in a moment.\n"


class UnavailableMiddleware:
    """503 in place of a page, as the API says it for itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        if not (has_timed_out(error) or is_unreachable(error)):
            return None
        return HttpResponse(
            SORRY, status=503, content_type="text/plain", headers={"Retry-After": "1"}
        )
