"""Factories of trades, through the real services."""

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import factory

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from strategies.models import StrategyInstance
from strategies.tests.factories import StrategyFactory
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.enums import Side
from trades.importing.import_trades import import_trades
from trades.models import Trade

ENTRY = datetime(2026, 3, 2, 9, tzinfo=UTC)


class TradeFactory(factory.Factory[Trade]):
    """An open LONG of 0.02 BTCUSDT at 50000, a notional of 1000."""

    class Meta:
        model = Trade

    portfolio = factory.SubFactory(PortfolioFactory)
    strategy_id = None
    symbol = "BTCUSDT"
    side = Side.LONG
    quantity = Decimal("0.02")
    entry_price = Decimal(50000)
    entry_time = ENTRY
    now = ENTRY + timedelta(days=365)

    @classmethod
    def _create(cls, model_class: type[Trade], *args: Any, **kwargs: Any) -> Trade:
        portfolio: Portfolio = kwargs.pop("portfolio")
        if kwargs["strategy_id"] is None:
            kwargs["strategy_id"] = ensure_strategy(portfolio).strategy_id
        trade, _ = open_trade(
            user=portfolio.user, portfolio=portfolio.portfolio_id, **kwargs
        )
        return trade


def ensure_strategy(portfolio: Portfolio) -> StrategyInstance:
    """One of the user's strategies, made if there is none."""
    mine = StrategyInstance.objects.filter(user_id=portfolio.user_id)
    return mine.first() or StrategyFactory(user=portfolio.user)


def book_profit(
    portfolio: Portfolio, profit: Decimal, at: datetime = ENTRY, **fields: Any
) -> Trade:
    """Open and close a trade that makes exactly `profit`, at `at`."""
    trade = TradeFactory(
        portfolio=portfolio,
        quantity=Decimal(1),
        entry_price=Decimal(100000),
        entry_time=at,
        now=at,
        **fields,
    )
    closed = close_trade(
        user=portfolio.user,
        trade_id=trade.trade_id,
        exit_price=Decimal(100000) + profit,
        exit_time=at,
        now=at,
    )
    return closed.trade


def import_profits(
    portfolio: Portfolio, profits: Iterable[tuple[datetime, Decimal]]
) -> None:
    """Trades as `book_profit` makes them, all at once: for a record of many."""
    strategy_id = ensure_strategy(portfolio).strategy_id
    rows = [
        {
            "strategy_id": strategy_id,
            "symbol": "BTCUSDT",
            "side": Side.LONG,
            "quantity": "1",
            "entry_price": "100000",
            "entry_time": at.isoformat(),
            "exit_price": str(100000 + profit),
            "exit_time": at.isoformat(),
        }
        for at, profit in profits
    ]
    import_trades(
        user=portfolio.user,
        portfolio=portfolio.portfolio_id,
        source=io.BytesIO(json.dumps(rows).encode()),
        file_name="profits",
        format_name="mastertrade-json",
        now=datetime.fromisoformat(rows[-1]["exit_time"]),
    )
