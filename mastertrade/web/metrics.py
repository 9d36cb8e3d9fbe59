"""What this process counts for Prometheus; `mastertrade.site.metrics` answers with it.

gunicorn's workers count each in a file of their own, in PROMETHEUS_MULTIPROC_DIR (see
gunicorn.conf.py), and any of them answers with the sum.
"""

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram

from mastertrade.logs import REQUEST_ID, new_id

Answer = Callable[[HttpRequest], HttpResponseBase]

OWN = CollectorRegistry()
REQUESTS = Counter(
    "mastertrade_requests",
    "Requests answered, health checks apart.",
    ["view", "method", "status"],
    registry=OWN,
)
SECONDS = Histogram(
    "mastertrade_request_seconds",
    "How long a request took, its waiting for a thread apart.",
    ["view"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0),
    registry=OWN,
)
DECISIONS = Counter(
    "mastertrade_decisions",
    "Sizes answered over HTTP, a repeated request's again.",
    ["verdict"],
    registry=OWN,
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

logger = logging.getLogger("mastertrade.requests")


def measure_requests(answer: Answer) -> Answer:
    """Counts each request by its route and answer, and gives it an id for the logs.

    The id is a trusted proxy's (`X-Request-ID`), or a new one; the answer has it too.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if is_id(given) else new_id()
        token = REQUEST_ID.set(request_id)
        began = time.perf_counter()
        try:
            response = answer(request)
            _count(request, response.status_code, time.perf_counter() - began)
        finally:
            REQUEST_ID.reset(token)
        response.headers["X-Request-ID"] = request_id
        return response

    return middleware


def is_id(text: str) -> bool:
    """Letters, digits and hyphens, 8 to 64 of them."""
    return 8 <= len(text) <= 64 and text.isascii() and text.replace("-", "").isalnum()


def _count(request: HttpRequest, status: int, seconds: float) -> None:
    match = request.resolver_match
    # Addresses that there are not would be a series each.
    view = "none" if match is None else f"/{match.route}"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(view, method, status).inc()
    SECONDS.labels(view).observe(seconds)
    logger.info("%s %s %d in %.0f ms", method, view, status, seconds * 1000)
