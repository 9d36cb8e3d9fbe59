"""Doing jobs in tests, as a worker does it."""

import asyncio
from collections.abc import Callable
from typing import Any

from procrastinate import JobContext
from procrastinate.contrib.django import DjangoApp, app
from procrastinate.job_context import AbortReason
from procrastinate.jobs import Job as QueuedJob

from trades.jobs import register, user_job
from trades.jobs.job import LONG


def do(job_id: int, reason: Callable[[], AbortReason | None] = lambda: None) -> None:
    """`reason`: why the worker asks it to stop; asked at each step."""
    queued = QueuedJob(id=1, lock=None, queueing_lock=None, queue="", task_name="")
    context = JobContext(app=app, job=queued, start_timestamp=0, abort_reason=reason)
    user_job.run(context, job_id)


def work() -> None:
    """A worker in this process, until nothing waits; it starts no periodic job."""
    asyncio.run(_work())


async def _work() -> None:
    connector: Any = app.connector
    own = DjangoApp(connector=connector.get_worker_connector())
    register(own)
    own.periodic_registry.periodic_tasks.clear()
    async with own.open_async():
        await own.run_worker_async(
            queues=[LONG], wait=False, install_signal_handlers=False
        )
