"""Headroom as it is drawn: blocks of losing trades that end at the floor."""

from decimal import Decimal

import pytest

from mastertrade.site.gauges import Gauge, draw_gauge
from trades.sizing_calls.limits import FloorNow


def gauge(headroom: str, losing_trades: str | None, tick: str | None = None) -> Gauge:
    """Of 400 that may be lost, as wide as the drawing."""
    left = Decimal(headroom)
    floor = FloorNow(
        limit="daily_loss",
        floor_equity=Decimal(600),
        allowed=Decimal(400),
        reached=left <= 0,
        headroom=max(left, Decimal(0)),
        shortfall=max(-left, Decimal(0)),
        headroom_pct=None,
        losing_trades=None if losing_trades is None else Decimal(losing_trades),
        binding=True,
        checked="live",
    )
    return draw_gauge(floor, floor.allowed, None if tick is None else Decimal(tick))


def test_each_block_is_one_losing_trade_and_the_last_what_is_left() -> None:
    drawn = gauge("300", "2.5", tick="320")

    assert drawn.used is not None
    assert (drawn.lost, drawn.used_pct) == (100, 25)
    assert (drawn.used.x, drawn.used.width) == ("0.0", "98.0")
    blocks = [(bar.x, bar.width) for bar in drawn.blocks]
    assert blocks == [("100.0", "118.0"), ("220.0", "118.0"), ("340.0", "58.0")]
    assert drawn.tick == "320.0"


@pytest.mark.parametrize("losing_trades", [None, "0", "1000"])
def test_what_cannot_be_counted_is_one_bar(losing_trades: str | None) -> None:
    (bar,) = gauge("300", losing_trades).blocks

    assert (bar.x, bar.width) == ("100.0", "298.0")


def test_after_a_profit_nothing_is_used_and_the_bar_is_all_that_is_left() -> None:
    drawn = gauge("800", "2", tick="320")

    assert (drawn.lost, drawn.used, drawn.used_pct) == (-400, None, 0)
    assert [bar.x for bar in drawn.blocks] == ["0.0", "200.0"]
    assert drawn.tick == "360.0"  # 80 of 800 before the floor


def test_at_the_floor_all_is_used() -> None:
    drawn = gauge("-40", None)

    assert (drawn.lost, drawn.used_pct, drawn.blocks) == (440, 100, ())
