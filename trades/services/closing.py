"""Closing trades: the profit is booked and every goal it touches moves."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from goals.models import Portfolio, User
from goals.services import book_entry
from goals.services.ledger import GoalMove
from goals.services.portfolios import newest
from mastertrade.exceptions import (
    InvalidInput,
    NotFound,
    NotSupported,
    TradeAlreadyClosed,
)
from mastertrade.money import MONEY, PRICE, fits
from mastertrade.validation import (
    require_not_future,
    require_not_negative,
    require_positive,
)
from trades.enums import Side, TradeStatus
from trades.models import Position, Trade
from trades.pnl import Rates, measure_profit_loss

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A closed trade and the goals it moved (none when it was closed before)."""

    trade: Trade
    moves: tuple[GoalMove, ...]

    @property
    def profit_loss(self) -> Decimal:
        """What the trade made, in the portfolio's currency, after fees."""
        if self.trade.profit_loss is None:
            raise ValueError(f"trade {self.trade.pk} is not closed")
        return Decimal(self.trade.profit_loss)


@transaction.atomic
def close_trade(
    *,
    user: User,
    trade_id: int,
    exit_price: Decimal,
    now: datetime,
    exit_time: datetime | None = None,
    fees: Decimal = ZERO,
    quantity: Decimal | None = None,
) -> ClosedTrade:
    """Close the trade, book its profit, move its portfolio and goals: all or nothing.

    Closing a closed trade with the same figures changes nothing; a time left out
    equals any. With other figures it raises `TradeAlreadyClosed`.
    """
    require_positive("exit_price", exit_price, PRICE)
    require_not_negative("fees", fees, MONEY)
    portfolio = _lock_portfolio_of_trade(user, trade_id)
    trade = Trade.objects.locked().select_related("position").get(pk=trade_id)
    if not trade.is_open:
        _refuse_other_figures(trade, exit_price, exit_time, fees, quantity)
        return ClosedTrade(trade, ())
    _refuse_part(trade, quantity)
    if exit_time is not None:
        require_not_future("exit_time", exit_time, now)
    return book_close(
        portfolio,
        trade,
        exit_price=exit_price,
        exit_time=exit_time or max(newest(portfolio, now), trade.entry_time),
        fees=fees,
        now=now,
    )


def book_close(
    portfolio: Portfolio,
    trade: Trade,
    *,
    exit_price: Decimal,
    exit_time: datetime,
    fees: Decimal,
    now: datetime,
) -> ClosedTrade:
    """Close a locked open trade of a locked portfolio, in the caller's transaction."""
    if exit_time < trade.entry_time:
        raise InvalidInput("exit_time", "lies before the trade's entry_time.")
    profit_loss = measure_profit_loss(
        side=Side(trade.side),
        quantity=trade.quantity,
        entry_price=trade.entry_price,
        exit_price=exit_price,
        fees=trade.entry_fees + fees,
        rates=Rates(trade.fx_rate, trade.fee_fx_rate),
    )
    if not fits(profit_loss, MONEY):
        raise InvalidInput("exit_price", "makes a profit that is out of range.")
    trade.exit_price = exit_price
    trade.exit_time = exit_time
    trade.exit_fees = fees
    trade.profit_loss = profit_loss
    trade.status = TradeStatus.CLOSED
    trade.updated_at = now
    trade.save(
        update_fields=[
            "exit_price",
            "exit_time",
            "exit_fees",
            "profit_loss",
            "status",
            "updated_at",
        ]
    )
    # What was unrealised is realised now.
    portfolio.unrealized_pnl -= trade.position.unrealized_pnl
    Position.objects.filter(trade=trade).update(
        status=TradeStatus.CLOSED,
        current_price=exit_price,
        unrealized_pnl=ZERO,
        updated_at=now,
    )
    moves = book_entry(
        portfolio=portfolio,
        amount=profit_loss,
        effective_at=exit_time,
        recorded_at=now,
        trade_id=trade.trade_id,
    )
    return ClosedTrade(trade, tuple(moves))


# SQL, because every close asks it and Django composes a query longer than this runs.
PORTFOLIO_OF_TRADE = """
SELECT p.* FROM portfolios p JOIN trades t USING (portfolio_id)
WHERE t.trade_id = %s AND p.user_id = %s FOR NO KEY UPDATE OF p
"""


def _lock_portfolio_of_trade(user: User, trade_id: int) -> Portfolio:
    mine = Portfolio.objects.raw(PORTFOLIO_OF_TRADE, [trade_id, user.username])
    locked = next(iter(mine), None)
    if locked is None:
        raise NotFound(f"You have no trade {trade_id}.")
    return locked


def _refuse_part(trade: Trade, quantity: Decimal | None) -> None:
    if quantity is None or quantity == trade.quantity:
        return
    require_positive("quantity", quantity, PRICE)
    if quantity > trade.quantity:
        raise InvalidInput("quantity", f"is more than the trade's {trade.quantity:f}.")
    raise NotSupported("Closing a part of a trade is not part of this version.")


def _refuse_other_figures(
    trade: Trade,
    exit_price: Decimal,
    exit_time: datetime | None,
    fees: Decimal,
    quantity: Decimal | None,
) -> None:
    same = (
        trade.exit_price == exit_price
        and trade.exit_fees == fees
        and exit_time in {None, trade.exit_time}
        and quantity in {None, trade.quantity}
    )
    if not same:
        raise TradeAlreadyClosed(
            f"Trade {trade.trade_id} was closed before, with other figures."
        )
