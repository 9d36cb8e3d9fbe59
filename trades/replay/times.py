"""Times as price files spell them."""

import re
from datetime import UTC, datetime

EPOCH = re.compile(r"\d{9,}(\.\d+)?")
MILLISECONDS_FROM = 100_000_000_000  # in seconds this would be the year 5138
DAY_FIRST = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})(.*)", re.DOTALL)
YEAR_FIRST = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})(.*)", re.DOTALL)


def parse_time(text: str) -> datetime:
    """Read one time as UTC; without a zone it is UTC already.

    Raises `ValueError` when the text is no time.
    """
    try:
        if EPOCH.fullmatch(text):
            return _from_epoch(float(text))
        return _from_iso(_with_hyphens(text))
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is no time; write it as 2000-03-01 or 2000-03-01T14:30:00Z"
        ) from None


def _from_epoch(number: float) -> datetime:
    seconds = number / 1000 if number >= MILLISECONDS_FROM else number
    return datetime.fromtimestamp(seconds, tz=UTC)


def _from_iso(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    return time.astimezone(UTC)


def _with_hyphens(text: str) -> str:
    if match := DAY_FIRST.fullmatch(text):
        day, month, year, rest = match.groups()
    elif match := YEAR_FIRST.fullmatch(text):
        year, month, day, rest = match.groups()
    else:
        return text
    return f"{year}-{month}-{day}{rest}"
