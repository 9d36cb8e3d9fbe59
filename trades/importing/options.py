"""What a caller gives with a file, besides its format. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, BinaryIO

from trades.enums import DateOrder
from trades.importing.mapped.mapping import ColumnMapping, read_mapping
from trades.importing.rates import DayRates, read_day_rates, read_rates

# What the fields of an upload are called on the terminal: those with a text, those with
# a flag for each pair, and the file.
FLAGS = {
    "format": "--format",
    "portfolio": "--portfolio",
    "strategy_id": "--strategy",
    "account": "--account",
    "venue": "--venue",
    "quote_currency": "--quote-currency",
    "fee_currency": "--fee-currency",
    "date_order": "--date-order",
    "mapping": "--mapping",
    "equal_fills": "--equal-fills",
}
REPEATED_FLAGS = {
    "fx_rates": "--fx-rate",
    "fee_rates": "--fee-rate",
    "contract_sizes": "--contract-size",
}
FILE_FLAGS = {"fx_rates_file": "--fx-rates"}


class EqualFills(StrEnum):
    """What becomes of a fill that equals one from another source, without a shared id.

    `REFUSE` names it; `KNOWN`: it is the same one; `NEW`: it is another one.
    """

    REFUSE = "refuse"
    KNOWN = "known"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a caller gives with a file, besides its format.

    `strategy_id` for rows that name none; `venue` and `account` name where fills
    come from. `fx_rates` are units of the portfolio's currency for one of another, at
    any time; `day_rates` the same by day; `fee_rates` the same for one of a coin that
    only fees are paid in. `quote_currency` and `fee_currency` are of fills that name
    none; `contract_sizes` units of the base for one contract, by symbol. `date_order`
    is that of dates whose year has two digits or does not come first.
    `mapping` says which column is which, where the format is `mapped`.
    `known_strategies` are the user's.
    """

    strategy_id: str | None = None
    account: str = "main"
    venue: str | None = None
    fx_rates: Mapping[str, Decimal] = field(default_factory=dict)
    fee_rates: Mapping[str, Decimal] = field(default_factory=dict)
    day_rates: DayRates = field(default_factory=DayRates)
    quote_currency: str | None = None
    fee_currency: str | None = None
    contract_sizes: Mapping[str, Decimal] = field(default_factory=dict)
    date_order: DateOrder | None = None
    equal_fills: EqualFills = EqualFills.REFUSE
    mapping: ColumnMapping | None = None
    known_strategies: frozenset[str] = frozenset()

    @property
    def rates(self) -> dict[str, Decimal]:
        """Those of any time."""
        return {**self.fx_rates, **self.fee_rates}


def read_options(
    asked: Mapping[str, Any], fx_rates_file: BinaryIO | None = None
) -> ImportOptions:
    """The options as an upload's fields give them: texts, and a file of rates by day.

    `mapping` is the mapping itself, as JSON.

    Raises `InvalidInput` for the field that is wrong.
    """
    return ImportOptions(
        strategy_id=asked.get("strategy_id"),
        account=asked.get("account", "main"),
        venue=asked.get("venue"),
        fx_rates=read_rates("fx_rates", split_pairs(asked.get("fx_rates", ""))),
        fee_rates=read_rates("fee_rates", split_pairs(asked.get("fee_rates", ""))),
        day_rates=(
            read_day_rates("fx_rates_file", fx_rates_file)
            if fx_rates_file is not None
            else DayRates()
        ),
        quote_currency=asked.get("quote_currency"),
        fee_currency=asked.get("fee_currency"),
        contract_sizes=read_rates(
            "contract_sizes", split_pairs(asked.get("contract_sizes", ""))
        ),
        date_order=DateOrder(asked["date_order"]) if "date_order" in asked else None,
        equal_fills=EqualFills(asked.get("equal_fills", EqualFills.REFUSE)),
        mapping=read_mapping(asked["mapping"]) if asked.get("mapping") else None,
    )


def split_pairs(text: str) -> list[str]:
    """`USDT=0.92,BTC=60000` as its pairs."""
    return [pair for pair in text.split(",") if pair.strip()]
