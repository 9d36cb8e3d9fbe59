"""What is due once a day: the steps of `run_daily`, in blocks of portfolios.

So workers share it, and nothing waits for all of it: what decisions wait for has a
queue of its own, and a user's job goes before what is worked out.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from procrastinate import JobContext

from mastertrade.db.queue import defer_each, drop_waiting
from mastertrade.db.transactions import atomic
from trades.jobs.job import LONG, TURN, Job
from trades.services.daily import (
    FORECASTS,
    OF_THE_SITE,
    TURN_OF_DAY,
    Step,
    find_outdated,
    find_turning,
    run_day,
)
from trades.sizing_calls.kept_forecasts import RENEWED_BY

BLOCK, PROJECTIONS = "daily_block", RENEWED_BY
# Portfolios in a job, so that it lasts a few seconds: rolled over and written down at
# some 40 a second, projected at some five.
IN_BLOCK, IN_PROJECTIONS = 100, 5
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('blocks of the daily run'))"


class DailyRunFailed(Exception):
    """The rest is done; a second run does what is left."""


def run(context: JobContext, timestamp: int) -> None:
    """Do what is of the whole site, and defer the blocks of what is left to do."""
    now = timezone.now()
    defer_blocks(now)
    _fail_by(_do(OF_THE_SITE, now))


@atomic
def defer_blocks(now: datetime) -> None:
    """Defer what is due at this time; what still waits of an earlier one is part of it.

    So there is one set of blocks, however far behind the workers are.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TURNS)
    for name in (BLOCK, PROJECTIONS):
        drop_waiting(name)
    turning = find_turning(now)
    first = set(turning)
    outdated = [key for key in find_outdated(now) if key not in first]
    defer_each(BLOCK, _blocks(turning, IN_BLOCK))
    defer_each(PROJECTIONS, _blocks(outdated, IN_PROJECTIONS))


def _blocks(keys: Sequence[int], size: int) -> Iterator[dict[str, Any]]:
    for first in range(0, len(keys), size):
        yield {"portfolio_ids": list(keys[first : first + size])}


def run_block(context: JobContext, portfolio_ids: list[int]) -> None:
    """Roll these over and write them down; defer what is to be projected then."""
    now = timezone.now()
    failures = _do(TURN_OF_DAY, now, portfolio_ids)
    outdated = find_outdated(now, portfolio_ids)
    defer_each(PROJECTIONS, _blocks(outdated, IN_PROJECTIONS))
    _fail_by(failures)


def run_projections(context: JobContext, portfolio_ids: list[int]) -> None:
    """Bring records along, project goals, make forecasts, where out of date."""
    _fail_by(_do(FORECASTS, timezone.now(), portfolio_ids))


def _do(
    steps: tuple[Step, ...], as_of: datetime, keys: Sequence[int] | None = None
) -> list[str]:
    """What failed; a second run finds what is left."""
    return [
        f"{outcome.step.name}: {failure}"
        for outcome in run_day(as_of=as_of, steps=steps, keys=keys)
        for failure in outcome.done.failures
    ]


def _fail_by(failures: Sequence[str]) -> None:
    if failures:
        raise DailyRunFailed("; ".join(failures))


JOB = Job(run, queue=TURN, every="5 * * * *", attempts=3, first_wait=60)
BLOCK_JOB = Job(run_block, queue=TURN, attempts=3, first_wait=60)
PROJECTIONS_JOB = Job(run_projections, queue=LONG, attempts=3, first_wait=60)
