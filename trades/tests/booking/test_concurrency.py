"""Two at once: nothing lost, nothing twice, no deadlock.

Each race is made certain. A barrier stands in the middle of the work that a lock must
guard: were the lock missing, both would meet there; with it, only one arrives, waits in
vain, and goes on when the time is up. Where no lock is to be proven, both start at the
same barrier.
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.models import (
    CashFlow,
    FinancialGoal,
    GoalAdjustmentLog,
    LedgerDay,
    LedgerEntry,
)
from goals.services.goals import cancel_goal, update_goal
from goals.services.rollover import roll_goals
from goals.services.snapshots import snapshot_goals
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import IdempotencyConflict, TradeAlreadyClosed
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.models import Trade
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, ensure_strategy
from trades.tests.races import (
    BOOKING,
    NOW,
    Meeting,
    closing,
    flowing,
    fresh,
    nobody_meets_at,
    run_at_once,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_drifts"),
]


def test_two_equal_closes_of_one_trade_book_it_once_and_answer_the_same():
    goal = GoalFactory()
    trade = TradeFactory(portfolio=goal.portfolio)
    with nobody_meets_at("trades.booking.close.apply_exit"):
        one, other = run_at_once(closing(trade), closing(trade))
    assert one.trade.profit_loss == other.trade.profit_loss == 20
    assert sorted(len(closed.moves) for closed in (one, other)) == [0, 1]
    assert (LedgerEntry.objects.count(), fresh(goal).progress_pct) == (1, 40)


def test_two_different_closes_of_one_trade_book_one_and_refuse_the_other():
    trade = TradeFactory()
    with nobody_meets_at("trades.booking.close.apply_exit"):
        results = run_at_once(closing(trade, 51000), closing(trade, 52000))
    refused = [one for one in results if isinstance(one, TradeAlreadyClosed)]
    assert len(refused) == 1
    assert LedgerEntry.objects.get().amount == fresh(trade).profit_loss
    assert fresh(trade.portfolio).equity == 1000 + fresh(trade).profit_loss


def test_two_trades_of_a_portfolio_that_close_at_once_both_count():
    goal = GoalFactory()
    trades = [TradeFactory(portfolio=goal.portfolio) for _ in range(2)]
    with nobody_meets_at(BOOKING):
        run_at_once(*(closing(trade) for trade in trades))
    goal, portfolio = fresh(goal), fresh(goal.portfolio)
    history = goal.history.order_by("effective_at", "history_id")
    assert (portfolio.equity, portfolio.realized_pnl) == (1040, 40)
    assert [row.progress_pct for row in history] == [0, 40, 80]
    assert goal.progress_pct == 80


def test_trades_of_two_portfolios_do_not_wait_for_each_other():
    trades = [TradeFactory(), TradeFactory()]
    meeting = Meeting()
    meeting.barrier = Barrier(2, timeout=10)
    with patch(BOOKING, side_effect=lambda *_: meeting.barrier.wait()):
        run_at_once(*(closing(trade) for trade in trades))
    assert [fresh(trade.portfolio).equity for trade in trades] == [1020, 1020]


@pytest.mark.parametrize("amount", [500, -500])
def test_a_close_and_a_cash_flow_at_once_both_count(amount):
    goal = GoalFactory(goal_type="portfolio_value", target_value=Decimal(2000))
    trade = TradeFactory(portfolio=goal.portfolio)
    with nobody_meets_at(BOOKING):
        run_at_once(closing(trade), flowing(goal.portfolio, amount))
    portfolio = fresh(goal.portfolio)
    newest = LedgerDay.objects.get()
    assert portfolio.equity == newest.equity == 1020 + amount
    assert portfolio.units == newest.units
    assert fresh(goal).current_value == 1020 + amount


def test_two_withdrawals_at_once_never_take_more_than_there_is():
    portfolio = PortfolioFactory()
    with nobody_meets_at(BOOKING):
        run_at_once(flowing(portfolio, -600), flowing(portfolio, -600))
    assert fresh(portfolio).equity == 400
    assert CashFlow.objects.count() == 1


APRIL = datetime(2026, 4, 1, tzinfo=UTC)


def rolling():
    return roll_goals(as_of=APRIL)


def test_two_rolls_at_once_open_exactly_one_successor():
    goal = GoalFactory(recurring=True)
    with nobody_meets_at("goals.services.rollover.status_at_end"):
        results = run_at_once(rolling, rolling)
    assert sorted(len(opened) for opened in results) == [0, 1]
    assert FinancialGoal.objects.filter(previous_goal=goal).count() == 1


def test_a_close_and_a_roll_at_once_leave_the_trade_with_its_period():
    goal = GoalFactory(recurring=True)
    trade = TradeFactory(portfolio=goal.portfolio)
    last_moment = APRIL - timedelta(microseconds=1)

    def close():
        return close_trade(
            user=trade.user,
            trade_id=trade.pk,
            exit_price=Decimal(52500),
            exit_time=last_moment,
            now=APRIL,
        )

    with nobody_meets_at(BOOKING, "goals.services.rollover.status_at_end"):
        run_at_once(close, rolling)
    march, april = fresh(goal), FinancialGoal.objects.get(previous_goal=goal)
    assert (march.status, march.progress_pct, march.ended_at) == (
        "achieved",
        100,
        APRIL,
    )
    assert (april.current_value, april.start_unit_value, april.start_realized_pnl) == (
        0,
        Decimal("1.05"),
        50,
    )


def test_the_same_external_id_at_once_is_one_trade():
    portfolio = PortfolioFactory()
    strategy = ensure_strategy(portfolio)

    def open_it():
        return open_trade(
            user=portfolio.user,
            portfolio=portfolio.pk,
            strategy_id=strategy.strategy_id,
            symbol="BTCUSDT",
            side="LONG",
            quantity=Decimal(1),
            entry_price=Decimal(1),
            external_id="a",
            now=NOW,
        )

    with nobody_meets_at("trades.booking.open.measure_notional"):
        results = run_at_once(open_it, open_it)
    assert {trade.pk for trade, _ in results} == {Trade.objects.get().pk}
    assert sorted(is_new for _, is_new in results) == [False, True]


def test_the_same_external_id_at_once_is_one_cash_flow():
    portfolio = PortfolioFactory()
    deposit = flowing(portfolio, 500, external_id="a")
    with nobody_meets_at(BOOKING):
        results = run_at_once(deposit, deposit)
    assert {flow.pk for flow, _ in results} == {CashFlow.objects.get().pk}
    assert fresh(portfolio).equity == 1500


def test_the_same_external_id_at_once_with_other_figures_is_a_conflict():
    portfolio = PortfolioFactory()
    with nobody_meets_at(BOOKING):
        results = run_at_once(
            flowing(portfolio, 500, external_id="a"),
            flowing(portfolio, 600, external_id="a"),
        )
    assert [type(one) for one in results].count(IdempotencyConflict) == 1
    assert fresh(portfolio).equity == 1000 + CashFlow.objects.get().amount


def test_the_same_request_id_at_once_is_one_decision():
    goal = GoalFactory()

    def ask():
        return size_for_goal(
            user=goal.user,
            goal_id=goal.pk,
            base_size=Decimal(1000),
            request_id="a",
            now=NOW,
        )

    with nobody_meets_at("trades.sizing_calls.decide.decide_size"):
        results = run_at_once(ask, ask)
    assert {row.pk for row, _ in results} == {GoalAdjustmentLog.objects.get().pk}
    assert results[0][0].answer == results[1][0].answer


def test_a_snapshot_during_a_close_waits_for_nobody_and_sees_before_or_after():
    """The snapshot runs while the close holds its locks; it sees the figures before."""
    goal = GoalFactory()
    trade = TradeFactory(portfolio=goal.portfolio)
    booked, taken = Barrier(2, timeout=10), Barrier(2, timeout=10)

    def wait_for_snapshot(*_):
        booked.wait()
        taken.wait()
        return NOW.date()

    def snapshot():
        booked.wait()
        written = snapshot_goals(as_of=NOW + timedelta(seconds=1))
        taken.wait()
        return written

    with patch("goals.services.ledger.local_date", wait_for_snapshot):
        results = run_at_once(closing(trade), snapshot)
    rows = goal.history.order_by("history_id")
    figures = {row.kind: row.progress_pct for row in rows}
    assert results[1] == 1
    assert figures == {"start": 0, "snapshot": 0, "trade": 40}
    assert fresh(goal).progress_pct == 40


def test_a_goal_made_during_a_close_counts_it():
    portfolio = PortfolioFactory()
    trade = TradeFactory(portfolio=portfolio)

    def create():
        return GoalFactory(portfolio=portfolio, start_date=date(2026, 3, 1), as_of=NOW)

    with nobody_meets_at(BOOKING, "goals.services.goals.open_period"):
        _, goal = run_at_once(closing(trade), create)
    assert fresh(goal).progress_pct == 40


# The order of locks

ORDER = ("portfolios", "trades", "financial_goals")
WRITERS = {
    "close": (lambda goal, trade: closing(trade)(), ORDER),
    "open": (
        lambda goal, trade: TradeFactory(portfolio=goal.portfolio),
        ("portfolios",),
    ),
    "cash flow": (
        lambda goal, trade: flowing(goal.portfolio, 5)(),
        ("portfolios", "financial_goals"),
    ),
    "size": (
        lambda goal, trade: size_for_goal(
            user=goal.user, goal_id=goal.pk, base_size=Decimal(1), now=NOW
        ),
        ("portfolios",),
    ),
    "roll": (lambda goal, trade: rolling(), ("portfolios", "financial_goals")),
    "create a goal": (
        lambda goal, trade: GoalFactory(portfolio=goal.portfolio, priority=2),
        ("portfolios",),
    ),
    "change a goal": (
        lambda goal, trade: update_goal(
            user=goal.user, goal_id=goal.pk, as_of=NOW, status="paused"
        ),
        ("portfolios", "financial_goals"),
    ),
    "cancel a goal": (
        lambda goal, trade: cancel_goal(user=goal.user, goal_id=goal.pk, as_of=NOW),
        ("portfolios", "financial_goals"),
    ),
    "snapshot": (lambda goal, trade: snapshot_goals(as_of=NOW), ()),
}


@pytest.mark.django_db
@pytest.mark.parametrize("writer", WRITERS)
def test_locks_are_taken_in_the_order_portfolio_trade_goals(writer):
    goal = GoalFactory(recurring=True)
    trade = TradeFactory(portfolio=goal.portfolio)
    write, expected = WRITERS[writer]
    with CaptureQueriesContext(connection) as captured:
        write(goal, trade)
    locks = [q["sql"] for q in captured if "FOR NO KEY UPDATE" in q["sql"]]
    tables = [re.search(r'FROM "?(\w+)', lock).group(1) for lock in locks]
    assert tables == list(expected)
    assert not any("FOR UPDATE" in q["sql"] for q in captured)
