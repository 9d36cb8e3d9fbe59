"""Goals fail by the breach of a limit that fails, and are undone with it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import (
    DailyOnBreach,
    GoalStatus,
    GoalType,
    HaltCause,
    HistoryKind,
    OnBreach,
    TradingState,
)
from goals.models import FinancialGoal, GoalProgressHistory, Portfolio, TradingHalt
from goals.services.goals import update_goal
from goals.services.resuming import resume_trading
from goals.services.rollover import roll_goals
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import GoalNotActive, NoActiveGoal
from trades.booking.close import close_trade
from trades.booking.reconcile import find_drift, mend_drift
from trades.booking.void import void_trade
from trades.models import Trade
from trades.sizing_calls.decide import size_for_goal, size_for_portfolio
from trades.tests.factories import ENTRY, TradeFactory, book_profit
from trades.tests.races import closing, fresh, run_at_once, run_in_turn

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
APRIL = datetime(2026, 4, 1, 1, tzinfo=ENTRY.tzinfo)
TO_THE_LIMIT = 37500  # 0.02 bought at 50000: a loss of 250 of 1000


@pytest.fixture
def goal() -> FinancialGoal:
    """5 % in March, on a portfolio whose hard floor fails."""
    return GoalFactory(portfolio=failing_portfolio())


def failing_portfolio(**fields: Any) -> Portfolio:
    return PortfolioFactory(on_breach=OnBreach.FAIL, **fields)


def lose(goal: FinancialGoal, amount: int, at: datetime = ENTRY, **more: Any) -> Trade:
    return book_profit(fresh(goal.portfolio), Decimal(-amount), at=at, **more)


def status_of(goal: FinancialGoal) -> tuple[str, datetime | None]:
    goal.refresh_from_db()
    return goal.status, goal.failed_at


def notes(goal: FinancialGoal, kind: HistoryKind) -> list[str]:
    rows = GoalProgressHistory.objects.filter(goal=goal, kind=kind)
    return [note for note in rows.values_list("note", flat=True) if note]


def test_a_breach_halts_and_fails_the_goal_of_its_period(goal: FinancialGoal) -> None:
    assert status_of(goal) == (GoalStatus.ACTIVE, None)
    lose(goal, 250)
    assert status_of(goal) == (GoalStatus.FAILED, ENTRY)
    halt = TradingHalt.objects.get()
    assert (halt.cause, halt.halted_until) == (HaltCause.HARD_DRAWDOWN, None)
    [note] = notes(goal, HistoryKind.CHANGE)
    assert note.startswith("active turned failed.")
    assert "hard_drawdown_pct 20 %" in note


def test_a_failed_goal_sizes_no_trade_and_says_why(goal: FinancialGoal) -> None:
    lose(goal, 250)
    asked = {"user": goal.user, "now": ENTRY + HOUR, "base_size": Decimal(100)}
    with pytest.raises(GoalNotActive, match=r"failed at 2026-03-02T09:00:00Z: .* 20 %"):
        size_for_goal(goal_id=goal.pk, **asked)
    with pytest.raises(NoActiveGoal, match=f"Goal {goal.pk} failed at"):
        size_for_portfolio(portfolio=goal.portfolio_id, **asked)


def test_goals_of_other_periods_and_achieved_ones_stay(goal: FinancialGoal) -> None:
    later = GoalFactory(portfolio=goal.portfolio, start_date=APRIL.date())
    achieved = GoalFactory(portfolio=goal.portfolio, target_value=Decimal(1))
    cancelled = GoalFactory(portfolio=goal.portfolio, target_value=Decimal(2))
    FinancialGoal.objects.filter(pk=cancelled.pk).update(status=GoalStatus.CANCELLED)
    book_profit(fresh(goal.portfolio), Decimal(20), at=ENTRY)
    lose(goal, 300, at=ENTRY + HOUR)
    assert status_of(goal)[0] == GoalStatus.FAILED
    assert status_of(achieved) == (GoalStatus.ACHIEVED, ENTRY + HOUR)
    assert status_of(later) == (GoalStatus.ACTIVE, None)
    assert status_of(cancelled) == (GoalStatus.CANCELLED, None)


def test_a_paused_goal_shows_it_when_it_is_resumed(goal: FinancialGoal) -> None:
    change = {"user": goal.user, "goal_id": goal.pk}
    update_goal(**change, as_of=ENTRY, status=GoalStatus.PAUSED)
    lose(goal, 250)
    assert status_of(goal) == (GoalStatus.PAUSED, ENTRY)
    update_goal(**change, as_of=ENTRY + HOUR, status=GoalStatus.ACTIVE)
    assert status_of(goal)[0] == GoalStatus.FAILED
    for refused in ({"status": GoalStatus.PAUSED}, {"target_value": Decimal(6)}):
        with pytest.raises(GoalNotActive, match="failed at"):
            update_goal(**change, as_of=ENTRY + HOUR, **refused)
    update_goal(**change, as_of=ENTRY + HOUR, recurring=True)


def test_a_paused_goal_shows_it_when_its_period_ends(goal: FinancialGoal) -> None:
    update_goal(user=goal.user, goal_id=goal.pk, as_of=ENTRY, status=GoalStatus.PAUSED)
    lose(goal, 250)
    roll_goals(as_of=APRIL)
    assert status_of(goal)[0] == GoalStatus.FAILED


def test_what_is_earned_after_it_achieves_nothing(goal: FinancialGoal) -> None:
    lose(goal, 250)
    book_profit(fresh(goal.portfolio), Decimal(400), ENTRY + HOUR, override=True)
    assert goal.achieved_at is None
    assert status_of(goal)[0] == GoalStatus.FAILED
    roll_goals(as_of=APRIL)
    assert status_of(goal)[0] == GoalStatus.FAILED


def test_a_recurring_goal_is_followed_by_one_that_runs(goal: FinancialGoal) -> None:
    update_goal(user=goal.user, goal_id=goal.pk, as_of=ENTRY, recurring=True)
    lose(goal, 250)
    [following] = roll_goals(as_of=APRIL)
    assert (following.status, following.failed_at) == (GoalStatus.ACTIVE, None)
    assert fresh(goal.portfolio).trading_state == TradingState.HALTED


@pytest.mark.parametrize("after_the_period", [False, True])
def test_a_void_of_the_loss_undoes_it(
    goal: FinancialGoal, after_the_period: bool
) -> None:
    trade = lose(goal, 250)
    now = ENTRY + HOUR
    if after_the_period:
        roll_goals(as_of=APRIL)
        now = APRIL
    void_trade(user=goal.user, trade_id=trade.pk, now=now, reason="entered twice")
    stands = GoalStatus.MISSED if after_the_period else GoalStatus.ACTIVE
    assert status_of(goal) == (stands, None)
    halt = TradingHalt.objects.get()
    assert halt.withdrawn_at == now
    assert "entered twice" in halt.withdrawn_reason
    assert fresh(goal.portfolio).trading_state == TradingState.ACTIVE
    assert f"failed turned {stands}." in notes(goal, HistoryKind.RESTATED)[-1]


def test_a_late_loss_fails_the_goal_of_its_time(goal: FinancialGoal) -> None:
    """The loss comes in April; since then the portfolio has earned it back."""
    book_profit(fresh(goal.portfolio), Decimal(1), at=ENTRY + 2 * HOUR)
    roll_goals(as_of=APRIL)
    assert status_of(goal) == (GoalStatus.MISSED, None)
    book_profit(fresh(goal.portfolio), Decimal(500), at=APRIL)
    trade = TradeFactory(portfolio=goal.portfolio, entry_time=ENTRY, now=APRIL)
    close_trade(
        user=goal.user,
        trade_id=trade.pk,
        exit_price=Decimal(TO_THE_LIMIT),
        exit_time=ENTRY + HOUR,
        now=APRIL + HOUR,
    )
    assert status_of(goal) == (GoalStatus.FAILED, ENTRY + HOUR)
    restated = notes(goal, HistoryKind.RESTATED)
    assert any("missed turned failed." in note for note in restated)


def test_a_daily_loss_that_fails_waits_for_a_person() -> None:
    portfolio = PortfolioFactory(
        daily_loss_limit_pct=Decimal(5), daily_on_breach=DailyOnBreach.FAIL
    )
    goal = GoalFactory(portfolio=portfolio)
    lose(goal, 60)
    assert status_of(goal) == (GoalStatus.FAILED, ENTRY)
    halt = TradingHalt.objects.get()
    assert (halt.cause, halt.halted_until) == (HaltCause.DAILY_LOSS, None)
    resume_trading(
        user=goal.user, portfolio_id=portfolio.pk, now=ENTRY + 48 * HOUR, reason="new"
    )
    assert status_of(goal)[0] == GoalStatus.FAILED
    again = GoalFactory(portfolio=portfolio, as_of=ENTRY + 48 * HOUR, start_date=None)
    assert status_of(again) == (GoalStatus.ACTIVE, None)


def test_a_goal_made_for_today_does_not_fail_by_what_was_before(
    goal: FinancialGoal,
) -> None:
    lose(goal, 250)
    made = {"portfolio": goal.portfolio, "as_of": ENTRY + HOUR}
    today = GoalFactory(**made, start_date=None, target_value=Decimal(7))
    assert status_of(today) == (GoalStatus.ACTIVE, None)
    since_the_first = GoalFactory(**made, target_value=Decimal(7))
    assert status_of(since_the_first) == (GoalStatus.FAILED, ENTRY)
    # A failed goal is in the way of no other one.
    GoalFactory(**made, start_date=None, target_value=goal.target_value)


def test_ruin_fails_as_any_breach_does() -> None:
    goal = GoalFactory(portfolio=failing_portfolio(), goal_type=GoalType.MONTHLY_INCOME)
    lose(goal, 1000)
    assert status_of(goal) == (GoalStatus.FAILED, ENTRY)


def test_a_failure_that_was_lost_is_drift_and_is_mended(goal: FinancialGoal) -> None:
    lose(goal, 250)
    lost = FinancialGoal.objects.filter(pk=goal.pk)
    lost.update(status=GoalStatus.ACTIVE, failed_at=None)
    drift = list(find_drift([goal.portfolio_id]))
    assert [one.figure for one in drift] == ["status", "failed_at"]
    mend_drift(goal.portfolio_id, ENTRY + HOUR)
    assert status_of(goal) == (GoalStatus.FAILED, ENTRY)
    assert list(find_drift([goal.portfolio_id])) == []


@pytest.mark.django_db(transaction=True)
def test_two_closes_over_the_floor_at_once_fail_a_goal_once() -> None:
    goal = GoalFactory(portfolio=failing_portfolio())
    trades = [TradeFactory(portfolio=goal.portfolio) for _ in range(2)]
    run_in_turn(
        closing(trades[0], TO_THE_LIMIT),
        closing(trades[1], TO_THE_LIMIT),
        pause_at="goals.services.halts.write_halt",
    )
    assert TradingHalt.objects.count() == 1
    assert status_of(goal)[0] == GoalStatus.FAILED
    assert len(notes(goal, HistoryKind.CHANGE)) == 1


@pytest.mark.django_db(transaction=True)
def test_closes_at_a_barrier_fail_every_goal_once() -> None:
    portfolio = failing_portfolio()
    goals = [GoalFactory(portfolio=portfolio, target_value=Decimal(n)) for n in (5, 6)]
    trades = [TradeFactory(portfolio=portfolio) for _ in range(2)]
    results = run_at_once(*[closing(trade, TO_THE_LIMIT) for trade in trades])
    assert [closed.profit_loss for closed in results] == [-250, -250]
    assert TradingHalt.objects.count() == 1
    assert {status_of(goal)[0] for goal in goals} == {GoalStatus.FAILED}
    assert [len(notes(goal, HistoryKind.CHANGE)) for goal in goals] == [1, 1]
