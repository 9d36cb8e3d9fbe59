"""Figures of the pages: rounded, in the user's form, never a zero that is not one."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from goals.enums import NumberFormat
from mastertrade.site import figures
from tests.http import spaced

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
money_values = st.decimals(-(10**12), 10**12, places=8)


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


@pytest.fixture
def in_berlin() -> Iterator[None]:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        yield


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (NumberFormat.POINT, "1,234,567.50"),
        (NumberFormat.COMMA, "1.234.567,50"),
        (NumberFormat.SPACE, "1\xa0234\xa0567,50"),
    ],
)
def test_money_is_written_as_the_user_writes_numbers(
    form: NumberFormat, shown: str
) -> None:
    token = figures.number_format.set(form)
    try:
        assert text_of(figures.money(Decimal("1234567.5"), "USD")) == shown
    finally:
        figures.number_format.reset(token)


@given(money_values)
def test_money_that_is_not_zero_is_not_shown_as_zero(value: Decimal) -> None:
    shown = text_of(figures.money(value, "USD"))
    assert bool(re.search("[1-9]", shown)) == bool(value)


@given(money_values)
def test_a_loss_has_a_minus_sign_and_a_gain_a_plus(value: Decimal) -> None:
    shown = text_of(figures.gain(value, "EUR"))
    assert shown.startswith("+") == (value > 0)
    assert shown.startswith(figures.MINUS) == (value < 0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("182.6", "+183"), ("-1234.4", "\N{MINUS SIGN}1,234"), ("0.4", "+0.40")],
)
def test_a_day_is_in_whole_units_and_never_nothing(value: str, shown: str) -> None:
    assert text_of(figures.whole_gain(Decimal(value), "USDT")) == shown


def test_what_is_not_known_is_said_in_words() -> None:
    assert text_of(figures.money(None, "USD")) == "not known"
    assert figures.percent(None) == "not known"
    assert figures.price(None) == "not known"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("3.41", "3.4 %"),
        ("0.034", "0.03 %"),
        ("0", "0 %"),
        ("-12.96", "\N{MINUS SIGN}13 %"),
    ],
)
def test_a_percentage_has_one_place_and_more_only_where_it_is_small(
    value: str, shown: str
) -> None:
    assert spaced(figures.percent(Decimal(value))) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (Decimal(0), "0 %"),
        (Decimal("0.004"), "under 1 %"),
        (0.614, "61 %"),
        (Decimal("0.996"), "over 99 %"),
        (Decimal(1), "100 %"),
    ],
)
def test_a_chance_that_is_not_certain_is_neither_0_nor_100(
    ratio: Decimal | float, shown: str
) -> None:
    assert spaced(figures.chance(ratio)) == shown


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (NOON, "13:00"),
        (NOON - timedelta(hours=14), "yesterday 23:00"),
        (NOON + timedelta(hours=13), "tomorrow 02:00"),
        (NOON - timedelta(days=8), "11 Nov 13:00"),
        (NOON - timedelta(days=365), "19 Nov 2025 13:00"),
    ],
)
def test_a_time_is_in_the_users_zone_and_relative_to_today(
    in_berlin: None, at: datetime, shown: str
) -> None:
    assert text_of(figures.when(at, NOON)) == shown
    assert "CET" in figures.when(at, NOON)


@pytest.mark.parametrize(
    ("away", "shown"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=5, minutes=59), "5 hours"),
        (timedelta(days=11), "11 days"),
    ],
)
def test_a_distance_is_in_its_greatest_whole_unit(away: timedelta, shown: str) -> None:
    assert figures.ago(NOON - away, NOON) == shown
    assert figures.ago(NOON + away, NOON) == shown


def test_a_pill_has_a_shape_and_a_word() -> None:
    shown = figures.pill("warn", "at risk <b>")
    assert "<svg" in shown
    assert "at risk &lt;b&gt;" in shown


@pytest.mark.parametrize(
    ("value", "count", "shown"),
    [("0.4537", 2, "0.45"), ("120.33", 0, "120"), ("0.003", 2, "0.003"), ("5", 2, "5")],
)
def test_places_are_as_many_as_asked_or_say_something(
    value: str, count: int, shown: str
) -> None:
    assert figures.places(Decimal(value), count) == shown
