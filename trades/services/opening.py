"""Recording trades: opened now, or known whole."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Exists

from goals.models import GoalAdjustmentLog, Portfolio, User
from goals.services import lock_portfolio
from goals.services.portfolios import newest
from mastertrade.exceptions import IdempotencyConflict, InvalidInput, PortfolioRuined
from mastertrade.money import FACTOR, MONEY, PRICE, fits
from mastertrade.transactions import atomic
from mastertrade.validation import (
    fingerprint,
    require_decimal,
    require_not_future,
    require_not_negative,
    require_positive,
    require_word,
)
from strategies.models import StrategyInstance
from trades.enums import Side
from trades.models import Position, Trade
from trades.pnl import Rates, measure_notional, resolve_rates
from trades.services.closing import ClosedTrade, book_close
from trades.services.settling import Exit

ZERO = Decimal(0)
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class TradeTicket:
    """What the caller says of a trade. Prices and funding in `quote_currency`, fees in
    `fee_currency`; both are the portfolio's if left out. `quantity` in units of the
    symbol, the full one whatever the leverage; `fees` of the entry; `funding` received
    (positive) or paid so far."""

    strategy_id: str
    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    entry_time: datetime | None = None
    fees: Decimal = ZERO
    stop_price: Decimal | None = None
    adjustment_id: int | None = None
    external_id: str | None = None
    quote_currency: str | None = None
    fee_currency: str | None = None
    fx_rate: Decimal | None = None
    fee_fx_rate: Decimal | None = None
    leverage: Decimal | None = None
    funding: Decimal | None = None

    def validate(self) -> None:
        """Refuse what no column or rule would take; names the field."""
        if not self.symbol.strip():
            raise InvalidInput("symbol", "must not be empty.")
        require_word("side", self.side, Side)
        require_positive("quantity", self.quantity, PRICE)
        require_positive("entry_price", self.entry_price, PRICE)
        require_not_negative("fees", self.fees, MONEY)
        for name in ("stop_price", "fx_rate", "fee_fx_rate"):
            value = getattr(self, name)
            if value is not None:
                require_positive(name, value, PRICE)
        leverage = ONE if self.leverage is None else self.leverage
        if require_decimal("leverage", leverage, FACTOR) < 1:
            raise InvalidInput("leverage", "must be 1 or more.")
        require_decimal(
            "funding", ZERO if self.funding is None else self.funding, MONEY
        )

    def settled(self, portfolio: Portfolio) -> "TradeTicket":
        """The same ticket with the currencies it leaves out, and no needless words."""
        return replace(
            self,
            leverage=None if self.leverage == 1 else self.leverage,
            funding=self.funding or None,
            quote_currency=self.quote_currency or portfolio.currency,
            fee_currency=self.fee_currency or portfolio.currency,
        )


@atomic
def open_trade(
    *, user: User, now: datetime, portfolio: int | str | None = None, **fields: Any
) -> tuple[Trade, bool]:
    """Record a trade that is open now; returns it, and whether it is new.

    `fields` as in `TradeTicket`. The same `external_id` with the same figures returns
    the first one, whatever became of it since.
    """
    given = TradeTicket(**fields)
    given.validate()
    locked = lock_portfolio(user=user, portfolio=portfolio)
    ticket = given.settled(locked)
    digest = fingerprint(asdict(ticket))
    known = _find_known(locked, ticket.external_id, digest)
    if known is not None:
        return known, False
    if ticket.entry_time is not None:
        require_not_future("entry_time", ticket.entry_time, now)
    entry_time = ticket.entry_time or newest(locked, now)
    return _insert(user, locked, ticket, digest, entry_time, now), True


@atomic
def record_closed_trade(
    *,
    user: User,
    now: datetime,
    exit_price: Decimal,
    exit_time: datetime | None = None,
    profit_loss: Decimal | None = None,
    portfolio: int | str | None = None,
    **fields: Any,
) -> tuple[ClosedTrade, bool]:
    """Record a trade that is over, in one step: opened and closed, or neither.

    `profit_loss`, if given, must be what the figures say.
    """
    given = TradeTicket(**fields)
    given.validate()
    require_positive("exit_price", exit_price, PRICE)
    locked = lock_portfolio(user=user, portfolio=portfolio)
    ticket = given.settled(locked)
    told = {"exit_price": exit_price, "exit_time": exit_time}
    digest = fingerprint({**asdict(ticket), **told})
    known = _find_known(locked, ticket.external_id, digest)
    if known is not None:
        _refuse_other_profit(known, profit_loss)
        return ClosedTrade(known, known, ()), False
    for name, at in (("entry_time", ticket.entry_time), ("exit_time", exit_time)):
        if at is not None:
            require_not_future(name, at, now)
    closed_at = exit_time or newest(locked, now)
    entry_time = ticket.entry_time or closed_at
    trade = _insert(user, locked, ticket, digest, entry_time, now)
    exited = Exit(price=exit_price, at=closed_at)
    closed = book_close(locked, trade, exited, now=now, by=user.username)
    if profit_loss is not None and profit_loss != closed.trade.profit_loss:
        raise InvalidInput(
            "profit_loss",
            f"{profit_loss:f} was sent, but the figures make "
            f"{closed.trade.profit_loss:f}.",
        )
    return closed, True


def _find_known(
    portfolio: Portfolio, external_id: str | None, digest: str
) -> Trade | None:
    if external_id is None:
        return None
    known = Trade.objects.filter(portfolio=portfolio, external_id=external_id).first()
    if known is not None and known.request_fingerprint != digest:
        raise IdempotencyConflict(
            f"The trade {external_id} was recorded with other figures."
        )
    return known


def _refuse_other_profit(known: Trade, profit_loss: Decimal | None) -> None:
    if profit_loss is not None and profit_loss != known.profit_loss:
        raise IdempotencyConflict(
            f"The trade {known.external_id} was recorded with another profit_loss."
        )


def _insert(
    user: User,
    portfolio: Portfolio,
    ticket: TradeTicket,
    digest: str,
    entry_time: datetime,
    now: datetime,
) -> Trade:
    rates = _check(user, portfolio, ticket)
    trade = Trade(
        user=user,
        portfolio=portfolio,
        strategy_id=ticket.strategy_id,
        symbol=ticket.symbol,
        side=ticket.side,
        quantity=ticket.quantity,
        entry_price=ticket.entry_price,
        stop_price=ticket.stop_price,
        entry_fees=ticket.fees,
        quote_currency=ticket.quote_currency or portfolio.currency,
        fee_currency=ticket.fee_currency or portfolio.currency,
        fx_rate=rates.quote,
        fee_fx_rate=rates.fee,
        leverage=ticket.leverage or ONE,
        funding=ticket.funding or ZERO,
        entry_time=entry_time,
        adjustment_id=ticket.adjustment_id,
        external_id=ticket.external_id,
        request_fingerprint=digest,
        created_at=now,
        created_by=user.username,
        updated_at=now,
        updated_by=user.username,
    )
    trade.save(force_insert=True)
    trade.position = _open_position(trade)
    trade.unrealized_pnl = ZERO
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


def _check(user: User, portfolio: Portfolio, ticket: TradeTicket) -> Rates:
    """Refuse what this portfolio cannot take; returns the rates that convert it."""
    if portfolio.account.is_ruined:
        raise PortfolioRuined(
            f"Portfolio {portfolio.name} is ruined; no trade opens until a deposit."
        )
    _refuse_unknown_references(user, portfolio, ticket)
    rates = resolve_rates(
        portfolio_currency=portfolio.currency,
        quote_currency=ticket.quote_currency or portfolio.currency,
        fee_currency=ticket.fee_currency or portfolio.currency,
        fx_rate=ticket.fx_rate,
        fee_fx_rate=ticket.fee_fx_rate,
    )
    if not fits(measure_notional(ticket.quantity, ticket.entry_price, rates), MONEY):
        raise InvalidInput("quantity", "times entry_price is out of range.")
    return rates


def _refuse_unknown_references(
    user: User, portfolio: Portfolio, ticket: TradeTicket
) -> None:
    """The strategy must be the user's, the decision the portfolio's: one query."""
    decision = GoalAdjustmentLog.objects.filter(
        pk=ticket.adjustment_id or 0, portfolio=portfolio
    )
    found = (
        StrategyInstance.objects.filter(
            user_id=user.username, strategy_id=ticket.strategy_id
        )
        .annotate(decision_found=Exists(decision))
        .values_list("decision_found", flat=True)
        .first()
    )
    if found is None:
        raise InvalidInput("strategy_id", f"You have no strategy {ticket.strategy_id}.")
    if ticket.adjustment_id is not None and not found:
        raise InvalidInput(
            "adjustment_id",
            f"Portfolio {portfolio.name} has no decision {ticket.adjustment_id}.",
        )
