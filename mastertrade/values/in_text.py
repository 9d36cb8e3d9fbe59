"""Figures as a sentence or a page shows them: rounded to what a person reads.

What is stored and what the API answers stays exact (`format_plain`).
"""

from decimal import Decimal

from mastertrade.values.money import (
    EXACT,
    HUNDRED,
    MONEY,
    format_plain,
    round_to,
)

PERCENT_PLACES = 2
UNIT_VALUE_PLACES = 4
QUANTITY_PLACES = 6
CENTS = 2
# Decimal places of currencies whose places are not cents.
PLACES = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("BCH", "BNB", "BTC", "ETH", "LTC", "SOL", "XBT"), MONEY[1]),
}


def percent(value: Decimal, against: Decimal | None = None) -> str:
    """53.806474 as "53.81 %"; `against` as in `rounded`."""
    return f"{decimals(value, against)} %"


def decimals(value: Decimal, against: Decimal | None = None) -> str:
    """To two decimals: percent, percentage points, multiples."""
    return format_plain(rounded(value, PERCENT_PLACES, against))


def ratio(value: Decimal, against: Decimal | None = None) -> str:
    """A ratio in percent: 0.0123 as "1.23 %"."""
    with_percent = None if against is None else in_percent(against)
    return percent(in_percent(value), with_percent)


def money(value: Decimal, currency: str = "", against: Decimal | None = None) -> str:
    """An amount, to the places of its currency, without naming it."""
    return format_plain(rounded(value, PLACES.get(currency, CENTS), against))


def price(value: Decimal) -> str:
    """To six digits, cents at the least: 1.083456 as "1.08346", 50123.456 as
    "50123.46"."""
    return format_plain(rounded(value, max(CENTS, 5 - value.adjusted())))


def unit_value(value: Decimal) -> str:
    """1.092823390472 as "1.0928"."""
    return format_plain(rounded(value, UNIT_VALUE_PLACES))


def quantity(value: Decimal) -> str:
    """To six decimals, or six digits below 1."""
    return format_plain(rounded(value, QUANTITY_PLACES, digits=QUANTITY_PLACES))


def in_percent(value: Decimal) -> Decimal:
    return EXACT.multiply(value, HUNDRED)


def rounded(
    value: Decimal, places: int, against: Decimal | None = None, *, digits: int = 2
) -> Decimal:
    """Half to even, to more than `places` where fewer would mislead.

    A figure keeps `digits` digits, however small it is, and stays on the same side of
    the figure `against` that it is compared with: 9.9999 is not shown as 10 where 10 is
    the limit.
    """
    if value and value.copy_abs() < 1:
        places = max(places, digits - 1 - value.adjusted())
    shown = _round(value, places)
    while against is not None and shown.compare(against) != value.compare(against):
        places += 1
        shown = _round(value, places)
    return shown


def _round(value: Decimal, places: int) -> Decimal:
    return round_to(value, (EXACT.prec, places))
