"""Checks that services make of what they are given; HTTP makes them earlier.

A service may be called from a script or a replay, so it trusts nobody: no floats, no
naive times, nothing a numeric column would round or overflow.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import instant, say
from mastertrade.values.messages import no_choice
from mastertrade.values.money import fits, format_plain, quantum, round_down

Word = TypeVar("Word", bound=StrEnum)

# What a currency and a strategy's type look like; the database checks the same.
CURRENCY_PATTERN = r"^[A-Z0-9]{2,10}$"
STRATEGY_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$"
STRATEGY_TYPE_PATTERN = r"^[a-z][a-z0-9_]*$"

# Controls, and what is not seen or turns the text around it (U+061C, U+200E, U+202A to
# U+202E, U+2066 to U+2069 …): one name could look like another. Nor may half of a
# surrogate pair stand in a text.
HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
HIDDEN_FOUND = "must not contain control or hidden characters."

# A symbol as trades, marks and sizing take it.
SYMBOL_PATTERN = r"^\S{1,50}$"

# Digits 0 to 9 alone: Python reads those of every script, and 1_000.
PLAIN_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

# Before it the calendars of time zones, and a trader's records, mean nothing.
EARLIEST_YEAR = 1970


def refuse(wrong: Iterable[InvalidInput]) -> None:
    """Raise all that was found wrong as one `InvalidInput`, if anything was."""
    found = list(wrong)
    if found:
        raise InvalidInput(found[0].field, found[0].detail, also=found[1:])


def wrong_by(check: Callable[..., object], *asked: Any) -> Iterator[InvalidInput]:
    """What one of these checks refuses, if anything, to be listed with others."""
    try:
        check(*asked)
    except InvalidInput as wrong:
        yield wrong


def is_plain_number(text: str) -> bool:
    """Whether it is a number in the digits 0 to 9, with spaces around it at most."""
    return PLAIN_NUMBER.fullmatch(text.strip()) is not None


def is_whole_number(text: str) -> bool:
    """Whether it is nothing but digits, 0 to 9."""
    return text.isascii() and text.isdecimal()


def require_decimal(field: str, value: object, column: tuple[int, int]) -> Decimal:
    """A finite Decimal that the column holds without rounding."""
    if not isinstance(value, Decimal):
        raise InvalidInput(field, f"must be a Decimal, not {type(value).__name__}.")
    if not value.is_finite():
        raise InvalidInput(field, "must be a finite number.")
    if not fits(value, column):
        raise InvalidInput(field, "is out of range.")
    if round_down(value, column) != value:
        raise InvalidInput(field, f"has more than {column[1]} decimal places.")
    return value


def require_positive(field: str, value: object, column: tuple[int, int]) -> Decimal:
    """Above zero, and as `require_decimal` says."""
    number = require_decimal(field, value, column)
    if number < quantum(column):
        raise InvalidInput(field, "must be above 0.")
    return number


def require_not_negative(field: str, value: object, column: tuple[int, int]) -> Decimal:
    """Zero or above, and as `require_decimal` says."""
    number = require_decimal(field, value, column)
    if number < 0:
        raise InvalidInput(field, "must not be negative.")
    return number


def require_visible(field: str, text: str | None) -> None:
    """A symbol or an id without control, hidden or text-turning characters."""
    found = HIDDEN.search(text or "")
    if found is not None:
        raise InvalidInput(
            field, f"{HIDDEN_FOUND[:-1]}, such as U+{ord(found[0]):04X}."
        )


def require_not_future(field: str, value: datetime, now: datetime) -> datetime:
    """An aware instant, not after `now` and not before 1970."""
    if value.tzinfo is None:
        raise InvalidInput(field, "needs a time zone.")
    if value.year < EARLIEST_YEAR:
        raise InvalidInput(field, f"is before {EARLIEST_YEAR}.")
    if value > now:
        raise InvalidInput(field, say("is in the future; it is {} here.", instant(now)))
    return value


def require_word(field: str, value: str, words: type[Word]) -> Word:
    """One of an enumeration's words."""
    try:
        return words(value)
    except ValueError:
        raise InvalidInput(field, no_choice(value, list(words))) from None


def fingerprint(body: Mapping[str, Any]) -> str:
    """A digest of a request that is the same for the same figures.

    1, 1.0 and 1.00 are one figure, two notations of an instant are one instant, and a
    field not given is a field set to null.
    """
    plain = {key: _plain(value) for key, value in body.items() if value is not None}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format_plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if isinstance(value, (bool, int)) else str(value)
