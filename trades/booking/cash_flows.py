"""Cash flows whose caller knows what open trades have made by then."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from goals.models import CashFlow, Portfolio, User
from goals.services.portfolios import ValuedTrade, record_cash_flow
from mastertrade.db.raw_sql import columns_of, load
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import exact_money, instant, say
from mastertrade.values.messages import list_names
from mastertrade.values.money import MONEY, PRICE, exactly, fits, round_to
from mastertrade.values.validation import refuse, require_decimal
from trades.booking.exits import measure_open, measure_open_pnl
from trades.enums import Side
from trades.models import Trade

FIELD = "unrealized"


@dataclass(frozen=True, slots=True)
class UnrealizedProfit:
    """What an open trade has made, before fees and funding, in the portfolio's money.

    As `positions` shows it, of all that was open of the trade when the cash flowed.
    """

    trade_id: int
    unrealized_pnl: Decimal


def record_valued_cash_flow(
    *,
    user: User,
    amount: Decimal,
    now: datetime,
    unrealized: Sequence[UnrealizedProfit] = (),
    **fields: Any,
) -> tuple[CashFlow, bool]:
    """`record_cash_flow` of goals, open trades valued by `unrealized` where given.

    Where a position has no later mark, what is given becomes its mark. Raises
    `InvalidInput` for `unrealized` where a trade was not open then, or cannot have
    made that.
    """

    def value(portfolio: Portfolio, at: datetime) -> list[ValuedTrade]:
        return _value_trades(portfolio, unrealized, at, now)

    # One figure a trade, so that neither notation nor order make another request.
    given = {f"{FIELD} {one.trade_id}": one.unrealized_pnl for one in unrealized}
    return record_cash_flow(
        user=user,
        amount=amount,
        now=now,
        given=given,
        value_trades=value if unrealized else None,
        **fields,
    )


BROUGHT_ALONG = ("marked_price", "marked_at", "quantity_then")
LOCK_TRADES = f"""
SELECT {columns_of(Trade, "t")}, o.current_price AS marked_price, o.marked_at,
       open_quantity(t.trade_id, %s, 9223372036854775807) AS quantity_then
FROM trades t LEFT JOIN positions o ON o.trade_id = t.trade_id
WHERE t.portfolio_id = %s AND t.trade_id = ANY(%s)
ORDER BY t.trade_id FOR NO KEY UPDATE OF t
"""
MARK = """
UPDATE positions o
SET current_price = m.price, unrealized_pnl = m.unrealized_pnl, marked_at = %(at)s,
    updated_at = %(now)s
FROM unnest(%(trade_ids)s::bigint[], %(prices)s::numeric[], %(profits)s::numeric[])
    AS m(trade_id, price, unrealized_pnl)
WHERE o.trade_id = m.trade_id
"""


def _value_trades(
    portfolio: Portfolio,
    unrealized: Sequence[UnrealizedProfit],
    at: datetime,
    now: datetime,
) -> list[ValuedTrade]:
    given = {one.trade_id: one.unrealized_pnl for one in unrealized}
    refuse(_wrong_repetition([one.trade_id for one in unrealized]))
    values = [at, portfolio.portfolio_id, list(given)]
    trades = load(Trade, LOCK_TRADES, values, extra=BROUGHT_ALONG)
    parts = [trade for trade in trades if trade.parent_trade_id is not None]
    if parts:
        raise InvalidInput(
            FIELD,
            f"Trade {parts[0].trade_id} is a part of trade "
            f"{parts[0].parent_trade_id}: give the unrealised P&L of that trade as a "
            "whole.",
        )
    missing = given.keys() - {trade.trade_id for trade in trades}
    if missing:
        raise _no_trades(missing)
    valued, prices = [], {}
    for trade in trades:
        price = _price_of(trade, given[trade.trade_id], at)
        valued.append(_value(trade, price))
        if trade.is_open and (trade.marked_at is None or trade.marked_at <= at):
            prices[trade.trade_id] = price
    marked = [trade for trade in trades if trade.trade_id in prices]
    _mark(portfolio, marked, prices, at, now)
    return valued


def find_wrong_trades(
    portfolio_id: int, named: Sequence[int]
) -> Iterator[InvalidInput]:
    """Trades that `unrealized` repeats, and those that the portfolio does not have."""
    yield from _wrong_repetition(named)
    of_portfolio = Trade.objects.filter(portfolio_id=portfolio_id, pk__in=named)
    missing = set(named) - set(of_portfolio.values_list("trade_id", flat=True))
    if missing:
        yield _no_trades(missing)


def _wrong_repetition(named: Sequence[int]) -> Iterator[InvalidInput]:
    if len(set(named)) < len(named):
        yield InvalidInput(FIELD, "names a trade more than once.")


def _no_trades(missing: Collection[int]) -> InvalidInput:
    keys = list_names([str(key) for key in sorted(missing)])
    return InvalidInput(FIELD, f"The portfolio has no trade {keys}.")


@exactly
def _price_of(trade: Trade, unrealized_pnl: Decimal, at: datetime) -> Decimal:
    """The price at which what was open had made that."""
    require_decimal(FIELD, unrealized_pnl, MONEY)
    if at < trade.entry_time or trade.quantity_then <= 0:
        then = instant(at)
        raise InvalidInput(
            FIELD, say("Trade {} was not open at {}.", trade.trade_id, then)
        )
    cost = trade.lot.exact_cost / trade.quantity
    move = unrealized_pnl / (trade.fx_rate * trade.quantity_then)
    price = round_to(cost + Side(trade.side).sign * move, PRICE)
    if price <= 0 or not fits(price, PRICE):
        raise InvalidInput(
            FIELD,
            say(
                "Trade {} cannot have made {}: its price would not be above 0.",
                trade.trade_id,
                exact_money(unrealized_pnl),
            ),
        )
    return price


@exactly
def _value(trade: Trade, price: Decimal) -> ValuedTrade:
    open_pnl = measure_open_pnl(trade, price)
    if trade.quantity_then != trade.quantity:
        open_pnl = round_to(open_pnl * trade.quantity_then / trade.quantity, MONEY)
    return ValuedTrade(trade.trade_id, trade.quantity_then, open_pnl)


def _mark(
    portfolio: Portfolio,
    trades: Sequence[Trade],
    prices: dict[int, Decimal],
    at: datetime,
    now: datetime,
) -> None:
    """Mark the positions; the caller books the portfolio's new open profit."""
    if not trades:
        return
    for trade in trades:
        before = Decimal(0)
        if trade.marked_at is not None and trade.marked_price is not None:
            before = measure_open_pnl(trade, trade.marked_price)
        after = measure_open_pnl(trade, prices[trade.trade_id])
        portfolio.revalue({trade.trade_id: after - before}, at)
    portfolio.marked_at = max(portfolio.marked_at or at, at)
    portfolio.save(update_fields=["marked_at"])
    with connection.cursor() as cursor:
        cursor.execute(
            MARK,
            {
                "trade_ids": [trade.trade_id for trade in trades],
                "prices": [prices[trade.trade_id] for trade in trades],
                "profits": [measure_open(t, prices[t.trade_id]) for t in trades],
                "at": at,
                "now": now,
            },
        )
