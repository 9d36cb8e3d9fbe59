"""JSON arrays of any length, item by item: exact, and nothing breaks the process."""

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastertrade.values.exceptions import InvalidInput
from trades.importing.json_array import CHUNK_BYTES, LONGEST_ITEM, each_item

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def items(content: bytes) -> list[Any]:
    return list(each_item(io.BufferedReader(io.BytesIO(content))))


@given(st.lists(VALUES), st.sampled_from([None, 1]), st.booleans())
@pytest.mark.slow
def test_it_reads_what_the_standard_reader_reads(
    values: list[Any], indent: int | None, ascii_only: bool
) -> None:
    content = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    assert items(content.encode("utf-8", "surrogatepass")) == values


@pytest.mark.parametrize("length", range(CHUNK_BYTES - 12, CHUNK_BYTES + 12))
def test_an_item_may_lie_across_what_is_read_at_once(length: int) -> None:
    rows = [{"a": "x" * length}, 12345678, {"ü": Decimal("0.10")}, "é"]
    content = f'[{{"a": "{"x" * length}"}},12345678,{{"ü":0.10}},"é"]'
    assert items(content.encode()) == rows


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[1 2]",
        b"[1] 2",
        b"[1][2]",
        b'[{"a"}]',
        b'[{"a": 1}, {"b"',
        b'["\xff"]',
        b'["\x00"]',
        b"[1" + b"1" * 5000 + b"]",
        b"[" * 1_000_000,
        b"[" + b'{"a":' * 1_000_000,
        b"nonsense",
    ],
)
def test_what_is_no_json_is_an_error(content: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        items(content)


def test_an_item_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(InvalidInput):
        items(b'["' + b"x" * 3 * LONGEST_ITEM)
