"""Forgets jobs of users a week after their end, and files that no job needs."""

from django.utils import timezone
from procrastinate import JobContext

from trades.jobs.job import Job
from trades.services.jobs import forget_jobs


def run(context: JobContext, timestamp: int) -> None:
    """A second run finds nothing left."""
    forget_jobs(timezone.now())


JOB = Job(run, every="*/5 * * * *")
