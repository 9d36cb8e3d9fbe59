"""Periods that end: each goal is judged once, and its successor opened once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest

from goals.models import FinancialGoal, GoalProgressHistory
from goals.services import rollover
from goals.services.goals import cancel_goal, create_goal, update_goal
from goals.services.portfolios import record_cash_flow
from goals.services.rollover import roll_goals
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import OutOfRange
from trades.models import Trade
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db
MICROSECOND = timedelta(microseconds=1)


def at(month, day, hour=0):
    return datetime(2026, month, day, hour, tzinfo=UTC)


def may_goal(**fields):
    return GoalFactory(
        **{
            "start_date": date(2026, 5, 1),
            "as_of": at(5, 1),
            "recurring": True,
            **fields,
        }
    )


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def deposit(portfolio, amount, now):
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(amount), now=now
    )


def rows(goal):
    listed = goal.history.order_by("effective_at", "history_id")
    return [(row.kind, row.effective_at, row.progress_pct) for row in listed]


def test_a_period_that_is_not_over_is_left_alone():
    goal = may_goal()
    assert roll_goals(as_of=at(6, 1) - MICROSECOND) == []
    assert fresh(goal).status == "active"


def test_a_goal_that_was_not_reached_is_missed_at_the_end_of_its_period():
    goal = may_goal(recurring=False)
    assert roll_goals(as_of=at(6, 3)) == []
    goal = fresh(goal)
    assert (goal.status, goal.ended_at, goal.updated_at) == (
        "missed",
        at(6, 1),
        at(6, 3),
    )


def test_a_goal_that_was_reached_stays_achieved():
    goal = may_goal()
    book_profit(goal.portfolio, Decimal(50), at=at(5, 5))
    roll_goals(as_of=at(6, 1))
    goal = fresh(goal)
    assert (goal.status, goal.ended_at) == ("achieved", at(6, 1))


@pytest.mark.parametrize(("profit", "status"), [(10, "missed"), (60, "achieved")])
def test_a_paused_goal_is_judged_too(profit, status):
    goal = may_goal()
    update_goal(user=goal.user, goal_id=goal.pk, as_of=at(5, 2), status="paused")
    book_profit(goal.portfolio, Decimal(profit), at=at(5, 5))
    roll_goals(as_of=at(6, 1))
    assert fresh(goal).status == status


def test_the_successor_of_a_paused_goal_is_paused():
    goal = may_goal()
    update_goal(user=goal.user, goal_id=goal.pk, as_of=at(5, 2), status="paused")
    [following] = roll_goals(as_of=at(6, 1))
    assert fresh(following).status == "paused"


def test_a_cancelled_goal_is_neither_judged_nor_followed():
    goal = may_goal()
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=at(5, 2))
    assert roll_goals(as_of=at(6, 1)) == []
    assert fresh(goal).status == "cancelled"


def test_a_recurring_goal_is_followed_by_the_next_period_and_they_know_each_other():
    goal = may_goal()
    [following] = roll_goals(as_of=at(6, 1))
    following = fresh(following)
    assert (following.start_date, following.target_date) == (
        date(2026, 6, 1),
        date(2026, 6, 30),
    )
    assert following.previous_goal == goal
    assert fresh(goal).next_goal == following


def test_the_successor_wants_the_same():
    wanted = {
        "target_value": Decimal("7.5"),
        "priority": 2,
        "policy": "constant",
        "min_factor": Decimal("0.6"),
        "max_factor": Decimal("1.1"),
        "after_achieved": "stop",
        "recurring": True,
        "goal_type": "monthly_return",
    }
    may_goal(**wanted)
    [following] = roll_goals(as_of=at(6, 1))
    following = fresh(following)
    assert {name: getattr(following, name) for name in wanted} == wanted


def test_rolling_again_changes_nothing():
    may_goal()
    roll_goals(as_of=at(6, 1))
    assert roll_goals(as_of=at(6, 1)) == []
    assert FinancialGoal.objects.count() == 2


def test_periods_that_went_by_unnoticed_are_caught_up_one_by_one():
    goal = may_goal()
    opened = roll_goals(as_of=at(8, 15))
    assert [following.start_date.month for following in opened] == [6, 7, 8]
    chain, link = [goal], goal
    while FinancialGoal.objects.filter(previous_goal=link).exists():
        link = FinancialGoal.objects.get(previous_goal=link)
        chain.append(link)
    assert [(one.start_date.month, fresh(one).status) for one in chain] == [
        (5, "missed"),
        (6, "missed"),
        (7, "missed"),
        (8, "active"),
    ]


def test_every_period_that_is_caught_up_holds_its_own_trades():
    goal = may_goal()
    for month, profit in ((5, 20), (6, 30), (7, 60), (8, 10)):
        book_profit(goal.portfolio, Decimal(profit), at=at(month, 10))
    opened = [fresh(one) for one in roll_goals(as_of=at(8, 15))]
    growth = [
        (Decimal(1050) / 1020 - 1) * 100,
        (Decimal(1110) / 1050 - 1) * 100,
        (Decimal(1120) / 1110 - 1) * 100,
    ]
    assert [one.current_value for one in opened] == [
        value.quantize(Decimal("1e-8")) for value in growth
    ]
    assert [(one.status, one.achieved_at) for one in opened] == [
        ("missed", None),
        ("achieved", at(7, 10)),
        ("active", None),
    ]


def roll_monthly(until):
    for month in range(6, until + 1):
        roll_goals(as_of=at(month, 1))


@pytest.mark.parametrize(
    "kind", ["monthly_return", "monthly_income", "portfolio_value"]
)
def test_a_late_roll_finds_what_rolls_in_time_found(kind):
    events = [
        (at(5, 10), "trade", -1000),
        (at(5, 25), "flow", 800),
        (at(6, 5), "trade", 40),
        (at(6, 20), "flow", -100),
        (at(7, 2), "trade", -740),
        (at(7, 9), "flow", 500),
    ]
    figures = []
    for in_time in (True, False):
        goal = may_goal(
            goal_type=kind,
            target_value=Decimal(1050),
            target_date=date(2026, 5, 31),
        )
        rolled = 5
        for when, what, amount in events:
            if in_time and when.month > rolled:
                rolled = when.month
                roll_goals(as_of=at(rolled, 1))
            if what == "trade":
                book_profit(goal.portfolio, Decimal(amount), at=when)
            else:
                deposit(goal.portfolio, amount, when)
        roll_goals(as_of=at(8, 2))
        figures.append(
            list(
                goal.portfolio.goals.order_by("start_date").values_list(
                    "start_date",
                    "start_value",
                    "target_value",
                    "current_value",
                    "progress_pct",
                    "status",
                    "achieved_at",
                    "ended_at",
                    "start_unit_value",
                    "start_unit_run",
                    "start_realized_pnl",
                )
            )
        )
    assert figures[0] == figures[1]


def test_a_period_before_ruin_keeps_its_return_when_it_is_rolled_after_it():
    goal = may_goal(start_date=date(2026, 4, 1), as_of=at(4, 1))
    book_profit(goal.portfolio, Decimal(30), at=at(5, 10))
    book_profit(goal.portfolio, Decimal(-1030), at=at(6, 5))
    deposit(goal.portfolio, 500, at(6, 6))
    may, june = roll_goals(as_of=at(6, 10))
    assert (fresh(may).current_value, fresh(june).current_value) == (3, -100)


def test_the_next_portfolio_value_has_the_same_way_to_go():
    goal = may_goal(
        goal_type="portfolio_value",
        target_value=Decimal(1100),
        target_date=date(2026, 5, 31),
    )
    book_profit(goal.portfolio, Decimal(40), at=at(5, 10))
    [following] = roll_goals(as_of=at(6, 1))
    assert (following.start_value, following.target_value) == (1040, 1140)


def test_periods_end_at_local_midnight():
    portfolio = PortfolioFactory(time_zone="America/New_York")
    may_goal(portfolio=portfolio, as_of=at(5, 1, 12))
    midnight = at(6, 1, 4)
    assert roll_goals(as_of=midnight - MICROSECOND) == []
    assert len(roll_goals(as_of=midnight)) == 1


def test_one_portfolio_can_be_rolled_alone():
    one, other = may_goal(), may_goal()
    roll_goals(as_of=at(6, 1), portfolio_id=one.portfolio_id)
    assert (fresh(one).ended_at, fresh(other).ended_at) == (at(6, 1), None)


def test_all_portfolios_are_rolled():
    may_goal(), may_goal()
    assert len(roll_goals(as_of=at(6, 1))) == 2


def test_a_failure_leaves_the_portfolio_as_it_was():
    goal = may_goal()
    with (
        patch("goals.services.rollover.open_period", side_effect=RuntimeError),
        pytest.raises(ExceptionGroup) as failed,
    ):
        roll_goals(as_of=at(6, 1))
    assert failed.group_contains(RuntimeError)
    assert fresh(goal).ended_at is None


# Trades around the end of a period


def test_a_trade_of_june_never_moves_mays_goal_that_is_not_rolled_over():
    goal = may_goal()
    book_profit(goal.portfolio, Decimal(60), at=at(6, 1))
    goal = fresh(goal)
    assert (goal.progress_pct, goal.status) == (0, "active")


def test_a_trade_of_june_never_moves_mays_goal_that_is_rolled_over():
    goal = may_goal()
    [june] = roll_goals(as_of=at(6, 1))
    book_profit(goal.portfolio, Decimal(60), at=at(6, 1))
    assert (fresh(goal).status, fresh(june).status) == ("missed", "achieved")


def test_a_trade_of_june_counts_for_junes_goal_that_is_rolled_later():
    goal = may_goal()
    book_profit(goal.portfolio, Decimal(60), at=at(6, 1))
    [june] = roll_goals(as_of=at(6, 2))
    assert (fresh(goal).status, fresh(june).current_value) == ("missed", 6)


LAST_MOMENT = at(6, 1) - MICROSECOND


def test_a_trade_of_may_that_is_booked_after_the_roll_moves_mays_goal():
    goal = may_goal()
    roll_goals(as_of=at(6, 1))
    book_profit(goal.portfolio, Decimal(20), at=LAST_MOMENT)
    assert fresh(goal).progress_pct == 40
    assert rows(goal)[-1] == ("restated", LAST_MOMENT, 40)


def test_such_a_trade_may_turn_missed_into_achieved():
    goal = may_goal()
    roll_goals(as_of=at(6, 1))
    book_profit(goal.portfolio, Decimal(50), at=LAST_MOMENT)
    goal = fresh(goal)
    assert (goal.status, goal.achieved_at, goal.ended_at) == (
        "achieved",
        LAST_MOMENT,
        at(6, 1),
    )
    assert note_of_last(goal) == (
        f"Trade {newest_trade(goal)} of 2026-05-31 23:59 UTC arrived late; "
        "missed turned achieved."
    )


def test_the_history_of_a_goal_that_is_over_says_what_arrived_late():
    goal = may_goal()
    book_profit(goal.portfolio, Decimal(10), at=at(5, 31))
    assert note_of_last(goal) == ""
    roll_goals(as_of=at(6, 1))
    book_profit(goal.portfolio, Decimal(20), at=LAST_MOMENT)
    assert note_of_last(goal) == (
        f"Trade {newest_trade(goal)} of 2026-05-31 23:59 UTC arrived late"
    )


def note_of_last(goal):
    return GoalProgressHistory.objects.filter(goal=goal).latest("history_id").note


def newest_trade(goal):
    return Trade.objects.filter(portfolio=goal.portfolio).latest("trade_id").trade_id


@pytest.mark.parametrize("kind", ["monthly_return", "monthly_income"])
def test_such_a_trade_moves_junes_baseline_and_not_june(kind):
    goal = may_goal(goal_type=kind)
    [june] = roll_goals(as_of=at(6, 1))
    book_profit(goal.portfolio, Decimal(20), at=LAST_MOMENT)
    june = fresh(june)
    assert (june.current_value, june.start_unit_value, june.start_realized_pnl) == (
        0,
        Decimal("1.02"),
        20,
    )
    assert [kind for kind, *_ in rows(june)] == ["start"]


def test_after_such_a_trade_june_is_measured_from_its_new_baseline():
    goal = may_goal()
    [june] = roll_goals(as_of=at(6, 1))
    book_profit(goal.portfolio, Decimal(250), at=LAST_MOMENT)
    book_profit(goal.portfolio, Decimal(25), at=at(6, 2))
    assert fresh(june).current_value == 2


# History


def test_a_successor_begins_its_history_at_its_start():
    may_goal()
    [june] = roll_goals(as_of=at(6, 3))
    assert rows(june) == [("start", at(6, 1), 0)]


def test_a_successor_opened_late_writes_down_the_way_travelled():
    goal = may_goal()
    book_profit(goal.portfolio, Decimal(20), at=at(6, 2, 9))
    book_profit(goal.portfolio, Decimal(10), at=at(6, 2, 10))
    [june] = roll_goals(as_of=at(6, 5))
    assert rows(june) == [("start", at(6, 1), 0), ("restated", at(6, 2, 10), 60)]


@pytest.mark.parametrize("error", [OutOfRange("no room"), ZeroDivisionError()])
def test_a_portfolio_that_fails_stops_no_other(error):
    broken = GoalFactory(recurring=True)
    other = GoalFactory(recurring=True)
    open_period = rollover.open_period

    def fail_for_one(goal, portfolio, *args, **kwargs):
        if portfolio.pk == broken.portfolio_id:
            raise error
        return open_period(goal, portfolio, *args, **kwargs)

    with (
        patch.object(rollover, "open_period", fail_for_one),
        pytest.raises(ExceptionGroup) as failed,
    ):
        roll_goals(as_of=datetime(2026, 4, 2, tzinfo=UTC))

    (failure,) = failed.value.exceptions
    assert failure.__notes__ == [f"portfolio {broken.portfolio_id}"]
    broken.refresh_from_db()
    other.refresh_from_db()
    assert (broken.status, other.status) == ("active", "missed")
    assert other.next_goal.status == "active"


def test_a_chain_whose_next_target_is_out_of_range_ends_with_the_goal_judged():
    portfolio = PortfolioFactory(opening_balance=Decimal("9999999999999000"))
    goal = create_goal(
        user=portfolio.user,
        portfolio=portfolio.portfolio_id,
        goal_type="portfolio_value",
        target_value=Decimal("9999999999999999"),
        target_date=date(2026, 3, 31),
        recurring=True,
        as_of=START,
    )
    book_profit(portfolio, Decimal(500))

    assert roll_goals(as_of=datetime(2026, 4, 2, tzinfo=UTC)) == []

    goal.refresh_from_db()
    assert goal.status == "missed"


def june_value(portfolio):
    return GoalFactory(
        portfolio=portfolio,
        goal_type="portfolio_value",
        target_value=Decimal(1200),
        start_value=Decimal(900),
        start_date=date(2026, 6, 1),
        target_date=date(2026, 6, 30),
        as_of=at(5, 1),
    )


def test_a_value_that_shows_its_target_before_its_period_is_judged_when_that_begins():
    portfolio = PortfolioFactory(opening_balance=Decimal(1000), now=at(5, 1))
    goal = june_value(portfolio)
    book_profit(portfolio, Decimal(250), at(5, 9))
    roll_goals(as_of=at(6, 1) - MICROSECOND)
    assert (fresh(goal).status, fresh(goal).achieved_at) == ("active", None)
    roll_goals(as_of=at(6, 1))
    assert (fresh(goal).status, fresh(goal).achieved_at) == ("achieved", at(6, 1))


@pytest.mark.parametrize("rolled", [False, True])
@pytest.mark.parametrize("booked_at", [at(6, 1), at(6, 2), at(7, 2)])
def test_a_value_that_begins_at_its_target_was_reached_whatever_follows(
    rolled, booked_at
):
    portfolio = PortfolioFactory(opening_balance=Decimal(1000), now=at(5, 1))
    goal = june_value(portfolio)
    book_profit(portfolio, Decimal(250), at(5, 9))
    if rolled:
        roll_goals(as_of=booked_at)
    book_profit(portfolio, Decimal(-400), booked_at)
    roll_goals(as_of=at(7, 3))
    assert (fresh(goal).status, fresh(goal).achieved_at) == ("achieved", at(6, 1))


def test_a_late_loss_before_its_period_takes_back_that_a_value_began_at_its_target():
    portfolio = PortfolioFactory(opening_balance=Decimal(1000), now=at(5, 1))
    goal = june_value(portfolio)
    book_profit(portfolio, Decimal(250), at(5, 9))
    roll_goals(as_of=at(6, 1))
    book_profit(portfolio, Decimal(-400), at(5, 10))
    assert (fresh(goal).status, fresh(goal).achieved_at) == ("active", None)
