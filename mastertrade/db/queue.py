"""Work for later: deferred in the transaction that causes it, done by a worker.

The queue is procrastinate's, in the same PostgreSQL. What a job does by its name is
in `trades.jobs`; what defers one needs only the name.
"""

from datetime import datetime
from typing import Any

from procrastinate.contrib.django import app


def defer(job: str, *, at: datetime | None = None, **arguments: Any) -> int:
    """Put a job into the queue, in one statement of the caller's transaction.

    It is there once the transaction is committed, and never if it is rolled back.
    Arguments are JSON; a job that may run twice has to find out by them. `at`: not
    before then. Returns the key of the queue's row.
    """
    task = app.configure_task(job, allow_unknown=False, schedule_at=at)
    return task.defer(**arguments)


def withdraw(key: int) -> bool:
    """Take a job out of the queue, in the caller's transaction.

    False where a worker has begun it: then it is asked to stop, by `should_abort`.
    """
    if app.job_manager.cancel_job_by_id(key):
        return True
    app.job_manager.cancel_job_by_id(key, abort=True)
    return False
