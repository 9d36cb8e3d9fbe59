"""Adding to an open trade: one position at the average entry price."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from goals.models import Portfolio, User
from goals.services.live import save_live
from goals.services.portfolios import newest
from goals.services.rebuilding import rebuild_ledger
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import (
    IdempotencyConflict,
    InvalidInput,
    PortfolioRuined,
    TradeNotOpen,
)
from mastertrade.values.money import MONEY, PRICE, ZERO
from mastertrade.values.validation import (
    fingerprint,
    refuse,
    require_not_future,
    require_not_negative,
    require_positive,
    require_visible,
)
from trades.booking.rows import lock_portfolio_of_trade, lock_trade, save_open
from trades.decisions.lots import PositionLot, join_lots
from trades.enums import FillKind
from trades.models import Trade, TradeFill


@atomic
def add_to_trade(
    *,
    user: User,
    trade_id: int,
    quantity: Decimal,
    entry_price: Decimal,
    now: datetime,
    at: datetime | None = None,
    fees: Decimal = ZERO,
    external_id: str | None = None,
) -> tuple[Trade, bool]:
    """Enlarge an open trade; returns it, and whether this was new.

    Its entry price becomes the average, its cost stays exact. `fees` in the trade's
    fee currency. The same `external_id` with the same figures changes nothing.
    """
    require_positive("quantity", quantity, PRICE)
    require_positive("entry_price", entry_price, PRICE)
    require_not_negative("fees", fees, MONEY)
    require_visible("external_id", external_id)
    given = {"quantity": quantity, "entry_price": entry_price, "at": at, "fees": fees}
    digest = fingerprint({**given, "trade_id": trade_id})
    portfolio = lock_portfolio_of_trade(user, trade_id)
    trade = lock_trade(trade_id)
    if _is_known(portfolio, external_id, digest):
        return trade, False
    if not trade.is_open:
        raise TradeNotOpen(
            f"Trade {trade_id} is {trade.status}; only an open trade can be added to."
        )
    if portfolio.account.is_ruined:
        raise PortfolioRuined(
            f"Portfolio {portfolio.name} is ruined; record a deposit first."
        )
    filled_at = at or max(newest(portfolio, now), trade.entry_time)
    if at is not None:
        require_not_future("at", at, now)
    refuse(wrong_in_addition(trade, at))
    _enlarge(
        portfolio, trade, PositionLot(quantity, entry_price, entry_fees=fees), now, user
    )
    TradeFill.objects.create(
        portfolio=portfolio,
        trade=trade,
        kind=FillKind.ENTRY,
        symbol=trade.symbol,
        quantity=quantity,
        price=entry_price,
        fees=fees,
        fee_currency=trade.fee_currency,
        filled_at=filled_at,
        external_id=external_id,
        request_fingerprint=digest,
        created_at=now,
        created_by=user.username,
    )
    # Entries of this time or later find more open now.
    last_entry_at = portfolio.last_entry_at
    if trade.is_valued and last_entry_at is not None and filled_at <= last_entry_at:
        rebuild_ledger(
            portfolio,
            since=filled_at,
            now=now,
            reason=f"Trade {trade_id} was enlarged late",
        )
    return trade, True


def wrong_in_addition(trade: Trade, at: datetime | None) -> Iterator[InvalidInput]:
    """An addition to what was not yet entered."""
    if at is not None and at < trade.entry_time:
        yield InvalidInput("at", "is before the trade's entry_time.")


def _enlarge(
    portfolio: Portfolio, trade: Trade, more: PositionLot, now: datetime, user: User
) -> None:
    trade.apply_lot(join_lots(trade.lot, more))
    trade.updated_at, trade.updated_by = now, user.username
    portfolio.revalue({trade.trade_id: save_open(trade)}, now)
    save_live([portfolio], at=now, now=now)


def _is_known(portfolio: Portfolio, external_id: str | None, digest: str) -> bool:
    if external_id is None:
        return False
    known = TradeFill.objects.filter(
        portfolio=portfolio, external_id=external_id
    ).first()
    if known is not None and known.request_fingerprint != digest:
        raise IdempotencyConflict.of("The fill", external_id)
    return known is not None
