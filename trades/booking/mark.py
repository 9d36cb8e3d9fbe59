"""Marks: what open positions are worth at the last price seen."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from goals.enums import PortfolioKind
from goals.models import Portfolio, User
from goals.services.days import refusing_bad_bookings
from goals.services.ledger import GoalMove
from goals.services.live import save_live
from goals.services.portfolios import find_portfolio, refuse_finished
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import PRICE
from mastertrade.values.validation import (
    require_not_future,
    require_positive,
    require_visible,
)
from trades.booking.rows import price_profit
from trades.enums import TradeStatus
from trades.models import Position


@dataclass(frozen=True, slots=True)
class Mark:
    """A price of a symbol, in the quote currency of the trades in it, and its time."""

    symbol: str
    price: Decimal
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """How many positions a batch of marks moved, and which goals.

    `unmarked` are the symbols of which nothing was open at the time, or only positions
    that know a later price.
    """

    positions: int
    unmarked: tuple[str, ...]
    moves: tuple[GoalMove, ...]


# The open profit that a mark makes, by trade, less what there was.
# A mark never goes back in time, nor before the position was opened.
MARK = f"""
WITH given AS (
    SELECT * FROM unnest(%(symbols)s::text[], %(prices)s::numeric[],
                         %(times)s::timestamptz[]) AS m(symbol, price, at)
), seen AS (
    SELECT o.position_id, o.trade_id, o.portfolio_id, o.symbol, m.price, m.at,
           {price_profit("m.price")} AS unrealized_pnl,
           open_pnl(t, m.price) AS open_pnl,
           CASE WHEN o.marked_at IS NULL THEN 0 ELSE open_pnl(t, o.current_price) END
               AS was
    FROM positions o JOIN trades t USING (trade_id) JOIN given m ON m.symbol = o.symbol
    WHERE o.portfolio_id = ANY(%(portfolio_ids)s) AND o.status = 'open'
      AND o.opened_at <= m.at AND (o.marked_at IS NULL OR o.marked_at <= m.at)
), marked AS (
    UPDATE positions o
    SET current_price = s.price, unrealized_pnl = s.unrealized_pnl, marked_at = s.at,
        updated_at = %(now)s
    FROM seen s WHERE o.position_id = s.position_id
)
SELECT portfolio_id, symbol, count(*),
       jsonb_object_agg(trade_id, (open_pnl - was)::text), max(at)
FROM seen GROUP BY portfolio_id, symbol
"""


@atomic
def mark_positions(
    *,
    user: User,
    marks: Sequence[Mark],
    now: datetime,
    portfolio: int | str | None = None,
) -> Marked:
    """Mark every open position in these symbols; live equity and value goals follow.

    In all of the user's live portfolios, or in one. Of several marks of a symbol the
    newest counts. A constant number of statements, one of them for all positions.
    """
    newest = _newest_of_each(marks, now)
    only = None if portfolio is None else find_portfolio(user, portfolio)
    locked = _lock_portfolios(user, list(newest), only)
    if not locked:
        return Marked(0, tuple(sorted(newest)), ())
    rows = _mark(locked, list(newest.values()), now)
    for portfolio_id, _, _, changes, at in rows:
        row = locked[portfolio_id]
        by_trade = json.loads(changes).items()
        row.revalue({int(key): Decimal(change) for key, change in by_trade}, at)
        row.marked_at = max(row.marked_at or at, at)
    moved = sorted({portfolio_id for portfolio_id, *_ in rows})
    moves: Sequence[GoalMove] = ()
    if moved:
        marked = [locked[key] for key in moved]
        moves = save_live(marked, now=now, by_mark=True)
    return Marked(
        positions=sum(count for _, _, count, _, _ in rows),
        unmarked=tuple(sorted(set(newest) - {symbol for _, symbol, *_ in rows})),
        moves=tuple(moves),
    )


def _newest_of_each(marks: Sequence[Mark], now: datetime) -> dict[str, Mark]:
    newest: dict[str, Mark] = {}
    for mark in marks:
        if not mark.symbol.strip():
            raise InvalidInput("symbol", "must not be empty.")
        require_visible("symbol", mark.symbol)
        require_positive("price", mark.price, PRICE)
        at = now if mark.at is None else require_not_future("at", mark.at, now)
        known = newest.get(mark.symbol)
        if known is None or known.at is None or at >= known.at:
            newest[mark.symbol] = Mark(mark.symbol, mark.price, at)
    if not newest:
        raise InvalidInput("marks", "must not be empty.")
    return newest


def _lock_portfolios(
    user: User, symbols: list[str], only: Portfolio | None
) -> dict[int, Portfolio]:
    held = Position.objects.filter(symbol__in=symbols, status=TradeStatus.OPEN)
    mine = Portfolio.objects.locked().filter(
        user_id=user.username, pk__in=held.values("portfolio_id")
    )
    if only is None:
        mine = mine.filter(kind=PortfolioKind.LIVE)
    else:
        refuse_finished(only)
        mine = mine.filter(pk=only.pk)
    return {row.portfolio_id: row for row in mine}


def _mark(
    portfolios: dict[int, Portfolio], marks: list[Mark], now: datetime
) -> list[tuple[int, str, int, str, datetime]]:
    with connection.cursor() as cursor, refusing_bad_bookings():
        cursor.execute(
            MARK,
            {
                "symbols": [mark.symbol for mark in marks],
                "prices": [mark.price for mark in marks],
                "times": [mark.at for mark in marks],
                "portfolio_ids": list(portfolios),
                "now": now,
            },
        )
        rows: list[tuple[int, str, int, str, datetime]] = cursor.fetchall()
    return rows
