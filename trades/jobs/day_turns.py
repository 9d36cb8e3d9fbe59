"""The daily run at each portfolio's own midnight, and at its `day_starts_at`."""

from datetime import UTC, datetime, timedelta

from procrastinate import JobContext

from goals.decisions.periods import day_part
from goals.enums import PortfolioKind
from goals.models import Portfolio
from mastertrade.db.queue import defer
from trades.jobs.job import Job

MINUTE = timedelta(minutes=1)


def run(context: JobContext, timestamp: int) -> None:
    """Defer the daily run where a local day, or a trading day, began this minute."""
    if begins_a_day(datetime.fromtimestamp(timestamp, UTC)):
        defer("daily", timestamp=timestamp)


def begins_a_day(at: datetime) -> bool:
    """Whether a day of any live portfolio began in the minute that ends then."""
    live = Portfolio.objects.filter(kind=PortfolioKind.LIVE, finished_at=None)
    clocks = live.order_by().values_list("time_zone", "day_starts_at").distinct()
    return any(day_part(at, *one) != day_part(at - MINUTE, *one) for one in clocks)


JOB = Job(run, every="* * * * *")
