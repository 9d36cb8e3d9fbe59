"""Any CSV, its columns mapped by hand: `trades.importing.mapped`. Pure."""

from trades.importing.fills import FillFormat
from trades.importing.formats.base import ImportFormat
from trades.importing.mapped.reading import open_fills, read_trades

MAPPED = ImportFormat(
    name="mapped",
    words="a CSV whose columns were mapped by hand",
    read=read_trades,
    read_fills=FillFormat(open_fills, name="mapped", separator="/", asks_venue=True),
    rows_per_second=1_500,
)
