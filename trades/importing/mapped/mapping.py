"""Which column of a file is which field, and how its figures are written. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import no_choice
from mastertrade.values.money import ONE, PRICE, format_plain
from mastertrade.values.validation import HIDDEN_FOUND, require_positive
from trades.enums import DateOrder
from trades.importing.columns import CURRENCY, UNSTORABLE
from trades.importing.mapped.forms import COMMA, POINT

MOST_COLUMNS, MOST_WORDS, MOST_FILTERS, MOST_SUFFIXES = 60, 60, 6, 20
LONGEST_TEXT = 200


class MappedKind(StrEnum):
    """What a row of the file is: a whole trade, or one execution."""

    TRADES = "trades"
    FILLS = "fills"


class SideWord(StrEnum):
    """What a word of the file means: `SKIP` is a row that trades nothing."""

    BUY = "buy"
    SELL = "sell"
    SKIP = "skip"


class FeeSign(StrEnum):
    """How a fee that was paid is written."""

    POSITIVE = "positive"
    NEGATIVE = "negative"


# What a column may be, in the order in which a person is offered it, and its words.
BOTH = {
    "symbol": "Symbol",
    "side": "Side",
    "quantity": "Quantity",
    "fees": "Fees",
    "fee_currency": "Currency of the fees",
    "quote_currency": "Currency of the prices",
    "contract_size": "Units of one contract",
    "id": "Id",
}
FIELDS: dict[MappedKind, dict[str, str]] = {
    MappedKind.TRADES: {
        **BOTH,
        "entry_price": "Entry price",
        "entry_time": "Entry time",
        "exit_price": "Exit price",
        "exit_time": "Exit time",
        "buy_price": "Price of the purchase",
        "buy_time": "Time of the purchase",
        "sell_price": "Price of the sale",
        "sell_time": "Time of the sale",
        "profit_loss": "Profit and loss",
        "funding": "Swap or funding",
        "stop_price": "Stop price",
        "leverage": "Leverage",
        "strategy_id": "Strategy",
    },
    MappedKind.FILLS: {
        **BOTH,
        "price": "Price",
        "total": "Price times quantity",
        "time": "Time",
        "order": "Order",
    },
}
NUMBERS = {
    "quantity", "price", "total", "fees", "entry_price", "exit_price", "buy_price",
    "sell_price", "profit_loss", "funding", "stop_price", "leverage", "contract_size",
}  # fmt: skip
TIMES = {"time", "entry_time", "exit_time", "buy_time", "sell_time"}
# Several columns may be one of these: a date and a clock, a commission and a fee.
REPEATED = TIMES | {"fees", "funding"}
ENTERED = {"entry_price", "entry_time"}
BOUGHT_AND_SOLD = {"buy_price", "buy_time", "sell_price", "sell_time"}
PAIRS = (("exit_price", "exit_time"),)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How a file of any layout is read.

    `columns` gives each used column's field. `sides` says what the words of the side
    mean (small letters); with `signed` a quantity below 0 is a sale, or a short. Only
    rows are read whose cells are as in `only`, by column. `symbol` is of every row
    where no column names it; `suffixes` are cut from symbols. Quantities are times
    `contract_size` where no column says it. `fee_sign` is that of fees that were paid.
    `may_short`: a sale needs nothing bought before it. `venue` begins the ids, next to
    the account.
    """

    kind: MappedKind
    columns: Mapping[str, str]
    decimal_sign: str = POINT
    date_order: DateOrder = DateOrder.YMD
    time_zone: str = "UTC"
    sides: Mapping[str, SideWord] = field(default_factory=dict)
    signed: bool = False
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    symbol: str | None = None
    suffixes: tuple[str, ...] = ()
    quote_currency: str | None = None
    fee_currency: str | None = None
    contract_size: Decimal = ONE
    fee_sign: FeeSign = FeeSign.POSITIVE
    may_short: bool = False
    venue: str | None = None

    def columns_of(self, name: str) -> list[str]:
        """The columns that are a field, in the order they were mapped."""
        return [column for column, given in self.columns.items() if given == name]

    @property
    def fields(self) -> set[str]:
        return set(self.columns.values())

    @property
    def needed(self) -> set[str]:
        """The columns without which a file is not of this layout."""
        return {*self.columns, *self.only}


def find_missing(mapping: ColumnMapping) -> list[str]:
    """What a mapping lacks before a row can be read; empty if nothing."""
    given, missing = mapping.fields, []
    names = FIELDS[mapping.kind]
    if "symbol" not in given and not mapping.symbol:
        missing.append("Symbol: choose its column, or name one for the whole file")
    if "quantity" not in given:
        missing.append("Quantity")
    if mapping.kind is MappedKind.FILLS:
        missing += [names["time"]] * ("time" not in given)
        if not given & {"price", "total"}:
            missing.append("Price, or price times quantity")
        has_side = "side" in given or mapping.signed
    else:
        is_paired = bool(given & BOUGHT_AND_SOLD)
        wanted = BOUGHT_AND_SOLD if is_paired else ENTERED
        missing += [names[one] for one in names if one in wanted - given]
        if not is_paired and len(given & {"exit_price", "exit_time"}) == 1:
            one = "exit_time" if "exit_price" in given else "exit_price"
            missing.append(names[one])
        has_side = is_paired or "side" in given or mapping.signed
    if not has_side:
        missing.append(
            "Side: choose its column, or say that the sign of the quantity gives it"
        )
    return missing


def require_complete(mapping: ColumnMapping) -> None:
    """Raise `InvalidInput` for `mapping` where something is missing."""
    missing = find_missing(mapping)
    if not missing:
        return
    hint = ""
    if mapping.kind is MappedKind.TRADES and "exit_price" in mapping.fields:
        hint = (
            " A file without it cannot be imported as trades: export the executions "
            "(fills) of the account instead."
        )
    raise InvalidInput("mapping", f"lacks {'; '.join(missing)}.{hint}")


def show_mapping(mapping: ColumnMapping) -> dict[str, Any]:
    """As JSON; `read_mapping` reads it."""
    return {
        "kind": str(mapping.kind),
        "columns": dict(mapping.columns),
        "decimal_sign": mapping.decimal_sign,
        "date_order": str(mapping.date_order),
        "time_zone": mapping.time_zone,
        "sides": {word: str(side) for word, side in mapping.sides.items()},
        "signed": mapping.signed,
        "only": {column: list(words) for column, words in mapping.only.items()},
        "symbol": mapping.symbol,
        "suffixes": list(mapping.suffixes),
        "quote_currency": mapping.quote_currency,
        "fee_currency": mapping.fee_currency,
        "contract_size": format_plain(mapping.contract_size),
        "fee_sign": str(mapping.fee_sign),
        "may_short": mapping.may_short,
        "venue": mapping.venue,
    }


DEFAULTS = show_mapping(ColumnMapping(kind=MappedKind.TRADES, columns={}))


def read_mapping(given: Any) -> ColumnMapping:
    """A mapping from JSON; raises `InvalidInput` for `mapping`, which names the part.

    Whether it is complete is asked by `find_missing`.
    """
    if not isinstance(given, dict):
        raise _wrong("must be an object with kind and columns.")
    unknown = [str(name) for name in given if name not in DEFAULTS]
    if unknown:
        raise _wrong(f"has unknown parts: {', '.join(unknown)[:LONGEST_TEXT]}.")
    asked = {
        **DEFAULTS,
        **{name: one for name, one in given.items() if one is not None},
    }
    kind = MappedKind(_word(asked, "kind", MappedKind))
    return ColumnMapping(
        kind=kind,
        columns=_read_columns(asked["columns"], kind),
        decimal_sign=_word(asked, "decimal_sign", (POINT, COMMA)),
        date_order=DateOrder(_word(asked, "date_order", DateOrder)),
        time_zone=_read_zone(asked["time_zone"]),
        sides=_read_sides(asked["sides"]),
        signed=_flag(asked, "signed"),
        only=_read_only(asked["only"]),
        symbol=_optional(asked, "symbol", 50),
        suffixes=tuple(_texts("suffixes", asked["suffixes"], MOST_SUFFIXES)),
        quote_currency=_currency(asked, "quote_currency"),
        fee_currency=_currency(asked, "fee_currency"),
        contract_size=_read_size(asked["contract_size"]),
        fee_sign=FeeSign(_word(asked, "fee_sign", FeeSign)),
        may_short=_flag(asked, "may_short"),
        venue=_optional(asked, "venue", 30),
    )


def _wrong(detail: str) -> InvalidInput:
    return InvalidInput("mapping", detail)


def _word(asked: Mapping[str, Any], name: str, words: Iterable[str]) -> str:
    allowed = [str(word) for word in words]
    if asked[name] not in allowed:
        raise _wrong(f"{name}: {no_choice(str(asked[name])[:LONGEST_TEXT], allowed)}")
    return str(asked[name])


def _flag(asked: Mapping[str, Any], name: str) -> bool:
    if not isinstance(asked[name], bool):
        raise _wrong(f"{name} must be true or false.")
    return bool(asked[name])


def _text(name: str, value: Any, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise _wrong(f"{name} must be a text of 1 to {longest} characters.")
    if UNSTORABLE(value):
        raise _wrong(f"{name} {HIDDEN_FOUND}")
    return value.strip()


def _texts(name: str, value: Any, most: int) -> list[str]:
    if not isinstance(value, list) or len(value) > most:
        raise _wrong(f"{name} must be a list of at most {most} texts.")
    return [_text(name, one) for one in value]


def _optional(asked: Mapping[str, Any], name: str, longest: int) -> str | None:
    return None if asked[name] in {None, ""} else _text(name, asked[name], longest)


def _currency(asked: Mapping[str, Any], name: str) -> str | None:
    given = _optional(asked, name, 10)
    if given is not None and (reason := CURRENCY(given)):
        raise _wrong(f"{name} {reason}")
    return given


def _object(name: str, value: Any, most: int) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > most:
        raise _wrong(f"{name} must be an object of at most {most} entries.")
    return {_text(name, key): one for key, one in value.items()}


def _read_columns(value: Any, kind: MappedKind) -> dict[str, str]:
    columns = _object("columns", value, MOST_COLUMNS)
    taken: set[str] = set()
    for column, name in columns.items():
        if name not in FIELDS[kind]:
            raise _wrong(
                f"columns: {column} is {str(name)[:LONGEST_TEXT]!r}, which a file of "
                f"{kind} does not have. Allowed: {', '.join(FIELDS[kind])}."
            )
        if name in taken and name not in REPEATED:
            raise _wrong(f"columns: {FIELDS[kind][name]} is chosen for two columns.")
        taken.add(name)
    return columns


def _read_sides(value: Any) -> dict[str, SideWord]:
    sides = _object("sides", value, MOST_WORDS)
    for word, side in sides.items():
        if side not in set(SideWord):
            raise _wrong(f"sides: {word} must be buy, sell or skip.")
    return {word.casefold(): SideWord(side) for word, side in sides.items()}


def _read_only(value: Any) -> dict[str, tuple[str, ...]]:
    only = _object("only", value, MOST_FILTERS)
    return {
        column: tuple(_texts(f"only {column}", words, MOST_WORDS))
        for column, words in only.items()
    }


def _read_zone(value: Any) -> str:
    name = _text("time_zone", value, 64)
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise _wrong(f"time_zone: {name} is none, such as Europe/Berlin.") from None
    return name


def _read_size(value: Any) -> Decimal:
    try:
        size = Decimal(str(value))
        return require_positive("mapping", size, PRICE)
    except (ArithmeticError, InvalidInput):
        raise _wrong("contract_size must be a number above 0, such as 100.") from None
