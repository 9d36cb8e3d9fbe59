"""Goals by day and by week: their periods, clock changes, late trades, long gaps."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.models import FinancialGoal
from goals.services import rollover
from goals.services.goals import create_goal
from goals.services.rollover import roll_goals
from goals.tests.factories import PortfolioFactory
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
BERLIN = "Europe/Berlin"


def at(*when, zone=BERLIN):
    return datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def make_goal(kind, as_of, zone=BERLIN, target=50, **fields):
    portfolio = PortfolioFactory(time_zone=zone, now=as_of - DAY)
    return create_goal(
        user=portfolio.user,
        portfolio=portfolio.pk,
        goal_type=kind,
        target_value=Decimal(target),
        as_of=as_of,
        **{"recurring": True, **fields},
    )


def fresh(goal):
    return FinancialGoal.objects.get(pk=goal.pk)


def chain(goal):
    return FinancialGoal.objects.filter(portfolio=goal.portfolio).order_by("start_date")


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("kind", "last"),
    [("daily_income", date(2026, 12, 31)), ("weekly_return", date(2027, 1, 3))],
)
def test_by_default_it_lasts_from_today_to_the_end_of_the_local_day_or_week(
    zone, kind, last
):
    goal = make_goal(kind, at(2026, 12, 31, 23, 30, zone=zone), zone)
    assert (goal.start_date, goal.target_date) == (date(2026, 12, 31), last)
    after = last + DAY
    assert goal.period_ends_at == at(after.year, after.month, after.day, zone=zone)


def test_a_day_of_23_hours_has_its_middle_at_half_past_twelve():
    goal = make_goal("daily_return", at(2026, 3, 29, 0, 30))
    assert goal.period_ends_at - goal.period_starts_at == timedelta(hours=23)
    pace = goal.pace_at(at(2026, 3, 29, 12, 30))
    assert pace.expected_progress_pct == 50
    [following] = roll_goals(as_of=at(2026, 3, 30))
    assert following.period_ends_at - following.period_starts_at == DAY


def test_a_trade_of_the_hour_that_comes_twice_moves_its_own_day():
    goal = make_goal("daily_income", at(2026, 10, 25, 0, 30))
    for fold in (0, 1):
        twice = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo(BERLIN), fold=fold)
        book_profit(goal.portfolio, Decimal(10), at=twice.astimezone(UTC))
    roll_goals(as_of=at(2026, 10, 26))
    assert [one.current_value for one in chain(goal)] == [20, 0]


@pytest.mark.parametrize(
    ("kind", "profit_pct"), [("daily_return", 6), ("daily_income", 60)]
)
def test_a_late_trade_of_yesterday_moves_yesterdays_goal_and_not_todays(
    kind, profit_pct
):
    yesterday = make_goal(kind, at(2026, 5, 4, 8), target=profit_pct)
    [today] = roll_goals(as_of=at(2026, 5, 5))
    assert fresh(yesterday).status == "missed"
    book_profit(yesterday.portfolio, Decimal(10), at=at(2026, 5, 5, 9))
    before = fresh(today).current_value

    book_profit(yesterday.portfolio, Decimal(60), at=at(2026, 5, 4, 23, 59))

    moved = fresh(yesterday)
    assert (moved.current_value, moved.status) == (profit_pct, "achieved")
    assert [row.kind for row in moved.history.order_by("history_id")] == [
        "start",
        "restated",
    ]
    after = fresh(today)
    if kind == "daily_income":
        assert (after.current_value, after.start_realized_pnl) == (before, 60)
    else:  # the same 10, of an equity that is 60 larger
        assert after.current_value == (Decimal(1000) / 1060).quantize(Decimal("1e-8"))


def test_a_week_across_new_year_counts_both_years():
    goal = make_goal("weekly_income", at(2026, 12, 28, 9))
    book_profit(goal.portfolio, Decimal(10), at=at(2026, 12, 31, 23, 59))
    book_profit(goal.portfolio, Decimal(20), at=at(2027, 1, 3, 23, 59))
    book_profit(goal.portfolio, Decimal(40), at=at(2027, 1, 4))
    [following] = roll_goals(as_of=at(2027, 1, 4, 0, 5))
    assert (goal.target_date, fresh(goal).current_value) == (date(2027, 1, 3), 30)
    assert (following.start_date, following.target_date) == (
        date(2027, 1, 4),
        date(2027, 1, 10),
    )
    assert fresh(following).current_value == 40


def test_days_that_went_by_are_caught_up_in_bounded_runs_each_judged_once():
    goal = make_goal("daily_income", at(2026, 5, 1, 9))
    book_profit(goal.portfolio, Decimal(60), at=at(2026, 5, 6, 9))
    behind = {"MOST_AT_ONCE": 3, "MOST_IN_A_RUN": 6}
    with patch.multiple(rollover, **behind):
        runs = [len(roll_goals(as_of=at(2026, 5, 11))) for _ in range(3)]
    assert runs == [6, 4, 0]
    statuses = list(chain(goal).values_list("status", flat=True))
    assert statuses == ["missed"] * 5 + ["achieved"] + ["missed"] * 4 + ["active"]


def test_what_fails_keeps_the_periods_that_were_caught_up_before():
    goal = make_goal("daily_income", at(2026, 5, 1, 9))
    open_period = rollover.open_period

    def fail_on_the_8th(following, *args, **kwargs):
        if following.start_date == date(2026, 5, 8):
            raise ZeroDivisionError
        return open_period(following, *args, **kwargs)

    with (
        patch.multiple(rollover, MOST_AT_ONCE=3, open_period=fail_on_the_8th),
        pytest.raises(ExceptionGroup),
    ):
        roll_goals(as_of=at(2026, 5, 11))
    assert [one.start_date.day for one in chain(goal)] == [1, 2, 3, 4, 5, 6, 7]
    assert len(roll_goals(as_of=at(2026, 5, 11))) == 4
    assert chain(goal).last().start_date == date(2026, 5, 11)


@pytest.mark.parametrize("kind", ["daily_return", "daily_income"])
def test_a_late_trade_takes_as_many_statements_for_ten_days_as_for_two(kind):
    def statements(days):
        goal = make_goal(kind, at(2026, 5, 1, 9), target=1_000)
        roll_goals(as_of=at(2026, 5, 1 + days))
        for number in range(days):
            book_profit(goal.portfolio, Decimal(1), at=at(2026, 5, 1 + number, 12))
        with CaptureQueriesContext(connection) as captured:
            book_profit(goal.portfolio, Decimal(1), at=at(2026, 5, 1, 10))
        return len(captured)

    assert statements(10) == statements(2)
