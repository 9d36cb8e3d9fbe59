"""What ccxt's `fetch_my_trades` answers, dumped as JSON. Pure.

An array, or one trade a line. Numbers may be numbers or texts; whatever is missing is
null. Linear contracts (`BTC/USDT:USDT`) may be sold short. Some venues put funding
among the fills, others settlements: `info`, the venue's own answer, distinguishes them.
"""

import io
import re
from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import exactly
from mastertrade.values.validation import HIDDEN_FOUND
from trades.importing.columns import CURRENCY, UNSTORABLE
from trades.importing.fills import (
    EARLIEST_FILL,
    LONGEST_ORDER,
    Fees,
    Fill,
    FillFile,
    FillFormat,
    Roundings,
    clean_figure,
    sort_fees,
)
from trades.importing.formats.base import ImportFormat, count_symbols
from trades.importing.formats.own import each_object
from trades.importing.options import ImportOptions
from trades.importing.rows import GivenCells, Refusal, Unreadable

SYMBOL = re.compile(r"([^/:\s]+)/([^/:\s]+)(?::([^/:\s-]+)(?:-\d+)?)?", re.ASCII)
BARE_SYMBOL = re.compile(r"[^/:\s]+", re.ASCII)
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(EARLIEST_FILL, 1, 1, tzinfo=UTC)
SIDES = {"buy": True, "sell": False}
LONGEST_SYMBOL = 50
# The cost is the venue's, rounded to a few places, or ccxt's own, made of two floats.
COST_TOLERANCE = Decimal("1e-3")
LARGEST_POWER = 9
# The kinds of an execution as the venues write them (Bybit, BitMEX, Phemex, KuCoin).
FUNDING = {"funding", "funding_fee", "fundingfee"}
SETTLED = {"settlement", "settle", "delivery"}
PHEMEX_FUNDING = "4"
TRADED = {
    "trade",
    "adltrade",
    "adl",
    "busttrade",
    "blocktrade",
    "liquidation",
    "liqtrade",
}


def open_ccxt(source: io.BufferedReader, options: ImportOptions) -> FillFile:
    """Nothing is read yet; `line` counts the trades from 1.

    Raises `InvalidInput` where the options name what is no currency.
    """
    for name in ("quote_currency", "fee_currency"):
        wrong = (currency := getattr(options, name)) and CURRENCY(currency)
        if wrong:
            raise InvalidInput(name, wrong)
    roundings = Roundings()
    return FillFile(
        time_column="datetime",
        quantity_column="amount",
        price_column="price",
        fee_column="fee",
        pair_column="symbol",
        newest_first=False,
        items=_fills(source, options, roundings),
        roundings=roundings,
    )


def _looks_like(names: Set[str]) -> bool:
    has_size = "amount" in names or "cost" in names
    return has_size and names >= {"side", "price", "symbol"}


def _count_rows(head: bytes) -> int:
    """A venue's own answer inside (`info`) names its symbol once more."""
    return head.count(b'"info"') or count_symbols(head)


CCXT_JSON = ImportFormat(
    name="ccxt-json",
    words="fills as ccxt gives them",
    read=FillFormat(open_ccxt, name="ccxt", separator="/", asks_venue=True),
    rows_per_second=2_500,
    looks_like=_looks_like,
    count_rows=_count_rows,
)


def _fills(
    source: io.BufferedReader, options: ImportOptions, roundings: Roundings
) -> Iterator[Fill | Refusal]:
    for number, given in each_object(source):
        if not isinstance(given, dict):
            yield Refusal(number, "", "is not an object.")
            continue
        try:
            yield _Reader(number, given, options, roundings).read()
        except Unreadable as wrong:
            cells = GivenCells.find(
                given,
                at=("datetime", "timestamp"),
                symbol=("symbol",),
                side=("side",),
                quantity=("amount",),
            )
            yield Refusal(number, wrong.column, wrong.reason, cells)


class _Reader:
    """One trade of the file."""

    def __init__(
        self,
        line: int,
        given: Mapping[str, Any],
        options: ImportOptions,
        roundings: Roundings,
    ) -> None:
        self._line = line
        self._given = given
        self._options = options
        self._roundings = roundings

    def read(self) -> Fill:
        symbol, base, quote, is_contract = self._read_symbol()
        given = self._given
        side = SIDES.get(str(given.get("side")).lower())
        if side is None:
            raise Unreadable("side", "must be buy or sell.")
        is_funding = _is_funding(given)
        if is_funding and not is_contract:
            raise Unreadable("info", "is funding, which only contracts have.")
        price = self._positive("price")
        fees = self._read_fees(base, quote, is_funding)
        return Fill(
            line=self._line,
            symbol=symbol,
            base=base,
            quote=quote,
            is_buy=side,
            quantity=self._read_quantity(symbol, price, is_contract, is_funding),
            price=price,
            at=_read_time(given),
            fees=fees,
            venue_id=_read_id(given.get("id"), "id"),
            may_short=is_contract,
            is_funding=is_funding,
            order_id=_read_order(given.get("order")),
        )

    def _read_symbol(self) -> tuple[str, str, str, bool]:
        symbol = self._given.get("symbol")
        if not isinstance(symbol, str) or len(symbol) > LONGEST_SYMBOL:
            raise Unreadable(
                "symbol", "is not a symbol such as BTC/USDT or BTC/USDT:USDT."
            )
        symbol = symbol.replace(" ", ".")  # BRK B of some brokers is BRK.B
        found = SYMBOL.fullmatch(symbol)
        if found is None and BARE_SYMBOL.fullmatch(symbol):
            quote = self._options.quote_currency
            if quote is not None:
                return symbol, symbol, quote, False
            raise Unreadable(
                "symbol",
                f"is {symbol}, without the currency of its price: write {symbol}/USD, "
                "or name one for all such symbols in quote_currency (USD).",
            )
        if found is None:
            raise Unreadable(
                "symbol", "is not a symbol such as BTC/USDT or BTC/USDT:USDT."
            )
        base, quote, settle = found.groups()
        if settle not in {None, quote}:
            message = f"is settled in {settle}: only linear contracts can be imported."
            raise Unreadable("symbol", message)
        return found[0], base, quote, settle is not None

    def _read_quantity(
        self, symbol: str, price: Decimal, is_contract: bool, is_funding: bool
    ) -> Decimal:
        """In units of the base; made of cost and price where no amount is given."""
        if self._given.get("amount") is None:
            return self._cleaned("amount", self._divide_cost(price))
        amount = self._positive("amount")
        if not is_contract or is_funding:
            return amount
        return self._cleaned("amount", self._measure_contracts(symbol, amount, price))

    @exactly
    def _divide_cost(self, price: Decimal) -> Decimal:
        cost = _read_number(self._given.get("cost"), "cost")
        if not cost:
            raise Unreadable(
                "amount", "is missing, and there is no cost to derive it from."
            )
        return abs(cost) / price

    @exactly
    def _measure_contracts(
        self, symbol: str, amount: Decimal, price: Decimal
    ) -> Decimal:
        """Some venues count contracts; `cost` gives how much of the base one is.

        That is a power of ten, unless the caller gives it.
        """
        given = self._options.contract_sizes.get(symbol)
        cost = _read_number(self._given.get("cost"), "cost")
        if not cost:
            if given is None:
                raise Unreadable(
                    "cost",
                    "is missing, so the size of a contract is unknown: give it in "
                    f"units of the base in contract_sizes ({symbol}=0.01; 1 where the "
                    "amount is in the base).",
                )
            return amount * given
        size = abs(cost) / (amount * price)
        exact = given
        if exact is None:
            power = int(size.log10().to_integral_value())
            exact = Decimal(1).scaleb(power) if abs(power) <= LARGEST_POWER else size
            if exact == size and abs(power) > LARGEST_POWER:
                raise Unreadable("cost", "is not amount times price.")
        if abs(size - exact) > exact * COST_TOLERANCE:
            raise Unreadable(
                "cost",
                f"is not amount times price: a contract would be {size:.6g} "
                "of the base. Give its size if that is right "
                f"in contract_sizes ({symbol}=…).",
            )
        return amount * exact

    def _positive(self, field: str) -> Decimal:
        value = _read_number(self._given.get(field), field)
        if value is None:
            raise Unreadable(field, "is missing.")
        if value <= 0:
            raise Unreadable(field, "must be above 0.")
        return self._cleaned(field, value)

    def _cleaned(self, field: str, value: Decimal) -> Decimal:
        """Rounded to what a venue can mean, and noted if that changes it."""
        cleaned = clean_figure(value)
        if cleaned != value:
            if not cleaned:
                raise Unreadable(field, "is smaller than the 12 decimal places stored.")
            self._roundings.note(self._line, field, value, cleaned)
        return cleaned

    def _read_fees(self, base: str, quote: str, is_funding: bool) -> Fees:
        """`fees` where it holds any, else `fee`; ccxt fills in both with the same."""
        several = self._given.get("fees")
        if several is not None and not isinstance(several, list):
            raise Unreadable("fees", "is not a list.")
        field = "fees" if several else "fee"
        paid = []
        has_cost = False
        for fee in several or [self._given.get("fee")]:
            if fee is None:
                continue
            if not isinstance(fee, dict):
                raise Unreadable(field, "is not an object with cost and currency.")
            cost = _read_number(fee.get("cost"), field)
            has_cost = has_cost or cost is not None
            if cost:
                paid.append((self._cleaned_fee(field, cost), self._coin(field, fee)))
        if is_funding and not has_cost:
            raise Unreadable(field, "is missing: it is the amount of the funding.")
        fees = sort_fees(paid, base=base, quote=quote)
        if isinstance(fees, str):
            raise Unreadable(field, fees)
        return fees

    def _cleaned_fee(self, field: str, cost: Decimal) -> Decimal:
        cleaned = clean_figure(cost)
        if cleaned != cost:
            self._roundings.note(self._line, field, cost, cleaned)
        return cleaned

    def _coin(self, field: str, fee: Mapping[str, Any]) -> str:
        coin = fee.get("currency") or self._options.fee_currency
        if not isinstance(coin, str):
            raise Unreadable(
                field,
                "names no currency: name one for all such fees in fee_currency (USDT).",
            )
        return coin


def _is_funding(given: Mapping[str, Any]) -> bool:
    """Whether an execution is funding. What is neither that nor a trade is refused."""
    info = given.get("info")
    kinds = {str(given.get("type")).lower()}
    if isinstance(info, dict):
        kinds.update(
            str(value).lower()
            for name, value in info.items()
            if name.lower().endswith("type")
        )
        if str(info.get("tradeType")) == PHEMEX_FUNDING and "execStatus" in info:
            return True
    if not kinds.isdisjoint(FUNDING):
        return True
    kind = info.get("execType") if isinstance(info, dict) else None
    is_other = isinstance(kind, str) and kind and kind.lower() not in TRADED
    if is_other or (kind := next(iter(kinds & SETTLED), None)):
        raise Unreadable(
            "info",
            f"is an execution of the kind {kind}, which is not a trade: remove it "
            "from the file, and record its effect as a trade or a cash flow.",
        )
    return False


def _read_number(value: Any, field: str) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise Unreadable(field, "is not a number.")
    text = str(value).strip()
    if NUMBER.fullmatch(text) is None:
        raise Unreadable(field, "is not a plain number.")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Unreadable(field, "is not a plain number.") from None


def _read_time(given: Mapping[str, Any]) -> datetime:
    stamp = _read_number(given.get("timestamp"), "timestamp")
    if stamp is not None:
        return _of_milliseconds(stamp)
    try:
        at = datetime.fromisoformat(str(given.get("datetime")))
        if at.tzinfo is None:
            raise Unreadable("datetime", "needs an offset, such as Z.")
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("datetime", "is not an instant.") from None
    if at < EARLIEST:
        raise Unreadable("datetime", f"is before {EARLIEST_FILL}.")
    return at


def _of_milliseconds(stamp: Decimal) -> datetime:
    """ccxt counts milliseconds; seconds and microseconds show by their size."""
    try:
        at = EPOCH + timedelta(microseconds=int(stamp * 1000))
    except (ValueError, OverflowError):
        raise Unreadable(
            "timestamp",
            f"is {stamp:f}, a time of no calendar in milliseconds: are these "
            "microseconds or nanoseconds?",
        ) from None
    if at >= EARLIEST:
        return at
    hint = "are these seconds?" if stamp > 0 else "there is no time."
    raise Unreadable(
        "timestamp",
        f"is {stamp:f}, in milliseconds {at:%Y-%m-%d}, before {EARLIEST_FILL}: {hint}",
    )


def _read_id(value: Any, field: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Unreadable(field, "must be text or a number.")
    text = str(value)
    if UNSTORABLE(text):
        raise Unreadable(field, HIDDEN_FOUND)
    return text


def _read_order(value: Any) -> str | None:
    """The order's id, where there is one to recognise an order by."""
    text = _read_id(value, "order")
    return text if text and len(text) <= LONGEST_ORDER else None
