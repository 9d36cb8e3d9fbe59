"""The embedded PostgreSQL: one server per clone, shared by all its processes.

The first process that needs the database starts the server, the others join it, and it
stops when the last one leaves, however it leaves; `guardian` describes how. Everything
is in ``var/postgres`` of the clone; `home` describes what.

When root starts MasterTrade from a directory that no other account can enter, as under
/root, PostgreSQL could not reach its data there. ``var/postgres`` is then a symbolic
link to a directory of its own in /var/lib/mastertrade/databases.

Tests use another server, in a temporary directory that disappears with the last process
using it. The processes they start find it through MASTERTRADE_TEST_POSTGRES.
"""

import atexit
import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mastertrade.postgres import binaries, launch
from mastertrade.postgres.binaries import Account, DatabaseUnavailable
from mastertrade.postgres.home import (
    DATABASE,
    PORT,
    TEST_PREFIX,
    USER,
    Home,
    answers,
    is_file_at,
)

TEST_VARIABLE = "MASTERTRADE_TEST_POSTGRES"
# In them `mkdtemp` makes directories that are nobody else's.
SHARED = ("/tmp", "/var/tmp")  # nosec B108

# The locks this process holds on servers, by the server's directory. Forked children
# share them, and the server stays until the last of them is gone.
_held: dict[Path, int] = {}
_watched: set[Path] = set()
_joining = threading.Lock()


class Server(NamedTuple):
    """A running server, and how to connect to it."""

    host: str
    password: str
    version: str
    user: str = USER
    name: str = DATABASE
    port: int = PORT


class _Vanished(Exception):
    """The server's directory was removed while we were waiting for it."""


def serve(var: Path) -> Server:
    """The server of the clone whose directory ``var`` is given."""
    with _explained():
        while True:
            with contextlib.suppress(_Vanished):
                return _join(_make_home(var))


def serve_tests() -> Server:
    """The server of this test run."""
    with _explained():
        named = Path(os.environ.get(TEST_VARIABLE, ""))
        if _is_test_home(named):
            # Else whoever started us has ended, and its server with it.
            with contextlib.suppress(_Vanished, FileNotFoundError):
                return _join(Home(named))
        home = _make_test_home()
        try:
            server = _join(home)
        except BaseException:
            shutil.rmtree(home.path, ignore_errors=True)
            raise
        os.environ[TEST_VARIABLE] = str(home.path)
        return server


def peek(var: Path) -> tuple[Home, Server | None]:
    """The clone's server if it is running; starts nothing."""
    with _explained():
        home = Home((var / "postgres").resolve())
        if not home.guardian_lock.exists():
            return home, None
        lock = _try_lock(home, home.guardian_lock, fcntl.LOCK_EX)
        if lock is None:
            return home, _running(home)
        os.close(lock)
        return home, None


def version_to_start(home: Home) -> str:
    """The version of the programs that would serve the home's data."""
    with _explained():
        account = binaries.server_account(home.data)
        return binaries.find_binaries(account, home.path).version


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """One thread at a time; the operating system's refusals become our own error."""
    with _joining:
        try:
            yield
        except (OSError, subprocess.SubprocessError) as error:
            remedy = "Set DATABASE_URL to use another server."
            if isinstance(error, PermissionError):
                remedy = f"Run MasterTrade as the user whose files these are. {remedy}"
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL cannot be used: {error}. {remedy}"
            ) from error


# Joining


def _join(home: Home) -> Server:
    """The home's server, started if it does not run; it stays while we live."""
    end = time.monotonic() + launch.PATIENCE
    held = _held.get(home.path)
    if held is not None and not is_file_at(home.clients_lock, held):
        os.close(_held.pop(home.path))
        held = None
    if held is None:
        _held[home.path] = _hold(home, end)
    try:
        while True:
            lock = _try_lock(home, home.guardian_lock, fcntl.LOCK_EX)
            if lock is None:  # the guardian has it
                server = _running(home)
                if server is not None:
                    _watch_over(home)
                    return server
                time.sleep(0.005)
            else:
                try:
                    launch.start(home, lock, end)
                finally:
                    os.close(lock)
            if time.monotonic() > end:
                raise DatabaseUnavailable(
                    f"The embedded PostgreSQL in {home.path} did not answer within "
                    f"{launch.PATIENCE:.0f} seconds; another process is starting it, "
                    f"or runs it out of reach. Its log, {home.log}, ends with:\n"
                    f"{home.log_tail()}"
                )
    except BaseException:
        if held is None:
            os.close(_held.pop(home.path))
        raise


def _hold(home: Home, end: float) -> int:
    """Takes the clients' lock, which keeps the server; waits out a server's stop."""
    while True:
        lock = _try_lock(home, home.clients_lock, fcntl.LOCK_SH)
        if lock is not None:
            if is_file_at(home.clients_lock, lock):
                return lock
            os.close(lock)
            raise _Vanished
        if time.monotonic() > end:
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL in {home.path} has been stopping for "
                f"{launch.PATIENCE:.0f} seconds. Its log is {home.log}."
            )
        time.sleep(0.005)


def _try_lock(home: Home, path: Path, kind: int) -> int | None:
    """An open file with the lock, or None when another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        home.share(descriptor)
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
    if not state.get("ready") or not answers(state["socket_dir"]):
        return None
    return Server(state["socket_dir"], home.password.read_text(), state["version"])


def _watch_over(home: Home) -> None:
    """Sees to it, once per process, that a server without guardian is ended too."""
    if home.path not in _watched:
        _watched.add(home.path)
        atexit.register(_replace_killed_guardian, home)


def _replace_killed_guardian(home: Home) -> None:
    """As the process ends: somebody must stop the server after the last client."""
    # When the directory is gone, or is no longer ours, there is nothing to tidy.
    with contextlib.suppress(OSError, DatabaseUnavailable):
        if not home.guardian_lock.exists():
            return
        lock = _try_lock(home, home.guardian_lock, fcntl.LOCK_EX)
        if lock is not None:
            try:
                launch.replace_guardian(home, lock)
            finally:
                os.close(lock)


# The directories


def _make_home(var: Path) -> Home:
    """The clone's server directory; created where PostgreSQL's account can enter."""
    path = var / "postgres"
    if not path.exists():
        if path.is_symlink():
            raise DatabaseUnavailable(
                f"{path} points to {os.readlink(path)}, which does not exist. Bring "
                "it back, or remove the link to start with an empty database."
            )
        var.mkdir(parents=True, exist_ok=True)
        account = binaries.server_account(path / "data")
        if binaries.reaches(account, var):
            _make_directory(path, account)
        else:
            _link_outside(path, var.resolve().parent.name)
    return Home(path.resolve())


def _make_directory(path: Path, account: Account | None) -> None:
    """The server's account must pass through on its way to the data, not look."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o711 if account else 0o700)


def _link_outside(path: Path, clone: str) -> None:
    shelf = binaries.system_dir("databases")
    outside = Path(tempfile.mkdtemp(prefix=f"{clone}-", dir=shelf))
    outside.chmod(0o711)
    try:
        path.symlink_to(outside)
    except FileExistsError:  # another process was quicker
        outside.rmdir()


def _make_test_home() -> Home:
    account = binaries.server_account(Path("/nonexistent"))
    parents = [Path(tempfile.gettempdir()), *map(Path, SHARED)]
    reachable = (each for each in parents if binaries.reaches(account, each))
    parent = next(reachable, parents[0])
    home = Home(Path(tempfile.mkdtemp(prefix=TEST_PREFIX, dir=parent)).resolve())
    _make_directory(home.path, account)
    return home


def _is_test_home(directory: Path) -> bool:
    """Whether a test process of ours made the directory, for it will be removed."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return (
        directory.name.startswith(TEST_PREFIX)
        and (directory / "guardian.lock").is_file()
        and stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
    )
