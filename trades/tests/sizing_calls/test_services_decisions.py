"""How large, and with which strategy: asked of the services."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goals.models import FinancialGoal, GoalAdjustmentLog
from goals.services.goals import cancel_goal, update_goal
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.rollover import roll_goals
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.values.exceptions import (
    GoalNotActive,
    IdempotencyConflict,
    InvalidInput,
    NoActiveGoal,
    NoActiveStrategy,
    NotFound,
    PortfolioRuined,
    PortfolioUnfunded,
    StrategyNotActive,
)
from strategies.models import StrategySelectionLog
from strategies.services import update_strategy
from strategies.tests.factories import StrategyFactory
from tests.examples import crossed
from trades.booking.close import close_trade
from trades.models import Trade
from trades.sizing_calls.decide import (
    plan_next_trade,
    select_strategy,
    size_for_goal,
    size_for_portfolio,
)
from trades.tests.booking.test_services_opening import copy_of, count_statements
from trades.tests.factories import ENTRY, TradeFactory, book_profit

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
THOUSAND = Decimal(1000)


def march(day, hour=12):
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def size(goal, **fields):
    decision, _ = size_for_goal(
        **{
            "user": goal.user,
            "goal_id": goal.pk,
            "base_size": THOUSAND,
            "now": NOW,
            **fields,
        }
    )
    return decision


def size_all(portfolio, **fields):
    decision, _ = size_for_portfolio(
        **{
            "user": portfolio.user,
            "portfolio": portfolio.pk,
            "base_size": THOUSAND,
            "now": NOW,
            **fields,
        }
    )
    return decision


def limit(portfolio, **fields):
    update_portfolio(portfolio_id=portfolio.pk, user=portfolio.user, now=NOW, **fields)


def deposit(portfolio, amount, now=NOW):
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(amount), now=now
    )


# The factor follows the progress


@pytest.mark.parametrize(
    ("profit", "progress", "factor", "sized", "verdict"),
    [
        ("-10", "-20", "1.3", "1300", "allow"),
        ("0", "0", "1.3", "1300", "allow"),
        ("14.9999995", "29.999999", "1.3", "1300", "allow"),
        ("15", "30", "1", "1000", "allow"),
        ("20", "40", "1", "1000", "allow"),
        ("39.9999995", "79.999999", "1", "1000", "allow"),
        ("40", "80", "0.7", "700", "reduce"),
        ("45", "90", "0.7", "700", "reduce"),
        ("49.9999995", "99.999999", "0.7", "700", "reduce"),
        ("50", "100", "0.5", "500", "reduce"),
        ("60", "120", "0.5", "500", "reduce"),
    ],
)
def test_the_size_follows_the_progress(profit, progress, factor, sized, verdict):
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(profit))
    decision = size(goal)
    assert (
        decision.progress_pct,
        decision.adjustment_factor,
        decision.adjusted_size,
        decision.verdict,
    ) == (Decimal(progress), Decimal(factor), Decimal(sized), verdict)


@pytest.mark.parametrize(
    ("after", "sized"), [("protect", 500), ("continue", 1000), ("stop", 0)]
)
def test_after_success_the_goal_decides_as_it_was_told(after, sized):
    goal = GoalFactory(after_achieved=after)
    book_profit(goal.portfolio, Decimal(50))
    assert size(goal).adjusted_size == sized


def test_an_achieved_goal_that_fell_back_still_protects():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(50), at=march(5))
    book_profit(goal.portfolio, Decimal(-45), at=march(6))
    assert size(goal).adjusted_size == 500


def test_every_decision_is_one_row_with_all_it_looked_at():
    goal = GoalFactory()
    decision = size(goal, price=Decimal(50000), symbol="BTCUSDT")
    row = GoalAdjustmentLog.objects.get()
    assert row == decision
    assert (
        row.goal,
        row.base_size,
        row.portfolio_value,
        row.as_of,
        row.created_at,
    ) == (
        goal,
        1000,
        1000,
        NOW,
        NOW,
    )
    assert (row.policy_version, row.policy_factor) == ("ladder-1", Decimal("1.3"))
    assert [guard["name"] for guard in row.guards] == [
        "bounds",
        "drawdown",
        "day_rules",
        "edge",
        "headroom",
        "exposure",
    ]
    assert row.answer["quantity"] == "0.026000000000"


def test_an_answer_never_shows_a_negative_zero():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal("-0.00000001"))
    assert size(goal).answer["progress_pct"] == "0.000000"


# Exposure


def test_max_position_pct_counts_the_symbols_open_notional():
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(150))
    TradeFactory(portfolio=goal.portfolio)  # 1000 of 1500
    decision = size(goal, symbol="BTCUSDT")
    assert (decision.adjusted_size, decision.verdict) == (500, "reduce")


def test_another_symbol_has_its_own_room():
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(150))
    TradeFactory(portfolio=goal.portfolio)
    assert size(goal, symbol="ETHUSDT").adjusted_size == 1300


def test_without_a_symbol_the_largest_one_counts():
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(150))
    TradeFactory(portfolio=goal.portfolio)
    TradeFactory(portfolio=goal.portfolio, symbol="ETHUSDT", quantity=Decimal("0.001"))
    assert size(goal).adjusted_size == 500


def test_the_notional_is_in_the_portfolios_currency():
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(150))
    TradeFactory(portfolio=goal.portfolio, quote_currency="EUR", fx_rate=Decimal("1.2"))
    assert size(goal, symbol="BTCUSDT").adjusted_size == 300


def test_a_full_position_blocks():
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(100))
    TradeFactory(portfolio=goal.portfolio)
    decision = size(goal, symbol="BTCUSDT")
    assert (decision.adjusted_size, decision.verdict) == (0, "block")


def test_the_positions_of_another_portfolio_do_not_count():
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(150))
    TradeFactory(portfolio=PortfolioFactory(user=goal.user))
    assert size(goal, symbol="BTCUSDT").adjusted_size == 1300


def test_the_share_is_of_live_equity():
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(50))
    deposit(goal.portfolio, 1000)
    assert size(goal).adjusted_size == 1000


def test_when_the_open_notional_cannot_be_read_there_is_no_answer():
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(50))
    with (
        patch(
            "trades.sizing_calls.decide.load_sizing_inputs", side_effect=RuntimeError
        ),
        pytest.raises(RuntimeError),
    ):
        size(goal)
    assert not GoalAdjustmentLog.objects.exists()


# As of a time in the past


@pytest.fixture
def past():
    """40 % on 5 March, 90 % on 10 March; a position open from 6 to 9 March."""
    goal = GoalFactory()
    limit(goal.portfolio, max_position_pct=Decimal(150))
    book_profit(goal.portfolio, Decimal(20), at=march(5))
    trade = TradeFactory(portfolio=goal.portfolio, entry_time=march(6), now=march(6))
    close_trade(
        user=goal.user, trade_id=trade.pk, exit_price=Decimal(50000), now=march(9)
    )
    book_profit(goal.portfolio, Decimal(25), at=march(10))
    return goal


MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("as_of", "progress"),
    [
        (march(5) - MICROSECOND, 0),
        (march(5), 40),
        (march(10) - MICROSECOND, 40),
        (march(10), 90),
        (NOW, 90),
    ],
)
def test_a_decision_sees_the_progress_as_of_its_time(past, as_of, progress):
    assert size(past, as_of=as_of).progress_pct == progress


@pytest.mark.parametrize(
    ("as_of", "sized"),
    [
        (march(6) - MICROSECOND, "1000"),
        (march(6), "530"),
        (march(9) - MICROSECOND, "530"),
        (march(9), "1000"),
    ],
)
def test_a_decision_sees_the_exposure_as_of_its_time(past, as_of, sized):
    assert size(past, as_of=as_of, symbol="BTCUSDT").adjusted_size == Decimal(sized)


def test_a_decision_sees_the_equity_as_of_its_time(past):
    assert size(past, as_of=march(4)).portfolio_value == 1000


@pytest.mark.parametrize(
    ("as_of", "sized"), [(march(12) - MICROSECOND, "700"), (march(12), "500")]
)
def test_a_decision_does_not_know_of_a_success_to_come(past, as_of, sized):
    book_profit(past.portfolio, Decimal(25), at=march(12))
    assert size(past, as_of=as_of).adjusted_size == Decimal(sized)


def test_ruin_to_come_is_not_known_either(past):
    book_profit(past.portfolio, Decimal(-9999), at=march(12))
    assert size(past, as_of=march(11)).adjusted_size == 700
    with pytest.raises(PortfolioRuined):
        size(past, as_of=march(12))


@pytest.mark.parametrize("as_of", [NOW + MICROSECOND, NOW.replace(tzinfo=None)])
@pytest.mark.parametrize(
    "ask",
    [
        lambda goal, at: size(goal, as_of=at),
        lambda goal, at: size_all(goal.portfolio, as_of=at),
        lambda goal, at: select_strategy(
            user=goal.user, goal_id=goal.pk, now=NOW, as_of=at
        ),
        lambda goal, at: plan_next_trade(
            user=goal.user,
            portfolio=goal.portfolio_id,
            base_size=THOUSAND,
            now=NOW,
            as_of=at,
        ),
    ],
    ids=["goal", "portfolio", "strategy", "next trade"],
)
def test_an_as_of_in_the_future_or_without_a_zone_is_refused(ask, as_of):
    goal = GoalFactory()
    StrategyFactory(user=goal.user)
    with pytest.raises(InvalidInput) as refused:
        ask(goal, as_of)
    assert refused.value.field == "as_of"


# Bad input


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_size", 1000.0),
        ("base_size", Decimal(0)),
        ("base_size", Decimal(-1)),
        ("base_size", Decimal("0.000000001")),
        ("base_size", Decimal("1e15") + 1),
        ("price", 50000.0),
        ("price", Decimal(0)),
        ("max_size", 5.0),
        ("max_size", Decimal(-1)),
        ("min_size", 5.0),
        ("min_size", Decimal(-1)),
        ("lot_step", Decimal("0.001")),
        ("strategy_id", "unknown"),
    ],
)
def test_a_wrong_question_is_refused_by_its_field(field, value):
    goal = GoalFactory()
    with pytest.raises(InvalidInput) as refused:
        size(goal, **{field: value})
    assert refused.value.field == field
    assert not GoalAdjustmentLog.objects.exists()


def test_a_lot_step_that_is_a_float_is_refused():
    with pytest.raises(InvalidInput) as refused:
        size(GoalFactory(), price=Decimal(1), lot_step=0.1)
    assert refused.value.field == "lot_step"


def test_the_largest_base_size_is_sized():
    assert size(GoalFactory(), base_size=Decimal("1e15")).adjusted_size == Decimal(
        "1.3e15"
    )


def test_the_strategy_of_another_user_does_not_exist_for_you():
    StrategyFactory(strategy_id="theirs")
    with pytest.raises(InvalidInput) as refused:
        size(GoalFactory(), strategy_id="theirs")
    assert refused.value.field == "strategy_id"


@pytest.mark.parametrize("status", ["paused", "retired"])
def test_a_strategy_that_is_not_active_is_not_sized(status):
    goal = GoalFactory()
    StrategyFactory(user=goal.user, strategy_id="mine", status=status)
    with pytest.raises(StrategyNotActive):
        size(goal, strategy_id="mine")


def test_the_goal_of_another_user_does_not_exist_for_you():
    with pytest.raises(NotFound):
        size(GoalFactory(), user=UserFactory())


# Which goals may decide


def pause(goal):
    update_goal(user=goal.user, goal_id=goal.pk, as_of=march(2), status="paused")


def cancel(goal):
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=march(2))


@pytest.mark.parametrize("end", [pause, cancel])
def test_a_goal_that_is_paused_or_cancelled_cannot_size(end):
    goal = GoalFactory()
    end(goal)
    with pytest.raises(GoalNotActive):
        size(goal)


@pytest.mark.parametrize("rolled", [True, False])
def test_a_goal_whose_period_is_over_cannot_size(rolled):
    goal = GoalFactory()
    over = datetime(2026, 4, 1, tzinfo=UTC)
    if rolled:
        roll_goals(as_of=over)
    with pytest.raises(GoalNotActive):
        size(goal, now=over)


def test_a_goal_that_has_not_begun_cannot_size():
    goal = GoalFactory(start_date=date(2026, 4, 1))
    with pytest.raises(GoalNotActive, match="starts at"):
        size(goal)


def test_a_ruined_portfolio_blocks_every_size():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(-1000))
    with pytest.raises(PortfolioRuined):
        size(goal)


def test_after_a_deposit_a_ruined_portfolio_sizes_again_by_a_new_goal():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(-1000))
    deposit(goal.portfolio, 500)
    again = GoalFactory(portfolio=goal.portfolio, start_date=None, as_of=NOW)
    assert size(again).adjusted_size == 1300


def test_an_unfunded_portfolio_has_nothing_to_trade_with():
    goal = GoalFactory(portfolio=PortfolioFactory(opening_balance=Decimal(0)))
    with pytest.raises(PortfolioUnfunded):
        size(goal)


def test_an_emptied_portfolio_has_nothing_to_trade_with():
    goal = GoalFactory()
    deposit(goal.portfolio, -1000)
    with pytest.raises(PortfolioUnfunded):
        size(goal)


# Several goals


def test_over_a_portfolio_the_highest_priority_decides():
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio)
    urgent = GoalFactory(portfolio=portfolio, priority=1, target_value=Decimal(2))
    book_profit(portfolio, Decimal(18), at=march(5))
    decision = size_all(portfolio)
    assert (decision.goal_id, decision.adjusted_size) == (urgent.pk, 700)


def test_the_answer_lists_every_goals_own_factor():
    portfolio = PortfolioFactory()
    first = GoalFactory(portfolio=portfolio, target_value=Decimal(90))
    second = GoalFactory(portfolio=portfolio, priority=1, target_value=Decimal(2))
    book_profit(portfolio, Decimal(18), at=march(5))
    answer = size_all(portfolio).answer
    given = {one["goal_id"]: (one["factor"], one["decides"]) for one in answer["goals"]}
    assert given == {first.pk: ("1.3000", False), second.pk: ("0.7000", True)}
    assert answer["conflict"] is True


@pytest.mark.parametrize("end", [pause, cancel])
def test_a_goal_that_does_not_take_part_neither_decides_nor_limits(end):
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio)
    end(GoalFactory(portfolio=portfolio, priority=1, max_factor=Decimal("0.5")))
    assert size_all(portfolio).adjusted_size == 1300


def test_a_goal_to_come_does_not_take_part():
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio)
    GoalFactory(
        portfolio=portfolio, start_date=date(2026, 4, 1), max_factor=Decimal("0.5")
    )
    assert size_all(portfolio).adjusted_size == 1300


def test_one_goal_that_stops_after_success_stops_the_portfolio():
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio, priority=1)
    GoalFactory(portfolio=portfolio, target_value=Decimal(1), after_achieved="stop")
    book_profit(portfolio, Decimal(10), at=march(5))
    decision = size_all(portfolio)
    assert (decision.adjusted_size, decision.verdict) == (0, "block")


def test_a_goal_that_stops_does_so_until_its_period_ends():
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio, target_date=date(2026, 4, 30))
    GoalFactory(portfolio=portfolio, target_value=Decimal(1), after_achieved="stop")
    book_profit(portfolio, Decimal(10), at=march(5))
    assert (
        size_all(portfolio, now=datetime(2026, 4, 1, tzinfo=UTC)).adjusted_size == 1300
    )


def test_the_tightest_max_factor_of_all_goals_wins():
    portfolio = PortfolioFactory()
    GoalFactory(portfolio=portfolio, priority=1)
    GoalFactory(portfolio=portfolio, max_factor=Decimal("1.1"))
    assert size_all(portfolio).adjusted_size == 1100


def test_without_an_active_goal_there_is_no_decision():
    with pytest.raises(NoActiveGoal):
        size_all(PortfolioFactory())


# Idempotency


def test_the_same_request_id_with_the_same_question_is_the_same_answer():
    goal = GoalFactory()
    first = size(goal, request_id="a")
    book_profit(goal.portfolio, Decimal(45))
    again, is_new = size_for_goal(
        user=goal.user,
        goal_id=goal.pk,
        base_size=Decimal("1000.00"),
        request_id="a",
        now=NOW + timedelta(days=1),
    )
    assert (again.pk, again.answer, is_new) == (first.pk, first.answer, False)


@pytest.mark.parametrize(
    "other",
    [
        {"base_size": Decimal(1001)},
        {"max_size": Decimal(1)},
        {"price": Decimal(1)},
        {"symbol": "BTCUSDT"},
        {"as_of": NOW},
    ],
)
def test_the_same_request_id_with_another_question_is_a_conflict(other):
    goal = GoalFactory()
    size(goal, request_id="a")
    with pytest.raises(IdempotencyConflict):
        size(goal, request_id="a", **other)


def test_the_same_request_id_for_another_goal_is_a_conflict():
    goal = GoalFactory()
    other = GoalFactory(portfolio=goal.portfolio, priority=4)
    size(goal, request_id="a")
    with pytest.raises(IdempotencyConflict):
        size(other, request_id="a")


def test_the_same_request_id_for_the_whole_portfolio_is_a_conflict():
    goal = GoalFactory()
    size(goal, request_id="a")
    with pytest.raises(IdempotencyConflict):
        size_all(goal.portfolio, request_id="a")


@pytest.mark.parametrize("end", [pause, cancel])
def test_the_same_request_id_is_answered_after_the_goal_ended(end):
    goal = GoalFactory()
    first = size(goal, request_id="a")
    end(goal)
    assert size(goal, request_id="a") == first


def test_a_request_id_belongs_to_its_portfolio():
    first, second = GoalFactory(), GoalFactory()
    assert size(first, request_id="a") != size(second, request_id="a")


# Strategies


@pytest.fixture
def competing():
    """A goal of a user with an aggressive, a balanced and a conservative strategy."""
    goal = GoalFactory()
    for kind in ("mean_reversion", "carry", "momentum"):
        StrategyFactory(user=goal.user, strategy_id=kind, strategy_type=kind)
    return goal


@pytest.mark.parametrize(
    ("profit", "selected", "stance"),
    [
        (5, "momentum", "aggressive"),
        (25, "carry", "balanced"),
        (Decimal("42.5"), "mean_reversion", "conservative"),
        (60, "mean_reversion", "conservative"),
    ],
)
def test_the_strategy_follows_the_progress(competing, profit, selected, stance):
    book_profit(competing.portfolio, Decimal(profit))
    choice = select_strategy(user=competing.user, goal_id=competing.pk, now=NOW)
    assert (choice.selection.selected.strategy_id, choice.row.stance) == (
        selected,
        stance,
    )
    assert StrategySelectionLog.objects.get() == choice.row


def test_a_paused_strategy_does_not_compete(competing):
    update_strategy(
        user=competing.user, strategy_id="momentum", now=NOW, status="paused"
    )
    choice = select_strategy(user=competing.user, goal_id=competing.pk, now=NOW)
    assert len(choice.selection.ranking) == 2


def test_a_strategy_is_chosen_as_of_its_time(competing):
    book_profit(competing.portfolio, Decimal(45), at=march(5))
    choice = select_strategy(
        user=competing.user, goal_id=competing.pk, now=NOW, as_of=march(4)
    )
    assert choice.selection.selected.strategy_id == "momentum"


def test_without_a_strategy_there_is_a_clear_error():
    goal = GoalFactory()
    with pytest.raises(NoActiveStrategy):
        select_strategy(user=goal.user, goal_id=goal.pk, now=NOW)


def test_the_next_trade_is_a_strategy_and_a_size_with_a_row_each(competing):
    planned = plan_next_trade(
        user=competing.user,
        portfolio=competing.portfolio_id,
        base_size=THOUSAND,
        now=NOW,
    )
    assert (planned.selection.strategy_id, planned.decision.adjusted_size) == (
        "momentum",
        1300,
    )
    assert planned.decision.strategy_id == "momentum"
    assert planned.selection.goal_id == planned.decision.goal_id == competing.pk


def test_the_next_trade_on_a_ruined_portfolio_is_refused(competing):
    book_profit(competing.portfolio, Decimal(-1000))
    with pytest.raises(PortfolioRuined):
        plan_next_trade(
            user=competing.user,
            portfolio=competing.portfolio_id,
            base_size=THOUSAND,
            now=NOW,
        )


def test_a_failure_in_the_middle_leaves_no_half_of_a_plan(competing):
    with (
        patch("trades.sizing_calls.decide.log_decision", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        plan_next_trade(
            user=competing.user,
            portfolio=competing.portfolio_id,
            base_size=THOUSAND,
            now=NOW,
        )
    assert not StrategySelectionLog.objects.exists()


# Deciding changes nothing but the log


def test_a_decision_changes_neither_goal_nor_portfolio():
    goal = GoalFactory()
    before = FinancialGoal.objects.values().get()
    size(goal)
    assert FinancialGoal.objects.values().get() == before


# How many statements


@crossed("ask, goals, earlier", ["goal", "portfolio"], [1, 20], [1, 200])
def test_sizing_at_a_past_time_takes_at_most_six_statements(ask, goals, earlier):
    portfolio = PortfolioFactory()
    limit(portfolio, max_position_pct=Decimal(50))
    *_, goal = (
        GoalFactory(portfolio=portfolio, target_value=Decimal(5 + target))
        for target in range(goals)
    )
    template = book_profit(portfolio, Decimal(1), at=march(18))
    Trade.objects.bulk_create([copy_of(template) for _ in range(earlier - 1)])
    everything = {
        "strategy_id": template.strategy_id,
        "symbol": "BTCUSDT",
        "price": Decimal(50000),
        "max_size": THOUSAND,
        "min_size": Decimal(1),
        "lot_step": Decimal("0.0001"),
        "as_of": ENTRY,
        "request_id": "a",
    }
    with CaptureQueriesContext(connection) as captured:
        if ask == "goal":
            size(goal, **everything)
        else:
            size_all(portfolio, **everything)
    assert count_statements(captured) <= 6


def test_a_return_goal_of_a_ruined_run_asks_for_nothing_larger():
    goal = GoalFactory()
    portfolio = goal.portfolio
    book_profit(portfolio, Decimal(-1500))
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.portfolio_id,
        amount=Decimal(2000),
        now=ENTRY,
    )

    row, _ = size_for_goal(
        user=portfolio.user, goal_id=goal.pk, now=ENTRY, base_size=Decimal(100)
    )

    assert row.progress_pct == -2000
    assert row.adjustment_factor == 1
    assert "can no longer be reached" in row.reason
