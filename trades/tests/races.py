"""Races made certain: who meets whom, who waits for whom, and what is left behind."""

import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier, BrokenBarrierError, Event, Thread, current_thread
from typing import Any
from unittest.mock import patch

from django.db import connection

from goals.services.portfolios import record_cash_flow
from mastertrade.values.exceptions import DomainError
from trades.booking.close import close_trade

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
# How long one waits where both would meet if nothing kept them apart.
IN_VAIN_SECONDS = 0.25


def run_at_once(*works: Callable[[], object]) -> list[object]:
    """Run each in a thread of its own; what each returned, or the domain's refusal."""
    results: list[object] = [None] * len(works)
    start = Barrier(len(works))

    def run(number, work):
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            results[number] = work()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=one) for one in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, DomainError):
            raise result
    return results


class Meeting:
    """Counts whether two were ever inside the same stretch of work at once."""

    def __init__(self) -> None:
        self.barrier = Barrier(2)
        self.met = False

    def wait(self) -> None:
        try:
            self.barrier.wait(timeout=IN_VAIN_SECONDS)
            self.met = True
        except BrokenBarrierError:
            pass  # nobody else came: the lock held


@contextmanager
def nobody_meets_at(*targets: str):
    """Whoever calls a target waits for another; proves that there was none."""
    meeting = Meeting()
    patches = [patch(target, wraps_with(meeting, target)) for target in targets]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()
    assert not meeting.met


def wraps_with(meeting: Meeting, target: str) -> Callable[..., object]:
    module, name = target.rsplit(".", 1)
    original = getattr(__import__(module, fromlist=[name]), name)

    def wait_then_call(*args, **kwargs):
        meeting.wait()
        return original(*args, **kwargs)

    return wait_then_call


def closing(trade, price=51000):
    return lambda: close_trade(
        user=trade.user, trade_id=trade.pk, exit_price=Decimal(price), now=NOW
    )


def flowing(portfolio, amount, **fields):
    return lambda: record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(amount),
        now=NOW,
        **fields,
    )


def fresh(row):
    return type(row).objects.get(pk=row.pk)


# Where a booking has its locks and has written its row.
BOOKING = "goals.services.ledger.is_late"


WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def run_in_turn(
    first: Callable[[], object], second: Callable[[], object], *, pause_at: str
) -> list[Any]:
    """Run both so that the second must wait for a lock of the first.

    The first stops where it calls `pause_at`, the second is started then, and the
    first goes on when PostgreSQL says that somebody waits for a lock. Returns what both
    returned, or the domain's refusals.
    """
    has_paused, may_go_on = Event(), Event()
    leader: list[Thread] = []

    def lead() -> object:
        leader.append(current_thread())
        return first()

    def follow() -> object:
        assert has_paused.wait(timeout=10), f"the first never came to {pause_at}"
        return second()

    def watch() -> None:
        assert has_paused.wait(timeout=10)
        end = time.monotonic() + 10
        while not _somebody_waits():
            assert time.monotonic() < end, "the second waited for nobody"
            time.sleep(0.005)
        may_go_on.set()

    module, name = pause_at.rsplit(".", 1)
    original = getattr(__import__(module, fromlist=[name]), name)

    def pause(*args: Any, **kwargs: Any) -> Any:
        if [current_thread()] == leader and not has_paused.is_set():
            has_paused.set()
            assert may_go_on.wait(timeout=15)
        return original(*args, **kwargs)

    with patch(pause_at, pause):
        return run_at_once(lead, follow, watch)[:2]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return bool(cursor.fetchone()[0])
