"""Rows of the queue that nobody needs any more."""

from procrastinate import JobContext

from mastertrade.db.queue import delete_finished
from trades.jobs.job import Job


def run(context: JobContext, timestamp: int) -> None:
    """Delete jobs that ended a day ago, and failed ones after a month."""
    delete_finished()


JOB = Job(run, every="35 * * * *", attempts=3)
