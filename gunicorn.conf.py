"""How gunicorn serves MasterTrade; it finds this file in the directory it starts in.

Its command line goes before: `gunicorn mastertrade.wsgi --bind 0.0.0.0:8000`.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from mastertrade.interrupts import EXIT_CODE, say_stopped
from mastertrade.port import HOST, explain_address
from mastertrade.postgres import DatabaseUnavailable, Embedded

# `make run` says it, when both the site and the worker have ended.
SUPERVISED = "MASTERTRADE_SUPERVISED" in os.environ
bind = f"{HOST}:{os.environ.get('PORT', '8000')}"
workers = 2
worker_class = "mastertrade.web.server.BufferingWorker"
# Of each worker; each keeps a connection of its own to the database. Two more than may
# wait for a lock for as long as a lock may be waited for (`mastertrade.backend.base`).
threads = 12
loglevel = "warning"
# A socket for gunicornc would be one for all sites of a user.
control_socket_disable = True
logger_class = "mastertrade.web.server.DiscreetLogger"


def stop_database() -> None:
    """The demo hands its PostgreSQL on; no worker stops it that never used it."""
    with suppress(DatabaseUnavailable):  # the next start adopts it
        Embedded(Path(__file__).parent / "var" / "postgres").stop()


def stop_early(number: int, frame: FrameType | None) -> None:
    """Ctrl-C before gunicorn looks after it; `make run` blocks it until here."""
    stop_database()
    if not SUPERVISED:
        say_stopped()
    sys.exit(EXIT_CODE)


METRICS = "PROMETHEUS_MULTIPROC_DIR"

signal.signal(signal.SIGINT, stop_early)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def on_exit(server: Any) -> None:
    stop_database()
    shutil.rmtree(os.environ.get(METRICS, ""), ignore_errors=True)
    if not SUPERVISED:
        say_stopped()


def on_starting(server: Any) -> None:
    """End in one line where the port is taken; gunicorn tries five times, in eleven."""
    forget_killed_imports()
    forget_killed_metrics()
    # Before a worker loads the application: each counts in a file there.
    os.environ[METRICS] = tempfile.mkdtemp(prefix=f"mastertrade-metrics-{os.getpid()}-")
    if "GUNICORN_FD" in os.environ:  # taken over from the one before
        return
    for address in server.cfg.address:
        if isinstance(address, tuple) and (problem := explain_address(*address[:2])):
            sys.exit(problem)


def post_worker_init(worker: Any) -> None:
    """Once, when there is a process that answers."""
    if worker.age == 1:
        for listener in worker.sockets:
            print(f"Site      {listener}/ (also admin/ and api/docs/)", flush=True)
        print("Stop with Ctrl-C; nothing is lost.", flush=True)


def forget_killed_metrics() -> None:
    """Delete the counts of a gunicorn that was killed; its name has its process id."""
    for path in Path(tempfile.gettempdir()).glob("mastertrade-metrics-*"):
        try:
            os.kill(int(path.name.split("-")[2]), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except PermissionError:  # it is another user's, and lives
            pass


def forget_killed_imports() -> None:
    """Delete copies of databases that a process left when it was killed opening one.

    They have a name for a moment only; one in use is younger than a minute.
    """
    for path in Path(tempfile.gettempdir()).glob("mastertrade-*.sqlite"):
        with suppress(FileNotFoundError, PermissionError):
            if time.time() - path.stat().st_mtime > 60:
                path.unlink()
