"""Bodies and questions that cost much, and what others notice of them.

Each scenario has a site and traders of its own: it holds locks in its database.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.attack.site import gunicorn
from tests.faults.stand import Stand, Trader, stand

Figures = dict[str, str]
LONGEST_ANSWER = 60.0
# What others may wait, at most, while somebody attacks.
LONGEST_WAIT = 1.0
AT_ONCE = 20
# Who wants another portfolio waits less than who wants the locked one may.
LOCK_LIMIT = 2.0
SECONDS = 8.0
MEGABYTE = 10**6


@dataclass
class Place:
    """A served site, with its database and traders."""

    base: str
    stand: Stand
    process: Any

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        *,
        token: str | None = None,
        content_type: str = "application/json",
        source: str = "",
    ) -> tuple[int, dict[str, Any], float]:
        """Status, JSON and seconds; an answer before the body is sent counts too."""
        address = urlsplit(self.base).netloc
        connection = http.client.HTTPConnection(
            address,
            timeout=LONGEST_ANSWER,
            source_address=(source, 0) if source else None,
        )
        headers = {"Content-Type": content_type} if body is not None else {}
        if token:
            headers["Authorization"] = f"Token {token}"
        began = time.monotonic()
        try:
            # A server that reads no further has said why before.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        given = json.loads(text) if text else {}
        return answer.status, given, time.monotonic() - began


@contextmanager
def site(**environment: str) -> Iterator[Place]:
    with stand() as made:
        settings = {
            **made.environment,
            "MASTERTRADE_ANONYMOUS_RATE": "1000000/min",
            "MASTERTRADE_SIGN_IN_RATE": "1000000/min",
            **environment,
        }
        with gunicorn(settings, made.directory / "site.log") as (base, process):
            yield Place(base, made, process)


class Watcher:
    """Somebody else, who asks again and again; how long the longest answer took."""

    def __init__(self, ask: Callable[[], tuple[int, Any, float]]) -> None:
        self._ask, self._over = ask, threading.Event()
        self.longest, self.answers, self.wrong = 0.0, 0, Counter[int]()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.is_set():
            status, _, seconds = self._ask()
            self.answers += 1
            self.longest = max(self.longest, seconds)
            if status >= 400:
                self.wrong[status] += 1
            time.sleep(0.05)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._over.set()
        self._thread.join()

    def require(self, longest: float = LONGEST_WAIT) -> str:
        assert not self.wrong, f"others were answered {dict(self.wrong)}"
        assert self.answers > 0, "others got no answer"
        assert self.longest < longest, f"others waited {self.longest:.2f} s"
        return f"{self.answers} answers, longest {self.longest:.2f} s"


def repeated_fields(base: str) -> Figures:
    """495 kB of one JSON field again and again, to where anybody may send."""
    with site() as place:
        one = b'"k%07d": 1, '
        body = b"{" + b"".join(one % n for n in range(33_000)) + b'"k0000000": 1}'
        small = body[:30_000].rstrip(b'", k:0123456789') + b', "k0000000": 1}'
        with Watcher(lambda: place.ask("GET", "/healthz")) as others:
            large = _all_at_once(lambda: place.ask("POST", "/api/tokens/", body), {413})
            # The throttle may answer first: it counts before a body is read.
            allowed = _all_at_once(
                lambda: place.ask("POST", "/api/tokens/", small), {400, 429}
            )
        return {
            "of 495 kB": large,
            "of what is allowed": allowed,
            "/healthz": others.require(),
        }


def unknown_names(base: str) -> Figures:
    """2 MB of names that nobody knows, and as many as are read."""
    with site() as place:
        trader = place.stand.seed("trader")
        huge = json.dumps({f"unknown name {n}": 1 for n in range(90_000)}).encode()
        read = json.dumps({f"unknown name {n}": 1 for n in range(10_000)}).encode()
        status, _, _ = place.ask("POST", "/api/goals/", huge, token=trader.token)
        assert status == 413, f"2 MB were answered {status}"
        status, given, seconds = place.ask(
            "POST", "/api/goals/", read, token=trader.token
        )
        assert (status, len(given)) == (400, 21), f"{status} with {len(given)} fields"
        return {
            "fields named": "20",
            "more": str(given["and_more"][0]),
            "s": _s(seconds),
        }


def huge_bodies(base: str) -> Figures:
    """50 MB of blanks to every door, at once."""
    with site() as place:
        trader = place.stand.seed("trader")
        body = b" " * (50 * MEGABYTE)
        doors = ["/api/tokens/", "/api/goals/", "/api/sizing/", "/login/"]
        with (
            Watcher(lambda: place.ask("GET", "/healthz")) as others,
            ThreadPoolExecutor(len(doors)) as pool,
        ):
            asked = [
                pool.submit(place.ask, "POST", door, body, token=trader.token)
                for door in doors
            ]
            seen = Counter(one.result()[0] for one in asked)
        assert set(seen) == {413}, f"answered {dict(seen)}"
        return {"answers": str(dict(seen)), "/healthz": others.require()}


def chunked_bodies(base: str) -> Figures:
    """A body without a length is read or refused, and never taken as none."""
    with site() as place:
        trader = place.stand.seed("trader")
        sent = json.dumps({"name": "in chunks"}).encode()
        seen = Counter[int]()
        unknown = b'{"misspelt": 1}'  # named in the answer to who has read it
        for path, body in (("/api/portfolios/", sent), ("/api/tokens/", unknown)):
            pieces = (body[n : n + 4] for n in range(0, len(body), 4))
            status, given, _ = place.ask("POST", path, pieces, token=trader.token)
            seen[status] += 1
            is_read = status == 201 or (status == 400 and "misspelt" in given)
            assert is_read or status == 411, f"answered {status} {given}"
        return {"answers": str(dict(seen))}


def heavy_questions(base: str) -> Figures:
    """Projections and performances of a long record, next to /healthz and a trader."""
    with site() as place:
        heavy = place.stand.seed("heavy")
        other = place.stand.seed("other")
        _fill(place.stand, heavy, 60_000)
        paths = [
            f"/api/goals/{heavy.goals[0]}/projection/",
            f"/api/strategies/{heavy.strategy_id}/performance/",
        ]
        asked = Counter[int]()
        slowest = 0.0
        over = time.monotonic() + SECONDS
        size = json.dumps({"portfolio": other.portfolios[0], "base_size": "1"}).encode()

        def attack(number: int) -> None:
            nonlocal slowest
            while time.monotonic() < over:
                path = paths[number % len(paths)]
                status, given, seconds = place.ask("GET", path, token=heavy.token)
                assert status in {200, 429}, f"{path} answered {status} {given}"
                asked[status] += 1
                slowest = max(slowest, seconds)

        with (
            Watcher(lambda: place.ask("GET", "/healthz")) as others,
            Watcher(
                lambda: place.ask("POST", "/api/sizing/", size, token=other.token)
            ) as traders,
            ThreadPoolExecutor(4) as pool,
        ):
            list(pool.map(attack, range(4)))
        slower = f"{traders.answers} answers, longest {traders.longest:.2f} s"
        assert not traders.wrong, f"a trader was answered {dict(traders.wrong)}"
        return {
            "asked": str(dict(asked)),
            "slowest": _s(slowest),
            "/healthz": others.require(),
            "another's sizing": slower,
        }


def one_locked_portfolio(base: str) -> Figures:
    """Everybody waits at one locked portfolio; who wants another does not."""
    with site() as place:
        locked = place.stand.seed("locked")
        other = place.stand.seed("other")
        size = json.dumps({"portfolio": other.portfolios[0], "base_size": "1"}).encode()
        want = json.dumps(
            {"portfolio": locked.portfolios[0], "base_size": "1"}
        ).encode()
        seen = Counter[tuple[int, str]]()
        with psycopg.connect(place.stand.postgres.url) as holder:
            holder.execute(
                "SELECT 1 FROM portfolios WHERE portfolio_id = %s FOR UPDATE",
                [locked.portfolios[0]],
            )
            over = time.monotonic() + SECONDS

            def attack(_: int) -> None:
                while time.monotonic() < over:
                    status, given, _s = place.ask(
                        "POST", "/api/sizing/", want, token=locked.token
                    )
                    seen[status, str(given.get("code"))] += 1

            with (
                Watcher(
                    lambda: place.ask("POST", "/api/sizing/", size, token=other.token)
                ) as others,
                ThreadPoolExecutor(AT_ONCE) as pool,
            ):
                list(pool.map(attack, range(AT_ONCE)))
        assert set(seen) <= {(503, "database_busy")}, f"answered {dict(seen)}"
        status, given, _ = place.ask("POST", "/api/sizing/", want, token=locked.token)
        assert status == 200, f"after that {status} {given}"
        return {
            "refused": str(sum(seen.values())),
            "others": others.require(LOCK_LIMIT),
        }


SCENARIOS: dict[str, Callable[[str], Figures]] = {
    "a repeated JSON field": repeated_fields,
    "2 MB of unknown names": unknown_names,
    "huge bodies": huge_bodies,
    "bodies in chunks": chunked_bodies,
    "heavy questions": heavy_questions,
    "one locked portfolio": one_locked_portfolio,
}


def _all_at_once(
    ask: Callable[[], tuple[int, dict[str, Any], float]], expected: set[int]
) -> str:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: ask(), range(AT_ONCE)))
    statuses = Counter(status for status, _, _ in answers)
    assert set(statuses) <= expected, f"answered {dict(statuses)}"
    return f"{dict(statuses)}, longest {_s(max(seconds for *_, seconds in answers))}"


def _fill(stand: Stand, trader: Trader, trades: int) -> None:
    done = stand.run(
        "-m",
        "tests.attack.record",
        trader.username,
        str(trader.portfolios[0]),
        str(trades),
    )
    assert done.returncode == 0, done.stdout


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"
