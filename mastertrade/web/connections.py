"""Connections of one process: who may open one, how much they may send, how slowly.

What is refused here costs no thread, and no more memory or disk than its head. Answers
are JSON with a `code`, and the connection is closed after them.
"""

import json
import socket
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.conf import settings
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask
from waitress.utilities import Error, ServerNotImplemented

from mastertrade.web.addresses import is_within, networks_of, normalized_address
from mastertrade.web.body_limits import (
    LENGTH_IS_UNKNOWN,
    LENGTH_REQUIRED,
    SIGNED_IN,
    TOO_LARGE,
    describe_excess,
    limit_at,
)

# Seconds until a connection without a request is closed, and until a head is refused.
IDLE_SECONDS = 30
HEAD_SECONDS = 10
# A body is refused that falls so many seconds behind this many bytes a second; bytes
# that come faster earn no more time than that.
BODY_SECONDS = 10
SLOWEST_BODY = 16_384
# A client that was refused while it sends hears why before it hears of a reset.
LINGER_SECONDS = 2
WAIT_SECONDS = 5
# How long a process that is to end waits for the request of who has just connected.
FIRST_REQUEST_SECONDS = 2
# Of what waitress refuses by itself.
CODES = {413: TOO_LARGE, 431: "headers_too_large", 500: "internal_error"}


class Refused(Error):  # type: ignore[misc]
    """A request that the application does not see."""

    def __init__(self, status: HTTPStatus, name: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.reason, self.name = status.value, status.phrase, name


class Refusal(ErrorTask):  # type: ignore[misc]
    """Its answer, in the API's words."""

    def execute(self) -> None:
        error = self.request.error
        name = getattr(error, "name", CODES.get(error.code, "bad_request"))
        detail = f"{error.body.removesuffix('.')}."
        body = json.dumps({"code": name, "detail": detail}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
            self.response_headers.append(("Retry-After", str(WAIT_SECONDS)))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.channel.refused = True
        self.write(body)


def busy() -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "server_busy",
        "Too many large bodies are coming in at once, and this one was not read. Send "
        "it again later.",
    )


class Space:
    """Bytes of large bodies that have come in to one process; half for an address."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._taken: Counter[str | None] = Counter()
        self._lock = threading.Lock()

    def take(self, whose: str | None, count: int) -> bool:
        """Whether there is room for `count` more; None is nobody in particular."""
        with self._lock:
            room: int = self.total - self._taken.total()
            if whose is not None:
                room = min(room, self.total // 2 - self._taken[whose])
            if count <= room:
                self._taken[whose] += count
            return count <= room

    def has_most(self, whose: str | None, count: int) -> str | None:
        """The address that has more than `whose` will with `count` more, or none."""
        with self._lock:
            held = [(n, other) for other, n in self._taken.items() if other is not None]
            most, address = max(held, default=(0, None))
            return address if most > self._taken[whose] + count else None

    def give_back(self, whose: str | None, count: int) -> None:
        with self._lock:
            self._taken[whose] -= count
            if not self._taken[whose]:
                del self._taken[whose]


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """A request that comes in; refused as soon as it is too large or too slow."""

    completed: bool
    error: Any

    def __init__(self, channel: "Channel") -> None:
        super().__init__(channel.adj)
        self.channel = channel
        self.deadline = time.monotonic() + HEAD_SECONDS
        self.limit: int | None = None
        self.taken = 0

    def received(self, data: bytes) -> int:
        before: int = self.body_bytes_received
        count: int = super().received(data)
        if self.completed:  # else waitress would read on, into the next request
            self.expect_continue = False
        if isinstance(self.error, ServerNotImplemented):  # another Transfer-Encoding
            self.error = _without_length()
        if self.error is None and self.body_rcv is not None:
            self._extend_deadline(self.body_bytes_received - before)
            self.error = self._wrong_with_body()
        if self.error is not None:
            self.refuse(self.error)
        return count

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # an address or a number beyond what Python reads
            raise ParsingError("HTTP message header invalid") from None

    def refuse(self, error: Error) -> None:
        self.error = error
        self.completed, self.expect_continue = True, False
        self.close()

    def close(self) -> None:
        super().close()
        self.channel.gate.space.give_back(self.channel.whose, self.taken)
        self.taken = 0

    def restart_clock(self, now: float) -> None:
        """Nothing of it was read until now: another request was being answered."""
        self.deadline = now + (BODY_SECONDS if self.headers_finished else HEAD_SECONDS)

    def _extend_deadline(self, received: int) -> None:
        now = time.monotonic()
        if self.limit is None:  # the head has just come in whole
            self.restart_clock(now)
        longer = self.deadline + received / SLOWEST_BODY
        self.deadline = min(longer, now + BODY_SECONDS)

    def _wrong_with_body(self) -> Error | None:
        if self.chunked:  # taken apart here, chunks of a byte would hold all others
            return _without_length()
        size: int = self.content_length
        if self.limit is None:
            header = self.headers.get
            path = "/" + self.path.lstrip("/")
            self.limit = limit_at(
                path, header("AUTHORIZATION", ""), header("COOKIE", "")
            )
        if size > self.limit:
            detail = describe_excess(size, self.limit)
            return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE, detail)
        if size > settings.BODY_LIMITS[SIGNED_IN] and not self._take_in():
            return busy()
        return None

    def _take_in(self) -> bool:
        """Whether there is room for what has come; what is announced takes none."""
        more = self.body_bytes_received - self.taken
        if not self.channel.gate.make_room(self.channel.whose, more):
            return False
        self.taken += more
        return True


def _without_length() -> Refused:
    return Refused(HTTPStatus.LENGTH_REQUIRED, LENGTH_REQUIRED, LENGTH_IS_UNKNOWN)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection. `whose` is its address; None is a proxy's, which is many's."""

    error_task_class = Refusal
    requests: list[Any]
    request: Any
    will_close: bool
    refused = False
    has_served = False
    lingers_until: float | None = None

    def __init__(self, gate: "Gate", whose: str | None, *connection: Any) -> None:
        self.gate, self.whose = gate, whose
        self.free_since = time.monotonic()
        super().__init__(*connection)

    def parser_class(self, adj: Any) -> Parser:
        return Parser(self)

    def service(self) -> None:
        """Answer a request; none that came before the answer to another was read."""
        self.has_served = True
        if not self.total_outbufs_len:
            super().service()
            return
        with self.requests_lock:
            for request in self.requests:
                request.close()
            self.requests = []
            self.close_when_flushed = True
        self.server.pull_trigger()

    def received(self, data: bytes) -> Any:
        return False if self.lingers_until else super().received(data)

    def handle_write(self) -> None:
        if not (self.refused and self.close_when_flushed):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.socket is None:  # the client was faster, and it is closed
            return
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self.close_when_flushed = False
            self.lingers_until = time.monotonic() + LINGER_SECONDS
            with suppress(OSError):  # the client was faster
                self.socket.shutdown(socket.SHUT_WR)

    def handle_close(self) -> None:
        if self.request is not None:  # now: as garbage its file would stay for long
            self.request.close()
        super().handle_close()

    def awaits_answer(self, now: float) -> bool:
        """Whether a request has come in or is coming, or the first one may."""
        if self.requests or self.total_outbufs_len or self.request is not None:
            return True
        return not self.has_served and now - self.free_since < FIRST_REQUEST_SECONDS

    def look_after(self, now: float) -> None:
        """Close it, or refuse its request, where that takes too long."""
        if self.requests or self.total_outbufs_len:  # nothing is read meanwhile
            self.free_since = now
            if self.request is not None:
                self.request.restart_clock(now)
        elif self.lingers_until:
            self.will_close = now > self.lingers_until
        elif self.request is None:
            self.will_close |= now - self.free_since > IDLE_SECONDS
        elif now > self.request.deadline:
            detail = "The request comes in too slowly. Send it again, faster."
            self.refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "too_slow", detail))

    def refuse(self, why: Refused) -> None:
        """Answer the request that is still coming in."""
        with self.requests_lock:
            refused, self.request = self.request, None
            refused.refuse(why)
            self.requests.append(refused)
        self.server.add_task(self)

    def incoming(self) -> int:
        """Bytes of a large body that has not come in whole."""
        return 0 if self.request is None or self.requests else self.request.taken


class FairQueue:
    """Connections whose request waits for a thread: each address in its turn.

    Takes the place of a dispatcher's queue, which holds its lock whenever it asks.
    """

    def __init__(self) -> None:
        self._waiting: dict[str | None, deque[Channel]] = {}

    def append(self, channel: Channel) -> None:
        self._waiting.setdefault(channel.whose, deque()).append(channel)

    def popleft(self) -> Channel:
        whose = next(iter(self._waiting))
        queue = self._waiting.pop(whose)
        channel = queue.popleft()
        if queue:
            self._waiting[whose] = queue  # behind the others
        return channel

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))


class Gate:
    """Who gets a connection of this process, and the limits that they share.

    Called as waitress calls the class of its channels. Proxies that are trusted, and
    whoever comes by a Unix socket, have as many connections as there are.
    """

    def __init__(self, connections: dict[int, Any]) -> None:
        self.connections = connections
        self.proxies = networks_of(settings.TRUSTED_PROXIES)
        self.space = Space(settings.BODIES_IN_FLIGHT)

    def __call__(
        self, server: Any, sock: Any, addr: Any, adj: Any, map: dict[int, Any]
    ) -> None:
        whose = None
        if server.family != socket.AF_UNIX and not is_within(addr[0], self.proxies):
            whose = normalized_address(addr[0])
        if whose is None or self._count(whose) < settings.CONNECTIONS_PER_ADDRESS:
            Channel(self, whose, server, sock, addr, adj, map)
        else:
            _turn_away(sock)

    def look_after_all(self) -> None:
        now = time.monotonic()
        for one in self._channels():
            one.look_after(now)

    def make_room(self, whose: str | None, count: int) -> bool:
        """Take space for a body; whoever has most gives way to those who have less.

        So no few addresses hold the space, by whatever credentials they show.
        """
        while not self.space.take(whose, count):
            most = self.space.has_most(whose, count)
            theirs = [one for one in self._channels() if one.whose == most]
            largest = max(theirs, key=Channel.incoming, default=None)
            if most is None or largest is None or not largest.incoming():
                return False
            largest.refuse(busy())
        return True

    def _channels(self) -> list[Channel]:
        return [one for one in self.connections.values() if isinstance(one, Channel)]

    def _count(self, whose: str) -> int:
        return sum(one.whose == whose for one in self._channels())


def _turn_away(sock: Any) -> None:
    message = {
        "code": "too_many_connections",
        "detail": f"Your address has {settings.CONNECTIONS_PER_ADDRESS} connections "
        "already. Close some, or use them again.",
    }
    body = json.dumps(message)
    head = (
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nRetry-After: {WAIT_SECONDS}\r\n"
        "Connection: close\r\n\r\n"
    )
    sock.setblocking(False)
    with suppress(OSError):  # gone, or its buffer is full
        sock.send((head + body).encode())
    sock.close()
