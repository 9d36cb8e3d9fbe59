"""A portfolio's performance, as its ledger and its decisions have it."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.models import Portfolio
from goals.services.resuming import halt_trading
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from trades.booking.add import add_to_trade
from trades.booking.cash_flows import record_valued_cash_flow
from trades.booking.close import close_trade
from trades.booking.void import void_trade
from trades.decisions.obedience import Sized
from trades.services import own_performance
from trades.services.own_performance import OwnPerformance, measure_performance
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, book_profit, import_profits

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
NOW = START + 100 * DAY


def measure(portfolio: Portfolio, now: datetime = NOW) -> OwnPerformance:
    found = measure_performance(Portfolio.objects.get(pk=portfolio.pk), now)
    assert found is not None
    return found


def deposit(portfolio: Portfolio, amount: int, at: datetime) -> None:
    record_valued_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(amount),
        at=at,
        now=at,
    )


def test_nothing_booked_is_no_performance() -> None:
    assert measure_performance(PortfolioFactory(), NOW) is None


def test_a_deposit_moves_neither_the_unit_return_nor_the_money_made() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(100), START + DAY)
    deposit(portfolio, 1100, START + 2 * DAY)
    book_profit(portfolio, Decimal(-220), START + 3 * DAY)

    found = measure(portfolio)

    assert (found.unit_return_pct, found.money_made) == (-1, -120)
    assert found.flows == [(date(2026, 3, 3), 1100)]
    assert found.money_weighted.pct is not None
    assert -10 < found.money_weighted.pct < -1


def test_without_flows_both_returns_are_the_same() -> None:
    portfolio = PortfolioFactory()
    for day, profit in ((1, 80), (5, -30), (9, 111)):
        book_profit(portfolio, Decimal(profit), START + day * DAY)

    found = measure(portfolio)

    assert found.unit_return_pct == found.money_weighted.pct == Decimal("16.1")


def test_a_year_is_named_from_a_year_on() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(100), START)

    year = measure(portfolio, START + timedelta(days=365))

    assert year.money_weighted.yearly_pct == 10
    assert measure(portfolio).money_weighted.yearly_pct is None


def test_days_count_closes_and_not_cash_flows() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(10), START + DAY)
    book_profit(portfolio, Decimal(-4), START + DAY)
    deposit(portfolio, 50, START + DAY)
    deposit(portfolio, 50, START + 2 * DAY)

    days = [(one.day.day, one.profit, one.closes) for one in measure(portfolio).days]

    assert days == [(2, 6, 2), (3, 0, 0)]


def test_trading_days_begin_when_the_portfolio_says() -> None:
    portfolio = PortfolioFactory(time_zone="America/Chicago", day_starts_at=time(17))
    for hour in (16, 18, 33):  # local: before the day begins, in it, and next noon
        at = datetime(2026, 3, 2, 6, tzinfo=UTC) + timedelta(hours=hour)
        book_profit(portfolio, Decimal(hour), at)
        deposit(portfolio, 1, at)

    days = [(one.day.day, one.profit, one.closes) for one in measure(portfolio).days]

    assert days == [(1, 16, 1), (2, 51, 2)]


def test_values_are_of_the_run_of_units_under_way() -> None:
    portfolio = PortfolioFactory(hard_drawdown_pct=Decimal(100))
    book_profit(portfolio, Decimal(-1000), START + DAY)
    deposit(portfolio, 500, START + 2 * DAY)
    book_profit(portfolio, Decimal(50), START + 3 * DAY, override=True)

    found = measure(portfolio)

    assert found.unit_return_pct == 10
    assert (found.began, found.run_began) == (date(2026, 3, 2), date(2026, 3, 3))
    assert [one.unit_value for one in found.values] == [1, Decimal("1.1")]
    assert found.money_made == -950


def advised(portfolio: Portfolio, at: datetime) -> Any:
    """A decision that advises 1,300: behind, by the ladder."""
    goal = portfolio.goals.first() or GoalFactory(portfolio=portfolio)
    decision, _ = size_for_goal(
        user=portfolio.user, goal_id=goal.pk, now=at, base_size=Decimal(1000)
    )
    assert decision.adjusted_size == 1300
    return decision


def trade_of(portfolio: Portfolio, at: datetime, quantity: str, **fields: Any) -> Any:
    """Opened at 50,000 a unit."""
    return TradeFactory(
        portfolio=portfolio, quantity=Decimal(quantity), entry_time=at, now=at, **fields
    )


def close(trade: Any, at: datetime, **fields: Any) -> None:
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal(50100),
        exit_time=at,
        now=at,
        **fields,
    )


def kinds(portfolio: Portfolio) -> dict[Sized | None, int]:
    lines = measure(portfolio).obedience
    return {one.sized: one.trades for one in lines if one.trades and one.sized}


@pytest.mark.parametrize(
    ("quantity", "sized"),
    [
        ("0.026", Sized.AS_ADVISED),
        ("0.03", Sized.LARGER),
        ("0.02", Sized.SMALLER),
    ],
)
def test_a_trade_is_held_against_the_decision_that_sized_it(
    quantity: str, sized: Sized
) -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    decision = advised(portfolio, at)
    trade = trade_of(portfolio, at, quantity, adjustment_id=decision.pk)
    close(trade, at + DAY)

    assert kinds(portfolio) == {sized: 1}


def test_parts_are_one_trade_of_what_was_entered_in_all() -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    decision = advised(portfolio, at)
    trade = trade_of(portfolio, at, "0.026", adjustment_id=decision.pk)
    close(trade, at + DAY, quantity=Decimal("0.016"))
    close(trade, at + 2 * DAY)

    assert kinds(portfolio) == {Sized.AS_ADVISED: 1}
    assert measure(portfolio).obedience[0].profit == Decimal("2.6")


def test_adding_to_a_trade_makes_it_larger() -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    decision = advised(portfolio, at)
    trade = trade_of(portfolio, at, "0.026", adjustment_id=decision.pk)
    add_to_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        quantity=Decimal("0.01"),
        entry_price=Decimal(50000),
        now=at,
    )
    close(trade, at + DAY)

    assert kinds(portfolio) == {Sized.LARGER: 1}


def test_nobody_asked_and_overridden_are_lines_of_their_own() -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    book_profit(portfolio, Decimal(5), at)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="news", now=at + DAY
    )
    book_profit(portfolio, Decimal(-7), at + 2 * DAY, override=True)

    lines = {one.sized: one.profit for one in measure(portfolio).obedience}

    assert lines[Sized.WITHOUT_ASKING] == 5
    assert lines[Sized.OVERRIDDEN] == -7
    assert lines[None] == -2


def test_an_open_or_void_trade_counts_nowhere() -> None:
    portfolio, at = PortfolioFactory(), START + DAY
    book_profit(portfolio, Decimal(5), at)
    wrong = book_profit(portfolio, Decimal(900), at)
    void_trade(user=portfolio.user, trade_id=wrong.pk, reason="twice", now=at)
    trade_of(portfolio, at, "0.01")

    found = measure(portfolio)

    assert (found.trades, found.money_made) == (1, 5)
    assert (found.streaks.now, found.streaks.trades) == (1, 1)


def test_strategies_and_streaks_are_those_of_the_portfolio_alone() -> None:
    portfolio = PortfolioFactory()
    other = PortfolioFactory(user=portfolio.user)
    book_profit(other, Decimal(-900), START + DAY)
    for day, profit in ((1, 5), (2, -1), (3, -1)):
        book_profit(portfolio, Decimal(profit), START + day * DAY)

    found = measure(portfolio)

    (line,) = found.strategies
    assert (line.performance.trades, line.performance.wins) == (3, 1)
    assert (found.streaks.now, found.streak_began) == (-2, START + 2 * DAY)


def test_more_trades_are_no_more_statements_and_the_newest_are_walked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(1), START)
    with CaptureQueriesContext(connection) as few:
        measure(portfolio)
    profits = [(START + (1 + n) * DAY, Decimal(n % 3 - 1)) for n in range(30)]
    import_profits(portfolio, profits)
    deposit(portfolio, 10, START + 40 * DAY)
    monkeypatch.setattr(own_performance, "MOST_WALKED", 10)

    with CaptureQueriesContext(connection) as many:
        found = measure(portfolio)

    assert len(many) == len(few)
    assert found.trades == 10
    assert found.since is not None
    assert len(found.days) == 32
