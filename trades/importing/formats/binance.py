"""Binance's spot trade history as CSV, in its two layouts. Pure."""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import EXACT, exactly, format_plain
from trades.enums import DateOrder
from trades.importing.fills import Fees, Fill, FillFile, FillFormat, sort_fees
from trades.importing.formats.base import ImportFormat
from trades.importing.markets import split_market, split_suffixed
from trades.importing.numbers import SHORTENED, Amount, read_amount, read_suffixed
from trades.importing.options import ImportOptions
from trades.importing.rows import GivenCells, Refusal, Unreadable

# The columns after Date(UTC), in Binance's order: what they hold, and what the newer
# layout (figures with the coin behind them) and the older one call them.
FIGURES = ("pair", "side", "price", "quantity", "total", "fee")
NEWER = ("Pair", "Side", "Price", "Executed", "Amount", "Fee")
OLDER = ("Market", "Type", "Price", "Amount", "Total", "Fee")
FEE_COIN = "Fee Coin"  # the older layout's last
LONGEST_FIELD = 10_000
FIRST_YEAR = 2017  # in July the exchange opened
DATE_COLUMN = re.compile(r"Date\(UTC(?:([+-]\d{1,2})(?::?(\d{2}))?)?\)", re.IGNORECASE)
DATE = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})[ T](\d{1,2}):(\d{2})"
    r"(?::(\d{2})(?:\.(\d{1,6}))?)?(?: ?([AP]M))?",
    re.ASCII | re.IGNORECASE,
)
EXPORT = "Export the history again, and import the file without opening it in Excel."
SEPARATORS = (",", ";", "\t")
# The rows of most files, read in one match: every field as Binance writes it, every
# coin of letters only. What does not match is not wrong, only read field by field.
FAST_FIGURE = r"([0-9]{1,15}(?:\.[0-9]{1,12})?)"
FAST_ROW = re.compile(
    r"(20(?:1[7-9]|[2-9][0-9])-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}),"
    rf"([A-Z]{{2,30}}),(BUY|SELL),{FAST_FIGURE},{FAST_FIGURE}([A-Z]+),"
    rf"{FAST_FIGURE}([A-Z]+),{FAST_FIGURE}([A-Z]+)"
).fullmatch
SIDES = {"BUY": True, "SELL": False}


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where each figure stands, and what the file calls it."""

    names: tuple[str, ...]
    date: int
    pair: int
    side: int
    price: int
    quantity: int
    total: int
    fee: int
    fee_coin: int | None
    zone: timezone
    date_order: DateOrder | None
    has_commas: bool

    @property
    def has_fast_layout(self) -> bool:
        """Whether `FAST_ROW` is in this order of columns."""
        order = _fold(self.names[1:])
        return order == _fold(NEWER) and self.date == 0 and self.zone == UTC

    def wrong(self, place: int, reason: str) -> Unreadable:
        return Unreadable(self.names[place], reason)

    def given(self, row: Sequence[str]) -> GivenCells:
        names = self.names
        return GivenCells.find(
            dict(zip(names, row, strict=False)),
            at=(names[self.date],),
            symbol=(names[self.pair],),
            side=(names[self.side],),
            quantity=(names[self.quantity],),
        )


def _fold(names: Iterable[str]) -> list[str]:
    return [name.casefold() for name in names]


def _columns_of(names: Collection[str]) -> list[str] | None:
    """What a header in small letters calls `FIGURES`; None where one is missing."""
    found = (_fold(layout) for layout in (NEWER, OLDER))
    return next((columns for columns in found if {*columns} <= {*names}), None)


def open_binance(source: io.BufferedReader, options: ImportOptions) -> FillFile:
    """Read the header; raises `InvalidInput` for `file` where it is none of Binance's.

    A byte order mark is fine, and so are semicolons and tabs, with which Excel saves.
    Files come newest first.
    """
    lines = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
    csv.field_size_limit(LONGEST_FIELD)
    try:
        first = lines.readline(LONGEST_FIELD)
        separator = max(SEPARATORS, key=first.count)
        header = next(csv.reader([first], strict=True, delimiter=separator), [])
        layout = _find_layout(
            [name.strip() for name in header], options, has_commas=separator == ","
        )
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput("file", f"is not a CSV in UTF-8: {error}.") from error
    reader = csv.reader(lines, strict=True, delimiter=separator)
    names = layout.names
    return FillFile(
        time_column=names[layout.date],
        quantity_column=names[layout.quantity],
        price_column=names[layout.price],
        fee_column=names[layout.fee],
        pair_column=names[layout.pair],
        newest_first=True,
        items=_fills(reader, layout, lines),
    )


BINANCE_CSV = ImportFormat(
    name="binance-csv",
    words="Binance's trade history",
    read=FillFormat(open_binance, name="binance", separator="", asks_venue=False),
    rows_per_second=2_500,
    looks_like=lambda names: _columns_of(names) is not None,
)


def _find_layout(
    names: list[str], options: ImportOptions, *, has_commas: bool
) -> _Layout:
    places = {name.casefold(): place for place, name in enumerate(names)}
    date = next(filter(None, map(DATE_COLUMN.fullmatch, names)), None)
    columns = _columns_of(places)
    if date is None or columns is None:
        raise InvalidInput(
            "file",
            "is not a trade history of Binance: its first line must be "
            f"Date(UTC),{','.join(NEWER)} or Date(UTC),{','.join(OLDER)},{FEE_COIN}.",
        )
    return _Layout(
        names=tuple(names),
        date=names.index(date[0]),
        **{figure: places[name] for figure, name in zip(FIGURES, columns, strict=True)},
        fee_coin=places.get(FEE_COIN.casefold()),
        zone=_zone(date),
        date_order=options.date_order,
        has_commas=has_commas,
    )


def _zone(date: re.Match[str]) -> timezone:
    hours, minutes = date[1], int(date[2] or 0)
    if hours is None:
        return UTC
    sign = -1 if hours.startswith("-") else 1
    try:
        return timezone(timedelta(hours=int(hours), minutes=sign * minutes))
    except ValueError:
        raise InvalidInput("file", f"has no time zone such as {date[0]}.") from None


def _fills(
    reader: Iterator[list[str]], layout: _Layout, lines: io.TextIOWrapper
) -> Iterator[Fill | Refusal]:
    width = len(layout.names)
    has_fast_layout = layout.has_fast_layout
    line = 1
    try:
        for row in reader:
            # The header was read before; `line_num` is of csv's readers.
            line = 1 + reader.line_num  # type: ignore[attr-defined]
            if has_fast_layout and (found := FAST_ROW(",".join(row))):
                fill = _read_fast(line, found.groups())
                if fill is not None:
                    yield fill
                    continue
            if not any(row):
                continue
            if len(row) != width:
                given = f"has {len(row)} fields, the header {width}."
                yield Refusal(line, "", given, layout.given(row))
                continue
            try:
                yield _read_fill(line, [field.strip() for field in row], layout)
            except Unreadable as wrong:
                cells = layout.given(row)
                yield Refusal(line, wrong.column, wrong.reason, cells)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(
            "file", f"is not a CSV after line {line}: {error}."
        ) from error
    finally:
        lines.detach()


def _read_fast(line: int, fields: Sequence[str]) -> Fill | None:
    """A row that matched; None where its figures do not agree as they stand."""
    date, pair, side, price_text, quantity_text, base, total, quote, fee, coin = fields
    if pair != base + quote:
        return None
    price, quantity = Decimal(price_text), Decimal(quantity_text)
    if not price or not quantity or Decimal(total) != EXACT.multiply(price, quantity):
        return None
    try:
        at = datetime.fromisoformat(f"{date}+00:00")
    except ValueError:
        return None
    paid = Decimal(fee)
    if not paid:
        fees = Fees()
    elif coin == quote:
        fees = Fees(quote=paid)
    elif coin == base:
        fees = Fees(base=paid)
    else:
        fees = Fees(other=paid, coin=coin)
    return Fill(
        line=line,
        symbol=pair,
        base=base,
        quote=quote,
        is_buy=side == "BUY",
        quantity=quantity,
        price=price,
        at=at,
        fees=fees,
    )


def _read_fill(line: int, row: Sequence[str], layout: _Layout) -> Fill:
    _refuse_resaved(row, layout)
    at = _read_time(row[layout.date], layout)
    side = SIDES.get(row[layout.side].upper())
    if side is None:
        raise layout.wrong(layout.side, "must be BUY or SELL.")
    price = _positive(read_amount(row[layout.price]), layout, layout.price)
    base, quote = _split_pair(row, layout)
    quantity = _positive(
        read_suffixed(row[layout.quantity], (base,)), layout, layout.quantity, base
    )
    _check_total(row, layout, price, quantity, quote)
    return Fill(
        line=line,
        symbol=base + quote,
        base=base,
        quote=quote,
        is_buy=side,
        quantity=quantity.value,
        price=price.value,
        at=at,
        fees=_read_fees(row, layout, base, quote),
    )


def _refuse_resaved(row: Sequence[str], layout: _Layout) -> None:
    for position in (layout.price, layout.quantity, layout.total, layout.fee):
        if "E" in row[position] and SHORTENED.search(row[position]):
            raise layout.wrong(
                position,
                f"{row[position]!r} is a figure that Excel shortened. {EXPORT}",
            )
        if "," in row[position] and not layout.has_commas:
            raise layout.wrong(
                position,
                f"{row[position]!r} has a comma, in front of decimals or of thousands. "
                f"{EXPORT}",
            )


def _read_time(text: str, layout: _Layout) -> datetime:
    found = DATE.fullmatch(text)
    if found is None:
        raise layout.wrong(
            layout.date, f"{text!r} is not a time such as 2021-03-01 12:34:56."
        )
    first, _, second, third, hour, minute, seconds, fraction, half = found.groups()
    if seconds is None:
        raise layout.wrong(
            layout.date, f"{text!r} has no seconds, so a program changed it. {EXPORT}"
        )
    if half is not None:
        raise layout.wrong(layout.date, f"{text!r} is not a time of 24 hours. {EXPORT}")
    year, month, day = _order_date(text, (first, second, third), layout)
    if year < FIRST_YEAR:
        raise layout.wrong(layout.date, f"{text!r} is before {FIRST_YEAR}.")
    micro = int((fraction or "0").ljust(6, "0"))
    clock = (int(hour), int(minute), int(seconds), micro)
    try:
        given = datetime(year, month, day, *clock, tzinfo=layout.zone)
        return given.astimezone(UTC)
    except (ValueError, OverflowError):
        raise layout.wrong(layout.date, "is not a day and hour that exists.") from None


def _order_date(
    text: str, parts: tuple[str, str, str], layout: _Layout
) -> tuple[int, int, int]:
    """Year, month and day; only a year of four digits in front speaks for itself."""
    order = layout.date_order
    if order is None and len(parts[0]) != 4:
        raise layout.wrong(
            layout.date,
            f"{text!r} may mean several days: the year has two digits, or does not "
            f"come first. {EXPORT} If all dates of the file are in one order, give "
            "date_order: ymd, dmy or mdy.",
        )
    places = (order or DateOrder.YMD).value
    if len(parts[0]) == 4:
        places = DateOrder.YMD.value
    year, month, day = (parts[places.index(letter)] for letter in "ymd")
    if len(year) not in {2, 4} or len(month) > 2 or len(day) > 2:
        raise layout.wrong(
            layout.date, f"{text!r} is not a date in the order {places}."
        )
    return int(year) + (2000 if len(year) == 2 else 0), int(month), int(day)


def _positive(
    amount: Amount | None, layout: _Layout, position: int, coin: str = ""
) -> Amount:
    if amount is None or amount.coin not in {"", coin}:
        wanted = f" of {coin}" if coin else ""
        raise layout.wrong(position, f"is not a plain number{wanted}.")
    if amount.value <= 0:
        raise layout.wrong(position, "must be above 0.")
    return amount


def _split_pair(row: Sequence[str], layout: _Layout) -> tuple[str, str]:
    pair = row[layout.pair].replace("/", "").replace("-", "").upper()
    quantity, total = row[layout.quantity], row[layout.total]
    coin = "" if layout.fee_coin is None else row[layout.fee_coin].upper()
    if read_amount(quantity) is None:
        found = split_suffixed(pair, quantity, total)
    else:
        found = split_market(pair, coin)
    if found is None:
        given = "cannot be distinguished into what was traded and what it was paid in."
        raise layout.wrong(layout.pair, given)
    return found


@exactly
def _check_total(
    row: Sequence[str], layout: _Layout, price: Amount, quantity: Amount, quote: str
) -> None:
    if not row[layout.total]:
        return
    total = read_suffixed(row[layout.total], (quote,))
    if total is None or total.coin not in {"", quote}:
        raise layout.wrong(layout.total, f"is not a plain number of {quote}.")
    given = price.value * quantity.value
    # Each of the three may have been rounded in its last place.
    rounding = total.step + price.step * quantity.value + quantity.step * price.value
    if abs(total.value - given) > rounding:
        raise layout.wrong(
            layout.total, f"is not price times quantity, {format_plain(given)}."
        )


def _read_fees(row: Sequence[str], layout: _Layout, base: str, quote: str) -> Fees:
    text = row[layout.fee]
    if not text:
        return Fees()
    fee = read_suffixed(text, (base, quote))
    if fee is None:
        raise layout.wrong(layout.fee, "is not a plain number with its coin.")
    coin = fee.coin
    if not coin and layout.fee_coin is not None:
        coin = row[layout.fee_coin].upper()
    if fee.value and not coin:
        raise layout.wrong(layout.fee, "names no coin.")
    fees = sort_fees([(fee.value, coin or quote)], base=base, quote=quote)
    assert isinstance(fees, Fees)
    return fees
