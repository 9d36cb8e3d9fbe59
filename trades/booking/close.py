"""Closing trades, whole or in parts: the profit is booked and the goals move."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models.fields.json import KeyTextTransform

from goals.models import LedgerChange, Portfolio, User
from goals.services.booking import book_entry
from goals.services.ledger import ClosedProfit, GoalMove
from goals.services.portfolios import newest
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import (
    IdempotencyConflict,
    InvalidInput,
    TradeAlreadyClosed,
    TradeNotOpen,
)
from mastertrade.values.in_text import exact, say
from mastertrade.values.money import (
    CARRIED,
    MONEY,
    PRICE,
    ZERO,
    exactly,
    round_to,
)
from mastertrade.values.validation import (
    fingerprint,
    refuse,
    require_decimal,
    require_not_future,
    require_not_negative,
    require_positive,
    require_visible,
)
from trades.booking.exits import Exit, apply_exit, before_entry, split_trade
from trades.booking.rows import (
    lock_portfolio_of_trade,
    lock_trade,
    move_part,
    save_closed,
    save_open,
)
from trades.booking.trade_input import IMPORTED
from trades.enums import TradeStatus
from trades.models import Trade


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A trade of which something was closed, and the goals that moved.

    `booked` is the row whose profit was booked: the trade itself, or the closed part
    of it. No moves when it had been closed before.
    """

    trade: Trade
    booked: Trade
    moves: tuple[GoalMove, ...]

    @property
    def profit_loss(self) -> Decimal:
        """What the booked row made, in the portfolio's currency, after fees."""
        if self.booked.profit_loss is None:
            raise ValueError(f"trade {self.booked.pk} is not closed")
        return Decimal(self.booked.profit_loss)


@atomic
def close_trade(
    *,
    user: User,
    trade_id: int,
    exit_price: Decimal,
    now: datetime,
    exit_time: datetime | None = None,
    fees: Decimal = ZERO,
    quantity: Decimal | None = None,
    funding: Decimal = ZERO,
    fee_fx_rate: Decimal | None = None,
    external_id: str | None = None,
    recorded_by: str | None = None,
) -> ClosedTrade:
    """Close the trade, book its profit, move its portfolio and goals: all or nothing.

    A `quantity` below what is open closes a part: a closed row of its own, which
    `external_id` names, so that the same call again adds nothing; the rest stays open.
    Closing a closed trade with the same figures changes nothing; a time not given
    equals any. With other figures it raises `TradeAlreadyClosed`. `recorded_by` is the
    user unless somebody else does it for them.
    """
    _check(exit_price, fees, quantity, funding, fee_fx_rate)
    require_visible("external_id", external_id)
    given = {
        "exit_price": exit_price,
        "exit_time": exit_time,
        "fees": fees,
        "quantity": quantity,
        "funding": funding,
        "fee_fx_rate": fee_fx_rate,
    }
    portfolio = lock_portfolio_of_trade(user, trade_id)
    trade = lock_trade(trade_id, exit_time or newest(portfolio, now))
    known = _find_known_part(trade, external_id, given)
    if known is not None:
        return ClosedTrade(trade, known, ())
    if not trade.is_open:
        _refuse_other_figures(trade, given)
        return ClosedTrade(trade, trade, ())
    if exit_time is not None:
        require_not_future("exit_time", exit_time, now)
    refuse(wrong_in_exit(trade, quantity, exit_time))
    exited = Exit(
        price=exit_price,
        at=exit_time or max(newest(portfolio, now), trade.entry_time),
        fees=fees,
        funding=funding,
        fee_fx_rate=fee_fx_rate,
    )
    by = recorded_by or user.username
    if quantity is None or quantity == trade.quantity:
        return book_close(portfolio, trade, exited, now=now, by=by)
    return _book_part(portfolio, trade, exited, quantity, external_id, given, now, by)


def wrong_in_exit(
    trade: Trade, quantity: Decimal | None, exit_time: datetime | None
) -> Iterator[InvalidInput]:
    """What of an exit contradicts the open trade."""
    if quantity is not None and quantity > trade.quantity:
        words = say("is more than the trade's {}.", exact(trade.quantity))
        yield InvalidInput("quantity", words)
    if exit_time is not None and exit_time < trade.entry_time:
        yield before_entry(trade.entry_time)


def book_close(
    portfolio: Portfolio, trade: Trade, exited: Exit, *, now: datetime, by: str
) -> ClosedTrade:
    """Close a locked open trade of a locked portfolio, in the caller's transaction."""
    apply_exit(trade, exited, now, by)
    changes = {trade.trade_id: -trade.open_pnl}  # it is realised now
    portfolio.revalue(changes, exited.at, is_exit=True)
    save_closed(trade)
    moves = _book(portfolio, trade, trade, exited, now)
    return ClosedTrade(trade, trade, tuple(moves))


def _book_part(
    portfolio: Portfolio,
    trade: Trade,
    exited: Exit,
    quantity: Decimal,
    external_id: str | None,
    given: dict[str, Any],
    now: datetime,
    by: str,
) -> ClosedTrade:
    part = split_trade(trade, exited, quantity, now, by)
    part.external_id = external_id
    part.request_fingerprint = fingerprint(given)
    part.save(force_insert=True)
    move_part(portfolio, trade, part, back=False)
    portfolio.revalue({trade.trade_id: save_open(trade)}, exited.at, is_exit=True)
    moves = _book(portfolio, trade, part, exited, now)
    return ClosedTrade(trade, part, tuple(moves))


def _book(
    portfolio: Portfolio, trade: Trade, booked: Trade, exited: Exit, now: datetime
) -> list[GoalMove]:
    return book_entry(
        portfolio=portfolio,
        entry=ClosedProfit(
            amount=booked.profit_loss or ZERO,
            trade_id=trade.trade_id,
            closed_trade_id=booked.trade_id,
            carried=_released(trade, booked),
        ),
        effective_at=exited.at,
        recorded_at=now,
        what=f"Trade {booked.trade_id}",
    )


@exactly
def _released(trade: Trade, booked: Trade) -> Decimal:
    """What the trade carried of what is closed, by quantity; all with all of it."""
    if trade is booked or trade.carried == 0:
        return trade.carried
    left = trade.quantity - trade.added_later
    if left <= 0:
        return trade.carried
    share = trade.carried * booked.quantity
    return round_to(share / (left + booked.quantity), CARRIED)


def _check(
    exit_price: Decimal,
    fees: Decimal,
    quantity: Decimal | None,
    funding: Decimal,
    fee_fx_rate: Decimal | None,
) -> None:
    require_positive("exit_price", exit_price, PRICE)
    require_not_negative("fees", fees, MONEY)
    require_decimal("funding", funding, MONEY)
    if quantity is not None:
        require_positive("quantity", quantity, PRICE)
    if fee_fx_rate is not None:
        require_positive("fee_fx_rate", fee_fx_rate, PRICE)


def _find_known_part(
    trade: Trade, external_id: str | None, given: dict[str, Any]
) -> Trade | None:
    """The part that this call closed before; a conflict if the id is another's."""
    digest = fingerprint(given)
    if external_id is None or external_id == trade.external_id:
        return None
    known = Trade.objects.filter(
        portfolio_id=trade.portfolio_id, external_id=external_id
    ).first()
    if known is None:
        return None
    same = known.request_fingerprint == digest or (
        known.request_fingerprint == IMPORTED and _ended_by(known, given)
    )
    if known.parent_trade_id != trade.pk or not same:
        raise IdempotencyConflict.of("The trade", external_id)
    return known


def _refuse_other_figures(trade: Trade, given: dict[str, Any]) -> None:
    if trade.status == TradeStatus.VOID:
        raise TradeNotOpen(f"Trade {trade.trade_id} is void.")
    if not _ended_by(trade, given):
        raise TradeAlreadyClosed(
            f"Trade {trade.trade_id} was closed before, with other figures. To correct "
            "them, void it and record it again."
        )


def _ended_by(trade: Trade, given: dict[str, Any]) -> bool:
    """What a call leaves out equals anything."""
    return (
        trade.exit_price == given["exit_price"]
        and trade.exit_fees == given["fees"]
        and given["exit_time"] in {None, trade.exit_time}
        and given["quantity"] in {None, trade.quantity}
        and given["fee_fx_rate"] in {None, trade.exit_fee_fx_rate}
        and _closed_with_funding(trade, given["funding"])
    )


def _closed_with_funding(trade: Trade, funding: Decimal) -> bool:
    """Whether this much of the trade's funding came with its close.

    One that was imported closed has its whole funding, which a call may leave out.
    """
    closed = (
        LedgerChange.objects.filter(trade_id=trade.pk, action="closed")
        .annotate(funding_before=KeyTextTransform("funding", "before"))
        .order_by("change_id")
        .last()
    )
    if closed is None:
        return funding in {ZERO, trade.funding}
    before: str | None = closed.funding_before
    added = ZERO if before is None else trade.funding - Decimal(before)
    return funding == added
