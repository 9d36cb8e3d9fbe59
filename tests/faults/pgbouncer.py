"""PgBouncer in transaction mode, by the file that docs/operations.md shows."""

import os
import re
import signal
import subprocess
import time
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import psycopg

from mastertrade.postgres import server_account
from tests.attack.site import LOOPBACK, free_port
from tests.faults.postgres import DATABASE, USER

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
# Fewer connections than clients, so that they are handed round.
POOL_SIZE = 4
LONGEST_START_SECONDS = 20.0


class PgBouncer:
    """One pooler before one PostgreSQL, on a port of its own."""

    def __init__(self, directory: Path, socket_directory: Path) -> None:
        self._account = server_account(directory / "data")
        self._home = directory / "pgbouncer"
        self._socket_directory = socket_directory
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@{LOOPBACK}:{self._port}/{DATABASE}"

    def start(self) -> None:
        self._home.mkdir(mode=0o700)
        path = self._home / "pgbouncer.ini"
        with path.open("w") as file:
            self._settings().write(file)
        options: dict[str, Any] = {}
        if self._account is not None:
            for one in (self._home, path):
                os.chown(one, self._account.uid, self._account.gid)
            options = self._account.process_options
        self._process = subprocess.Popen(
            ["pgbouncer", "--quiet", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            **options,
        )
        end = time.monotonic() + LONGEST_START_SECONDS
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"no PgBouncer: {error}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(LONGEST_START_SECONDS)

    def _settings(self) -> ConfigParser:
        """The page's, with this run's places and without passwords."""
        (shown,) = re.findall(r"^```ini\n(\[databases\].+?)^```", _page(), re.M | re.S)
        settings = ConfigParser(interpolation=None)
        settings.read_string(shown)
        assert settings["pgbouncer"]["pool_mode"] == "transaction"
        settings["databases"] = {
            DATABASE: f"host={self._socket_directory} dbname={DATABASE} user={USER}"
        }
        settings["pgbouncer"].update(
            {
                "listen_port": str(self._port),
                "auth_type": "any",
                "default_pool_size": str(POOL_SIZE),
                "unix_socket_dir": "",
                "logfile": str(self._home / "log"),
                "pidfile": str(self._home / "pid"),
            }
        )
        del settings["pgbouncer"]["auth_file"]
        return settings


def _page() -> str:
    return PAGE.read_text(encoding="utf-8")
