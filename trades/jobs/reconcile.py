"""`reconcile` of a sample: drift is found before somebody stumbles on it.

In blocks: a user's job waits for one of them, not for the sample.
"""

import logging

from django.db.models import F
from django.db.models.functions import Mod
from django.utils import timezone
from procrastinate import JobContext

from goals.enums import PortfolioKind
from goals.models import Portfolio
from mastertrade.db.queue import defer_each, drop_waiting
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import DomainError
from trades.booking.reconcile import report_drift
from trades.jobs.job import LONG, Job

logger = logging.getLogger(__name__)
HOURS = 24
MOST_IN_A_RUN = 100
SHOWN = 5
BLOCK, IN_BLOCK = "reconcile_block", 5


@atomic
def run(context: JobContext, timestamp: int) -> None:
    """Defer this hour's portfolios in blocks; those that still wait are dropped."""
    drop_waiting(BLOCK)
    keys = find_sample(timestamp)
    blocks = (keys[at : at + IN_BLOCK] for at in range(0, len(keys), IN_BLOCK))
    defer_each(BLOCK, ({"portfolio_ids": block} for block in blocks))


def run_block(context: JobContext, portfolio_ids: list[int]) -> None:
    """Compare these portfolios with their ledgers and alert; repairs nothing."""
    for key in portfolio_ids:
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


JOB = Job(run, every="20 * * * *", attempts=3, first_wait=60)
BLOCK_JOB = Job(run_block, queue=LONG, attempts=3, first_wait=60)
