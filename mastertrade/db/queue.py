"""Work for later: deferred in the transaction that causes it, done by a worker.

The queue is procrastinate's, in the same PostgreSQL. What a job does by its name is
in `trades.jobs`; what defers one needs only the name. Here is also what the library
lacks: jobs of killed workers given back, old rows deleted, the queue at a glance.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app

# How often a worker shows that it lives; one that is silent for three times that is
# dead, and its jobs go to others.
HEARTBEAT_SECONDS = 10.0
SILENT_HEARTBEATS = 3
# A job that was begun so often, and whose worker died each time, is the reason.
MOST_STARTS = 10
# Without a worker for so long people hear of it; a restart takes less.
MISSING_AFTER = timedelta(minutes=2)
# How long rows of finished jobs stay.
DONE_DAYS, FAILED_DAYS = 1, 30
DELETED_AT_ONCE = 5_000

# An UPDATE looks at the row again where it had to wait: two at once give it back once.
GIVE_BACK = """
UPDATE procrastinate_jobs j
SET attempts = attempts + 1, status = CASE
    WHEN abort_requested THEN 'aborted'
    WHEN attempts + 1 >= %(most)s THEN 'failed'
    ELSE 'todo' END::procrastinate_job_status
WHERE status = 'doing' AND {which}
RETURNING id, task_name, status::text
"""
OF_SILENT_WORKERS = """
(worker_id IS NULL OR worker_id IN (
    SELECT id FROM procrastinate_workers
    WHERE last_heartbeat < clock_timestamp() - make_interval(secs => %(silent)s)))
"""
# Besides heartbeats there is the newest period that a worker has begun: a worker that
# ends well takes its heartbeat with it.
LAST_SEEN = """
SELECT greatest(
    (SELECT max(last_heartbeat) FROM procrastinate_workers),
    (SELECT to_timestamp(max(defer_timestamp)) FROM procrastinate_periodic_defers))
"""
QUEUES = """
SELECT queue_name,
    count(*) FILTER (WHERE is_due),
    count(*) FILTER (WHERE status = 'todo' AND NOT is_due),
    count(*) FILTER (WHERE status = 'doing'),
    count(*) FILTER (WHERE status = 'failed'),
    least(min(scheduled_at) FILTER (WHERE is_due),
          (SELECT max(at) FROM procrastinate_events
           WHERE job_id = min(j.id) FILTER (WHERE is_due AND scheduled_at IS NULL)))
FROM procrastinate_jobs j, LATERAL (
    SELECT status = 'todo' AND coalesce(scheduled_at <= now(), true) AS is_due) d
WHERE status IN ('todo', 'doing', 'failed')
GROUP BY queue_name ORDER BY queue_name
"""
WORKERS = """
SELECT w.id, w.last_heartbeat, count(j.id)
FROM procrastinate_workers w
LEFT JOIN procrastinate_jobs j ON j.worker_id = w.id AND j.status = 'doing'
GROUP BY w.id ORDER BY w.id
"""
DELETE_FINISHED = """
DELETE FROM procrastinate_jobs WHERE id IN (
    SELECT id FROM procrastinate_jobs j
    WHERE status NOT IN ('todo', 'doing') AND NOT EXISTS (
        SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.at > now() -
            make_interval(days => CASE status WHEN 'failed' THEN %s ELSE %s END))
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class QueueState:
    """Jobs of a queue: due, due later, being done, failed; since when one waits."""

    name: str
    waiting: int
    later: int
    running: int
    failed: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker has a row for each queue that it serves."""

    key: int
    last_seen: datetime
    running: int


@dataclass(frozen=True, slots=True)
class GivenBack:
    job_id: int
    name: str
    status: str


def defer(
    job: str,
    *,
    at: datetime | None = None,
    priority: int | None = None,
    **arguments: Any,
) -> int:
    """Put a job into the queue, in one statement of the caller's transaction.

    It is there once the transaction is committed, and never if it is rolled back.
    Arguments are JSON; a job that may run twice has to find out by them. `at`: not
    before then; `priority`: above 0 goes first. Returns the key of the queue's row.
    """
    options: dict[str, Any] = {"schedule_at": at}
    if priority is not None:
        options["priority"] = priority
    task = app.configure_task(job, allow_unknown=False, **options)
    key: int = task.defer(**arguments)
    return key


def defer_each(job: str, arguments: Iterable[Mapping[str, Any]]) -> None:
    """The same job once for each of these, in one statement."""
    if rows := [dict(one) for one in arguments]:
        app.configure_task(job, allow_unknown=False).batch_defer(*rows)


def give_back_stalled(silent_seconds: float) -> list[GivenBack]:
    """Put the jobs of workers that died back into the queue, each once."""
    values = {"most": MOST_STARTS, "silent": silent_seconds}
    return _give_back(OF_SILENT_WORKERS, values)


def give_back(job_ids: Sequence[int]) -> list[GivenBack]:
    """Put these back, which this process stops doing half-way."""
    return _give_back("id = ANY(%(ids)s)", {"most": MOST_STARTS, "ids": list(job_ids)})


def _give_back(which: str, values: dict[str, Any]) -> list[GivenBack]:
    rows = _ask(GIVE_BACK.format(which=which), values)
    return [GivenBack(*row) for row in rows]


def retry_failed(job_ids: Sequence[int]) -> int:
    """Put failed jobs back into the queue, to be run once more; how many were."""
    statement = (
        "UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = NULL "
        "WHERE id = ANY(%s) AND status = 'failed' RETURNING id"
    )
    return len(_ask(statement, [list(job_ids)]))


def delete_finished() -> int:
    """Delete the rows of jobs that ended long ago, a batch a transaction; how many."""
    deleted: int = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(DELETE_FINISHED, [FAILED_DAYS, DONE_DAYS, DELETED_AT_ONCE])
            deleted += cursor.rowcount
            if cursor.rowcount < DELETED_AT_ONCE:
                return deleted


def find_last_seen() -> datetime | None:
    """When a worker last showed that it lives; None where there never was one."""
    ((last_seen,),) = _ask(LAST_SEEN)
    return last_seen  # type: ignore[no-any-return]


def is_missing(last_seen: datetime | None, now: datetime) -> bool:
    """Whether there has been no worker for longer than a restart takes."""
    return last_seen is None or now - last_seen > MISSING_AFTER


def read_queues() -> list[QueueState]:
    """The queues that have jobs which are not done."""
    return [QueueState(*row) for row in _ask(QUEUES)]


def read_workers() -> list[WorkerState]:
    return [WorkerState(*row) for row in _ask(WORKERS)]


def _ask(statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def withdraw(key: int) -> bool:
    """Take a job out of the queue, in the caller's transaction.

    False where a worker has begun it: then it is asked to stop, by `should_abort`.
    """
    if app.job_manager.cancel_job_by_id(key):
        return True
    app.job_manager.cancel_job_by_id(key, abort=True)
    return False


# The same as part of a statement, for a table `deferred` with a column `arguments`
# (jsonb): one more statement costs a close more than the job itself.
DEFER_EACH = """
procrastinate_defer_jobs_v1(array_agg(ROW(
    %(job_queue)s, %(job)s, %(job_priority)s, NULL, NULL, deferred.arguments, NULL
)::procrastinate_job_to_defer_v1))
"""


def deferring(job: str) -> dict[str, Any]:
    """The parameters of `DEFER_EACH`, for a job by its name."""
    task = app.tasks[job]
    return {"job": job, "job_queue": task.queue, "job_priority": task.priority}


DROP = """
DELETE FROM procrastinate_jobs WHERE id IN (
    SELECT id FROM procrastinate_jobs
    WHERE status = 'todo' AND task_name = %(job)s AND args @> %(arguments)s::jsonb
    FOR UPDATE SKIP LOCKED
)
"""


def drop_waiting(job: str, **arguments: Any) -> int:
    """Take out of the queue what waits there to be done alike; how many they were.

    For whoever is about to do the work of all of them. One that runs already stays.
    """
    with connection.cursor() as cursor:
        cursor.execute(DROP, {"job": job, "arguments": json.dumps(arguments)})
        return int(cursor.rowcount)
