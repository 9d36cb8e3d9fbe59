"""Clients with a plan: they send, note every answer, and send again what got none."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Thread
from typing import Any

from mastertrade.values.money import ZERO
from tests.faults.server import NoAnswer, WebServer
from tests.faults.stand import Trader

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.1
# What a first success answers; what a repeated one does is always 200.
CREATES = {"open", "add", "flow"}
KEY_OF_ANSWER = {
    "open": "trade_id",
    "add": "trade_id",
    "part": "trade_id",
    "close": "trade_id",
    "flow": "cash_flow_id",
    "size": "adjustment_id",
}


@dataclass
class Step:
    """One request; `key` is its external id, `of` the trade it is about."""

    kind: str
    key: str
    path: str
    body: dict[str, Any]
    of: str | None = None
    tries: int = 0
    answer: dict[str, Any] | None = None

    @property
    def is_open_question(self) -> bool:
        """Sent, and never answered: it may be done or not."""
        return self.tries > 0 and self.answer is None


@dataclass
class Bot:
    """One client of one portfolio."""

    name: str
    trader: Trader
    portfolio_id: int
    steps: list[Step]
    profit: Decimal
    flows: Decimal
    wrong: list[str] = field(default_factory=list)
    # Why the last request without an answer had none.
    lost: str = ""
    pausing: bool = False

    @property
    def answered(self) -> list[Step]:
        return [step for step in self.steps if step.answer is not None]

    @property
    def is_done(self) -> bool:
        return all(step.answer is not None for step in self.steps)

    def work(self, server: WebServer, *, patient: bool = False) -> None:
        """Go on where it stopped, until there is no answer, or it is told to pause.

        If `patient`, send what got no answer again and again.
        """
        for step in self.steps:
            if self.pausing:
                return
            if step.answer is None and not self._try(server, step, patient):
                return

    def _try(self, server: WebServer, step: Step, patient: bool) -> bool:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            step.tries += 1
            try:
                status, answer = self.send(server, step)
            except NoAnswer as failure:
                self.lost = f"{step.key}: {failure} {failure.words}".strip()
                if not patient:
                    return False
                if time.monotonic() > end:
                    self.wrong.append(f"{step.key} got no answer for {end:.0f} s")
                    return False
                time.sleep(PAUSE_SECONDS)
                continue
            right = {201} if step.kind in CREATES else {200}
            if step.kind in CREATES and step.tries > 1:
                right = {200, 201}
            if status not in right or not isinstance(answer, dict):
                self.wrong.append(f"{step.key} was answered {status} {answer}")
                return False
            step.answer = {**answer, "status_code": status}
            return True

    def repeat(self, server: WebServer) -> None:
        """Send everything again that was answered: the same again, and nothing new."""
        for step in self.answered:
            assert step.answer is not None
            status, answer = self.send(server, step)
            same = KEY_OF_ANSWER[step.kind]
            if status != 200 or answer[same] != step.answer[same]:
                self.wrong.append(
                    f"{step.key} was repeated and answered {status} {answer}"
                )

    def send(self, server: WebServer, step: Step) -> tuple[int, Any]:
        path = step.path
        if step.of is not None:
            opened = next(one for one in self.steps if one.key == step.of)
            assert opened.answer is not None
            path = path.format(trade_id=opened.answer["trade_id"])
        return server.ask("POST", path, step.body, self.trader.token)


def make_bots(trader: Trader, count: int, requests: int) -> list[Bot]:
    """So many bots with so many requests in all, the portfolios shared among them."""
    bots = []
    for number in range(count):
        share = requests // count + (number < requests % count)
        place = number % len(trader.portfolios)
        bots.append(_make_bot(f"bot{number}", trader, place, share))
    return bots


def _make_bot(name: str, trader: Trader, place: int, requests: int) -> Bot:
    plan = _Plan(name, trader, trader.portfolios[place], random.Random(name))
    while len(plan.steps) < requests:
        plan.trade()
    steps = plan.steps[:requests]
    kept = {step.key for step in steps}
    profit = sum((worth for key, worth in plan.profits.items() if key in kept), ZERO)
    flows = sum((amount for key, amount in plan.flows.items() if key in kept), ZERO)
    return Bot(name, trader, plan.portfolio_id, steps, profit, flows)


UNIT = Decimal("0.01")


class _Plan:
    """Requests of one bot, and what their sum must be: figures that divide evenly."""

    def __init__(
        self, name: str, trader: Trader, portfolio_id: int, chance: random.Random
    ) -> None:
        self.name = name
        self.trader = trader
        self.portfolio_id = portfolio_id
        self.chance = chance
        self.steps: list[Step] = []
        self.profits: dict[str, Decimal] = {}
        self.flows: dict[str, Decimal] = {}
        self._keys = (f"{name}-{number}" for number in range(10**6))

    def trade(self) -> None:
        """A trade from its size to its close, with what comes in between."""
        self._size()
        side = self.chance.choice(["LONG", "SHORT"])
        sign = 1 if side == "LONG" else -1
        entry = self._price()
        fees = Decimal(self.chance.randrange(0, 100)) / 100
        opened = self._add_step(
            "open",
            "/api/trades/",
            {
                "portfolio": self.portfolio_id,
                "strategy_id": self.trader.strategy_id,
                "symbol": "BTCUSDT",
                "side": side,
                "quantity": str(UNIT * 4),
                "entry_price": str(entry),
                "fees": "0",
            },
        )
        held = UNIT * 4
        if self.chance.random() < 0.3:
            # At the same price: parts then divide the cost evenly.
            self._add_step(
                "add",
                "/api/trades/{trade_id}/add/",
                {"quantity": str(UNIT * 4), "entry_price": str(entry)},
                of=opened,
            )
            held += UNIT * 4
        if self.chance.random() < 0.4:
            price = self._price()
            part = self._add_step(
                "part",
                "/api/trades/{trade_id}/close/",
                {"exit_price": str(price), "quantity": str(UNIT)},
                of=opened,
            )
            self.profits[part] = sign * UNIT * (price - entry)
            held -= UNIT
        self._flow()
        price = self._price()
        close = self._add_step(
            "close",
            "/api/trades/{trade_id}/close/",
            {"exit_price": str(price), "fees": str(fees)},
            of=opened,
        )
        self.profits[close] = sign * held * (price - entry) - fees

    def _price(self) -> Decimal:
        return Decimal(self.chance.randrange(49_000, 51_000))

    def _size(self) -> None:
        if self.chance.random() < 0.5:
            body = {"portfolio": self.portfolio_id, "base_size": "1000"}
            self._add_step("size", "/api/sizing/", body)

    def _flow(self) -> None:
        if self.chance.random() < 0.4:
            amount = Decimal(self.chance.choice([-20, 30, 45]))
            path = f"/api/portfolios/{self.portfolio_id}/cash-flows/"
            key = self._add_step("flow", path, {"amount": str(amount)})
            self.flows[key] = amount

    def _add_step(
        self, kind: str, path: str, body: dict[str, Any], of: str | None = None
    ) -> str:
        key = next(self._keys)
        if kind == "size":
            body = {**body, "request_id": key}
        elif kind != "close":
            body = {**body, "external_id": key}
        self.steps.append(Step(kind, key, path, body, of))
        return key


class Crowd:
    """Bots at work, each in a thread of its own, and how many answers they got."""

    def __init__(self, bots: list[Bot], server: WebServer) -> None:
        self.bots = bots
        self._server = server
        self._threads: list[Thread] = []

    @property
    def answers(self) -> int:
        return sum(len(bot.answered) for bot in self.bots)

    @property
    def open_questions(self) -> Iterator[tuple[Bot, Step]]:
        return (
            (bot, step)
            for bot in self.bots
            for step in bot.steps
            if step.is_open_question
        )

    @property
    def is_done(self) -> bool:
        return all(bot.is_done for bot in self.bots)

    @property
    def wrong(self) -> list[str]:
        return [words for bot in self.bots for words in bot.wrong]

    def start(self, *, patient: bool = False) -> None:
        for bot in self.bots:
            bot.pausing = False
        self._threads = [
            Thread(target=bot.work, args=(self._server,), kwargs={"patient": patient})
            for bot in self.bots
        ]
        for thread in self._threads:
            thread.start()

    def await_answers(self, count: int) -> None:
        """Until so many requests are answered, or all bots have stopped."""
        while self.answers < count and any(t.is_alive() for t in self._threads):
            time.sleep(0.001)

    @property
    def stopped_by_themselves(self) -> list[str]:
        """Who got no answer though nothing was killed yet, and why."""
        at_work = zip(self._threads, self.bots, strict=True)
        return [bot.lost for t, bot in at_work if not t.is_alive() and not bot.is_done]

    def pause(self) -> None:
        """Let every bot end the request it is at, and wait until all have."""
        for bot in self.bots:
            bot.pausing = True
        self.join()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def repeat(self) -> None:
        threads = [Thread(target=bot.repeat, args=(self._server,)) for bot in self.bots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
