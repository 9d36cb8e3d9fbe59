"""Bad input, for every field of every body: 400 with its name, and nothing changed.

The values follow from the schema's types, so that a new field is covered at once.
"""

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import pytest
from django.db import transaction

from tests.bodies import BODIES
from tests.http import (
    Operation,
    Trader,
    made_once,
    make_busy_trader,
    nothing_changes,
    operations,
    send,
    unthrottled,  # noqa: F401
)

NOTHING = object()
NOT_TEXT = (True, [], {}, [{}], {"a": 1})
UNREADABLE = ("\0", "a\0b", "\ud800")
LONG = "x" * 10_000
# Not null either.
BLANK = ("", " ", "\t", "\u00a0")
BAD_NUMBERS = (
    *NOT_TEXT,
    *UNREADABLE,
    LONG,
    *BLANK,
    "NaN",
    "-NaN",
    "sNaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "1e-30",
    "-1e999999999",
    "1e99999999999999999999",
    "9" * 25,
    "1.1234567890123",
    "0.1234567890123",
    "abc",
    "0x10",
    "1_000",
    "1,5",
    "１２",  # noqa: RUF001
    "--1",
    "1 2",
)
BAD_WHOLE_NUMBERS = (
    *NOT_TEXT,
    *UNREADABLE,
    "１",  # noqa: RUF001
    "1_0",
    *BLANK,
    "abc",
    "1.5",
    1.5,
    -1,
    2**63,
    10**400,
)
BAD_DATES = (
    *NOT_TEXT,
    *UNREADABLE,
    LONG,
    *BLANK,
    20260302,
    "yesterday",
    "0000-00-00",
    "2026-02-30",
    "9999-12-31",
    "1969-12-31",
    "2201-01-01",
    "2026-03-02T12:00:00Z",
)
BAD_INSTANTS = (
    *NOT_TEXT,
    *UNREADABLE,
    LONG,
    *BLANK,
    1767225600,
    "2026-03-02",
    "2026-03-02T12:00:00",
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "1969-12-31T23:59:59Z",
    "2016-12-31T23:59:60Z",
    "2201-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
    "2026-03-02T12:00:00+99:00",
)
BAD_PORTFOLIOS = (
    *NOT_TEXT,
    *UNREADABLE,
    LONG,
    "",
    "nowhere",
    1.5,
    0,
    -1,
    2**63,
    10**30,
    "9" * 5000,
)
BAD_LISTS = ("x", {}, 5, [], [None], [[]], [""], ["\0"], ["\ud800"], ["x" * 101])
BAD_OBJECTS = (
    [],
    "x",
    5,
    {"a": "\0"},
    {"\0": 1},
    {"a": ["\ud800"]},
    {"\udfff": 1},
)


def bad_values(name: str, field: dict[str, Any]) -> Iterator[Any]:
    if not field.get("nullable"):
        yield None
    if "enum" in field:
        yield from (*NOT_TEXT, *UNREADABLE, "", "nonsense", 1, LONG)
    elif "oneOf" in field:
        yield from BAD_PORTFOLIOS
    elif field["type"] == "array":
        # Nothing may be open when cash flows.
        may_be_empty = name in {"unrealized", "tags"}
        yield from (one for one in BAD_LISTS if one != [] or not may_be_empty)
    elif field["type"] == "boolean":
        yield from ("", "maybe", 2, [], {}, "\ud800")
    elif field["type"] == "integer":
        yield from BAD_WHOLE_NUMBERS
    elif field["type"] == "object":
        yield from BAD_OBJECTS
    elif field.get("format") == "decimal":
        yield from BAD_NUMBERS
    elif field.get("format") == "date":
        yield from BAD_DATES
    elif field.get("format") == "date-time":
        yield from BAD_INSTANTS
    elif name not in {"parameters"}:
        empty = () if name == "note" else ("",)  # an empty note is none
        yield from (*NOT_TEXT, *UNREADABLE, *empty, LONG)


busy_of_module = made_once(make_busy_trader)


@pytest.fixture
def trader(db: None, busy_of_module: Trader) -> Trader:
    return busy_of_module.for_one_test()


def test_every_field_is_covered() -> None:
    described = {name: set(one.body) for name, one in operations().items() if one.body}
    nobody = make_nobody()
    assert {name: set(body(nobody)) for name, body in BODIES.items()} == described


def make_nobody() -> Trader:
    class Somebody:
        username = "somebody"

    return Trader(Somebody(), None, {"adjustment_id": 1})  # type: ignore[arg-type]


def halt_before(name: str, trader: Trader) -> None:
    """Only what is halted can be resumed."""
    if name.endswith("/resume/"):
        trader.post("/api/portfolios/{portfolio_id}/halt/", {"reason": "tired"})


@pytest.mark.parametrize("name", BODIES)
def test_a_body_with_every_field_is_accepted(name: str, trader: Trader) -> None:
    operation = operations()[name]
    halt_before(name, trader)
    answer = send(
        trader.client,
        operation.method,
        trader.address(operation.path),
        BODIES[name](trader),
    )
    assert answer.status_code in {200, 201, 202}, answer.content


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_value_is_refused_by_name(name: str, trader: Trader) -> None:
    """Many fields at once; those that were not named are sent once more, alone."""
    operation = operations()[name]
    halt_before(name, trader)
    valid = BODIES[name](trader)
    values = {
        field: bad_values(field, described)
        for field, described in operation.body.items()
    }
    wrong = []
    with nothing_changes():
        for row in zip_longest(*values.values(), fillvalue=NOTHING):
            bad = {f: v for f, v in zip(values, row, strict=True) if v is not NOTHING}
            _, named = refuse(trader, operation, {**valid, **bad})
            for field, value in bad.items():
                if field in named:
                    continue
                status, named = refuse(trader, operation, {**valid, field: value})
                if status != 400 or field not in named:
                    wrong.append((field, str(value)[:40], status, str(named)[:100]))
    assert wrong == []


def refuse(trader: Trader, operation: Operation, body: Any) -> tuple[int, Any]:
    """Send it; what should have been refused and was not is undone."""
    with transaction.atomic():
        answer = send(
            trader.client,
            operation.method,
            trader.address(operation.path),
            json.dumps(body),
        )
        transaction.set_rollback(answer.status_code < 400)
    is_json = answer["Content-Type"] == "application/json"
    return answer.status_code, answer.json() if is_json else answer.content.decode()
