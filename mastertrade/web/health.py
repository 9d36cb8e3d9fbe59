"""Liveness and readiness, for whatever watches the process."""

from datetime import UTC, datetime
from functools import cache

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from mastertrade.db.queue import find_last_seen, is_missing
from mastertrade.web.unavailable import find_removed_database


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; it asks nothing else."""
    return _answer({"status": "ok"}, 200)


def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers and every migration is applied; 503 says what is not.

    Without a worker the site is ready: sizes are asked of it.
    """
    checks, worker = {"database": "ok", "migrations": "ok"}, "unknown"
    try:
        if find_removed_database() is not None:
            raise OperationalError
        if pending := find_pending_migrations():
            checks["migrations"] = f"{len(pending)} pending"
        else:
            worker = describe_worker(find_last_seen(), timezone.now())
    except (OperationalError, InterfaceError):
        checks = {"database": "unreachable", "migrations": "unknown"}
    ready = all(state == "ok" for state in checks.values())
    body = {"status": "ok" if ready else "unavailable", **checks, "worker": worker}
    return _answer(body, 200 if ready else 503)


def find_pending_migrations() -> frozenset[tuple[str, str]]:
    """Those of this program that the database lacks."""
    applied = MigrationRecorder(connection).applied_migrations()
    return _migrations() - applied.keys()


def describe_worker(last_seen: datetime | None, now: datetime) -> str:
    if not is_missing(last_seen, now):
        return "ok"
    if last_seen is None:
        return "never seen"
    return f"not seen since {last_seen.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _answer(body: dict[str, str], status: int) -> JsonResponse:
    answer = JsonResponse(body, status=status)
    answer["Content-Length"] = str(len(answer.content))
    return answer


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """Of this program, which does not change while it runs."""
    loader = MigrationLoader(None)
    return frozenset(loader.graph.nodes)


CHECKS = {"/healthz": healthz, "/readyz": readyz}
