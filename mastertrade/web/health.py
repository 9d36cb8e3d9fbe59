"""Liveness and readiness, for whatever watches the process."""

from functools import cache

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse

from mastertrade.web.unavailable import find_removed_database


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; it asks nothing else."""
    return _answer({"status": "ok"}, 200)


def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers and every migration is applied; 503 says what is not."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        if find_removed_database() is not None:
            raise OperationalError
        applied = MigrationRecorder(connection).applied_migrations()
        pending = _migrations() - applied.keys()
        if pending:
            checks["migrations"] = f"{len(pending)} pending"
    except (OperationalError, InterfaceError):
        checks = {"database": "unreachable", "migrations": "unknown"}
    ready = all(state == "ok" for state in checks.values())
    body = {"status": "ok" if ready else "unavailable", **checks}
    return _answer(body, 200 if ready else 503)


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
