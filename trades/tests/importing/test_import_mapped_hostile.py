"""Mapped files with anything in their cells: read, or refused by line, never more."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastertrade.values.exceptions import InvalidInput
from tests.examples import examples
from trades.enums import DateOrder
from trades.importing.fills import check_fill
from trades.importing.mapped.forms import find_decimal_sign, read_time
from trades.importing.mapped.guess import look_at
from trades.importing.mapped.mapping import find_missing
from trades.importing.mapped.reading import open_fills, read_trades
from trades.importing.options import ImportOptions
from trades.importing.rows import Refusal
from trades.tests.importing import layouts

NOW = datetime(2026, 4, 20, tzinfo=UTC)
HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "1e999", "-1e-999", "1E+05", "9" * 60, "0." + "0" * 40 + "1", "nan", "inf",
            "-", "(1)", "$(1.50)", "1,5OO", "1.2.3", "1,2,3", "\u22125", "5 BTC",
            "\u202e", "1E142",
            "9999-12-31 23:59:59", "0000-00-00", "31.02.2025 10:00", "1e5", "\x00",
            "2025-03-30 02:30:00", "9999999999999999", "=1+1", "'", "'1.50", "١٢",
        ]
    ),
)  # fmt: skip
FILLS = (layouts.COINBASE_FILLS, layouts.BYBIT_EXECUTIONS, layouts.IBKR_FLEX)
TRADES = (layouts.BYBIT_CLOSED_TWICE, layouts.TRADOVATE_PERFORMANCE)


def damage(content: str, cells: list[tuple[int, str]]) -> str:
    """The last row with some of its cells replaced."""
    head, _, last = content.rstrip("\n").rpartition("\n")
    row = last.split(",")
    for place, text in cells:
        row[place % len(row)] = '"' + text.replace('"', '""') + '"'
    return f"{head}\n{','.join(row)}\n"


def require_field(refused: InvalidInput, field: str) -> None:
    assert refused.field == field


def mapping_of(content: str, **more: Any) -> ImportOptions:
    mapping = replace(look_at(content.encode()).mapping, **more)
    assert find_missing(mapping) == []
    return ImportOptions(mapping=mapping)


def source_of(content: str) -> Any:
    return io.BufferedReader(io.BytesIO(content.encode("utf-8", "replace")))


DAMAGES = st.lists(st.tuples(st.integers(0, 30), HOSTILE), min_size=1, max_size=4)


@examples(150)
@given(content=st.sampled_from(FILLS), cells=DAMAGES)
def test_fills_are_read_or_refused_by_line(
    content: str, cells: list[tuple[int, str]]
) -> None:
    options = mapping_of(content)
    try:
        file = open_fills(source_of(damage(content, cells)), options)
        for item in file.items:
            if not isinstance(item, Refusal):
                check_fill(item, file, NOW)
    except InvalidInput as refused:
        require_field(refused, "file")


@examples(150)
@given(content=st.sampled_from(TRADES), cells=DAMAGES)
def test_trades_are_read_or_refused_by_line(
    content: str, cells: list[tuple[int, str]]
) -> None:
    options = mapping_of(content)
    try:
        list(read_trades(source_of(damage(content, cells)), options))
    except InvalidInput as refused:
        require_field(refused, "file")


@examples(150)
@given(st.binary(max_size=300))
def test_any_bytes_are_looked_at_or_refused(content: bytes) -> None:
    try:
        look_at(content)
    except InvalidInput as refused:
        require_field(refused, "file")


@pytest.mark.parametrize(
    ("texts", "sign"),
    [
        (["1,234.56"], "."),
        (["1.234,56"], ","),
        (["0,5"], ","),
        (["0,123"], ","),
        (["1,234,567"], "."),
        (["1.234.567"], ","),
        (["1.234"], "."),
        (["1,234"], None),
        (["1,234", "0.5"], "."),
        (["1,234", "2,5"], ","),
        (["1.5", "2,5"], None),
        (["5", "10"], "."),
        (["4 182.78", "- 0.08"], "."),
        (["$(20.00)", "-1'234.50"], "."),
        ([], "."),
    ],
)
def test_the_decimal_sign_is_found_or_left_open(
    texts: list[str], sign: str | None
) -> None:
    assert find_decimal_sign(texts) == sign


@pytest.mark.parametrize(
    ("text", "order", "zone", "at"),
    [
        ("2025-03-19 19:43:31.6798", "ymd", "UTC", "2025-03-19T19:43:31.679800+00:00"),
        ("2025-03-19T19:43:31Z", "dmy", "Europe/Berlin", "2025-03-19T19:43:31+00:00"),
        ("19.03.2025 20:43", "dmy", "Europe/Berlin", "2025-03-19T19:43:00+00:00"),
        ("03/19/25 7:43 PM", "mdy", "UTC", "2025-03-19T19:43:00+00:00"),
        ("19 Mar 2025 19:43", "ymd", "UTC", "2025-03-19T19:43:00+00:00"),
        ("Mar 19, 2025", "ymd", "UTC", "2025-03-19T00:00:00+00:00"),
        ("20250319;194331", "ymd", "UTC", "2025-03-19T19:43:31+00:00"),
        (
            "2025-03-19, 19:43:31",
            "ymd",
            "America/New_York",
            "2025-03-19T23:43:31+00:00",
        ),
        ("2025-03-19 19:43:31 UTC", "ymd", "Asia/Tokyo", "2025-03-19T19:43:31+00:00"),
        ("2025-03-19 20:43:31 GMT+0100", "ymd", "UTC", "2025-03-19T19:43:31+00:00"),
        ("1742413411", "ymd", "UTC", "2025-03-19T19:43:31+00:00"),
        ("1742413411000", "ymd", "UTC", "2025-03-19T19:43:31+00:00"),
    ],
)
def test_times_are_read_as_they_are_written(
    text: str, order: str, zone: str, at: str
) -> None:
    found = read_time(text, DateOrder(order), ZoneInfo(zone))

    assert isinstance(found, datetime), found
    assert found.isoformat() == at


def test_an_hour_that_clocks_skipped_is_refused() -> None:
    found = read_time("2025-03-30 02:30:00", DateOrder.YMD, ZoneInfo("Europe/Berlin"))

    assert "clocks were put forward" in str(found)
