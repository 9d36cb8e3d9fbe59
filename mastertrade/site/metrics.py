"""`/metrics`, for Prometheus: what the processes counted, and what the database has."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any, NamedTuple

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import split_domain_port, validate_host
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from mastertrade.db.queue import QUEUES
from mastertrade.web.addresses import is_address
from mastertrade.web.metrics import OWN

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REFUSED = (
    "Metrics are for this machine only, asked without a proxy by an address or a name "
    "of MASTERTRADE_HOSTS; with "
    "MASTERTRADE_METRICS_TOKEN set, for whoever sends that token "
    "(Authorization: Bearer …).\n"
)
# What a proxy adds; a request with one of them comes from elsewhere.
OF_PROXIES = (
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"),
    *("HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA"),
)
# Nobody who scrapes waits longer.
STATEMENT_MS = 2_000


class Measure(NamedTuple):
    """A gauge of the database: its statement selects the labels, then the value."""

    name: str
    help: str
    labels: tuple[str, ...]
    statement: str


MEASURES = (
    Measure(
        "mastertrade_jobs",
        "Jobs in the queue: waiting (todo), running (doing), given up (failed).",
        ("queue", "status"),
        """
        SELECT queue_name, status::text, count(*) FROM procrastinate_jobs
        WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1, 2
        """,
    ),
    Measure(
        "mastertrade_oldest_job_seconds",
        "How long the job has been due that waits the longest.",
        ("queue",),
        f"""
        SELECT name, coalesce(extract(epoch FROM now() - oldest), 0)
        FROM ({QUEUES}) AS q(name, waiting, later, running, failed, oldest)
        WHERE waiting + later > 0
        """,
    ),
    Measure(
        "mastertrade_workers",
        "Workers' queues that showed life in the last 30 seconds.",
        (),
        """
        SELECT count(*) FROM procrastinate_workers
        WHERE last_heartbeat > now() - interval '30 seconds'
        """,
    ),
    Measure(
        "mastertrade_deliveries",
        "Deliveries of alerts that are not sent, and those of the last day.",
        ("state",),
        """
        SELECT state, count(*) FROM goal_alert_deliveries
        WHERE state <> 'sent' OR sent_at > now() - interval '1 day' GROUP BY 1
        """,
    ),
    Measure(
        "mastertrade_halts",
        "Halts in force, simulations and the demo apart.",
        ("cause",),
        """
        SELECT cause, count(*) FROM trading_halts JOIN portfolios USING (portfolio_id)
        WHERE kind = 'live' AND resumed_at IS NULL AND withdrawn_at IS NULL
          AND (halted_until IS NULL OR halted_until > now())
        GROUP BY cause
        """,
    ),
)


def answer_metrics(
    answer: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Before proxies are believed: who asks is who is connected."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path != PATH:
            return answer(request)
        if not may_read(request):
            return HttpResponse(REFUSED, status=403, content_type="text/plain")
        return HttpResponse(render(), content_type=CONTENT_TYPE)

    return middleware


def may_read(request: HttpRequest) -> bool:
    """By the token where there is one, else this machine's without a proxy."""
    if settings.METRICS_TOKEN:
        sent = request.META.get("HTTP_AUTHORIZATION", "").encode(errors="replace")
        return compare_digest(sent, f"Bearer {settings.METRICS_TOKEN}".encode())
    peer = request.META.get("REMOTE_ADDR", "")
    is_near = is_address(peer) and ip_address(peer).is_loopback
    if not is_near or any(name in request.META for name in OF_PROXIES):
        return False
    return _is_ours(request.META.get("HTTP_HOST", "localhost"))


def _is_ours(host: str) -> bool:
    """Not a name of others that leads here, by which a page in a browser would read."""
    name, _ = split_domain_port(host)
    if is_address(name.strip("[]")):
        return True
    return validate_host(name, ["localhost", *settings.ALLOWED_HOSTS])


def render() -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(OWN)
    registry.register(_Database())
    return generate_latest(registry)


class _Database(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The measures of one moment; without a database only that there is none."""
        try:
            found = read_measures()
        except (OperationalError, InterfaceError):
            found = []
        yield GaugeMetricFamily(
            "mastertrade_database_up",
            "Whether the database answered in time.",
            value=bool(found),
        )
        yield from found


def read_measures() -> list[GaugeMetricFamily]:
    database: Any = connection
    limits = replace(settings.WEB_LIMITS, statement_timeout=STATEMENT_MS)
    with database.limited(limits), transaction.atomic(), connection.cursor() as cursor:
        return [_read(cursor, measure) for measure in MEASURES]


def _read(cursor: Any, measure: Measure) -> GaugeMetricFamily:
    cursor.execute(measure.statement)
    family = GaugeMetricFamily(measure.name, measure.help, labels=measure.labels)
    for *labels, value in cursor.fetchall():
        family.add_metric(labels, float(value))
    return family
