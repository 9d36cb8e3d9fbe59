"""What a close makes of a trade's row, whole or in part. Nothing is saved here."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import instant, say
from mastertrade.values.money import MONEY, ZERO, exactly, fits, round_to
from trades.decisions.lots import split_lot
from trades.decisions.pnl import measure_exact_profit, measure_unrealized
from trades.enums import Side, TradeStatus
from trades.models import Trade


@dataclass(frozen=True, slots=True)
class Exit:
    """How a trade, or a part of it, is closed. `fees` and `funding` of this exit.

    `fee_fx_rate` None: as that of the entry's fees.
    """

    price: Decimal
    at: datetime
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    fee_fx_rate: Decimal | None = None


def before_entry(entry_time: datetime) -> InvalidInput:
    """For an exit before the entry."""
    words = say("is before the entry_time, {}.", instant(entry_time))
    return InvalidInput("exit_time", words)


@exactly
def apply_exit(trade: Trade, exited: Exit, now: datetime, by: str) -> None:
    """Set what the close of all that is left of the trade makes of it.

    The profit takes over what rounding left of the parts closed before, so that all
    parts add up to the whole. Refuses an exit before the entry, and what no column
    holds.
    """
    if exited.at < trade.entry_time:
        raise before_entry(trade.entry_time)
    trade.exit_price = exited.price
    trade.exit_time = exited.at
    trade.exit_fees = exited.fees
    trade.exit_fee_fx_rate = exited.fee_fx_rate
    trade.funding += exited.funding
    if not fits(trade.funding, MONEY):
        raise InvalidInput("funding", "is out of range.")
    exact = trade.unbooked_profit + measure_exact_profit(
        side=Side(trade.side),
        lot=trade.lot,
        exit_price=exited.price,
        exit_fees=exited.fees,
        rates=trade.rates,
    )
    trade.profit_loss = round_to(exact, MONEY)
    if not fits(trade.profit_loss, MONEY):
        raise InvalidInput("exit_price", "makes a profit that is out of range.")
    trade.unbooked_profit = exact - trade.profit_loss
    trade.status = TradeStatus.CLOSED
    trade.updated_at, trade.updated_by = now, by


def split_trade(
    trade: Trade, exited: Exit, quantity: Decimal, now: datetime, by: str
) -> Trade:
    """Take a closed part out of an open trade, which keeps the rest; both unsaved."""
    part_stake, rest = split_lot(trade.lot, quantity)
    part = Trade(
        user_id=trade.user_id,
        portfolio_id=trade.portfolio_id,
        strategy_id=trade.strategy_id,
        symbol=trade.symbol,
        side=trade.side,
        leverage=trade.leverage,
        stop_price=trade.stop_price,
        quote_currency=trade.quote_currency,
        fee_currency=trade.fee_currency,
        fx_rate=trade.fx_rate,
        fee_fx_rate=trade.fee_fx_rate,
        entry_time=trade.entry_time,
        adjustment_id=trade.adjustment_id,
        parent_trade=trade,
        unbooked_profit=trade.unbooked_profit,
        created_at=now,
        created_by=by,
    )
    part.apply_lot(part_stake)
    apply_exit(part, exited, now, by)
    trade.apply_lot(rest)
    trade.unbooked_profit, part.unbooked_profit = part.unbooked_profit, ZERO
    trade.updated_at, trade.updated_by = now, by
    return part


def measure_open(trade: Trade, price: Decimal) -> Decimal:
    """What an open trade would make at this price, before fees and funding."""
    return measure_unrealized(
        side=Side(trade.side), lot=trade.lot, price=price, rates=trade.rates
    )


@exactly
def measure_open_pnl(trade: Trade, price: Decimal) -> Decimal:
    """What closing it at this price would book, before the exit's fees."""
    exact = trade.unbooked_profit + measure_exact_profit(
        side=Side(trade.side),
        lot=trade.lot,
        exit_price=price,
        exit_fees=ZERO,
        rates=trade.rates,
    )
    return round_to(exact, MONEY)
