"""What a caller gives with a file, besides its format. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from trades.importing.rates import DayRates


class EqualFills(StrEnum):
    """What becomes of a fill that equals one from another source, without a shared id.

    `REFUSE` names it; `KNOWN`: it is the same one; `NEW`: it is another one.
    """

    REFUSE = "refuse"
    KNOWN = "known"
    NEW = "new"


class DateOrder(StrEnum):
    """Where the year, the month and the day of a date stand."""

    YMD = "ymd"
    DMY = "dmy"
    MDY = "mdy"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a caller gives with a file, besides its format.

    `strategy_id` for rows that name none; `venue` and `account` name where fills
    come from. `fx_rates` are units of the portfolio's currency for one of another, at
    any time; `day_rates` the same by day; `fee_rates` the same for one of a coin that
    only fees are paid in. `quote_currency` and `fee_currency` are of fills that name
    none; `contract_sizes` units of the base for one contract, by symbol. `date_order`
    is that of dates whose year has two digits or does not come first.
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
    known_strategies: frozenset[str] = frozenset()
