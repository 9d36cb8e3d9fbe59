"""A best day's share, the target in force, and days' profits, by hand."""

from datetime import date
from decimal import Decimal

import pytest

from goals.decisions.conditions import (
    DayProfits,
    measure_best_day,
    measure_best_day_share,
    measure_target_in_force,
    measure_trading_days,
)
from goals.decisions.progress import Baseline
from goals.enums import Measure

BASELINE = Baseline(Decimal(0), Decimal("1.25"), Decimal(300), run=1)


@pytest.mark.parametrize(
    ("best_day", "max_pct", "in_force"),
    [
        (0, None, 3000),
        (0, 50, 3000),
        (1500, 50, 3000),
        (1600, 50, 3200),
        (1600, 40, 4000),
        (5000, 100, 5000),
    ],
)
def test_the_target_in_force_is_the_best_day_by_its_largest_share(
    best_day: int, max_pct: int | None, in_force: int
) -> None:
    share = None if max_pct is None else Decimal(max_pct)
    found = measure_target_in_force(Decimal(0), Decimal(3000), Decimal(best_day), share)
    assert found == in_force


def test_the_target_in_force_of_a_portfolio_value_lies_above_its_start() -> None:
    found = measure_target_in_force(
        Decimal(50_000), Decimal(53_000), Decimal(2000), Decimal(50)
    )
    assert found == 54_000


@pytest.mark.parametrize(
    ("best_day", "profit", "share", "met"),
    [
        ("0", "0", None, True),
        ("5", "0", None, False),
        ("5", "-3", None, False),
        ("50", "100", "50.000000", True),
        ("50.00000001", "100", "50.000000", True),
        ("50.00000002", "100", "50.000000", False),
        ("120", "100", "120.000000", False),
    ],
)
def test_the_best_day_holds_up_to_its_share_of_the_profit_exactly(
    best_day: str, profit: str, share: str | None, met: bool
) -> None:
    found = measure_best_day_share(Decimal(50), Decimal(best_day), Decimal(profit))
    assert found.met is met
    assert found.current == (None if share is None else Decimal(share))


def test_days_profits_are_differences_of_days_ends() -> None:
    profits = DayProfits.since(Measure.INCOME, BASELINE)
    largest = []
    for day, value in ((2, 340), (2, 320), (3, 310), (5, 365), (5, 345), (6, 300)):
        profits.add(date(2026, 3, day), Decimal(value))
        largest.append(profits.largest)
    # A day's own profit counts as it stands; what it has lost again does not.
    assert largest == [40, 20, 20, 55, 35, 35]


def test_a_loss_every_day_leaves_a_best_day_of_zero() -> None:
    profits = DayProfits.since(Measure.INCOME, BASELINE)
    profits.add(date(2026, 3, 2), Decimal(200))
    profits.add(date(2026, 3, 3), Decimal(100))
    assert profits.largest == 0


def test_a_best_day_of_a_return_is_percent_of_its_start() -> None:
    profits = DayProfits.since(Measure.RETURN, BASELINE)
    profits.add(date(2026, 3, 2), Decimal("1.30"))
    assert measure_best_day(Measure.RETURN, BASELINE, profits.largest) == 4
    assert measure_best_day(Measure.INCOME, BASELINE, Decimal(40)) == 40


def test_trading_days_say_what_is_required_and_what_there_is() -> None:
    found = measure_trading_days(5, 3, met=False)
    assert (found.name, found.required, found.current) == ("min_trading_days", 5, 3)
    assert not found.met
