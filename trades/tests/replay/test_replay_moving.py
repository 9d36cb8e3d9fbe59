"""Moved prices: whole weeks, nothing else about them changes."""

from datetime import date, timedelta

import pytest

from trades.replay.moving import last_trading_day, move_prices
from trades.tests.demo_prices import load

BEGINS = date(2012, 6, 1)
WEEK = timedelta(weeks=1)


@pytest.mark.parametrize(
    ("today", "last"),
    [
        (date(2027, 1, 1), date(2026, 12, 31)),
        (date(2028, 2, 29), date(2028, 2, 28)),
        (date(2028, 3, 1), date(2028, 2, 29)),
        (date(2026, 11, 28), date(2026, 11, 27)),  # a Saturday
        (date(2026, 11, 29), date(2026, 11, 27)),
        (date(2026, 11, 30), date(2026, 11, 27)),  # a Monday
        (date(2026, 12, 1), date(2026, 11, 30)),
    ],
)
def test_the_last_trading_day_is_yesterday_or_the_friday_before(
    today: date, last: date
):
    assert last_trading_day(today) == last


@pytest.mark.parametrize("days", range(7))
def test_moved_prices_are_the_recorded_ones_whole_weeks_later(days: int):
    today = date(2026, 11, 23) + timedelta(days=days)
    moved = move_prices(load(), begins=BEGINS, ends=last_trading_day(today))

    assert moved.by % WEEK == timedelta(0)
    for series, recorded in zip(moved.series, load(), strict=True):
        begins = next(
            place
            for place, bar in enumerate(recorded.bars)
            if bar.opened_at.date() >= BEGINS
        )
        same = recorded.bars[begins : begins + len(series.bars)]
        assert series.symbol == recorded.symbol
        assert series.bars[-1].opened_at.date() == last_trading_day(today)
        assert len(recorded.bars) - begins - len(series.bars) < 5
        for bar, was in zip(series.bars, same, strict=True):
            assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (
                was.open,
                was.high,
                was.low,
                was.close,
                was.volume,
            )
            assert bar.opened_at - was.opened_at == bar.at - was.at == moved.by
            assert bar.opened_at.weekday() == was.opened_at.weekday()
