"""Bars of a price series. Files are read by `trades.replay.reading`.

**Times.** A bar covers the time from `opened_at` until just before the next bar can
open. `at`, its close, is the end of that span less one second: what is decided at a
close (`at`) and done at the next open (`opened_at` of the next bar) is always in that
order. A daily bar dated 2005-03-01 opens at 2005-03-01 00:00:00 and closes at
2005-03-01 23:59:59 in the time zone of its series, so a goal of a calendar month there
holds exactly the bars dated in its month. An intraday time stamp is the bar's open.
Times have the offset of their zone at that time, so that they print as local dates.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal

CLOSE_MARGIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low and close between two instants, in the quote currency."""

    opened_at: datetime
    at: datetime  # the close
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """The bars of one instrument, oldest first; `interval` is their usual distance.

    `time_zone` says whose days the bars are; `notes` what was done to read them.
    """

    symbol: str
    bars: tuple[Bar, ...]
    interval: timedelta
    time_zone: str = "UTC"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.bars:
            raise ValueError("a price series needs at least one bar")
        previous: datetime | None = None
        for bar in self.bars:
            # Times of one named zone are compared by its clocks, not as instants.
            if any(type(at.tzinfo) is not timezone for at in (bar.opened_at, bar.at)):
                raise ValueError(f"bar {bar.opened_at} has no fixed offset")
            if bar.at <= bar.opened_at:
                raise ValueError(f"bar {bar.opened_at} closes before it opens")
            if previous is not None and bar.opened_at <= previous:
                raise ValueError(f"bar {bar.opened_at} opens before the last closed")
            previous = bar.at


# Fields of a file are part of messages.
LONGEST_MESSAGE = 600


class BarsError(ValueError):
    """A price file cannot be used. Says where and why.

    `line` counts from 1 with the header as line 1; `column` is as the file spells it.
    """

    def __init__(
        self,
        source: str,
        reason: str,
        *,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        place = [source]
        if line is not None:
            place.append(f"line {line}")
        if column is not None:
            place.append(f"column {column}")
        super().__init__(_shown(f"{', '.join(place)}: {reason}"))
        self.source = source
        self.line = line
        self.column = column
        self.reason = reason


def _shown(message: str) -> str:
    """As a terminal may print it: of bounded length, without control characters."""
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]} …"
    return "".join(mark if mark.isprintable() else "?" for mark in message)
