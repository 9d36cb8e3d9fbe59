"""Spellings of times and numbers in price files: each is one thing or refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import pytest

from trades.replay.numerals import DecimalMark, MarkEvidence, parse_number
from trades.replay.times import TimeKind, parse_stamp

HALF_PAST_TWO = datetime(2000, 3, 1, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2000-03-01T14:30:00",
        "2000-03-01 14:30",
        "2000/03/01 14:30:00",
        "2000.03.01 14:30",
        "20000301 1430",
        "20000301 143000",
        "200003011430",
        "20000301143000",
        "01.03.2000 14:30:00.000",
        "2000-03-01 02:30 PM",
    ],
)
def test_a_time_without_an_offset_is_local(text: str):
    stamp = parse_stamp(text)

    assert (stamp.utc, stamp.kind) == (HALF_PAST_TWO, TimeKind.LOCAL)


@pytest.mark.parametrize(
    "text",
    [
        "2000-03-01T14:30:00Z",
        "2000-03-01 14:30:00 UTC",
        "2000-03-01 14:30:00.000000000+00:00",
        "2000-03-01T16:30:00+02:00",
        "2000-03-01 09:30:00-0500",
        "01.03.2000 20:00:00.000 GMT+0530",
        "01.03.2000 14:30:00.000 GMT+0",
        "01.03.2000 11:00:00.000 GMT-0330",
    ],
)
def test_an_offset_is_east_of_greenwich_where_it_is_plus(text: str):
    stamp = parse_stamp(text)

    assert (stamp.utc, stamp.kind) == (HALF_PAST_TWO, TimeKind.OFFSET)


@pytest.mark.parametrize(
    "text",
    [
        "951921000",
        "951921000.0",
        "951921000000",
        "951921000000000",
        "951921000000000000",
    ],
)
def test_the_digits_of_a_count_since_1970_give_its_unit(text: str):
    stamp = parse_stamp(text)

    assert (stamp.utc, stamp.kind) == (HALF_PAST_TWO, TimeKind.EPOCH)


def test_a_microsecond_is_not_lost_to_binary_fractions():
    assert parse_stamp("1735776000000001").wall.microsecond == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a time"),
        ("soon", "is not a time"),
        ("2000-13-01", "is not a time"),
        ("9" * 30, "is not a time"),
        ("951921000." + "0" * 5000, "is not a time"),
        ("20250132000000", "is not a time"),
        ("17357760000", "is not a time"),
        ("2000-03-01 25:00", "is not a time"),
        ("2000-03-01 13:30 PM", "is not a time"),
        ("2000-03-01 14:30 EST", "is not a time"),
        ("2000-03-01 14:30+15:00", "is not a time"),
        ("03/01/2000", "day or month first"),
        ("1-3-00 14:30", "day or month first"),
        ("1.73578E+12", "a spreadsheet has shortened"),
    ],
)
def test_what_is_no_time_or_two_is_refused(text: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        parse_stamp(text)


def decide(*texts: str) -> DecimalMark:
    evidence = MarkEvidence()
    evidence.add(texts)
    return evidence.decide()


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["1.234", "100"], DecimalMark.POINT),
        (["100,0", "1,234"], DecimalMark.COMMA),
        (["0,123"], DecimalMark.COMMA),
        (["1234,567"], DecimalMark.COMMA),
        (["1.234,567"], DecimalMark.COMMA),
        (["1,234.5", "1,234"], DecimalMark.POINT),
        (["1,234,567"], DecimalMark.POINT),
        (["1,234", "99.5"], DecimalMark.POINT),
    ],
)
def test_the_decimal_mark_is_what_all_prices_allow(texts: list[str], mark: DecimalMark):
    assert decide(*texts) is mark


def test_prices_that_may_have_either_mark_are_refused_with_the_option():
    with pytest.raises(ValueError, match=r"may be 1234 or 1\.234.*decimal_comma"):
        decide("1,234", "2,345")


def test_prices_with_both_marks_are_refused():
    with pytest.raises(ValueError, match="a decimal point and '1,5' a decimal comma"):
        decide("1.5", "1,5")


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("1,234.5", DecimalMark.POINT, "1234.5"),
        ("1e-05", DecimalMark.POINT, "0.00001"),
        ("1.234,5", DecimalMark.COMMA, "1234.5"),
        ("1234,5", DecimalMark.COMMA, "1234.5"),
        ("1.234", DecimalMark.COMMA, "1234"),
    ],
)
def test_a_number_is_read_with_its_mark(text: str, mark: DecimalMark, number: str):
    assert parse_number(text, mark) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("1,23.5", DecimalMark.POINT),
        ("1_0", DecimalMark.POINT),
        ("1٢.5", DecimalMark.POINT),
        ("1٢,5", DecimalMark.COMMA),
        ("1.5", DecimalMark.COMMA),
        ("1,5,5", DecimalMark.COMMA),
        ("", DecimalMark.COMMA),
    ],
)
def test_what_is_no_number_with_its_mark_is_refused(text: str, mark: DecimalMark):
    with pytest.raises(InvalidOperation):
        parse_number(text, mark)


def test_an_offset_keeps_the_written_time():
    stamp = parse_stamp("2000-03-01 00:00:00+09:00")

    assert stamp.is_midnight
    assert stamp.offset == timedelta(hours=9)
