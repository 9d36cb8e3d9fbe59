"""A reference taken from the present value: with open positions, and late entries."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import DrawdownMode, FloorIn, LimitCause, MarkRole
from goals.models import LimitChange, LimitMark, Portfolio
from goals.services.figures_at import read_figures
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.resuming import resume_trading
from goals.tests.factories import PortfolioFactory
from tests.examples import crossed
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.models import Trade
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
NOW = BEGIN + 5 * HOUR
LOST = -250  # of 1000: the hard floor is at 800


def mark(portfolio: Portfolio, profit: int, at: datetime, symbol: str) -> None:
    price = Decimal(50000) + Decimal(profit) / Decimal("0.02")
    mark_positions(user=portfolio.user, marks=[Mark(symbol, price, at)], now=at)


def close(trade: Trade, profit: int, at: datetime, now: datetime | None = None) -> None:
    close_trade(
        user=trade.portfolio.user,
        trade_id=trade.pk,
        exit_price=Decimal(50000) + Decimal(profit) / Decimal("0.02"),
        exit_time=at,
        now=now or at,
    )


def pay_in(portfolio: Portfolio, amount: int, at: datetime) -> None:
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(amount),
        at=at,
        now=at,
    )


def measure_anew(portfolio: Portfolio, by: LimitCause, now: datetime) -> LimitChange:
    """Resume, or change what the floor is measured by; the row of it."""
    of: dict[str, Any] = {
        "user": portfolio.user,
        "portfolio_id": portfolio.pk,
        "now": now,
    }
    if by is LimitCause.RESUME:
        resume_trading(**of)
    else:
        update_portfolio(**of, drawdown_locks_at=Decimal("1.5"))
    assert_no_drift(portfolio)
    return LimitChange.objects.get(cause=by)


def stored_pnl(change: LimitChange) -> Decimal:
    """The open profit that a reference of the present value was taken with."""
    assert change.of_present
    at, role = change.effective_at, MarkRole.REFERENCE
    mark = LimitMark.objects.get(portfolio=change.portfolio_id, role=role, at=at)
    assert mark.open_pnl == sum(map(Decimal, mark.by_trade.values()))
    return Decimal(mark.open_pnl)


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


MEASURES = [  # a static floor is resumed with a reference given
    (DrawdownMode.TRAILING_CLOSED, FloorIn.UNITS),
    (DrawdownMode.TRAILING, FloorIn.MONEY),
    (DrawdownMode.END_OF_DAY, FloorIn.UNITS),
]


@pytest.fixture
def halted(measure: tuple[str, str]) -> tuple[Portfolio, Trade, Trade]:
    """Halted at its hard floor, with two positions open; money came in at the marks."""
    mode, floor_in = measure
    portfolio = PortfolioFactory(now=BEGIN, drawdown_mode=mode, floor_in=floor_in)
    of = {"portfolio": portfolio, "entry_time": BEGIN, "now": BEGIN, "override": True}
    one, other = (TradeFactory(**of, symbol=symbol) for symbol in ("AAA", "BBB"))
    mark(portfolio, 40, BEGIN + HOUR, "AAA")
    pay_in(portfolio, 100, BEGIN + HOUR)
    book_profit(fresh(portfolio), Decimal(LOST), at=BEGIN + 2 * HOUR)
    mark(portfolio, -90, BEGIN + 3 * HOUR, "AAA")
    mark(portfolio, -90, BEGIN + 3 * HOUR + 9 * SECOND, "AAA")
    assert fresh(portfolio).trading_state == "halted"
    return portfolio, one, other


CAUSES = (LimitCause.RESUME, LimitCause.CHANGE)


@crossed("measure, by, profit", MEASURES, CAUSES, [-90, 60])
def test_it_is_the_lower_of_the_live_and_the_closed_value(
    halted: Any, by: LimitCause, profit: int
) -> None:
    portfolio, *_ = halted
    mark(portfolio, profit, BEGIN + 4 * HOUR, "AAA")
    row = measure_anew(portfolio, by, NOW)
    now = fresh(portfolio)
    in_units = now.floor_in == FloorIn.UNITS
    live_unit = read_figures(now, NOW).live_unit_value
    live = live_unit if in_units else now.equity + profit
    closed = now.unit_value if in_units else now.equity + now.carried
    assert row.start_value == min(live, closed)
    assert stored_pnl(row) == profit


@crossed("measure, by, came", MEASURES, CAUSES, ["a close", "a mark", "both"])
def test_what_a_later_call_booked_first_is_in_it(
    halted: Any, by: LimitCause, came: str
) -> None:
    portfolio, one, _ = halted
    later = NOW + SECOND
    if came != "a close":
        mark(portfolio, -120, later, "BBB")
    if came != "a mark":
        close(one, -60, later)
    row = measure_anew(portfolio, by, NOW)
    now = fresh(portfolio)
    assert row.effective_at == now.floor_set_at == now.limits_changed_at == later
    assert stored_pnl(row) == now.unrealized_pnl
    assert row.start_value == now.floor_start_value


@crossed("measure, by", MEASURES, CAUSES)
def test_entries_that_come_late_are_in_it(halted: Any, by: LimitCause) -> None:
    portfolio, _, other = halted
    mark(portfolio, -30, BEGIN + 4 * HOUR, "BBB")
    before = measure_anew(portfolio, by, NOW)
    past, late = NOW - HOUR / 2, NOW + HOUR
    lost = TradeFactory(
        portfolio=fresh(portfolio), entry_time=past, now=late, override=True
    )
    close(lost, -20, past, late)
    assert_no_drift(portfolio)
    after = LimitChange.objects.get(pk=before.pk)
    assert after.start_value < before.start_value
    void_trade(user=portfolio.user, trade_id=lost.pk, reason="mistaken", now=late)
    assert_no_drift(portfolio)
    after.refresh_from_db()
    assert after.start_value == before.start_value
    close(other, 10, past, late)
    assert_no_drift(portfolio)


def test_a_live_high_of_before_it_is_not_confirmed_after_it() -> None:
    portfolio = PortfolioFactory(now=BEGIN, drawdown_mode=DrawdownMode.TRAILING)
    TradeFactory(portfolio=portfolio, symbol="AAA", entry_time=BEGIN, now=BEGIN)
    mark(portfolio, 200, NOW - 4 * SECOND, "AAA")
    mark(portfolio, 150, NOW - SECOND, "AAA")
    measure_anew(portfolio, LimitCause.CHANGE, NOW)
    mark(portfolio, 300, NOW + 4 * SECOND, "AAA")
    assert fresh(portfolio).floor_peak_value == 1
    assert_no_drift(portfolio)
