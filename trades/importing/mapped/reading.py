"""The rows of a mapped file as trades, or as fills. Pure."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import counted
from mastertrade.values.money import (
    HUNDRED,
    ONE,
    ZERO,
    exactly,
    format_plain,
    round_to,
)
from trades.decisions.lots import PositionLot
from trades.decisions.pnl import Rates, measure_exact_profit
from trades.enums import Side
from trades.importing.fills import (
    LONGEST_ORDER,
    Fees,
    Fill,
    FillFile,
    clean_figure,
    sort_fees,
)
from trades.importing.mapped.cells import Cells, Layout, split_symbol
from trades.importing.mapped.mapping import (
    BOUGHT_AND_SOLD,
    ColumnMapping,
    SideWord,
    require_complete,
)
from trades.importing.mapped.table import Table, fold, open_table
from trades.importing.options import ImportOptions
from trades.importing.rows import Note, Refusal, TradeRow, Unreadable

ANY_VENUE = "any"
SIDES = {SideWord.BUY: Side.LONG, SideWord.SELL: Side.SHORT}
MOST_SKIPPED_WORDS = 8
Row = TypeVar("Row")


def read_trades(
    source: io.BufferedReader, options: ImportOptions
) -> Iterator[TradeRow | Refusal | Note]:
    """Each row a trade, open or closed; raises `InvalidInput` for `file`."""
    table, layout = _open(source, options)
    prefix = ":".join(
        ("mapped-trades", options.venue or ANY_VENUE, options.account, "")
    )

    def read(cells: Cells) -> TradeRow | None:
        return _read_trade(cells, layout, options, prefix)

    yield from _each(table, layout, read)
    yield from map(Note, table.notes)
    if (rounded := layout.roundings.message()) is not None:
        yield Note(rounded)


def open_fills(source: io.BufferedReader, options: ImportOptions) -> FillFile:
    """Each row an execution; raises `InvalidInput` for `file`."""
    table, layout = _open(source, options)
    header = Cells(layout, (), table.header_line)
    if _may_be_lots(layout, options):
        table.notes.append(
            f"{header.column('quantity')} was read as units. MetaTrader writes lots: "
            "say how many units one is (contract_size), such as 100000 of a currency "
            "pair."
        )

    def read(cells: Cells) -> Fill | None:
        return _read_fill(cells, layout, options)

    return FillFile(
        time_column=header.column("time"),
        quantity_column=header.column("quantity"),
        price_column=header.column("price" if header.has("price") else "total"),
        fee_column=header.column("fees"),
        pair_column=header.column("symbol"),
        newest_first=False,
        items=_each(table, layout, read),
        roundings=layout.roundings,
        notes=table.notes,
    )


def _open(source: io.BufferedReader, options: ImportOptions) -> tuple[Table, Layout]:
    mapping = mapping_of(options)
    require_complete(mapping)
    table = open_table(source, mapping.needed)
    return table, Layout(
        mapping, table.names, options.quote_currency, options.fee_currency
    )


def _may_be_lots(layout: Layout, options: ImportOptions) -> bool:
    """MetaTrader's deals have no total that shows a lot taken for one unit."""
    has_size = layout.mapping.contract_size != 1 or "contract_size" in layout.places
    is_deals = {"deal", "volume", "direction"} <= {fold(one) for one in layout.names}
    return is_deals and not has_size and not options.contract_sizes


def mapping_of(options: ImportOptions) -> ColumnMapping:
    if options.mapping is None:
        raise InvalidInput("mapping", "is needed: which column is which field.")
    return options.mapping


def _each(
    table: Table, layout: Layout, read: Callable[[Cells], "Row | None"]
) -> "Iterator[Row | Refusal]":
    """What `read` makes of each row; rows that are not read are noted, and why."""
    skipped: Counter[str] = Counter()
    width = len(table.names)
    for line, given in table.rows:
        reason = layout.skipped(given)
        if reason is not None:
            skipped[reason] += 1
            continue
        cells = Cells(layout, given, line)
        if len(given) > width:
            reason = f"has {len(given)} fields, the header {width}."
            yield Refusal(line, "", reason, cells.given())
            continue
        try:
            row = read(cells)
        except Unreadable as wrong:
            yield Refusal(line, wrong.column, wrong.reason, cells.given())
            continue
        if row is None:
            skipped[f"{cells.column('side')} {cells.text('side')[:40]}"] += 1
        else:
            yield row
    if skipped:
        table.notes.append(_show_skipped(skipped))


def _show_skipped(skipped: "Counter[str]") -> str:
    shown = [
        f"{reason} ({count})"
        for reason, count in skipped.most_common(MOST_SKIPPED_WORDS)
    ]
    more = len(skipped) - MOST_SKIPPED_WORDS
    rest = f", and {more} more" if more > 0 else ""
    return (
        f"{counted(skipped.total(), 'row')} not read, as the mapping says: "
        f"{', '.join(shown)}{rest}."
    )


@exactly
def _read_fill(cells: Cells, layout: Layout, options: ImportOptions) -> Fill | None:
    side = cells.side()
    if side is SideWord.SKIP:
        return None
    quantity, is_negative = cells.quantity()
    is_buy = _is_buy(cells, side, is_negative)
    symbol = cells.symbol()
    split = split_symbol(symbol, cells.currency("quote_currency"))
    if split is None:
        raise cells.wrong(
            "symbol",
            f"is {symbol}, without the currency of its price: choose its column, or "
            "name one for the whole file (quote_currency).",
        )
    base, quote = split
    name = base if base == symbol else f"{base}/{quote}"
    size = _contract_size(cells, layout, options, symbol)
    units = cells.rounded("quantity", quantity * size)
    price = _read_price(cells, units)
    fee_currency = cells.currency("fee_currency") or quote
    paid = [(cost, coin or fee_currency) for cost, coin in cells.paid("fees")]
    fees = sort_fees(paid, base=base, quote=quote)
    if not isinstance(fees, Fees):
        raise cells.wrong("fees", fees)
    _check_total(cells, units * price, fees.quote + fees.base * price)
    order = cells.clean_text("order")
    return Fill(
        line=cells.line,
        symbol=name,
        base=base,
        quote=quote,
        is_buy=is_buy,
        quantity=units,
        price=price,
        at=cells.time("time"),
        fees=fees,
        venue_id=cells.clean_text("id"),
        may_short=layout.mapping.may_short,
        order_id=order if order and len(order) <= LONGEST_ORDER else None,
    )


def _is_buy(cells: Cells, side: SideWord | None, is_negative: bool) -> bool:
    if side is None:
        return not is_negative
    if is_negative and side is SideWord.BUY:
        raise cells.wrong("quantity", "is below 0, but the side is a purchase.")
    return side is SideWord.BUY


def _read_price(cells: Cells, units: Decimal) -> Decimal:
    if cells.has("price"):
        return cells.positive("price")
    total = cells.number("total")
    if not total:
        raise cells.wrong("total", "is empty or 0.")
    return cells.rounded("total", abs(total) / units)


def _check_total(cells: Cells, made: Decimal, fees: Decimal) -> None:
    """Where the file says what a fill cost besides, price and quantity make it.

    With the fees or without; a hundredth off is rounding.
    """
    given = cells.amount("total")
    if given is None or not given.value or not cells.has("price"):
        return
    allowed = abs(fees) + made / HUNDRED + given.step
    if abs(abs(given.value) - made) <= allowed:
        return
    raise cells.wrong(
        "total",
        f"is {format_plain(given.value)}, but quantity and price make "
        f"{format_plain(round_to(made, (60, 8)))}: is a contract more than one unit "
        "(contract size), or is it in another currency? Then leave this column "
        "unused.",
    )


def _contract_size(
    cells: Cells, layout: Layout, options: ImportOptions, symbol: str
) -> Decimal:
    """Units of what is traded for one of the quantity."""
    given = options.contract_sizes.get(symbol)
    if given is not None:
        return given
    if cells.text("contract_size"):
        return cells.positive("contract_size")
    return layout.mapping.contract_size


@exactly
def _read_trade(
    cells: Cells, layout: Layout, options: ImportOptions, prefix: str
) -> TradeRow | None:
    word = cells.side()
    if word is SideWord.SKIP:
        return None
    quantity, is_negative = cells.quantity()
    symbol = cells.symbol()
    size = _contract_size(cells, layout, options, symbol)
    if layout.mapping.fields & BOUGHT_AND_SOLD:
        side, entry, leave = _read_bought_and_sold(cells)
    else:
        is_buy = _is_buy(cells, word, is_negative)
        side = Side.LONG if is_buy else Side.SHORT
        entry, leave = ("entry_price", "entry_time"), ("exit_price", "exit_time")
    is_closed = bool(cells.text(leave[0]) or cells.text(leave[1]))
    quote, fee_currency, fees = _read_costs(cells)
    own_id = cells.clean_text("id")
    row = TradeRow(
        line=cells.line,
        external_id="" if own_id is None else f"{prefix}{own_id}",
        symbol=symbol,
        side=side,
        quantity=cells.rounded("quantity", quantity * size),
        entry_price=cells.positive(entry[0]),
        entry_time=cells.time(entry[1]),
        exit_price=cells.positive(leave[0]) if is_closed else None,
        exit_time=cells.time(leave[1]) if is_closed else None,
        entry_fees=ZERO if is_closed else fees,
        exit_fees=fees if is_closed else ZERO,
        funding=cells.total("funding"),
        leverage=cells.number("leverage") or ONE,
        stop_price=cells.number("stop_price") or None,
        strategy_id=cells.clean_text("strategy_id"),
        quote_currency=quote,
        fee_currency=fee_currency,
    )
    _check_profit(cells, row)
    at = row.exit_time or row.entry_time
    fee_rate = _rate(options, fee_currency, at) if fee_currency != quote else None
    return replace(row, fx_rate=_rate(options, quote, at), fee_fx_rate=fee_rate)


def _read_bought_and_sold(
    cells: Cells,
) -> tuple[Side, tuple[str, str], tuple[str, str]]:
    """What came first is the entry. A trade that was only bought, or sold, is open."""
    bought, sold = ("buy_price", "buy_time"), ("sell_price", "sell_time")
    if not cells.text("sell_time"):
        return Side.LONG, bought, sold
    if not cells.text("buy_time") or cells.time("sell_time") < cells.time("buy_time"):
        return Side.SHORT, sold, bought
    return Side.LONG, bought, sold


def _read_costs(cells: Cells) -> tuple[str | None, str | None, Decimal]:
    """The currencies of prices and fees (None: the portfolio's), and all fees."""
    quote = cells.currency("quote_currency")
    paid = cells.paid("fees")
    coins = {coin for cost, coin in paid if coin and cost}
    if len(coins) > 1:
        raise cells.wrong("fees", f"is paid in several coins: {', '.join(coins)}.")
    fees = sum((cost for cost, _ in paid), ZERO)
    if fees < 0:
        raise cells.wrong(
            "fees", "is a rebate, or fees are written with the other sign (fee_sign)."
        )
    currency = next(iter(coins), None) or cells.currency("fee_currency") or quote
    return quote, currency, fees


def _rate(options: ImportOptions, currency: str | None, at: datetime) -> Decimal | None:
    """Of one of the currency in the portfolio's, as the caller gave it."""
    if currency is None:
        return None
    return options.rates.get(currency) or options.day_rates.find(currency, at)


@exactly
def _check_profit(cells: Cells, row: TradeRow) -> None:
    """The file's own profit, before or after fees, is what the figures make."""
    given = cells.amount("profit_loss")
    if given is None or row.exit_price is None:
        return
    if row.fee_currency != row.quote_currency and row.exit_fees:
        return  # it is in the account's currency, whichever that is
    free = PositionLot(row.quantity, row.entry_price, None, ZERO, ZERO)
    gross = measure_exact_profit(
        side=row.side,
        lot=free,
        exit_price=row.exit_price,
        exit_fees=ZERO,
        rates=Rates(),
    )
    cost = row.exit_fees - row.funding
    steps = (_step(row.entry_price) + _step(row.exit_price)) * row.quantity
    rounding = given.step + steps
    if any(abs(given.value - one) <= rounding for one in (gross, gross - cost)):
        return
    made = format_plain(round_to(gross - cost, (60, 8)))
    raise cells.wrong(
        "profit_loss",
        f"is {format_plain(given.value)}, but quantity and prices make {made}: is a "
        f"contract more than one unit (contract size of {row.symbol}), or is it in "
        "another currency? Then leave this column unused.",
    )


def _step(price: Decimal) -> Decimal:
    """One of the last place that the price was given with."""
    exponent = clean_figure(price).as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(min(exponent, 0))
