"""Texts that mean harm: formulas in a spreadsheet, characters that nobody sees."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.validation import HIDDEN, require_visible
from strategies.tests.factories import StrategyFactory
from tests.http import (
    Trader,
    made_once,
    make_trader,
    nothing_changes,
    open_body,
    unthrottled,
)
from trades.booking.open import record_closed_trade
from trades.enums import Side
from trades.importing.export import export_trades
from trades.importing.formats.own import RISKY, escape_cell, read_csv, unescape_cell
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.models import Trade

__all__ = ["unthrottled"]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
RISKY_TEXTS = ["=1+1", "+1", "-1", "@SUM(A1)", "'", "''", "'=1", "''=1", "'plain"]
# Each kind of what is refused: controls, text-turning, invisible, separators.
HIDDEN_CHARACTERS = [
    "\x01", "\t", "\n", "\r", "\x7f", "\x85", "\xad", "\u061c", "\u200b", "\u200e",
    "\u202e", "\u2028", "\u2066", "\u2069", "\ufeff",
]  # fmt: skip
hidden = pytest.mark.parametrize(
    "character", HIDDEN_CHARACTERS, ids=lambda one: f"U+{ord(one):04X}"
)


# Formulas


@given(st.text(max_size=20))
def test_what_is_guarded_begins_harmless_and_comes_back(text: str) -> None:
    cell = escape_cell(text)
    assert unescape_cell(cell) == text
    assert cell[:1] not in set(RISKY) - {"'"}


@pytest.mark.parametrize("text", [*(f"{one}x" for one in RISKY), *RISKY])
def test_every_risky_beginning_gets_one_apostrophe(text: str) -> None:
    assert escape_cell(text) == f"'{text}"
    assert unescape_cell(f"'{text}") == text


@pytest.mark.parametrize("text", ["", "BTC", "1=1", " =1", "'BTC", "BTC'"])
def test_other_cells_are_read_as_they_are(text: str) -> None:
    assert unescape_cell(text) == text


def read_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.django_db
def test_an_export_is_no_spreadsheets_program_and_comes_back_the_same() -> None:
    """Texts get one apostrophe, numbers none, though a loss begins with -."""
    portfolio = PortfolioFactory()
    StrategyFactory(user=portfolio.user, strategy_id="s")
    for text in RISKY_TEXTS:
        record_closed_trade(
            user=portfolio.user,
            portfolio=portfolio.pk,
            now=NOW,
            strategy_id="s",
            symbol=text,
            side=Side.LONG,
            quantity=Decimal(1),
            entry_price=Decimal(2),
            exit_price=Decimal(1),
            external_id=text,
        )
    target = io.StringIO()
    export_trades(portfolio, target, "mastertrade-csv")
    rows = read_rows(target.getvalue())
    assert {row["profit_loss"] for row in rows} == {"-1"}
    for name in ("external_id", "symbol"):
        cells = [row[name] for row in rows]
        assert sorted(cells) == sorted(escape_cell(text) for text in RISKY_TEXTS)

    other = PortfolioFactory(user=portfolio.user)
    import_trades(
        user=other.user,
        portfolio=other.pk,
        source=io.BytesIO(target.getvalue().encode()),
        file_name="export.csv",
        format_name="mastertrade-csv",
        now=NOW,
        options=ImportOptions(),
    )
    copies = Trade.objects.filter(portfolio=other)
    assert sorted(copies.values_list("symbol", "external_id")) == sorted(
        (text, text) for text in RISKY_TEXTS
    )


# What is not seen


@hidden
def test_what_is_not_seen_is_found(character: str) -> None:
    with pytest.raises(InvalidInput, match=f"U\\+{ord(character):04X}") as refused:
        require_visible("symbol", f"BTC{character}USDT")
    assert refused.value.field == "symbol"


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "M"])))
def test_letters_of_all_scripts_are_seen(text: str) -> None:
    assert HIDDEN.search(text) is None


ASKED: dict[tuple[str, str], dict[str, Any]] = {
    ("trades/", "symbol"): {},
    ("trades/", "external_id"): {},
    ("trades/{trade_id}/close/", "external_id"): {
        "exit_price": "1",
        "quantity": "0.001",
    },
    ("trades/{trade_id}/add/", "external_id"): {"quantity": "1", "entry_price": "1"},
    ("portfolios/{portfolio_id}/cash-flows/", "external_id"): {"amount": "1"},
    ("goals/{goal_id}/sizing/", "symbol"): {"base_size": "10"},
    ("goals/{goal_id}/sizing/", "request_id"): {"base_size": "10"},
    ("sizing/", "request_id"): {"base_size": "10", "portfolio": "crypto"},
    ("next-trade/", "symbol"): {"base_size": "10", "portfolio": "crypto"},
    ("strategies/", "strategy_id"): {"strategy_type": "momentum"},
    ("positions/marks/", "symbol"): {"price": "1"},
}


def make_trader_with_trade() -> Trader:
    trader = make_trader()
    trade = trader.post("/api/trades/", open_body(), 201)
    trader.ids["trade_id"] = trade["trade_id"]
    return trader


trader_of_module = made_once(make_trader_with_trade)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


@pytest.mark.parametrize(("path", "field"), ASKED, ids=" ".join)
def test_the_api_refuses_it_by_name(trader: Trader, path: str, field: str) -> None:
    for character in ("\u202e", "\x01", "\u200b"):
        body = {**ASKED[path, field], field: f"a{character}b"}
        if path == "trades/":
            body = open_body(**body)
        sent: Any = [body] if path == "positions/marks/" else body
        with nothing_changes():
            answer = trader.post(f"/api/{path}", sent, 400)
        assert field in str(answer), answer


@hidden
@pytest.mark.parametrize("name", ["external_id", "symbol", "strategy_id"])
def test_an_import_refuses_it_by_line(character: str, name: str) -> None:
    header = "external_id,symbol,strategy_id,side,quantity,entry_price,entry_time"
    cells = {"external_id": "a", "symbol": "BTC", "strategy_id": "s"}
    cells[name] = f"x{character}y"
    texts = ",".join(f'"{cell}"' for cell in cells.values())
    row = f"{texts},LONG,1,1,2026-03-02T09:00:00Z"
    (refusal,) = read_csv(
        io.BufferedReader(io.BytesIO(f"{header}\n{row}\n".encode()))  # type: ignore[arg-type]
    )
    assert refusal.column == name
    assert "hidden" in refusal.reason


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["new_strategy", "symbol"])
def test_the_form_of_a_trade_refuses_it(client: Any, field: str) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    form = {
        "portfolio": portfolio.pk,
        "new_strategy": "breakouts",
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "1",
        "entry_price": "1",
        field: "a\u202eb",
    }
    with nothing_changes():
        page = client.post(reverse("site:trade-new"), form)
    assert "control or hidden characters" in page.content.decode()
