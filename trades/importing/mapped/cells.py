"""One row of a mapped file: its cells as figures, times, sides and symbols. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from mastertrade.values.money import ZERO, exactly
from mastertrade.values.validation import HIDDEN, HIDDEN_FOUND
from trades.importing.columns import CURRENCY, UNSTORABLE
from trades.importing.fills import Roundings, clean_figure
from trades.importing.mapped.forms import is_empty, plain_number, read_time
from trades.importing.mapped.mapping import ColumnMapping, FeeSign, SideWord
from trades.importing.mapped.table import fold
from trades.importing.markets import split_market
from trades.importing.numbers import SHORTENED, Amount, read_suffixed
from trades.importing.rows import GivenCells, Unreadable

EXCHANGE = re.compile(r"[A-Z0-9_ ]+:(?=.)")
SEPARATED = re.compile(r"([^/_-]+)[/_-]([^/_-]+)")
# Kraken: X before a coin, Z before a currency; and names of its own.
KRAKEN = re.compile(r"[XZ]([A-Z]{3})[XZ]([A-Z]{3})")
OWN_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
LONGEST_SYMBOL = 50
# Powers of ten that a figure may have; the ledger stores fewer.
SMALLEST, LARGEST = -40, 24


class Cells:
    """The cells of one row, by field."""

    def __init__(self, layout: "Layout", cells: Sequence[str], line: int) -> None:
        self._layout = layout
        self._cells = cells
        self.line = line

    def column(self, name: str) -> str:
        """What the file calls a field's first column, else the field itself."""
        places = self._layout.places.get(name)
        return self._layout.names[places[0]] if places else name

    def wrong(self, name: str, reason: str) -> Unreadable:
        return Unreadable(self.column(name), reason)

    def has(self, name: str) -> bool:
        return name in self._layout.places

    def text(self, name: str) -> str:
        """The cells of a field, one behind the other; "" where there are none."""
        return " ".join(self._filled(name)) if name in self._layout.places else ""

    def given(self) -> GivenCells:
        return GivenCells.by_field(
            {name: self.text(name) for name in self._layout.places}
        )

    def _filled(self, name: str) -> list[str]:
        given = [self._cells[place] for place in self._layout.places.get(name, ())]
        return [cell for cell in given if not is_empty(cell)]

    def clean_text(self, name: str) -> str | None:
        text = self.text(name)
        if UNSTORABLE(text):
            raise self.wrong(name, HIDDEN_FOUND)
        return text or None

    def amount(self, name: str) -> Amount | None:
        """A number and the coin behind it; None where there is none."""
        text = self.text(name)
        return self._amount(name, text) if text else None

    def _amount(self, name: str, text: str) -> Amount:
        plain = plain_number(text, self._layout.mapping.decimal_sign)
        if SHORTENED.search(plain.upper()):
            raise self.wrong(
                name,
                f"{text!r} is a figure that a spreadsheet shortened: export the file "
                "again.",
            )
        amount = read_suffixed(plain, ())
        if amount is None or not self._may_be_of(name, amount.coin):
            mistyped = "oO" if re.search(r"\d[oO]", text) else ""
            hint = ": letters O in place of zeros?" if mistyped else "."
            raise self.wrong(
                name,
                f"{text!r} is no number with the decimal sign "
                f"{self._layout.mapping.decimal_sign}{hint}",
            )
        if amount.value and not SMALLEST <= amount.value.adjusted() <= LARGEST:
            raise self.wrong(name, f"{text[:60]!r} is out of range.")
        return amount

    def _may_be_of(self, name: str, coin: str) -> bool:
        """Fees are paid in any coin, other figures in one of the market's."""
        if not coin or name == "fees":
            return True
        named = self._layout.mapping.quote_currency or ""
        market = f"{self.text('symbol')} {named} {self.text('quote_currency')}"
        return coin in market.upper()

    def number(self, name: str) -> Decimal | None:
        """As the ledger stores it; what that changes is noted."""
        amount = self.amount(name)
        return None if amount is None else self.rounded(name, amount.value)

    def rounded(self, name: str, value: Decimal) -> Decimal:
        clean = clean_figure(value)
        if clean != value:
            self._layout.roundings.note(self.line, self.column(name), value, clean)
        return clean

    def positive(self, name: str) -> Decimal:
        value = self.number(name)
        if value is None:
            raise self.wrong(name, "is empty.")
        if value <= 0:
            raise self.wrong(name, "must be above 0.")
        return value

    def paid(self, name: str) -> list[tuple[Decimal, str]]:
        """What was paid (above 0) by each of a field's columns, and its coin or ""."""
        sign = -1 if self._layout.mapping.fee_sign is FeeSign.NEGATIVE else 1
        amounts = []
        for place in self._layout.places.get(name, ()):
            cell = self._cells[place]
            if not is_empty(cell):
                amount = self._amount(name, cell)
                amounts.append((self.rounded(name, sign * amount.value), amount.coin))
        return amounts

    @exactly
    def total(self, name: str) -> Decimal:
        """The sum of a field's columns, as they are written."""
        places = self._layout.places.get(name, ())
        cells = [self._cells[place] for place in places]
        given = [self._amount(name, cell).value for cell in cells if not is_empty(cell)]
        return self.rounded(name, sum(given, ZERO))

    def time(self, name: str) -> datetime:
        """A day and its clock may stand in two columns, in either order."""
        given = self._filled(name)
        text = " ".join(sorted(given, key=lambda cell: ":" in cell))
        if not text:
            raise self.wrong(name, "is empty.")
        at = read_time(text, self._layout.mapping.date_order, self._layout.zone)
        if isinstance(at, str):
            raise self.wrong(name, at)
        return at

    def side(self) -> SideWord | None:
        """None where no column says it."""
        if not self.has("side"):
            return None
        word = self.text("side")
        side = self._layout.mapping.sides.get(word.casefold())
        if side is None:
            raise self.wrong(
                "side",
                f"{word[:40]!r} is not among the words of the mapping: say whether it "
                "is buy, sell, or no trade (skip).",
            )
        return side

    def quantity(self) -> tuple[Decimal, bool]:
        """In units of what is traded, and whether it is written below 0."""
        value = self.number("quantity")
        if not value:
            raise self.wrong("quantity", "is empty." if value is None else "is 0.")
        return abs(value), value < 0

    def currency(self, name: str) -> str | None:
        """Of the row, else of the whole file."""
        given = self.text(name).upper()
        if not given:
            whole: str | None = getattr(self._layout.mapping, name)
            return whole or getattr(self._layout, name)
        given = OWN_NAMES.get(given, given)
        if reason := CURRENCY(given):
            raise self.wrong(name, reason)
        return given

    def symbol(self) -> str:
        """Without the exchange in front, the suffixes, and with dots for spaces."""
        mapping = self._layout.mapping
        text = self.text("symbol") or mapping.symbol or ""
        if not text:
            raise self.wrong("symbol", "is empty.")
        if UNSTORABLE(text):
            raise self.wrong("symbol", HIDDEN_FOUND)
        symbol = text.upper()
        if "/" not in symbol.partition(":")[0]:
            symbol = EXCHANGE.sub("", symbol, count=1)
        symbol = symbol.partition(":")[0]
        for suffix in sorted(mapping.suffixes, key=len, reverse=True):
            if symbol.endswith(suffix.upper()) and len(symbol) > len(suffix):
                symbol = symbol.removesuffix(suffix.upper())
                break
        symbol = ".".join(symbol.split())
        if not symbol or len(symbol) > LONGEST_SYMBOL:
            raise self.wrong("symbol", f"{text[:60]!r} is no symbol.")
        return symbol


class Layout:
    """A mapping on one file: where each field stands.

    `quote_currency` and `fee_currency` are those of the caller, where neither the row
    nor the mapping names one.
    """

    def __init__(
        self,
        mapping: ColumnMapping,
        names: Sequence[str],
        quote_currency: str | None,
        fee_currency: str | None,
    ) -> None:
        folded = [fold(name) for name in names]
        self.mapping = mapping
        self.names = names
        self.quote_currency = quote_currency
        self.fee_currency = fee_currency
        self.zone: tzinfo = ZoneInfo(mapping.time_zone)
        self.roundings = Roundings()
        self.places: dict[str, tuple[int, ...]] = {
            name: tuple(sorted(folded.index(fold(one)) for one in columns))
            for name in mapping.fields
            if (columns := mapping.columns_of(name))
        }
        self._only: Mapping[int, tuple[str, set[str]]] = {
            folded.index(fold(column)): (column, {one.casefold() for one in words})
            for column, words in mapping.only.items()
        }

    def skipped(self, cells: Sequence[str]) -> str | None:
        """Why a row is none of those that are read; None if it is."""
        for place, (column, words) in self._only.items():
            cell = cells[place]
            if cell.casefold() not in words:
                return f"{column} {HIDDEN.sub('', cell)[:40] or 'empty'}"
        return None


def split_symbol(symbol: str, quote: str | None) -> tuple[str, str] | None:
    """What is traded and what it is paid in; `quote` is what the file says of it.

    A symbol that does not end with a known quote is traded itself, as stocks are.
    """
    if found := SEPARATED.fullmatch(symbol):
        base, own = (OWN_NAMES.get(one, one) for one in found.groups())
        if quote is None or quote == own:
            return base, own
    elif found := KRAKEN.fullmatch(symbol):
        base, own = (OWN_NAMES.get(one, one) for one in found.groups())
        return base, own
    if quote is not None:
        base = symbol.removesuffix(quote)
        if base != symbol and len(base) > 1 and not SEPARATED.fullmatch(symbol):
            return OWN_NAMES.get(base, base), quote
        return symbol, quote
    split = split_market(symbol)
    return None if split is None else (OWN_NAMES.get(split[0], split[0]), split[1])
