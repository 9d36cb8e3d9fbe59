"""Snapshots: one history row a running goal."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.models import GoalProgressHistory
from goals.services.goals import cancel_goal, update_goal
from goals.services.rollover import roll_goals
from goals.services.snapshots import snapshot_goals
from goals.tests.factories import GoalFactory, PortfolioFactory
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def snapshots():
    return list(
        GoalProgressHistory.objects.filter(kind="snapshot").order_by("history_id")
    )


def test_a_snapshot_writes_down_how_far_the_goal_is():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(20))
    assert snapshot_goals(as_of=NOW) == 1
    [row] = snapshots()
    assert (row.goal, row.current_value, row.target_value, row.progress_pct) == (
        goal,
        2,
        5,
        40,
    )
    assert (row.effective_at, row.recorded_at) == (NOW, NOW)


def test_many_snapshots_a_day_are_kept():
    GoalFactory()
    for _ in range(3):
        snapshot_goals(as_of=NOW)
    assert len(snapshots()) == 3


def test_every_running_goal_is_written_in_the_order_of_keys():
    goals = [GoalFactory() for _ in range(3)]
    assert snapshot_goals(as_of=NOW) == 3
    assert [row.goal_id for row in snapshots()] == [goal.pk for goal in goals]


def test_only_the_goals_that_are_named():
    goals = [GoalFactory() for _ in range(3)]
    snapshot_goals(as_of=NOW, goal_ids=[goals[1].pk])
    assert [row.goal_id for row in snapshots()] == [goals[1].pk]


def test_naming_no_goal_writes_nothing():
    GoalFactory()
    assert snapshot_goals(as_of=NOW, goal_ids=[]) == 0


def test_only_the_goals_of_one_user():
    mine, _ = GoalFactory(), GoalFactory()
    assert snapshot_goals(as_of=NOW, user_id=mine.user_id) == 1
    assert [row.goal_id for row in snapshots()] == [mine.pk]


def test_a_goal_of_another_user_is_not_written_even_if_it_is_named():
    mine, theirs = GoalFactory(), GoalFactory()
    written = snapshot_goals(as_of=NOW, user_id=mine.user_id, goal_ids=[theirs.pk])
    assert written == 0


def test_a_paused_goal_is_measured():
    goal = GoalFactory()
    update_goal(user=goal.user, goal_id=goal.pk, as_of=NOW, status="paused")
    assert snapshot_goals(as_of=NOW) == 1


def test_a_cancelled_goal_is_not():
    goal = GoalFactory()
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=NOW)
    assert snapshot_goals(as_of=NOW) == 0


@pytest.mark.parametrize(
    ("as_of", "written"),
    [
        (datetime(2026, 3, 9, 23, 59, 59, 999999, tzinfo=UTC), 0),
        (datetime(2026, 3, 10, tzinfo=UTC), 1),
        (datetime(2026, 3, 15, 23, 59, 59, 999999, tzinfo=UTC), 1),
        (datetime(2026, 3, 16, tzinfo=UTC), 0),
    ],
)
def test_a_goal_is_written_while_its_period_runs(as_of, written):
    GoalFactory(start_date=date(2026, 3, 10), target_date=date(2026, 3, 15))
    assert snapshot_goals(as_of=as_of) == written


def test_a_goal_that_was_rolled_over_is_not_written():
    GoalFactory()
    roll_goals(as_of=datetime(2026, 4, 1, tzinfo=UTC))
    assert snapshot_goals(as_of=NOW) == 0


def test_a_snapshot_is_never_dated_before_the_newest_entry():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(20), at=NOW)
    earlier = datetime(2026, 3, 20, 11, tzinfo=UTC)
    snapshot_goals(as_of=earlier)
    [row] = snapshots()
    assert (row.effective_at, row.recorded_at) == (NOW, earlier)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", date(2026, 3, 20)),
        ("Asia/Tokyo", date(2026, 3, 21)),
        ("America/New_York", date(2026, 3, 20)),
        ("Pacific/Kiritimati", date(2026, 3, 21)),
    ],
)
def test_the_date_of_a_snapshot_is_local(zone, day):
    GoalFactory(portfolio=PortfolioFactory(time_zone=zone))
    snapshot_goals(as_of=datetime(2026, 3, 20, 16, tzinfo=UTC))
    assert snapshots()[0].snapshot_date == day


def test_snapshots_leave_progress_and_status_alone():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(20))
    before = type(goal).objects.values().get()
    snapshot_goals(as_of=NOW)
    assert type(goal).objects.values().get() == before


def test_all_goals_are_written_in_one_statement():
    for _ in range(3):
        GoalFactory()
    with CaptureQueriesContext(connection) as captured:
        snapshot_goals(as_of=NOW)
    assert len([q for q in captured if "SAVEPOINT" not in q["sql"]]) == 1


def test_five_snapshots_on_the_way_are_five_rows_in_order():
    goal = GoalFactory()
    for day in range(2, 7):
        book_profit(
            goal.portfolio, Decimal(10), at=datetime(2026, 3, day, 9, tzinfo=UTC)
        )
        snapshot_goals(as_of=datetime(2026, 3, day, 18, tzinfo=UTC))
    rows = goal.history.filter(kind="snapshot").order_by("effective_at", "history_id")
    assert [row.progress_pct for row in rows] == [20, 40, 60, 80, 100]
