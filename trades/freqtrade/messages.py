"""What freqtrade's webhook says of a fill, exact. Pure.

freqtrade puts every value through `str.format`: numbers come as the shortest text of a
float, booleans as True and False, instants with a blank, nothing at all as None. A
delivery has no id of its own, so a message is known by all its fields.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import no_choice
from mastertrade.values.money import MONEY, ONE, PRICE, exactly, fits, round_to
from mastertrade.values.validation import (
    CURRENCY_PATTERN,
    EARLIEST_YEAR,
    fingerprint,
    refuse,
)
from trades.enums import FillKind, Side

KINDS = {"entry_fill": FillKind.ENTRY, "exit_fill": FillKind.EXIT}
SIDES = {"long": Side.LONG, "short": Side.SHORT}
WORDS = {"true": True, "false": False}
NOTHING = {"", "none", "n/a"}
LONGEST = 200
PAIR_WANTED = "must be a pair of up to 50 characters without blanks, such as BTC/USDT."
KEY_WANTED = "must be the number of a trade, such as 7."
CURRENCY_WANTED = "must be 2 to 10 capital letters or digits, such as USDT."
# A bot's clock may be ahead of ours by this much.
CLOCK_TOLERANCE = timedelta(minutes=1)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FillMessage:
    """One fill. Prices and profits in `stake_currency`, `quantity` in units.

    `stake` is what the whole trade had in it, at its average entry and without the
    leverage, after this fill, or before it where it was the last. `profit_so_far` is of
    all exits up to this one, `profit` of this one alone; both after fees.
    """

    kind: FillKind
    bot_trade_id: int
    symbol: str
    side: Side
    leverage: Decimal
    quantity: Decimal
    price: Decimal
    opened_at: datetime
    digest: str
    given: dict[str, str]
    stake: Decimal | None = None
    stake_currency: str | None = None
    open_rate: Decimal | None = None
    closed_at: datetime | None = None
    profit_so_far: Decimal | None = None
    profit: Decimal | None = None
    is_final: bool = False

    @property
    def cost(self) -> Decimal | None:
        """What the whole trade cost at its average entry; exact inside `exactly`."""
        return None if self.stake is None else self.stake * self.leverage


def read_kind(body: Mapping[str, Any]) -> str:
    """Which of freqtrade's messages it is; only some tell a fill (`KINDS`)."""
    return _Message(body, datetime.max.replace(tzinfo=UTC)).text("type")


def read_message(body: Mapping[str, Any], now: datetime) -> FillMessage:
    """Raises `InvalidInput` for what is no fill; it names every wrong field."""
    message = _Message(body, now)
    kind = KINDS[message.text("type")]
    is_exit = kind is FillKind.EXIT
    readers: dict[str, Callable[[], Any]] = {
        "bot_trade_id": lambda: message.key("trade_id"),
        "symbol": lambda: message.matching("pair", r"\S{1,50}", PAIR_WANTED),
        "side": lambda: message.word("direction", SIDES),
        "leverage": message.leverage,
        "quantity": lambda: message.positive("amount"),
        "price": lambda: message.positive("close_rate" if is_exit else "open_rate"),
        "opened_at": lambda: message.instant("open_date"),
        "stake": lambda: message.number("stake_amount", PRICE),
        "stake_currency": message.currency,
        "open_rate": lambda: message.number("open_rate", PRICE),
        "profit_so_far": lambda: message.number("cumulative_profit", MONEY),
        "profit": lambda: message.number("profit_amount", MONEY),
    }
    if is_exit:
        readers["closed_at"] = lambda: message.instant("close_date")
        readers["is_final"] = lambda: message.word("is_final_exit", WORDS)
    fields, wrong = {}, []
    for name, read in readers.items():
        try:
            fields[name] = read()
        except InvalidInput as one:
            wrong.append(one)
    refuse(wrong)
    digest = fingerprint({str(key): str(value) for key, value in body.items()})
    return FillMessage(kind=kind, digest=digest, given=message.given, **fields)


class _Message:
    """A message's values, and which of them were read."""

    def __init__(self, body: Mapping[str, Any], now: datetime) -> None:
        self._body = body
        self._now = now
        self.given: dict[str, str] = {}

    def text(self, name: str, *, needed: bool = True) -> str:
        value = self._body.get(name)
        if value is not None and not isinstance(value, (str, int, Decimal)):
            raise InvalidInput(name, "must be text.")
        text = "" if value is None else str(value).strip()
        if len(text) > LONGEST or not text.isprintable():
            raise InvalidInput(name, "is not text that freqtrade sends.")
        if text.lower() in NOTHING:
            if needed:
                raise InvalidInput(name, "is missing; see docs/integrations.")
            return ""
        self.given[name] = text
        return text

    def matching(self, name: str, pattern: str, wanted: str) -> str:
        text = self.text(name)
        if re.fullmatch(pattern, text) is None:
            raise InvalidInput(name, wanted)
        return text

    def key(self, name: str) -> int:
        return int(self.matching(name, r"[1-9][0-9]{0,17}", KEY_WANTED))

    def word(self, name: str, words: Mapping[str, Any]) -> Any:
        text = self.text(name).lower()
        if text not in words:
            raise InvalidInput(name, no_choice(text, words))
        return words[text]

    @exactly
    def number(self, name: str, column: tuple[int, int]) -> Decimal | None:
        """Rounded to the column's places; a float has more than it means."""
        text = self.text(name, needed=False)
        if not text:
            return None
        if NUMBER.fullmatch(text) is None:
            raise InvalidInput(name, "is not a number.")
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise InvalidInput(name, "is not a number.") from None
        if not fits(value, column):
            raise InvalidInput(name, "is out of range.")
        return round_to(value, column)

    def positive(self, name: str) -> Decimal:
        self.text(name)
        value = self.number(name, PRICE)
        if value is None or value <= 0:
            raise InvalidInput(name, "must be above 0.")
        return value

    def leverage(self) -> Decimal:
        value = self.number("leverage", PRICE)
        if value is not None and value < 1:
            raise InvalidInput("leverage", "must be 1 or more.")
        return ONE if value is None else value

    def currency(self) -> str | None:
        name = "stake_currency"
        if not self.text(name, needed=False):
            return None
        return self.matching(name, CURRENCY_PATTERN.strip("^$"), CURRENCY_WANTED)

    def instant(self, name: str) -> datetime:
        """Never ahead of our clock, as long as the bot's is about right."""
        text = self.text(name)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(name, "is not an instant.") from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if at > self._now + CLOCK_TOLERANCE:
            raise InvalidInput(name, "is in the future: is the bot's clock right?")
        if at.year < EARLIEST_YEAR:
            raise InvalidInput(name, f"is before {EARLIEST_YEAR}.")
        return min(at, self._now)
