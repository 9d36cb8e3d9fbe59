"""Bots that trade and people who look, at a given rate, and how long each waited."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from time import monotonic, sleep
from typing import Any

from bench.load.seeding import Account
from bench.load.site import Site
from bench.people import STRATEGY
from bench.sizing import BODY
from bench.web import Refused, ask

# What a bot asks in a turn: it asks for sizes more often than it trades.
SIZES_A_TURN = 3
REQUESTS_A_TURN = SIZES_A_TURN + 3
# One request in so many turns is a page; one in so many of these is the admin's.
TURNS_A_PAGE, PAGES_A_LIST = 3, 3
REQUESTS = REQUESTS_A_TURN + 1 / TURNS_A_PAGE
# Turns at once; a turn that finds none free has waited when it is measured.
CLIENTS = 64
# Seconds; a client that waits for its turn sees so soon that no more are wanted.
LOOKS_AGAIN = 0.5
LISTS = ("/admin/trades/trade/", "/admin/goals/portfolio/", "/admin/goals/goalalert/")
KINDS = ("sizing", "close", "page")


@dataclass(slots=True)
class Times:
    """Seconds of the requests that were answered, by kind, and what was not."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: list[str] = field(default_factory=list)
    lasted: float = 0.0

    @property
    def answered(self) -> int:
        return sum(map(len, self.seconds.values()))

    @property
    def per_second(self) -> float:
        return self.answered / self.lasted

    @property
    def refused_share(self) -> float:
        return len(self.refused) / max(1, len(self.refused) + self.answered)

    def percentile(self, kind: str, of_hundred: int) -> float | None:
        """In seconds; None where nothing of the kind was answered."""
        ordered = sorted(self.seconds[kind])
        if not ordered:
            return None
        return ordered[min(len(ordered) - 1, len(ordered) * of_hundred // 100)]


class Crowd:
    """Bots of accounts in turn, and one person at the pages."""

    def __init__(self, site: Site, accounts: Sequence[Account], cookie: str) -> None:
        self.site, self.accounts, self.cookie = site, accounts, cookie
        self.answered = 0
        self._lock = Lock()
        self._locks = [Lock() for _ in accounts]
        self._keys = count()

    def run(
        self, per_second: float, *, until: Callable[[float], bool], warm_up: float = 0.0
    ) -> Times:
        """Requests at that rate, as long as `until` (given the seconds) says no.

        What is begun in the first `warm_up` seconds is not counted.
        """
        times, turns = Times(), count()
        between, begin = REQUESTS / per_second, monotonic() + 0.1

        def client(_: int) -> None:
            for number in turns:
                due = begin + number * between
                while (left := due - monotonic()) > 0 and not until(due - begin):
                    sleep(min(left, LOOKS_AGAIN))
                if until(due - begin):
                    return
                counted = times if due - begin >= warm_up else Times()
                self._turn(number, due, counted)

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(client, range(CLIENTS)))
        times.lasted = max(monotonic() - begin - warm_up, 0.001)
        return times

    def _turn(self, number: int, due: float, times: Times) -> None:
        place, late = number % len(self.accounts), monotonic() - due
        if number % TURNS_A_PAGE == 0:
            page = number // TURNS_A_PAGE
            is_list = page % PAGES_A_LIST == 0
            path = LISTS[page // PAGES_A_LIST % len(LISTS)] if is_list else "/"
            self._ask(times, "page", monotonic(), "GET", path, cookie=self.cookie)
        with self._locks[place]:  # a bot does one thing at a time
            self._trade(self.accounts[place], late, times)

    def _trade(self, account: Account, late: float, times: Times) -> None:
        path = f"/api/goals/{account.goal_id}/sizing/"
        self._post(times, "sizing", account, path, BODY, late)
        for _ in range(SIZES_A_TURN - 1):
            self._post(times, "sizing", account, path, BODY)
        key = next(self._keys)
        opened = self._post(
            times,
            "open",
            account,
            "/api/trades/",
            {
                "portfolio": account.portfolio_id,
                "strategy_id": STRATEGY,
                "symbol": "BTCUSDT",
                "side": "LONG",
                "quantity": "0.001",
                "entry_price": "50000",
                "external_id": f"load-{account.portfolio_id}-{id(self)}-{key}",
            },
        )
        if opened is None:
            return
        marks = f"/api/positions/marks/?portfolio={account.portfolio_id}"
        price = str(50_000 + key % 7 * 10 - 30)
        self._post(
            times, "mark", account, marks, [{"symbol": "BTCUSDT", "price": price}]
        )
        close = f"/api/trades/{json.loads(opened)['trade_id']}/close/"
        self._post(times, "close", account, close, {"exit_price": price, "fees": "0"})

    def _post(
        self,
        times: Times,
        kind: str,
        account: Account,
        path: str,
        body: Any,
        late: float = 0.0,
    ) -> bytes | None:
        content, since = json.dumps(body).encode(), monotonic() - late
        return self._ask(times, kind, since, "POST", path, content, account.token)

    def _ask(
        self, times: Times, kind: str, since: float, *request: Any, cookie: str = ""
    ) -> bytes | None:
        try:
            answer = ask(self.site.port, *request, cookie=cookie)
        except (Refused, OSError) as failure:
            times.refused.append(f"{kind}: {failure}")
            return None
        times.seconds[kind].append(monotonic() - since)
        with self._lock:
            self.answered += 1
        return answer
