"""Goals: where they start, how they are changed, what moves them."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goals.enums import GoalType, HistoryKind
from goals.models import FinancialGoal, GoalProgressHistory
from goals.services.goals import cancel_goal, create_goal, update_goal
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import START, GoalFactory, PortfolioFactory, UserFactory
from mastertrade.values.exceptions import (
    GoalNotActive,
    InvalidInput,
    NotFound,
    PortfolioRuined,
)
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def march(day, hour=12, **time):
    return datetime(2026, 3, day, hour, tzinfo=UTC, **time)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def change(goal, as_of=NOW, **fields):
    return update_goal(user=goal.user, goal_id=goal.pk, as_of=as_of, **fields)


def deposit(portfolio, amount, now):
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(amount), now=now
    )


def history(goal):
    rows = goal.history.order_by("effective_at", "history_id")
    return [(row.kind, row.effective_at, row.progress_pct) for row in rows]


# Creating


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("monthly_return", date(2026, 3, 31)),
        ("quarterly_income", date(2026, 3, 31)),
        ("yearly_return", date(2026, 12, 31)),
        ("portfolio_value", None),
    ],
)
def test_dates_left_out_are_today_and_the_end_of_the_calendar_period(kind, end):
    goal = GoalFactory(
        goal_type=kind, target_value=Decimal(5000), start_date=None, as_of=NOW
    )
    assert (goal.start_date, goal.target_date) == (date(2026, 3, 20), end)


def test_today_is_the_date_in_the_portfolios_time_zone():
    portfolio = PortfolioFactory(time_zone="Asia/Tokyo")
    late = datetime(2026, 3, 31, 15, tzinfo=UTC)  # 00:00 on 1 April in Tokyo
    goal = GoalFactory(portfolio=portfolio, start_date=None, as_of=late)
    assert (goal.start_date, goal.period_starts_at) == (date(2026, 4, 1), late)


def test_a_new_goal_is_active_at_zero_with_one_history_row():
    goal = fresh(GoalFactory())
    assert (goal.status, goal.current_value, goal.progress_pct) == ("active", 0, 0)
    assert history(goal) == [("start", START, 0)]


def test_a_goal_belongs_to_the_owner_of_its_portfolio():
    portfolio = PortfolioFactory()
    goal = fresh(GoalFactory(portfolio=portfolio))
    assert goal.user_id == portfolio.user_id


def test_a_goal_on_the_portfolio_of_another_user_is_refused():
    with pytest.raises(InvalidInput) as refused:
        create_goal(
            user=UserFactory(),
            portfolio=PortfolioFactory().pk,
            goal_type=GoalType.MONTHLY_RETURN,
            target_value=Decimal(5),
            as_of=NOW,
        )
    assert refused.value.field == "portfolio"


def test_the_defaults_are_those_of_the_rules():
    goal = fresh(GoalFactory())
    assert (
        goal.priority,
        goal.policy,
        goal.min_factor,
        goal.max_factor,
        goal.after_achieved,
        goal.recurring,
    ) == (5, "ladder", Decimal("0.5"), Decimal("1.3"), "protect", False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_value", 5.0),
        ("target_value", 5),
        ("target_value", Decimal(0)),
        ("target_value", Decimal(-5)),
        ("target_value", Decimal("1e16")),
        ("target_value", Decimal("5.000000001")),
        ("target_date", date(2026, 2, 28)),
        ("start_date", date(1969, 12, 31)),
        ("target_date", date(2201, 1, 1)),
        ("priority", 0),
        ("priority", 11),
        ("min_factor", 0.5),
        ("min_factor", Decimal("0.0999")),
        ("min_factor", Decimal("1.3001")),
        ("max_factor", Decimal("2.0001")),
        ("max_factor", Decimal("1.00001")),
        ("start_value", Decimal(1)),
        ("status", "achieved"),
        ("current_value", Decimal(5)),
        ("progress_pct", Decimal(50)),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(field, value):
    with pytest.raises(InvalidInput) as refused:
        GoalFactory(**{field: value})
    assert refused.value.field == field


@pytest.mark.parametrize("start_value", [1000.0, Decimal("0.000000001")])
def test_a_start_value_that_is_no_exact_figure_is_refused(start_value):
    with pytest.raises(InvalidInput) as refused:
        GoalFactory(
            goal_type="portfolio_value",
            target_value=Decimal(2000),
            start_value=start_value,
        )
    assert refused.value.field == "start_value"


def test_a_period_that_is_over_already_is_refused():
    with pytest.raises(InvalidInput, match="is in the past") as refused:
        GoalFactory(target_date=date(2026, 3, 19), as_of=NOW)
    assert refused.value.field == "target_date"


def test_a_goal_may_end_today():
    goal = GoalFactory(target_date=date(2026, 3, 20), as_of=NOW)
    assert goal.status == "active"


def test_a_goal_without_a_deadline_cannot_recur():
    with pytest.raises(InvalidInput) as refused:
        GoalFactory(
            goal_type="portfolio_value", target_value=Decimal(2000), recurring=True
        )
    assert refused.value.field == "recurring"


@pytest.mark.parametrize("policy", ["ladder", "constant", "pace", "deadline_optimal"])
def test_a_goal_may_have_any_policy(policy):
    assert GoalFactory(policy=policy).policy == policy


def test_a_return_goal_on_a_ruined_portfolio_is_refused():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(-1000))
    with pytest.raises(PortfolioRuined):
        GoalFactory(portfolio=portfolio, as_of=NOW)


def test_a_refused_goal_leaves_nothing_behind():
    with (
        patch.object(
            GoalProgressHistory.objects.__class__,
            "bulk_create",
            side_effect=RuntimeError,
        ),
        pytest.raises(RuntimeError),
    ):
        GoalFactory()
    assert not FinancialGoal.objects.exists()


# The start value of a portfolio_value goal


def test_a_portfolio_value_starts_from_the_equity_at_creation():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(200))
    goal = GoalFactory(
        portfolio=portfolio,
        goal_type="portfolio_value",
        target_value=Decimal(2200),
        start_date=None,
        as_of=NOW,
    )
    assert (goal.start_value, goal.current_value, goal.progress_pct) == (1200, 1200, 0)


def test_a_start_value_that_is_given_is_taken():
    goal = GoalFactory(
        goal_type="portfolio_value",
        target_value=Decimal(2000),
        start_value=Decimal(0),
        start_date=None,
    )
    assert (goal.start_value, goal.current_value, goal.progress_pct) == (0, 1000, 50)


def test_what_the_equity_was_before_it_was_created_does_not_reach_a_goal_of_today():
    portfolio = PortfolioFactory()
    deposit(portfolio, 1000, march(20, 9))
    deposit(portfolio, -1000, march(20, 10))
    goal = GoalFactory(
        portfolio=portfolio,
        goal_type="portfolio_value",
        target_value=Decimal(1500),
        start_date=None,
        as_of=NOW,
    )
    assert (goal.start_value, goal.status) == (1000, "active")


def test_a_target_that_is_not_above_the_start_value_is_refused():
    with pytest.raises(InvalidInput, match="above the start value 1000"):
        GoalFactory(goal_type="portfolio_value", target_value=Decimal(1000))


# A start in the past


def test_a_start_in_the_past_takes_its_baseline_from_the_ledger_as_of_then():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(250), at=march(4))
    book_profit(portfolio, Decimal(125), at=march(6))
    goal = fresh(
        GoalFactory(portfolio=portfolio, start_date=date(2026, 3, 5), as_of=NOW)
    )
    assert (goal.start_unit_value, goal.current_value) == (Decimal("1.25"), 10)


def test_an_entry_at_the_very_start_belongs_to_the_period():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(20), at=march(5, 0))
    goal = GoalFactory(portfolio=portfolio, start_date=date(2026, 3, 5), as_of=NOW)
    assert goal.current_value == 2


def test_an_entry_a_microsecond_before_the_start_belongs_to_the_baseline():
    portfolio = PortfolioFactory()
    before = march(5, 0) - timedelta(microseconds=1)
    book_profit(portfolio, Decimal(20), at=before)
    goal = GoalFactory(portfolio=portfolio, start_date=date(2026, 3, 5), as_of=NOW)
    assert (goal.current_value, goal.start_unit_value) == (0, Decimal("1.02"))


def test_a_goal_that_was_reached_in_the_past_is_achieved_at_that_time():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(30), at=march(3))
    book_profit(portfolio, Decimal(20), at=march(4))
    book_profit(portfolio, Decimal(10), at=march(5))
    book_profit(portfolio, Decimal(-40), at=march(6))
    goal = fresh(GoalFactory(portfolio=portfolio, as_of=NOW))
    assert (goal.status, goal.achieved_at, goal.progress_pct) == (
        "achieved",
        march(4),
        40,
    )


def test_a_tiny_target_that_rounding_reached_in_the_past_is_achieved():
    portfolio = PortfolioFactory()
    # 0.000099995 % rounds to the target's eight places.
    book_profit(portfolio, Decimal("0.000999950"), at=march(3))
    book_profit(portfolio, Decimal(-1), at=march(4))
    goal = GoalFactory(portfolio=portfolio, target_value=Decimal("0.0001"), as_of=NOW)
    assert (goal.status, goal.achieved_at) == ("achieved", march(3))


@pytest.mark.parametrize(
    ("kind", "target"),
    [("monthly_income", "50"), ("portfolio_value", "1050")],
)
def test_money_goals_too_are_achieved_at_the_time_in_the_past(kind, target):
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal("49.99999999"), at=march(3))
    book_profit(portfolio, Decimal("0.00000001"), at=march(4))
    book_profit(portfolio, Decimal(-10), at=march(5))
    goal = GoalFactory(
        portfolio=portfolio,
        goal_type=kind,
        target_value=Decimal(target),
        target_date=date(2026, 3, 31),
        as_of=NOW,
    )
    # 99.99999998 % is rounded to 100 before it is asked.
    assert (goal.status, goal.achieved_at) == ("achieved", march(3))


@pytest.mark.parametrize("starts_at", [time(0), time(8)])
def test_the_way_travelled_is_written_down_once_a_local_day(starts_at):
    portfolio = PortfolioFactory(time_zone="America/New_York", day_starts_at=starts_at)
    book_profit(portfolio, Decimal(10), at=march(3, 12))
    book_profit(portfolio, Decimal(10), at=march(4, 4))  # still 3 March there
    book_profit(portfolio, Decimal(5), at=march(4, 6))
    goal = GoalFactory(portfolio=portfolio, as_of=NOW)
    assert history(goal)[1:] == [
        ("restated", march(4, 4), 40),
        ("restated", march(4, 6), 50),
    ]
    assert {row.snapshot_date for row in goal.history.all()} == {
        date(2026, 3, day) for day in (1, 3, 4)
    }


def test_what_is_restated_was_learned_now():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(10), at=march(3))
    goal = GoalFactory(portfolio=portfolio, as_of=NOW)
    assert {row.recorded_at for row in goal.history.all()} == {NOW}


@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    profits=st.lists(
        st.decimals(min_value=Decimal(-80), max_value=Decimal(120), places=2),
        min_size=1,
        max_size=5,
    ),
    kind=st.sampled_from(["monthly_return", "monthly_income", "portfolio_value"]),
)
def test_a_goal_made_late_stands_where_one_made_in_time_stands(profits, kind):
    portfolio = PortfolioFactory()
    fields = {
        "portfolio": portfolio,
        "goal_type": kind,
        "target_value": Decimal(1010 if kind == "portfolio_value" else 10),
        "target_date": date(2026, 3, 31),
    }
    in_time = GoalFactory(**fields)
    for day, profit in enumerate(profits, 2):
        book_profit(portfolio, profit, at=march(day))
    late = fresh(GoalFactory(**fields, as_of=NOW, priority=4))
    in_time = fresh(in_time)
    assert late.baseline == in_time.baseline
    assert (late.progress, late.status, late.achieved_at) == (
        in_time.progress,
        in_time.status,
        in_time.achieved_at,
    )


def test_a_goal_made_after_ruin_and_a_deposit_is_measured_from_the_new_run():
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(-1000), at=march(3))
    deposit(portfolio, 500, march(4))
    book_profit(portfolio, Decimal(10), at=march(5))
    goal = GoalFactory(portfolio=portfolio, as_of=NOW)
    assert goal.current_value == 2


# A start in the future


def test_the_baseline_of_a_goal_to_come_is_carried_until_it_starts():
    goal = GoalFactory(start_date=date(2026, 4, 1))
    book_profit(goal.portfolio, Decimal(250), at=march(5))
    goal = fresh(goal)
    assert (goal.start_unit_value, goal.start_realized_pnl, goal.current_value) == (
        Decimal("1.25"),
        250,
        0,
    )


def test_a_goal_to_come_gets_no_history_row_by_what_is_before_it():
    goal = GoalFactory(start_date=date(2026, 4, 1))
    book_profit(goal.portfolio, Decimal(250), at=march(5))
    assert [row.kind for row in goal.history.all()] == ["start"]


def test_a_goal_that_has_started_is_measured_from_its_carried_baseline():
    goal = GoalFactory(start_date=date(2026, 4, 1))
    book_profit(goal.portfolio, Decimal(250), at=march(31, 23))
    book_profit(goal.portfolio, Decimal(25), at=datetime(2026, 4, 1, tzinfo=UTC))
    assert fresh(goal).current_value == 2


def test_a_portfolio_value_to_come_shows_the_equity_of_now():
    goal = GoalFactory(
        goal_type="portfolio_value",
        target_value=Decimal(2000),
        start_date=date(2026, 4, 1),
    )
    deposit(goal.portfolio, 500, march(5))
    goal = fresh(goal)
    assert (goal.current_value, goal.progress_pct) == (1500, 50)


# What moves a goal


def test_a_trade_moves_every_goal_whose_period_holds_it():
    portfolio = PortfolioFactory()
    goals = [
        GoalFactory(portfolio=portfolio, goal_type=kind, target_value=Decimal(target))
        for kind, target in (
            ("monthly_return", 5),
            ("quarterly_income", 50),
            ("portfolio_value", 1050),
        )
    ]
    book_profit(portfolio, Decimal(20), at=march(5))
    assert [fresh(goal).progress_pct for goal in goals] == [40, 40, 40]


def test_a_trade_leaves_one_history_row_a_goal():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(20), at=march(5))
    assert history(goal)[1:] == [("trade", march(5), 40)]


def test_a_trade_without_profit_leaves_a_history_row_too():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(0), at=march(5))
    assert history(goal)[1:] == [("trade", march(5), 0)]


@pytest.mark.parametrize(
    ("at", "moved"),
    [
        (march(9, 23, minute=59, second=59, microsecond=999999), 0),
        (march(10, 0), 2),
        (march(15, 23, minute=59, second=59, microsecond=999999), 2),
        (march(16, 0), 0),
    ],
)
def test_a_trade_outside_the_period_does_not_move_the_goal(at, moved):
    goal = GoalFactory(start_date=date(2026, 3, 10), target_date=date(2026, 3, 15))
    book_profit(goal.portfolio, Decimal(20), at=at)
    assert fresh(goal).current_value == moved


def test_progress_may_be_negative():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(-20), at=march(5))
    assert fresh(goal).progress_pct == -40


def test_a_goal_is_achieved_the_first_time_and_stays_achieved():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(50), at=march(5))
    book_profit(goal.portfolio, Decimal(-40), at=march(6))
    goal = fresh(goal)
    assert (goal.status, goal.achieved_at, goal.progress_pct) == (
        "achieved",
        march(5),
        20,
    )


def test_a_tiny_target_never_blocks_a_trade():
    goal = GoalFactory(target_value=Decimal("0.00000001"))
    book_profit(goal.portfolio, Decimal(-500), at=march(5))
    assert fresh(goal).progress_pct == -99_999_999


# Pausing, cancelling, changing


def test_a_paused_goal_is_measured_and_stays_paused():
    goal = change(GoalFactory(), as_of=START, status="paused")
    book_profit(goal.portfolio, Decimal(60), at=march(5))
    goal = fresh(goal)
    assert (goal.status, goal.progress_pct) == ("paused", 120)


def test_a_goal_that_was_reached_while_paused_is_achieved_when_it_is_resumed():
    goal = change(GoalFactory(), as_of=START, status="paused")
    book_profit(goal.portfolio, Decimal(60), at=march(5))
    goal = fresh(change(goal, status="active"))
    assert (goal.status, goal.achieved_at) == ("achieved", march(5))


def test_a_resumed_goal_that_was_not_reached_is_active():
    goal = change(GoalFactory(), status="paused")
    assert fresh(change(goal, status="active")).status == "active"


@pytest.mark.parametrize("status", ["achieved", "missed", "cancelled"])
def test_no_other_status_can_be_set(status):
    with pytest.raises(InvalidInput) as refused:
        change(GoalFactory(), status=status)
    assert refused.value.field == "status"


def test_a_cancelled_goal_never_moves():
    goal = GoalFactory()
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=march(2))
    book_profit(goal.portfolio, Decimal(20), at=march(5))
    goal = fresh(goal)
    assert (goal.status, goal.progress_pct, goal.ended_at) == (
        "cancelled",
        0,
        march(2),
    )


def test_the_rows_of_a_cancelled_goal_stay():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(20), at=march(5))
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=NOW)
    assert len(history(goal)) == 2


def test_cancelling_twice_changes_nothing():
    goal = GoalFactory()
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=march(2))
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=march(3))
    assert fresh(goal).ended_at == march(2)


@pytest.mark.parametrize(
    "act",
    [
        change,
        lambda goal, **_: cancel_goal(
            user=goal.user, goal_id=goal.pk, as_of=datetime(2026, 4, 1, tzinfo=UTC)
        ),
    ],
)
def test_a_goal_whose_period_is_over_cannot_be_changed(act):
    goal = GoalFactory()
    with pytest.raises(GoalNotActive):
        act(goal, as_of=datetime(2026, 4, 1, tzinfo=UTC))


def test_the_goal_of_another_user_does_not_exist_for_you():
    goal = GoalFactory()
    with pytest.raises(NotFound):
        update_goal(user=UserFactory(), goal_id=goal.pk, as_of=NOW, priority=1)


def test_a_new_target_is_measured_at_once_and_leaves_a_history_row():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(20), at=march(5))
    goal = fresh(change(goal, target_value=Decimal(4)))
    assert goal.progress_pct == 50
    assert history(goal)[-1] == (HistoryKind.CHANGE, NOW, 50)


def test_a_lower_target_may_be_reached_at_once():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(20), at=march(5))
    goal = fresh(change(goal, target_value=Decimal(2)))
    assert (goal.status, goal.achieved_at) == ("achieved", NOW)


def test_the_target_of_an_achieved_goal_stays():
    goal = GoalFactory()
    book_profit(goal.portfolio, Decimal(50), at=march(5))
    with pytest.raises(GoalNotActive, match="was achieved"):
        change(goal, target_value=Decimal(10))


def test_a_new_deadline_moves_the_period():
    goal = fresh(change(GoalFactory(), target_date=date(2026, 4, 15)))
    assert goal.period_ends_at == datetime(2026, 4, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_date", date(2026, 3, 19)),
        ("target_date", None),
        ("target_value", Decimal(0)),
        ("target_value", 4.5),
        ("max_factor", Decimal("0.4")),
        ("goal_type", "yearly_return"),
        ("start_date", date(2026, 3, 2)),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(field, value):
    goal = GoalFactory()
    with pytest.raises(InvalidInput) as refused:
        change(goal, **{field: value})
    assert refused.value.field in {field, "min_factor"}
    assert fresh(goal).updated_at == START


def test_a_portfolio_value_may_lose_its_deadline():
    goal = GoalFactory(
        goal_type="portfolio_value",
        target_value=Decimal(2000),
        target_date=date(2026, 12, 31),
    )
    goal = fresh(change(goal, target_date=None))
    assert (goal.target_date, goal.period_ends_at) == (None, None)


def test_a_change_of_settings_alone_leaves_no_history_row():
    goal = GoalFactory()
    change(goal, priority=1, max_factor=Decimal("1.1"))
    assert len(history(goal)) == 1


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("goal_type", {"goal_type": "hourly_return"}),
        ("policy", {"policy": "martingale"}),
        ("after_achieved", {"after_achieved": "celebrate"}),
    ],
)
def test_a_word_that_is_none_of_its_list_is_named(field, fields):
    with pytest.raises(InvalidInput) as refused:
        GoalFactory(**fields)
    assert refused.value.field == field
