"""Bars follow one another: none twice, none out of order, none missing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from trades.replay.columns import Columns
from trades.replay.days import DAY, Timeline
from trades.replay.parsing import Quote
from trades.replay.times import TimeKind

SHORTEST_STEP = timedelta(minutes=1)
# Daily bars: markets were closed for seven days at most (September 2001).
LONGEST_DAILY_STEP = timedelta(days=10)
# Intraday bars: a long weekend with a holiday on either side.
LONGEST_INTRADAY_STEP = timedelta(days=5)
LONGEST_STEP_INTERVALS = 3  # longer bars: weeks, months


def check_order(
    columns: Columns, quotes: Sequence[Quote], timeline: Timeline, kind: TimeKind
) -> None:
    """Refuse bars that are not a minute or more after the one before."""
    for index, (before, at) in enumerate(pairwise(timeline.opened), start=1):
        step = at - before
        if step == timedelta(0):
            fault = (
                "is the same day as" if timeline.is_daily else "is the same time as in"
            )
        elif step < timedelta(0):
            fault = "is before that of"
        elif step < SHORTEST_STEP:
            fault = "is less than a minute after that of"
        else:
            continue
        fault = f"{_stamp_text(at)} {fault} line {quotes[index - 1].line}"
        if kind is TimeKind.LOCAL and not timeline.is_daily:
            fault += "; if clocks were set back then, give time_zone"
        elif step < timedelta(0):
            fault += "; rows must go by time, oldest or newest first"
        raise columns.time_error(quotes[index].line, fault)


def check_gaps(columns: Columns, quotes: Sequence[Quote], timeline: Timeline) -> None:
    """Refuse missing bars: longer pauses than markets make."""
    longest = _longest_step(timeline.interval)
    for index, (before, at) in enumerate(pairwise(timeline.opened), start=1):
        step = at - before
        if step > longest:
            raise columns.time_error(
                quotes[index].line,
                f"a gap of {step.days} days since {_stamp_text(before)} (at most "
                f"{longest.days} are usual); fill it or give allow_gaps",
            )


def _longest_step(interval: timedelta) -> timedelta:
    if interval < DAY:
        return LONGEST_INTRADAY_STEP
    return max(LONGEST_DAILY_STEP, LONGEST_STEP_INTERVALS * interval)


def _stamp_text(time: datetime) -> str:
    is_date = time == time.replace(hour=0, minute=0, second=0, microsecond=0)
    return f"{time:%Y-%m-%d}" if is_date else f"{time:%Y-%m-%d %H:%M:%S}"
