"""Numbers as exchanges write them: thousands, and the coin behind them. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

NUMBER = re.compile(
    r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:[eE][+-]?\d{1,3})?", re.ASCII
)
# Digits and what belongs to them, up to the first character of a coin's name.
SUFFIXED = re.compile(
    r"(-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?)\s*([^\W\d_][^\W_]*)"
)

# A spreadsheet writes long figures like that, and leaves digits out; programs write
# 1.2E-7.
SHORTENED = re.compile(r"\dE(?:\+\d|-0)\d*")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number, the step of its last place, and the coin behind it (or nothing)."""

    value: Decimal
    step: Decimal
    coin: str = ""


def read_amount(text: str) -> Amount | None:
    """A number by itself: `0.18`, `1,234.5`, `1.2E-7`."""
    if NUMBER.fullmatch(text) is None:
        return None
    value = Decimal(text.replace(",", ""))
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return Amount(value, Decimal(1).scaleb(min(exponent, 0)))


def read_suffixed(text: str, coins: Iterable[str]) -> Amount | None:
    """A number and its coin: `0.18SOL`; or a number by itself.

    A coin may begin with digits: 0.51INCH is 0.5 1INCH where `coins` has 1INCH, the
    coins that are likely here.
    """
    upper = text.upper()
    for coin in coins:
        if coin and upper.endswith(coin):
            amount = read_amount(text[: -len(coin)].strip())
            if amount is not None:
                return Amount(amount.value, amount.step, coin)
    bare = read_amount(text)
    if bare is not None:
        return bare
    found = SUFFIXED.fullmatch(upper)
    if found is None:
        return None
    amount = read_amount(found[1])
    return None if amount is None else Amount(amount.value, amount.step, found[2])
