"""Deferring, giving back, deleting: each job once, whoever asks how often."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import DjangoApp, connector_params
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.periodic import PeriodicDeferrer

from mastertrade.db import queue as jobs
from trades.jobs import JOBS, register
from trades.jobs.job import Job, Retry
from trades.models import JobError
from trades.services.job_errors import LONGEST_ERROR, record_error
from trades.tests.races import run_at_once

pytestmark = pytest.mark.usefixtures("queue")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def execute(statement: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def add_worker(silent_seconds: int = 0) -> int:
    ((key,),) = execute(
        "INSERT INTO procrastinate_workers (last_heartbeat) "
        "VALUES (now() - make_interval(secs => %s)) RETURNING id",
        silent_seconds,
    )
    return key


def begin(job_id: int, worker: int | None) -> None:
    execute(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s",
        *(worker, job_id),
    )


def state_of(job_id: int) -> tuple[str, int]:
    job = ProcrastinateJob.objects.get(pk=job_id)
    return job.status, job.attempts


def test_a_job_is_there_with_its_transaction_or_not_at_all() -> None:
    with transaction.atomic():
        jobs.defer("prune", timestamp=1)
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.exists()
    with transaction.atomic():
        key = jobs.defer("prune", timestamp=1)
    assert state_of(key) == ("todo", 0)


def test_deferring_is_one_statement(django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        jobs.defer("prune", timestamp=1)


def test_what_a_dead_worker_was_doing_is_given_back_once() -> None:
    dead, alive = add_worker(60), add_worker(1)
    left, orphan, running = (jobs.defer("prune", timestamp=n) for n in range(3))
    for key, worker in ((left, dead), (orphan, None), (running, alive)):
        begin(key, worker)

    given = run_at_once(*[lambda: jobs.give_back_stalled(30)] * 4)

    assert sorted(one.job_id for some in given for one in some) == [left, orphan]
    assert [state_of(key) for key in (left, orphan, running)] == [
        ("todo", 1),
        ("todo", 1),
        ("doing", 0),
    ]


def test_a_job_that_kills_its_workers_fails_in_the_end() -> None:
    key = jobs.defer("prune", timestamp=1)
    states = []
    for _ in range(jobs.MOST_STARTS):
        begin(key, None)
        states += [one.status for one in jobs.give_back_stalled(30)]
    assert states == ["todo"] * (jobs.MOST_STARTS - 1) + ["failed"]


def test_a_job_that_is_to_be_cancelled_does_not_come_back() -> None:
    key = jobs.defer("prune", timestamp=1)
    begin(key, None)
    execute("UPDATE procrastinate_jobs SET abort_requested = true")
    assert [one.status for one in jobs.give_back_stalled(30)] == ["aborted"]
    assert state_of(key)[0] == "aborted"


def test_only_failed_jobs_are_retried_by_hand() -> None:
    failed, running = (jobs.defer("prune", timestamp=n) for n in range(2))
    begin(running, add_worker())
    execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", failed)
    assert jobs.retry_failed([failed, running]) == 1
    assert [state_of(key)[0] for key in (failed, running)] == ["todo", "doing"]


def test_finished_jobs_are_deleted_when_they_are_old_and_their_errors_too() -> None:
    def ended(status: str, days: int) -> int:
        key = jobs.defer("prune", timestamp=days)
        begin(key, None)
        execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", status, key)
        execute(
            "UPDATE procrastinate_events SET at = now() - make_interval(days => %s) "
            "WHERE job_id = %s",
            *(days, key),
        )
        record_error(key, "ValueError: no")
        return key

    old = [ended("succeeded", 2), ended("failed", 31), ended("aborted", 2)]
    young = [ended("succeeded", 0), ended("failed", 29)]
    young.append(jobs.defer("prune", timestamp=9))

    assert jobs.delete_finished() == len(old)
    left = ProcrastinateJob.objects.order_by("pk").values_list("pk", flat=True)
    assert list(left) == young
    assert JobError.objects.count() == 2


def test_the_newest_error_is_stored_and_is_not_endless() -> None:
    key = jobs.defer("prune", timestamp=1)
    record_error(key, "first")
    record_error(key, "x" * (LONGEST_ERROR + 1))
    assert JobError.objects.get().error == "x" * LONGEST_ERROR


def test_the_queue_at_a_glance() -> None:
    worker = add_worker()
    for _ in range(2):
        jobs.defer("prune", timestamp=1)
    jobs.defer("prune", at=datetime.now(UTC) + timedelta(hours=1), timestamp=1)
    begin(jobs.defer("daily", timestamp=1), worker)

    quick, turn = jobs.read_queues()

    assert (turn.name, turn.waiting, turn.running, turn.oldest) == ("turn", 0, 1, None)
    assert (quick.waiting, quick.later, quick.running) == (2, 1, 0)
    assert quick.oldest is not None
    assert datetime.now(UTC) - quick.oldest < timedelta(minutes=1)
    assert [(one.key, one.running) for one in jobs.read_workers()] == [(worker, 1)]


def test_a_worker_was_seen_by_its_heartbeat_or_by_a_period_that_it_began() -> None:
    assert jobs.find_last_seen() is None
    execute(
        "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, "
        "defer_timestamp) VALUES ('prune', '', %s)",
        int(NOW.timestamp()),
    )
    assert jobs.find_last_seen() == NOW
    assert jobs.is_missing(NOW, NOW + timedelta(minutes=3))
    add_worker()
    seen = jobs.find_last_seen()
    assert seen is not None
    assert not jobs.is_missing(seen, seen + timedelta(minutes=1))


def test_two_schedulers_at_once_begin_each_period_once() -> None:
    """They look at the clock at the same moment, and one may lag behind."""
    moments = [NOW.timestamp() + 600 * n for n in range(4)]

    async def schedule() -> None:
        app = DjangoApp(
            connector=PsycopgConnector(kwargs=connector_params(), min_size=1)
        )
        register(app)
        deferrer = PeriodicDeferrer(app.periodic_registry, max_delay=3600)
        async with app.open_async():
            for moment in moments:
                await deferrer.defer_jobs(deferrer.get_previous_tasks(at=moment))

    run_at_once(*[lambda: asyncio.run(schedule())] * 3)

    begun = list(ProcrastinateJob.objects.values_list("task_name", "args"))
    periods = [(name, args["timestamp"]) for name, args in begun]
    assert len(periods) == len(set(periods))
    by_clock = {name for name, job in JOBS.items() if job.every is not None}
    assert {name for name, _ in periods} == by_clock
    assert sum(name == "day_turns" for name, _ in periods) == 32


@pytest.mark.parametrize(
    ("failure", "waits"),
    [
        (ValueError("no"), [5, 10, None]),
        (OperationalError("the connection is lost"), [5, 10, 20]),
    ],
)
def test_a_job_is_run_as_often_as_it_says_and_more_often_without_a_database(
    failure: Exception, waits: list[int | None]
) -> None:
    job = Job(lambda: None, attempts=3, first_wait=5)
    decisions = [
        Retry(job).get_retry_decision(
            exception=failure,
            job=ProcrastinateJob(attempts=attempts, args={}).procrastinate_job,
        )
        for attempts in range(3)
    ]
    now = datetime.now(UTC)
    found = [one and round((one.retry_at - now).total_seconds()) for one in decisions]
    assert found == waits
