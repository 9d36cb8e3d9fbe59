"""Connections that cost an attacker nothing: silent, half-sent, slow.

Each scenario holds its connections open from one address, and opens again what the site
closes. Somebody at another address asks /healthz again and again meanwhile; it fails
where one answer took longer than `LONGEST_ANSWER_SECONDS`.
"""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from urllib.parse import urlsplit

LONGEST_ANSWER_SECONDS = 1.0
HOLD_SECONDS = 12.0
# More than both processes of the site hold.
CONNECTIONS = 700
# Of the loopback network, as the site's own.
SOMEBODY_ELSE = "127.0.0.2"
LARGE = b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"

Figures = dict[str, str]


class Stopped(AssertionError):
    """The site did not answer others while it was attacked."""


def silent_connections(base: str) -> Figures:
    """Connections on which nothing is ever sent."""
    return _measure(base, b"")


def half_sent_headers(base: str) -> Figures:
    """Requests whose headers never end, a further line every second."""
    head = b"GET /healthz HTTP/1.1\r\nHost: " + _host(base)
    return _measure(base, head + b"\r\nX-0: 0", b"\r\nX-1: 1")


def half_sent_request_lines(base: str) -> Figures:
    """Not even the first line is sent whole."""
    return _measure(base, b"GET /he")


def slow_bodies(base: str) -> Figures:
    """Bodies of which a byte comes every second."""
    return _measure(base, _post_head(base, "Content-Length: 4000"), b" ")


def slow_chunks(base: str) -> Figures:
    """The same in chunks of one byte, which are refused at the head."""
    head = _post_head(base, "Transfer-Encoding: chunked")
    return _measure(base, head, b"1\r\n \r\n")


def slow_readers(base: str) -> Figures:
    """Whoever asks for a large answer again and again, and reads none of it."""
    asked = b"GET " + LARGE + b" HTTP/1.1\r\nHost: " + _host(base) + b"\r\n\r\n"
    return _measure(base, asked * 40)


SCENARIOS = {
    "silent connections": silent_connections,
    "half-sent request lines": half_sent_request_lines,
    "half-sent headers": half_sent_headers,
    "bodies of a byte a second": slow_bodies,
    "chunks of a byte a second": slow_chunks,
    "answers that nobody reads": slow_readers,
}


def _measure(base: str, first: bytes, then: bytes = b"") -> Figures:
    """Hold the connections; how long /healthz takes meanwhile, at worst."""
    longest = 0.0
    with _held(base, first, then) as opened_again:
        end = time.monotonic() + HOLD_SECONDS
        while time.monotonic() < end:
            longest = max(longest, require_health(base, SOMEBODY_ELSE))
            time.sleep(0.2)
    return {
        "connections": str(CONNECTIONS),
        "opened again": str(len(opened_again)),
        "/healthz at worst": f"{longest * 1000:.0f} ms",
    }


@contextmanager
def _held(base: str, first: bytes, then: bytes) -> Iterator[list[int]]:
    """Yields the numbers of the connections that were opened again."""
    over = threading.Event()
    held = [_open(base, first) for _ in range(CONNECTIONS)]
    again: list[int] = []

    def feed() -> None:
        while not over.wait(1):
            for number, one in enumerate(held):
                if _is_over(one, then):
                    one.close()
                    held[number] = _open(base, first)
                    again.append(number)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield again
    finally:
        over.set()
        feeder.join()
        for one in held:
            one.close()


def _open(base: str, first: bytes) -> socket.socket:
    address = urlsplit(base)
    opened = socket.create_connection((address.hostname, address.port), 10)
    opened.setblocking(False)
    with suppress(OSError):  # the server has closed it: that is its right
        opened.send(first)
    return opened


def _is_over(one: socket.socket, then: bytes) -> bool:
    """Whether the server has closed it, after it was sent a little more."""
    try:
        if then:
            one.send(then)
        seen = one.recv(12, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return not seen or seen.endswith((b" 429", b" 408"))


def require_health(base: str, address: str = "") -> float:
    """The seconds in which /healthz answered; `Stopped` where it was too long."""
    begin = time.monotonic()
    netloc, source = urlsplit(base).netloc, (address, 0) if address else None
    asking = http.client.HTTPConnection(netloc, timeout=5, source_address=source)
    try:
        asking.request("GET", "/healthz")
        status = asking.getresponse().status
    except (http.client.HTTPException, OSError) as failure:
        took = time.monotonic() - begin
        raise Stopped(f"/healthz gave no answer in {took:.1f} s: {failure}") from None
    finally:
        asking.close()
    if status != HTTPStatus.OK:
        raise Stopped(f"/healthz answered {status}.")
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
