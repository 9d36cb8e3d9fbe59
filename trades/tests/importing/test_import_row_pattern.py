"""The pattern of a row matches only what the checks of its fields let pass."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastertrade.values.exceptions import InvalidInput
from trades.importing.columns import BY_NAME, NAMES
from trades.importing.formats.own import read_csv
from trades.importing.row_pattern import PATTERNS, compile_row_pattern
from trades.importing.rows import Refusal

HEADER = "symbol,side,quantity,entry_price,entry_time"
FIELDS = ["BTCUSDT", "LONG", "0.02", "50000", "2026-03-02T09:00:00Z"]
ROW = ",".join(FIELDS)


def read(*lines: str, header: str = HEADER) -> list[tuple[int, tuple[str, ...]]]:
    """Line and fields of each row; of a refused one the column instead."""
    content = "".join([f"{header}\n", *lines]).encode()
    answer = read_csv(io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]
    names = header.split(",")
    return [
        (one.line, (one.column,))
        if isinstance(one, Refusal)
        else (one[0], tuple(one[1][NAMES.index(name)] for name in names))
        for one in answer
    ]


def test_every_column_has_a_plain_notation() -> None:
    assert set(PATTERNS) == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50)
@given(data=st.data())
def test_what_is_plain_passes_its_check(name: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(PATTERNS[name], fullmatch=True))
    assert BY_NAME[name].check(text) is None
    assert text == text.strip()
    assert not set(text) & set(',"\\\t\r\n')


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("symbol", "BTC USDT"),
        ("side", "long"),
        ("quantity", "0"),
        ("quantity", "0.000"),
        ("quantity", "-1"),
        ("quantity", "1e3"),
        ("quantity", "0.0000000000001"),
        ("quantity", "1" * 21),
        ("quantity", ""),
        ("quantity", "٣"),
        ("entry_time", "2026-02-29T09:00:00Z"),
        ("entry_time", "2026-04-31T09:00:00Z"),
        ("entry_time", "2026-03-02T24:00:00Z"),
        ("entry_time", "2026-03-02T09:00:00"),
        ("entry_time", "1969-12-31T09:00:00Z"),
    ],
)
def test_what_is_wrong_is_not_plain(column: str, text: str) -> None:
    fields = list(FIELDS)
    fields[HEADER.split(",").index(column)] = text
    assert not compile_row_pattern(HEADER.split(","))(",".join(fields))
    assert read(",".join(fields) + "\n") == [(2, (column,))]


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_plain_and_quoted_rows_read_the_same(end: str) -> None:
    quoted = ",".join(f'" {field} "' for field in FIELDS)
    for row in (ROW, quoted):
        assert read(row + end) == [(2, tuple(FIELDS))]


def test_a_leap_day_is_a_day() -> None:
    row = ROW.replace("2026-03-02", "2024-02-29")
    assert len(read(row)[0][1]) == len(FIELDS)


def test_lines_are_counted_through_quoted_ones_and_empty_ones() -> None:
    header = f"external_id,{HEADER}"
    rows = [
        f"a,{ROW}\n",
        "\n",
        f'"b\nb",{ROW}\n',
        f"c,{ROW}\n",
        "short\n",
        f"d,{ROW.replace('LONG', 'BUY')}\n",
    ]
    answer = read(*rows, header=header)
    assert [(line, fields[0]) for line, fields in answer] == [
        (2, "a"),
        (4, "external_id"),  # no newline stands in an id
        (6, "c"),
        (7, ""),
        (8, "side"),
    ]


@pytest.mark.parametrize("wrong", ['"open', f'{ROW}\n"a"b,', f'{ROW}\n"{"x" * 20_000}'])
def test_what_is_no_csv_is_told_by_its_line(wrong: str) -> None:
    line = 2 + wrong.count("\n")
    with pytest.raises(InvalidInput, match=rf"is not a CSV \(line {line}:"):
        read(wrong)


def test_a_header_that_is_no_csv_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"is not a CSV \(line 1"):
        read(header='"symbol"x,')
