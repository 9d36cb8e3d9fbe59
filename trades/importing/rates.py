"""Rates of currencies as a caller tells them: `USDT=0.92`. Pure."""

import re
from collections.abc import Iterable
from decimal import Decimal

from mastertrade.exceptions import InvalidInput
from mastertrade.money import PRICE
from mastertrade.validation import require_positive

RATE = re.compile(r"\s*([^=\s]+)\s*=\s*(\d+(?:\.\d*)?)\s*", re.ASCII)


def read_rates(field: str, told: Iterable[str]) -> dict[str, Decimal]:
    """Each currency's rate, by its name.

    Raises `InvalidInput` for `field` where one is none, or a currency comes twice.
    """
    rates: dict[str, Decimal] = {}
    for text in told:
        found = RATE.fullmatch(text)
        if found is None:
            raise InvalidInput(field, f"{text.strip()} is no rate such as BNB=300.")
        currency, rate = found[1], Decimal(found[2])
        if currency in rates:
            raise InvalidInput(field, f"{currency} comes more than once.")
        try:
            rates[currency] = require_positive(field, rate, PRICE)
        except InvalidInput as wrong:
            told_of = f"the rate of {currency} {wrong.detail}"
            raise InvalidInput(field, told_of) from None
    return rates
