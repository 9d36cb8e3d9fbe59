"""Files that mean harm, or that nobody proof-read: refused by line, never a crash."""

import io
from typing import Any

import pytest

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InvalidInput
from trades.importing.formats.own import LONGEST_LINE
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.importing.previewing import ImportReport
from trades.models import Trade
from trades.tests.importing.test_importing import (
    HEADER,
    NOW,
    ROW,
    csv_of,
    ensure_strategy,
)

OBJECT = (
    '{"symbol": "BTCUSDT", "side": "LONG", "quantity": %s, "entry_price": "50000",'
    ' "entry_time": "2026-03-02T09:00:00Z"}'
)
LONG_NUMBER = "1" * 5000
DEEP = "[" * 200_000


@pytest.fixture
def portfolio(db: None) -> Portfolio:
    return PortfolioFactory()


def bring(portfolio: Portfolio, content: str | bytes, layout: str) -> ImportReport:
    body = content if isinstance(content, bytes) else content.encode()
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(body),
        file_name="trades",
        format_name=f"mastertrade-{layout}",
        now=NOW,
        options=ImportOptions(strategy_id=ensure_strategy(portfolio).strategy_id),
    )


@pytest.mark.parametrize(
    "quantity",
    ["1e999999999", "1e-999999999", "NaN", "-Infinity", "true", "[1]", '{"a": 1}'],
)
def test_a_number_that_is_none_is_refused_by_line(
    portfolio: Portfolio, quantity: str
) -> None:
    report = bring(portfolio, f"\n{OBJECT % quantity}\n", "json")
    assert [(one.line, one.column) for one in report.refusals] == [(1, "quantity")]


@pytest.mark.parametrize(
    "value", [LONG_NUMBER, "-" + LONG_NUMBER, DEEP, '{"a":' * 9999]
)
@pytest.mark.parametrize("around", ["%s", "[%s]", "[1, %s"])
def test_a_value_that_breaks_parsers_is_no_json(
    portfolio: Portfolio, value: str, around: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        bring(portfolio, around % (OBJECT % value), "json")
    assert refused.value.field == "file"


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "a\\udfffb"])
@pytest.mark.parametrize("column", ["external_id", "symbol", "strategy_id"])
def test_what_the_database_cannot_keep_is_refused_by_line(
    portfolio: Portfolio, column: str, text: str
) -> None:
    answer = (OBJECT % 1).replace('"BTCUSDT"', f'"X", "{column}": "{text}"')
    for layout in (answer, f"[{answer}]"):
        report = bring(portfolio, layout, "json")
        assert [(one.line, one.column) for one in report.refusals] == [(1, column)]


@pytest.mark.parametrize("separator", ["\0", "\x1c", "\x85", "\u2028"])
def test_a_separator_of_lines_inside_a_field_ends_no_row(
    portfolio: Portfolio, separator: str
) -> None:
    row = ROW.replace("BTCUSDT", f"BTC{separator}USDT")
    report = bring(portfolio, csv_of(row), "csv")
    assert [(one.line, one.column) for one in report.refusals] == [(2, "symbol")]
    assert not Trade.objects.exists()


@pytest.mark.parametrize("layout", ["csv", "json"])
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    portfolio: Portfolio, layout: str
) -> None:
    start = f"{HEADER}\n" if layout == "csv" else '{"symbol": "'
    with pytest.raises(InvalidInput, match=str(LONGEST_LINE)):
        bring(portfolio, start + "x" * 3 * LONGEST_LINE, layout)


# Notations of time that Python reads, and PostgreSQL otherwise or not at all.
@pytest.mark.parametrize(
    "at",
    [
        "2026-W10-1T09:00:00Z",
        "20260302T090000Z",
        "2026-03-02x09:00:00Z",
        "2026-03-02T09:00:00,5Z",
        "2026-03-02T09:00:00.1234567Z",
        "2026-03-02T09:00:00+05:30:15",
        "2026-03-02T09:00:00+23:00",
        "2026-02-30T09:00:00Z",
        "2026-03-02T24:00:00Z",
        "0000-03-02T09:00:00Z",
        "infinity",
        "now",
    ],
)
def test_an_instant_is_read_one_way_or_refused(portfolio: Portfolio, at: str) -> None:
    content = csv_of(ROW.replace("2026-03-02T09:00:00Z", f'"{at}"'))
    report = bring(portfolio, content, "csv")
    assert [(one.line, one.column) for one in report.refusals] == [(2, "entry_time")]


def test_nothing_in_a_field_is_an_instruction_to_the_database(
    portfolio: Portfolio,
) -> None:
    names: list[Any] = ["\\N", "\\.", "a b", "x'); DROP TABLE trades; --", 'q""uote']
    rows = [ROW.replace("a,", f'"{name}",', 1) for name in names]
    report = bring(portfolio, csv_of(*rows), "csv")
    assert (report.created, report.refusals) == (5, ())
    found = Trade.objects.order_by("ledger_key").values_list("external_id", flat=True)
    assert list(found) == ["\\N", "\\.", "a b", "x'); DROP TABLE trades; --", 'q"uote']
