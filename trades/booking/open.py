"""Recording trades: opened now, or known whole."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Exists

from goals.decisions.periods import MICROSECOND
from goals.models import GoalAdjustmentLog, Portfolio, TradingHalt, User
from goals.services.alerting import alert_overridden
from goals.services.entries import counts_entry, judge_entry, note_entry
from goals.services.funding import deposit_call
from goals.services.halts import refuse_while_halted, saving_halts
from goals.services.portfolios import lock_portfolio, newest
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import (
    IdempotencyConflict,
    InvalidInput,
    PortfolioRuined,
)
from mastertrade.values.in_text import exact_money, say
from mastertrade.values.money import MONEY, ONE, PRICE, ZERO, fits
from mastertrade.values.validation import (
    fingerprint,
    require_not_future,
    require_positive,
)
from strategies.models import StrategyInstance
from strategies.services import no_strategy
from trades.booking.close import ClosedTrade, book_close
from trades.booking.exits import Exit
from trades.booking.references import no_decision
from trades.booking.trade_input import GivenExit, TradeInput, find_known
from trades.decisions.pnl import Rates, measure_notional
from trades.models import Position, Trade


@saving_halts
@atomic
def open_trade(
    *,
    user: User,
    now: datetime,
    portfolio: int | str | None = None,
    override: bool = False,
    is_fill: bool = False,
    recorded_by: str | None = None,
    **fields: Any,
) -> tuple[Trade, bool]:
    """Record a trade that is open now; returns it, and whether it is new.

    `fields` as in `TradeInput`. The same `external_id` with the same figures returns
    the first one, whatever became of it since. While trading is halted it raises
    `TradingHalted`, but for an `override`, which the trade keeps; a fill that an
    exchange has made already (`is_fill`) is booked, and with any stop. `recorded_by`
    is the user unless somebody else does it for them.
    """
    given = TradeInput(**fields)
    given.validate()
    locked = lock_portfolio(user=user, portfolio=portfolio)
    trade_input = given.with_defaults(locked)
    digest = fingerprint(asdict(trade_input))
    known = find_known(locked, trade_input, digest)
    if known is not None:
        return known, False
    if not is_fill:
        trade_input.refuse_winning_stop()
    if trade_input.entry_time is not None:
        require_not_future("entry_time", trade_input.entry_time, now)
    entry_time = trade_input.entry_time or newest(locked, now)
    by = recorded_by or user.username
    halt = None
    if not is_fill:
        halt = refuse_while_halted(locked, now, override=override, by=by)
    trade = _insert(user, locked, trade_input, digest, entry_time, now, by, halt)
    if halt is not None:
        alert_overridden(locked, halt, trade.trade_id, str(trade), by, now)
    return trade, True


@atomic
def record_closed_trade(
    *,
    user: User,
    now: datetime,
    exit_price: Decimal,
    exit_time: datetime | None = None,
    profit_loss: Decimal | None = None,
    portfolio: int | str | None = None,
    recorded_by: str | None = None,
    **fields: Any,
) -> tuple[ClosedTrade, bool]:
    """Record a trade that is over, in one step: opened and closed, or neither.

    `profit_loss`, if given, must be what the figures say; `recorded_by` as in
    `open_trade`.
    """
    given = TradeInput(**fields)
    given.validate()
    require_positive("exit_price", exit_price, PRICE)
    locked = lock_portfolio(user=user, portfolio=portfolio)
    trade_input = given.with_defaults(locked)
    exit_given = {"exit_price": exit_price, "exit_time": exit_time}
    digest = fingerprint({**asdict(trade_input), **exit_given})
    known = find_known(locked, trade_input, digest, GivenExit(exit_price, exit_time))
    if known is not None:
        _refuse_other_profit(known, profit_loss)
        return ClosedTrade(known, known, ()), False
    for name, at in (("entry_time", trade_input.entry_time), ("exit_time", exit_time)):
        if at is not None:
            require_not_future(name, at, now)
    closed_at = exit_time or newest(locked, now)
    entry_time = trade_input.entry_time or closed_at
    by = recorded_by or user.username
    # The log knows who made a change where it has a time of its own.
    before = now - MICROSECOND
    trade = _insert(
        user, locked, trade_input, digest, entry_time, now, by, updated_at=before
    )
    exited = Exit(price=exit_price, at=closed_at)
    closed = book_close(locked, trade, exited, now=now, by=by)
    if profit_loss is not None and profit_loss != closed.trade.profit_loss:
        raise InvalidInput(
            "profit_loss",
            say(
                "{} was sent, but the figures give {}.",
                exact_money(profit_loss),
                exact_money(closed.profit_loss),
            ),
        )
    return closed, True


def _refuse_other_profit(known: Trade, profit_loss: Decimal | None) -> None:
    if profit_loss is not None and profit_loss != known.profit_loss:
        raise IdempotencyConflict(
            f"The trade {known.external_id} was recorded with another profit_loss. "
            "Leave it out, or use another external_id."
        )


def _insert(
    user: User,
    portfolio: Portfolio,
    trade_input: TradeInput,
    digest: str,
    entry_time: datetime,
    now: datetime,
    by: str,
    overridden: TradingHalt | None = None,
    *,
    updated_at: datetime | None = None,
) -> Trade:
    rates, is_counted = _check(portfolio, trade_input, entry_time)
    trade = Trade(
        user=user,
        portfolio=portfolio,
        strategy_id=trade_input.strategy_id,
        symbol=trade_input.symbol,
        side=trade_input.side,
        quantity=trade_input.quantity,
        entry_price=trade_input.entry_price,
        stop_price=trade_input.stop_price,
        entry_fees=trade_input.fees,
        quote_currency=trade_input.quote_currency or portfolio.currency,
        fee_currency=trade_input.fee_currency or portfolio.currency,
        fx_rate=rates.quote,
        fee_fx_rate=rates.fee,
        leverage=trade_input.leverage or ONE,
        funding=trade_input.funding or ZERO,
        entry_time=entry_time,
        adjustment_id=trade_input.adjustment_id,
        override_halt=overridden,
        external_id=trade_input.external_id,
        request_fingerprint=digest,
        created_at=now,
        created_by=by,
        updated_at=updated_at or now,
        updated_by=by,
    )
    trade.save(force_insert=True)
    trade.position = _open_position(trade)
    what = f"Trade {trade.trade_id} entered at {entry_time:%Y-%m-%d %H:%M} UTC"
    reason = f"{what} arrived late"
    if is_counted:
        note_entry(portfolio, entry_time, now, reason)
    judge_entry(portfolio, entry_time, now, reason)
    return trade


def _open_position(trade: Trade) -> Position:
    return Position.objects.create(
        trade=trade,
        user=trade.user,
        portfolio=trade.portfolio,
        symbol=trade.symbol,
        side=trade.side,
        quantity=trade.quantity,
        entry_price=trade.entry_price,
        current_price=trade.entry_price,
        opened_at=trade.entry_time,
        updated_at=trade.updated_at,
    )


def _check(
    portfolio: Portfolio, trade_input: TradeInput, entry_time: datetime
) -> tuple[Rates, bool]:
    """Refuse what this portfolio cannot take.

    Returns the rates that convert it, and whether a goal counts its entry.
    """
    if portfolio.account.is_ruined:
        raise PortfolioRuined(
            f"Portfolio {portfolio.name} is ruined; no trade opens until a deposit. "
            f"Deposit: {deposit_call(portfolio)}."
        )
    is_counted = _refuse_unknown_references(portfolio, trade_input, entry_time)
    rates = trade_input.rates_in(portfolio)
    if not fits(
        measure_notional(trade_input.quantity, trade_input.entry_price, rates), MONEY
    ):
        raise InvalidInput("quantity", "times entry_price is out of range.")
    return rates, is_counted


def _refuse_unknown_references(
    portfolio: Portfolio, trade_input: TradeInput, entry_time: datetime
) -> bool:
    """The strategy must be the user's, the decision the portfolio's: one query.

    Returns what the same query says of goals: whether one counts the entry.
    """
    decision = GoalAdjustmentLog.objects.filter(
        pk=trade_input.adjustment_id or 0, portfolio=portfolio
    )
    mine = StrategyInstance.objects.tradable_in(portfolio)
    found = (
        mine.filter(strategy_id=trade_input.strategy_id)
        .annotate(
            decision_found=Exists(decision),
            is_counted=counts_entry(portfolio, entry_time),
        )
        .values_list("decision_found", "is_counted")
        .first()
    )
    if found is None:
        raise no_strategy("strategy_id", mine, trade_input.strategy_id)
    decision_found, is_counted = found
    if trade_input.adjustment_id is not None and not decision_found:
        raise no_decision(portfolio, trade_input.adjustment_id)
    return bool(is_counted)
