"""Closing trades from 8 processes, against the same statements in raw psycopg.

Its processes import this before Django is set up, so what needs Django waits.
"""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from statistics import median
from time import perf_counter
from typing import Any

import psycopg

from bench.rows import Row, Target

PROCESSES = 8
CLOSES = 40
ROUNDS = 5
LONGEST_WAIT = 120.0
REACH = Target(0.5, at_least=True)


def measure() -> Iterator[Row]:
    from django.db import connections

    from bench.people import make_trader

    many = [f"closing_{number}" for number in range(PROCESSES)]
    for name in [*many, "closing_hot"]:
        make_trader(name)
    connections.close_all()
    yield _row(f"closing from {PROCESSES} processes, a portfolio each", many)
    hot = ["closing_hot"] * PROCESSES
    yield _row(f"closing from {PROCESSES} processes, one hot portfolio", hot)


def _row(what: str, users: list[str]) -> Row:
    ours, raw = _run(users)
    return Row(
        f"{what}, against the same SQL in psycopg",
        f"{ours:.0f} /s",
        f"{raw:.0f} /s",
        ours / raw,
        REACH,
    )


def _run(users: list[str]) -> tuple[float, float]:
    """Closes a second of both sides: medians of rounds in turn."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    queue: Any = context.Queue()
    processes = [
        context.Process(target=_close, args=(user, barrier, queue)) for user in users
    ]
    for process in processes:
        process.start()
    times_of = [queue.get(timeout=LONGEST_WAIT) for _ in processes]
    for process in processes:
        process.join()
    rates = {}
    for side in ("ours", "raw"):
        seconds = [
            max(times[side][turn][1] for times in times_of)
            - min(times[side][turn][0] for times in times_of)
            for turn in range(ROUNDS)
        ]
        rates[side] = PROCESSES * CLOSES / median(seconds)
    return rates["ours"], rates["raw"]


def _close(user_name: str, barrier: Barrier, queue: Any) -> None:
    """One process: for each round, open trades untimed, then close them timed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")
    import django
    from django.db import connections

    django.setup()
    from bench.close_trade import Closing, conninfo
    from bench.people import Trader
    from bench.statements import run_raw
    from goals.models import Portfolio, User

    user = User.objects.get(username=user_name)
    portfolio = Portfolio.objects.get(user=user, name="bench")
    closing = Closing(Trader(user, portfolio, ()))
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "raw": []}
    with psycopg.connect(conninfo(), autocommit=True) as raw:
        for turn in range(ROUNDS):
            for side in ("ours", "raw") if turn % 2 == 0 else ("raw", "ours"):
                ready = [closing.rehearse(raw=side == "raw") for _ in range(CLOSES)]
                barrier.wait(LONGEST_WAIT)
                begin = perf_counter()
                for figures, statements in ready:
                    if statements:
                        run_raw(raw, statements)
                    else:
                        closing.close(figures)
                times[side].append((begin, perf_counter()))
                barrier.wait(LONGEST_WAIT)
    queue.put(times)
    connections.close_all()
