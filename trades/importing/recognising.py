"""What a file looks like, whatever format was named. Pure.

The beginning of a file shows most: what packs it, a database's first words, a header.
Where it is not of the format that was asked for, the answer says what it looks like,
and how any other file comes in.
"""

import csv
import json
import re
from collections.abc import Iterable

from mastertrade.values.exceptions import InvalidInput
from trades.importing.columns import NAMES, REQUIRED
from trades.importing.formats import FORMATS
from trades.importing.formats.mapped import MAPPED
from trades.importing.mapped.table import UTF_16

HEAD_BYTES = 1 << 16
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
KEY = re.compile(r'"(\w{1,40})"\s*:', re.ASCII)
# How files begin that hold no text that could be read.
MAGIC = (
    (b"PK\x03\x04", "an Excel file (.xlsx) or another ZIP archive: save the sheet as "
     "CSV in UTF-8, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls): save the sheet as CSV in UTF-8"),
    (b"\x1f\x8b", "compressed with gzip (.gz): unpack it (gunzip FILE)"),
    (b"BZh", "compressed with bzip2 (.bz2): unpack it"),
    (b"\xfd7zXZ", "compressed with xz (.xz): unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd (.zst): unpack it"),
    (b"%PDF", "a PDF: export the trades as CSV"),
    (b"<!doctype", "a web page: the download was perhaps a login page"),
    (b"<html", "a web page: the download was perhaps a login page"),
)  # fmt: skip
# Files of others, by the columns that give them away.
FOREIGN = (
    ("Kraken's trades", {"txid", "pair", "type", "vol"}),
    ("Kraken's ledger", {"txid", "refid", "asset"}),
    ("Coinbase's fills", {"portfolio", "trade id", "product", "side"}),
    ("Coinbase's transactions", {"timestamp", "transaction type", "asset"}),
    ("Bitstamp's transactions", {"type", "datetime", "sub type"}),
    ("Bybit's trades", {"contracts", "closing direction"}),
    ("KuCoin's fills", {"order id", "symbol", "filled amount"}),
    ("Binance's order history", {"orderno", "pair"}),
    ("Binance's statement of transactions", {"account", "operation", "coin"}),
    ("a statement of Interactive Brokers", {"statement", "header"}),
    ("trades of Interactive Brokers", {"tradeid", "ibcommission"}),
    ("MetaTrader's deals", {"deal", "symbol", "volume"}),
)
JSON = re.compile(rb'\s*[\[{]\s*["\[{}\]]')
JSON_WORDS = [one.words for one in FORMATS.values() if one.name.endswith("json")]
NO_COLUMNS = (
    "is JSON, which has no columns to map, of a form that is not known here: "
    f"{' and '.join(JSON_WORDS)} are. Of anything else export a CSV."
)
# Of which more than a quarter is NUL in UTF-16.
BEGINNING = 200
NO_TEXT = (
    "is no text: it is full of NUL characters, as UTF-16 without a byte order mark is. "
    "Save it as UTF-8."
)
WIDE = (
    'is text in UTF-16, as Excel saves "Unicode text": save it as UTF-8, or map its '
    "columns."
)
OWN_COLUMNS = (
    f"Our own CSV needs the columns {', '.join(REQUIRED)}; more are "
    f"{', '.join(name for name in NAMES if name not in REQUIRED)}."
)
ANY_VENUE = (
    "Fills of any venue or broker, stocks included, come in as format ccxt-json: "
    'objects such as {"id": "1", "timestamp": 1767225600000, "symbol": "AAPL/USD", '
    '"side": "buy", "price": 185.5, "amount": 10, "fee": {"cost": 1, "currency": '
    '"USD"}}; see docs/importing.md.'
)


def refuse_unreadable(head: bytes, format_name: str) -> None:
    """Raise `InvalidInput` for `file` where its first bytes say it cannot be read.

    That is a file that is packed, no text, another JSON, or begins with empty lines.
    What passes may still be no file of that format: its reader says so.
    """
    start = head.lstrip().lower()
    for magic, meaning in MAGIC:
        if head.startswith(magic) or start.startswith(magic):
            raise InvalidInput("file", f"is {meaning}.")
    if format_name != MAPPED.name and head.startswith(UTF_16):
        raise InvalidInput("file", WIDE)
    if format_name == MAPPED.name and not head.startswith(UTF_16):
        begin = head[:BEGINNING]
        if begin.count(0) * 4 > len(begin) and recognise(head) not in FORMATS:
            raise InvalidInput("file", NO_TEXT)
        is_json = JSON.match(head.removeprefix(BYTE_ORDER_MARK))
        if is_json and recognise(head) not in FORMATS:
            raise InvalidInput("file", NO_COLUMNS)
    if format_name.endswith("json"):
        looks_like = recognise(head)
        if looks_like in FORMATS and looks_like != format_name:
            raise InvalidInput("file", f"is no {format_name}. {_name(looks_like)}")
    if format_name.endswith("csv") and start:
        text = head.removeprefix(BYTE_ORDER_MARK)
        first = text.partition(b"\n")[0]
        if not first.strip():
            lines = text[: len(text) - len(text.lstrip())].count(b"\n")
            raise InvalidInput(
                "file",
                f"begins with {lines} empty line{'s' if lines > 1 else ''}: its first "
                "line must be the header. Take the empty lines out.",
            )


def suggest_format(head: bytes, format_name: str) -> str:
    """How a file comes in that is not of the format it was given as.

    Empty where it looks like one of that format: then the error says it all.
    """
    looks_like = recognise(head)
    if format_name == MAPPED.name and looks_like not in FORMATS:
        return ""
    if looks_like == format_name:
        first = head.partition(b"\n")[0]
        has_commas = not format_name.endswith("csv") or b"," in first
        return "" if has_commas else "Its fields must be separated by commas."
    if looks_like in FORMATS:
        return _name(looks_like)
    known = f"It looks like {looks_like}. " if looks_like else ""
    return f"{known}{OWN_COLUMNS} {ANY_VENUE}"


def recognise(head: bytes) -> str | None:
    """The format a file looks like, or whose it is; None where nothing is known."""
    for known in FORMATS.values():
        if known.magic is not None and head.startswith(known.magic):
            return known.name
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if text[:1] in {"[", "{"}:
        return _find_format("json", _names(text))
    columns = _columns(text.partition("\n")[0])
    foreign = (words for words, some in FOREIGN if some <= columns)
    return _find_format("csv", columns) or next(foreign, None)


def _find_format(kind: str, names: set[str]) -> str | None:
    known = (one for one in FORMATS.values() if one.name.endswith(kind))
    return next((one.name for one in known if one.looks_like(names)), None)


def _name(looks_like: str) -> str:
    return f"It looks like {FORMATS[looks_like].words}: format {looks_like}."


def _names(text: str) -> set[str]:
    """The names in the first object of a JSON, as far as it is there."""
    try:
        found, _ = json.JSONDecoder().raw_decode(text.lstrip("[ \t\r\n"))
        return set(found) if isinstance(found, dict) else set()
    except (ValueError, RecursionError):
        return set(KEY.findall(text))


def _columns(header: str) -> set[str]:
    separator = max(",;\t|", key=header.count)
    try:
        names: Iterable[str] = next(csv.reader([header], delimiter=separator), [])
    except csv.Error:
        return set()
    return {name.strip().lower() for name in names}
