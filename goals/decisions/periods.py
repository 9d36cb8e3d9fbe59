"""Goal periods: calendar dates in the portfolio's time zone, and their instants. Pure.

A period runs from its first date 00:00 to the end of its last date, local time, and
is kept as two UTC instants, the second one excluded. So a month with a change of
clocks has 743 or 745 hours and still begins and ends at local midnight.
"""

from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from goals.enums import CalendarPeriod, GoalType

ONE_DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
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


class DayPart(NamedTuple):
    """A row of the ledger's days: a local day, or one side of `day_starts_at` in it.

    Part 1 begins at `day_starts_at`, part 0 at midnight; where trading days begin at
    midnight every day is part 0. So goals' periods and trading days are whole rows: the
    trading day that begins on D is (D, 1) and (D + 1, 0).
    """

    day: date
    part: int


def day_part(at: datetime, time_zone: str, starts_at: time) -> DayPart:
    """The part of a local day that holds the instant."""
    day = local_day(at, time_zone)
    is_split = starts_at != time.min
    return DayPart(day, int(is_split and day_start(day, time_zone, starts_at) <= at))


def part_start(part: DayPart, time_zone: str, starts_at: time) -> datetime:
    """The first instant of a part of a day, in UTC."""
    if part.part == 0:
        return local_midnight(part.day, time_zone)
    return day_start(part.day, time_zone, starts_at)


def first_part(day: date, starts_at: time) -> DayPart:
    """The part that a trading day begins with."""
    return DayPart(day, int(starts_at != time.min))


def following_part(part: DayPart, starts_at: time) -> DayPart:
    if part.part == 0 and starts_at != time.min:
        return DayPart(part.day, 1)
    return DayPart(part.day + ONE_DAY, 0)


def trading_day(at: datetime, time_zone: str, starts_at: time) -> date:
    """The local date on which the trading day that holds `at` began.

    A trading day begins at `starts_at` of one local date and ends at that of the next.
    """
    day = local_day(at, time_zone)
    return day if day_start(day, time_zone, starts_at) <= at else day - ONE_DAY


def day_start(day: date, time_zone: str, starts_at: time) -> datetime:
    """The first instant of the trading day that begins on this local date, in UTC.

    Where the clocks skip the time, the first that exists, at the latest the next
    midnight; where it comes twice, the first.
    """
    if starts_at == time.min:
        return local_midnight(day, time_zone)
    begins = _first_instant(datetime.combine(day, starts_at), ZoneInfo(time_zone))
    following = local_midnight(day + ONE_DAY, time_zone)
    return min(max(begins, local_midnight(day, time_zone)), following)


def _first_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """When clocks first show this local time or, where they skip it, a later one."""
    begins = local.replace(tzinfo=zone).astimezone(UTC)
    if begins.astimezone(zone).replace(tzinfo=None) == local:
        return begins
    # The clocks are set forward between what the two offsets say, at a whole second.
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC).replace(microsecond=0)
    seconds = range(int((begins - early).total_seconds()) + 1)
    skipped = bisect_left(
        seconds,
        local,
        key=lambda second: (
            (early + timedelta(seconds=second)).astimezone(zone).replace(tzinfo=None)
        ),
    )
    return early + timedelta(seconds=skipped)


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
