"""The processes of the site: `mastertrade.serve`, and more workers next to it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

from bench.web import LOOPBACK, ask

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_START = 120.0
LONGEST_STOP = 60.0
# One address asks for all of them.
UNLIMITED = {
    "MASTERTRADE_USER_RATE": "1000000/sec",
    "MASTERTRADE_CONNECTIONS_PER_ADDRESS": "100000",
    "MASTERTRADE_ALLOW_PRIVATE_TARGETS": "1",
}


@contextmanager
def serving(*, web: int = 2, workers: int = 1) -> Iterator[int]:
    """So many web processes and workers; the port. All have ended after the block."""
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
        yield port
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
