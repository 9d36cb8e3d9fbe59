"""How long a file takes to import, before it is. Pure.

From its size and its first rows, at rates that were measured on two cores and halved.
"""

from collections.abc import Mapping

# Rows a second where all of them are new: half of what was measured.
ROWS_PER_SECOND: Mapping[str, int] = {
    "binance-csv": 2_500,
    "ccxt-json": 2_500,
    "freqtrade": 1_500,
    "mastertrade-csv": 4_000,
    "mastertrade-json": 3_000,
}
# What freqtrade stores of a trade with its orders.
DATABASE_BYTES_PER_TRADE = 900


def estimate_rows(head: bytes, size: int, format_name: str) -> int:
    """How many rows a file of `size` bytes has that begins with `head`."""
    if size <= 0 or not head:
        return 0
    if format_name == "freqtrade":
        return size // DATABASE_BYTES_PER_TRADE
    # A row of a CSV is a line. In a JSON most objects name their symbol once: where a
    # venue's own answer is inside, it is twice.
    found = head.count(b"\n")
    if format_name.endswith("json"):
        found = head.count(b'"symbol"')
        if format_name == "ccxt-json" and b'"info"' in head:
            found = head.count(b'"info"')
    return round(size * found / min(len(head), size))


def estimate_seconds(rows: int, format_name: str) -> int:
    return round(rows / ROWS_PER_SECOND[format_name])
