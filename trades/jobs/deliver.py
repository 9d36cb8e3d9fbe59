"""Alerts to the channels of their users.

`deliver` is deferred with each alert; `deliver_due` finds what became due since, by a
back-off, at the end of quiet hours, for a digest, or after a worker was killed.
"""

from django.utils import timezone
from procrastinate import JobContext

from goals.services.deliveries import deliver, find_due_channels
from mastertrade.db.queue import defer
from trades.jobs.job import Job


def run(context: JobContext, channel_id: int) -> None:
    """Send what is due to the channel. Run twice, it finds nothing the second time."""
    if deliver(channel_id, clock=timezone.now, stopping=context.should_abort):
        defer("deliver", channel_id=channel_id)


def run_due(context: JobContext, timestamp: int) -> None:
    """Defer a delivery for each channel with something due."""
    for channel_id in find_due_channels(timezone.now()):
        defer("deliver", channel_id=channel_id)


JOB = Job(run, attempts=5, first_wait=5)
DUE = Job(run_due, every="* * * * *", attempts=2)
