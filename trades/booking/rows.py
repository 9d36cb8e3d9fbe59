"""Locking a trade's rows and writing them back, in as few statements as can be.

SQL, because every close says it, and Django composes a query longer than this runs.
"""

from datetime import datetime
from decimal import Decimal

from goals.models import Portfolio, User
from goals.services.portfolios import refuse_finished
from mastertrade.db.raw_sql import columns_of, execute, load
from mastertrade.values.exceptions import NotFound
from mastertrade.values.money import ZERO
from trades.booking.exits import measure_open, measure_open_pnl
from trades.models import Trade

# A position as its open trade `t` begins it: at the entry price, with nothing made yet.
NEW_POSITION = """
INSERT INTO positions
    (trade_id, user_id, portfolio_id, symbol, side, quantity, entry_price,
     current_price, unrealized_pnl, status, opened_at, updated_at)
SELECT t.trade_id, t.user_id, t.portfolio_id, t.symbol, t.side, t.quantity,
       t.entry_price, t.entry_price, 0, 'open', t.entry_time, %(now)s
"""


def price_profit(price: str) -> str:
    """`measure_unrealized` of the open trade `t` at a price, as SQL."""
    return f"""round_money(
        CASE t.side WHEN 'LONG' THEN 1 ELSE -1 END * t.fx_rate
        * ({price} * t.quantity
           - coalesce(t.entry_notional, t.quantity * t.entry_price)))"""


PORTFOLIO_OF_TRADE = f"""
SELECT {columns_of(Portfolio, "p")} FROM portfolios p JOIN trades t USING (portfolio_id)
WHERE t.trade_id = %s AND p.user_id = %s FOR NO KEY UPDATE OF p
"""
# An imported trade that came in closed never had a position.
BROUGHT_ALONG = ("marked_price", "marked_at", "carried", "is_valued", "added_later")
LOCK_TRADE = f"""
SELECT {columns_of(Trade, "t")}, o.current_price AS marked_price, o.marked_at,
       coalesce(c.carried, 0) AS carried, c.carried IS NOT NULL AS is_valued,
       coalesce(f.quantity, 0) AS added_later
FROM trades t LEFT JOIN positions o ON o.trade_id = t.trade_id
CROSS JOIN LATERAL (
    SELECT sum(c.change) AS carried FROM carried_profits c WHERE c.trade_id = t.trade_id
) c CROSS JOIN LATERAL (
    SELECT sum(f.quantity) AS quantity FROM trade_fills f
    WHERE f.trade_id = t.trade_id AND f.kind = 'entry' AND f.filled_at > %s
) f
WHERE t.trade_id = %s FOR NO KEY UPDATE OF t
"""
SAVE_CLOSED = """
WITH closed AS (
    UPDATE trades
    SET exit_price = %(exit_price)s, exit_time = %(exit_time)s,
        exit_fees = %(exit_fees)s, exit_fee_fx_rate = %(exit_fee_fx_rate)s,
        funding = %(funding)s, profit_loss = %(profit_loss)s,
        unbooked_profit = %(unbooked_profit)s, status = 'closed',
        ledger_key = nextval('ledger_keys'), updated_at = %(updated_at)s,
        updated_by = %(updated_by)s
    WHERE trade_id = %(trade_id)s
)
UPDATE positions
SET status = 'closed', current_price = %(exit_price)s, unrealized_pnl = 0,
    updated_at = %(updated_at)s
WHERE trade_id = %(trade_id)s
"""
SAVE_OPEN = """
WITH changed AS (
    UPDATE trades
    SET quantity = %(quantity)s, entry_price = %(entry_price)s,
        entry_notional = %(entry_notional)s, entry_fees = %(entry_fees)s,
        funding = %(funding)s, unbooked_profit = %(unbooked_profit)s,
        updated_at = %(updated_at)s, updated_by = %(updated_by)s
    WHERE trade_id = %(trade_id)s
)
UPDATE positions
SET quantity = %(quantity)s, entry_price = %(entry_price)s,
    current_price = %(current_price)s, unrealized_pnl = %(unrealized_pnl)s,
    updated_at = %(updated_at)s
WHERE trade_id = %(trade_id)s
"""
# What a part of an open trade had made at marks of after its exit goes, or comes back:
# of what was held at each mark besides, as much as of the part.
MOVE_PART = """
UPDATE limit_marks m
SET {first}by_trade = m.{first}by_trade
        || jsonb_build_object(%(trade)s::text, made::text),
    {first}open_pnl = m.{first}open_pnl + made - was
FROM (
    SELECT limit_mark_id, was, round_money(was * (held + %(after)s)
               / nullif(held + %(before)s, 0))::numeric(24, 8) AS made
    FROM limit_marks
    CROSS JOIN LATERAL (SELECT ({first}by_trade ->> %(trade)s)::numeric AS was) w
    CROSS JOIN LATERAL (
        SELECT %(left)s + coalesce((
            SELECT sum(quantity) FROM trades
            WHERE parent_trade_id = %(trade_id)s AND status = 'closed'
              AND exit_time > {first}at
        ), 0) - coalesce((
            SELECT sum(quantity) FROM trade_fills
            WHERE trade_id = %(trade_id)s AND kind = 'entry' AND filled_at > {first}at
        ), 0) AS held
    ) h
    WHERE portfolio_id = %(portfolio_id)s AND {first}at >= %(exit_time)s
      AND {first}by_trade ? %(trade)s
) seen
WHERE m.limit_mark_id = seen.limit_mark_id AND made IS NOT NULL
"""
COLUMNS = (
    "trade_id",
    "quantity",
    "entry_price",
    "entry_notional",
    "entry_fees",
    "exit_price",
    "exit_time",
    "exit_fees",
    "exit_fee_fx_rate",
    "funding",
    "profit_loss",
    "unbooked_profit",
    "updated_at",
    "updated_by",
)


def lock_portfolio_of_trade(user: User, trade_id: int) -> Portfolio:
    """Lock the portfolio of a trade; `NotFound` if it is none of the user's."""
    mine = load(Portfolio, PORTFOLIO_OF_TRADE, [trade_id, user.username])
    if not mine:
        raise NotFound(f"You have no trade {trade_id}.")
    refuse_finished(mine[0])
    return mine[0]


def lock_trade(trade_id: int, at: datetime | None = None) -> Trade:
    """Lock a trade of a locked portfolio; it carries its position's mark besides.

    `marked_price` (None without a position), `open_pnl` by it, and what it carries;
    `is_valued` where a cash flow was valued by it; and how much was added after `at`.
    """
    (trade,) = load(Trade, LOCK_TRADE, [at, trade_id], extra=BROUGHT_ALONG)
    trade.open_pnl = _measure_marked(trade)
    return trade


def save_closed(trade: Trade) -> None:
    """Write a close, of the trade and of its position; it goes behind the ledger."""
    _save(SAVE_CLOSED, trade)


def save_open(trade: Trade) -> Decimal:
    """Write what a trade that stays open holds now, and its position with it.

    Returns by how much its open profit changed. A position that was never marked
    stands at its entry price.
    """
    price, unrealized = trade.entry_price, ZERO
    if trade.marked_at is not None and trade.marked_price is not None:
        price = trade.marked_price
        unrealized = measure_open(trade, price)
    open_pnl = _measure_marked(trade)
    change = open_pnl - trade.open_pnl
    trade.open_pnl = open_pnl
    _save(SAVE_OPEN, trade, unrealized_pnl=unrealized, current_price=price)
    return change


def move_part(portfolio: Portfolio, trade: Trade, part: Trade, *, back: bool) -> None:
    """Let stored marks of after a part's exit hold its trade without it, or with it.

    The part is booked, or void (`back`), and the trade holds what is left of it.
    """
    newest = (
        portfolio.last_entry_at,
        portfolio.marked_at,
        portfolio.limits_changed_at,
    )
    known = [at for at in newest if at is not None]
    exit_time = part.exit_time
    if portfolio.marked_at is None or exit_time is None or exit_time > max(known):
        return
    parameters = {
        "portfolio_id": portfolio.portfolio_id,
        "trade_id": trade.trade_id,
        "trade": str(trade.trade_id),
        "exit_time": exit_time,
        "left": trade.quantity - (part.quantity if back else ZERO),
        "before": ZERO if back else part.quantity,
        "after": part.quantity if back else ZERO,
    }
    for first in ("", "first_"):
        execute(MOVE_PART.format(first=first), parameters)


def _measure_marked(trade: Trade) -> Decimal:
    if not trade.is_open or trade.marked_at is None or trade.marked_price is None:
        return ZERO
    return measure_open_pnl(trade, trade.marked_price)


def _save(statement: str, trade: Trade, **more: Decimal) -> None:
    columns = {name: getattr(trade, name) for name in COLUMNS}
    execute(statement, {**columns, **more})
