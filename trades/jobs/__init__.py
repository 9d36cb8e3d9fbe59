"""Work that is done outside a request, by name: one module each.

Adding one: docs/architecture.md, "Which files you touch".
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from procrastinate import App, JobContext

from goals.services import password_resets
from mastertrade.logs import JOB_ID
from trades.jobs import (
    alerts,
    channel_tests,
    daily,
    day_turns,
    deliver,
    forget_jobs,
    password_reset,
    prune,
    reconcile,
    user_job,
)
from trades.jobs.failing import alerting
from trades.jobs.job import Job, Retry
from trades.services.jobs import QUEUED_AS

JOBS: dict[str, Job] = {
    "alerts": alerts.JOB,
    "daily": daily.JOB,
    daily.BLOCK: daily.BLOCK_JOB,
    daily.PROJECTIONS: daily.PROJECTIONS_JOB,
    "day_turns": day_turns.JOB,
    "deliver": deliver.JOB,
    "deliver_due": deliver.DUE,
    "forget_jobs": forget_jobs.JOB,
    password_resets.JOB: password_reset.JOB,
    "prune": prune.JOB,
    "reconcile": reconcile.JOB,
    reconcile.BLOCK: reconcile.BLOCK_JOB,
    "test_channel": channel_tests.JOB,
    QUEUED_AS: user_job.JOB,
}


def register(app: App) -> None:
    """Make each job a task of the queue; called once, when Django is ready."""
    for name, job in JOBS.items():
        task = app.task(
            name=name,
            queue=job.queue,
            retry=Retry(job),
            pass_context=True,
        )(with_id(alerting(name, job)))
        if job.every is not None:
            app.periodic(cron=job.every)(task)


def with_id(run: Callable[..., None]) -> Callable[..., None]:
    """What is logged meanwhile has the job's id."""

    @wraps(run)
    def run_with_id(context: JobContext, **arguments: Any) -> None:
        token = JOB_ID.set(context.job.id)
        try:
            run(context, **arguments)
        finally:
            JOB_ID.reset(token)

    return run_with_id
