"""A fill: one execution, as a venue's file gives it. Pure."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from mastertrade.values.money import (
    EXACT,
    MONEY,
    PRICE,
    ZERO,
    exactly,
    format_plain,
    round_to,
    upper_bound,
)
from trades.importing.columns import BY_NAME, CURRENCY, number, text
from trades.importing.options import ImportOptions
from trades.importing.rows import GivenCells, Refusal

KEY_DIGITS = 32
SIZE = number(PRICE, positive=True)
SYMBOL = BY_NAME["symbol"].check
COIN = text(50)
# A part is called by its lot's id and the id of the fill that closed it: both must
# have room in one external id.
LONGEST_KEY = 40
LONGEST_ORDER = 64
# No venue of today is older; an earlier time is one in another unit.
EARLIEST_FILL = 2000
# A double has 15 digits that mean something; what follows zeros there is noise.
DOUBLE_DIGITS, PLAIN_DIGITS = 15, 12


@dataclass(frozen=True, slots=True)
class Fees:
    """What an execution cost, by the coin it was paid in; a rebate is negative.

    `other` is in `coin`, which is neither the base nor the quote of the market.
    """

    quote: Decimal = ZERO
    base: Decimal = ZERO
    other: Decimal = ZERO
    coin: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `quantity` in units of the base, `price` in the quote.

    `venue_id` is the venue's own id, None where it gives none. `may_short`: a sale
    needs nothing bought before it (contracts; not spot). `is_funding`: nothing was
    traded; `fees` is the funding paid, negative where it was received. `order_id` is
    the venue's order that was filled, None where it is not given.
    """

    line: int
    symbol: str
    base: str
    quote: str
    is_buy: bool
    quantity: Decimal
    price: Decimal
    at: datetime
    fees: Fees = Fees()
    venue_id: str | None = None
    may_short: bool = False
    is_funding: bool = False
    order_id: str | None = None

    def refuse(self, column: str, reason: str) -> Refusal:
        given = GivenCells(
            at=f"{self.at:%Y-%m-%d %H:%M:%S}",
            symbol=self.symbol,
            side="buy" if self.is_buy else "sell",
            quantity=format_plain(self.quantity),
        )
        return Refusal(self.line, column, reason, given)


@dataclass(slots=True)
class Roundings:
    """How many figures of a file were rounded, and the first of them."""

    count: int = 0
    first: str = ""

    def note(self, line: int, column: str, given: Decimal, stored: Decimal) -> None:
        if not self.count:
            self.first = (
                f"{column} {format_plain(given)} in line {line} is stored as "
                f"{format_plain(stored)}"
            )
        self.count += 1

    def message(self) -> str | None:
        """One sentence about all of them; None where nothing was rounded."""
        if not self.count:
            return None
        return (
            f"Figures with binary noise or more than {PRICE[1]} decimal places were "
            f"rounded, {self.count} in all: {self.first}."
        )


@dataclass(frozen=True, slots=True)
class FillFile:
    """A file of fills under way: what it calls its columns, and what stands in it.

    `newest_first` where the times do not show it. `notes` are whole once `items` are.
    """

    time_column: str
    quantity_column: str
    price_column: str
    fee_column: str
    pair_column: str
    newest_first: bool
    items: Iterator[Fill | Refusal]
    roundings: Roundings = field(default_factory=Roundings)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FillFormat:
    """How files of a venue are read, and how their fills are called.

    `name` begins the ids, followed by the caller's venue if `asks_venue`; ids hold the
    symbol where the venue's own are unique only within it. `separator` stands between
    base and quote in a symbol.
    """

    open: Callable[[io.BufferedReader, ImportOptions], FillFile]
    name: str
    separator: str
    asks_venue: bool


def sort_fees(
    paid: Iterable[tuple[Decimal, str]], *, base: str, quote: str
) -> Fees | str:
    """Fees by coin; a reason where two coins are not of the pair."""
    sums: dict[str, Decimal] = {}
    for cost, coin in paid:
        if cost:
            sums[coin] = sums.get(coin, ZERO) + cost
    in_quote, in_base = sums.pop(quote, ZERO), sums.pop(base, ZERO)
    if len(sums) > 1:
        return f"is paid in several coins: {', '.join(sorted(sums))}."
    for coin, other in sums.items():
        return Fees(in_quote, in_base, other, coin)
    return Fees(in_quote, in_base)


@exactly
def measure_fees(fees: Fees, price: Decimal, rate: Decimal | None) -> Decimal:
    """All fees in the quote currency, 8 places; `rate` of one `coin` in the quote.

    What was paid in the base counts at the fill's own price.
    """
    other = fees.other * rate if rate is not None else ZERO
    return round_to(fees.quote + fees.base * price + other, MONEY)


@exactly
def held_after(fill: Fill) -> Decimal:
    """How much a purchase brings or a sale takes, a spot fee in the base included."""
    sign = -1 if fill.is_buy else 1
    return fill.quantity + sign * base_fee(fill)


def base_fee(fill: Fill) -> Decimal:
    """The fee that changes what is held: none where contracts are traded."""
    return ZERO if fill.may_short else fill.fees.base


def check_fill(fill: Fill, file: FillFile, now: datetime) -> Refusal | None:
    """Why the fill has no place in a ledger, by its file's columns; None if it has."""
    if reason := _check_market(fill.symbol, fill.quote):
        return fill.refuse(file.pair_column, reason)
    if reason := SIZE(f"{fill.quantity:f}"):
        return fill.refuse(file.quantity_column, reason)
    if reason := SIZE(f"{fill.price:f}"):
        return fill.refuse(file.price_column, reason)
    if reason := _check_fees(fill.fees):
        return fill.refuse(file.fee_column, reason)
    if base_fee(fill) and (reason := SIZE(f"{held_after(fill):f}")):
        return fill.refuse(file.fee_column, reason)
    if reason := _check_time(fill.at, now):
        return fill.refuse(file.time_column, reason)
    return None


@lru_cache(maxsize=1000)
def _check_market(symbol: str, quote: str) -> str | None:
    return SYMBOL(symbol) or CURRENCY(quote)


def _check_fees(fees: Fees) -> str | None:
    most = upper_bound(PRICE)
    for fee in (fees.quote, fees.base, fees.other):
        if not -most <= fee <= most:
            return "is out of range."
    return None if fees.coin is None else COIN(fees.coin)


def _check_time(at: datetime, now: datetime) -> str | None:
    if at > now:
        return f"is {at:%Y-%m-%d %H:%M:%S} UTC, which is in the future."
    return f"is before {EARLIEST_FILL}." if at.year < EARLIEST_FILL else None


@exactly
def clean_figure(value: Decimal) -> Decimal:
    """The figure a venue can mean: at most 12 places, without a double's noise.

    0.30000000000000004 is 0.3: 16 or 17 digits that are 12 or fewer once the last of
    them, which no double can hold, are rounded off.
    """
    digits = value.as_tuple().digits
    if DOUBLE_DIGITS < len(digits) <= DOUBLE_DIGITS + 2:
        step = Decimal(1).scaleb(value.adjusted() - DOUBLE_DIGITS + 1)
        clean = value.quantize(step).normalize(EXACT)
        if len(clean.as_tuple().digits) <= PLAIN_DIGITS:
            value = clean
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return round_to(value, PRICE) if exponent < -PRICE[1] else value


@dataclass(frozen=True, slots=True)
class FillKeys:
    """What a fill is known by.

    `content` is the same for the same execution, however its file writes the figures.
    `figures` are what an id stands for: a venue may give the fees later than the rest.
    `mirror` are those of the other side of a trade with oneself; empty without an id.
    """

    content: str
    figures: str
    mirror: str


def make_keys(fill: Fill) -> FillKeys:
    fees = fill.fees
    market = f"{fill.at.astimezone(UTC).isoformat()}|{fill.symbol}"
    kind = " funding" if fill.is_funding else ""
    rest = f"{kind}|{format_plain(fill.price)}|{format_plain(fill.quantity)}"
    own, other = ("buy", "sell") if fill.is_buy else ("sell", "buy")
    figures = f"{market}|{own}{rest}"
    paid = f"{format_plain(fees.quote)}|{format_plain(fees.base)}|"
    paid += f"{format_plain(fees.other)}|{fees.coin or ''}"
    return FillKeys(
        _digest(f"{figures}|{paid}")[:KEY_DIGITS],
        _digest(figures),
        "" if fill.venue_id is None else _digest(f"{market}|{other}{rest}"),
    )


def venue_key(venue_id: str) -> str:
    """The venue's id, or a digest of it where it is too long."""
    if len(venue_id) <= LONGEST_KEY and ">" not in venue_id:
        return venue_id
    return _digest(venue_id)[:LONGEST_KEY]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
