"""Goals on the calendar: chains, month ends, leap years, last days, clock changes."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.periods import (
    MONTHS,
    calendar_end,
    following_period,
    local_date,
    local_midnight,
    period_of,
)
from goals.enums import CalendarPeriod, GoalType
from goals.models import FinancialGoal
from goals.services.goals import create_goal
from goals.services.rollover import roll_goals
from goals.tests.factories import GoalFactory, PortfolioFactory
from trades.tests.factories import book_profit

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
WEEK = ("Monday", "Sunday")
ZONES = ["America/New_York", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe"]
zones = st.sampled_from(ZONES)
days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
calendar_types = st.sampled_from([kind for kind in GoalType if kind.calendar])


def chain_of(kind, start, links):
    """First and last dates of a goal and those that follow it."""
    dates = [(start, calendar_end(kind, start))]
    while len(dates) < links:
        dates.append(following_period(kind, *dates[-1], "UTC"))
    return dates


@given(kind=calendar_types, zone=zones, start=days)
def test_a_chain_covers_every_instant_once(kind, zone, start):
    periods = [period_of(first, last, zone) for first, last in chain_of(kind, start, 6)]
    for one, following in pairwise(periods):
        assert one.ends_at == following.starts_at
        assert one.contains(one.ends_at - MICROSECOND)
        assert not following.contains(one.ends_at - MICROSECOND)
        assert following.contains(one.ends_at)
        assert not one.contains(one.ends_at)


@given(kind=calendar_types, start=days)
def test_whatever_day_a_chain_begins_its_later_links_are_whole(kind, start):
    """Also from the 31st, which most months have not, and from 29 February."""
    for first, last in chain_of(kind, start, 6)[1:]:
        match kind.calendar:
            case CalendarPeriod.DAY:
                assert first == last
            case CalendarPeriod.WEEK:
                assert (first.strftime("%A"), last.strftime("%A")) == WEEK
                assert last - first == 6 * DAY
            case _:
                assert first.day == 1
                assert (last + DAY).day == 1
                months = (last.year - first.year) * 12 + last.month - first.month + 1
                assert months == MONTHS[kind.calendar]
                assert (first.month - 1) % months == 0


@given(kind=calendar_types, zone=zones, start=days)
def test_a_period_lasts_its_days_and_at_most_a_change_of_clocks(kind, zone, start):
    last = calendar_end(kind, start)
    period = period_of(start, last, zone)
    whole = (last - start + DAY) - (period.ends_at - period.starts_at)
    assert abs(whole) <= timedelta(hours=1)


@given(zone=zones, day=days)
def test_a_local_day_begins_at_its_midnight_to_the_microsecond(zone, day):
    midnight = local_midnight(day, zone)
    assert local_date(midnight, zone) == day
    assert local_date(midnight - MICROSECOND, zone) == day - DAY
    assert midnight.astimezone(ZoneInfo(zone)).time() == datetime.min.time()


@pytest.mark.parametrize(
    ("start", "month_ends"),
    [
        (date(2026, 1, 31), ["01-31", "02-28", "03-31", "04-30", "05-31"]),
        (date(2028, 1, 31), ["01-31", "02-29", "03-31", "04-30", "05-31"]),
        (date(2028, 2, 29), ["02-29", "03-31", "04-30", "05-31", "06-30"]),
        (date(2099, 12, 31), ["12-31", "01-31", "02-28", "03-31", "04-30"]),
    ],
)
def test_months_end_where_they_end(start, month_ends):
    chain = chain_of(GoalType.MONTHLY_RETURN, start, 5)
    assert [f"{last:%m-%d}" for _, last in chain] == month_ends


# In the books

HOUR = timedelta(hours=1)


def at_local(zone, *when):
    return datetime(*when).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def make_goal(zone, today, **fields):
    portfolio = PortfolioFactory(time_zone=zone, now=today - 40 * DAY)
    return create_goal(
        user=portfolio.user,
        portfolio=portfolio.pk,
        as_of=today,
        **{
            "goal_type": "monthly_return",
            "target_value": Decimal(5),
            "recurring": True,
            **fields,
        },
    )


def fresh(row):
    return type(row).objects.get(pk=row.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("kind", "last", "next_end"),
    [
        ("monthly_return", (2026, 10, 31), (2026, 11, 30)),
        ("monthly_return", (2028, 1, 31), (2028, 2, 29)),
        ("quarterly_income", (2026, 3, 31), (2026, 6, 30)),
        ("yearly_return", (2027, 12, 31), (2028, 12, 31)),
        ("daily_income", (2026, 3, 28), (2026, 3, 29)),
        ("weekly_return", (2027, 1, 3), (2027, 1, 10)),
    ],
)
def test_a_goal_made_in_the_last_hour_of_its_period_lasts_till_midnight(
    zone, kind, last, next_end
):
    today = at_local(zone, *last, 23, 30)
    goal = make_goal(zone, today, goal_type=kind)
    midnight = local_midnight(date(*last) + DAY, zone)
    assert (goal.start_date, goal.target_date) == (date(*last), date(*last))
    assert goal.period_ends_at == midnight
    assert roll_goals(as_of=midnight - MICROSECOND) == []
    [following] = roll_goals(as_of=midnight)
    assert (following.start_date, following.target_date) == (
        date(*last) + DAY,
        date(*next_end),
    )


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("distance", "moved"), [(-MICROSECOND, "October"), (timedelta(), "November")]
)
def test_a_trade_a_microsecond_from_midnight_moves_its_own_month(zone, distance, moved):
    """Clocks change in October or November in two of these zones."""
    goal = make_goal(zone, at_local(zone, 2026, 10, 1, 12))
    midnight = local_midnight(date(2026, 11, 1), zone)
    book_profit(goal.portfolio, Decimal(50), at=midnight + distance)
    [november] = roll_goals(as_of=midnight + HOUR)
    figures = {
        "October": fresh(goal).current_value,
        "November": fresh(november).current_value,
    }
    assert figures == {"October": 0, "November": 0} | {moved: 5}


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.slow
def test_a_year_of_daily_rolls_is_twelve_months_each_judged_once(zone):
    goal = make_goal(zone, at_local(zone, 2027, 12, 31, 23, 59))
    opened = []
    for number in range(367):  # of a leap year, and the first day after it
        at = local_midnight(date(2028, 1, 1) + number * DAY, zone)
        opened += roll_goals(as_of=at)
    assert [f"{one.start_date:%m-%d}" for one in opened] == [
        *(f"{month:02}-01" for month in range(1, 13)),
        "01-01",
    ]
    goals = FinancialGoal.objects.filter(portfolio=goal.portfolio)
    statuses = goals.order_by("start_date").values_list("status", flat=True)
    assert list(statuses) == ["missed"] * 13 + ["active"]


@pytest.mark.django_db
def test_a_goal_without_a_deadline_is_never_rolled():
    goal = GoalFactory(goal_type="portfolio_value", target_value=Decimal(2000))
    assert roll_goals(as_of=datetime(2199, 12, 31, tzinfo=UTC)) == []
    assert (fresh(goal).status, fresh(goal).ended_at) == ("active", None)


@pytest.mark.django_db
def test_a_chain_of_centuries_ends_with_the_calendar():
    """The last link is judged and followed by none."""
    goal = make_goal(
        "UTC",
        datetime(2199, 12, 31, 12, tzinfo=UTC),
        goal_type="yearly_return",
    )
    opened = roll_goals(as_of=datetime(2203, 1, 1, tzinfo=UTC))
    assert [one.target_date.year for one in opened] == [2200]
    assert {fresh(goal).status, fresh(opened[0]).status} == {"missed"}
