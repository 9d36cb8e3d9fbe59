"""A gunicorn that can be killed, on one port from start to start."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.faults import processes

LOOPBACK = "127.0.0.1"
WORKERS = 4
LONGEST_START_SECONDS = 60.0
# Longer than the server allows a request.
LONGEST_REQUEST_SECONDS = 60.0
# A file of this name in the server's directory: answers are made, and never sent.
HOLD_FILE = "hold-answers"
HELD_PREFIX = "held-"
CSRF = "c" * 32


class NoAnswer(Exception):
    """Nothing came back, or a 503: it may be done or not; `words` are the 503's."""

    def __init__(self, reason: str, words: str = "") -> None:
        super().__init__(reason)
        self.words = words


class WebServer:
    """gunicorn's master and workers; asked over HTTP."""

    def __init__(
        self, directory: Path, environment: Mapping[str, str], workers: int = WORKERS
    ) -> None:
        self._directory = directory
        self._workers = workers
        self._environment = {**environment, "FAULTS_DIRECTORY": str(directory)}
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            self._port: int = probe.getsockname()[1]

    def start_unready(self) -> None:
        """Start it, whether its database answers or not."""
        with (self._directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "tests.faults.wsgi"),
                    *("--bind", f"{LOOPBACK}:{self._port}"),
                    *("--workers", str(self._workers)),
                ],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        self.start_unready()
        assert self._process is not None
        end = time.monotonic() + LONGEST_START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"no web server:\n{self.log_tail()}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz")[0] == http.client.OK
        except NoAnswer:
            return False

    def reload(self) -> None:
        """New workers in place of the present ones, which end when they have answered.

        Waits until all of those are gone, and a new one answers.
        """
        assert self._process is not None
        before = processes.children_of(self._process.pid)
        self._process.send_signal(signal.SIGHUP)
        end = time.monotonic() + LONGEST_START_SECONDS
        while any(map(processes.is_running, before)) or not self._is_ready():
            if time.monotonic() > end:
                raise RuntimeError(f"no reload:\n{self.log_tail()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to the master and all workers."""
        assert self._process is not None
        processes.kill_family(self._process.pid)
        self._process.wait()

    def kill_one_worker(self) -> None:
        """SIGKILL to a worker; the master starts another."""
        assert self._process is not None
        processes.kill(processes.children_of(self._process.pid)[0])

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(LONGEST_REQUEST_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def hold_answers(self) -> None:
        """From now on: whatever a request does is done, and nobody hears of it."""
        (self._directory / HOLD_FILE).touch()

    def release_answers(self) -> None:
        (self._directory / HOLD_FILE).unlink()
        for held in self._directory.glob(f"{HELD_PREFIX}*"):
            held.unlink()

    def await_held(self) -> int:
        """Until an answer was made and not sent; how many were."""
        end = time.monotonic() + LONGEST_REQUEST_SECONDS
        while time.monotonic() < end:
            if list(self._directory.glob(f"{HELD_PREFIX}*")):
                time.sleep(0.2)  # others get there too
                return len(list(self._directory.glob(f"{HELD_PREFIX}*")))
            time.sleep(0.005)
        raise RuntimeError("no answer was made")

    def status(self, method: str, path: str) -> int:
        """Of an answer, 503 too."""
        try:
            return self.ask(method, path)[0]
        except NoAnswer as failure:
            if str(failure) != "503":
                raise
            return http.client.SERVICE_UNAVAILABLE

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = None,
        session: str | None = None,
    ) -> tuple[int, Any]:
        """Ask once; the status and the answer's JSON, or `NoAnswer`.

        A body of bytes is a file; any other one is sent as JSON. With a `session` as a
        browser that is signed in.
        """
        connection = http.client.HTTPConnection(
            LOOPBACK, self._port, timeout=LONGEST_REQUEST_SECONDS
        )
        headers = {"Accept": "application/json", "Connection": "close"}
        if token is not None:
            headers["Authorization"] = f"Token {token}"
        if session is not None:
            headers["Cookie"] = f"sessionid={session}; csrftoken={CSRF}"
            headers["X-CSRFToken"] = CSRF
        content = None
        if isinstance(body, bytes):
            content, headers["Content-Type"] = body, "text/csv"
        elif body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as failure:
            raise NoAnswer(type(failure).__name__) from failure
        finally:
            connection.close()
        if answer.status == http.client.SERVICE_UNAVAILABLE:
            raise NoAnswer("503", text.decode(errors="replace"))
        return answer.status, _read(text)

    def log_tail(self) -> str:
        path = self._directory / "server.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-30:])

    def log_count(self, words: str) -> int:
        return (self._directory / "server.log").read_text(errors="replace").count(words)


def _read(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
