"""The settings of a replay's portfolios, as they are typed."""

from argparse import ArgumentTypeError
from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import DrawdownMode, EdgeGuard
from trades.management.settings import read_setting


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hard_drawdown_pct=10", Decimal(10)),
        ("drawdown_mode=static", DrawdownMode.STATIC),
        ("max_trades_per_day=2", 2),
        ("day_starts_at=17:00", time(17)),
        ("daily_loss_limit_pct=none", None),
        ("edge_guard=strict", EdgeGuard.STRICT),
    ],
)
def test_a_setting_is_read_as_its_column_takes_it(text: str, value: Any) -> None:
    assert read_setting(text) == (text.partition("=")[0], value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hard_drawdown=10", "hard_drawdown_pct"),
        ("hard_drawdown_pct", "NAME=VALUE"),
        ("name=mine", "NAME=VALUE"),
        ("drawdown_mode=stat", "one of trailing_closed, trailing"),
        ("max_trades_per_day=2.5", "a whole number"),
        ("hard_drawdown_pct=ten", "a number"),
        ("hard_drawdown_pct=nan", "a number"),
        ("day_starts_at=5pm", "a time"),
        ("hard_drawdown_pct=none", "a number, .*: hard_drawdown_pct cannot be off"),
        ("drawdown_mode=none", "drawdown_mode cannot be off"),
        ("day_starts_at=none", "day_starts_at cannot be off"),
        ("max_trades_per_day=\uff11", "a whole number"),
        ("hard_drawdown_pct=1_0", "a number"),
    ],
)
def test_what_is_no_setting_is_refused_with_what_is(text: str, words: str) -> None:
    with pytest.raises(ArgumentTypeError, match=words):
        read_setting(text)
