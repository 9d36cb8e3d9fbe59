"""Work for later: deferred in the transaction that causes it, done by a worker.

The queue is procrastinate's, in the same PostgreSQL. What a job does by its name is
in `trades.jobs`; what defers one needs only the name.
"""

from collections.abc import Mapping, Sequence
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


def defer_each(job: str, arguments: Sequence[Mapping[str, Any]]) -> None:
    """The same for several jobs of one name in one statement; none, none."""
    if arguments:
        task = app.configure_task(job, allow_unknown=False)
        task.batch_defer(*(dict(one) for one in arguments))
