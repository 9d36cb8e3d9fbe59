"""What every import format is read into: one row a trade, exact. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from mastertrade.values.money import ONE, ZERO
from trades.enums import Side

LONGEST_GIVEN = 60
# A line of a file, and the texts of its trade.
Texts: TypeAlias = tuple[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A trade as a file gives it; the figures are those its row in `trades` gets.

    `line` is where it stands in the file (for a person to find it: a line, an index or
    a key). Prices and `funding` in `quote_currency`, fees in `fee_currency`; both are
    the portfolio's if None. Open while `exit_price` and `exit_time` are None.
    `profit_loss` is what the file says it made, in the portfolio's currency, to be
    compared with what the figures make; None where the file says nothing.
    `entry_notional` and `unbooked_profit` as in `trades`, where they are known.
    `parent_external_id` names the trade that this row is a closed part of.
    `updates_open_trade` is for a trade that is in the ledger already and open: the
    row holds what becomes of it (a smaller rest that stays open, or its close).
    """

    line: int
    external_id: str
    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    entry_time: datetime
    exit_price: Decimal | None = None
    exit_time: datetime | None = None
    entry_fees: Decimal = ZERO
    exit_fees: Decimal = ZERO
    funding: Decimal = ZERO
    leverage: Decimal = ONE
    stop_price: Decimal | None = None
    strategy_id: str | None = None
    quote_currency: str | None = None
    fee_currency: str | None = None
    fx_rate: Decimal | None = None
    fee_fx_rate: Decimal | None = None
    exit_fee_fx_rate: Decimal | None = None
    profit_loss: Decimal | None = None
    parent_external_id: str | None = None
    updates_open_trade: bool = False
    entry_notional: Decimal | None = None
    unbooked_profit: Decimal | None = None
    orders: tuple["FilledOrder", ...] = ()


@dataclass(frozen=True, slots=True)
class FilledOrder:
    """An order at the venue that filled a part of a trade; `key` is the file's own."""

    key: int
    order_id: str
    is_entry: bool
    quantity: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class GivenCells:
    """What the file says of a row's trade, as it stands there; "" where nothing."""

    at: str = ""
    symbol: str = ""
    side: str = ""
    quantity: str = ""
    profit: str = ""

    @classmethod
    def find(cls, cells: Mapping[str, object], **names: Sequence[str]) -> "GivenCells":
        """`names`: what may hold each of them, the first that is filled being it."""
        found = {}
        for name, columns in names.items():
            filled = (cells[one] for one in columns if cells.get(one) not in (None, ""))
            found[name] = str(next(filled, ""))[:LONGEST_GIVEN]
        return cls(**found)

    @classmethod
    def by_field(cls, cells: Mapping[str, object]) -> "GivenCells":
        """Of cells by the names of our own columns, or of a mapping's fields."""
        return cls.find(
            cells,
            at=("exit_time", "time", "entry_time", "sell_time", "buy_time"),
            symbol=("symbol",),
            side=("side",),
            quantity=("quantity",),
            profit=("profit_loss",),
        )


NOTHING_GIVEN = GivenCells()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be imported: where it is, which column, and why.

    `column` is the file's own name of it, empty where the whole row is meant. `given`
    is for a person to look at: the row itself was not read.
    """

    line: int
    column: str
    reason: str
    given: GivenCells = field(default=NOTHING_GIVEN, compare=False)


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know of the file as a whole; nothing is refused by it."""

    text: str


class Unreadable(Exception):
    """Raised by a format's reader for a row; it becomes a `Refusal`."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason
