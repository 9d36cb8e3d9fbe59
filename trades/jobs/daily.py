"""What is due once a day, for every portfolio: the same steps as `run_daily`."""

import logging

from django.utils import timezone
from procrastinate import JobContext

from trades.jobs.job import LONG, Job
from trades.services.daily import run_day

logger = logging.getLogger(__name__)


def run(context: JobContext, timestamp: int) -> None:
    """Do what is left to do at the present time; a second run finds nothing left."""
    for outcome in run_day(as_of=timezone.now()):
        for failure in outcome.done.failures:
            logger.error("%s: %s", outcome.step.name, failure)


JOB = Job(run, queue=LONG, every="5 * * * *", attempts=5, first_wait=30)
