"""When an alert may be sent: quiet hours, digests, and the next try. Pure.

Times of day are local: where the clocks skip one, it is the instant an hour later;
where they repeat one, it is the first.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from goals.enums import Digest

FIRST_WAIT = timedelta(seconds=30)
LONGEST_BACK_OFF = timedelta(hours=24)
WAIT_FACTOR = 4
# Waits of 30 s, 2 min, 8 min, 32 min, 2.1 h, 8.5 h and 24 h: in all 36 hours.
MOST_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class DeliveryTimes:
    """When a channel wants what is not critical; quiet hours both or neither."""

    time_zone: str
    quiet_from: time | None = None
    quiet_until: time | None = None
    digest: Digest = Digest.OFF
    digest_at: time | None = None


def wait_after(attempts: int) -> timedelta | None:
    """How long to wait after that many attempts have failed; None: no more tries."""
    if attempts >= MOST_ATTEMPTS:
        return None
    factor: int = WAIT_FACTOR ** (attempts - 1)
    return min(FIRST_WAIT * factor, LONGEST_BACK_OFF)


def quiet_until(times: DeliveryTimes, now: datetime) -> datetime | None:
    """The end of the quiet hours that `now` is in, in UTC; None outside of them."""
    begin, end = times.quiet_from, times.quiet_until
    if begin is None or end is None:
        return None
    today = now.astimezone(ZoneInfo(times.time_zone)).date()
    for first_day in (today - timedelta(days=1), today):
        last_day = first_day if begin < end else first_day + timedelta(days=1)
        until = _instant(times.time_zone, last_day, end)
        if _instant(times.time_zone, first_day, begin) <= now < until:
            return until
    return None


def digest_moments(
    times: DeliveryTimes, now: datetime
) -> tuple[datetime, datetime] | None:
    """The last time up to `now` that a digest was due, and the next; None: no digest.

    What was made before the first is due, what was made since then waits for the
    second.
    """
    match times.digest:
        case Digest.OFF:
            return None
        case Digest.HOURLY:
            zone = ZoneInfo(times.time_zone)
            local = now.astimezone(zone)
            into_hour = timedelta(
                minutes=local.minute,
                seconds=local.second,
                microseconds=local.microsecond,
            )
            last = now.astimezone(UTC) - into_hour
            return last, last + timedelta(hours=1)
        case Digest.DAILY:
            at = times.digest_at or time(8)
            following = _next(times.time_zone, at, now)
            day_before = following - timedelta(days=1, hours=2)
            last = _next(times.time_zone, at, day_before)
            return last, following


def _next(time_zone: str, at: time, now: datetime) -> datetime:
    """The first instant after `now` at that local time."""
    day = now.astimezone(ZoneInfo(time_zone)).date() - timedelta(days=1)
    while True:
        instant = _instant(time_zone, day, at)
        if instant > now:
            return instant
        day += timedelta(days=1)


def _instant(time_zone: str, day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
