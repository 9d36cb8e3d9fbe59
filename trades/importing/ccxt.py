"""What ccxt's `fetch_my_trades` answers, dumped as JSON. Pure.

An array, or one trade a line. Numbers may be numbers or texts; whatever is missing is
null. Linear contracts (`BTC/USDT:USDT`) may be sold short.
"""

import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from mastertrade.money import exactly
from mastertrade.validation import HIDDEN_FOUND
from trades.importing.columns import UNSTORABLE
from trades.importing.fills import Fees, Fill, FillFile, FillFormat, sort_fees
from trades.importing.own import each_object
from trades.importing.rows import Refusal

SYMBOL = re.compile(r"([^/:\s]+)/([^/:\s]+)(?::([^/:\s-]+)(?:-\d+)?)?")
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SIDES = {"buy": True, "sell": False}
LONGEST_SYMBOL = 50
# The cost is the venue's, rounded to a few places, or ccxt's own, made of two floats.
COST_TOLERANCE = Decimal("1e-3")
LARGEST_POWER = 9


class _Wrong(Exception):
    """A trade cannot be read: the field, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def open_ccxt(source: io.BufferedReader) -> FillFile:
    """Nothing is read yet; `line` counts the trades from 1."""
    return FillFile(
        time_column="datetime",
        quantity_column="amount",
        price_column="price",
        fee_column="fee",
        pair_column="symbol",
        newest_first=False,
        items=_fills(source),
    )


CCXT = FillFormat(open_ccxt, name="ccxt", separator="/", asks_venue=True)


def _fills(source: io.BufferedReader) -> Iterator[Fill | Refusal]:
    for number, told in each_object(source):
        if not isinstance(told, dict):
            yield Refusal(number, "", "is no object.")
            continue
        try:
            yield _read_fill(number, told)
        except _Wrong as wrong:
            yield Refusal(number, wrong.field, wrong.reason)


def _read_fill(line: int, told: Mapping[str, Any]) -> Fill:
    symbol, base, quote, is_contract = _read_symbol(told)
    side = SIDES.get(str(told.get("side")).lower())
    if side is None:
        raise _Wrong("side", "must be buy or sell.")
    price = _read_positive(told, "price")
    amount = _read_positive(told, "amount")
    if is_contract:
        amount = _measure_contracts(told, amount, price)
    return Fill(
        line=line,
        symbol=symbol,
        base=base,
        quote=quote,
        is_buy=side,
        quantity=amount,
        price=price,
        at=_read_time(told),
        fees=_read_fees(told, base, quote),
        venue_id=_read_id(told.get("id")),
        may_short=is_contract,
    )


def _read_symbol(told: Mapping[str, Any]) -> tuple[str, str, str, bool]:
    symbol = told.get("symbol")
    found = SYMBOL.fullmatch(symbol) if isinstance(symbol, str) else None
    if found is None or len(found[0]) > LONGEST_SYMBOL:
        raise _Wrong("symbol", "is no symbol such as BTC/USDT or BTC/USDT:USDT.")
    base, quote, settle = found.groups()
    if settle not in {None, quote}:
        told_of = f"is settled in {settle}: only linear contracts can be imported."
        raise _Wrong("symbol", told_of)
    return found[0], base, quote, settle is not None


def _read_positive(told: Mapping[str, Any], field: str) -> Decimal:
    value = _read_number(told.get(field), field)
    if value is None:
        raise _Wrong(field, "is missing.")
    if value <= 0:
        raise _Wrong(field, "must be above 0.")
    return value


def _read_number(value: Any, field: str) -> Decimal | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise _Wrong(field, "is no number.")
    text = str(value).strip()
    if NUMBER.fullmatch(text) is None:
        raise _Wrong(field, "is no plain number.")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _Wrong(field, "is no plain number.") from None


@exactly
def _measure_contracts(
    told: Mapping[str, Any], amount: Decimal, price: Decimal
) -> Decimal:
    """Some venues count contracts; the cost tells how much of the base one is.

    Contracts are a power of ten of the base. Without a cost the amount is the base's.
    """
    cost = _read_number(told.get("cost"), "cost")
    if not cost:
        return amount
    size = abs(cost) / (amount * price)
    power = size.log10().to_integral_value()
    exact = Decimal(1).scaleb(int(power))
    if abs(size - exact) > exact * COST_TOLERANCE or abs(power) > LARGEST_POWER:
        raise _Wrong("cost", "is not what amount and price make.")
    return amount * exact


def _read_time(told: Mapping[str, Any]) -> datetime:
    stamp = _read_number(told.get("timestamp"), "timestamp")
    try:
        if stamp is not None:
            return EPOCH + timedelta(microseconds=int(stamp * 1000))
        at = datetime.fromisoformat(str(told.get("datetime")))
        if at.tzinfo is None:
            raise _Wrong("datetime", "needs an offset, such as Z.")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        field = "datetime" if stamp is None else "timestamp"
        raise _Wrong(field, "is no instant.") from None


def _read_id(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _Wrong("id", "must be a text or a number.")
    text = str(value)
    if UNSTORABLE(text):
        raise _Wrong("id", HIDDEN_FOUND)
    return text


def _read_fees(told: Mapping[str, Any], base: str, quote: str) -> Fees:
    """`fees` where it holds any, else `fee`; ccxt fills in both with the same."""
    several = told.get("fees")
    if several is not None and not isinstance(several, list):
        raise _Wrong("fees", "is no list.")
    field = "fees" if several else "fee"
    paid = []
    for fee in several or [told.get("fee")]:
        if fee is None:
            continue
        if not isinstance(fee, dict):
            raise _Wrong(field, "is no object with cost and currency.")
        cost = _read_number(fee.get("cost"), field)
        if not cost:
            continue
        coin = fee.get("currency")
        if not isinstance(coin, str) or not coin:
            raise _Wrong(field, "names no currency.")
        paid.append((cost, coin))
    fees = sort_fees(paid, base=base, quote=quote)
    if isinstance(fees, str):
        raise _Wrong(field, fees)
    return fees
