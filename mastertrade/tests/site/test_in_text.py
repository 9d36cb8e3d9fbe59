"""Figures in sentences are short, and never say what is not so."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastertrade.values import in_text
from mastertrade.values.in_text import (
    Text,
    cased,
    join,
    money,
    percent,
    say,
    unstopped,
)
from mastertrade.values.jsonable import to_plain

AMOUNTS = st.decimals(-10_000, 10_000, places=8, allow_nan=False)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (in_text.percent(Decimal("53.806474")), "53.81 %"),
        (in_text.percent(Decimal("0.003412")), "0.0034 %"),
        (in_text.percent(Decimal("-12.5000")), "-12.5 %"),
        (in_text.percent(Decimal(0)), "0 %"),
        (in_text.ratio(Decimal("0.012345")), "1.23 %"),
        (in_text.unit_value(Decimal("1.092823390472")), "1.0928"),
        (in_text.money(Decimal("10438.22954173"), "USD"), "10438.23"),
        (in_text.money(Decimal("10438.22954173"), "JPY"), "10438"),
        (in_text.money(Decimal("1.22954173"), "BTC"), "1.22954173"),
        (in_text.money(Decimal("0.00012"), "USD"), "0.00012"),
        (in_text.price(Decimal("1.083456")), "1.08346"),
        (in_text.price(Decimal("50123.456")), "50123.46"),
        (in_text.price(Decimal("0.0000123456789")), "0.0000123457"),
    ],
)
def test_a_figure_has_the_decimals_that_a_person_reads(shown: str, text: str) -> None:
    assert shown == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("250.831646870046", "250.831647"),
        ("0.000001234567890000", "0.00000123457"),
        ("100.000000000000", "100"),
        ("0", "0"),
        ("12345678901234567890.5", "12345678901234567890.5"),
    ],
)
def test_a_figure_to_read_has_at_most_six_decimals_or_digits(value, shown):
    assert in_text.quantity(Decimal(value)) == shown


@given(AMOUNTS, AMOUNTS)
def test_a_figure_is_shown_on_its_side_of_what_it_is_compared_with(
    value: Decimal, limit: Decimal
) -> None:
    shown = Decimal(in_text.decimals(value, against=limit))
    assert shown.compare(limit) == value.compare(limit)


def test_what_is_just_below_a_limit_is_not_shown_as_the_limit() -> None:
    assert in_text.percent(Decimal("9.99999"), Decimal(10)) == "9.99999 %"
    assert in_text.percent(Decimal("10.0001"), Decimal(10)) == "10.0001 %"
    assert in_text.percent(Decimal("10.0000"), Decimal(10)) == "10 %"


def test_a_sentence_knows_where_its_figures_stand() -> None:
    equity = say("equity {}", money(Decimal("8050.5"), "USD"))
    text = join("; ", [cased(equity), say("{} since {}.", percent(Decimal(5)), "x")])

    assert text == "Equity 8050.5; 5 % since x."
    assert [text[mark.start : mark.end] for mark in text.marks] == ["8050.5", "5"]
    assert Text.of_stored(str(text), to_plain(text.marks)).marks == text.marks
    assert unstopped(text).marks == text.marks
    assert unstopped("Gone sailing.") == "Gone sailing"


def test_a_template_takes_as_many_parts_as_it_has_places() -> None:
    for parts in ((1,), (1, 2, 3)):
        with pytest.raises(ValueError, match="zip"):
            say("{} of {}", *parts)
