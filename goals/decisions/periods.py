"""Goal periods: calendar dates in the portfolio's time zone, and their instants. Pure.

A period runs from its first date 00:00 to the end of its last date, local time, and
is kept as two UTC instants, the second one excluded. So a month with a change of
clocks has 743 or 745 hours and still begins and ends at local midnight.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from goals.enums import CalendarPeriod, GoalType

ONE_DAY = timedelta(days=1)
SUNDAY = 6
MONTHS = {
    CalendarPeriod.MONTH: 1,
    CalendarPeriod.QUARTER: 3,
    CalendarPeriod.YEAR: 12,
}


@dataclass(frozen=True, slots=True)
class Period:
    """`ends_at` is the first instant after the period; None without a deadline."""

    starts_at: datetime
    ends_at: datetime | None

    def contains(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)

    def is_over(self, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at


def local_date(at: datetime, time_zone: str) -> date:
    """The calendar date of an instant for somebody in that time zone."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def local_midnight(day: date, time_zone: str) -> datetime:
    """The first instant of a local date, in UTC.

    Where the clocks skip midnight the day begins at the first time that exists;
    where midnight comes twice, at the first.
    """
    local = datetime.combine(day, time.min, tzinfo=ZoneInfo(time_zone))
    return local.astimezone(UTC)


def local_day(at: datetime, time_zone: str) -> date:
    """The local day whose first instant is the last one up to `at`.

    The calendar date, but for the hour that clocks set back across midnight: it
    belongs to the day that had begun already, so that days never go back in time.
    """
    day = local_date(at, time_zone)
    following = day + timedelta(days=1)
    return following if local_midnight(following, time_zone) <= at else day


def trading_day(at: datetime, time_zone: str, starts_at: time) -> date:
    """The local date on which the trading day that holds `at` began.

    A trading day begins at `starts_at` of one local date and ends at that of the next.
    """
    day = local_day(at, time_zone)
    return day if day_start(day, time_zone, starts_at) <= at else day - ONE_DAY


def day_start(day: date, time_zone: str, starts_at: time) -> datetime:
    """The first instant of the trading day that begins on this local date, in UTC.

    Where the clocks skip the time, the first that exists; where it comes twice, the
    first.
    """
    if starts_at == time.min:
        return local_midnight(day, time_zone)
    local = datetime.combine(day, starts_at, tzinfo=ZoneInfo(time_zone))
    return max(local.astimezone(UTC), local_midnight(day, time_zone))


def period_of(start_date: date, target_date: date | None, time_zone: str) -> Period:
    """The instants of a period given by its first and last date."""
    ends_at = None
    if target_date is not None:
        ends_at = local_midnight(target_date + timedelta(days=1), time_zone)
    return Period(local_midnight(start_date, time_zone), ends_at)


def calendar_end(goal_type: GoalType, day: date) -> date | None:
    """The last date of the goal type's calendar period that holds `day`.

    None for a goal type without a calendar period.
    """
    match goal_type.calendar:
        case None:
            return None
        case CalendarPeriod.DAY:
            return day
        case CalendarPeriod.WEEK:
            left = SUNDAY - day.weekday()
            return day + timedelta(days=min(left, (date.max - day).days))
    months = MONTHS[goal_type.calendar]
    last_month = (day.month - 1) // months * months + months
    return date(day.year, last_month, monthrange(day.year, last_month)[1])


def place_in_year(goal_type: GoalType, day: date) -> int:
    """How many of the type's calendar periods come before the day's in its year.

    0 for days and weeks: there are too many to be lined up year by year.
    """
    if goal_type.calendar not in MONTHS:
        return 0
    return (day.month - 1) // MONTHS[goal_type.calendar]


def following_period(
    goal_type: GoalType, start_date: date, target_date: date, time_zone: str
) -> tuple[date, date]:
    """First and last date of the period after this one.

    A period that ends with its calendar period is followed by the next whole one; any
    other by as many days as it had. A day that the time zone skips is none.
    """
    next_start = target_date + timedelta(days=1)
    next_end = calendar_end(goal_type, next_start)
    if next_end is None or calendar_end(goal_type, target_date) != target_date:
        next_end = target_date + (next_start - start_date)
    following = period_of(next_start, next_end, time_zone)
    if following.ends_at == following.starts_at:
        return following_period(goal_type, next_start, next_end, time_zone)
    return next_start, next_end
