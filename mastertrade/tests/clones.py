"""Clones of MasterTrade and real processes in them that use an embedded PostgreSQL."""

import contextlib
import fcntl
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

from mastertrade.postgres import Embedded

CHECKOUT = Path(__file__).resolve().parent.parent.parent

# Answers each line with the server; `fork` goes on in a child, without its parent.
CLIENT = """
import json, os, sys
from pathlib import Path
from mastertrade import postgres
path, for_tests, system_dir = sys.argv[1:]
postgres.SYSTEM_DIR = Path(system_dir)
embedded = postgres.Embedded(Path(path), for_tests=for_tests == "True")
print("ready", flush=True)
while command := sys.stdin.readline():
    if command == "fork\\n" and os.fork():
        sys.exit()
    try:
        answer = embedded.serve().settings
    except postgres.DatabaseUnavailable as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
"""


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
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


def parent_of(pid: int) -> int:
    """0 for a process that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("PPid:"):
                return int(line.split()[1])
    return 0


def clean_environment(**variables: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABASE_", "TEST_DATABASE_", "MASTERTRADE_", "PG"))
    }
    return kept | {"PYTHONPATH": str(CHECKOUT)} | variables


class Client:
    """A process that uses the database until its standard input ends."""

    def __init__(
        self,
        embedded: Embedded,
        system: Path,
        wait: bool = False,
        python: str = sys.executable,
        environment: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        arguments = [str(embedded.path), str(embedded.for_tests), str(system)]
        self.process = subprocess.Popen(
            [python, "-c", CLIENT, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(**(environment or {})),
            cwd="/",
            **options,
        )
        assert self.read_line() == "ready\n"
        if not wait:
            self.serve()

    def serve(self, command: str = "serve") -> None:
        self.send(command)
        self.read()

    def send(self, command: str = "serve") -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()

    def read(self) -> None:
        self.settings: dict[str, Any] = json.loads(self.read_line())

    def read_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def query(self, statement: str) -> Any:
        assert "error" not in self.settings, self.settings["error"]
        with psycopg.connect(
            host=self.settings["HOST"],
            port=self.settings["PORT"],
            user=self.settings["USER"],
            password=self.settings["PASSWORD"],
            dbname="mastertrade",
            connect_timeout=5,
        ) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def start_leaving(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def leave(self) -> None:
        self.start_leaving()
        self.process.wait()

    def killed(self) -> None:
        self.process.kill()
        self.process.wait()


class Clone:
    """A directory that MasterTrade runs from, with its server or its tests' server."""

    def __init__(self, path: Path, *, for_tests: bool = False) -> None:
        self.path = path
        self.embedded = Embedded(path / "var" / "postgres", for_tests)
        self.home = self.embedded.path
        self.clients: list[Client] = []

    def client(self, **options: Any) -> Client:
        options = {"system": self.path / "system"} | options
        client = Client(self.embedded, **options)
        self.clients.append(client)
        return client

    def servers(self) -> list[int]:
        """A child that was just forked still has its parent's name: it is no server."""
        found = processes_naming(self.embedded.data)
        serving = [pid for pid in found if self.embedded._serves(pid)]
        return [pid for pid in serving if parent_of(pid) not in serving]

    @property
    def server(self) -> int:
        """The process that runs; a moment after its start it may show another name."""
        assert eventually(lambda: len(self.servers()) == 1), self.servers()
        return self.servers()[0]

    def stops(self) -> bool:
        return eventually(lambda: not processes_naming(self.path))

    @contextlib.contextmanager
    def gate_closed(self) -> Iterator[None]:
        """Whoever comes or leaves inside the block waits until its end."""
        with (self.home / "gate.lock").open("ab") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    def is_unused(self) -> bool:
        with (self.home / "users.lock").open("ab") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def log_count(self, words: str) -> int:
        return self.embedded.log.read_text().count(words)


@contextlib.contextmanager
def make_clone(name: str, parent: str, *, for_tests: bool = False) -> Iterator[Clone]:
    """A clone that no process may outlive."""
    # pytest's own directories are closed to the account that PostgreSQL runs as.
    path = Path(tempfile.mkdtemp(prefix=f"mt-{os.getpid()}-{name}-", dir=parent))
    path.chmod(0o755)
    clone = Clone(path, for_tests=for_tests)
    try:
        yield clone
        for client in clone.clients:
            client.leave()
        if for_tests:
            clone.embedded.stop()
        assert clone.stops(), f"left behind: {processes_naming(path)}"
    finally:
        for client in clone.clients:
            client.killed()
        for pid in processes_naming(path):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(path)


def copy_sources(target: Path) -> None:
    package = target / "mastertrade"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("database.py", "postgres.py"):
        shutil.copy(CHECKOUT / "mastertrade" / name, package)
