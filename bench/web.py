"""A gunicorn of ours on the loopback interface, and what asks it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
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
            ask(server.port, "GET", "/healthz")
        except OSError:
            sleep(0.05)
        else:
            return
    raise RuntimeError("gunicorn did not start.")


class Refused(RuntimeError):
    """A request that was not answered 2xx."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"a request was refused: {status} {text}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Post:
    """A POST request of JSON."""

    path: str
    body: bytes
    token: str


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    token: str = "",
    *,
    content_type: str = "application/json",
    cookie: str = "",
) -> bytes:
    """Ask on a connection of its own; what is answered. Raises unless it is 2xx."""
    connection = HTTPConnection(LOOPBACK, port, timeout=LONGEST_REQUEST)
    headers = {
        "Host": "localhost",
        "Content-Type": content_type,
        "Connection": "close",
    }
    if token:
        headers["Authorization"] = f"Token {token}"
    if cookie:
        headers["Cookie"] = cookie
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status // 100 != 2:
        raise Refused(answer.status, text.decode()[:500])
    return text


def load(port: int, posts: list[Post], times: int) -> float:
    """Seconds until every client has had its request answered `times`.

    One client a request, all at once, each waiting for one answer before it asks again.
    """

    def client(post: Post) -> None:
        for _ in range(times):
            ask(port, "POST", post.path, post.body, post.token)

    with ThreadPoolExecutor(len(posts)) as clients:
        begin = perf_counter()
        list(clients.map(client, posts))
        return perf_counter() - begin
