"""The databases that tests work in."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests import databases

# A test run: shows its database and the template's age, and works until its input ends.
# One app's tables show who migrates; all of them would take ten seconds each time.
RUN = """
import sys, django
django.setup()
from django.core.management import call_command
from django.db import connection
from tests import databases
from tests.databases import own_database
databases.call_command = lambda name, **_: call_command(
    name, "contenttypes", verbosity=0, interactive=False)
connection.settings_dict["NAME"] = "other"
with own_database(create=sys.argv[1] == "create"):
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid FROM pg_database WHERE datname = %s",
            ["test_other_template"])
        print(connection.settings_dict["NAME"], cursor.fetchone()[0], flush=True)
        cursor.execute("SELECT to_regclass('left_behind')")
        assert cursor.fetchone() == (None,)
        cursor.execute("CREATE TABLE left_behind ()")
        cursor.execute("SELECT count(*) FROM django_content_type")
    sys.stdin.read()
"""


class Run:
    def __init__(self, mode: str = "copy", number: str = "1") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, mode],
            env=os.environ | {"PYTEST_XDIST_TESTRUNUID": number},
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.name, self.template = self.process.stdout.readline().split()

    def end(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def _no_other_databases(django_db_blocker: Any) -> Iterator[None]:
    yield
    with django_db_blocker.unblock(), connection._nodb_cursor() as server:
        server.execute("SELECT datname FROM pg_database WHERE datname ~ '^test_other_'")
        left = {name for (name,) in server.fetchall()}
        for name in left:
            databases._drop(server, name)
    assert left == {"test_other_template"}


@pytest.mark.slow
@pytest.mark.usefixtures("_no_other_databases")
def test_runs_work_in_copies_of_what_was_migrated_once() -> None:
    first = Run()
    second = Run()
    assert {first.name, second.name} == {"test_other_1", "test_other_2"}
    assert first.template == second.template
    first.kill()
    third = Run()
    assert third.name == first.name  # and without its table
    assert third.template == first.template
    second.end()
    third.end()
    # `--create-db` migrates anew, once for the processes of one run.
    runs = [Run("create", "2"), Run("create", "2"), Run("copy", "3")]
    for run in runs:
        run.end()
    assert {run.template for run in runs} != {first.template}
    assert len({run.template for run in runs}) == 1


def test_the_fingerprint_follows_migrations_and_what_they_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    migration, imported = tmp_path / "migrations" / "0001.py", tmp_path / "enums.py"
    apps = SimpleNamespace(get_app_configs=lambda: [SimpleNamespace(path=tmp_path)])
    monkeypatch.setattr(databases, "apps", apps)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: SimpleNamespace(origin=str(imported))
    )
    seen = []
    for text, other in [["", "a"], ["import goals", "a"], ["import goals", "b"]]:
        migration.write_text(text)
        imported.write_text(other)
        seen += [databases.fingerprint(), databases.fingerprint()]
    assert seen[0::2] == seen[1::2]
    assert len(set(seen)) == 3
