"""The rows of a price file, each number checked where it stands."""

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from mastertrade.values.money import PRICE, exactly, round_to
from trades.replay.bars import BarsError
from trades.replay.columns import PRICE_NAMES, Columns, Row
from trades.replay.numerals import DecimalMark, is_null, parse_number

LARGEST_EXPONENT = 15  # a price of a quadrillion is a fault
# Quoted highs and lows may be rounded otherwise than open and close.
ROUNDING_TOLERANCE = Decimal("0.0005")  # ratio of the price


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What a price file is allowed, and how it is to be taken.

    `adjust`: multiply by adjusted close / close, where the file has one.
    `skip_null_rows`: leave out rows in which a price is missing.
    `tolerate_closes`: widen low … high to opens and closes outside them.
    `decimal_comma`: `1,234` is 1.234.
    `time_zone`: whose days the bars are, and of times that are written without offset.
    """

    adjust: bool = True
    allow_gaps: bool = False
    skip_null_rows: bool = False
    tolerate_closes: bool = False
    decimal_comma: bool = False
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """The checked prices of one line.

    `excess` is how far open or close lay outside low … high, as a ratio of these.
    """

    line: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    excess: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class QuoteParser:
    """Reads the prices of one file's rows. Raises `BarsError` with line and column."""

    columns: Columns
    mark: DecimalMark
    options: ReadingOptions

    @exactly
    def parse(self, row: Row) -> Quote | None:
        """Check one line and adjust its prices; None where it is to be skipped."""
        if self._lacks_price(row):
            return None
        quote = self._consistent(
            row,
            Quote(
                row.line,
                open=self._price(row, "open"),
                high=self._price(row, "high"),
                low=self._price(row, "low"),
                close=self._price(row, "close"),
                volume=self._volume(row),
            ),
        )
        if not self._adjusts:
            return quote
        ratio = self._price(row, "adjusted") / quote.close
        return replace(
            quote,
            open=round_to(quote.open * ratio, PRICE),
            high=round_to(quote.high * ratio, PRICE),
            low=round_to(quote.low * ratio, PRICE),
            close=round_to(quote.close * ratio, PRICE),
        )

    @property
    def _adjusts(self) -> bool:
        return self.options.adjust and "adjusted" in self.columns.places

    def _lacks_price(self, row: Row) -> bool:
        roles = [*PRICE_NAMES, *(["adjusted"] if self._adjusts else [])]
        for role in roles:
            text = self.columns.text(row, role)
            if is_null(text):
                if self.options.skip_null_rows:
                    return True
                raise self.columns.error(
                    row,
                    role,
                    f"{text!r} is not a number; skip_null_rows skips such rows",
                )
        return False

    def _number(self, row: Row, role: str) -> Decimal:
        text = self.columns.text(row, role)
        try:
            number = parse_number(text, self.mark)
        except InvalidOperation:
            reason = f"{text!r} is not a number; write it as 1234.5"
            raise self.columns.error(row, role, reason) from None
        if not number.is_finite():
            raise self.columns.error(row, role, f"{text} is not finite")
        return number

    def _price(self, row: Row, role: str) -> Decimal:
        number = self._number(row, role)
        if number <= 0:
            raise self._error(row, role, f"a price must be above 0, was {number}")
        if number.adjusted() >= LARGEST_EXPONENT:
            raise self._error(row, role, f"{number} is too large for a price")
        price = round_to(number, PRICE)
        if price <= 0:
            raise self._error(row, role, f"{number} is too small for a price")
        return price

    def _volume(self, row: Row) -> Decimal:
        if "volume" not in self.columns.places or is_null(
            self.columns.text(row, "volume")
        ):
            return Decimal(0)
        volume = self._number(row, "volume")
        if volume < 0:
            reason = f"a volume is never negative, was {volume}"
            raise self._error(row, "volume", reason)
        return volume

    def _consistent(self, row: Row, quote: Quote) -> Quote:
        """Refuse an open or close outside low … high, or widen these to it."""
        low, high = self.columns.text(row, "low"), self.columns.text(row, "high")
        if quote.high < quote.low:
            raise self._error(row, "high", f"high {high} is below low {low}")
        worst = Decimal(0)
        for role, price in (("open", quote.open), ("close", quote.close)):
            excess = max(1 - price / quote.low, price / quote.high - 1)
            if excess > ROUNDING_TOLERANCE and not self.options.tolerate_closes:
                text = self.columns.text(row, role)
                raise self._error(
                    row,
                    role,
                    f"{role} {text} is outside low {low} … high {high} by "
                    f"{percent(excess)}; tolerate_closes takes such rows",
                )
            worst = max(worst, excess)
        return replace(
            quote,
            high=max(quote.high, quote.open, quote.close),
            low=min(quote.low, quote.open, quote.close),
            excess=worst if worst > ROUNDING_TOLERANCE else Decimal(0),
        )

    def _error(self, row: Row, role: str, reason: str) -> BarsError:
        return self.columns.error(row, role, reason)


def percent(ratio: Decimal) -> str:
    """A ratio as people read it: 0.0012 is `0.12 %`."""
    return f"{float(100 * ratio):.3g} %"
