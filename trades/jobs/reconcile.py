"""`reconcile` of a sample: drift is found before somebody stumbles on it."""

import logging

from django.db.models import F
from django.db.models.functions import Mod
from django.utils import timezone
from procrastinate import JobContext

from goals.enums import PortfolioKind
from goals.models import Portfolio
from mastertrade.values.exceptions import DomainError
from trades.booking.reconcile import report_drift
from trades.jobs.job import LONG, Job

logger = logging.getLogger(__name__)
HOURS = 24
MOST_IN_A_RUN = 100
SHOWN = 5


def run(context: JobContext, timestamp: int) -> None:
    """Compare this hour's portfolios with their ledgers and alert; repairs nothing."""
    for key in find_sample(timestamp):
        try:
            drift = report_drift(key, timezone.now())
        except DomainError as refused:
            logger.error("Portfolio %s cannot be reconciled: %s", key, refused.detail)
            continue
        if drift:
            logger.error(
                "Portfolio %s has drifted from its ledger, figures: %d (%s). Run "
                "manage.py reconcile --fix --portfolio %s",
                *(key, len(drift)),
                ", ".join(f"{one.of} {one.figure}" for one in drift[:SHOWN]),
                key,
            )


def find_sample(timestamp: int) -> list[int]:
    """Each live portfolio once a day; where an hour has too many, other ones daily."""
    hour, day = timestamp // 3600 % HOURS, timestamp // 86400
    live = Portfolio.objects.filter(kind=PortfolioKind.LIVE)
    keys = live.annotate(hour=Mod(F("pk"), HOURS)).filter(hour=hour).order_by("pk")
    found = list(keys.values_list("pk", flat=True))
    first = day * MOST_IN_A_RUN % len(found) if len(found) > MOST_IN_A_RUN else 0
    return (found[first:] + found[:first])[:MOST_IN_A_RUN]


JOB = Job(run, queue=LONG, every="20 * * * *", attempts=3, first_wait=60)
