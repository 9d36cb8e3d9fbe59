"""The daily run: every step once a local day, whatever fails and however often."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from goals.models import FinancialGoal, GoalProgressHistory, Portfolio
from goals.services import rollover
from goals.services.snapshots import snapshot_goals
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade import database
from mastertrade.values.exceptions import OutOfRange
from tests.http import count_statements
from trades.services.daily import STEPS, Done, Step, run_day
from trades.tests.factories import book_profit
from trades.tests.races import fresh, run_at_once

pytestmark = pytest.mark.django_db
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def run(as_of):
    return {one.step.name: one.done for one in run_day(as_of=as_of)}


def snapshots(goal=None):
    rows = GoalProgressHistory.objects.filter(kind="snapshot")
    return rows.filter(goal=goal) if goal else rows


def test_the_periods_that_are_over_end_and_the_next_goals_are_written_down():
    goal = GoalFactory(recurring=True)
    done = run(APRIL)
    [row] = snapshots()
    assert (fresh(goal).status, row.goal, row.snapshot_date) == (
        "missed",
        goal.next_goal,
        APRIL.date(),
    )
    assert done == {
        "roll-over": Done("1 period ended, 1 opened"),
        "snapshots": Done("1 goal written down"),
        "records": Done("0 portfolios caught up"),
        "projections": Done("1 goal projected"),
        "forecasts": Done("0 forecasts made anew"),
        "policy tables": Done("0 old tables deleted"),
        "unasked forecasts": Done("0 forecasts deleted"),
        "sessions": Done("0 expired sessions deleted"),
    }


def test_twice_on_one_day_is_once():
    GoalFactory(recurring=True), GoalFactory(recurring=True)
    run(APRIL)
    assert run(APRIL + timedelta(hours=23, minutes=59)) == {
        "roll-over": Done("0 periods ended, 0 opened"),
        "snapshots": Done("0 goals written down"),
        "records": Done("0 portfolios caught up"),
        "projections": Done("0 goals projected"),
        "forecasts": Done("0 forecasts made anew"),
        "policy tables": Done("0 old tables deleted"),
        "unasked forecasts": Done("0 forecasts deleted"),
        "sessions": Done("0 expired sessions deleted"),
    }
    assert (FinancialGoal.objects.count(), snapshots().count()) == (4, 2)


def test_expired_sessions_are_deleted():
    for key, days in (("old", -1), ("new", 1)):
        ends = APRIL + timedelta(days=days)
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
    assert run(APRIL)["sessions"] == Done("1 expired session deleted")
    assert Session.objects.get().session_key == "new"


def test_the_next_day_is_written_down_again():
    goal = GoalFactory(recurring=True)
    run(APRIL), run(APRIL + timedelta(days=1))
    assert snapshots(goal.next_goal).count() == 2


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("UTC", "2026-03-20T00:00Z"),
        ("America/New_York", "2026-03-20T04:00Z"),
        ("America/New_York", "2026-03-08T05:00Z"),  # a day of 23 hours
        ("Asia/Tokyo", "2026-03-19T15:00Z"),
        ("Asia/Kathmandu", "2026-03-19T18:15Z"),
        ("Australia/Lord_Howe", "2026-03-19T13:00Z"),
    ],
)
def test_the_day_is_the_portfolios_own(zone, midnight):
    """A microsecond apart and two days; nearly a day apart and one."""
    GoalFactory(portfolio=PortfolioFactory(time_zone=zone))
    at = datetime.fromisoformat(midnight)
    for as_of in (at - MICROSECOND, at, at + timedelta(hours=22, minutes=59)):
        run(as_of)
    assert snapshots().count() == 2
    first, second = snapshots().order_by("history_id")
    assert second.snapshot_date - first.snapshot_date == timedelta(days=1)
    assert second.effective_at == at


@pytest.mark.parametrize(
    ("zone", "begin", "end"),
    [
        # 25 hours: midnight comes twice.
        ("America/Havana", "2026-11-01T04:00Z", "2026-11-02T05:00Z"),
        ("America/New_York", "2026-11-01T04:00Z", "2026-11-02T05:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T13:00Z", "2026-04-05T13:30Z"),
    ],
)
def test_a_day_on_which_clocks_go_back_is_one_day(zone, begin, end):
    GoalFactory(
        portfolio=PortfolioFactory(time_zone=zone), target_date=date(2026, 12, 31)
    )
    begin, end = datetime.fromisoformat(begin), datetime.fromisoformat(end)
    for as_of in (begin, begin + timedelta(hours=1), end - MICROSECOND):
        run(as_of)
        assert snapshots().count() == 1
    run(end)
    assert snapshots().count() == 2


def test_a_snapshot_that_somebody_asked_for_is_the_days():
    GoalFactory()
    at = datetime(2026, 3, 20, 1, tzinfo=UTC)
    snapshot_goals(as_of=at)
    run(at + timedelta(hours=1))
    assert snapshots().count() == 1


def test_other_history_of_the_day_is_no_snapshot():
    goal = GoalFactory()
    at = datetime(2026, 3, 20, 1, tzinfo=UTC)
    book_profit(goal.portfolio, Decimal(20), at=at)
    run(at + timedelta(hours=1))
    assert snapshots(goal).get().progress_pct == 40


def test_a_goal_made_after_the_run_is_written_down_by_the_next():
    GoalFactory()
    run(APRIL - timedelta(hours=5))
    late = GoalFactory()
    run(APRIL - timedelta(hours=4))
    assert (snapshots().count(), snapshots(late).count()) == (2, 1)


def fail_for(portfolio, error):
    open_period = rollover.open_period

    def fail(goal, locked, *args, **kwargs):
        if locked.pk == portfolio.pk:
            raise error
        return open_period(goal, locked, *args, **kwargs)

    return patch.object(rollover, "open_period", fail)


@pytest.mark.parametrize("error", [OutOfRange("no room"), ArithmeticError("odd")])
def test_a_portfolio_that_fails_is_named_and_the_others_are_done(error, capsys):
    broken, other = GoalFactory(recurring=True), GoalFactory(recurring=True)
    with (
        fail_for(broken.portfolio, error),
        pytest.raises(CommandError) as failed,
    ):
        call_command("run_daily", as_of="2026-04-01T00:05+00:00")
    answer = f"portfolio {broken.portfolio_id}: {type(error).__name__}: {error}"
    assert str(failed.value) == f"1 failed; the rest is done.\nroll-over: {answer}"
    assert failed.value.returncode == 1
    assert (fresh(broken).status, fresh(other).status) == ("active", "missed")
    assert snapshots(other.next_goal).count() == 1
    assert "1 failed" in capsys.readouterr().out
    run(APRIL + timedelta(minutes=10))
    assert snapshots(fresh(broken).next_goal).count() == 1


def test_a_step_that_fails_stops_no_later_one():
    goal = GoalFactory()

    def broken(as_of, keys):
        raise RuntimeError("nothing\nworks")

    steps = (Step("broken", broken), *STEPS)
    first, *_ = outcomes = list(run_day(as_of=APRIL - MICROSECOND, steps=steps))
    assert first.done == Done("failed", ("RuntimeError: nothing works",))
    assert [one.done.failures for one in outcomes[1:]] == [()] * len(STEPS)
    assert snapshots(goal).count() == 1


def test_the_summary_is_short_and_says_what_was_done(capsys):
    GoalFactory(recurring=True)
    call_command("run_daily", as_of="2026-04-01T02:05+02:00")
    out = capsys.readouterr().out
    assert "Daily run of 2026-04-01 00:05 UTC" in out
    assert "1 period ended, 1 opened" in out
    assert "1 goal written down" in out


def test_without_a_time_it_runs_for_now():
    goal = GoalFactory(start_date=timezone.now().date(), as_of=timezone.now())
    call_command("run_daily")
    assert snapshots(goal).count() == 1


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("tomorrow", "is not a time such as"),
        ("2026-04-01T00:05", "needs a time zone"),
        ("2199-01-01T00:00+00:00", "is in the future"),
        ("1969-12-31T00:00+00:00", "is before 1970"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(as_of, words):
    with pytest.raises(CommandError, match=words):
        call_command("run_daily", as_of=as_of)


def test_a_hundred_goals_are_written_down_in_as_many_statements_as_one():
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio)
    with count_statements() as few:
        run(APRIL - timedelta(days=2))
    for target in range(49):
        GoalFactory(portfolio=portfolio, target_value=Decimal(6 + target))
    with count_statements() as many:
        run(APRIL - timedelta(days=1))
    assert len(many) == len(few)
    assert snapshots().count() == 51


# At once, and killed


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_eight_runs_at_once_are_one():
    goals = [GoalFactory(recurring=True) for _ in range(6)]
    results = run_at_once(*[lambda: run(APRIL)] * 8)
    assert not any(done.failures for result in results for done in result.values())
    assert FinancialGoal.objects.filter(previous_goal__in=goals).count() == 6
    assert snapshots().count() == 6


COMMAND = [sys.executable, "manage.py", "run_daily", "--as-of", "2026-04-01T00:05Z"]


def start_process():
    address = database.show_url(connection.settings_dict, secret=True)
    # Not the settings of tests, which name a server of their own.
    foreign = ("DJANGO_", "MASTERTRADE_")
    variables = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return subprocess.Popen(
        COMMAND,
        cwd=settings.BASE_DIR,
        env=variables | {"DATABASE_URL": address},
    )


def wait_until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def somebody_waits():
    with connection.cursor() as cursor:
        # In a transaction what is shown stays what was seen first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(WAITING)
        return cursor.fetchone()[0] > 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_processes_at_once_are_one():
    goals = [GoalFactory(recurring=True) for _ in range(6)]
    processes = [start_process(), start_process()]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert FinancialGoal.objects.filter(previous_goal__in=goals).count() == 6
    assert snapshots().count() == 6


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_killed_half_way_is_completed_by_the_next():
    first, second = GoalFactory(recurring=True), GoalFactory(recurring=True)
    with transaction.atomic():
        Portfolio.objects.locked().get(pk=second.portfolio_id)
        process = start_process()
        wait_until(somebody_waits)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    # PostgreSQL may notice the death only when it hands over the lock.
    wait_until(lambda: not somebody_waits())
    assert fresh(first).status == "missed"
    run(APRIL)
    assert fresh(second).status == "missed"
    assert FinancialGoal.objects.count() == 4
    assert snapshots().count() == 2
