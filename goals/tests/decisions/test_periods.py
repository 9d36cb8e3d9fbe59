"""Periods hold exactly their local dates, whatever the clocks do."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.periods import (
    DayPart,
    calendar_end,
    day_part,
    day_start,
    first_part,
    following_part,
    following_period,
    local_date,
    local_midnight,
    part_start,
    period_of,
    trading_day,
)
from goals.enums import GoalType

MICROSECOND = timedelta(microseconds=1)
ZONES = [
    "UTC",
    "America/New_York",
    "Asia/Tokyo",
    "America/Sao_Paulo",  # until 2019 the clocks skipped midnight itself
    "Africa/Cairo",  # clocks skip midnight
    "America/Havana",  # midnight comes twice
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Europe/London",
]
zones = st.sampled_from(ZONES)
days = st.dates(date(2000, 1, 1), date(2060, 12, 31))
CALENDAR_TYPES = [kind for kind in GoalType if kind is not GoalType.PORTFOLIO_VALUE]


@given(zone=zones, first=days, length=st.integers(0, 400))
def test_one_microsecond_before_the_start_is_the_day_before(zone, first, length):
    period = period_of(first, first + timedelta(days=length), zone)
    assert local_date(period.starts_at - MICROSECOND, zone) == first - timedelta(days=1)


@given(zone=zones, first=days, length=st.integers(0, 400))
def test_the_start_is_the_first_date(zone, first, length):
    period = period_of(first, first + timedelta(days=length), zone)
    assert local_date(period.starts_at, zone) == first


@given(zone=zones, first=days, length=st.integers(0, 400))
def test_one_microsecond_before_the_end_is_the_last_date(zone, first, length):
    last = first + timedelta(days=length)
    ends_at = period_of(first, last, zone).ends_at
    assert local_date(ends_at - MICROSECOND, zone) == last


@given(zone=zones, first=days, length=st.integers(0, 400))
def test_the_end_is_the_first_instant_of_the_day_after(zone, first, length):
    last = first + timedelta(days=length)
    ends_at = period_of(first, last, zone).ends_at
    assert local_date(ends_at, zone) == last + timedelta(days=1)


@given(
    zone=zones,
    first=days,
    length=st.integers(0, 40),
    minutes=st.integers(-3 * 1440, 43 * 1440),
)
def test_a_period_contains_an_instant_exactly_if_its_local_date_is_inside(
    zone, first, length, minutes
):
    last = first + timedelta(days=length)
    at = datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(
        minutes=minutes
    )
    inside = first <= local_date(at, zone) <= last
    assert period_of(first, last, zone).contains(at) is inside


@given(zone=zones, first=days, length=st.integers(0, 400))
def test_periods_that_follow_each_other_leave_no_gap(zone, first, length):
    last = first + timedelta(days=length)
    next_period = period_of(last + timedelta(days=1), None, zone)
    assert period_of(first, last, zone).ends_at == next_period.starts_at


@pytest.mark.parametrize(
    ("zone", "first", "last", "hours"),
    [
        ("UTC", date(2026, 3, 1), date(2026, 3, 31), 744),
        ("America/New_York", date(2026, 3, 1), date(2026, 3, 31), 743),
        ("America/New_York", date(2026, 11, 1), date(2026, 11, 30), 721),
        ("America/Sao_Paulo", date(2018, 11, 1), date(2018, 11, 30), 719),
        ("America/Sao_Paulo", date(2018, 2, 1), date(2018, 2, 28), 673),
        ("Asia/Tokyo", date(2026, 3, 1), date(2026, 3, 31), 744),
        ("Australia/Lord_Howe", date(2026, 4, 5), date(2026, 4, 5), 24.5),
        ("Europe/Berlin", date(2026, 3, 29), date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 3, 23), date(2026, 3, 29), 167),  # a week
    ],
)
def test_a_period_with_a_change_of_clocks_is_an_hour_shorter_or_longer(
    zone, first, last, hours
):
    period = period_of(first, last, zone)
    assert period.ends_at - period.starts_at == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("zone", "day", "midnight"),
    [
        ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00:00+00:00"),
        ("America/New_York", date(2026, 3, 9), "2026-03-09T04:00:00+00:00"),
        ("Asia/Tokyo", date(2026, 1, 1), "2025-12-31T15:00:00+00:00"),
        # 00:00 does not exist: the day begins at 01:00.
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00+00:00"),
        # 00:00 comes twice: the day begins at the first.
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00+00:00"),
    ],
)
def test_local_midnight_is_the_first_instant_of_the_day(zone, day, midnight):
    assert local_midnight(day, zone).isoformat() == midnight


def test_a_local_date_is_that_of_the_wall_clock():
    at = datetime(2026, 3, 1, 2, tzinfo=ZoneInfo("UTC"))
    assert local_date(at, "America/New_York") == date(2026, 2, 28)


def test_a_period_without_a_deadline_is_never_over():
    period = period_of(date(2026, 3, 1), None, "UTC")
    assert not period.is_over(datetime(9999, 1, 1, tzinfo=UTC))


def test_a_period_is_over_at_the_first_instant_after_it():
    period = period_of(date(2026, 3, 1), date(2026, 3, 31), "UTC")
    end = datetime(2026, 4, 1, tzinfo=UTC)
    assert (period.is_over(end - MICROSECOND), period.is_over(end)) == (False, True)


@pytest.mark.parametrize(
    ("kind", "day", "end"),
    [
        ("monthly_return", date(2026, 2, 10), date(2026, 2, 28)),
        ("monthly_income", date(2028, 2, 1), date(2028, 2, 29)),
        ("monthly_return", date(2026, 12, 31), date(2026, 12, 31)),
        ("quarterly_return", date(2026, 1, 1), date(2026, 3, 31)),
        ("quarterly_income", date(2026, 6, 30), date(2026, 6, 30)),
        ("quarterly_return", date(2026, 11, 5), date(2026, 12, 31)),
        ("yearly_return", date(2026, 1, 1), date(2026, 12, 31)),
        ("yearly_income", date(2026, 12, 31), date(2026, 12, 31)),
        ("portfolio_value", date(2026, 3, 1), None),
        ("daily_return", date(2026, 2, 10), date(2026, 2, 10)),
        ("daily_income", date.max, date.max),
        ("weekly_return", date(2026, 3, 2), date(2026, 3, 8)),  # a Monday
        ("weekly_income", date(2026, 3, 8), date(2026, 3, 8)),  # a Sunday
        ("weekly_return", date(2026, 12, 30), date(2027, 1, 3)),  # over New Year
        ("weekly_return", date.max, date.max),  # a Friday: the calendar ends
    ],
)
def test_a_period_left_open_ends_with_its_calendar_period(kind, day, end):
    assert calendar_end(GoalType(kind), day) == end


@pytest.mark.parametrize(
    ("kind", "start", "end", "following"),
    [
        (
            "monthly_return",
            date(2026, 1, 1),
            date(2026, 1, 31),
            (date(2026, 2, 1), date(2026, 2, 28)),
        ),
        (
            "monthly_return",
            date(2026, 1, 20),
            date(2026, 1, 31),
            (date(2026, 2, 1), date(2026, 2, 28)),
        ),
        (
            "quarterly_income",
            date(2026, 10, 1),
            date(2026, 12, 31),
            (date(2027, 1, 1), date(2027, 3, 31)),
        ),
        (
            "yearly_return",
            date(2026, 1, 1),
            date(2026, 12, 31),
            (date(2027, 1, 1), date(2027, 12, 31)),
        ),
        (
            "monthly_return",
            date(2026, 3, 10),
            date(2026, 3, 16),
            (date(2026, 3, 17), date(2026, 3, 23)),
        ),
        (
            "portfolio_value",
            date(2026, 3, 1),
            date(2026, 3, 31),
            (date(2026, 4, 1), date(2026, 5, 1)),
        ),
        (
            "monthly_return",
            date(2026, 3, 5),
            date(2026, 3, 5),
            (date(2026, 3, 6), date(2026, 3, 6)),
        ),
        (
            "daily_income",
            date(2028, 2, 28),
            date(2028, 2, 28),
            (date(2028, 2, 29), date(2028, 2, 29)),
        ),
        (
            "weekly_return",
            date(2026, 12, 30),
            date(2027, 1, 3),
            (date(2027, 1, 4), date(2027, 1, 10)),
        ),
        (
            "weekly_return",
            date(2026, 12, 21),
            date(2026, 12, 27),
            (date(2026, 12, 28), date(2027, 1, 3)),
        ),
    ],
)
def test_a_period_is_followed_by_the_next_one(kind, start, end, following):
    assert following_period(GoalType(kind), start, end, "UTC") == following


@pytest.mark.parametrize("kind", ["daily_return", "portfolio_value"])
def test_a_day_that_the_time_zone_skipped_is_no_period(kind):
    """Samoa went from 29 to 31 December 2011."""
    day = date(2011, 12, 29)
    following = following_period(GoalType(kind), day, day, "Pacific/Apia")
    assert following == (date(2011, 12, 31), date(2011, 12, 31))


@given(kind=st.sampled_from(CALENDAR_TYPES), day=days)
def test_whole_calendar_periods_follow_each_other(kind, day):
    end = calendar_end(kind, day)
    start, next_end = following_period(kind, day, end, "UTC")
    assert (start, next_end) == (
        end + timedelta(days=1),
        calendar_end(kind, end + timedelta(days=1)),
    )


@given(kind=st.sampled_from(list(GoalType)), day=days, length=st.integers(0, 500))
def test_the_following_period_begins_the_day_after_and_is_not_empty(kind, day, length):
    end = day + timedelta(days=length)
    start, next_end = following_period(kind, day, end, "UTC")
    assert end + timedelta(days=1) == start <= next_end


# When trading days begin: at the edges of a date, and where clocks skip or repeat.
starts = st.sampled_from(
    [time(0), time(0, 30), time(1, 15), time(2, 30), time(17), time(23, 30), time.max]
)


@pytest.mark.parametrize(
    ("zone", "day", "starts_at", "begins"),
    [
        ("America/Chicago", "2026-03-07", "17:00", "2026-03-07T23:00Z"),
        ("America/Chicago", "2026-03-08", "17:00", "2026-03-08T22:00Z"),
        ("America/Chicago", "2026-10-31", "17:00", "2026-10-31T22:00Z"),
        ("America/Chicago", "2026-11-01", "17:00", "2026-11-01T23:00Z"),
        ("Europe/Prague", "2026-03-29", "00:00", "2026-03-28T23:00Z"),
        ("Europe/Prague", "2026-10-25", "00:00", "2026-10-24T22:00Z"),
        # Skipped: the first instant that exists.
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08T07:00Z"),
        # It comes twice: the first.
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30Z"),
        # The whole date is skipped: the next midnight.
        ("Pacific/Apia", "2011-12-30", "17:00", "2011-12-30T10:00Z"),
    ],
)
def test_a_trading_day_begins_at_its_local_time(zone, day, starts_at, begins):
    found = day_start(date.fromisoformat(day), zone, time.fromisoformat(starts_at))
    assert found == datetime.fromisoformat(begins)


@given(zone=zones, day=days, starts_at=starts)
def test_every_instant_lies_in_one_trading_day(zone, day, starts_at):
    begin = day_start(day, zone, starts_at)
    end = day_start(day + timedelta(days=1), zone, starts_at)
    assert begin < end
    assert trading_day(begin, zone, starts_at) == day
    assert trading_day(end - MICROSECOND, zone, starts_at) == day
    assert trading_day(begin - MICROSECOND, zone, starts_at) == day - timedelta(days=1)


@given(zone=zones, day=days, starts_at=starts, second=st.integers(0, 86399))
def test_a_trading_day_and_a_local_date_are_whole_parts(zone, day, starts_at, second):
    at = datetime.combine(day, time(), UTC) + timedelta(seconds=second)
    part = day_part(at, zone, starts_at)
    following = following_part(part, starts_at)
    assert part_start(part, zone, starts_at) <= at
    assert at < part_start(following, zone, starts_at)
    begun = trading_day(at, zone, starts_at)
    assert begun == (part.day if first_part(part.day, starts_at) == part else begun)
    assert first_part(begun, starts_at) <= part
    assert part < first_part(begun + timedelta(days=1), starts_at)
    # And of the local date, what begins at midnight.
    midnight = local_midnight(part.day, zone)
    assert part_start(DayPart(part.day, 0), zone, starts_at) == midnight
