"""What a server's clients and its guardian share: its directory, and its signs of life.

Everything of one server is in one directory, its home:

``data``
    PostgreSQL's data directory, owned by the account that PostgreSQL runs as.
``password``
    The password of the database's user, readable by whoever may use the database.
``mastertrade-…``
    The private directory of the Unix socket, the only way in: no TCP port is opened. It
    is in /tmp instead when the home's path is too long for a socket, or has a comma.
``server.log``, ``state.json``
    What PostgreSQL and its guardian say, and where the server is.
``clients.lock``, ``guardian.lock``
    Who uses the server, and who looks after it (see `guardian`).
"""

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

USER = DATABASE = "mastertrade"
PORT = 5432  # names the socket's file; no TCP port is opened
#: How the homes of test servers are named; nothing else is ever removed.
TEST_PREFIX = "mastertrade-test-"


class Home:
    """The directory of an embedded server, and what is where in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "data"
        self.password = path / "password"
        self.log = path / "server.log"
        self.state = path / "state.json"
        self.clients_lock = path / "clients.lock"
        self.guardian_lock = path / "guardian.lock"

    @property
    def throwaway(self) -> bool:
        """Whether the home is a test server's, to be removed with its last client."""
        return self.path.name.startswith(TEST_PREFIX)

    def read_state(self) -> dict[str, Any]:
        """What the guardian last wrote about the server; empty when nothing."""
        try:
            state = json.loads(self.state.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def write(self, path: Path, text: str) -> None:
        """Writes a file that nobody else can read: complete, or not at all."""
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as file:
            file.write(text)
            self.share(descriptor)
        unfinished.replace(path)

    def share(self, descriptor: int) -> None:
        """Leaves a file that root creates to the user whose home it is."""
        if os.geteuid() == 0:
            owner = self.path.stat()
            if owner.st_uid != 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def log_tail(self, start: int = 0, lines: int = 15) -> str:
        """The last lines of the log, of what was written from ``start`` on."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(start, self.log.stat().st_size - 8000))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


class Plan(NamedTuple):
    """What a client wants the guardian to do."""

    home: str
    binaries: str
    version: str
    #: The account PostgreSQL runs as; None for the guardian's own.
    uid: int | None
    gid: int | None
    initdb_options: list[str]
    server_options: list[str]
    #: Start nothing: end what a killed guardian left.
    tidy: bool
    lock_descriptor: int
    report_descriptor: int


class PidFile(NamedTuple):
    """What PostgreSQL writes into postmaster.pid."""

    pid: int
    socket_dir: str
    status: str


def read_pid_file(data: Path) -> PidFile | None:
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        lines += [""] * 8
        return PidFile(abs(int(lines[0])), lines[4].strip(), lines[7].strip())
    except (OSError, ValueError):
        return None


def is_file_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one at the path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def answers(socket_dir: str) -> bool:
    """Whether a PostgreSQL listens in the directory."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(f"{socket_dir}/.s.PGSQL.{PORT}")
        except BlockingIOError:
            return True  # it listens, and its queue is full
        except OSError:
            return False
    return True


def is_postgres(pid: int, data: Path) -> bool:
    """Whether the process is the PostgreSQL of these data.

    A file postmaster.pid outlives a crash, and its number may long be another
    process's. In doubt the answer is yes, for data are never served twice.
    """
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return False
        arguments = _command_line(pid)  # a system without /proc
    else:
        arguments = [os.fsdecode(part) for part in line.split(b"\0")]
    if Path(arguments[0]).name not in {"postgres", "postmaster"}:
        return False
    try:
        named = arguments[arguments.index("-D") + 1]
    except (ValueError, IndexError):
        return True
    return not os.path.isabs(named) or os.path.realpath(named) == os.path.realpath(data)


def _command_line(pid: int) -> list[str]:
    command = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.split() or [""]
