"""/healthz and /readyz, for whatever watches the process."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client


@pytest.fixture
def database_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the server had gone: no cursor, no new connection."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OperationalError('connection to server at "db.internal" failed')

    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setattr(connection, "connect", refuse)
    return


def read(path: str, status: int) -> Any:
    answer = Client(raise_request_exception=False).get(path)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_the_process_lives_without_asking_the_database() -> None:
    """Without the mark that lets a test use it."""
    assert read("/healthz", 200) == {"status": "ok"}


@pytest.mark.usefixtures("database_away")
def test_the_process_lives_when_the_database_is_away() -> None:
    assert read("/healthz", 200) == {"status": "ok"}


@pytest.mark.django_db
def test_ready_when_the_database_answers_and_is_migrated() -> None:
    ready = {"status": "ok", "database": "ok", "migrations": "ok"}
    assert read("/readyz", 200).items() >= ready.items()


@pytest.mark.django_db
def test_ready_whatever_the_worker_does() -> None:
    """Sizes are asked of the site, and it answers them without one."""

    def told(silent_seconds: int) -> str:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_periodic_defers")
            cursor.execute("DELETE FROM procrastinate_workers")
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat) "
                "SELECT now() - make_interval(secs => %s) WHERE %s >= 0",
                [silent_seconds, silent_seconds],
            )
        return read("/readyz", 200)["worker"]

    assert told(-1) == "never seen"
    assert told(600).startswith("not seen since 20")
    assert told(5) == "ok"


@pytest.mark.django_db
@pytest.mark.usefixtures("database_away")
def test_not_ready_when_the_database_is_away() -> None:
    assert read("/readyz", 503) == {
        "status": "unavailable",
        "database": "unreachable",
        "migrations": "unknown",
        "worker": "unknown",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("error", [InterfaceError, OperationalError])
def test_not_ready_when_the_connection_breaks(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error("the connection is closed") from psycopg.OperationalError()

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", fail)
    assert read("/readyz", 503)["database"] == "unreachable"


@pytest.mark.django_db
def test_not_ready_while_a_migration_is_pending() -> None:
    recorder = MigrationRecorder(connection)
    recorder.migration_qs.filter(app="trades").order_by("-name")[0].delete()
    assert read("/readyz", 503) == {
        "status": "unavailable",
        "database": "ok",
        "migrations": "1 pending",
        "worker": "unknown",
    }


@pytest.mark.django_db
def test_an_answer_is_never_kept_by_a_cache() -> None:
    for path in ("/healthz", "/readyz"):
        assert "max-age" not in Client().get(path).get("Cache-Control", "")


@pytest.mark.django_db
def test_readiness_is_cheap(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    """Anybody may ask: three small statements, and no migration read anew."""
    Client().get("/readyz")
    monkeypatch.setattr(MigrationLoader, "load_disk", lambda self: 1 / 0)
    with django_assert_max_num_queries(3):
        read("/readyz", 200)
