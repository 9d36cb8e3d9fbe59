"""A sizing request through the whole HTTP stack, against a bare view."""

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from django.test import Client

from bench import web
from bench.people import STRATEGY, Trader, make_trader
from bench.processes import MEGABYTE, Memory, memory_of
from bench.rows import Row, Target
from bench.statements import Statement, captured, save
from bench.timing import Pair, in_turn
from goals.models import ApiToken

CLIENTS = 4
REQUESTS_A_ROUND = 120
ROUNDS = 7
# As with the default rate, what a throttle remembers stays short; none is refused.
UNLIMITED_RATE = "1000000/sec"
BODY = {
    "base_size": "1000",
    "strategy_id": STRATEGY,
    "symbol": "BTCUSDT",
    "price": "50000",
    "lot_step": "0.00001",
}
REACH = Target(0.4, at_least=True)
WORKER_MEMORY = Target(150, at_least=False, unit=" MB")


def measure() -> Iterator[Row]:
    posts: list[web.Post] = []
    statements: dict[str, list[Statement]] = {}
    for number in range(CLIENTS):
        trader = make_trader(f"sizing_{number}")
        post = _request(trader)
        goal_id = str(trader.goals[0].goal_id)
        statements[goal_id] = _rehearse(post)
        posts.append(post)
    count = len(statements[goal_id])
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "statements")
        save(path, statements)
        ours = web.serve("mastertrade.wsgi", {"MASTERTRADE_USER_RATE": UNLIMITED_RATE})
        floor = web.serve("bench.bare.wsgi", {"BENCH_STATEMENTS": str(path)})
        with ours as real, floor as bare:
            alone = _compare(real, bare, posts[:1])
            yield _row(f"sizing over HTTP, 1 client, {count} statements", alone)
            together = _compare(real, bare, posts)
            yield _row(f"sizing over HTTP, {CLIENTS} clients", together, CLIENTS)
            yield _memory_row(real, bare)


def _request(trader: Trader) -> web.Post:
    _, token = ApiToken.objects.create(user=trader.user)
    goal_id = trader.goals[0].goal_id
    return web.Post(f"/api/goals/{goal_id}/sizing/", json.dumps(BODY).encode(), token)


def _rehearse(post: web.Post) -> list[Statement]:
    """What the real view says to the database, sign-in by token included."""
    client = Client(headers={"authorization": f"Token {post.token}"})
    with captured() as statements:
        answer = client.post(
            post.path,
            post.body,
            content_type="application/json",
            SERVER_NAME="localhost",
        )
    if answer.status_code != 200:
        raise RuntimeError(f"the rehearsal was refused: {answer.content.decode()}")
    return statements


def _compare(real: web.Server, bare: web.Server, posts: list[web.Post]) -> Pair:
    times = REQUESTS_A_ROUND // len(posts)
    return in_turn(
        partial(web.load, real.port, posts, times),
        partial(web.load, bare.port, posts, times),
        times=ROUNDS,
        warm_up=1,
    )


def _row(what: str, pair: Pair, clients: int = 1) -> Row:
    requests = REQUESTS_A_ROUND // clients * clients
    return Row(
        what,
        f"{requests / pair.ours:.0f} /s",
        f"{requests / pair.floor:.0f} /s",
        pair.reach,
        REACH,
    )


def _memory_row(real: web.Server, bare: web.Server) -> Row:
    """The larger worker of each side, after what the rows above asked of it."""
    ours, floor = (
        max((memory_of(pid) for pid in server.workers()), key=_resident)
        for server in (real, bare)
    )
    return Row(
        "a web worker's memory (RSS; PSS)",
        f"{ours.resident / MEGABYTE:.0f} MB; {ours.proportional / MEGABYTE:.0f} MB",
        f"{floor.resident / MEGABYTE:.0f} MB; {floor.proportional / MEGABYTE:.0f} MB",
        ours.resident / floor.resident,
        WORKER_MEMORY,
        ours.resident / MEGABYTE,
    )


def _resident(memory: Memory) -> int:
    return memory.resident
