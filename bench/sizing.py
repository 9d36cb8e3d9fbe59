"""A sizing request through the whole HTTP stack, against a bare view."""

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from django.db import connection
from django.test import Client

from bench import web
from bench.people import STRATEGY, Trader, make_trader
from bench.processes import MEGABYTE, Memory, cpu_of, memory_of
from bench.rows import Row, Target
from bench.statements import Statement, captured, save
from bench.timing import Pair, in_turn, show
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
# CPU of processes is counted in hundredths of a second.
CPU_REQUESTS = 400
CPU_REACH = Target(0.7, at_least=True)
# Of both servers, which stay connected; the one that is not asked uses nothing.
SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
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
            yield _cpu_row(real, bare, posts)
            yield _memory_row(real, bare)


def _request(trader: Trader) -> web.Post:
    _, token = ApiToken.objects.create(user=trader.user)
    goal_id = trader.goals[0].goal_id
    return web.Post(f"/api/goals/{goal_id}/sizing/", json.dumps(BODY).encode(), token)


def _rehearse(post: web.Post) -> list[Statement]:
    """What the real view says to the database, sign-in by token included.

    Of the second request, as of most: the first writes down that the token was used.
    """
    client = Client(headers={"authorization": f"Token {post.token}"})
    for _ in range(2):
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


def _cpu_row(real: web.Server, bare: web.Server, posts: list[web.Post]) -> Row:
    """CPU a request of the web workers and of their PostgreSQL sessions."""
    pair = in_turn(
        partial(_cpu_a_request, real, posts),
        partial(_cpu_a_request, bare, posts),
        times=ROUNDS,
        warm_up=1,
    )
    return Row(
        "CPU of a sizing request",
        show(pair.ours),
        show(pair.floor),
        pair.reach,
        CPU_REACH,
    )


def _cpu_a_request(server: web.Server, posts: list[web.Post]) -> float:
    times = CPU_REQUESTS // len(posts)
    began = _cpu_seconds(server)
    web.load(server.port, posts, times)
    return (_cpu_seconds(server) - began) / (times * len(posts))


def _cpu_seconds(server: web.Server) -> float:
    with connection.cursor() as cursor:
        cursor.execute(SESSIONS)
        sessions = [pid for (pid,) in cursor.fetchall()]
    return sum(map(cpu_of, [*server.workers(), *sessions]))


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
