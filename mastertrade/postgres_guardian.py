"""The embedded PostgreSQL's guardian: a small process that owns the server.

The first process that needs the database (see `embedded_postgres`) starts this file as
a script. The guardian creates the data if there are none, starts PostgreSQL as its
child, reports through a pipe that it is ready (or why not), and then waits until nobody
uses the server any more. Two locks say everything, and the kernel releases both however
a process ends:

``clients.lock``
    Held shared by every process that uses the database. When the guardian gets it
    exclusively, nobody is left: it stops PostgreSQL and ends. Who arrives meanwhile
    waits for the lock, and then starts a new guardian.
``guardian.lock``
    Held by the guardian, which inherits it from the process that started it, so there
    is at most one. Free while clients are there, it means that the guardian was killed:
    the next process starts another one, which adopts the running PostgreSQL.

A PostgreSQL that ends by itself is started again. The file runs alone, with the
standard library only and Python's isolated mode, whatever the clients' environment.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

USER = DATABASE = "mastertrade"
PORT = 5432  # names the socket's file; no TCP port is opened
#: How long a starting PostgreSQL may take, recovery after a crash included.
LONGEST_START = 600.0
#: How long clients have to leave after the guardian was told to end.
GRACE = 5.0
#: So many ends in so many seconds, and the guardian gives up restarting.
MOST_RESTARTS, RESTART_WINDOW = 4, 60.0
#: The longest path of a Unix socket's directory that every system accepts.
LONGEST_SOCKET_DIR = 85
LARGEST_LOG = 5_000_000


class StartFailed(Exception):
    """PostgreSQL did not start; the message is for the user."""


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

    def read_state(self) -> dict[str, Any]:
        """What the guardian last wrote about the server; empty when nothing."""
        try:
            state = json.loads(self.state.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def is_file_of(self, path: Path, descriptor: int) -> bool:
        """Whether the open file is still the one at the path."""
        try:
            return os.path.samestat(path.stat(), os.fstat(descriptor))
        except OSError:
            return False

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
    """What the guardian is to do; comes as JSON through its standard input."""

    home: str
    binaries: str
    version: str
    #: The account PostgreSQL runs as; None for the guardian's own.
    uid: int | None
    gid: int | None
    initdb_options: list[str]
    server_options: list[str]
    #: Everything is removed when the last client leaves.
    throwaway: bool
    #: Start nothing: end what a killed guardian left.
    tidy: bool
    lock_descriptor: int
    report_descriptor: int


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


class Guardian:
    """Starts or adopts one PostgreSQL, and ends it when nobody is left."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.home = Home(Path(plan.home))
        self.socket_dir = ""
        self.child: subprocess.Popen[bytes] | None = None
        self.pid = 0
        self.stopping = threading.Event()
        self.ended = threading.Event()
        self.deserted = False

    def run(self) -> None:
        """The guardian's whole life."""
        try:
            started = self.adopt()
            if not started and not self.plan.tidy:
                self.start()
                started = True
        except (StartFailed, OSError, subprocess.SubprocessError) as error:
            self.kill()
            self.remove_socket_dir()
            self.report({"error": str(error)})
            return
        if started:
            self.publish(ready=True)
        self.report({"ready": started})
        threading.Thread(target=self.await_desertion, daemon=True).start()
        if not started:
            self.stopping.wait()
        elif not self.watch():
            return
        if not self.deserted:
            return  # told to end while clients are there: leave them their directory
        self.remove_socket_dir()
        if self.plan.throwaway:
            shutil.rmtree(self.home.path, ignore_errors=True)

    def report(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # whoever waited may be gone
            os.write(self.plan.report_descriptor, json.dumps(message).encode())
        os.close(self.plan.report_descriptor)

    def publish(self, *, ready: bool) -> None:
        """Tells clients where the server is, or that it is not to be used now."""
        state = {
            "ready": ready,
            "socket_dir": self.socket_dir,
            "version": self.plan.version,
            "data": str(self.home.data),
            "server": self.pid,
            "guardian": os.getpid(),
        }
        unfinished = self.home.state.with_suffix(".new")
        unfinished.write_text(json.dumps(state))
        unfinished.rename(self.home.state)

    # Watching

    def watch(self) -> bool:
        """Until the server is stopped; False when it keeps ending by itself."""
        ends: list[float] = []
        while True:
            self.wait()
            if self.stopping.is_set():
                self.ended.set()
                self.publish(ready=False)
                return True
            ends = [end for end in ends if time.monotonic() - end < RESTART_WINDOW]
            ends.append(time.monotonic())
            if not self.is_home() or len(ends) > MOST_RESTARTS:
                log("PostgreSQL ended by itself; giving up")
                return False
            log("PostgreSQL ended by itself; starting it again")
            self.publish(ready=False)
            try:
                self.start()
            except (StartFailed, OSError, subprocess.SubprocessError) as error:
                log(f"starting again failed: {error}")
                self.kill()
                return False
            self.publish(ready=True)
            if self.stopping.is_set():
                self.signal(signal.SIGINT)

    def is_home(self) -> bool:
        """False when somebody removed the directory, or put another in its place."""
        return self.home.is_file_of(self.home.guardian_lock, self.plan.lock_descriptor)

    def wait(self) -> None:
        """Until the server process is gone."""
        if self.child is not None:
            self.child.wait()
            return
        while is_postgres(self.pid, self.home.data):  # adopted: not our child
            time.sleep(0.1)

    def await_desertion(self) -> None:
        """Stops the server as soon as no client is left."""
        descriptor = os.open(self.home.clients_lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # held until this process ends
        self.deserted = self.home.is_file_of(self.home.clients_lock, descriptor)
        self.stop()

    def stop(self) -> None:
        """Asks PostgreSQL to end, more firmly with time."""
        self.stopping.set()
        if self.plan.throwaway:
            self.signal(signal.SIGQUIT)
        for firmer, patience in ((signal.SIGINT, 60), (signal.SIGQUIT, 10)):
            if not self.plan.throwaway:
                self.signal(firmer)
            if self.ended.wait(patience):
                return
        self.kill()

    def stop_soon(self, *_: object) -> None:
        """Told to end, as when the machine shuts down: clients first."""
        timer = threading.Timer(GRACE, self.stop)
        timer.daemon = True
        timer.start()

    def signal(self, number: int) -> None:
        if self.pid and is_postgres(self.pid, self.home.data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends a server that failed to start, or to stop."""
        for number in (signal.SIGQUIT, signal.SIGKILL):
            self.signal(number)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                if self.child is not None and self.child.poll() is not None:
                    return
                if not self.pid or not is_postgres(self.pid, self.home.data):
                    return
                time.sleep(0.01)

    # Starting

    def adopt(self) -> bool:
        """Takes over a PostgreSQL whose guardian was killed."""
        unanswered = time.monotonic() + 5
        end = time.monotonic() + LONGEST_START
        while found := read_pid_file(self.home.data):
            if not is_postgres(found.pid, self.home.data):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found.pid, 0)
                    # The number is another process's now, but PostgreSQL would take it
                    # for its own and refuse to start.
                    (self.home.data / "postmaster.pid").unlink()
                return False
            self.pid = found.pid
            if found.status == "ready":
                self.socket_dir = found.socket_dir
                if answers(found.socket_dir):
                    log(f"adopting PostgreSQL, process {found.pid}")
                    return True
                if time.monotonic() > unanswered:  # its socket was removed
                    self.signal(signal.SIGINT)
            if time.monotonic() > end:
                raise StartFailed(
                    f"PostgreSQL, process {found.pid}, holds {self.home.data} and "
                    "neither answers nor ends."
                )
            time.sleep(0.02)
        self.pid = 0
        return False

    def start(self) -> None:
        """Starts PostgreSQL, and returns when it takes connections."""
        self.make_socket_dir()
        if not self.home.data.exists():
            self.initialise()
        command = [
            *(str(Path(self.plan.binaries) / "postgres"), "-D", str(self.home.data)),
            *("-k", self.socket_dir, "-p", str(PORT), *self.plan.server_options),
        ]
        end = time.monotonic() + LONGEST_START
        # Processes of a killed PostgreSQL need a moment to notice and end.
        lingering = time.monotonic() + 30
        while True:
            written = self.home.log.stat().st_size
            self.child = subprocess.Popen(command, **self.process_options())
            self.pid = self.child.pid
            while self.child.poll() is None:
                found = read_pid_file(self.home.data)
                if found and found.pid == self.pid and found.status == "ready":
                    return
                if time.monotonic() > end:
                    raise StartFailed(
                        f"PostgreSQL was not ready within {LONGEST_START:.0f} seconds."
                        f"\n{self.home.log_tail(written)}"
                    )
                time.sleep(0.005)
            tail = self.home.log_tail(written)
            if "shared memory block" in tail and time.monotonic() < lingering:
                time.sleep(0.1)
                continue
            raise StartFailed(f"PostgreSQL ended while starting:\n{tail}")

    def process_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "cwd": "/",
            "start_new_session": True,
            "env": {
                "PATH": os.defpath,
                "LC_ALL": "C",
                "TZ": "UTC",
                **{n: v for n, v in os.environ.items() if n == "LD_LIBRARY_PATH"},
            },
        }
        if self.plan.uid is not None:
            options |= {"user": self.plan.uid, "group": self.plan.gid}
            options["extra_groups"] = []
        return options

    def initialise(self) -> None:
        """Creates the data; all or nothing, for the directory is renamed at the end."""
        for unfinished in self.home.path.glob("data.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        data = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.home.path))
        self.give(data)
        password = Path(self.socket_dir) / "password"
        written = self.home.log.stat().st_size
        programs = Path(self.plan.binaries)
        try:
            password.touch(mode=0o600)
            password.write_text(self.home.password.read_text())
            self.give(password)
            done = subprocess.run(
                [
                    *(str(programs / "initdb"), "--pgdata", str(data)),
                    *("--username", USER, "--pwfile", str(password)),
                    *("--auth", "scram-sha-256", "--encoding", "UTF8"),
                    *("--no-instructions", *self.plan.initdb_options),
                ],
                check=False,
                **self.process_options(),
            )
            if done.returncode != 0:
                raise StartFailed(
                    f"Creating the database failed:\n{self.home.log_tail(written)}"
                )
            created = subprocess.run(
                [
                    *(str(programs / "postgres"), "--single", "-D", str(data)),
                    *("-c", "log_checkpoints=off", "template1"),
                ],
                check=False,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                **self.process_options()
                | {"stdin": None, "input": f"CREATE DATABASE {DATABASE}\n".encode()},
            )
            complaint = created.stderr.decode(errors="replace")
            if created.returncode != 0 or "ERROR:" in complaint:
                raise StartFailed(f"Creating the database failed:\n{complaint}")
            data.rename(self.home.data)
        finally:
            password.unlink(missing_ok=True)
            shutil.rmtree(data, ignore_errors=True)

    def give(self, path: Path) -> None:
        """Hands a file to the account PostgreSQL runs as."""
        if self.plan.uid is not None and self.plan.gid is not None:
            os.chown(path, self.plan.uid, self.plan.gid)

    # The socket's directory: private, and with a path short enough for a socket

    def make_socket_dir(self) -> None:
        usual = str(self.home.path / "socket")
        recorded = str(self.home.read_state().get("socket_dir", ""))
        if len(os.fsencode(usual)) <= LONGEST_SOCKET_DIR:
            self.socket_dir = usual
            shutil.rmtree(usual, ignore_errors=True)
            os.mkdir(usual, 0o700)
        elif self.is_own(recorded):
            self.socket_dir = recorded  # clients from before a crash still know it
            return
        else:
            self.socket_dir = tempfile.mkdtemp(prefix="mastertrade-", dir="/tmp")
        self.give(Path(self.socket_dir))

    def is_own(self, directory: str) -> bool:
        try:
            found = os.lstat(directory)
        except OSError:
            return False
        owner = os.geteuid() if self.plan.uid is None else self.plan.uid
        return found.st_uid == owner and found.st_mode & 0o170777 == 0o040700

    def remove_socket_dir(self) -> None:
        if self.socket_dir and self.is_own(self.socket_dir):
            shutil.rmtree(self.socket_dir, ignore_errors=True)


def log(message: str) -> None:
    """Into the server's log, where standard error goes."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    print(f"{stamp} UTC [{os.getpid()}] guardian: {message}", file=sys.stderr)


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        log(f"ended by {error!r}")
        raise


def main() -> None:
    """Reads the plan, leaves its parent, and guards."""
    plan = Plan(**json.load(sys.stdin))
    if os.fork():
        os._exit(0)  # the client has no child to look after
    os.umask(0o077)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, sys.stdin.fileno())
    for descriptor in (plan.lock_descriptor, plan.report_descriptor):
        os.set_inheritable(descriptor, False)
    guardian = Guardian(plan)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, guardian.stop_soon)
    with _logged():
        guardian.run()


if __name__ == "__main__":
    main()
