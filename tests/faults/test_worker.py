"""Kills around the queue: no job is lost, and none is done twice in effect.

Real processes: workers, a process that defers as the web does, PostgreSQL.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults import holds, processes
from tests.faults.holds import Place
from tests.faults.stand import ROOT, Stand
from tests.faults.workers import (
    await_done,
    await_that,
    check_figures,
    end,
    kill,
    running,
    start_worker,
)

pytestmark = pytest.mark.faults
EACH_AT_ONCE = {"daily_block", "prune", "day_turns", "alerts"}
MIDNIGHT = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
DEFER = """
SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(%s, %s, 0, NULL, NULL, %s::jsonb, NULL)
    ]::procrastinate_job_to_defer_v1[])
"""
SNAPSHOTS = """
SELECT goal_id, snapshot_date, count(*) FROM goal_progress_history
WHERE kind = 'snapshot' GROUP BY goal_id, snapshot_date
"""
PROJECTED = """
SELECT count(*), count(projected_at) FROM financial_goals
WHERE ended_at IS NULL AND period_ends_at IS NOT NULL
"""


def ask(place: Stand, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    return place.ask_database(statement, *values)


def check_effects(place: Stand) -> None:
    snapshots = ask(place, SNAPSHOTS)
    assert snapshots
    assert {count for *_, count in snapshots} == {1}
    ((goals, projected),) = ask(place, PROJECTED)
    assert goals == projected > 0
    check_figures(place)


def defer(place: Stand, queue: str, name: str, timestamp: int) -> None:
    ask(place, DEFER, queue, name, json.dumps({"timestamp": timestamp}))


def test_a_worker_that_is_killed_in_the_middle_of_each_kind_of_job(
    empty: Stand,
) -> None:
    """Every periodic job begins when a worker starts."""
    with empty.postgres.connect() as old:
        old.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
            "VALUES ('quick', 'of long ago', 'succeeded')"
        )
    with empty.postgres.connect() as watcher, ExitStack() as stack:
        stack.enter_context(holds.held(watcher, Place.SNAPSHOT))
        lock = stack.enter_context(empty.postgres.connect())
        first = start_worker(empty)
        await_that(lambda: "daily_block" in running(empty), empty)
        holds.await_held(watcher, Place.SNAPSHOT)
        stack.enter_context(holds.held(watcher, Place.PRUNED))
        stack.enter_context(holds.held(watcher, Place.DEFERRED))
        with lock.transaction():
            lock.execute("LOCK TABLE positions IN ACCESS EXCLUSIVE MODE")
            for name in ("prune", "day_turns", "alerts"):
                defer(empty, "quick", name, MIDNIGHT)
            holds.await_held(watcher, Place.PRUNED)
            holds.await_held(watcher, Place.DEFERRED)
            await_that(lambda: running(empty) >= EACH_AT_ONCE, empty)
            kill(first)
        assert running(empty) >= EACH_AT_ONCE

    with empty.postgres.connect() as watcher, holds.held(watcher, Place.PROJECTED):
        second = start_worker(empty)
        holds.await_held(watcher, Place.PROJECTED)
        assert "projections" in running(empty)
        kill(second)

    with empty.postgres.connect() as lock:
        third = start_worker(empty)
        await_done(empty)
        with lock.transaction():
            lock.execute("LOCK TABLE trades IN ACCESS EXCLUSIVE MODE")
            for hour in range(24):
                defer(empty, "quick", "reconcile", hour * 3600)
            await_that(lambda: is_waiting_for_a_lock(empty), empty)
            await_that(lambda: running(empty) == {"reconcile_block"}, empty)
            kill(third)

    fourth = start_worker(empty)
    await_done(empty)
    assert end(fourth) == 0
    check_effects(empty)
    # Its session in PostgreSQL may have deferred it after the kill, and then the job
    # again: a daily run that is begun twice does nothing twice.
    turned = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'daily'"
    (count,) = ask(empty, f"{turned} AND args->>'timestamp' = %s", str(MIDNIGHT))
    assert count[0] in {1, 2}
    old_row = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'of long ago'"
    assert ask(empty, old_row) == [(0,)]


def is_waiting_for_a_lock(place: Stand) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return ask(place, waiting) != [(0,)]


DEFERS = """
import os, signal, sys
import django
django.setup()
from django.db import transaction
from goals.models import User
from mastertrade.db.queue import defer

def die():
    os.kill(os.getpid(), signal.SIGKILL)

with transaction.atomic():
    User.objects.update(first_name=sys.argv[1])
    defer("daily", timestamp=0)
    if sys.argv[1] == "before":
        die()
die()
"""


@pytest.mark.parametrize(("moment", "jobs"), [("before", 0), ("after", 1)])
def test_who_is_killed_after_deferring_has_deferred_what_it_has_committed(
    empty: Stand, moment: str, jobs: int
) -> None:
    done = empty.run("-c", DEFERS, moment)
    assert done.returncode == -signal.SIGKILL, done.stdout
    changed = ask(empty, "SELECT first_name = %s FROM users LIMIT 1", moment)
    assert changed == [(bool(jobs),)]
    assert ask(empty, "SELECT count(*) FROM procrastinate_jobs") == [(jobs,)]


def test_postgresql_is_killed_in_the_middle_of_jobs_and_the_worker_goes_on(
    empty: Stand,
) -> None:
    worker = start_worker(empty)
    with empty.postgres.connect() as watcher, holds.held(watcher, Place.SNAPSHOT):
        await_that(lambda: "daily_block" in running(empty), empty)
        holds.await_held(watcher, Place.SNAPSHOT)
        empty.postgres.kill()
    time.sleep(2)
    empty.postgres.start()
    defer(empty, "quick", "alerts", MIDNIGHT)
    await_done(empty)
    assert worker.poll() is None, (empty.directory / "worker.log").read_text()
    assert end(worker) == 0
    check_effects(empty)
    log = (empty.directory / "worker.log").read_text()
    assert "The database does not answer; queue quick waits for it" in log
    assert "The database answers again: queue quick." in log


def test_a_worker_ends_in_time_and_another_does_what_it_was_doing(
    empty: Stand,
) -> None:
    with empty.postgres.connect() as watcher, holds.held(watcher, Place.SNAPSHOT):
        first = start_worker(empty, "--grace", "1")
        holds.await_held(watcher, Place.SNAPSHOT)
        begin = time.monotonic()
        assert end(first) == 0
        assert time.monotonic() - begin < 10
        assert running(empty) == set()
    log = (empty.directory / "worker.log").read_text().splitlines()
    assert log[-1] == (
        "Worker stopped; jobs that went on for 1 s, 1, are undone and wait in the "
        "queue again."
    )
    second = start_worker(empty)
    await_done(empty)
    end(second)
    check_effects(empty)


@pytest.mark.parametrize(
    ("target", "number", "code", "said"),
    [
        ("", signal.SIGINT, 0, "Stopped."),
        (
            "gunicorn",
            signal.SIGKILL,
            1,
            "Stopped. The site was ended by SIGKILL, so the worker was stopped too.",
        ),
        (
            "work",
            signal.SIGKILL,
            1,
            "Stopped. The worker was ended by SIGKILL, so the site was stopped too.",
        ),
    ],
)
def test_site_and_worker_end_together(
    empty: Stand, target: str, number: signal.Signals, code: int, said: str
) -> None:
    log = empty.directory / f"serve-{target}.log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = empty.start("-m", "mastertrade.serve", str(port), log=log.name)
    await_that(
        lambda: all(
            words in log.read_text() for words in ("Stop with Ctrl-C", "Worker started")
        ),
        empty,
    )
    halves = processes.children_of(process.pid)
    assert len(halves) == 2
    (struck,) = [one for one in halves if target in command_of(one).split()] or [
        process.pid
    ]
    with suppress(ProcessLookupError):
        processes._signal(struck, number)
    assert process.wait(50) == code
    assert log.read_text().splitlines()[-1] == said
    processes.await_end(halves)


def command_of(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().replace(b"\0", b" ").decode()


def test_a_worker_without_a_database_says_so_in_one_line(empty: Stand) -> None:
    environment = empty.environment | {
        "MASTERTRADE_WORKER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "work"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "The database does not answer, and the worker was not started" in done.stderr
