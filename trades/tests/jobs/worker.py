"""Doing jobs of users in tests, as a worker does it."""

from collections.abc import Callable

from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.job_context import AbortReason
from procrastinate.jobs import Job as QueuedJob

from trades.jobs import user_job


def do(job_id: int, reason: Callable[[], AbortReason | None] = lambda: None) -> None:
    """`reason`: why the worker asks it to stop; asked at each step."""
    queued = QueuedJob(id=1, lock=None, queueing_lock=None, queue="", task_name="")
    context = JobContext(app=app, job=queued, start_timestamp=0, abort_reason=reason)
    user_job.run(context, job_id)
