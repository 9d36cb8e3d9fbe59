"""Sends the link with which a forgotten password is set anew."""

from procrastinate import JobContext

from goals.services.password_resets import send_reset
from trades.jobs.job import Job


def run(context: JobContext, email: str, root: str) -> None:
    """Run twice, it sends two links; the first that is used ends both."""
    send_reset(email, root)


JOB = Job(run, attempts=5, first_wait=5)
