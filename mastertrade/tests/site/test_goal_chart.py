"""The series of a goal's chart."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import DrawdownMode, GoalType
from goals.models import FinancialGoal
from goals.services.portfolios import update_portfolio
from goals.tests.factories import START, GoalFactory, PortfolioFactory
from mastertrade.site.goal_chart import (
    MOST_MARKS,
    read_chart,
    read_days,
    seconds,
    thin,
)
from trades.booking.mark import Mark, mark_positions
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, book_profit, import_profits

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
NOW = START + 10 * DAY
FLOOR = Decimal("0.8")  # of the peak, by default


def _goal(**fields: Any) -> FinancialGoal:
    portfolio = PortfolioFactory(**fields.pop("of_portfolio", {}))
    return GoalFactory(portfolio=portfolio, **fields)


def _read(goal: FinancialGoal) -> FinancialGoal:
    return FinancialGoal.objects.select_related("portfolio").get(pk=goal.pk)


def test_the_line_is_the_value_at_the_end_of_each_day_up_to_now() -> None:
    goal = _goal()
    for day, profit in ((1, 20), (1, -10), (4, 15)):
        book_profit(goal.portfolio, Decimal(profit), START + day * DAY)

    days = read_days(_read(goal), NOW)

    assert [day.value for day in days] == [0, 1, Decimal("2.5"), Decimal("2.5")]
    assert [day.at for day in days[::3]] == [START, NOW]


def test_the_floor_moves_as_it_trails() -> None:
    goal = _goal()
    for day, profit in ((1, 50), (3, -30), (5, 80)):
        book_profit(goal.portfolio, Decimal(profit), START + day * DAY)

    hard = [day.hard for day in read_days(_read(goal), NOW)]

    assert hard == [-20, 5 - 21, 5 - 21, 10 - 22, 10 - 22]


def test_a_floor_that_stands_does_not_move() -> None:
    goal = _goal(of_portfolio={"drawdown_mode": DrawdownMode.STATIC})
    book_profit(goal.portfolio, Decimal(50), START + DAY)

    assert {day.hard for day in read_days(_read(goal), NOW)} == {-20}


def test_a_changed_limit_moves_the_floor_from_then_on() -> None:
    goal = _goal()
    portfolio = goal.portfolio
    book_profit(portfolio, Decimal(0), START + DAY)
    update_portfolio(
        portfolio_id=portfolio.pk,
        user=portfolio.user,
        now=START + 2 * DAY,
        hard_drawdown_pct=Decimal(15),
    )
    book_profit(portfolio, Decimal(0), START + 3 * DAY)

    hard = [day.hard for day in read_days(_read(goal), NOW)]

    assert hard[1] == -20
    assert hard[-1] == -15


@pytest.mark.parametrize(
    ("fields", "value", "hard"),
    [
        (
            {"goal_type": GoalType.MONTHLY_INCOME, "target_value": Decimal(100)},
            50,
            -160,
        ),
        (
            {
                "goal_type": GoalType.PORTFOLIO_VALUE,
                "target_value": Decimal(1200),
                "start_date": None,
                "target_date": date(2026, 3, 31),
            },
            1050,
            840,
        ),
    ],
)
def test_a_floor_stands_in_the_measure_of_the_goal(
    fields: dict[str, Any], value: int, hard: int
) -> None:
    goal = _goal(**fields)
    book_profit(goal.portfolio, Decimal(50), START + DAY)

    last = read_days(_read(goal), NOW)[-1]

    assert (last.value, last.hard) == (value, hard)


def test_days_before_the_goal_began_are_not_drawn() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(100), START + DAY)
    goal = GoalFactory(portfolio=portfolio, start_date=date(2026, 3, 5), as_of=NOW)

    days = read_days(_read(goal), NOW)

    assert days[0].at == goal.period_starts_at
    assert days[0].value == 0
    assert days[0].hard == -20


def test_the_newest_trades_are_marks_and_decisions_make_the_factors() -> None:
    goal = _goal()
    size_for_goal(
        user=goal.user, goal_id=goal.pk, now=START + DAY, base_size=Decimal(100)
    )
    book_profit(goal.portfolio, Decimal(20), START + DAY)
    book_profit(goal.portfolio, Decimal(-5), START + 2 * DAY)

    chart = read_chart(_read(goal), NOW)

    assert [(mark[1], mark[2] > 0) for mark in chart["marks"]] == [
        (2.0, True),
        (1.5, False),
    ]
    assert chart["factors"] == [(seconds(START + DAY), 1.3, 1.3)]
    assert chart["line"][-1] == (seconds(NOW), 1.5)


def test_a_mark_lies_on_the_line_and_says_what_its_trade_made() -> None:
    """Of a portfolio's worth the value that is kept moves with what is open."""
    goal = _goal(
        goal_type=GoalType.PORTFOLIO_VALUE,
        target_value=Decimal(1200),
        start_date=None,
        target_date=date(2026, 3, 31),
    )
    portfolio = goal.portfolio
    held = TradeFactory(portfolio=portfolio, entry_time=START, now=START)
    price = held.entry_price - 50 / held.quantity
    marks = [Mark(held.symbol, price, START + DAY)]
    mark_positions(user=portfolio.user, marks=marks, now=START + DAY)
    book_profit(portfolio, Decimal(20), START + 2 * DAY, symbol="OTHER")

    chart = read_chart(_read(goal), NOW)

    assert chart["live"] == 970
    assert chart["marks"] == [(seconds(START + 2 * DAY), 1020.0, 20.0)]


def test_an_ended_goal_is_drawn_up_to_its_end() -> None:
    goal = _goal()
    book_profit(goal.portfolio, Decimal(20), START + DAY)
    book_profit(goal.portfolio, Decimal(50), START + 40 * DAY)

    chart = read_chart(_read(goal), START + 60 * DAY)

    assert chart["now"] is None
    assert chart["line"][-1][1] == 2.0


def test_of_many_trades_no_more_than_the_newest_are_marked() -> None:
    goal = _goal(target_date=date(2026, 12, 31))
    import_profits(
        goal.portfolio,
        [(START + n * DAY / 8, Decimal(1)) for n in range(1, MOST_MARKS + 60)],
    )

    chart = read_chart(_read(goal), START + 60 * DAY)

    assert len(chart["marks"]) <= MOST_MARKS
    assert len(chart["line"]) < 60


def test_thinning_keeps_the_lowest_and_the_highest_of_each_stretch() -> None:
    points = [(at, float(at % 7)) for at in range(5000)]
    points[2345] = (2345, -50.0)
    points[4000] = (4000, 99.0)

    found = thin(points, 300)

    assert len(found) <= 301
    assert (2345, -50.0) in found
    assert (4000, 99.0) in found
    assert found == sorted(found)
    assert found[-1] == points[-1]
