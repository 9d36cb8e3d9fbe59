"""Connections that cost an attacker nothing: silent, half-sent, slow.

Each scenario holds its connections open, asks /healthz again and again meanwhile, and
fails where one answer took longer than `LONGEST_ANSWER_SECONDS`.
"""

import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

LONGEST_ANSWER_SECONDS = 1.0
HOLD_SECONDS = 12.0
SILENT = 100
HALF_SENT = 100
SLOW_BODIES = 50
SLOW_READERS = 50
LARGE = b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"

Figures = dict[str, str]


class Stopped(AssertionError):
    """The site did not answer others while it was attacked."""


def silent_connections(base: str) -> Figures:
    """Connections on which nothing is ever sent."""
    return _measure(base, SILENT, b"")


def half_sent_headers(base: str) -> Figures:
    """Requests whose headers never end, a further line every second."""
    head = b"GET /healthz HTTP/1.1\r\nHost: " + _host(base)
    return _measure(base, HALF_SENT, head + b"\r\nX-0: 0", b"\r\nX-1: 1")


def half_sent_request_lines(base: str) -> Figures:
    """Not even the first line is sent whole."""
    return _measure(base, HALF_SENT, b"GET /he")


def slow_bodies(base: str) -> Figures:
    """Bodies of which a byte comes every second."""
    return _measure(base, SLOW_BODIES, _post_head(base, "Content-Length: 4000"), b" ")


def slow_chunks(base: str) -> Figures:
    """The same in chunks of one byte."""
    head = _post_head(base, "Transfer-Encoding: chunked")
    return _measure(base, SLOW_BODIES, head, b"1\r\n \r\n")


def slow_readers(base: str) -> Figures:
    """Whoever asks for a large answer again and again, and reads none of it."""
    asked = b"GET " + LARGE + b" HTTP/1.1\r\nHost: " + _host(base) + b"\r\n\r\n"
    return _measure(base, SLOW_READERS, asked * 40)


SCENARIOS = {
    "silent connections": silent_connections,
    "half-sent request lines": half_sent_request_lines,
    "half-sent headers": half_sent_headers,
    "bodies of a byte a second": slow_bodies,
    "chunks of a byte a second": slow_chunks,
    "answers that nobody reads": slow_readers,
}


def _measure(base: str, count: int, first: bytes, then: bytes = b"") -> Figures:
    """Hold `count` connections; how long /healthz takes meanwhile, at worst."""
    longest = 0.0
    with _held(base, count, first, then):
        end = time.monotonic() + HOLD_SECONDS
        while time.monotonic() < end:
            longest = max(longest, require_health(base))
            time.sleep(0.2)
    return {"connections": str(count), "/healthz at worst": f"{longest * 1000:.0f} ms"}


@contextmanager
def _held(base: str, count: int, first: bytes, then: bytes) -> Iterator[None]:
    over = threading.Event()
    address = urlsplit(base)
    with ExitStack() as stack:
        held = []
        for _ in range(count):
            one = socket.create_connection((address.hostname, address.port), 10)
            held.append(stack.enter_context(one))
            one.settimeout(1)
            one.sendall(first)
        feeder = threading.Thread(target=_feed, args=(held, then, over), daemon=True)
        feeder.start()
        try:
            yield
        finally:
            over.set()
            feeder.join()


def _feed(held: list[socket.socket], then: bytes, over: threading.Event) -> None:
    """Every second a little more on each connection that is still open."""
    while then and not over.wait(1):
        for one in held:
            try:
                one.sendall(then)
            except OSError:
                continue  # the server has closed it: that is its right


def require_health(base: str) -> float:
    """The seconds in which /healthz answered; `Stopped` where it was too long."""
    begin = time.monotonic()
    try:
        with urllib.request.urlopen(f"{base}/healthz", timeout=5) as answer:
            if answer.status != HTTPStatus.OK:
                raise Stopped(f"/healthz answered {answer.status}.")
    except (urllib.error.URLError, OSError) as failure:
        took = time.monotonic() - begin
        raise Stopped(f"/healthz gave no answer in {took:.1f} s: {failure}") from None
    took = time.monotonic() - begin
    if took > LONGEST_ANSWER_SECONDS:
        raise Stopped(f"/healthz took {took:.1f} s.")
    return took


def _post_head(base: str, framing: str) -> bytes:
    return (
        b"POST /api/tokens/ HTTP/1.1\r\nHost: "
        + _host(base)
        + b"\r\nContent-Type: application/json\r\n"
        + framing.encode()
        + b"\r\n\r\n"
    )


def _host(base: str) -> bytes:
    return urlsplit(base).netloc.encode()
