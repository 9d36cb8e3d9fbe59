"""The site as `make run` serves it, on a PostgreSQL and a port of its own."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.stand import ROOT, stand

LOOPBACK = "127.0.0.1"
LONGEST_START_SECONDS = 60.0


@contextmanager
def served() -> Iterator[str]:
    """Its address, until the block ends."""
    with stand() as place:
        environment = {
            **place.environment,
            # The scenarios count something else.
            "MASTERTRADE_ANONYMOUS_RATE": "1000000/min",
        }
        with gunicorn(environment, place.directory / "site.log") as (base, _):
            yield base


@contextmanager
def gunicorn(
    environment: dict[str, str], log: Path
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """gunicorn with the project's own configuration, and its address."""
    port = free_port()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "mastertrade.wsgi"),
                *("--bind", f"{LOOPBACK}:{port}"),
            ],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    base = f"http://{LOOPBACK}:{port}"
    try:
        _await(base, process, log)
        yield base, process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _await(base: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + LONGEST_START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{base}/healthz", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"gunicorn did not start:\n{log.read_text()}")
