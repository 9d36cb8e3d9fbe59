"""The columns of an imported trade: what may stand in each, as text. Pure.

Every format ends here, and what passes is copied into the database as it is, so the
checks are plain patterns over text: they are asked a million times.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from mastertrade.values.money import FACTOR, MONEY, PRICE
from mastertrade.values.validation import (
    CURRENCY_PATTERN,
    EARLIEST_YEAR,
    HIDDEN,
    HIDDEN_FOUND,
)
from trades.enums import Side
from trades.importing.rows import TradeRow

Check = Callable[[str], str | None]

SEVERAL_PLACES = 24


@dataclass(frozen=True, slots=True)
class Column:
    """`check` gives what is wrong with a text that is not empty; None if nothing."""

    name: str
    check: Check
    required: bool = False

    def find_wrong(self, given: str) -> str | None:
        if given:
            return self.check(given)
        return "must not be empty." if self.required else None


def number(
    column: tuple[int, int], *, signed: bool = False, positive: bool = False
) -> Check:
    """A plain decimal that the numeric column holds without rounding."""
    digits, places = column
    sign = "-?" if signed else ""
    some = "(?=.*[1-9])" if positive else ""
    fits = re.compile(
        rf"{some}{sign}0*[0-9]{{1,{digits - places}}}(?:\.[0-9]{{0,{places}}}0*)?"
    ).fullmatch
    plain = re.compile(r"-?[0-9]+(?:\.[0-9]*)?").fullmatch

    def check(text: str) -> str | None:
        if fits(text):
            return None
        if not plain(text):
            return "is not a plain number, such as 1250.50."
        if positive and not text.strip("-0."):
            return "must be above 0."
        if not signed and text.startswith("-"):
            return "must not be negative."
        if "." in text and len(text.rpartition(".")[2].rstrip("0")) > places:
            return f"has more than {places} decimal places."
        return "is out of range."

    return check


UNSTORABLE = HIDDEN.search


def text(longest: int) -> Check:
    def check(given: str) -> str | None:
        if len(given) > longest:
            return f"is longer than {longest} characters."
        return HIDDEN_FOUND if UNSTORABLE(given) else None

    return check


def matching(pattern: str, wanted: str) -> Check:
    matches = re.compile(pattern).fullmatch

    def check(given: str) -> str | None:
        if UNSTORABLE(given):
            return HIDDEN_FOUND
        return None if matches(given) else f"must be {wanted}."

    return check


# The notations that Python and PostgreSQL read alike.
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(Z|[+-](?:0[0-9]|1[0-4])(?::?[0-9]{2})?)?"
).fullmatch


def instant(given: str) -> str | None:
    """An ISO 8601 instant with its offset. Whether it lies ahead is asked later."""
    found = INSTANT(given)
    try:
        at = datetime.fromisoformat(given) if found else None
    except ValueError:
        at = None
    if found is None or at is None:
        return "is not an instant such as 2026-03-02T12:00:00Z."
    if found[1] is None:
        return "needs an offset, such as 2026-03-02T12:00:00Z."
    return f"is before {EARLIEST_YEAR}." if at.year < EARLIEST_YEAR else None


CURRENCY = matching(CURRENCY_PATTERN.strip("^$"), "2 to 10 capital letters or digits")
COST = number((64, SEVERAL_PLACES), positive=True)
COLUMNS = (
    Column("external_id", text(200)),
    Column("symbol", matching(r"\S{1,50}", "up to 50 characters, no spaces"), True),
    Column("side", matching("LONG|SHORT", "LONG or SHORT"), True),
    Column("quantity", number(PRICE, positive=True), True),
    Column("entry_price", number(PRICE, positive=True), True),
    Column("entry_time", instant, True),
    Column("exit_price", number(PRICE, positive=True)),
    Column("exit_time", instant),
    Column("profit_loss", number(MONEY, signed=True)),
    Column("entry_fees", number(MONEY)),
    Column("exit_fees", number(MONEY)),
    Column("funding", number(MONEY, signed=True)),
    Column("leverage", number(FACTOR, positive=True)),
    Column("stop_price", number(PRICE, positive=True)),
    Column("strategy_id", text(100)),
    Column("quote_currency", CURRENCY),
    Column("fee_currency", CURRENCY),
    Column("fx_rate", number(PRICE, positive=True)),
    Column("fee_fx_rate", number(PRICE, positive=True)),
    Column("exit_fee_fx_rate", number(PRICE, positive=True)),
    Column("parent_external_id", text(200)),
    Column("entry_notional", COST),
    Column("unbooked_profit", number((44, 36), signed=True)),
)
NAMES = tuple(column.name for column in COLUMNS)
BY_NAME = {column.name: column for column in COLUMNS}
REQUIRED = tuple(column.name for column in COLUMNS if column.required)


def texts_of(row: TradeRow) -> list[str]:
    """A row's figures as texts, in the order of `NAMES`; empty where there is none."""
    return [TEXTS[type(value)](value) for value in VALUES(row)]


VALUES = attrgetter(*NAMES)
TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    str: str,
    Side: str,
    Decimal: lambda value: f"{value:f}",
    datetime: lambda value: value.astimezone(UTC).isoformat(),
}
