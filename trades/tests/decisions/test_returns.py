"""Money-weighted return, falls below the peak, days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from trades.decisions.returns import (
    DayProfit,
    DayValue,
    Flow,
    deepest,
    fall_pct,
    money_weighted_return,
    profits_by_day,
    sum_month,
    unit_return_pct,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def flows(*given: tuple[int, str]) -> list[Flow]:
    """Of (days after the start, amount)."""
    return [Flow(START + timedelta(days=day), Decimal(one)) for day, one in given]


@pytest.mark.parametrize(
    ("given", "value", "days", "pct", "yearly"),
    [
        (flows((0, "1000")), "1100", 365, "10", "10"),
        (flows((0, "1000")), "1210", 730, "21", "10"),
        # 1000 · 1.1² + 1000 · 1.1
        (flows((0, "1000"), (365, "1000")), "2310", 730, "21", "10"),
        # 1000 · 0.5² + 1000 · 0.5
        (flows((0, "1000"), (365, "1000")), "750", 730, "-75", "-50"),
        # 1000 · 1.2² - 700 · 1.2
        (flows((0, "1000"), (365, "-700")), "600", 730, "44", "20"),
        (flows((0, "1000"), (100, "-1000")), "0", 365, "0", "0"),
        (flows((0, "1000")), "0", 365, "-100", "-100"),
    ],
)
def test_the_rate_is_the_one_at_which_the_flows_grew_to_the_value(
    given: list[Flow], value: str, days: int, pct: str, yearly: str
) -> None:
    found = money_weighted_return(given, Decimal(value), START + timedelta(days=days))

    assert (found.pct, found.yearly_pct) == (Decimal(pct), Decimal(yearly))


@pytest.mark.parametrize("unit_value", ["0.000123", "0.5", "1", "1.161", "37.5"])
@pytest.mark.parametrize("days", [3, 100, 4000])
def test_without_flows_it_is_the_unit_return(unit_value: str, days: int) -> None:
    value = Decimal(unit_value) * 2000
    until = START + timedelta(days=days)

    found = money_weighted_return(flows((0, "2000")), value, until)

    assert found.pct == unit_return_pct(Decimal(unit_value))


def test_less_than_a_year_is_not_made_a_year() -> None:
    until = START + YEAR - timedelta(seconds=1)

    found = money_weighted_return(flows((0, "1000")), Decimal(1100), until)

    assert (found.pct, found.yearly_pct) == (Decimal(10), None)


def test_money_that_came_before_the_gain_counts_more_than_the_unit_return() -> None:
    # 1000 lost a tenth, then 9000 came, and all gained a tenth.
    given = flows((0, "1000"), (182, "9000"))

    found = money_weighted_return(given, Decimal(9900) * Decimal("1.1"), START + YEAR)

    assert unit_return_pct(Decimal("0.9") * Decimal("1.1")) == -1
    assert found.pct is not None
    assert found.pct > 10


# Of polynomials with the roots in front: (g - a)(g - b)… = 0, times 10,000.
SEVERAL = {
    "1.1 and 1.2": ("10000", "-23000", "13200"),
    "1.1 and 1.11, close together": ("10000", "-22100", "12210"),
    "0.5 and 3": ("10000", "-35000", "15000"),
    "1.1, 1.11 and 2": ("10000", "-42100", "56410", "-24420"),
    "1, 2 and 3": ("10000", "-60000", "110000", "-60000"),
}


@pytest.mark.parametrize("amounts", SEVERAL.values(), ids=list(SEVERAL))
def test_several_rates_that_fit_are_none(amounts: tuple[str, ...]) -> None:
    given = flows(*((365 * year, one) for year, one in enumerate(amounts)))
    until = START + (len(amounts) - 1) * YEAR

    found = money_weighted_return(given, Decimal(0), until)

    assert found.pct is None
    assert "More than one rate" in found.reason


@pytest.mark.parametrize(
    ("given", "value", "pct"),
    [
        # 1000 g³ - 500 g² + 200 g, at g = 1.1
        (flows((0, "1000"), (365, "-500"), (730, "200")), "946", "33.1"),
        # In, out and in again, and nothing made.
        (flows((0, "1000"), (365, "-900"), (730, "900")), "1000", "0"),
        # Three of a day are one.
        (flows((0, "600"), (0, "300"), (0, "100")), "1331", "33.1"),
        (flows((0, "1000"), (365, "500"), (365, "-500")), "1331", "33.1"),
    ],
)
def test_flows_in_and_out_have_the_one_rate_that_fits(
    given: list[Flow], value: str, pct: str
) -> None:
    found = money_weighted_return(given, Decimal(value), START + 3 * YEAR)

    assert found.pct == Decimal(pct)


@pytest.mark.parametrize(
    ("given", "value", "days", "reason"),
    [
        ([], "0", 1, "No money"),
        (flows((0, "0")), "0", 1, "No money"),
        (flows((0, "1000")), "1000", 0, "No time"),
        (flows((0, "1000")), "10000000000", 10, "No rate"),
    ],
)
def test_where_there_is_no_rate_it_says_why(
    given: list[Flow], value: str, days: int, reason: str
) -> None:
    found = money_weighted_return(given, Decimal(value), START + timedelta(days=days))

    assert (found.pct, found.yearly_pct) == (None, None)
    assert found.reason.startswith(reason)


def test_falls_are_below_the_peak_and_the_deepest_is_the_first_of_equals() -> None:
    days = [
        DayValue(date(2026, 1, day), Decimal(value), Decimal(peak))
        for day, value, peak in (
            (1, "1.1", "1.1"),
            (2, "0.99", "1.1"),
            (3, "1.2", "1.25"),
            (4, "1.125", "1.25"),
        )
    ]

    assert [fall_pct(day) for day in days] == [0, 10, 4, 10]
    assert deepest(days) == days[1]
    assert deepest([]) is None
    assert fall_pct(DayValue(date(2026, 1, 1), Decimal(0), Decimal(0))) == 0


def test_days_are_what_the_running_profit_gained_parts_together() -> None:
    first, second = date(2026, 1, 1), date(2026, 1, 3)
    rows = [(first, Decimal(5), 1), (second, Decimal(2), 2), (second, Decimal(9), 1)]

    found = profits_by_day(rows)

    assert found == [DayProfit(first, Decimal(5), 1), DayProfit(second, Decimal(4), 3)]


def test_a_month_names_its_best_and_worst_day_where_there_are_such() -> None:
    one, two, flat = (
        DayProfit(date(2026, 1, day), Decimal(made), closes)
        for day, made, closes in ((1, 10, 1), (2, -4, 2), (3, 0, 0))
    )

    both, lost = sum_month([one, two, flat]), sum_month([two])

    assert (both.profit, both.up, both.down) == (6, 1, 1)
    assert (both.best, both.worst) == (one, two)
    assert (lost.best, lost.worst) == (None, two)
