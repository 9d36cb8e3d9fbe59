"""Sentences that know their figures, and figures as they show them.

A figure in a sentence is rounded to what a person reads. What is stored and what the
API answers stays exact (`format_plain`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum, auto
from typing import Any

from mastertrade.values.jsonable import from_plain
from mastertrade.values.money import (
    EXACT,
    HUNDRED,
    MONEY,
    format_plain,
    round_to,
)

SECOND = "%FT%TZ"
MINUTE = "%Y-%m-%d %H:%M UTC"
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


class Kind(StrEnum):
    """What a mark is on."""

    NUMBER = auto()
    MONEY = auto()
    INSTANT = auto()
    GOAL = auto()
    NAME = auto()  # of a field, a guard or a word of the API
    CALL = auto()  # what only a program does


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a figure stands in a text.

    `value`: the currency of an amount, which the text may leave out, a time in ISO
    8601, a goal's key.
    """

    kind: Kind
    start: int
    end: int
    value: str = ""


class Text(str):
    """A sentence as programs read it, with marks on its figures.

    By these a page shows it in a person's own form (`mastertrade.site.figures.show`).
    What `str`'s methods make of it has none.
    """

    __slots__ = ("marks",)
    marks: tuple[Mark, ...]

    def __new__(cls, text: str, marks: Iterable[Mark] = ()) -> "Text":
        made = super().__new__(cls, text)
        made.marks = tuple(marks)
        return made

    @classmethod
    def of_stored(cls, text: str, marks: Sequence[Any]) -> "Text":
        return cls(text, (from_plain(Mark, one) for one in marks))


def marks_of(text: object) -> tuple[Mark, ...]:
    return text.marks if isinstance(text, Text) else ()


def say(template: str, *parts: object) -> Text:
    """The template with a part in the place of each "{}", and its marks."""
    text, marks = "", []
    for words, part in zip(template.split("{}"), (*parts, ""), strict=True):
        text += words
        at = len(text)
        marks += [
            Mark(one.kind, one.start + at, one.end + at, one.value)
            for one in marks_of(part)
        ]
        text += str(part)
    return Text(text, marks)


def join(separator: str, parts: Iterable[object]) -> Text:
    listed = list(parts)
    return say(separator.join("{}" for _ in listed), *listed)


def cased(text: str, case: Callable[[str], str] = str.upper) -> Text:
    """With another case of its first letter."""
    return Text(case(text[:1]) + text[1:], marks_of(text))


def after_colon(text: str) -> str:
    """A sentence as it goes on after a colon: a name keeps its capitals."""
    first = text.partition(" ")[0]
    begins = first.isalpha() and first.istitle()
    return cased(text, str.lower) if begins else text


def unstopped(text: str) -> Text:
    """Without its full stop, to go on after it."""
    return Text(text.rstrip("."), marks_of(text))


def exact(value: Decimal) -> Text:
    """All its digits: settings and factors."""
    return _mark(format_plain(value), Kind.NUMBER)


def instant(at: datetime, form: str = SECOND) -> Text:
    at = at.astimezone(UTC)
    return _mark(f"{at:{form}}", Kind.INSTANT, at.isoformat())


def goal(key: int) -> Text:
    return _mark(f"goal {key}", Kind.GOAL, str(key))


def name(word: str) -> Text:
    return _mark(word, Kind.NAME)


def setting(word: str, value: Decimal | int) -> Text:
    """Its name and value: "hard_drawdown_pct 20 %", "max_factor 1.3"."""
    unit = " %" if word.endswith("_pct") else ""
    return say("{} {}{}", name(word), exact(Decimal(value)), unit)


def call(words: str) -> Text:
    return _mark(words, Kind.CALL)


def _mark(text: str, kind: Kind, value: str = "") -> Text:
    return Text(text, [Mark(kind, 0, len(text), value)])


def percent(value: Decimal, against: Decimal | None = None) -> Text:
    """53.806474 as "53.81 %"; `against` as in `rounded`."""
    return say("{} %", decimals(value, against))


def decimals(value: Decimal, against: Decimal | None = None) -> Text:
    """To two decimals: percent, percentage points, multiples."""
    return exact(rounded(value, PERCENT_PLACES, against))


def ratio(value: Decimal, against: Decimal | None = None) -> Text:
    """A ratio in percent: 0.0123 as "1.23 %"."""
    with_percent = None if against is None else in_percent(against)
    return percent(in_percent(value), with_percent)


def money(value: Decimal, currency: str = "", against: Decimal | None = None) -> Text:
    """An amount, to the places of its currency; only a page names that."""
    shown = rounded(value, PLACES.get(currency, CENTS), against)
    return _mark(format_plain(shown), Kind.MONEY, currency)


def exact_money(value: Decimal) -> Text:
    """All its digits."""
    return _mark(format_plain(value), Kind.MONEY)


def amount(value: Decimal, currency: str) -> Text:
    """An amount and its currency."""
    shown = format_plain(rounded(value, PLACES.get(currency, CENTS)))
    return _mark(f"{shown} {currency}", Kind.MONEY, currency)


def price(value: Decimal) -> Text:
    """To six digits, cents at the least: 1.083456 as "1.08346", 50123.456 as
    "50123.46"."""
    return exact(rounded(value, max(CENTS, 5 - value.adjusted())))


def unit_value(value: Decimal) -> Text:
    """1.092823390472 as "1.0928"."""
    return exact(rounded(value, UNIT_VALUE_PLACES))


def quantity(value: Decimal) -> Text:
    """To six decimals, or six digits below 1."""
    return exact(rounded(value, QUANTITY_PLACES, digits=QUANTITY_PLACES))


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
