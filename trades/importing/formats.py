"""The formats that can be imported, by name. Pure."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trades.importing import own
from trades.importing.binance import BINANCE
from trades.importing.ccxt import CCXT
from trades.importing.fills import FillFormat
from trades.importing.freqtrade import read_freqtrade_stream
from trades.importing.rows import Refusal, TradeRow


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a caller says of a file besides its format.

    `strategy_id` for rows that name none; `venue` and `account` tell apart where fills
    come from. `fx_rates` are units of the portfolio's currency for one of another,
    `fee_rates` the same for one of a coin that only fees are paid in.
    `known_strategies` are the user's.
    """

    strategy_id: str | None = None
    account: str = "main"
    venue: str | None = None
    fx_rates: Mapping[str, Decimal] = field(default_factory=dict)
    fee_rates: Mapping[str, Decimal] = field(default_factory=dict)
    known_strategies: frozenset[str] = frozenset()


Item = TradeRow | Refusal | own.Texts
Reader = Callable[[io.BufferedReader, ImportOptions], Iterator[Item]]


def _read_csv(source: io.BufferedReader, options: ImportOptions) -> Iterator[Item]:
    return iter(own.read_csv(source))


def _read_json(source: io.BufferedReader, options: ImportOptions) -> Iterator[Item]:
    return iter(own.read_json(source))


FORMATS: dict[str, Reader] = {
    "freqtrade": read_freqtrade_stream,
    "mastertrade-csv": _read_csv,
    "mastertrade-json": _read_json,
}
# Files of fills, which become trades once they are paired.
FILL_FORMATS: dict[str, FillFormat] = {"binance-csv": BINANCE, "ccxt-json": CCXT}
FORMAT_NAMES = tuple(sorted({*FORMATS, *FILL_FORMATS}))
