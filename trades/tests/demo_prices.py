"""The demo in tests: its recorded prices, read once, and a demo of a few months."""

from collections.abc import Sequence
from datetime import date
from functools import cache

import pytest

from trades.replay.bars import PriceSeries
from trades.services import demo
from trades.services.demo import load_recorded


@cache
def load() -> Sequence[PriceSeries]:
    return load_recorded()


def load_nothing() -> Sequence[PriceSeries]:
    raise AssertionError("the prices were read although nothing was to be made")


def shorten_demo(patch: pytest.MonkeyPatch) -> None:
    """Only the last quarter of the demo is traded, about 35 trades of its 120."""
    patch.setattr(demo, "FIRST_DAY", date(2012, 11, 1))
    patch.setattr(demo, "FIRST_GOAL_DAY", date(2012, 10, 1))
    patch.setattr(demo, "QUARTERS", 2)
