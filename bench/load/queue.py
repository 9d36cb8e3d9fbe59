"""Jobs of users a second, and the seconds of the daily run a portfolio."""

import json
from collections.abc import Sequence
from time import monotonic, process_time, sleep

from django.db import connection
from django.utils import timezone

from bench.load.seeding import Account
from bench.web import ask
from goals.models import Portfolio
from mastertrade.db.queue import defer, drop_waiting
from trades.jobs import daily
from trades.models import UserJob
from trades.models.user_jobs import ENDED
from trades.sizing_calls.stored_chances import refresh_projections

JOB = {"case": "modest-edge", "trades": 10, "paths": 2000}
LONGEST = 120.0
# As if its periods of a day from now on were begun.
HOLD = """
INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, periodic_id)
VALUES ('daily', extract(epoch FROM now() + interval '1 day')::bigint, '')
"""


def measure_jobs(port: int, accounts: Sequence[Account], jobs: int) -> float:
    """Comparisons a second, from the first that is asked for until all are done.

    Where that takes too long, of those that are done by then.
    """
    begin, body = monotonic(), json.dumps(JOB).encode()
    asked = [
        json.loads(
            ask(
                port,
                "POST",
                "/api/comparisons/",
                body,
                accounts[n % len(accounts)].token,
            )
        )["job_id"]
        for n in range(jobs)
    ]
    mine = UserJob.objects.filter(pk__in=asked)
    while mine.exclude(state__in=ENDED).exists() and monotonic() - begin < LONGEST:
        sleep(0.05)
    return mine.filter(state="done").count() / (monotonic() - begin)


def measure_day(portfolios: int) -> float:
    """CPU of the longest step of the daily run, the projections: seconds a portfolio.

    Of this process; PostgreSQL's is not in it.
    """
    keys = list(
        Portfolio.objects.filter(name="bench")
        .order_by("pk")[:portfolios]
        .values_list("pk", flat=True)
    )
    now, begin = timezone.now(), process_time()
    for key in keys:
        refresh_projections(as_of=now, portfolio_id=key)
    return (process_time() - begin) / len(keys)


def hold_daily() -> None:
    """The clock does not begin it in the middle of another load."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD)


def begin_daily() -> None:
    """The daily run of all portfolios, now."""
    defer("daily", timestamp=0)


def forget_daily() -> None:
    """When its worker is gone: what it left undone does not wait any more."""
    for name in ("daily", daily.BLOCK, daily.PROJECTIONS):
        drop_waiting(name)
