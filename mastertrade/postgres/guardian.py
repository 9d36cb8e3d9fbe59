"""The guardian: a small process that owns the embedded PostgreSQL.

The first process that needs the database starts the guardian (see `launch`). It creates
the data if there are none, starts PostgreSQL as its child, reports through a pipe that
it is ready (or why not), and then waits until nobody uses the server any more. Two
locks say everything, and the kernel releases both however a process ends:

``clients.lock``
    Held shared by every process that uses the database. When the guardian gets it
    exclusively, nobody is left: it stops PostgreSQL and ends. Who arrives meanwhile
    waits for the lock, and then starts a new guardian.
``guardian.lock``
    Held by the guardian, which inherits it from the process that started it, so there
    is at most one. Free while clients are there, it means that the guardian was killed:
    the next process to come or go starts another, which adopts the running PostgreSQL.

A PostgreSQL that ends by itself is started again. The guardian uses the standard
library only, in Python's isolated mode: the clients' environment is nothing to it.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from mastertrade.postgres.home import Plan, is_file_at
from mastertrade.postgres.process import Postgres, StartFailed, log

#: How long clients have to leave after the guardian was told to end, in seconds.
GRACE = 5.0
#: So many ends in so many seconds, and the guardian gives up restarting.
MOST_RESTARTS, RESTART_WINDOW = 4, 60.0

_START_ERRORS = (StartFailed, OSError, subprocess.SubprocessError)


class Guardian:
    """Starts or adopts one PostgreSQL, and ends it when nobody is left."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.postgres = Postgres(plan)
        self.home = self.postgres.home
        self.stopping = threading.Event()
        self.ended = threading.Event()
        self.deserted = False

    def run(self) -> None:
        """The guardian's whole life."""
        try:
            self._publish(ready=False)
            started = self.postgres.adopt()
            if not started and not self.plan.tidy:
                self.postgres.start()
                started = True
            if started:
                self._publish(ready=True)
        except _START_ERRORS as error:
            self._report({"error": str(error)})
            return
        self._report({"ready": started})
        threading.Thread(target=self._await_desertion, daemon=True).start()
        if started:
            self._watch()
        else:
            self.stopping.wait()
        # Told to end while clients are there, leave them their directory.
        if self.deserted:
            self.postgres.remove_socket_dir()
            if self.home.throwaway:
                shutil.rmtree(self.home.path, ignore_errors=True)

    def _watch(self) -> None:
        """Until the server is stopped, or keeps ending by itself."""
        ends: list[float] = []
        while True:
            self.postgres.wait()
            if self.stopping.is_set():
                break
            ends = [end for end in ends if time.monotonic() - end < RESTART_WINDOW]
            ends.append(time.monotonic())
            if not self._is_home() or len(ends) > MOST_RESTARTS:
                log("PostgreSQL ended unexpectedly; giving up")
                return
            log("PostgreSQL ended unexpectedly; starting it again")
            self._publish(ready=False)
            try:
                self.postgres.start()
            except _START_ERRORS as error:
                log(f"starting again failed: {error}")
                return
            self._publish(ready=True)
            if self.stopping.is_set():  # meanwhile, and its signal came too early
                self.postgres.signal(signal.SIGINT)
        self.ended.set()
        if self._is_home():
            self._publish(ready=False)

    def _is_home(self) -> bool:
        """False when somebody removed the directory, or put another in its place."""
        return is_file_at(self.home.guardian_lock, self.plan.lock_descriptor)

    def _publish(self, *, ready: bool) -> None:
        """Tells clients where the server is, or that it is not to be used now."""
        state = {
            "ready": ready,
            "socket_dir": self.postgres.socket_dir,
            "version": self.plan.version,
            "server": self.postgres.pid,
            "guardian": os.getpid(),
        }
        self.home.write(self.home.state, json.dumps(state))

    def _report(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # whoever waited may be gone
            os.write(self.plan.report_descriptor, json.dumps(message).encode())
        os.close(self.plan.report_descriptor)

    def _await_desertion(self) -> None:
        """Stops the server as soon as no client is left."""
        descriptor = os.open(self.home.clients_lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # held until this process ends
        self.deserted = is_file_at(self.home.clients_lock, descriptor)
        self._stop()

    def _stop(self) -> None:
        """Asks PostgreSQL to end, more firmly with time."""
        self.stopping.set()
        steps = [(signal.SIGINT, 60), (signal.SIGQUIT, 10)]
        if self.home.throwaway:
            del steps[0]  # nothing to bring to disk
        for number, patience in steps:
            self.postgres.signal(number)
            if self.ended.wait(patience):
                return
        self.postgres.kill()

    def stop_soon(self, *_: object) -> None:
        """Told to end, as when the machine shuts down: clients first."""
        timer = threading.Timer(GRACE, self._stop)
        timer.daemon = True
        timer.start()


def main() -> None:
    """Reads the plan, leaves the client that started it, and guards."""
    plan = Plan(**json.load(sys.stdin))
    if os.fork():
        os._exit(0)  # the client has no child to look after
    os.umask(0o077)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, sys.stdin.fileno())
    for descriptor in (plan.lock_descriptor, plan.report_descriptor):
        os.set_inheritable(descriptor, False)
    guardian = Guardian(plan)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, guardian.stop_soon)
    guardian.run()
