"""A job that is given up is alerted of, to whoever runs the system."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.utils import timezone
from procrastinate import JobContext

from goals.decisions.alert_events import job_failed
from goals.services.alerts import alert_operators
from trades.jobs.job import Job


def alerting(name: str, job: Job) -> Callable[..., None]:
    """The job's `run`; the last attempt that raises is alerted of, and raises on."""

    @wraps(job.run)
    def run(context: JobContext, **arguments: Any) -> None:
        try:
            job.run(context, **arguments)
        except Exception as failure:
            row = context.job
            if context.task.get_retry_exception(failure, row) is None:
                alert_of_failure(name, failure)
            raise

    return run


def alert_of_failure(name: str, failure: Exception | str) -> None:
    """Once a day for a job: what fails every minute, or delivers this, has no end."""
    words, now = failure, timezone.now()
    if isinstance(failure, Exception):
        words = f"{type(failure).__name__}: {failure}"
    alert_operators([job_failed(name, f"{now:%Y-%m-%d}", str(words), now)], now)
