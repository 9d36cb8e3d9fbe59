"""What services refuse before a figure can reach a column."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, PRICE, upper_bound
from mastertrade.values.validation import (
    fingerprint,
    require_decimal,
    require_not_future,
    require_not_negative,
    require_positive,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [1.0, 0.1, 1, "1", True, None])
def test_only_decimals_are_taken_as_figures(value):
    with pytest.raises(InvalidInput, match="must be a Decimal") as refused:
        require_decimal("amount", value, MONEY)
    assert refused.value.field == "amount"


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_a_number_is_refused(value):
    with pytest.raises(InvalidInput, match="finite"):
        require_decimal("amount", Decimal(value), MONEY)


@pytest.mark.parametrize("value", ["1e16", "-1e16", "1e400"])
def test_what_the_column_cannot_hold_is_out_of_range(value):
    with pytest.raises(InvalidInput, match="out of range"):
        require_decimal("amount", Decimal(value), MONEY)


@pytest.mark.parametrize("column", [MONEY, PRICE])
def test_the_largest_figure_of_the_column_is_taken(column):
    largest = upper_bound(column)
    assert require_decimal("amount", largest, column) is largest


@pytest.mark.parametrize(
    "value",
    [
        "0.000000001",
        "1.123456789",
        # More digits than Python's default context keeps.
        "1000000000000000.00000000000000000001",
    ],
)
def test_what_the_column_would_round_is_refused(value):
    with pytest.raises(InvalidInput, match="more than 8 decimal places"):
        require_decimal("amount", Decimal(value), MONEY)


@pytest.mark.parametrize("value", ["1.1000000000000", "1E+3", "0E-20", "-0.00"])
def test_idle_zeros_are_no_decimal_places(value):
    assert require_decimal("amount", Decimal(value), MONEY) == Decimal(value)


@pytest.mark.parametrize("value", ["0", "-0", "-0.00000001", "-1"])
def test_positive_means_above_zero(value):
    with pytest.raises(InvalidInput, match="above 0"):
        require_positive("quantity", Decimal(value), MONEY)


def test_the_smallest_step_is_positive():
    smallest = Decimal("0.00000001")
    assert require_positive("quantity", smallest, MONEY) == smallest


def test_zero_is_not_negative():
    assert require_not_negative("fees", Decimal(0), MONEY) == 0


def test_below_zero_is_negative():
    with pytest.raises(InvalidInput, match="must not be negative"):
        require_not_negative("fees", Decimal("-0.00000001"), MONEY)


def test_now_is_not_in_the_future():
    assert require_not_future("as_of", NOW, NOW) == NOW


def test_a_microsecond_later_is_in_the_future():
    with pytest.raises(InvalidInput, match="future"):
        require_not_future("as_of", NOW + timedelta(microseconds=1), NOW)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(InvalidInput, match="time zone"):
        require_not_future("as_of", NOW.replace(tzinfo=None), NOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": Decimal(1)}, {"a": Decimal("1.00")}),
        ({"a": Decimal("1E+3")}, {"a": Decimal(1000)}),
        ({"a": Decimal("-0")}, {"a": Decimal(0)}),
        ({"a": None}, {}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"at": NOW}, {"at": NOW.astimezone(timezone(timedelta(hours=5)))}),
    ],
)
def test_the_same_figures_have_one_fingerprint(one, other):
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": Decimal(1)}, {"a": Decimal("1.00000001")}),
        ({"a": Decimal(1)}, {"b": Decimal(1)}),
        ({"at": NOW}, {"at": NOW + timedelta(microseconds=1)}),
        ({"at": NOW}, {}),
        ({"a": "x"}, {"a": "X"}),
        (
            {"a": Decimal("12345678901234567890.123456789012")},
            {"a": Decimal("12345678901234567890.123456789013")},
        ),
    ],
)
def test_other_figures_have_another_fingerprint(one, other):
    assert fingerprint(one) != fingerprint(other)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_a_fingerprint_does_not_depend_on_the_notation(value):
    padded = Decimal(f"{value:f}00")
    assert fingerprint({"a": value}) == fingerprint({"a": padded})
