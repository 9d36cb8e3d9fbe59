"""Rounding and bounds of the ledger's figures."""

from decimal import ROUND_DOWN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastertrade.values.jsonable import show
from mastertrade.values.money import (
    EXACT,
    FACTOR,
    MONEY,
    PERCENT,
    PRICE,
    UNIT_VALUE,
    UNITS,
    exactly,
    fits,
    format_plain,
    hold_within,
    quantum,
    round_down,
    round_down_to_step,
    round_to,
    upper_bound,
)

COLUMNS = [MONEY, PRICE, PERCENT, FACTOR, UNIT_VALUE, UNITS]
wide_decimals = st.decimals(
    min_value=Decimal("-1e15"), max_value=Decimal("1e15"), places=12
)
positive_prices = st.decimals(
    min_value=Decimal("0.000000000001"), max_value=Decimal("1e8"), places=12
)


@pytest.mark.parametrize(
    ("column", "digits", "places"),
    [
        (MONEY, 24, 8),
        (PRICE, 32, 12),
        (PERCENT, 14, 6),
        (FACTOR, 8, 4),
        (UNIT_VALUE, 38, 18),
    ],
)
def test_columns_have_the_digits_and_places_of_the_rules(column, digits, places):
    assert column == (digits, places)


@pytest.mark.parametrize("column", COLUMNS)
def test_the_quantum_is_one_of_the_last_place(column):
    assert quantum(column) == Decimal(1) / Decimal(10) ** column[1]


@pytest.mark.parametrize("column", COLUMNS)
def test_the_upper_bound_is_all_nines(column):
    digits, places = column
    expected = Decimal((0, (9,) * digits, -places))
    assert upper_bound(column).compare_total(expected) == 0


@pytest.mark.parametrize("column", COLUMNS)
def test_the_largest_figure_of_a_column_fits_it(column):
    assert fits(upper_bound(column), column)


@pytest.mark.parametrize("column", COLUMNS)
def test_the_largest_loss_of_a_column_fits_it(column):
    assert fits(upper_bound(column).copy_negate(), column)


@pytest.mark.parametrize("column", COLUMNS)
def test_one_quantum_more_than_the_largest_figure_does_not_fit(column):
    @exactly
    def one_more() -> Decimal:
        return upper_bound(column) + quantum(column)

    assert not fits(one_more(), column)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("0.000000005", "0"),
        ("0.000000015", "0.00000002"),
        ("0.000000025", "0.00000002"),
        ("-0.000000015", "-0.00000002"),
        ("0.0000000050001", "0.00000001"),
    ],
)
def test_a_half_rounds_to_the_even_neighbour(value, rounded):
    assert round_to(Decimal(value), MONEY) == Decimal(rounded)


def test_rounding_keeps_every_place_of_the_column():
    assert str(round_to(Decimal("1.5"), PERCENT)) == "1.500000"


def test_nothing_rounds_to_a_negative_zero():
    assert str(round_to(Decimal("-0.0000001"), PERCENT)) == "0.000000"


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("1.999999999", "1.99999999"), ("-1.999999999", "-1.99999999"), ("2", "2")],
)
def test_rounding_down_goes_towards_zero(value, rounded):
    assert round_down(Decimal(value), MONEY) == Decimal(rounded)


@given(wide_decimals)
def test_rounding_down_never_makes_a_figure_larger(value):
    assert abs(round_down(value, MONEY)) <= abs(value)


@given(wide_decimals)
def test_rounding_down_loses_less_than_a_quantum(value):
    assert abs(value) - abs(round_down(value, MONEY)) < quantum(MONEY)


@given(positive_prices, positive_prices)
def test_a_step_is_rounded_down_to_the_largest_multiple(value, step):
    @exactly
    def compare() -> tuple[bool, Decimal]:
        rounded = round_down_to_step(value, step)
        return rounded <= value < rounded + step, rounded % step

    assert compare() == (True, 0)


def test_a_multiple_of_the_step_is_kept():
    assert round_down_to_step(Decimal("0.3"), Decimal("0.1")) == Decimal("0.3")


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ("1e30", "9999999999999999.99999999"),
        ("-1e30", "-9999999999999999.99999999"),
        ("12.5", "12.5"),
    ],
)
def test_a_figure_outside_is_held_at_the_bound(value, held):
    assert hold_within(Decimal(value), MONEY) == Decimal(held)


def test_a_product_of_two_columns_is_not_rounded():
    @exactly
    def multiply() -> Decimal:
        return upper_bound(PRICE) * upper_bound(PRICE)

    assert len(multiply().as_tuple().digits) == 64


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.3000", "1.3"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("0.00", "0"),
        ("-0.00", "0"),
        ("-0.5", "-0.5"),
        ("1E-8", "0.00000001"),
        ("99999999999999999999.999999999999", "99999999999999999999.999999999999"),
    ],
)
def test_plain_notation_has_no_exponent_and_no_idle_zeros(value, text):
    assert format_plain(Decimal(value)) == text


@given(wide_decimals, st.sampled_from(COLUMNS), st.sampled_from([3, 28]))
def test_a_figure_is_rounded_and_shown_alike_whatever_the_context(value, column, prec):
    with localcontext(prec=prec):
        rounded, shown = round_to(value, column), show(value, column)
        down = round_down(value, column)
    with localcontext(EXACT):
        assert rounded == value.quantize(quantum(column))
        assert down == value.quantize(quantum(column), rounding=ROUND_DOWN)
    assert shown == f"{rounded:f}"
    assert not shown.startswith("-0.") or rounded < 0
