"""A gunicorn of ours on the loopback interface, and what asks it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep

LOOPBACK = "127.0.0.1"
WORKERS = 2
LONGEST_START = 30.0
LONGEST_REQUEST = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running gunicorn, with the workers of `gunicorn.conf.py`."""

    pid: int
    port: int

    def workers(self) -> list[int]:
        """The processes that answer, without the one that started them."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in path.read_text().split()]


@contextmanager
def serve(application: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Serve the WSGI application until the block ends."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(128)
        descriptor, port = listener.fileno(), listener.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", application),
                *("--bind", f"fd://{descriptor}", "--workers", str(WORKERS)),
                *("--log-level", "error"),
            ],
            env={**os.environ, **environment},
            pass_fds=(descriptor,),
            start_new_session=True,
        )
    server = Server(process.pid, port)
    try:
        _await_answer(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(LONGEST_REQUEST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(server: Server, process: "subprocess.Popen[bytes]") -> None:
    end = monotonic() + LONGEST_START
    while monotonic() < end and process.poll() is None:
        try:
            ask(server.port, b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        except OSError:
            sleep(0.05)
        else:
            return
    raise RuntimeError("gunicorn did not start.")


@dataclass(frozen=True, slots=True)
class Post:
    """A POST request, ready to be sent."""

    path: str
    body: bytes
    token: str

    def encode(self) -> bytes:
        head = (
            f"POST {self.path} HTTP/1.1\r\n"
            "Host: localhost\r\n"
            f"Authorization: Token {self.token}\r\n"
            "Content-Type: application/json\r\n"
            "Accept: application/json\r\n"
            f"Content-Length: {len(self.body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + self.body


def ask(port: int, request: bytes) -> bytes:
    """Send it on a connection of its own; the answer."""
    with socket.create_connection((LOOPBACK, port), LONGEST_REQUEST) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def load(port: int, requests: list[bytes], times: int) -> float:
    """Seconds until every client has had its request answered `times`.

    One client a request, all at once, each waiting for one answer before it asks again.
    """
    refused: list[bytes] = []
    start = threading.Barrier(len(requests) + 1)

    def client(request: bytes) -> None:
        start.wait()
        for _ in range(times):
            answer = ask(port, request)
            if not answer.startswith(b"HTTP/1.1 200"):
                refused.append(answer)
                return

    clients = [threading.Thread(target=client, args=(one,)) for one in requests]
    for thread in clients:
        thread.start()
    start.wait()
    begin = perf_counter()
    for thread in clients:
        thread.join()
    took = perf_counter() - begin
    if refused:
        raise RuntimeError(f"a request was refused: {refused[0].decode()[:500]}")
    return took
