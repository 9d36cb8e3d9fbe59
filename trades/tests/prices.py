"""Prices for tests: a wandering series that gives every strategy signals."""

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from trades.replay.bars import CLOSE_MARGIN, Bar, PriceSeries

DAY = timedelta(days=1)
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)


def wander(bars: int, *, seed: int = 7, symbol: str = "TEST") -> PriceSeries:
    """Daily bars of a random walk, the same for the same seed."""
    steps = np.random.default_rng(seed).normal(0.0005, 0.02, bars)
    closes = [Decimal(f"{price:.2f}") for price in 100 * np.exp(np.cumsum(steps))]
    return PriceSeries(symbol, tuple(make_bars(closes)), DAY)


def make_bars(closes: Sequence[Decimal]) -> list[Bar]:
    """Bars that open at the last close and reach half a percent beyond."""
    bars = []
    for index, close in enumerate(closes):
        opening = closes[index - 1] if index else close
        opened_at = FIRST_DAY + index * DAY
        bars.append(
            Bar(
                opened_at=opened_at,
                at=opened_at + DAY - CLOSE_MARGIN,
                open=opening,
                high=max(opening, close) * Decimal("1.005"),
                low=min(opening, close) * Decimal("0.995"),
                close=close,
                volume=Decimal(1000),
            )
        )
    return bars


def write_csv(path: Path, series: PriceSeries) -> Path:
    """The series as a price file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Date", "Open", "High", "Low", "Close", "Volume"])
        for bar in series.bars:
            day: date = bar.opened_at.date()
            writer.writerow([day, bar.open, bar.high, bar.low, bar.close, bar.volume])
    return path
