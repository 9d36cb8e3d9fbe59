"""A mark that nobody looked at for long is judged by the limits and the peak of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import GoalStatus, TradingState
from goals.models import FinancialGoal, Portfolio, TradingHalt
from goals.services.portfolios import update_portfolio
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.examples import crossed
from trades.booking.cash_flows import record_valued_cash_flow
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.models import Trade
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 6, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARKED_AT = BEGIN + 2 * HOUR
HALTED_AT = MARKED_AT + timedelta(minutes=1)


def fallen(price: int = 40, **limits: Any) -> Trade:
    """2 at 100 of 1000, marked once at the price."""
    portfolio = PortfolioFactory(now=BEGIN, **limits)
    trade: Trade = TradeFactory(
        portfolio=portfolio,
        quantity=Decimal(2),
        entry_price=Decimal(100),
        entry_time=BEGIN + HOUR,
        now=BEGIN + HOUR,
    )
    marks = [Mark("BTCUSDT", Decimal(price), MARKED_AT)]
    mark_positions(user=portfolio.user, marks=marks, now=MARKED_AT)
    return trade


def close(trade: Trade, price: int, hours: float = 10) -> None:
    at = BEGIN + hours * HOUR
    close_trade(
        user=trade.portfolio.user,
        trade_id=trade.pk,
        exit_price=Decimal(price),
        exit_time=at,
        now=at,
    )


def change(trade: Trade, **limits: Any) -> None:
    update_portfolio(
        user=trade.portfolio.user,
        portfolio_id=trade.portfolio_id,
        now=BEGIN + 3 * HOUR,
        **limits,
    )


def flow(trade: Trade) -> None:
    at = BEGIN + 10 * HOUR
    record_valued_cash_flow(
        user=trade.portfolio.user,
        portfolio=trade.portfolio_id,
        amount=Decimal(10),
        now=at,
        at=at,
    )


def halt(trade: Trade) -> None:
    halt_trading(
        user=trade.portfolio.user,
        portfolio_id=trade.portfolio_id,
        reason="enough",
        now=BEGIN + 4 * HOUR,
    )


def earn(trade: Trade) -> None:
    """A close of another trade raises the peak; what is open is marked as it was."""
    at = BEGIN + 10 * HOUR
    book_profit(fresh(trade.portfolio), Decimal(100), at=at, override=True)


def halts_of(trade: Trade) -> list[tuple[str, datetime]]:
    stored = TradingHalt.objects.filter(
        portfolio=trade.portfolio_id, withdrawn_at=None
    ).exclude(cause="person")
    rows = stored.order_by("halted_at", "cause")
    return list(rows.values_list("cause", "halted_at"))


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


THEN: dict[str, Callable[[Trade], None]] = {
    "won": lambda trade: close(trade, 140),
    "lost": lambda trade: close(trade, 40),
    "days_later": lambda trade: close(trade, 140, hours=40),
    "loosened": lambda trade: change(trade, hard_drawdown_pct=Decimal(50)),
    "anew": lambda trade: change(trade, drawdown_mode="trailing"),
    "flow": flow,
    "peak": earn,
    "person": halt,
}


@crossed(
    "then, mode, floor_in",
    THEN,
    ["trailing_closed", "static", "end_of_day"],
    ["units", "money"],
)
def test_what_comes_later_leaves_what_a_mark_had_reached(
    then: str, mode: str, floor_in: str
) -> None:
    trade = fallen(
        hard_drawdown_pct=Decimal(5),
        soft_drawdown_pct=Decimal(2),
        drawdown_mode=mode,
        floor_in=floor_in,
    )
    assert fresh(trade.portfolio).suspected_at == MARKED_AT
    THEN[then](trade)
    assert halts_of(trade) == [("hard_drawdown", HALTED_AT)]
    stored = TradingHalt.objects.get(cause="hard_drawdown")
    assert "live equity 880 is at or below the floor of 950" in stored.reason
    assert Decimal(stored.figures["unrealized_pnl"]) == -120
    portfolio = fresh(trade.portfolio)
    assert (portfolio.trading_state, portfolio.suspected_at) == ("halted", None)
    assert_no_drift(portfolio)


@pytest.mark.parametrize("hours", [3, 30])
def test_a_days_limit_that_was_set_off_later_halted_that_day(hours: int) -> None:
    trade = fallen(80, daily_loss_limit_pct=Decimal(2))
    now = BEGIN + hours * HOUR
    changed = update_portfolio(
        user=trade.portfolio.user,
        portfolio_id=trade.portfolio_id,
        now=now,
        daily_loss_limit_pct=None,
    )
    assert halts_of(trade) == [("daily_loss", HALTED_AT)]
    is_over = hours > 9
    state = TradingState.ACTIVE if is_over else TradingState.HALTED
    assert (changed.trading_state, changed.last_halted_at) == (state, now)
    assert_no_drift(fresh(trade.portfolio))


def test_a_day_is_judged_by_what_it_began_with_once_it_is_over():
    trade = fallen(97, daily_loss_limit_pct=Decimal(2))  # -6: above
    at = BEGIN + 11 * HOUR  # the day after began with it
    for price in (86, 85):
        at += timedelta(seconds=1)
        marks = [Mark("BTCUSDT", Decimal(price), at)]
        mark_positions(user=trade.portfolio.user, marks=marks, now=at)
    assert halts_of(trade) == []
    waits = fresh(trade.portfolio).suspected_at
    assert waits is not None
    close(trade, 140, hours=60)
    assert [cause for cause, _ in halts_of(trade)] == ["daily_loss"]
    assert "a loss of 2." in TradingHalt.objects.get().reason
    assert_no_drift(fresh(trade.portfolio))


def test_the_goals_of_a_mark_that_stood_fail_by_its_limits():
    trade = fallen(
        hard_drawdown_pct=Decimal(5), soft_drawdown_pct=Decimal(2), on_breach="fail"
    )
    goal = GoalFactory(portfolio=fresh(trade.portfolio), as_of=BEGIN)
    change(trade, on_breach="halt")
    failed = FinancialGoal.objects.get(pk=goal.pk)
    assert (failed.status, failed.failed_at) == (GoalStatus.FAILED, HALTED_AT)
    assert_no_drift(fresh(trade.portfolio))


def test_a_mark_just_before_the_days_end_halts_no_day_that_is_over():
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(2))
    TradeFactory(portfolio=portfolio, entry_time=BEGIN, now=BEGIN)  # 0.02 at 50000
    late = datetime(2026, 3, 6, 23, 59, 30, tzinfo=UTC)
    marks = [Mark("BTCUSDT", Decimal(48500), late)]  # -30
    mark_positions(user=portfolio.user, marks=marks, now=late)
    assert fresh(portfolio).suspected_at == late
    at = late + 2 * HOUR
    update_portfolio(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=at,
        max_trades_per_day=90,
    )
    assert not TradingHalt.objects.exists()
    assert_no_drift(fresh(portfolio))
