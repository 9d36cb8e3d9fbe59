"""How a command ends that cannot go on."""

import errno
import shutil
from typing import Any

import psycopg
import pytest
from django.core import management
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.recorder import MigrationRecorder

import manage
from mastertrade.postgres import DatabaseUnavailable

FULL = "No space left on device"


def caused(error: Exception, *causes: Exception) -> Exception:
    one = error
    for cause in causes:
        one.__cause__ = cause
        one = cause
    return error


def end_of(monkeypatch: pytest.MonkeyPatch, error: Exception, free: int) -> str:
    def fail(words: list[str]) -> None:
        raise error

    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(management, "execute_from_command_line", fail)
    with pytest.raises(SystemExit) as ended:
        manage.main()
    return str(ended.value)


@pytest.mark.parametrize(
    ("error", "free"),
    [
        (OperationalError(f"could not extend file: {FULL}"), 10**9),
        (OSError(errno.ENOSPC, FULL, "var/reports/demo.html"), 10**9),
        (DatabaseUnavailable(f"initdb failed.\nfatal: {FULL}"), 10**9),
        (OperationalError("server closed the connection unexpectedly"), 10**6),
    ],
    ids=["a row", "a file", "a new database", "PostgreSQL ended"],
)
def test_a_full_disk_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, free: int
) -> None:
    assert end_of(monkeypatch, error, free) == manage.NO_SPACE
    assert "\n" not in manage.NO_SPACE


def test_a_database_that_cannot_serve_is_its_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reason = DatabaseUnavailable("It was moved.")
    wrapped = caused(OperationalError("x"), psycopg.OperationalError("x"), reason)
    for error in (reason, wrapped):
        assert end_of(monkeypatch, error, 10**9) == "It was moved."


@pytest.mark.parametrize(
    "error", [OperationalError("deadlock detected"), OSError("a mistake of ours")]
)
def test_another_error_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    with pytest.raises(type(error), match=str(error)):
        end_of(monkeypatch, error, 10**9)


@pytest.mark.django_db
def test_a_database_without_tables_names_the_command_that_makes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = ProgrammingError('relation "users" does not exist')
    with pytest.raises(ProgrammingError):  # of ours, where all are there
        end_of(monkeypatch, missing, 10**9)

    MigrationRecorder(connection).record_unapplied("goals", "0001_initial")

    assert end_of(monkeypatch, missing, 10**9) == manage.NOT_MIGRATED
