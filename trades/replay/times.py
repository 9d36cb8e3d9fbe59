"""Times as price files spell them. What can be two times is refused.

| written | read as |
|---|---|
| `2000-03-01`, `2000/03/01`, `2000.03.01`, `20000301` | a date |
| `01.03.2000` | a date, day first (with slashes or hyphens it could be month first) |
| a date with `14:30`, `14:30:00.000`, `02:30 PM`, `143000` or `02-PM` | date and time |
| 12 or 14 digits: `20000301143000` | date and time |
| 9, 10 / 13 / 15, 16 / 18, 19 digits | seconds / ms / µs / ns since 1970, UTC |

An offset may follow: `Z`, `UTC`, `+05:30`, `-0500`, `GMT+0530` (east of Greenwich).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

EXAMPLE = "write it as 2000-03-01 or 2000-03-01T14:30:00Z"
EPOCH = re.compile(r"(\d{9,19})(?:\.(\d{1,9}))?")
# Digits of a count since 1970 -> its unit in nanoseconds. 11, 14 and 17 digits would
# be before 1973 in one unit and after the year 5000 in the next.
UNIT_OF_DIGITS = {
    **dict.fromkeys((9, 10), 1_000_000_000),
    **dict.fromkeys((12, 13), 1_000_000),
    **dict.fromkeys((15, 16), 1_000),
    **dict.fromkeys((18, 19), 1),
}
FIRST_INSTANT = datetime(1970, 1, 1)  # noqa: DTZ001
NO_OFFSET = timedelta(0)
SHORTENED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+")
TWO_WAYS = re.compile(r"\d{1,2}([/-])\d{1,2}\1\d{2,4}.*", re.DOTALL)
WRITTEN = re.compile(
    r"""
    (?: (?P<year>\d{4}) (?P<mark>[-/.]) (?P<month>\d{1,2}) (?P=mark) (?P<day>\d{1,2})
      | (?P<day_first>\d{1,2}) \. (?P<month_second>\d{1,2}) \. (?P<year_last>\d{4})
      | (?P<digits>\d{8}) (?= $ | [T\sZ+] | \d{4}(?:\d\d)?$ )
    )
    (?: [T\s]*
        (?: (?P<hour>\d{1,2}) : (?P<minute>\d{2})
            (?: : (?P<second>\d{2}) (?: [.,] (?P<fraction>\d{1,9}) )? )?
          | (?P<clock_digits>\d{6}|\d{4})
          | (?P<hour_alone>\d{1,2}) - (?= [AP]M )
        )
        (?: \s* (?P<half>[AP]M) )?
        \s* (?P<zone> Z
          | (?:UTC|GMT)? (?: (?P<sign>[+-]) (?P<offset>\d{1,2}:?(?:\d{2})?) )?
        )
    )?
    """,
    re.VERBOSE,
)


class TimeKind(StrEnum):
    """What a spelling says of its place on earth."""

    LOCAL = "a time without an offset"
    OFFSET = "a time with an offset"
    EPOCH = "a number since 1970"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as written: `wall` has no zone and stands `offset` ahead of UTC.

    `offset` is zero where none is written (`LOCAL`) and for a count since 1970.
    """

    wall: datetime
    offset: timedelta
    kind: TimeKind

    @property
    def utc(self) -> datetime:
        """The instant, with UTC where no offset is written."""
        return (self.wall - self.offset).replace(tzinfo=UTC)

    @property
    def is_midnight(self) -> bool:
        """Whether it may be a date alone."""
        return self.wall.time() == FIRST_INSTANT.time()


def parse_stamp(text: str) -> Stamp:
    """Read one time. Raises `ValueError` when it is none, or could be two."""
    try:
        if match := WRITTEN.fullmatch(text):
            return _from_written(match)
    except (ValueError, OverflowError):
        pass  # 13 in the month's place of 12 or 14 digits: perhaps a count
    if match := EPOCH.fullmatch(text):
        stamp = _from_epoch(match[1], match[2] or "")
        if stamp is not None:
            return stamp
    if SHORTENED.fullmatch(text):
        raise ValueError(
            f"{text!r} is a time that a spreadsheet has shortened; export it again"
        )
    if TWO_WAYS.fullmatch(text):
        raise ValueError(
            f"{text!r} may be day or month first and so is not a time; {EXAMPLE}"
        )
    raise ValueError(f"{text!r} is not a time; {EXAMPLE}")


def is_time(text: str) -> bool:
    """Whether the text is a time or was meant as one."""
    try:
        parse_stamp(text)
    except ValueError:
        return TWO_WAYS.fullmatch(text) is not None
    return True


def _from_epoch(digits: str, fraction: str) -> Stamp | None:
    unit = UNIT_OF_DIGITS.get(len(digits))
    if unit is None:
        return None
    nanoseconds = int(digits) * unit
    if fraction:
        nanoseconds += int(fraction) * unit // 10 ** len(fraction)
    try:
        wall = FIRST_INSTANT + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return None
    return Stamp(wall, NO_OFFSET, TimeKind.EPOCH)


def _from_written(match: re.Match[str]) -> Stamp:
    part = match.groupdict()
    digits, clock = part["digits"], part["clock_digits"]
    if digits:
        year, month, day = digits[:4], digits[4:6], digits[6:]
    else:
        year = part["year"] or part["year_last"]
        month = part["month"] or part["month_second"]
        day = part["day"] or part["day_first"]
    if clock:
        hour, minute, second = clock[:2], clock[2:4], clock[4:] or "0"
    else:
        hour = part["hour"] or part["hour_alone"] or "0"
        minute, second = part["minute"] or "0", part["second"] or "0"
    wall = datetime(  # noqa: DTZ001
        int(year),
        int(month),
        int(day),
        _hour(int(hour), part["half"]),
        int(minute),
        int(second),
        int((part["fraction"] or "0").ljust(6, "0")[:6]),
    )
    if not part["zone"]:
        return Stamp(wall, NO_OFFSET, TimeKind.LOCAL)
    return Stamp(wall, _offset(part["sign"], part["offset"]), TimeKind.OFFSET)


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("no hour of half a day")
    return hour % 12 + (12 if half == "PM" else 0)


def _offset(sign: str | None, text: str | None) -> timedelta:
    if sign is None or text is None:
        return NO_OFFSET
    digits = text.replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    if int(hours) > 14 or int(minutes) > 59:
        raise ValueError("no offset on earth")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if sign == "-" else offset
