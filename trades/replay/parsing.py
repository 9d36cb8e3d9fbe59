"""The columns and rows of a price file, each number checked where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from mastertrade.money import PRICE, exactly, round_to
from trades.replay.bars import BarsError
from trades.replay.times import parse_time

ALIASES: Mapping[str, tuple[str, ...]] = {
    "date": ("date", "day"),
    "time": ("time", "datetime", "timestamp", "gmt time", "date time"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume", "vol"),
    "adjusted": ("adj close", "adj_close", "adjclose", "adjusted close"),
    "symbol": ("ticker", "symbol"),
}
PRICES = ("open", "high", "low", "close")
LARGEST_EXPONENT = 15  # a price of a quadrillion is a fault
# Quoted highs and lows may be rounded otherwise than open and close.
ROUNDING_TOLERANCE = Decimal("0.0005")  # ratio of the price


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file, already split into fields."""

    line: int
    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class Quote:
    """One checked line: a bar that does not yet know when it closes."""

    line: int
    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column stands, by its role, and how the file spells it."""

    source: str
    names: tuple[str, ...]
    places: Mapping[str, int]

    def text(self, row: Row, role: str) -> str:
        """The field of that role, without surrounding blanks."""
        return row.fields[self.places[role]].strip()

    def error(self, row: Row, role: str, reason: str) -> BarsError:
        """A fault in one field."""
        name = self.names[self.places[role]]
        return BarsError(self.source, reason, line=row.line, column=name)


def read_columns(source: str, header: Row) -> Columns:
    """Find the columns by their names; refuse a file that lacks one."""
    names = tuple(name.strip() for name in header.fields)
    spelled = [name.strip("<>").lower() for name in names]
    places = {
        role: min(spelled.index(alias) for alias in aliases if alias in spelled)
        for role, aliases in ALIASES.items()
        if any(alias in spelled for alias in aliases)
    }
    missing = [role.capitalize() for role in PRICES if role not in places]
    if "date" not in places and "time" not in places:
        missing.insert(0, "Date")
    if missing:
        raise BarsError(
            source,
            f"missing: {', '.join(missing)}; the header has {', '.join(names)}",
            line=header.line,
            column=missing[0],
        )
    return Columns(source, names, places)


@exactly
def parse_quote(columns: Columns, row: Row, *, adjust: bool) -> Quote:
    """Check one line and adjust its prices, or say what is wrong with it."""
    quote = Quote(
        row.line,
        _time(columns, row),
        open=_price(columns, row, "open"),
        high=_price(columns, row, "high"),
        low=_price(columns, row, "low"),
        close=_price(columns, row, "close"),
        volume=_volume(columns, row),
    )
    quote = _consistent(columns, row, quote)
    if not (adjust and "adjusted" in columns.places):
        return quote
    ratio = _price(columns, row, "adjusted") / quote.close
    return Quote(
        quote.line,
        quote.opened_at,
        open=round_to(quote.open * ratio, PRICE),
        high=round_to(quote.high * ratio, PRICE),
        low=round_to(quote.low * ratio, PRICE),
        close=round_to(quote.close * ratio, PRICE),
        volume=quote.volume,
    )


def _time(columns: Columns, row: Row) -> datetime:
    roles = [role for role in ("date", "time") if role in columns.places]
    text = " ".join(columns.text(row, role) for role in roles)
    try:
        return parse_time(text)
    except ValueError as error:
        raise columns.error(row, roles[0], str(error)) from None


def _number(columns: Columns, row: Row, role: str) -> Decimal:
    text = columns.text(row, role)
    try:
        number = Decimal(text if "_" not in text else "")
    except InvalidOperation:
        raise columns.error(row, role, f"{text!r} is no number") from None
    if not number.is_finite():
        raise columns.error(row, role, f"{text} is not finite")
    return number


def _price(columns: Columns, row: Row, role: str) -> Decimal:
    number = _number(columns, row, role)
    if number <= 0:
        raise columns.error(row, role, f"a price must be above 0, was {number}")
    if number.adjusted() >= LARGEST_EXPONENT:
        raise columns.error(row, role, f"{number} is too large for a price")
    price = round_to(number, PRICE)
    if price <= 0:
        raise columns.error(row, role, f"{number} is too small for a price")
    return price


def _volume(columns: Columns, row: Row) -> Decimal:
    if "volume" not in columns.places or not columns.text(row, "volume"):
        return Decimal(0)
    volume = _number(columns, row, "volume")
    if volume < 0:
        raise columns.error(row, "volume", f"a volume is never negative, was {volume}")
    return volume


def _consistent(columns: Columns, row: Row, quote: Quote) -> Quote:
    """Refuse a close outside low … high; widen these where it is by rounding only."""
    low, high = columns.text(row, "low"), columns.text(row, "high")
    if quote.high < quote.low:
        raise columns.error(row, "high", f"high {high} is below low {low}")
    slack = quote.high * ROUNDING_TOLERANCE
    for role, price in (("open", quote.open), ("close", quote.close)):
        if not quote.low - slack <= price <= quote.high + slack:
            text = columns.text(row, role)
            raise columns.error(
                row, role, f"{role} {text} is outside low {low} … high {high}"
            )
    return Quote(
        quote.line,
        quote.opened_at,
        quote.open,
        high=max(quote.high, quote.open, quote.close),
        low=min(quote.low, quote.open, quote.close),
        close=quote.close,
        volume=quote.volume,
    )
