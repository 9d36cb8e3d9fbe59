"""Marks that went stale: a limit that follows an old price follows nothing."""

import logging
from datetime import UTC, datetime, timedelta

from procrastinate import JobContext

from trades.jobs.job import Job
from trades.services.stale_marks import STALE_AFTER, find_stale_marks

logger = logging.getLogger(__name__)
PERIOD = timedelta(minutes=10)


def run(context: JobContext, timestamp: int) -> None:
    """Log those that crossed the age within the period, so each once."""
    due = datetime.fromtimestamp(timestamp, UTC)
    for found in find_stale_marks(due):
        if found.oldest_mark_at > due - STALE_AFTER - PERIOD:
            logger.warning(
                "Portfolio %s: open positions whose price is more than %d hours old: "
                "%d, the oldest of %s.",
                found.portfolio_id,
                STALE_AFTER.total_seconds() // 3600,
                found.positions,
                f"{found.oldest_mark_at:%Y-%m-%d %H:%M} UTC",
            )


JOB = Job(run, every="*/10 * * * *", attempts=3)
