"""Voiding trades: kept, marked, and their effect reversed."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import OuterRef
from django.db.models.functions import Coalesce

from goals.models import CarriedProfit, Portfolio, User
from goals.services.entries import counts_entry, may_fill_day
from goals.services.ledger import GoalMove
from goals.services.live import save_live
from goals.services.rebuilding import rebuild_ledger
from goals.services.voids import require_reason
from mastertrade.db.raw_sql import execute
from mastertrade.db.transactions import atomic
from mastertrade.values.money import ZERO, exactly
from trades.booking.exits import measure_open_pnl
from trades.booking.rows import (
    lock_portfolio_of_trade,
    lock_trade,
    move_part,
    save_open,
)
from trades.decisions.lots import join_lots
from trades.decisions.pnl import measure_exact_profit
from trades.enums import Side, TradeStatus
from trades.models import Position, Trade
from trades.sizing_calls.records import forget_records


@atomic
def void_trade(
    *, user: User, trade_id: int, reason: str, now: datetime, by: str | None = None
) -> tuple[Trade, list[GoalMove]]:
    """Take a trade that was recorded by mistake out of the ledger; it stays readable.

    A closed one is as if it had never been: everything since its exit is made again.
    An open one holds nothing any more; where it was marked, limits are judged again
    from its entry on. The quantity of a closed part goes back to the
    trade it was taken from, if that is still open. A void trade stays as it is. `by` is
    the user's name unless somebody else does it for them.
    """
    reason, by = require_reason(reason), by or user.username
    portfolio = lock_portfolio_of_trade(user, trade_id)
    trade, flowed_at, is_counted = _lock(portfolio, trade_id)
    if trade.status == TradeStatus.VOID:
        return trade, []
    was_open, why = trade.is_open, f"Trade {trade_id} was voided: {reason}"
    was_marked = was_open and portfolio.marked_at is not None
    _mark_void(trade, reason, now, by)
    if was_open:
        portfolio.revalue({trade_id: -_close_position(trade, now)}, now)
        forget_records(portfolio)  # its closed parts end the trade now, in the past
    else:
        given_back = _give_back(portfolio, trade, now, by)
        portfolio.revalue({trade.parent_trade_id or trade_id: given_back}, now)
    # Limits and goals were judged by its marks, and by its entry.
    entered_at = trade.entry_time if was_marked or is_counted else None
    known = [at for at in (flowed_at, trade.exit_time, entered_at) if at is not None]
    if not known:
        return trade, save_live([portfolio], at=now, now=now)
    moves = rebuild_ledger(
        portfolio,
        since=min(known),
        now=now,
        reason=why,
    )
    return trade, moves


# A part that is given back was not open at the cash flows that were booked after its
# close; what its trade had made then is more by that part.
VOID = """
WITH given_back AS (
    UPDATE carried_profits c
    SET quantity = c.quantity + p.quantity, open_pnl = divide_half_even(
            c.open_pnl * (c.quantity + p.quantity) * 0.0000000001, c.quantity
        ) * 10000000000
    FROM trades p
    JOIN trades root ON root.trade_id = p.parent_trade_id AND root.status = 'open'
    JOIN cash_flows f ON f.portfolio_id = p.portfolio_id
        AND f.flowed_at >= p.exit_time AND f.ledger_key > p.ledger_key
    WHERE p.trade_id = %(trade_id)s AND c.trade_id = root.trade_id
      AND c.cash_flow_id = f.cash_flow_id
)
UPDATE trades
SET status = %(status)s, voided_at = %(voided_at)s, void_reason = %(void_reason)s,
    updated_at = %(voided_at)s, updated_by = %(updated_by)s
WHERE trade_id = %(trade_id)s
"""


def _mark_void(trade: Trade, reason: str, now: datetime, by: str) -> None:
    trade.status = TradeStatus.VOID
    trade.voided_at = trade.updated_at = now
    trade.void_reason = reason
    trade.updated_by = by
    names = ("trade_id", "status", "voided_at", "void_reason", "updated_by")
    execute(VOID, {name: getattr(trade, name) for name in names})


def _lock(portfolio: Portfolio, trade_id: int) -> tuple[Trade, datetime | None, bool]:
    """The trade, and what is to be made again without it.

    When cash first flowed that was valued by it, or by what it is of; and whether a
    goal, or the number of trades of a day, counts its entry.
    """
    flows = CarriedProfit.objects.filter(
        trade_id=Coalesce(OuterRef("parent_trade_id"), OuterRef("trade_id")),
        cash_flow__voided_at=None,
    )
    first = flows.order_by("cash_flow__flowed_at").values("cash_flow__flowed_at")[:1]
    trade: Any = (
        Trade.objects.locked()
        .annotate(
            flowed_at=first,
            is_counted=counts_entry(portfolio, OuterRef("entry_time")),
        )
        .get(pk=trade_id)
    )
    is_entry = trade.parent_trade_id is None  # its parts entered with it
    counts = trade.is_counted or may_fill_day(portfolio, trade.entry_time)
    return trade, trade.flowed_at, counts and is_entry


def _close_position(trade: Trade, now: datetime) -> Decimal:
    """Close what it holds; returns the open profit that this takes away."""
    position = Position.objects.filter(trade=trade).first()
    if position is None:
        return ZERO
    open_pnl = ZERO
    if position.marked_at is not None:
        open_pnl = measure_open_pnl(trade, position.current_price)
    position.status, position.unrealized_pnl = TradeStatus.CLOSED, ZERO
    position.updated_at = now
    position.save(update_fields=["status", "unrealized_pnl", "updated_at"])
    return open_pnl


@exactly
def _give_back(portfolio: Portfolio, part: Trade, now: datetime, by: str) -> Decimal:
    """Return a part's quantity to its trade, if that is open; what is unrealised more.

    What rounding left over of the part goes with it.
    """
    parent_id = part.parent_trade_id
    parent = None if parent_id is None else lock_trade(parent_id)
    if parent is None or not parent.is_open or part.exit_price is None:
        return ZERO
    exact = measure_exact_profit(
        side=Side(part.side),
        lot=part.lot,
        exit_price=part.exit_price,
        exit_fees=part.exit_fees,
        rates=part.rates,
    )
    parent.unbooked_profit -= exact - (part.profit_loss or ZERO)
    parent.apply_lot(join_lots(parent.lot, part.lot))
    parent.updated_at, parent.updated_by = now, by
    move_part(portfolio, parent, part, back=True)
    return save_open(parent)
