"""Jobs of users a second, and the seconds of the daily run a portfolio."""

import json
from collections.abc import Sequence
from time import monotonic, sleep

from django.conf import settings
from django.utils import timezone

from bench.load.seeding import Account
from bench.web import ask
from goals.models import Portfolio
from trades.models import UserJob
from trades.models.user_jobs import ENDED
from trades.sizing_calls.forecasts import refresh_projections

JOB = {"case": "modest-edge", "trades": 10, "paths": 2000}
LONGEST = 120.0


def measure_jobs(port: int, accounts: Sequence[Account], jobs: int) -> float:
    """Comparisons a second, from the first that is asked for until all are done."""
    most = settings.JOBS_PER_USER * len(accounts)
    if jobs > most:
        raise ValueError(f"{len(accounts)} users may have {most} jobs at once.")
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
    while mine.exclude(state__in=ENDED).exists():
        if monotonic() - begin > LONGEST:
            raise RuntimeError("The jobs were not done in time.")
        sleep(0.05)
    if mine.exclude(state="done").exists():
        raise RuntimeError("A job failed.")
    return jobs / (monotonic() - begin)


def measure_day(portfolios: int) -> float:
    """Seconds of the longest step of the daily run, the projections, a portfolio."""
    keys = list(
        Portfolio.objects.filter(name="bench")
        .order_by("pk")[:portfolios]
        .values_list("pk", flat=True)
    )
    now, begin = timezone.now(), monotonic()
    for key in keys:
        refresh_projections(as_of=now, portfolio_id=key)
    return (monotonic() - begin) / len(keys)
