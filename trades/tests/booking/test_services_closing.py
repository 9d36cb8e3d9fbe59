"""Closing trades: the profit is booked and every goal it touches moves."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from goals.models import (
    FinancialGoal,
    GoalProgressHistory,
    LedgerChange,
    LedgerEntry,
    Portfolio,
)
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.values.exceptions import InvalidInput, NotFound, TradeAlreadyClosed
from strategies.tests.factories import StrategyFactory
from trades.booking.close import close_trade
from trades.booking.open import record_closed_trade
from trades.models import Position, Trade
from trades.tests.booking.test_services_opening import copy_of, count_statements
from trades.tests.factories import ENTRY, TradeFactory, book_profit

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def close(trade, price=51000, now=NOW, **fields):
    return close_trade(
        user=trade.user,
        trade_id=trade.trade_id,
        exit_price=Decimal(price),
        now=now,
        **fields,
    )


def fresh(row):
    return type(row).objects.get(pk=row.pk)


@dataclass(frozen=True)
class State:
    """Everything a close could change."""

    portfolio: dict
    trades: list
    positions: list
    goals: list
    history: int
    entries: int


def state_of(portfolio):
    return State(
        portfolio=Portfolio.objects.filter(pk=portfolio.pk).values().get(),
        trades=list(Trade.objects.order_by("pk").values()),
        positions=list(Position.objects.order_by("pk").values()),
        goals=list(FinancialGoal.objects.order_by("pk").values()),
        history=GoalProgressHistory.objects.count(),
        entries=LedgerEntry.objects.count(),
    )


# What a close does


@pytest.mark.parametrize(
    ("side", "price", "profit"),
    [
        ("LONG", 51000, 20),
        ("LONG", 49000, -20),
        ("SHORT", 51000, -20),
        ("SHORT", 49000, 20),
    ],
)
def test_closing_books_the_profit(side, price, profit):
    trade = TradeFactory(side=side)
    closed = close(trade, price)
    trade = fresh(trade)
    assert closed.profit_loss == profit
    assert (trade.status, trade.exit_price, trade.exit_time, trade.profit_loss) == (
        "closed",
        price,
        NOW,
        profit,
    )


def test_closing_moves_the_portfolio():
    trade = TradeFactory()
    close(trade)
    portfolio = fresh(trade.portfolio)
    assert (
        portfolio.equity,
        portfolio.unit_value,
        portfolio.realized_pnl,
        portfolio.units,
        portfolio.last_entry_at,
    ) == (1020, Decimal("1.02"), 20, 1000, NOW)


def test_closing_leaves_one_ledger_entry():
    trade = TradeFactory()
    close(trade)
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.trade_id, entry.amount, entry.effective_at) == (
        "trade",
        trade.pk,
        20,
        NOW,
    )


def test_closing_closes_the_position():
    trade = TradeFactory()
    close(trade)
    position = Position.objects.get()
    assert (position.status, position.current_price, position.unrealized_pnl) == (
        "closed",
        51000,
        0,
    )


def test_what_was_unrealised_is_realised_then():
    trade = TradeFactory()  # marked at a profit of 15
    Position.objects.update(
        current_price=Decimal(50750), marked_at=NOW, unrealized_pnl=Decimal(15)
    )
    Portfolio.objects.filter(pk=trade.portfolio_id).update(unrealized_pnl=Decimal(18))
    close(trade)
    portfolio = fresh(trade.portfolio)
    assert (portfolio.unrealized_pnl, portfolio.live_equity) == (3, 1023)


def test_fees_at_the_close_add_to_those_of_the_opening():
    trade = TradeFactory(fees=Decimal("1.5"))
    closed = close(trade, fees=Decimal("0.5"))
    assert (closed.profit_loss, fresh(trade).fees) == (18, 2)


def test_closing_tells_the_goals_that_it_moved():
    goal = GoalFactory()
    trade = TradeFactory(portfolio=goal.portfolio)
    [move] = close(trade).moves
    assert (move.goal, move.before.progress_pct, move.after.progress_pct) == (
        goal,
        0,
        40,
    )


def test_the_seed_example():
    goal = GoalFactory()
    close(TradeFactory(portfolio=goal.portfolio))
    book_profit(goal.portfolio, Decimal(25), at=NOW)
    goal = fresh(goal)
    assert (goal.current_value, goal.progress_pct) == (Decimal("4.5"), 90)


def test_a_loss_of_everything_is_booked_as_ruin():
    trade = TradeFactory(quantity=Decimal(1))
    close(trade, 49000)
    portfolio = fresh(trade.portfolio)
    assert (portfolio.unit_value, portfolio.drawdown_pct) == (0, 100)


# Times


def test_an_exit_without_a_time_is_never_before_the_newest_entry():
    trade = TradeFactory()
    book_profit(trade.portfolio, Decimal(5), at=NOW)
    close(trade, now=NOW - timedelta(seconds=1))
    assert fresh(trade).exit_time == NOW


def test_an_exit_without_a_time_is_never_before_the_entry():
    trade = TradeFactory(entry_time=NOW, now=NOW)
    close(trade, now=NOW - timedelta(seconds=1))
    assert fresh(trade).exit_time == NOW


def test_a_trade_at_exactly_the_newest_entry_is_booked():
    trade = TradeFactory()
    book_profit(trade.portfolio, Decimal(5), at=NOW)
    close(trade, exit_time=NOW)
    assert fresh(trade.portfolio).equity == 1025


@pytest.mark.parametrize(
    "exit_time",
    [
        NOW + timedelta(microseconds=1),
        ENTRY - timedelta(microseconds=1),
        NOW.replace(tzinfo=None),
    ],
)
def test_an_exit_in_the_future_before_the_entry_or_without_a_zone_is_refused(exit_time):
    trade = TradeFactory()
    with pytest.raises(InvalidInput) as refused:
        close(trade, exit_time=exit_time)
    assert refused.value.field == "exit_time"
    assert fresh(trade).is_open


# Refused


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("exit_price", 51000.0),
        ("exit_price", Decimal(0)),
        ("exit_price", Decimal("0.0000000000001")),
        ("fees", 1.5),
        ("fees", Decimal(-1)),
        ("quantity", 0.01),
        ("quantity", Decimal("0.03")),
        ("quantity", Decimal(0)),
    ],
)
def test_a_wrong_figure_is_refused_by_its_name(field, value):
    trade = TradeFactory()
    fields = {"exit_price": Decimal(51000), field: value}
    with pytest.raises(InvalidInput) as refused:
        close_trade(user=trade.user, trade_id=trade.pk, now=NOW, **fields)
    assert refused.value.field == field


def test_closing_the_whole_quantity_is_closing():
    trade = TradeFactory()
    close(trade, quantity=Decimal("0.020"))
    assert not fresh(trade).is_open


def test_the_trade_of_another_user_does_not_exist_for_you():
    trade = TradeFactory()
    with pytest.raises(NotFound):
        close_trade(
            user=UserFactory(), trade_id=trade.pk, exit_price=Decimal(1), now=NOW
        )


def test_a_profit_out_of_range_is_refused():
    trade = TradeFactory(quantity=Decimal(10**10), entry_price=Decimal(1))
    with pytest.raises(InvalidInput) as refused:
        close(trade, 10**9)
    assert refused.value.field == "exit_price"


# Closing twice


@pytest.mark.parametrize(
    "again", [{}, {"exit_time": NOW}, {"now": NOW + timedelta(days=9)}]
)
def test_closing_again_with_the_same_figures_changes_nothing(again):
    trade = TradeFactory()
    close(trade, fees=Decimal(1))
    before = state_of(trade.portfolio)
    closed = close(trade, "51000.00", fees=Decimal("1.0"), **again)
    assert (closed.trade.pk, closed.moves, closed.profit_loss) == (trade.pk, (), 19)
    assert state_of(trade.portfolio) == before


@pytest.mark.parametrize(
    "other",
    [
        {"price": 51001},
        {"fees": Decimal(1)},
        {"exit_time": NOW - timedelta(microseconds=1)},
    ],
)
def test_closing_again_with_other_figures_is_refused(other):
    trade = TradeFactory()
    close(trade)
    before = state_of(trade.portfolio)
    with pytest.raises(TradeAlreadyClosed):
        close(trade, **other)
    assert state_of(trade.portfolio) == before


# All or nothing


@pytest.mark.parametrize(
    "late_step",
    [
        "trades.booking.close.apply_exit",
        "trades.booking.close.save_closed",
        "trades.booking.close.book_entry",
        "goals.services.ledger.book_profit",
        "goals.services.ledger._measure_goals",
        "goals.models.goals.measure_progress",
        "goals.services.ledger.write_figures",
        "goals.services.ledger.local_date",
    ],
)
def test_a_failure_in_the_middle_leaves_the_trade_open_and_everything_unchanged(
    late_step,
):
    goal = GoalFactory()
    trade = TradeFactory(portfolio=goal.portfolio)
    before = state_of(goal.portfolio)
    with patch(late_step, side_effect=RuntimeError), pytest.raises(RuntimeError):
        close(trade)
    assert state_of(goal.portfolio) == before


# Goals


def test_every_goal_whose_period_holds_the_exit_moves():
    portfolio = PortfolioFactory()
    moved = [
        GoalFactory(portfolio=portfolio),
        GoalFactory(portfolio=portfolio, priority=4),
    ]
    still = [
        GoalFactory(portfolio=portfolio, start_date=date(2026, 4, 1)),
        GoalFactory(portfolio=portfolio, target_date=date(2026, 3, 9)),
    ]
    closed = close(TradeFactory(portfolio=portfolio))
    assert [move.goal for move in closed.moves] == moved
    assert [fresh(goal).progress_pct for goal in moved + still] == [40, 40, 0, 0]


@settings(max_examples=10)
@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["trade", "flow"]),
            st.decimals(min_value=Decimal(-90), max_value=Decimal(150), places=4),
        ),
        min_size=1,
        max_size=8,
    )
)
@pytest.mark.slow
def test_the_caches_are_what_the_ledger_says_however_flows_and_trades_mix(events):
    portfolio = PortfolioFactory()
    goals = [
        GoalFactory(portfolio=portfolio, goal_type=kind, target_value=Decimal(5000))
        for kind in ("monthly_return", "monthly_income", "portfolio_value")
    ]
    product, profits, flows = Decimal(1), Decimal(0), Decimal(0)
    for hours, (what, amount) in enumerate(events):
        when = ENTRY + timedelta(hours=hours)
        equity = 1000 + profits + flows
        if what == "trade":
            book_profit(portfolio, amount, at=when)
            product *= 1 + amount / equity
            profits += amount
        elif amount:
            record_cash_flow(
                user=portfolio.user, portfolio=portfolio.pk, amount=amount, now=when
            )
            flows += amount
    portfolio = fresh(portfolio)
    assert portfolio.equity == 1000 + profits + flows
    assert portfolio.realized_pnl == profits
    assert abs(portfolio.unit_value - product) < Decimal("1e-16")
    returned, earned, worth = (fresh(goal).current_value for goal in goals)
    assert abs(returned - (product - 1) * 100) <= Decimal("0.00000001")
    assert (earned, worth) == (profits, 1000 + profits + flows)


# How many statements


@pytest.mark.parametrize("earlier", [1, 200])
@pytest.mark.parametrize("goals", [1, 20])
def test_closing_takes_at_most_nine_statements(earlier, goals):
    portfolio = PortfolioFactory()
    for target in range(goals):
        GoalFactory(portfolio=portfolio, target_value=Decimal(5 + target))
    template = book_profit(portfolio, Decimal(1))
    Trade.objects.bulk_create([copy_of(template) for _ in range(earlier - 1)])
    trade = TradeFactory(portfolio=portfolio, fees=Decimal(1))
    with CaptureQueriesContext(connection) as captured:
        close(
            trade,
            exit_time=NOW,
            fees=Decimal(1),
            quantity=trade.quantity,
        )
    assert count_statements(captured) <= 9


def test_a_part_of_a_closed_trade_is_a_closed_trade():
    trade = book_profit(PortfolioFactory(), Decimal(10))

    with pytest.raises(TradeAlreadyClosed):
        close_trade(
            user=trade.user,
            trade_id=trade.pk,
            exit_price=trade.exit_price,
            quantity=Decimal("0.5"),
            now=trade.exit_time,
        )


def test_a_trade_recorded_closed_was_closed_by_who_recorded_it():
    portfolio = PortfolioFactory()
    record_closed_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=NOW,
        strategy_id=StrategyFactory(user=portfolio.user).strategy_id,
        symbol="BTCUSDT",
        side="LONG",
        quantity=Decimal("0.02"),
        entry_price=Decimal(50_000),
        entry_time=ENTRY,
        exit_price=Decimal(51_000),
        exit_time=NOW,
    )

    closed = LedgerChange.objects.get()

    assert (closed.action, closed.changed_by) == ("closed", portfolio.user_id)
    assert closed.changed_at == NOW
