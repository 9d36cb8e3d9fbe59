"""The formats that can be imported, by name. Pure.

Adding one: docs/architecture.md, "Which files you touch".
"""

from trades.importing.formats.base import ImportFormat
from trades.importing.formats.binance import BINANCE_CSV
from trades.importing.formats.ccxt import CCXT_JSON
from trades.importing.formats.freqtrade import FREQTRADE
from trades.importing.formats.mapped import MAPPED
from trades.importing.formats.own import OWN_CSV, OWN_JSON

# The first that a file looks like is what it is called.
FORMATS: dict[str, ImportFormat] = {
    one.name: one
    for one in (BINANCE_CSV, OWN_CSV, OWN_JSON, CCXT_JSON, FREQTRADE, MAPPED)
}
FORMAT_NAMES = tuple(sorted(FORMATS))
