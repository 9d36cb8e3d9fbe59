"""The processes of the site: `mastertrade.serve`, and more workers next to it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from django.db import connection

from bench.processes import cpu_of
from bench.web import LOOPBACK, ask
from mastertrade.serve import end_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_START = 120.0
LONGEST_STOP = 60.0
# One address asks for all of them.
UNLIMITED = {
    "MASTERTRADE_USER_RATE": "1000000/sec",
    "MASTERTRADE_JOBS_PER_USER": "1000",
    "MASTERTRADE_CONNECTIONS_PER_ADDRESS": "100000",
    "MASTERTRADE_ALLOW_PRIVATE_TARGETS": "1",
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where it answers, and the process that started its web server and worker."""

    port: int
    pid: int

    def cpu(self) -> tuple[float, float]:
        """Seconds so far of its web processes, and of PostgreSQL's."""
        (gunicorn,) = [
            one for one in children_of(self.pid) if "gunicorn" in _command(one)
        ]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (session,) = cursor.fetchone()
        web, postgres = children_of(gunicorn), children_of(_parent_of(session))
        return sum(map(cpu_of, web)), sum(map(cpu_of, postgres))


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def _parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@contextmanager
def serving(*, web: int = 2, workers: int = 1) -> Iterator[Site]:
    """So many web processes and workers. All have ended after the block."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    with ExitStack() as stack:
        files = stack.enter_context(tempfile.TemporaryDirectory())
        more = {"MASTERTRADE_JOB_FILES": files, "GUNICORN_CMD_ARGS": f"--workers={web}"}
        environment = {**os.environ, **UNLIMITED, **more}
        serve = ("-m", "mastertrade.serve", str(port))
        site = stack.enter_context(_process(serve, environment))
        _await_answer(port, site)
        for _ in range(workers - 1):
            stack.enter_context(_process(("manage.py", "work"), environment))
        yield Site(port, site.pid)
        if site.poll() is not None:
            raise RuntimeError(f"The site ended by itself with {site.returncode}.")


@contextmanager
def _process(
    arguments: tuple[str, ...], environment: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(LONGEST_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(port: int, site: "subprocess.Popen[bytes]") -> None:
    end = monotonic() + LONGEST_START
    while monotonic() < end and site.poll() is None:
        try:
            ask(port, "GET", "/readyz")
        except (OSError, RuntimeError):
            sleep(0.1)
        else:
            return
    raise RuntimeError("The site did not start.")
