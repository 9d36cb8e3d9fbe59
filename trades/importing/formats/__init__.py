"""The formats that can be imported, by name. Pure."""

import io
from collections.abc import Callable, Iterator

from trades.importing.fills import FillFormat
from trades.importing.formats import own
from trades.importing.formats.binance import BINANCE
from trades.importing.formats.ccxt import CCXT
from trades.importing.formats.freqtrade import read_freqtrade
from trades.importing.options import ImportOptions
from trades.importing.rows import Refusal, TradeRow

Item = TradeRow | Refusal | own.Texts
Reader = Callable[[io.BufferedReader, ImportOptions], Iterator[Item]]


def _read_csv(source: io.BufferedReader, options: ImportOptions) -> Iterator[Item]:
    return iter(own.read_csv(source))


def _read_json(source: io.BufferedReader, options: ImportOptions) -> Iterator[Item]:
    return iter(own.read_json(source))


FORMATS: dict[str, Reader] = {
    "freqtrade": read_freqtrade,
    "mastertrade-csv": _read_csv,
    "mastertrade-json": _read_json,
}
# Files of fills, which become trades once they are paired.
FILL_FORMATS: dict[str, FillFormat] = {"binance-csv": BINANCE, "ccxt-json": CCXT}
FORMAT_NAMES = tuple(sorted({*FORMATS, *FILL_FORMATS}))
