"""Floors where there is no money yet, or none any more."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.decisions.floor_reference import GivenReference
from goals.enums import GoalStatus, TradingState
from goals.models import FinancialGoal, Portfolio, TradingHalt
from goals.services.figures_at import read_figures
from goals.services.floors import FloorsState, read_floors
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.resuming import resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.values.exceptions import InvalidInput
from tests.examples import crossed
from trades.booking.reconcile import find_drift
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 6, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAILING = {"on_breach": "fail", "daily_on_breach": "fail"}


def lose(portfolio: Portfolio, amount: int, hours: float) -> None:
    book_profit(fresh(portfolio), Decimal(-amount), at=BEGIN + hours * HOUR)


def deposit(portfolio: Portfolio, amount: int, hours: float) -> None:
    at = BEGIN + hours * HOUR
    record_cash_flow(
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


def resume(portfolio: Portfolio, hours: float, **given: Any) -> Portfolio:
    return resume_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=BEGIN + hours * HOUR,
        **given,
    )


def floors_at(portfolio: Portfolio, hours: float) -> FloorsState:
    at = BEGIN + hours * HOUR
    return read_floors(read_figures(fresh(portfolio), at), at, with_day=True)


def halts_of(portfolio: Portfolio) -> list[tuple[str, float]]:
    stored = TradingHalt.objects.filter(portfolio=portfolio, withdrawn_at=None)
    rows = stored.order_by("halted_at", "cause").values_list("cause", "halted_at")
    return [(cause, (at - BEGIN) / HOUR) for cause, at in rows]


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


@pytest.mark.parametrize("floor_in", ["units", "money"])
@pytest.mark.parametrize("mode", ["static", "trailing", "trailing_closed"])
def test_an_unfunded_portfolio_has_no_floor_until_its_first_deposit(
    floor_in: str, mode: str
) -> None:
    portfolio = PortfolioFactory(
        now=BEGIN,
        opening_balance=Decimal(0),
        floor_in=floor_in,
        drawdown_mode=mode,
        daily_loss_limit_pct=Decimal(5),
        **FAILING,
    )
    goal = GoalFactory(portfolio=portfolio, target_value=Decimal(5), as_of=BEGIN)
    TradeFactory(portfolio=portfolio, entry_time=BEGIN, now=BEGIN + HOUR)
    changed = change(portfolio, 2, max_trades_per_day=50)
    assert changed.trading_state == TradingState.ACTIVE
    assert_no_drift(portfolio)
    goal.delete()  # a goal that may fail refuses flows in money
    deposit(portfolio, 1000, 3)
    state = floors_at(portfolio, 3)
    per_value = state.floors.money_per_value
    assert state.floors.hard * per_value == 800
    assert state.floors.daily is not None
    assert state.floors.daily * per_value == 950  # of the day of the first deposit
    assert (halts_of(portfolio), state.floors.has_floor) == ([], True)
    assert_no_drift(portfolio)
    lose(portfolio, 50, 4)
    assert halts_of(portfolio) == [("daily_loss", 4)]
    assert_no_drift(portfolio)


def test_the_day_of_the_first_deposit_is_measured_from_it_after_a_change():
    portfolio = PortfolioFactory(
        now=BEGIN,
        opening_balance=Decimal(0),
        floor_in="money",
        daily_loss_limit_pct=Decimal(5),
    )
    deposit(portfolio, 1000, 1)
    lose(portfolio, 20, 2)
    change(portfolio, 3, drawdown_mode="static")
    assert floors_at(portfolio, 3).floors.daily == 950
    lose(portfolio, 25, 4)
    lose(portfolio, 10, 5)
    assert halts_of(portfolio) == [("daily_loss", 5)]
    assert_no_drift(portfolio)


@pytest.mark.parametrize("floor_in", ["units", "money"])
def test_a_new_run_of_units_measures_its_day_from_its_deposit(floor_in: str) -> None:
    """Also where a change of that day sets a reference after it."""
    portfolio = PortfolioFactory(
        now=BEGIN, floor_in=floor_in, daily_loss_limit_pct=Decimal(5)
    )
    lose(portfolio, 1000, 1)
    deposit(portfolio, 2000, 2)
    lose(portfolio, 60, 3)
    change(portfolio, 4, drawdown_mode="static")
    state = floors_at(portfolio, 4)
    assert state.day is not None
    assert state.day.anchor_closed * state.floors.money_per_value == 2000
    lose(portfolio, 40, 5)
    assert halts_of(portfolio)[-1] == ("daily_loss", 5)
    assert_no_drift(portfolio)


@crossed(
    "loss_of, floor_in, loss",
    ["day_start", "start"],
    ["units", "money"],
    [1000, 1250],
)
def test_a_ruined_portfolio_that_was_resumed_is_halted_by_no_floor_of_0(
    floor_in: str, loss_of: str, loss: int
) -> None:
    portfolio = PortfolioFactory(
        now=BEGIN,
        floor_in=floor_in,
        daily_loss_limit_pct=Decimal(4),
        daily_loss_of=loss_of,
        **FAILING,
    )
    lose(portfolio, loss, 1)
    assert halts_of(portfolio) == [("daily_loss", 1), ("hard_drawdown", 1)]
    resume(portfolio, 2)
    assert_no_drift(portfolio)
    for hours in (3, 27):  # the day of it, and one that began with nothing, or less
        changed = change(portfolio, hours, max_trades_per_day=10 + hours)
        assert changed.trading_state == TradingState.ACTIVE
        assert floors_at(portfolio, hours).floors.daily is None
        assert_no_drift(portfolio)
    deposit(portfolio, 1500, 28)
    state = floors_at(portfolio, 28)
    assert state.floors.money(state.floors.hard) == (2500 - loss) * Decimal("0.8")
    assert len(halts_of(portfolio)) == 2
    assert_no_drift(portfolio)


@pytest.mark.parametrize("floor_in", ["units", "money"])
@pytest.mark.parametrize("mode", ["static", "trailing_closed"])
@pytest.mark.parametrize(
    "given",
    [
        GivenReference(floor_equity=Decimal(1000)),
        GivenReference(start_equity=Decimal(1400)),
    ],
)
def test_no_portfolio_is_created_at_its_floor(
    floor_in: str, mode: str, given: GivenReference
) -> None:
    user = UserFactory()
    of = {"user": user, "now": BEGIN, "floor_in": floor_in, "drawdown_mode": mode}
    with pytest.raises(InvalidInput, match="not below the present equity") as refused:
        PortfolioFactory(floor_reference=given, **of)
    assert refused.value.field == "floor_reference"
    allowed = PortfolioFactory(
        floor_reference=GivenReference(floor_equity=Decimal(999)), **of
    )
    change(allowed, 1, max_trades_per_day=50)
    assert halts_of(allowed) == []


def test_a_goal_of_an_unfunded_portfolio_does_not_fail():
    portfolio = PortfolioFactory(
        now=BEGIN, opening_balance=Decimal(0), floor_in="money", **FAILING
    )
    goal = GoalFactory(portfolio=portfolio, as_of=BEGIN)
    change(portfolio, 1, max_trades_per_day=50)
    assert FinancialGoal.objects.get(pk=goal.pk).status == GoalStatus.ACTIVE
