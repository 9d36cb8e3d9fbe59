"""What a day is measured from, where limits change or a person resumes within it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import TradingState
from goals.models import LimitChange, Portfolio, TradingHalt
from goals.services.figures_at import read_figures
from goals.services.floors import FloorsState, read_floors
from goals.services.portfolios import update_portfolio
from goals.services.resuming import resume_trading
from goals.tests.factories import PortfolioFactory
from tests.http import count_statements
from trades.booking.cash_flows import record_valued_cash_flow
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 6, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLOORS_IN = pytest.mark.parametrize(
    ("floor_in", "other"), [("money", "units"), ("units", "money")]
)


def earn(portfolio: Portfolio, amount: int, hours: float) -> None:
    at = BEGIN + hours * HOUR
    book_profit(fresh(portfolio), Decimal(amount), at=at, override=True)


def flow(portfolio: Portfolio, amount: int, hours: float) -> None:
    at = BEGIN + hours * HOUR
    record_valued_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(amount),
        now=at,
        at=at,
    )


def change(portfolio: Portfolio, hours: float, **limits: Any) -> Portfolio:
    return update_portfolio(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=BEGIN + hours * HOUR,
        **limits,
    )


def resume(portfolio: Portfolio, hours: float) -> Portfolio:
    return resume_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, now=BEGIN + hours * HOUR
    )


def floors_at(portfolio: Portfolio, hours: float) -> FloorsState:
    at = BEGIN + hours * HOUR
    return read_floors(read_figures(fresh(portfolio), at), at, with_day=True)


def day_of(portfolio: Portfolio, hours: float) -> tuple[Decimal, Decimal, Decimal]:
    """Anchors and the highest close, in money."""
    state = floors_at(portfolio, hours)
    assert state.day is not None
    day, money = state.day, state.floors.money
    return money(day.anchor_live), money(day.anchor_closed), money(day.high_closed)


def halts_of(portfolio: Portfolio) -> list[tuple[str, float]]:
    stored = TradingHalt.objects.filter(portfolio=portfolio, withdrawn_at=None)
    rows = stored.order_by("halted_at", "cause").values_list("cause", "halted_at")
    return [(cause, (at - BEGIN) / HOUR) for cause, at in rows]


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


@FLOORS_IN
def test_a_change_of_floor_in_leaves_what_the_day_has_made(
    floor_in: str, other: str
) -> None:
    portfolio = PortfolioFactory(
        now=BEGIN,
        floor_in=floor_in,
        daily_loss_limit_pct=Decimal(5),
        daily_on_breach="fail",
    )
    earn(portfolio, 20, 1)
    earn(portfolio, -40, 2)
    assert day_of(portfolio, 2) == (1000, 1000, 1020)
    change(portfolio, 3, floor_in=other)
    assert day_of(portfolio, 3) == (1000, 1000, 1020)
    assert_no_drift(portfolio)
    earn(portfolio, -29, 4)
    assert halts_of(portfolio) == []
    earn(portfolio, -1, 5)
    assert halts_of(portfolio) == [("daily_loss", 5)]
    assert_no_drift(portfolio)


@FLOORS_IN
def test_an_entry_from_before_a_change_of_floor_in_moves_no_day(
    floor_in: str, other: str
) -> None:
    portfolio = PortfolioFactory(
        now=BEGIN,
        floor_in=floor_in,
        daily_loss_limit_pct=Decimal(5),
        daily_on_breach="fail",
    )
    earn(portfolio, 2, 1)
    change(portfolio, 2, floor_in=other)
    earn(portfolio, 1, 1.5)
    assert halts_of(portfolio) == []
    assert day_of(portfolio, 3) == (1000, 1000, 1003)
    assert_no_drift(portfolio)


@pytest.mark.parametrize("amount", [-50, 500])
@pytest.mark.parametrize("on_breach", ["fail", "halt_day"])
def test_a_flow_after_a_resume_moves_no_day_in_money(
    amount: int, on_breach: str
) -> None:
    """Live and after a rebuild the day is measured from the money of the resume."""
    portfolio = PortfolioFactory(
        now=BEGIN,
        floor_in="money",
        daily_loss_limit_pct=Decimal(4),
        daily_on_breach=on_breach,
    )
    earn(portfolio, -60, 1)
    resume(portfolio, 2)
    flow(portfolio, amount, 3)
    live = floors_at(portfolio, 4), halts_of(portfolio)
    assert_no_drift(portfolio)
    earn(portfolio, 0, 0.5)
    rebuilt = floors_at(portfolio, 4), halts_of(portfolio)
    assert rebuilt == live
    assert_no_drift(portfolio)


def test_a_change_and_a_resume_of_one_instant_are_in_the_order_they_came():
    portfolio = PortfolioFactory(now=BEGIN, hard_drawdown_pct=Decimal(10))
    earn(portfolio, -150, 1)
    change(portfolio, 2, daily_profit_lock_pct=Decimal(3))
    resume(portfolio, 2)
    change(portfolio, 2, daily_loss_limit_pct=Decimal(3))
    assert_no_drift(portfolio)
    earn(portfolio, 1, 0.5)
    assert halts_of(portfolio) == [("hard_drawdown", 1)]
    assert fresh(portfolio).trading_state == TradingState.ACTIVE
    times = list(LimitChange.objects.filter(portfolio=portfolio).order_by("pk"))
    at = [row.effective_at for row in times if row.effective_at is not None]
    assert at == sorted(set(at))


def test_a_halt_by_a_change_after_a_resume_of_its_instant_is_no_drift():
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(10))
    TradeFactory(portfolio=portfolio, entry_time=BEGIN, now=BEGIN)
    earn(portfolio, -110, 1)
    resume(portfolio, 2)
    changed = change(portfolio, 2, hard_drawdown_pct=Decimal(10))
    assert changed.trading_state == TradingState.HALTED
    assert [cause for cause, _ in halts_of(portfolio)] == [
        "daily_loss",
        "hard_drawdown",
    ]
    assert_no_drift(portfolio)


def test_the_day_that_is_walked_is_the_one_from_whole_rows():
    """A change that moves nothing makes a day be walked; marks of its start count."""
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(9))
    TradeFactory(portfolio=portfolio, entry_time=BEGIN, now=BEGIN)  # 0.02 at 50000
    for hours, price in ((1, 50500), (10, 50750)):  # +10, and +15 the day after
        at = BEGIN + hours * HOUR
        marks = [Mark("BTCUSDT", Decimal(price), at)]
        mark_positions(user=portfolio.user, marks=marks, now=at)
    earn(portfolio, 20, 11)
    earn(portfolio, -5, 12)
    whole = floors_at(portfolio, 13)
    assert whole.day is not None
    assert whole.day.anchor_live == Decimal("1.01")
    change(portfolio, 13, soft_drawdown_pct=Decimal(7))
    walked = floors_at(portfolio, 13)
    assert (walked.day, walked.floors.daily) == (whole.day, whole.floors.daily)


def test_a_day_that_changed_is_read_in_a_constant_number_of_statements():
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(9))
    change(portfolio, 0.5, soft_drawdown_pct=Decimal(7))

    def read() -> int:
        with count_statements() as sent:
            floors_at(portfolio, 20)
        return len(sent)

    earn(portfolio, 5, 1)
    few = read()
    for minutes in range(10):
        earn(portfolio, 5, 2 + minutes / 60)
        change(portfolio, 3 + minutes / 60, soft_drawdown_pct=Decimal(6 + minutes % 2))
    assert read() == few <= 9
