"""One PostgreSQL process: creating its data, starting, adopting and ending it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mastertrade.postgres.home import (
    DATABASE,
    PORT,
    USER,
    Home,
    Plan,
    answers,
    is_postgres,
    read_pid_file,
)

#: How long a starting PostgreSQL may take, recovery after a crash included.
LONGEST_START = 600.0
#: The longest path that leaves room for a socket's; every system accepts 100 bytes.
#: (Nor may there be a comma, for PostgreSQL and its clients take lists of directories.)
LONGEST_PLACE = 60
SOCKET_PREFIX = "mastertrade-"


class StartFailed(Exception):
    """PostgreSQL did not start; the message is for the user."""


class Postgres:
    """The PostgreSQL of one home."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.home = Home(Path(plan.home))
        # Clients from before a crash still know this place.
        self.socket_dir = str(self.home.read_state().get("socket_dir", ""))
        self.child: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def adopt(self) -> bool:
        """Takes over a PostgreSQL whose guardian was killed, if one runs."""
        unanswered = time.monotonic() + 5
        end = time.monotonic() + LONGEST_START
        while found := read_pid_file(self.home.data):
            if not is_postgres(found.pid, self.home.data):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(found.pid, 0)
                    # The number is another process's now, but PostgreSQL would take it
                    # for its own and refuse to start.
                    (self.home.data / "postmaster.pid").unlink()
                break
            self.pid = found.pid
            if found.status == "ready":
                if answers(found.socket_dir):
                    self.socket_dir = found.socket_dir
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
        try:
            self._make_socket_dir()
            self._start()
        except BaseException:
            self.kill()
            self.remove_socket_dir()
            raise

    def _start(self) -> None:
        if not self.home.data.exists():
            self._initialise()
        command = [
            *(str(Path(self.plan.binaries) / "postgres"), "-D", str(self.home.data)),
            *("-k", self.socket_dir, "-p", str(PORT), *self.plan.server_options),
        ]
        # Processes of a killed PostgreSQL need a moment to notice and end.
        lingering = time.monotonic() + 30
        while True:
            written = self.home.log.stat().st_size
            self.child = subprocess.Popen(command, **self._process_options())
            self.pid = self.child.pid
            if self._becomes_ready(self.child, written):
                return
            tail = self.home.log_tail(written)
            if "shared memory block" not in tail or time.monotonic() > lingering:
                raise StartFailed(f"PostgreSQL ended while starting:\n{tail}")
            time.sleep(0.1)

    def _becomes_ready(self, child: subprocess.Popen[bytes], written: int) -> bool:
        end = time.monotonic() + LONGEST_START
        while child.poll() is None:
            found = read_pid_file(self.home.data)
            if found and found.pid == child.pid and found.status == "ready":
                return True
            if time.monotonic() > end:
                raise StartFailed(
                    f"PostgreSQL was not ready within {LONGEST_START:.0f} seconds."
                    f"\n{self.home.log_tail(written)}"
                )
            time.sleep(0.005)
        return False

    def wait(self) -> None:
        """Until the process is gone."""
        if self.child is not None:
            self.child.wait()
            return
        while is_postgres(self.pid, self.home.data):  # adopted: not our child
            time.sleep(0.1)

    def signal(self, number: int) -> None:
        if self.pid and is_postgres(self.pid, self.home.data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends the process without regard for its clients."""
        for number in (signal.SIGQUIT, signal.SIGKILL):
            self.signal(number)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                if self.child is not None:
                    self.child.poll()
                if not self.pid or not is_postgres(self.pid, self.home.data):
                    return
                time.sleep(0.01)

    # Creating the data

    def _initialise(self) -> None:
        """Creates the data; all or nothing, for the directory is renamed at the end."""
        for unfinished in self.home.path.glob("data.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        data = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.home.path))
        password = Path(self.socket_dir) / "password"
        try:
            self._give(data)
            password.touch(mode=0o600)
            password.write_text(self.home.password.read_text())
            self._give(password)
            self._run(
                *("initdb", "--pgdata", str(data), "--username", USER),
                *("--pwfile", str(password), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", *self.plan.initdb_options),
            )
            self._run(
                *("postgres", "--single", "-D", str(data)),
                *("-c", "log_checkpoints=off", "template1"),
                statement=f"CREATE DATABASE {DATABASE}\n",
            )
            data.rename(self.home.data)
        finally:
            password.unlink(missing_ok=True)
            shutil.rmtree(data, ignore_errors=True)

    def _run(self, program: str, *arguments: str, statement: str = "") -> None:
        options = self._process_options()
        del options["stdin"]
        done = subprocess.run(
            [str(Path(self.plan.binaries) / program), *arguments],
            input=statement.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **options,
        )
        said = done.stdout.decode(errors="replace")
        # A stand-alone PostgreSQL ends well after a statement that failed, too.
        if done.returncode != 0 or "ERROR:" in said:
            print(said, file=sys.stderr)
            tail = "\n".join(said.splitlines()[-15:])
            raise StartFailed(f"Creating the database failed in {program}:\n{tail}")

    def _process_options(self) -> dict[str, Any]:
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "cwd": "/",
            "start_new_session": True,
            "env": environment,
        }
        if self.plan.uid is not None:
            options |= {"user": self.plan.uid, "group": self.plan.gid}
            options["extra_groups"] = []
        return options

    def _give(self, path: Path) -> None:
        """Hands a file to the account PostgreSQL runs as."""
        if self.plan.uid is not None and self.plan.gid is not None:
            os.chown(path, self.plan.uid, self.plan.gid)

    # The socket's directory: private, and with a path short enough for a socket

    def _make_socket_dir(self) -> None:
        """A directory with a name never used before, or the one that clients know.

        A PostgreSQL whose home was removed under it ends after a while, and removes
        the file of its socket: it must not be its successor's.
        """
        if self._is_own(self.socket_dir):
            for left in Path(self.socket_dir).iterdir():
                left.unlink()
            return
        place = os.fspath(self.home.path)
        if len(os.fsencode(place)) > LONGEST_PLACE or set(place) & {",", '"'}:
            place = "/tmp"  # nosec B108  # `mkdtemp` makes a private one in it
        self.socket_dir = tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=place)
        self._give(Path(self.socket_dir))

    def _is_own(self, directory: str) -> bool:
        try:
            found = os.lstat(directory)
        except OSError:
            return False
        owner = os.geteuid() if self.plan.uid is None else self.plan.uid
        return (
            Path(directory).name.startswith(SOCKET_PREFIX)
            and found.st_uid == owner
            and found.st_mode & 0o170777 == 0o040700
        )

    def remove_socket_dir(self) -> None:
        """Removes what `start` made, or what is left of it."""
        if self._is_own(self.socket_dir):
            shutil.rmtree(self.socket_dir, ignore_errors=True)


def log(message: str) -> None:
    """Into the server's log, where the guardian's standard error goes."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    print(f"{stamp} UTC [{os.getpid()}] guardian: {message}", file=sys.stderr)
