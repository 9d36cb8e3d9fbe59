"""A backup is whole or not there, and comes back whole or not at all."""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from goals.tests.factories import PortfolioFactory
from mastertrade import backups
from mastertrade.tests.schema import execute, fetch
from trades.management.commands.backup import NOT_IN_IT
from trades.management.commands.restore import AFTERWARDS
from trades.management.databases import find_target
from trades.tests.factories import book_profit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FIGURES = """
SELECT p.name, p.equity, p.unit_value, t.external_id, t.profit_loss
FROM portfolios p LEFT JOIN trades t USING (portfolio_id) ORDER BY 1, 2, 3, 4, 5
"""


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The name of another database of the same server."""
    name = f"{connection.settings_dict['NAME']}_restored"
    with connection._nodb_cursor() as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')
        yield name
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def traded() -> list[tuple]:
    for profit in (12, -5):
        book_profit(PortfolioFactory(), profit)
    return fetch(FIGURES)


@pytest.fixture
def backup(tmp_path: Path, traded: list[tuple]) -> Path:
    path = tmp_path / "backup"
    call_command("backup", str(path))
    return path


def refusal_of(*arguments: str) -> str:
    connection.close()  # a session of this test's own
    with pytest.raises(CommandError) as refused:
        call_command(*arguments)
    return str(refused.value)


def test_what_is_restored_has_the_same_figures_and_reconciles(
    backup: Path, traded: list[tuple], empty_database: str, capsys
) -> None:
    with connected_to(empty_database):
        call_command("restore", str(backup))
        assert fetch(FIGURES) == traded
        call_command("migrate", "--check")
        call_command("reconcile")
        # The next backup is as complete.
        second = backup.with_name("second")
        call_command("backup", str(second))
    major = find_target().major
    first, again = (backups.read_contents(one, major) for one in (backup, second))
    assert (first.tables, first.migrations) == (again.tables, again.migrations)
    assert ", 2 trades." in capsys.readouterr().out


def test_what_replaces_takes_everything_s_place_and_can_be_repeated(
    backup: Path, traded: list[tuple], empty_database: str
) -> None:
    with connected_to(empty_database):
        execute("CREATE TABLE of_a_newer_version (n int)")
        for _ in range(2):
            again = backup.with_name(f"again {_}")
            call_command("restore", str(backup), "--replace")
            call_command("backup", str(again))
            backup = again
            assert fetch(FIGURES) == traded
        assert fetch("SELECT to_regclass('of_a_newer_version')") == [(None,)]


def test_a_backup_is_its_owner_s_and_overwrites_nothing(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert list(backup.parent.iterdir()) == [backup]
    before = backup.read_bytes()
    assert "exists already" in refusal_of("backup", str(backup))
    assert backup.read_bytes() == before


def test_two_that_make_one_file_at_once_leave_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup"
    check = backups.read_contents
    monkeypatch.setattr(
        backups,
        "read_contents",
        lambda *args: (path.write_text("first"), check(*args)),
    )
    assert "made by another meanwhile" in refusal_of("backup", str(path))
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_backup_that_fails_leaves_no_file(tmp_path: Path) -> None:
    target = find_target()
    with pytest.raises(backups.BackupError, match=r"not made\.\n.*no_such_role"):
        backups.back_up(
            target._replace(conninfo=f"{target.conninfo} user=no_such_role"),
            tmp_path / "backup",
        )
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_not_empty_is_left_alone(
    backup: Path, traded: list[tuple]
) -> None:
    assert "not empty" in refusal_of("restore", str(backup))
    assert fetch(FIGURES) == traded


def test_nothing_is_replaced_while_others_use_it(
    backup: Path, traded: list[tuple]
) -> None:
    target = find_target()
    with psycopg.connect(target.conninfo, password=target.password):
        said = refusal_of("restore", str(backup), "--replace")
    assert "Connections of others to the database: 1" in said
    assert fetch(FIGURES) == traded


def garble(content: bytes) -> bytes:
    """In a definition, which pg_restore would not notice."""
    place = content.index(b"CREATE FUNCTION")
    return content[:place] + b"XREATE" + content[place + 6 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "another format": lambda content: b"-- SQL\n" * 100,
    "cut": lambda content: content[: len(content) // 2],
    "cut at its last byte": lambda content: content[:-1],
    "garbled": garble,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_found_before_anything_is_deleted(
    backup: Path, traded: list[tuple], how: str
) -> None:
    backup.write_bytes(DAMAGE[how](backup.read_bytes()))
    said = refusal_of("restore", str(backup), "--replace")
    assert "is not whole, or no backup" in said or "is damaged" in said
    assert fetch(FIGURES) == traded


def test_a_file_that_is_not_there_is_named() -> None:
    assert "/nowhere cannot be read: No such file" in refusal_of("restore", "/nowhere")


def test_one_that_fails_half_way_leaves_the_database_as_it_was(
    tmp_path: Path, traded: list[tuple], empty_database: str
) -> None:
    """Rows that only their own database accepts, in the last table."""
    usual = connection.settings_dict["NAME"]
    path = tmp_path / "backup"
    execute(
        "CREATE FUNCTION is_at_home() RETURNS bool LANGUAGE sql AS "
        f"$$ SELECT current_database() = '{usual}' $$"
    )
    execute("CREATE TABLE zz_last (n int CHECK (is_at_home()))")
    execute("INSERT INTO zz_last VALUES (1)")
    try:
        call_command("backup", str(path))
        with connected_to(empty_database):
            execute("CREATE TABLE of_before AS SELECT 7 AS n")
            said = refusal_of("restore", str(path), "--replace")
            assert fetch("SELECT n FROM of_before") == [(7,)]
            assert fetch("SELECT to_regclass('portfolios')") == [(None,)]
    finally:
        execute("DROP TABLE zz_last")
        execute("DROP FUNCTION is_at_home()")
    assert "the database is as it was" in said
    assert "zz_last" in said


def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    execute(
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('trades', '9999_of_tomorrow', now())"
    )
    path = tmp_path / "backup"
    try:
        call_command("backup", str(path))
        said = refusal_of("restore", str(path), "--replace")
    finally:
        execute("DELETE FROM django_migrations WHERE name = '9999_of_tomorrow'")
    assert "trades.9999_of_tomorrow, which this version does not know" in said


def test_another_program_s_database_is_no_backup_of_this_one(
    tmp_path: Path, empty_database: str
) -> None:
    with connected_to(empty_database):
        execute("CREATE TABLE django_migrations (n int)")
        said = refusal_of("backup", str(tmp_path / "backup"))
    assert "not one of MasterTrade" in said
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_has_nothing_to_back_up(
    tmp_path: Path, empty_database: str
) -> None:
    with connected_to(empty_database):
        said = refusal_of("backup", str(tmp_path / "backup"))
    assert "there is nothing to back up" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/proc/x", "No such file or directory"),
        ("/sys/x", "(Permission denied|Read-only file system|Operation not permitted)"),
        (f"/tmp/{'x' * 300}", "File name too long"),
    ],
)
def test_a_place_that_takes_no_file_is_named_in_one_line(name: str, why: str) -> None:
    said = refusal_of("backup", name)
    assert re.fullmatch(rf"{name} cannot be written: {why}\.", said)


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("at", ["fsync", "link"])
def test_a_full_disk_is_named_in_one_line_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: int, at: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(full, os.strerror(full))

    path = tmp_path / "backup"
    monkeypatch.setattr(os, at, fail)
    words = f"{path} cannot be written: {os.strerror(full)}."
    assert refusal_of("backup", str(path)) == words
    assert list(tmp_path.iterdir()) == []


def test_the_password_is_in_no_list_of_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection.ensure_connection()
    given = {**connection.get_connection_params(), "password": "a-secret"}
    monkeypatch.setattr(connection, "get_connection_params", lambda: given)
    target = find_target()
    assert "a-secret" not in target.conninfo
    assert target.environment["PGPASSWORD"] == "a-secret"


def test_a_direct_address_goes_before_a_pooler_s(monkeypatch) -> None:
    url = "postgresql://mt:secret@db.example:6543/other?sslmode=require"
    monkeypatch.setenv("MASTERTRADE_WORKER_DATABASE_URL", url)
    target = find_target()
    for part in ("host=db.example", "port=6543", "dbname=other", "sslmode=require"):
        assert part in target.conninfo
    assert (target.password, "secret" in target.conninfo) == ("secret", False)


def test_whatever_the_settings_store_outside_of_the_database_is_named() -> None:
    root = Path(settings.BASE_DIR)
    code = (root / "mastertrade/settings.py").read_text()
    outside = re.findall(r'"(MASTER\w+)", (?:str\()?VAR_DIR / "([\w-]+)"', code)
    assert len(outside) == code.count("VAR_DIR /") == 3
    page = (root / "docs/operations.md").read_text()
    for text in (NOT_IN_IT, AFTERWARDS, page):
        for name, file in outside:
            assert name in text
            assert f"var/{file}" in text


@pytest.mark.parametrize(
    ("server", "chosen"), [(15, "15"), (16, "17"), (17, "17"), (18, "18")]
)
def test_the_oldest_program_that_will_do_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: int, chosen: str
) -> None:
    """An archive of a newer one could not be read by the server's own."""
    for major in ("18", "15", "17"):
        program = tmp_path / major / "pg_dump"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.3'\n")
        program.chmod(0o755)
    monkeypatch.setattr(
        backups, "_directories", lambda: sorted(tmp_path.iterdir(), reverse=True)
    )
    assert backups.find_program("pg_dump", server).parent.name == chosen
    with pytest.raises(backups.BackupError, match="PostgreSQL 19 or newer"):
        backups.find_program("pg_dump", 19)
