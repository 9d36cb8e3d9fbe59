"""Who may connect to a served site, how much they may send and how slowly.

One process, so that its counts are known; addresses of the loopback network.
"""

import json
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mastertrade.web.connections import BODY_SECONDS, HEAD_SECONDS
from tests.attack.site import gunicorn
from tests.attack.test_site import environment
from tests.attack.uploads import bytes_on_disk

pytestmark = pytest.mark.slow
ONE_PROCESS = ("--workers", "1")
LARGEST = 1_000_000
CONNECTIONS = 10
ME, OTHER, THIRD, FOURTH = (f"127.0.0.{number}" for number in range(1, 5))
PROXY = "127.0.0.9"
TOKEN = "Authorization: Token of-nobody"
SESSION = "Cookie: sessionid=of-nobody"
UPLOAD = "/api/trades/import/"
GO_ON = "HTTP/1.1 100"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Its address, and gunicorn's process."""
    directory: Path = tmp_path_factory.mktemp("doors")
    settings = {
        **environment(directory),
        "MASTERTRADE_UPLOAD_BYTES": str(LARGEST),
        "MASTERTRADE_BODIES_IN_FLIGHT_BYTES": str(2 * LARGEST),
        "MASTERTRADE_CONNECTIONS_PER_ADDRESS": str(CONNECTIONS),
        "MASTERTRADE_TRUSTED_PROXIES": PROXY,
    }
    log = directory / "log"
    with gunicorn(settings, log, options=ONE_PROCESS) as (base, process):
        yield base, process.pid


@pytest.fixture
def site(served: tuple[str, int]) -> str:
    return served[0]


@pytest.fixture
def connections() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack
    time.sleep(0.2)  # the site sees that they are closed


class Client:
    def __init__(self, site: str, address: str = ME) -> None:
        parts: Any = urlsplit(site)
        self.socket = socket.create_connection(
            (parts.hostname, parts.port), 5, source_address=(address, 0)
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *failure: object) -> None:
        self.socket.close()

    def send(self, text: str) -> "Client":
        self.socket.sendall(text.encode())
        return self

    def head(self, path: str, *lines: str) -> "Client":
        return self.send(
            "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *lines, "", ""])
        )

    def hears(self) -> str:
        """The first part of an answer."""
        return self.socket.recv(65536).decode()

    def code(self) -> tuple[int, str]:
        """The answer to the end of the connection: its status and its code."""
        parts = []
        while part := self.socket.recv(65536):
            parts.append(part)
        head, _, body = b"".join(parts).decode().partition("\r\n\r\n")
        assert "\r\nConnection: close" in head
        assert "\r\nContent-Type: application/json" in head
        return int(head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize("expecting", [(), ("Expect: 100-continue",)])
@pytest.mark.parametrize(
    ("path", "length", "shown"),
    [
        (UPLOAD, LARGEST + 1, (TOKEN,)),
        (UPLOAD, 40_000, ()),
        ("/api/goals/", 300_000, (TOKEN,)),
        ("/api/goals/", 40_000, ("Cookie: csrftoken=a",)),
        ("/api/tokens/", 40_000, (TOKEN,)),
        ("/login/", 40_000, ()),
        ("/healthz", 40_000, (TOKEN,)),
        ("//healthz", 40_000, (TOKEN,)),
    ],
)
def test_a_body_too_large_is_refused_before_it_is_sent(
    site: str, path: str, length: int, shown: tuple[str, ...], expecting: Any
) -> None:
    with Client(site) as client:
        client.head(path, f"Content-Length: {length}", *shown, *expecting)
        assert client.code() == (413, "too_large")


@pytest.mark.parametrize("more", [(TOKEN,), (), ("Content-Length: 3",)])
@pytest.mark.parametrize(
    "coding", ["chunked", "gzip, chunked", "gzip", "identity", "x"]
)
def test_a_body_in_chunks_is_refused_at_its_head(
    site: str, coding: str, more: tuple[str, ...]
) -> None:
    with Client(site) as client:
        client.head("/api/tokens/", f"Transfer-Encoding: {coding}", *more)
        assert client.code() == (411, "length_required")


def test_the_limit_is_the_same_without_the_last_slash(site: str) -> None:
    with Client(site) as client:
        length = "Content-Length: 40000"
        client.head(UPLOAD.rstrip("/"), length, TOKEN, "Expect: 100-continue")
        assert client.hears().startswith(GO_ON)


def test_who_expects_to_go_on_without_a_body_is_answered(site: str) -> None:
    with Client(site) as client:
        client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        client.send("Expect: 100-continue\r\n\r\n")
        assert client.hears().startswith("HTTP/1.1 200")


def test_who_is_refused_while_sending_hears_why(site: str) -> None:
    with Client(site) as client:
        client.head("/api/goals/", "Content-Length: 20000000", TOKEN)
        sent = 0
        while sent < 20_000_000:
            sent += client.socket.send(b" " * 100_000)
        assert client.code() == (413, "too_large")


def upload(site: str, address: str, count: int, shown: str = TOKEN) -> Client:
    """The first `count` bytes of a file that has one more."""
    client = Client(site, address)
    client.head(UPLOAD, f"Content-Length: {count + 1}", shown)
    return client.send(" " * count)


def answered(*clients: Client) -> list[Client]:
    """Those that hear something, as soon as one of them does."""
    sockets = {one.socket: one for one in clients}
    return [sockets[one] for one in select.select(list(sockets), [], [], 5)[0]]


@pytest.mark.parametrize("shown", [TOKEN, SESSION])
def test_large_bodies_share_a_bounded_space(
    site: str, connections: ExitStack, shown: str
) -> None:
    """Half is of one address; whoever has most gives way to who has less."""
    mine = connections.enter_context(upload(site, ME, LARGEST - 1, shown))
    with upload(site, ME, LARGEST - 1, shown) as more:
        (refused,) = answered(mine, more)
        assert refused.code() == (503, "server_busy")
        mine = more if refused is mine else mine
        with Client(site, ME) as small:
            small.head("/api/tokens/", "Content-Length: 2").send("{}")
            assert "server_busy" not in small.hears()
        others = connections.enter_context(upload(site, OTHER, LARGEST - 1, shown))
        third = connections.enter_context(upload(site, THIRD, 300_000, shown))
        (refused,) = answered(mine, others, third)
        assert refused is not third
        assert refused.code() == (503, "server_busy")
        assert "server_busy" not in third.send(" ").hears()


def test_heads_alone_take_no_room_of_large_bodies(
    site: str, connections: ExitStack
) -> None:
    for number in range(20):
        client = Client(site, (ME, OTHER, THIRD)[number % 3])
        connections.enter_context(client).head(
            UPLOAD, f"Content-Length: {LARGEST}", TOKEN
        )
    with upload(site, FOURTH, LARGEST - 1) as client:
        assert "server_busy" not in client.send(" ").hears()


def test_the_space_of_an_answered_body_is_free(site: str) -> None:
    for _ in range(5):
        with Client(site) as client:
            client.head(UPLOAD, f"Content-Length: {LARGEST}", TOKEN)
            client.send(" " * LARGEST)
            assert "server_busy" not in client.hears()
        time.sleep(0.2)  # it is free a moment after the answer


def test_a_body_whose_sender_is_gone_leaves_the_disk(
    served: tuple[str, int], site: str
) -> None:
    for number in range(10):
        with upload(site, ME, LARGEST - 1) as client:
            if number % 2:  # a reset in place of an end
                no_time = struct.pack("ii", 1, 0)
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_time)
    time.sleep(0.5)
    assert bytes_on_disk(served[1]) == 0


def test_an_address_has_a_number_of_connections(
    site: str, connections: ExitStack
) -> None:
    held = [connections.enter_context(Client(site)) for _ in range(CONNECTIONS)]
    with Client(site) as more:
        assert more.code() == (429, "too_many_connections")
    with Client(site, OTHER) as other:
        assert ask_health(other) == 200
    held[0].socket.close()
    time.sleep(0.2)
    with Client(site) as more:
        assert ask_health(more) == 200


def test_a_trusted_proxy_has_as_many_connections_as_there_are(
    site: str, connections: ExitStack
) -> None:
    for _ in range(3 * CONNECTIONS):
        connections.enter_context(Client(site, PROXY))
    with Client(site, PROXY) as more:
        assert ask_health(more) == 200


def test_a_connection_is_used_again(site: str) -> None:
    with Client(site) as client:
        assert [ask_health(client) for _ in range(3)] == [200] * 3


def ask_health(client: Client) -> int:
    client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = client.hears()
    while not answer.endswith("}"):
        answer += client.hears()
    return int(answer.split()[1])


def test_what_comes_in_too_slowly_is_refused(site: str) -> None:
    """A letter a second would hold a connection for ever."""
    body = ("/api/tokens/", "Content-Length: 4000")
    slow: list[tuple[Client, str]] = [
        (Client(site).send("GET /healthz HT"), "T"),
        (Client(site).send("GET / HTTP/1.1\r\nX: 1"), "1"),
        (Client(site).head(*body), " "),
    ]
    end = time.monotonic() + max(HEAD_SECONDS, BODY_SECONDS) - 2
    while time.monotonic() < end:
        for client, more in slow:
            client.send(more)
        time.sleep(1)
    for client, _ in slow:
        with client:
            assert client.code() == (408, "too_slow")


def test_bytes_sent_early_give_no_right_to_idle(site: str) -> None:
    """Else all of a body but its last byte would stay for a minute a megabyte."""
    with upload(site, ME, LARGEST - 1) as client:
        began = time.monotonic()
        client.socket.settimeout(BODY_SECONDS + 5)
        assert client.code() == (408, "too_slow")
        assert time.monotonic() - began > BODY_SECONDS - 2


def test_a_body_that_comes_fast_enough_is_read(site: str) -> None:
    """It takes longer than the seconds that any body has."""
    with Client(site) as client:
        client.head(UPLOAD, f"Content-Length: {LARGEST}", TOKEN)
        for _ in range(BODY_SECONDS + 3):
            client.send(" " * 40_000)
            time.sleep(1)
        client.send(" " * (LARGEST - 40_000 * (BODY_SECONDS + 3)))
        assert "too_slow" not in client.hears()
