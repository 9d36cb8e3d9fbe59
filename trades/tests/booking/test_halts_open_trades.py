"""A resume next to open trades: what closes earn afterwards holds no open loss."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.models import Portfolio, TradingHalt
from goals.services.figures_at import read_figures
from goals.services.floors import read_floors
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import PortfolioFactory
from tests.examples import crossed
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.models import Trade
from trades.tests.factories import TradeFactory
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def opened(portfolio: Portfolio, symbol: str) -> Trade:
    """10 units at 50: each price above or below makes 10."""
    return TradeFactory(
        portfolio=fresh(portfolio),
        symbol=symbol,
        quantity=Decimal(10),
        entry_price=Decimal(50),
        entry_time=NOON,
        now=NOON,
        override=True,
    )


def mark(trade: Trade, profit: int, minutes: float) -> None:
    """Twice, so that a floor that it reaches is confirmed."""
    marks = [Mark(trade.symbol, Decimal(50) + Decimal(profit) / 10)]
    for seconds in (0, 6):
        at = NOON + minutes * MINUTE + timedelta(seconds=seconds)
        mark_positions(user=trade.user, marks=marks, now=at)


def close(
    trade: Trade, profit: int, minutes: float, later: timedelta = timedelta(0)
) -> None:
    at = NOON + minutes * MINUTE
    close_trade(
        user=trade.user,
        trade_id=trade.trade_id,
        exit_price=Decimal(50) + Decimal(profit) / 10,
        exit_time=at,
        now=at + later,
    )


def resume(portfolio: Portfolio, minutes: float) -> None:
    resume_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=NOON + minutes * MINUTE,
        floor_reference="present",
    )


def in_force(portfolio: Portfolio) -> list[str]:
    halts = TradingHalt.objects.filter(
        portfolio=portfolio, withdrawn_at=None, resumed_at=None
    )
    return sorted(halts.values_list("cause", flat=True))


def drift(portfolio: Portfolio) -> list[str]:
    return [str(row) for row in find_drift([portfolio.pk])]


LOCK = {"daily_profit_lock_pct": Decimal(3)}
# What halts with an open loss of 5 %; without a limit a person does.
HALTED_BY: dict[str, dict[str, Any]] = {
    "person": {},
    "daily_loss": {"daily_loss_limit_pct": Decimal(4)},
    "hard_drawdown": {
        "hard_drawdown_pct": Decimal(4),
        "soft_drawdown_pct": Decimal(4),
        "drawdown_mode": "static",
    },
}


@crossed(
    "halted_by, floor_in, later",
    [*((cause, -50) for cause in HALTED_BY), ("person", 50)],
    ["units", "money"],
    [timedelta(0), DAY],
)
def test_what_was_open_at_a_resume_is_no_profit_and_no_loss_of_the_lock(
    halted_by: tuple[str, int], floor_in: str, later: timedelta
) -> None:
    cause, open_pnl = halted_by
    limits = HALTED_BY[cause]
    portfolio = PortfolioFactory(now=NOON - DAY, floor_in=floor_in, **LOCK, **limits)
    loses, flat, earns = (opened(portfolio, symbol) for symbol in "ABC")
    mark(loses, open_pnl, 1)
    if not limits:
        halt_trading(
            user=portfolio.user,
            portfolio_id=portfolio.pk,
            reason="lunch",
            now=NOON + 1.5 * MINUTE,
        )
    resume(portfolio, 2)
    close(flat, 0, 3, later)
    assert in_force(portfolio) == []
    close(earns, 29, 4, later)
    assert in_force(portfolio) == []
    close(loses, 1, 5, later)
    assert in_force(portfolio) == ["profit_lock"]
    halt = TradingHalt.objects.get(portfolio=portfolio, cause="profit_lock")
    assert halt.halted_at == NOON + 5 * MINUTE
    assert "a profit of 3 % since trading was resumed" in halt.reason
    assert drift(portfolio) == []


@pytest.mark.parametrize("anchor", ["equity", "balance", "higher"])
def test_a_resume_next_to_an_open_loss_measures_the_days_loss_from_the_live_value(
    anchor: str,
) -> None:
    limits = {"daily_loss_limit_pct": Decimal(4), "daily_loss_anchor": anchor}
    portfolio = PortfolioFactory(now=NOON - DAY, **limits)
    trade = opened(portfolio, "A")
    mark(trade, -50, 1)
    assert in_force(portfolio) == ["daily_loss"]
    resume(portfolio, 2)
    at = NOON + 2 * MINUTE
    state = read_floors(read_figures(fresh(portfolio), at), at)
    assert state.floors.daily == Decimal("0.912")
    mark(trade, -87, 3)
    assert in_force(portfolio) == []
    mark(trade, -88, 4)
    assert in_force(portfolio) == ["daily_loss"]
    assert drift(portfolio) == []
