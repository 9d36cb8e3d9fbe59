"""One of freqtrade's trades with its orders, as rows of ours. Pure.

freqtrade keeps a trade as one row and its fills as orders; what it made is worked out
by walking the orders: entries move the average price, every exit takes its part at the
average so far. Fees are a ratio of each side's value, funding belongs to the exit that
ends its stretch. The same walk is made here in exact decimals, and refused where it
does not come to what freqtrade itself recorded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from mastertrade.values.money import (
    FACTOR,
    MONEY,
    PRICE,
    ZERO,
    exactly,
    format_plain,
    round_to,
)
from trades.enums import Side
from trades.importing.rows import TradeRow, Unreadable

# freqtrade rounds what every exit made to 8 places and reckons in floats.
ROUNDING_PER_EXIT = Decimal("0.00000002")
ROUNDING_RATIO = Decimal("0.0000000001")
# freqtrade ends a trade that has sold 98 % of it: the rest went in fees.
DUST = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class BotTrade:
    """A row of freqtrade's table `trades`. `amount` is what is open, or was last.

    `profit` is what freqtrade says it made so far, None where the schema is too old to
    say; fees are ratios; `funding` the whole, received positive.
    """

    trade_id: int
    pair: str
    side: Side
    is_open: bool
    amount: Decimal
    open_rate: Decimal
    opened_at: datetime
    close_rate: Decimal | None
    closed_at: datetime | None
    profit: Decimal | None
    entry_fee_ratio: Decimal
    exit_fee_ratio: Decimal
    funding: Decimal
    leverage: Decimal
    stop_price: Decimal | None
    stake_currency: str
    strategy_id: str | None


@dataclass(frozen=True, slots=True)
class BotFill:
    """A filled row of freqtrade's table `orders`, oldest key first.

    `funding` is None where the schema does not give it by order.
    """

    order_id: int
    is_entry: bool
    amount: Decimal
    rate: Decimal
    filled_at: datetime
    funding: Decimal | None = ZERO


@dataclass(frozen=True, slots=True)
class Exited:
    """What one exit took, at which average, and what it made after fees."""

    order_id: int
    quantity: Decimal
    average: Decimal
    rate: Decimal
    at: datetime
    funding: Decimal
    profit: Decimal


@dataclass(frozen=True, slots=True)
class Held:
    """What the orders leave open; below 0 where they sold more than they bought."""

    quantity: Decimal
    average: Decimal
    funding: Decimal


def rows_of(
    trade: BotTrade, fills: Sequence[BotFill], account: str
) -> Iterator[TradeRow]:
    """The trade's row, and one for each part that was closed before its end.

    The last exit of a closed trade is the trade's own row. Nothing for a trade that has
    not been entered yet. Raises `Unreadable`.
    """
    exits, held = _walk(trade, _with_funding(trade, fills or _as_orders(trade)))
    if not trade.is_open and not exits:
        raise Unreadable("close_rate", "is closed, but no exit of it was filled.")
    if trade.is_open and not (held.quantity > 0 and trade.amount):
        if exits:
            raise Unreadable("is_open", "is open, but its orders leave nothing open.")
        return
    if not trade.is_open:
        _refuse_rest(exits, held)
    exits = _agreed(trade, exits)
    name = f"freqtrade:{account}:{trade.trade_id}"
    own = _own_row(trade, name, exits, held)
    yield own
    for number, part in enumerate(exits if trade.is_open else exits[:-1], start=1):
        yield replace(
            _closed_row(own, trade, part),
            external_id=f"{name}:exit-{number}",
            parent_external_id=name,
        )


@exactly
def _refuse_rest(exits: Sequence[Exited], held: Held) -> None:
    """A closed trade has sold what it bought, but for dust."""
    sold = sum((one.quantity for one in exits), ZERO)
    if abs(held.quantity) > (sold + held.quantity) * DUST:
        raise Unreadable(
            "amount",
            f"is closed, but its orders sold {format_plain(sold)} of "
            f"{format_plain(sold + held.quantity)}.",
        )


def _own_row(
    trade: BotTrade, name: str, exits: Sequence[Exited], held: Held
) -> TradeRow:
    row = TradeRow(
        line=trade.trade_id,
        external_id=name,
        symbol=trade.pair,
        side=trade.side,
        quantity=round_to(trade.amount, PRICE),
        entry_price=round_to(held.average, PRICE),
        entry_time=trade.opened_at,
        funding=round_to(held.funding, MONEY),
        leverage=round_to(trade.leverage, FACTOR),
        stop_price=trade.stop_price,
        strategy_id=trade.strategy_id,
        quote_currency=trade.stake_currency,
        fee_currency=trade.stake_currency,
        updates_open_trade=True,
    )
    if trade.is_open:
        return replace(row, entry_fees=_entry_fees(trade, row))
    last = replace(exits[-1], at=trade.closed_at or exits[-1].at)
    return _closed_row(row, trade, last)


@exactly
def _closed_row(row: TradeRow, trade: BotTrade, part: Exited) -> TradeRow:
    """The row of one exit, whose figures make exactly what freqtrade says it made.

    What rounding leaves goes to the exit's fees, or to its funding where there are
    none to take it from.
    """
    closed = replace(
        row,
        quantity=round_to(part.quantity, PRICE),
        entry_price=round_to(part.average, PRICE),
        exit_price=round_to(part.rate, PRICE),
        exit_time=part.at,
        funding=round_to(part.funding, MONEY),
        profit_loss=part.profit,
    )
    assert closed.exit_price is not None
    entry_fees = _entry_fees(trade, closed)
    gross = closed.quantity * (closed.exit_price - closed.entry_price) * trade.side.sign
    rest = gross + closed.funding - entry_fees - part.profit
    exit_fees = round_to(rest, MONEY)
    if exit_fees < 0:
        closed = replace(closed, funding=closed.funding - exit_fees)
        exit_fees = ZERO
    return replace(closed, entry_fees=entry_fees, exit_fees=exit_fees)


@exactly
def _entry_fees(trade: BotTrade, row: TradeRow) -> Decimal:
    return round_to(row.quantity * row.entry_price * trade.entry_fee_ratio, MONEY)


@exactly
def _walk(trade: BotTrade, fills: Sequence[BotFill]) -> tuple[list[Exited], Held]:
    """What the exits took, oldest first, and what is left."""
    exits: list[Exited] = []
    amount, cost, average, funding = ZERO, ZERO, ZERO, ZERO
    for fill in fills:
        if fill.amount <= 0:
            raise Unreadable("filled", f"order {fill.order_id} filled nothing.")
        funding += fill.funding or ZERO
        if fill.is_entry:
            amount += fill.amount
            cost += fill.amount * fill.rate
            average = cost / amount
            continue
        if not average:
            raise Unreadable("", f"order {fill.order_id} exits before any entry.")
        amount -= fill.amount
        cost -= fill.amount * average
        exits.append(_exit(trade, fill, average, funding))
        funding = ZERO
    exits.sort(key=lambda one: (one.at, one.order_id))
    return exits, Held(amount, average, funding)


def _exit(trade: BotTrade, fill: BotFill, average: Decimal, funding: Decimal) -> Exited:
    entered, left = fill.amount * average, fill.amount * fill.rate
    fees = entered * trade.entry_fee_ratio + left * trade.exit_fee_ratio
    profit = (left - entered) * trade.side.sign - fees + funding
    return Exited(
        fill.order_id,
        fill.amount,
        average,
        fill.rate,
        fill.filled_at,
        funding,
        round_to(profit, MONEY),
    )


@exactly
def _agreed(trade: BotTrade, exits: list[Exited]) -> list[Exited]:
    """The exits with profits that add up to freqtrade's own figure, to 8 places."""
    if trade.profit is None or not exits:
        return exits
    given = round_to(trade.profit, MONEY)
    made = sum((one.profit for one in exits), ZERO)
    volume = sum((one.quantity * (one.average + one.rate) for one in exits), ZERO)
    allowed = ROUNDING_PER_EXIT * len(exits) + volume * ROUNDING_RATIO
    if abs(given - made) > allowed:
        column = "realized_profit" if trade.is_open else "close_profit_abs"
        raise Unreadable(
            column,
            f"is {format_plain(given)}, but the orders make {format_plain(made)}.",
        )
    last = exits[-1]
    return [*exits[:-1], replace(last, profit=last.profit + given - made)]


def _with_funding(trade: BotTrade, fills: Sequence[BotFill]) -> Sequence[BotFill]:
    """Where the orders do not give the funding, all of it belongs to the last."""
    if not fills or fills[-1].funding is not None:
        return fills
    return [*fills[:-1], replace(fills[-1], funding=trade.funding)]


def _as_orders(trade: BotTrade) -> list[BotFill]:
    """The trade as two orders: it is from before freqtrade kept any."""
    entry = BotFill(0, True, trade.amount, trade.open_rate, trade.opened_at)
    if trade.is_open:
        return [replace(entry, funding=trade.funding)]
    if trade.close_rate is None or trade.closed_at is None:
        raise Unreadable("close_rate", "is missing from a closed trade.")
    return [
        entry,
        BotFill(1, False, trade.amount, trade.close_rate, trade.closed_at, None),
    ]


def read_number(row: dict[str, Any], name: str) -> Decimal | None:
    """A float as the decimal it is written as; None where there is none."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable(name, f"is not a number: {value!r}.")
    number = Decimal(repr(value))
    if not number.is_finite():
        raise Unreadable(name, "is not finite.")
    return number
