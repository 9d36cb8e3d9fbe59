"""Which PostgreSQL serves, and who connects to the embedded one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_django
from django.db import OperationalError

from mastertrade.backend.base import DatabaseWrapper
from mastertrade.database import DatabaseUnavailable, database_settings
from mastertrade.db.limits import LONG
from mastertrade.postgres import Embedded
from mastertrade.tests.clones import (
    CHECKOUT,
    Clone,
    clean_environment,
    copy_sources,
    kill,
    make_clone,
)

URL = "postgresql://jo:s%2Fcret@db.example:5433/trades"


@pytest.fixture
def fresh() -> Iterator[Clone]:
    with make_clone("database", "/tmp") as clone:
        yield clone


class TestSources:
    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("DATABASE_URL", "TEST_DATABASE_URL", "DATABASE_CONN_MAX_AGE"):
            monkeypatch.delenv(name, raising=False)

    def test_database_url(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", URL)
        settings = database_settings(base_dir=tmp_path, testing=False)
        assert settings["ENGINE"] == "mastertrade.backend"
        assert settings["PASSWORD"] == "s/cret"
        assert (settings["HOST"], settings["PORT"]) == ("db.example", 5433)
        assert settings["CONN_MAX_AGE"] == 600
        assert settings["CONN_HEALTH_CHECKS"] is True
        assert not list(tmp_path.iterdir())

    def test_tests_use_their_own_url(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", URL)
        monkeypatch.setenv("TEST_DATABASE_URL", "postgres://jo@tests.example/x")
        settings = database_settings(base_dir=tmp_path, testing=True)
        assert settings["HOST"] == "tests.example"
        settings = database_settings(base_dir=tmp_path, testing=False)
        assert settings["HOST"] == "db.example"

    @pytest.mark.parametrize(
        "url",
        ["sqlite:///db.sqlite3", "mysql://u:secret@h/n", "what", "odd://u:secret@h/n"],
    )
    def test_only_postgresql(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", url)
        with pytest.raises(
            DatabaseUnavailable, match="DATABASE_URL must name"
        ) as refused:
            database_settings(base_dir=tmp_path, testing=False)
        assert "secret" not in str(refused.value)

    def test_connection_age(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", URL)
        monkeypatch.setenv("DATABASE_CONN_MAX_AGE", "0")
        settings = database_settings(base_dir=tmp_path, testing=False)
        assert settings["CONN_MAX_AGE"] == 0
        monkeypatch.setenv("DATABASE_CONN_MAX_AGE", "long")
        with pytest.raises(DatabaseUnavailable, match="number of seconds"):
            database_settings(base_dir=tmp_path, testing=False)

    def test_without_a_url_it_is_an_embedded_one(self, tmp_path: Path) -> None:
        """Named, not started: the settings are read by whoever needs no database."""
        for testing, name in ((False, "postgres"), (True, "postgres-test")):
            settings = database_settings(base_dir=tmp_path, testing=testing)
            wanted = Embedded(tmp_path / "var" / name, for_tests=testing)
            assert settings["EMBEDDED"] == wanted
            assert settings["CONN_HEALTH_CHECKS"] is True
        assert not list(tmp_path.iterdir())


def test_a_command_without_database_starts_none(fresh: Clone) -> None:
    script = (
        "import sys; from pathlib import Path; from mastertrade import database\n"
        "made = database.database_settings(base_dir=Path(sys.argv[1]), testing=False)\n"
        "database.database_settings = lambda **options: made\n"
        "sys.argv[1:] = ['check']; import manage; manage.main()"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(fresh.path)],
        check=True,
        cwd=CHECKOUT,
        env=clean_environment(MASTERTRADE_SECRET_KEY="only-here"),
    )
    assert not list(fresh.path.iterdir())


@pytest.mark.slow
class TestConnections:
    """Django's, in this process."""

    @pytest.fixture
    def connection(
        self,
        fresh: Clone,
        monkeypatch: pytest.MonkeyPatch,
        django_db_blocker: pytest_django.DjangoDbBlocker,
    ) -> Iterator[DatabaseWrapper]:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        made = database_settings(base_dir=fresh.path, testing=False)
        others = {"LIMITS": LONG, "TIME_ZONE": None, "ATOMIC_REQUESTS": False}
        connection = DatabaseWrapper(
            made | others | {"AUTOCOMMIT": True, "TEST": {}}, "embedded"
        )
        with django_db_blocker.unblock():
            yield connection
            connection.close()
        fresh.embedded.leave()

    def test_the_first_starts_the_server_and_a_later_one_starts_it_again(
        self, fresh: Clone, connection: DatabaseWrapper
    ) -> None:
        assert not fresh.home.exists()
        self.ask(connection)
        kill(fresh.server)
        with pytest.raises(OperationalError):
            self.ask(connection)
        connection.close()
        self.ask(connection)

    def test_dbshell_knows_the_server_too(
        self, connection: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.ask(connection)
        connection.settings_dict["HOST"] = ""
        shown: list[Any] = []
        monkeypatch.setattr(subprocess, "run", lambda *a, **o: shown.append((a, o)))
        connection.client.runshell([])
        [((arguments,), options)] = shown
        assert options["env"]["PGPASSWORD"]
        host = Path(arguments[arguments.index("-h") + 1])
        assert (host / ".s.PGSQL.5432").exists()

    def test_what_is_wrong_is_an_error_of_the_database(
        self, fresh: Clone, connection: DatabaseWrapper
    ) -> None:
        (fresh.path / "var").mkdir()
        fresh.home.symlink_to("/nonexistent/place")
        with pytest.raises(OperationalError, match="/nonexistent/place"):
            self.ask(connection)

    def ask(self, connection: DatabaseWrapper) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)


class TestCommand:
    def run(self, clone: Clone, *arguments: str, **environment: str) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "mastertrade.database", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=clone.path,
            env=clean_environment(PYTHONPATH=str(clone.path), **environment),
        )

    @pytest.mark.slow
    def test_embedded(self, fresh: Clone) -> None:
        copy_sources(fresh.path)
        shown = self.run(fresh)
        assert "embedded, not running" in shown.stdout
        assert "not created yet" in shown.stdout
        assert self.run(fresh, "--url").returncode == 1
        client = fresh.client()
        shown = self.run(fresh)
        assert "embedded, running" in shown.stdout
        assert str(fresh.home / "data") in shown.stdout
        assert client.settings["PASSWORD"] not in shown.stdout
        url = self.run(fresh, "--url").stdout.strip()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    @pytest.mark.slow
    def test_stop(self, fresh: Clone) -> None:
        copy_sources(fresh.path)
        assert self.run(fresh, "--stop").returncode == 0
        client = fresh.client()
        refused = self.run(fresh, "--stop")
        assert refused.returncode == 1
        assert "in use and was not stopped" in refused.stderr
        assert client.query("SELECT 1") == 1
        client.killed()
        stopped = self.run(fresh, "--stop")
        assert stopped.returncode == 0
        assert stopped.stdout == "The embedded PostgreSQL is stopped.\n"
        assert not fresh.servers()

    def test_named(self, fresh: Clone) -> None:
        copy_sources(fresh.path)
        shown = self.run(fresh, DATABASE_URL=URL).stdout
        assert "postgresql://jo:***@db.example:5433/trades" in shown
        assert self.run(fresh, "--url", DATABASE_URL=URL).stdout.strip() == URL
        refused = self.run(fresh, DATABASE_URL="sqlite:///x")
        assert refused.returncode == 1
        assert refused.stderr.startswith("DATABASE_URL must name")
