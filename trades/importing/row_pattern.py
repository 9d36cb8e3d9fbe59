"""One pattern for a whole row of our CSV. Pure.

Most rows of most files match it: ASCII, nothing quoted, every field as `columns` wants
it. That is many times as quick as one check a field. A row that does not match is not
wrong, only checked field by field.
"""

import re
from collections.abc import Callable, Sequence

from mastertrade.values.money import COST, FACTOR, MONEY, PRICE, REST
from trades.importing.columns import BY_NAME

# Printable, without comma, quote and backslash; no space at either end, and no ' at the
# beginning, which may be `own.ESCAPE`.
BEGIN = r"[!#-&(-+\--\[\]-~]"
EDGE = r"[!#-+\--\[\]-~]"
INSIDE = r"[ !#-+\--\[\]-~]"
DAY = (
    r"(?:19[7-9][0-9]|[2-8][0-9]{3})-"
    r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
INSTANT = rf"{DAY}[T ]{CLOCK}(?:Z|[+-](?:0[0-9]|1[0-4])(?::[0-5][0-9])?)"
CURRENCY = "[A-Z0-9]{2,10}"


def _text(longest: int) -> str:
    return f"{BEGIN}(?:{INSIDE}{{0,{longest - 2}}}{EDGE})?"


def _number(column: tuple[int, int]) -> str:
    digits, places = column
    return rf"[0-9]{{1,{digits - places}}}(?:\.[0-9]{{1,{places}}})?"


def _positive(column: tuple[int, int]) -> str:
    return f"(?=[0.]*[1-9]){_number(column)}"


def _signed(column: tuple[int, int]) -> str:
    return f"-?{_number(column)}"


PATTERNS = {
    "external_id": _text(200),
    "symbol": f"{BEGIN}{EDGE}{{0,49}}",
    "side": "(?:LONG|SHORT)",
    "quantity": _positive(PRICE),
    "entry_price": _positive(PRICE),
    "entry_time": INSTANT,
    "exit_price": _positive(PRICE),
    "exit_time": INSTANT,
    "profit_loss": _signed(MONEY),
    "entry_fees": _number(MONEY),
    "exit_fees": _number(MONEY),
    "funding": _signed(MONEY),
    "leverage": _positive(FACTOR),
    "stop_price": _positive(PRICE),
    "strategy_id": _text(100),
    "quote_currency": CURRENCY,
    "fee_currency": CURRENCY,
    "fx_rate": _positive(PRICE),
    "fee_fx_rate": _positive(PRICE),
    "exit_fee_fx_rate": _positive(PRICE),
    "parent_external_id": _text(200),
    "entry_notional": _positive(COST),
    "unbooked_profit": _signed(REST),
}


def compile_row_pattern(names: Sequence[str]) -> Callable[[str], object]:
    """Gives a match where a line, its end included, is a valid row of these columns."""
    fields = [
        PATTERNS[name] if BY_NAME[name].required else f"(?:{PATTERNS[name]})?"
        for name in names
    ]
    return re.compile(",".join(fields) + r"(?:\r?\n)?", re.ASCII).fullmatch
