"""The embedded PostgreSQL: one server per clone, shared by all its processes.

The first process that needs the database starts the server, the others join it, and it
stops when the last one leaves; `postgres_guardian` describes how. Everything is in one
directory, ``var/postgres`` of the clone:

``data``
    PostgreSQL's data directory, owned by the account that PostgreSQL runs as.
``password``
    The password of the database's user, readable by whoever may use the database.
``socket``
    The directory of the Unix socket, the only way in: no TCP port is opened. (When its
    path is too long for a socket, a private directory in /tmp serves instead.)
``server.log``, ``state.json``, ``clients.lock``, ``guardian.lock``
    What PostgreSQL and its guardian say, where the server is, and who uses it.

When root starts MasterTrade from a directory that no other account can enter, as under
/root, PostgreSQL could not reach its data there. ``var/postgres`` is then a symbolic
link to a directory of its own in /var/lib/mastertrade.

Tests use another server, in a temporary directory that disappears with the last process
using it. The processes they start find it through MASTERTRADE_TEST_POSTGRES.
"""

import atexit
import contextlib
import fcntl
import json
import os
import secrets
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mastertrade import postgres_binaries, postgres_guardian
from mastertrade.postgres_binaries import Account, Binaries, DatabaseUnavailable
from mastertrade.postgres_guardian import DATABASE, LARGEST_LOG, PORT, USER, Home

TEST_VARIABLE = "MASTERTRADE_TEST_POSTGRES"
#: How long a process waits for the server before it gives up, in seconds.
PATIENCE = 60.0
#: Faster, and unsafe when the machine crashes: nothing of a test outlives it anyway.
TEST_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")

# The locks this process holds on servers, by the server's directory. Forked children
# share them, and the server stays until the last of them is gone.
_held: dict[Path, int] = {}
_joining = threading.Lock()


class Server(NamedTuple):
    """A running server, and how to connect to it."""

    host: str
    password: str
    version: str
    data: Path
    user: str = USER
    name: str = DATABASE
    port: int = PORT


class _Vanished(Exception):
    """The directory of a test server was removed while we were waiting for it."""


def serve(var: Path) -> Server:
    """The server of the clone whose directory ``var`` is given."""
    with _explained():
        home = _make_home(var)
        while True:
            try:
                return _join(home, throwaway=False)
            except _Vanished:
                home = _make_home(var)


def serve_tests() -> Server:
    """The server of this test run."""
    with _explained():
        named = os.environ.get(TEST_VARIABLE, "")
        if named and _is_own(Path(named)):
            try:
                return _join(Home(Path(named)), throwaway=True)
            except (_Vanished, FileNotFoundError):
                pass  # whoever started us has ended, and its server too
        home = _make_test_home()
        try:
            server = _join(home, throwaway=True)
        except BaseException:
            shutil.rmtree(home.path, ignore_errors=True)
            raise
        os.environ[TEST_VARIABLE] = str(home.path)
        return server


def peek(var: Path) -> tuple[Home, Server | None]:
    """The clone's server if it is running; starts nothing."""
    home = Home((var / "postgres").resolve())
    if not home.guardian_lock.exists():
        return home, None
    with _explained():
        lock = _try_lock(home.guardian_lock, fcntl.LOCK_EX)
        if lock is None:
            return home, _running(home)
        os.close(lock)
        return home, None


def version_to_start(home: Home) -> str:
    """The version of the programs that would serve the home's data."""
    with _explained():
        account = postgres_binaries.server_account(home.data)
        return postgres_binaries.find_binaries(account, home.path).version


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """One thread at a time; the operating system's refusals become our own error."""
    with _joining:
        try:
            yield
        except (OSError, subprocess.SubprocessError) as error:
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL cannot be used: {error}. "
                "Set DATABASE_URL to use another server."
            ) from error


# Joining and starting


def _join(home: Home, *, throwaway: bool) -> Server:
    """The home's server, started if it does not run; it stays while we live."""
    end = time.monotonic() + PATIENCE
    held = _held.get(home.path)
    if held is not None and not home.is_file_of(home.clients_lock, held):
        os.close(_held.pop(home.path))
        held = None
    if held is None:
        _held[home.path] = _hold(home, end)
    try:
        while True:
            lock = _try_lock(home.guardian_lock, fcntl.LOCK_EX)
            if lock is None:  # the guardian has it
                server = _running(home)
                if server is not None:
                    _watch_over(home)
                    return server
                time.sleep(0.005)
            else:
                try:
                    _start(home, lock, end, throwaway=throwaway)
                finally:
                    os.close(lock)
            if time.monotonic() > end:
                raise DatabaseUnavailable(
                    f"The embedded PostgreSQL in {home.path} did not answer within "
                    f"{PATIENCE:.0f} seconds; another process is starting or stopping "
                    f"it. Its log, {home.log}, ends with:\n{home.log_tail()}"
                )
    except BaseException:
        if held is None:
            os.close(_held.pop(home.path))
        raise


def _hold(home: Home, end: float) -> int:
    """Takes the clients' lock, which keeps the server; waits out a server's stop."""
    while True:
        lock = _try_lock(home.clients_lock, fcntl.LOCK_SH)
        if lock is not None:
            if home.is_file_of(home.clients_lock, lock):
                return lock
            os.close(lock)
            raise _Vanished
        if time.monotonic() > end:
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL in {home.path} has been stopping for "
                f"{PATIENCE:.0f} seconds. Its log is {home.log}."
            )
        time.sleep(0.005)


def _try_lock(path: Path, kind: int) -> int | None:
    """An open file with the lock, or None when another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _running(home: Home) -> Server | None:
    state = home.read_state()
    if not state.get("ready") or not postgres_guardian.answers(state["socket_dir"]):
        return None
    return Server(
        host=state["socket_dir"],
        password=home.password.read_text(),
        version=state["version"],
        data=home.data,
    )


def _start(home: Home, lock: int, end: float, *, throwaway: bool) -> None:
    """Starts a guardian, which gets the lock, and waits until it reports."""
    account = postgres_binaries.server_account(home.data)
    if account is not None and not postgres_binaries.reaches(account, home.path):
        raise DatabaseUnavailable(
            f"The user {account.name}, who runs PostgreSQL, cannot enter {home.path}. "
            "Open the directories above it to that user, or set DATABASE_URL."
        )
    binaries = postgres_binaries.find_binaries(account, home.path)
    _check_version(home, binaries)
    if not home.password.exists():
        _write_private(home.password, secrets.token_hex(24))
    _launch(home, _plan(home, binaries, account, throwaway), lock, end)


def _check_version(home: Home, binaries: Binaries) -> None:
    try:
        major = (home.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    if major != binaries.major:
        raise DatabaseUnavailable(
            f"The data in {home.data} were made by PostgreSQL {major}, but "
            f"{binaries.directory} has PostgreSQL {binaries.version}. Nothing was "
            f"changed. Set MASTERTRADE_POSTGRES_BIN to the programs of version {major} "
            f"(such as /usr/lib/postgresql/{major}/bin) to go on with these data; to "
            f"move to version {binaries.major}, dump them with the old programs' "
            f"pg_dump, move {home.data} away, and load the dump."
        )


def _plan(
    home: Home, binaries: Binaries, account: Account | None, throwaway: bool
) -> postgres_guardian.Plan:
    initdb_options = ["--locale=C.UTF-8"]
    if int(binaries.major) >= 17:  # the same order and letters on every system
        initdb_options = ["--locale=C", "--locale-provider=builtin"]
        initdb_options.append("--builtin-locale=C.UTF-8")
    settings = [
        *("listen_addresses=", "unix_socket_permissions=0700"),
        *("timezone=UTC", "log_timezone=UTC", "log_checkpoints=off"),
    ]
    if throwaway:
        initdb_options.append("--no-sync")
        settings += TEST_OPTIONS
    return postgres_guardian.Plan(
        home=str(home.path),
        binaries=str(binaries.directory),
        version=binaries.version,
        uid=account.uid if account else None,
        gid=account.gid if account else None,
        initdb_options=initdb_options,
        server_options=[part for setting in settings for part in ("-c", setting)],
        throwaway=throwaway,
        tidy=False,
        lock_descriptor=-1,
        report_descriptor=-1,
    )


def _launch(
    home: Home, plan: postgres_guardian.Plan, lock: int, end: float | None
) -> None:
    """Runs the guardian with the plan; waits for its report unless ``end`` is None."""
    if home.log.exists() and home.log.stat().st_size > LARGEST_LOG:
        home.log.rename(home.log.with_suffix(".log.1"))
    report, report_end = os.pipe()
    plan = plan._replace(lock_descriptor=lock, report_descriptor=report_end)
    log = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        script = postgres_guardian.__file__
        launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", script, str(home.path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            env={n: os.environ[n] for n in ("LD_LIBRARY_PATH",) if n in os.environ},
            start_new_session=True,  # an interrupted terminal interrupts clients alone
            pass_fds=(lock, report_end),
        )
    except BaseException:
        os.close(report)
        raise
    finally:
        os.close(report_end)
        os.close(log)
    with open(report, "rb") as reports:
        launcher.communicate(json.dumps(plan._asdict()).encode())
        if end is None:
            return
        remaining = max(0.0, end - time.monotonic())
        if not select.select([reports], [], [], remaining)[0]:
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL was not ready within {PATIENCE:.0f} seconds; "
                "it may still be recovering from a crash, so try again in a while. Its "
                f"log, {home.log}, ends with:\n{home.log_tail()}"
            )
        message = reports.read()
    if not message:
        raise DatabaseUnavailable(
            "The process that starts the embedded PostgreSQL ended unexpectedly. "
            f"The log, {home.log}, ends with:\n{home.log_tail()}"
        )
    error = json.loads(message).get("error")
    if error:
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL could not be started.\n{error}\n"
            f"Its log is {home.log}. Set DATABASE_URL to use another server."
        )


# When the guardian was killed

_watched: set[Path] = set()


def _watch_over(home: Home) -> None:
    """Sees to it, once per process, that a server without guardian is ended too."""
    if home.path not in _watched:
        _watched.add(home.path)
        atexit.register(_replace_guardian, home)


def _replace_guardian(home: Home) -> None:
    """As the process ends: somebody must stop the server after the last client."""
    try:
        lock = _try_lock(home.guardian_lock, fcntl.LOCK_EX)
        if lock is None:
            return
        try:
            found = postgres_guardian.read_pid_file(home.data)
            throwaway = home.path.name.startswith(TEST_PREFIX)
            if throwaway or found is not None:
                nothing = Binaries(Path("/"), home.read_state().get("version", "0"))
                account = postgres_binaries.server_account(home.data)
                plan = _plan(home, nothing, account, throwaway)
                _launch(home, plan._replace(tidy=True), lock, None)
        finally:
            os.close(lock)
    except (OSError, DatabaseUnavailable):
        pass  # the directory is gone, or is no longer ours: nothing to tidy


# The directories

TEST_PREFIX = "mastertrade-test-"


def _make_home(var: Path) -> Home:
    """The clone's server directory; created where PostgreSQL's account can enter."""
    path = var / "postgres"
    try:
        path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise DatabaseUnavailable(
                f"{path} points to {os.readlink(path)}, which does not exist. Bring "
                "it back, or remove the link to start with an empty database."
            ) from None
        var.mkdir(parents=True, exist_ok=True)
        account = postgres_binaries.server_account(path / "data")
        if postgres_binaries.reaches(account, var):
            _make_directory(path, account)
        else:
            _link_outside(path, var.resolve().parent.name)
    return Home(path.resolve())


def _make_directory(path: Path, account: Account | None) -> None:
    """The server's account must pass through on its way to the data, not look."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o711 if account else 0o700)


def _link_outside(path: Path, clone: str) -> None:
    shelf = postgres_binaries.system_dir("databases")
    outside = Path(tempfile.mkdtemp(prefix=f"{clone}-", dir=shelf))
    outside.chmod(0o711)
    try:
        path.symlink_to(outside)
    except FileExistsError:  # another process was quicker
        outside.rmdir()


def _make_test_home() -> Home:
    account = postgres_binaries.server_account(Path("/nonexistent"))
    parents = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    parent = next(
        (each for each in parents if postgres_binaries.reaches(account, each)),
        parents[0],
    )
    home = Home(Path(tempfile.mkdtemp(prefix=TEST_PREFIX, dir=parent)).resolve())
    _make_directory(home.path, account)
    return home


def _is_own(directory: Path) -> bool:
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _write_private(path: Path, text: str) -> None:
    """A file that nobody else can read, complete or not at all."""
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{path.name}-", dir=path.parent)
    with open(descriptor, "w") as file:
        file.write(text)
    os.replace(unfinished, path)
