"""Settings of a replay's portfolios, given as NAME=VALUE."""

from argparse import ArgumentTypeError
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any

from goals.services.portfolio_settings import COUNTS, MAY_BE_OFF, WORDS
from mastertrade.values.messages import did_you_mean
from mastertrade.values.validation import is_plain_number
from trades.services.replay import REPLAYED_SETTINGS

OFF = "none"


def read_setting(text: str) -> tuple[str, Any]:
    """Its name, and its value as a portfolio's column takes it; `none` is off."""
    name, equals, value = text.partition("=")
    if not equals or name not in REPLAYED_SETTINGS:
        hint = did_you_mean(name, REPLAYED_SETTINGS)
        raise ArgumentTypeError(
            f"{text!r} is no setting; write NAME=VALUE, such as hard_drawdown_pct=10, "
            f"with one of {', '.join(REPLAYED_SETTINGS)}.{hint}"
        )
    try:
        return name, _read(name, value)
    except (ValueError, InvalidOperation):
        allowed = _allowed(name)
        if value == OFF:
            allowed += f": {name} cannot be off"
        raise ArgumentTypeError(f"{name}: {value!r} is not {allowed}") from None


def _read(name: str, value: str) -> Any:
    if value == OFF:
        if name not in MAY_BE_OFF:
            raise ValueError(value)
        return None
    if name in WORDS:
        return WORDS[name](value)
    if name == "day_starts_at":
        return time.fromisoformat(value)
    if not is_plain_number(value):
        raise ValueError(value)
    if name in COUNTS:
        return int(value)
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(value)
    return number


def _allowed(name: str) -> str:
    if name in WORDS:
        return f"one of {', '.join(WORDS[name])}"
    if name in COUNTS:
        return "a whole number"
    if name == "day_starts_at":
        return "a time, such as 17:00"
    return "a number, such as 2.5"
