"""How long a file takes to import, before it is: from its size and first rows. Pure."""

from trades.importing.formats import FORMATS


def estimate_rows(head: bytes, size: int, format_name: str) -> int:
    """How many rows a file of `size` bytes has that begins with `head`."""
    if size <= 0 or not head:
        return 0
    known = FORMATS[format_name]
    if known.bytes_per_row is not None:
        return size // known.bytes_per_row
    return round(size * known.count_rows(head) / min(len(head), size))


def estimate_seconds(rows: int, format_name: str) -> int:
    """Where all of them are new."""
    return round(rows / FORMATS[format_name].rows_per_second)
