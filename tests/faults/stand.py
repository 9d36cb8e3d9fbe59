"""Where a scenario happens: a PostgreSQL, a web server, a trader, all its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults import holds
from tests.faults.postgres import Postgres
from tests.faults.report import Report
from tests.faults.server import WebServer

ROOT = Path(__file__).resolve().parent.parent.parent
# What the tests' own settings leave in the environment is not for these processes.
NOT_OURS = ("MASTERTRADE_TESTING", "TEST_DATABASE_URL")


@dataclass(frozen=True)
class Trader:
    """What `seed` made."""

    username: str
    token: str
    strategy_id: str
    portfolios: list[int]
    goals: list[int]
    trades: list[int]


class Stand:
    """The processes of one scenario, and what asks them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.postgres = Postgres(directory)
        self.environment = {
            **{name: text for name, text in os.environ.items() if name not in NOT_OURS},
            "DATABASE_URL": self.postgres.url,
            "DJANGO_SETTINGS_MODULE": "mastertrade.settings",
            "MASTERTRADE_JOB_FILES": str(directory / "jobs"),
            "MASTERTRADE_SECRET_KEY": "only-for-this-run",
            "MASTERTRADE_USER_RATE": "1000000/min",
            "PYTHONPATH": str(ROOT),
        }
        self.server = WebServer(directory, self.environment)

    def prepare(self) -> None:
        self.postgres.create()
        self.manage("migrate", "--verbosity", "0")
        with self.postgres.connect() as connection:
            connection.execute(holds.TRIGGERS)

    def seed(self, username: str, *, portfolios: int = 1, trades: int = 0) -> Trader:
        """A trader with funded portfolios, each with goals and open trades."""
        counts = (str(portfolios), str(trades))
        answer = self.run("-m", "tests.faults.seed", username, *counts)
        if answer.returncode != 0:
            raise RuntimeError(f"no trader:\n{answer.stdout}")
        return Trader(**json.loads(answer.stdout.splitlines()[-1]))

    def manage(self, *arguments: str) -> str:
        """What `manage.py` says; it must end well."""
        done = self.run("manage.py", *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"manage.py {' '.join(arguments)}:\n{done.stdout}")
        return done.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def start(self, *arguments: str, log: str) -> "subprocess.Popen[bytes]":
        """A process of its own that goes on beside us; it writes to that file."""
        with (self.directory / log).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def ask_database(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.postgres.connect() as connection:
            return connection.execute(statement, values).fetchall()

    def reconcile(self, report: Report, when: str) -> None:
        """Whether every cached figure is what the ledger says."""
        done = self.run("manage.py", "reconcile")
        report.expect(
            done.returncode == 0, f"reconcile found drift {when}:\n{done.stdout}"
        )

    def check_defaults(self, report: Report) -> None:
        """That nothing makes this PostgreSQL less safe than it comes."""
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            (setting,) = self.ask_database(f"SHOW {name}")[0]
            report.expect(setting == "on", f"{name} is {setting}")

    def close(self) -> None:
        self.server.stop()
        self.postgres.stop()


@contextmanager
def stand() -> Iterator[Stand]:
    """A stand that is gone when the block ends."""
    directory = Path(tempfile.mkdtemp(prefix="mastertrade-faults-", dir="/tmp"))
    directory.chmod(0o711)  # the database's account passes through to its data
    made = Stand(directory)
    try:
        made.prepare()
        yield made
    finally:
        made.close()
        shutil.rmtree(directory, ignore_errors=True)
