"""What is due once a day, for every portfolio: the same steps as `run_daily`."""

from django.utils import timezone
from procrastinate import JobContext

from trades.jobs.job import LONG, Job
from trades.services.daily import run_day


class DailyRunFailed(Exception):
    """The rest is done; a second run does what is left."""


def run(context: JobContext, timestamp: int) -> None:
    """Do what is left to do at the present time; a second run finds nothing left."""
    failures = [
        f"{outcome.step.name}: {failure}"
        for outcome in run_day(as_of=timezone.now())
        for failure in outcome.done.failures
    ]
    if failures:
        raise DailyRunFailed("; ".join(failures))


JOB = Job(run, queue=LONG, every="5 * * * *", attempts=3, first_wait=60)
