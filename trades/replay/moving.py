"""Recorded prices moved in time, so that they end lately. Pure.

Moved by whole weeks: weekdays stay weekdays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from trades.replay.bars import PriceSeries

FRIDAY = 4


@dataclass(frozen=True, slots=True)
class MovedPrices:
    """Series that end together, and how far they were moved from their own dates."""

    series: tuple[PriceSeries, ...]
    by: timedelta


def last_trading_day(today: date) -> date:
    """Yesterday, or the Friday before it where that is a Saturday or a Sunday."""
    yesterday = today - timedelta(days=1)
    return yesterday - timedelta(days=max(0, yesterday.weekday() - FRIDAY))


def move_prices(
    recorded: Sequence[PriceSeries], *, begins: date, ends: date
) -> MovedPrices:
    """The bars from `begins` on, moved so that the last of them is of the day `ends`.

    At most a week of bars is cut off at the end, so that the last one is of the same
    weekday; of a series that has none on that day the bars before it are taken.
    """
    newest = min(one.bars[-1].opened_at.date() for one in recorded)
    last = newest - timedelta(days=(newest.weekday() - ends.weekday()) % 7)
    by = ends - last
    moved = [
        replace(
            one,
            bars=tuple(
                replace(bar, opened_at=bar.opened_at + by, at=bar.at + by)
                for bar in one.bars
                if begins <= bar.opened_at.date() <= last
            ),
        )
        for one in recorded
    ]
    return MovedPrices(tuple(moved), by)
