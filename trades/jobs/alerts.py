"""Alerts that only the clock causes, and halts that nobody has acknowledged."""

from django.utils import timezone
from procrastinate import JobContext

from goals.services.alert_watch import watch_halts, watch_health
from goals.services.alerts import repeat_halts
from trades.jobs.job import Job
from trades.services.stale_marks import watch_marks


def run(context: JobContext, timestamp: int) -> None:
    """Find what is new at the present time; a second run finds nothing."""
    now = timezone.now()
    watch_health(now)
    watch_halts(now)
    watch_marks(now)
    repeat_halts(now)


JOB = Job(run, every="*/15 * * * *", attempts=3, first_wait=30)
