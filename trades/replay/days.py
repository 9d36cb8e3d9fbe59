"""When bars open and close, and whose days they are.

**A daily bar's day is its written date** (longer bars': their first day), from midnight
to midnight in the file's zone, whatever time of day is written next to it. Shorter bars
are instants. The zone is

- the one given (`time_zone`), else
- UTC, where times have no offset or are counted since 1970, else
- the offset written, where it is one and of whole hours.

Two offsets (a change of clocks) or half hours name no zone: it is asked for.

With a zone given, times without an offset are that zone's, and a daily bar's day is the
local date of its instant, refused where the file itself says another midnight. Instants
are returned with the offset they had there, so that they print as local dates.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from statistics import mode
from zoneinfo import ZoneInfo

from goals.decisions.periods import local_midnight
from trades.replay.bars import CLOSE_MARGIN
from trades.replay.times import Stamp, TimeKind

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# Of these the first that has the offsets found is proposed.
KNOWN_ZONES = (
    *("America/New_York", "Europe/Berlin", "Europe/London", "America/Chicago"),
    *("Asia/Kolkata", "Australia/Sydney", "Australia/Adelaide", "Asia/Tehran"),
    *("America/Los_Angeles", "America/Toronto", "America/Sao_Paulo", "Asia/Kathmandu"),
)
# Etc/GMT-14 … Etc/GMT+12: east is minus there.
MOST_EASTERN, MOST_WESTERN = 14, -12


class TimeFault(ValueError):
    """A time that cannot be placed; `index` counts the bars from 0."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


@dataclass(frozen=True, slots=True)
class Timeline:
    """When bars open, oldest first; the zone of their days; their usual distance."""

    opened: tuple[datetime, ...]
    time_zone: str
    interval: timedelta

    @property
    def is_daily(self) -> bool:
        """Whether bars are whole days rather than instants."""
        return counts_days(self.interval)

    def closes(self) -> list[datetime]:
        """Each bar's close: the end of its interval, before the next bar's open."""
        ends = [self._end(opened) for opened in self.opened]
        following = [*self.opened[1:], ends[-1]]
        return [
            in_zone(min(end, then) - CLOSE_MARGIN, self.time_zone)
            for end, then in zip(ends, following, strict=True)
        ]

    def _end(self, opened: datetime) -> datetime:
        if not self.is_daily:
            return opened + self.interval
        return local_midnight(opened.date() + self.interval, self.time_zone)


def place_stamps(stamps: Sequence[Stamp], time_zone: str | None) -> Timeline:
    """Place at least two times, oldest first. Raises `TimeFault`."""
    _check_kinds(stamps)
    # Absolute: rows out of order are found by who checks their order.
    steps = [abs(b.utc - a.utc) for a, b in pairwise(stamps)]
    interval = mode(steps)
    zone = time_zone or _zone_of(stamps)
    if counts_days(interval):
        days = [_day(index, stamp, time_zone) for index, stamp in enumerate(stamps)]
        opened = [in_zone(local_midnight(day, zone), zone) for day in days]
    else:
        opened = _instants(stamps, zone)
    return Timeline(tuple(opened), zone, interval)


def counts_days(interval: timedelta) -> bool:
    """Whether bars of that length are whole days."""
    return interval >= DAY and interval % DAY == timedelta(0)


def in_zone(at: datetime, time_zone: str) -> datetime:
    """The same instant with the offset it has in that zone, as a fixed one.

    Python compares and subtracts times of one named zone by the clock on the wall;
    with fixed offsets it does so by instants.
    """
    offset = at.astimezone(ZoneInfo(time_zone)).utcoffset()
    return at.astimezone(timezone(offset) if offset else UTC)


def _check_kinds(stamps: Sequence[Stamp]) -> None:
    kind = stamps[0].kind
    for index, stamp in enumerate(stamps):
        if stamp.kind is not kind:
            raise TimeFault(index, f"is {stamp.kind}, the first bar has {kind}")


def _zone_of(stamps: Sequence[Stamp]) -> str:
    """The zone that the offsets name. Raises `TimeFault` where they name none."""
    counts = Counter(stamp.offset for stamp in stamps)
    offset = stamps[0].offset
    hours = offset // HOUR
    is_whole = offset % HOUR == timedelta(0) and MOST_WESTERN <= hours <= MOST_EASTERN
    if len(counts) == 1 and is_whole:
        return f"Etc/GMT{-hours:+d}" if hours else "UTC"
    found = " and ".join(
        f"{_offset_text(item)} ({count} bars)" for item, count in counts.most_common(4)
    )
    index = next((i for i, s in enumerate(stamps) if s.offset != offset), 0)
    which = "which names" if len(counts) == 1 else "which together name"
    raise TimeFault(
        index,
        f"times have the offset {found}, {which} no time zone: whose days are these? "
        f"Give time_zone, such as {_proposal(stamps)}",
    )


def _proposal(stamps: Sequence[Stamp]) -> str:
    fitting = (
        name
        for name in KNOWN_ZONES
        if all(in_zone(s.utc, name).utcoffset() == s.offset for s in stamps)
    )
    return next(fitting, KNOWN_ZONES[0])


def _day(index: int, stamp: Stamp, time_zone: str | None) -> date:
    """The day of a daily bar."""
    if time_zone is None:
        is_utc = stamp.kind is not TimeKind.LOCAL and not stamp.offset
        if is_utc and not stamp.is_midnight:
            raise TimeFault(
                index,
                f"daily bars at {stamp.wall:%H:%M} UTC: whose days are these? Give "
                f"time_zone, such as {KNOWN_ZONES[0]}, or UTC for their dates in UTC",
            )
        return stamp.wall.date()
    if stamp.kind is TimeKind.LOCAL:
        return stamp.wall.date()
    local = in_zone(stamp.utc, time_zone)
    if local.date() == stamp.wall.date() or local.time() == time.min:
        return local.date()
    if stamp.is_midnight or stamp.offset:
        raise TimeFault(
            index,
            f"{stamp.wall:%Y-%m-%d %H:%M} {_offset_text(stamp.offset)} is "
            f"{local:%Y-%m-%d %H:%M} in {time_zone}: these are not its days; leave "
            "time_zone out, or give another",
        )
    return local.date()


def _instants(stamps: Sequence[Stamp], time_zone: str) -> list[datetime]:
    if stamps[0].kind is not TimeKind.LOCAL:
        return [in_zone(stamp.utc, time_zone) for stamp in stamps]
    zone = ZoneInfo(time_zone)
    pairs = [
        (stamp.wall.replace(tzinfo=zone), stamp.wall.replace(tzinfo=zone, fold=1))
        for stamp in stamps
    ]
    twice = Counter(
        stamp.wall
        for stamp, (first, second) in zip(stamps, pairs, strict=True)
        if first.utcoffset() != second.utcoffset()
    )
    opened: list[datetime] = []
    for index, (first, second) in enumerate(pairs):
        at = first.astimezone(UTC)
        wall = stamps[index].wall
        if wall in twice:
            if at > second.astimezone(UTC):
                raise TimeFault(
                    index,
                    f"{wall} does not exist in {time_zone}: clocks are set forward "
                    "then; give the zone the times are in",
                )
            if twice[wall] == 1:
                raise TimeFault(
                    index,
                    f"{wall} comes twice in {time_zone}, where clocks are set back, "
                    "and once in the file; write the offset with the times",
                )
            if opened and opened[-1] >= at:
                at = second.astimezone(UTC)
        opened.append(in_zone(at, time_zone))
    return opened


def _offset_text(offset: timedelta) -> str:
    sign = "-" if offset < timedelta(0) else "+"
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"
