"""Work for later: deferred in the transaction that causes it, done by a worker.

The queue is procrastinate's, in the same PostgreSQL. What a job does by its name is
in `trades.jobs`; what defers one needs only the name.
"""

import json
from datetime import datetime
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app


def defer(job: str, *, at: datetime | None = None, **arguments: Any) -> int:
    """Put a job into the queue, in one statement of the caller's transaction.

    It is there once the transaction is committed, and never if it is rolled back.
    Arguments are JSON; a job that may run twice has to find out by them. `at`: not
    before then. Returns the key of the queue's row.
    """
    task = app.configure_task(job, allow_unknown=False, schedule_at=at)
    return task.defer(**arguments)


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
