"""Roll-overs beside what else changes a goal: exactly once, and in either order.

Each pair is run in both orders; the second waits for the first's lock, which
PostgreSQL confirms. The end must be one that a single worker could have come to.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from goals.models import FinancialGoal, GoalProgressHistory
from goals.services.goals import cancel_goal, update_goal
from goals.services.portfolios import record_cash_flow
from goals.services.rollover import roll_goals, roll_portfolios
from goals.tests.factories import GoalFactory
from mastertrade.values.exceptions import GoalNotActive
from trades.booking.close import close_trade
from trades.booking.open import record_closed_trade
from trades.booking.void import void_trade
from trades.tests.factories import TradeFactory, book_profit, ensure_strategy
from trades.tests.races import fresh, run_at_once, run_in_turn

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_drifts"),
]
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
LAST_MOMENT = APRIL - timedelta(microseconds=1)
ROLLING = "goals.services.rollover.status_at_end"
LATE_BOOKING = "goals.services.ledger.is_late"
CHANGING = "goals.services.goals._refuse_ended"


def rolling():
    return roll_goals(as_of=APRIL)


def successor_of(goal):
    return FinancialGoal.objects.get(previous_goal=goal)


def in_both_orders(make, work, pause_at):
    """The goal of each order, and what `work` returned in it."""
    ends = []
    for roll_first in (True, False):
        goal = make()
        act = work(goal)
        if roll_first:
            _, answer = run_in_turn(rolling, act, pause_at=ROLLING)
        else:
            answer, _ = run_in_turn(act, rolling, pause_at=pause_at)
        ends.append((goal, answer))
    return ends


def recurring_goal():
    return GoalFactory(recurring=True)


def test_a_second_roll_waits_and_finds_nothing_left():
    goal = recurring_goal()
    first, second = run_in_turn(rolling, rolling, pause_at=ROLLING)
    assert (len(first), second) == (1, [])
    assert successor_of(goal).pk == first[0].pk


@pytest.mark.parametrize(
    "kind", ["monthly_return", "monthly_income", "quarterly_income", "yearly_return"]
)
@pytest.mark.slow
def test_eight_rolls_at_once_catch_up_every_chain_once(kind):
    goals = [
        GoalFactory(goal_type=kind, recurring=True, target_value=Decimal(9))
        for _ in range(4)
    ]
    as_of = datetime(2028, 2, 29, 12, tzinfo=UTC)
    done = run_at_once(*[lambda: roll_portfolios(as_of=as_of)] * 8)
    assert not any(one.failures for one in done)
    for goal in goals:
        chain = [goal]
        while chain[-1].period.is_over(as_of):
            chain.append(successor_of(chain[-1]))
        assert FinancialGoal.objects.filter(portfolio=goal.portfolio).count() == len(
            chain
        )
        pairs = pairwise(chain)
        assert all(one.period_ends_at == two.period_starts_at for one, two in pairs)
    total = FinancialGoal.objects.count() - len(goals)
    assert sum(len(one.opened) for one in done) == total
    assert sum(one.ended for one in done) == total
    starts = GoalProgressHistory.objects.filter(kind="start").count()
    assert starts == FinancialGoal.objects.count()


def late_trade(goal):
    strategy = ensure_strategy(goal.portfolio)
    return lambda: record_closed_trade(
        user=goal.user,
        portfolio=goal.portfolio_id,
        strategy_id=strategy.strategy_id,
        symbol="BTCUSDT",
        side="LONG",
        quantity=Decimal("0.02"),
        entry_price=Decimal(50000),
        entry_time=LAST_MOMENT - timedelta(hours=1),
        exit_price=Decimal(52500),
        exit_time=LAST_MOMENT,
        now=APRIL,
    )


def last_close(goal):
    trade = TradeFactory(portfolio=goal.portfolio)
    return lambda: close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal(52500),
        exit_time=LAST_MOMENT,
        now=APRIL,
    )


@pytest.mark.parametrize("work", [late_trade, last_close])
@pytest.mark.parametrize("kind", ["monthly_return", "monthly_income"])
def test_a_trade_of_the_last_moment_counts_for_its_period_alone(work, kind):
    def make():
        return GoalFactory(goal_type=kind, recurring=True)

    for goal, _ in in_both_orders(make, work, LATE_BOOKING):
        march, april = fresh(goal), successor_of(goal)
        assert (march.status, march.achieved_at, march.ended_at) == (
            "achieved",
            LAST_MOMENT,
            APRIL,
        )
        assert (april.current_value, april.start_unit_value) == (0, Decimal("1.05"))
        assert april.start_realized_pnl == 50


def test_a_trade_of_the_first_moment_counts_for_the_next_period_alone():
    def work(goal):
        trade = TradeFactory(portfolio=goal.portfolio)
        return lambda: close_trade(
            user=trade.user,
            trade_id=trade.pk,
            exit_price=Decimal(52500),
            exit_time=APRIL,
            now=APRIL,
        )

    for goal, _ in in_both_orders(recurring_goal, work, LATE_BOOKING):
        assert (fresh(goal).status, fresh(goal).current_value) == ("missed", 0)
        assert successor_of(goal).current_value == 5


def test_a_deposit_is_no_profit_of_either_period():
    def work(goal):
        return lambda: record_cash_flow(
            user=goal.user,
            portfolio=goal.portfolio_id,
            amount=Decimal(500),
            at=LAST_MOMENT,
            now=APRIL,
        )

    for goal, _ in in_both_orders(recurring_goal, work, LATE_BOOKING):
        assert (fresh(goal).status, successor_of(goal).current_value) == ("missed", 0)


def test_a_void_takes_its_trade_back_from_its_period():
    def make():
        goal = recurring_goal()
        book_profit(goal.portfolio, Decimal(50))
        return goal

    def work(goal):
        trade = goal.portfolio.trades.get()
        return lambda: void_trade(
            user=goal.user, trade_id=trade.pk, reason="recorded twice", now=APRIL
        )

    for goal, _ in in_both_orders(make, work, "trades.booking.void.rebuild_ledger"):
        march, april = fresh(goal), successor_of(goal)
        assert (march.status, march.progress_pct) == ("missed", 0)
        assert (april.current_value, april.start_unit_value) == (0, 1)


def test_a_goal_is_cancelled_and_not_followed_or_followed_and_not_cancelled():
    def work(goal):
        return lambda: cancel_goal(user=goal.user, goal_id=goal.pk, as_of=LAST_MOMENT)

    # Even a cancel of the last moment comes too late once the goal is judged.
    (rolled, refused), (cancelled, _) = in_both_orders(recurring_goal, work, CHANGING)
    assert isinstance(refused, GoalNotActive)
    assert (fresh(rolled).status, successor_of(rolled).status) == ("missed", "active")
    assert fresh(cancelled).status == "cancelled"
    assert not FinancialGoal.objects.filter(previous_goal=cancelled).exists()


def test_a_goal_is_paused_with_its_successor_or_not_at_all():
    def work(goal):
        return lambda: update_goal(
            user=goal.user, goal_id=goal.pk, as_of=LAST_MOMENT, status="paused"
        )

    (rolled, refused), (paused, _) = in_both_orders(recurring_goal, work, CHANGING)
    assert isinstance(refused, GoalNotActive)
    assert successor_of(rolled).status == "active"
    assert successor_of(paused).status == "paused"
