"""A PostgreSQL that can be killed: its data in a directory of the run's own."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from mastertrade.postgres import find_programs, server_account
from tests.faults import processes

USER = "mastertrade"
DATABASE = "mastertrade"
LONGEST_START_SECONDS = 60.0
# Nothing here makes it faster and less safe; what matters is what is the default.
SETTINGS = ("listen_addresses=", "unix_socket_permissions=0700", "timezone=UTC")


class Postgres:
    """One server: started, killed, started again, its data kept in between."""

    def __init__(self, directory: Path) -> None:
        self._account = server_account(directory / "data")
        self._programs = find_programs(self._account, directory).directory
        self.data = directory / "data"
        self._log = directory / "postgres.log"
        self.socket = directory / "socket"
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@{quote(str(self.socket), safe='')}/{DATABASE}"

    def connect(self) -> "psycopg.Connection[Any]":
        """A connection to look in from outside; each statement its own transaction."""
        return psycopg.connect(
            host=str(self.socket), user=USER, dbname=DATABASE, autocommit=True
        )

    def create(self) -> None:
        for directory in (self.data, self.socket):
            directory.mkdir(mode=0o700)
            self.own(directory)
        self._run(
            *("initdb", "--pgdata", str(self.data), "--username", USER),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C"),
        )
        self.start()
        with psycopg.connect(
            host=str(self.socket), user=USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")

    def own(self, directory: Path) -> None:
        """Give a directory to the account that it runs as."""
        if self._account is not None:
            os.chown(directory, self._account.uid, self._account.gid)

    @property
    def is_running(self) -> bool:
        return not self._ended()

    def start(self) -> None:
        """Start it and wait until it answers: a killed one recovers first."""
        program = [str(self._programs / "postgres"), "-D", str(self.data)]
        options = ["-k", str(self.socket)]
        for setting in SETTINGS:
            options += ["-c", setting]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*program, *options], stdout=log, stderr=log, **self._options()
            )
        self.starts += 1
        self.await_answer()

    def await_answer(self) -> None:
        end = time.monotonic() + LONGEST_START_SECONDS
        while True:
            try:
                psycopg.connect(
                    host=str(self.socket), user=USER, dbname="postgres"
                ).close()
            except psycopg.OperationalError:
                if self._ended() or time.monotonic() > end:
                    raise RuntimeError(f"no PostgreSQL:\n{self.log_tail()}") from None
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """SIGKILL to the server and every process of it: a crash."""
        assert self._process is not None
        processes.kill_family(self._process.pid)
        self._process.wait()

    def kill_one_backend(self) -> None:
        """SIGKILL to one session: the server ends all others and recovers by itself."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND pid <> pg_backend_pid()"
            ).fetchall()
        processes.kill(random.choice(rows)[0])
        self.await_answer()

    def stop(self) -> None:
        if self._process is None or self._ended():
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(LONGEST_START_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    # A commit that is on disk and of which nobody hears: it waits for a standby server
    # that there is not.

    def hold_commits(self) -> None:
        with self.connect() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            connection.execute("SELECT pg_reload_conf()")

    def forget_holding_commits(self) -> None:
        """While it is down."""
        settings = self.data / "postgresql.auto.conf"
        settings.write_text("")

    def log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:])

    def log_count(self, words: str) -> int:
        return self._log.read_text(errors="replace").count(words)

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **self._options(),
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{done.stdout}")

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "cwd": "/",
            "start_new_session": True,
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        }
        if self._account is not None:
            options |= self._account.process_options
        return options
