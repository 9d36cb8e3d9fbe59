"""Rates of currencies as a caller gives them: `USDT=0.92`, or a file by day. Pure."""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import BinaryIO

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import PRICE
from mastertrade.values.validation import require_positive

RATE = re.compile(r"\s*([^=\s]+)\s*=\s*(\d+(?:\.\d*)?)\s*", re.ASCII)
FIGURE = re.compile(r"\d+(?:\.\d*)?", re.ASCII)
LARGEST_FILE = 5_000_000
# A day without a rate (a weekend, a holiday) takes that of the last day that has one.
LONGEST_GAP = timedelta(days=7)
LONG_HEADER = ["date", "currency", "rate"]
LAYOUTS = "Its first line is date,currency,rate or date,BTC,EUR (a column a currency)."


def read_rates(field: str, given: Iterable[str]) -> dict[str, Decimal]:
    """Each currency's rate, by its name.

    Raises `InvalidInput` for `field` where one is none, or a currency comes twice.
    """
    rates: dict[str, Decimal] = {}
    for text in given:
        found = RATE.fullmatch(text)
        if found is None:
            raise InvalidInput(field, f"{text.strip()} is not a rate such as BNB=300.")
        currency, rate = found[1], Decimal(found[2])
        if currency in rates:
            raise InvalidInput(field, f"{currency} is given more than once.")
        try:
            rates[currency] = require_positive(field, rate, PRICE)
        except InvalidInput as wrong:
            message = f"the rate of {currency} {wrong.detail}"
            raise InvalidInput(field, message) from None
    return rates


@dataclass(frozen=True, slots=True)
class DayRates:
    """Rates by UTC day: of each currency its days in order, and the rate of each."""

    by_currency: Mapping[str, tuple[list[date], list[Decimal]]] = field(
        default_factory=dict
    )

    def find(self, currency: str, at: datetime) -> Decimal | None:
        """The rate of that day, or of the last day before it, at most 7 days back."""
        if currency not in self.by_currency:
            return None
        days, rates = self.by_currency[currency]
        day = at.astimezone(UTC).date()
        place = bisect_right(days, day)
        if place == 0 or day - days[place - 1] > LONGEST_GAP:
            return None
        return rates[place - 1]


def read_day_rates(field: str, source: BinaryIO) -> DayRates:
    """A CSV of rates by day, in units of the portfolio's currency for one of another.

    Raises `InvalidInput` for `field`, with the line, where it is none.
    """
    content = source.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise InvalidInput(field, f"is larger than {LARGEST_FILE // 1_000_000} MB.")
    found: dict[str, dict[date, Decimal]] = {}
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True)
        for number, day, currency, rate in _each_rate(field, lines):
            if found.setdefault(currency, {}).setdefault(day, rate) != rate:
                given = f"gives {currency} two rates for {day} (line {number})."
                raise InvalidInput(field, given)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(field, f"is not a CSV in UTF-8: {error}.") from error
    if not found:
        raise InvalidInput(field, f"holds no rate. {LAYOUTS}")
    return DayRates(
        {
            currency: (sorted(rates), [rates[day] for day in sorted(rates)])
            for currency, rates in found.items()
        }
    )


def _each_rate(
    field: str, lines: Iterator[list[str]]
) -> Iterator[tuple[int, date, str, Decimal]]:
    header = [name.strip() for name in next(lines, [])]
    is_long = [name.lower() for name in header] == LONG_HEADER
    if len(header) < 2 or header[0].lower() != "date":
        raise InvalidInput(field, f"is not a table of rates. {LAYOUTS}")
    for number, row in enumerate(lines, 2):
        if not any(row):
            continue
        if len(row) != len(header):
            given = f"has {len(row)} fields in line {number}, and {len(header)} names."
            raise InvalidInput(field, given)
        day = _read_day(field, row[0].strip(), number)
        pairs = [(row[1], row[2])] if is_long else zip(header[1:], row[1:], strict=True)
        for currency, rate in pairs:
            if rate.strip():
                yield number, day, currency.strip(), _read_rate(field, rate, number)


def _read_day(field: str, text: str, number: int) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        given = f"has no day such as 2024-11-02 in line {number}: {text!r}."
        raise InvalidInput(field, given) from None


def _read_rate(field: str, text: str, number: int) -> Decimal:
    text = text.strip()
    if FIGURE.fullmatch(text) is None:
        given = f"has no plain number in line {number}: {text!r}."
        raise InvalidInput(field, given)
    try:
        return require_positive(field, Decimal(text), PRICE)
    except InvalidInput as wrong:
        raise InvalidInput(field, f"line {number}: a rate {wrong.detail}") from None
