"""Starting the embedded PostgreSQL: what it needs, and its guardian."""

import json
import os
import secrets
import select
import subprocess
import sys
import time
from pathlib import Path

from mastertrade.postgres import binaries as programs
from mastertrade.postgres.binaries import Account, Binaries, DatabaseUnavailable
from mastertrade.postgres.home import Home, Plan, read_pid_file

#: How long a process waits for the server before it gives up, in seconds.
PATIENCE = 60.0
#: Faster, and unsafe when the machine crashes: nothing of a test outlives it anyway.
TEST_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
LARGEST_LOG = 5_000_000

_CHECKOUT = str(Path(__file__).resolve().parent.parent.parent)
_GUARDIAN = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from mastertrade.postgres.guardian import main; main()"
)


def start(home: Home, lock: int, end: float) -> None:
    """Starts a guardian, which gets the lock, and waits until it reports."""
    account = programs.server_account(home.data)
    if account is not None and not programs.reaches(account, home.path):
        raise DatabaseUnavailable(
            f"The user {account.name}, who runs PostgreSQL, cannot enter {home.path}. "
            "Open the directories above it to that user, or set DATABASE_URL."
        )
    binaries = programs.find_binaries(account, home.path)
    _check_version(home, binaries)
    if not home.password.exists():
        home.write(home.password, secrets.token_hex(24))
    _launch(home, _plan(home, binaries, account), lock, end)


def replace_guardian(home: Home, lock: int) -> None:
    """Lets a guardian end the server, or remove the home, that a killed one left."""
    if home.throwaway or read_pid_file(home.data) is not None:
        nothing = Binaries(Path("/"), str(home.read_state().get("version", "0")))
        plan = _plan(home, nothing, programs.server_account(home.data))
        _launch(home, plan._replace(tidy=True), lock, None)


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


def _plan(home: Home, binaries: Binaries, account: Account | None) -> Plan:
    initdb_options = ["--no-instructions", "--locale=C.UTF-8"]
    if int(binaries.major) >= 17:  # the same order and letters on every system
        initdb_options[1:] = ["--locale=C", "--locale-provider=builtin"]
        initdb_options.append("--builtin-locale=C.UTF-8")
    settings = [
        *("listen_addresses=", "unix_socket_permissions=0700"),
        *("timezone=UTC", "log_timezone=UTC", "log_checkpoints=off"),
    ]
    if home.throwaway:
        initdb_options.append("--no-sync")
        settings += TEST_OPTIONS
    return Plan(
        home=str(home.path),
        binaries=str(binaries.directory),
        version=binaries.version,
        uid=account.uid if account else None,
        gid=account.gid if account else None,
        initdb_options=initdb_options,
        server_options=[part for setting in settings for part in ("-c", setting)],
        tidy=False,
        lock_descriptor=-1,
        report_descriptor=-1,
    )


def _launch(home: Home, plan: Plan, lock: int, end: float | None) -> None:
    """Runs the guardian with the plan; waits for its report unless ``end`` is None."""
    if home.log.exists() and home.log.stat().st_size > LARGEST_LOG:
        home.log.rename(home.log.with_suffix(".log.1"))
    report, report_end = os.pipe()
    with open(report, "rb") as reports:
        plan = plan._replace(lock_descriptor=lock, report_descriptor=report_end)
        log = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            home.share(log)
            launcher = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    _GUARDIAN,
                    _CHECKOUT,
                    str(home.path),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env={n: os.environ[n] for n in ("LD_LIBRARY_PATH",) if n in os.environ},
                start_new_session=True,  # an interrupted terminal interrupts us alone
                pass_fds=(lock, report_end),
            )
        finally:
            os.close(report_end)
            os.close(log)
        launcher.communicate(json.dumps(plan._asdict()).encode())
        if end is None:
            return
        poll = select.poll()
        poll.register(reports, select.POLLIN)
        if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
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
