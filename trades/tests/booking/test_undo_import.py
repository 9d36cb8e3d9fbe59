"""Undoing an import as a whole."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.models import Portfolio, User
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.values.exceptions import ImportNotUndone, NotFound
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.booking.undo_import import undo_import
from trades.models import Trade, TradeFill
from trades.tests.importing import layouts
from trades.tests.importing.test_import_mapped_layouts import bring, mapping_for
from trades.tests.importing.test_importing import bring as bring_own
from trades.tests.importing.test_importing import csv_of

NOW = datetime(2026, 4, 20, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ROWS = csv_of(
    "a,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z",
    "b,BTCUSDT,LONG,0.02,50000,2026-03-03T09:00:00Z,49000,2026-03-03T10:00:00Z",
    "o,BTCUSDT,LONG,0.02,50000,2026-03-04T09:00:00Z,,",
)

pytestmark = pytest.mark.django_db


def figures(portfolio: Portfolio) -> tuple[Any, ...]:
    row = Portfolio.objects.get(pk=portfolio.pk)
    return row.equity, row.unit_value, row.peak_unit_value, row.unrealized_pnl


def undo(portfolio: Portfolio, import_id: int | None) -> int:
    assert import_id is not None
    _, count, _ = undo_import(user=portfolio.user, import_id=import_id, now=LATER)
    return count


def test_an_import_is_undone_as_if_it_had_never_been() -> None:
    goal = GoalFactory()
    portfolio = goal.portfolio
    before = figures(portfolio)
    first = bring_own(portfolio, ROWS)

    assert undo(portfolio, first.import_id) == 3

    assert figures(portfolio) == before
    goal.refresh_from_db()
    assert goal.progress_pct == 0
    assert list(find_drift([portfolio.pk])) == []
    voided = Trade.objects.filter(source_import_id=first.import_id)
    assert {trade.status for trade in voided} == {"void"}
    assert "trades.csv was undone" in voided[0].void_reason


def test_the_file_of_an_undone_import_comes_in_again() -> None:
    portfolio = PortfolioFactory()
    first = bring_own(portfolio, ROWS)
    after = figures(portfolio)
    undo(portfolio, first.import_id)

    again = bring_own(portfolio, ROWS)

    assert (again.created, again.known, again.refused) == (3, 0, 0)
    assert figures(portfolio) == after
    assert list(find_drift([portfolio.pk])) == []


def test_fills_of_an_undone_import_come_in_again() -> None:
    portfolio = PortfolioFactory(currency="USDT")
    content = layouts.BYBIT_EXECUTIONS
    mapping = mapping_for(content, {})
    first = bring(portfolio, content, mapping)
    undo(portfolio, first.import_id)

    assert not TradeFill.objects.filter(portfolio=portfolio).exists()
    again = bring(portfolio, content, mapping)

    assert (again.created, again.known, again.refused) == (2, 0, 0)
    assert list(find_drift([portfolio.pk])) == []


def test_marked_trades_and_the_cash_flows_after_them_are_made_again() -> None:
    portfolio = PortfolioFactory()
    twin = PortfolioFactory()
    first = bring_own(portfolio, ROWS)
    for one in (portfolio, twin):
        if one == portfolio:
            mark = Mark("BTCUSDT", Decimal(60000), NOW)
            mark_positions(user=one.user, marks=[mark], now=NOW)
        record_cash_flow(user=one.user, portfolio=one.pk, amount=Decimal(100), now=NOW)

    undo(portfolio, first.import_id)

    assert figures(portfolio) == figures(twin)
    assert list(find_drift([portfolio.pk])) == []


def test_an_import_is_undone_once() -> None:
    portfolio = PortfolioFactory()
    first = bring_own(portfolio, ROWS)
    undo(portfolio, first.import_id)
    after = figures(portfolio)

    assert undo(portfolio, first.import_id) == 0
    assert figures(portfolio) == after


def close(trade: Trade) -> None:
    close_trade(
        user=trade.user, trade_id=trade.pk, exit_price=Decimal(50100), now=NOW + NEXT
    )


def close_in_part(trade: Trade) -> None:
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal(50100),
        quantity=Decimal("0.01"),
        now=NOW + NEXT,
    )


def enlarge(trade: Trade) -> None:
    add_to_trade(
        user=trade.user,
        trade_id=trade.pk,
        entry_price=Decimal(50100),
        quantity=Decimal("0.01"),
        now=NOW + NEXT,
    )


NEXT = timedelta(minutes=1)


@pytest.mark.parametrize("change", [close, close_in_part, enlarge])
def test_what_something_depends_on_is_not_undone(
    change: Callable[[Trade], None],
) -> None:
    portfolio = PortfolioFactory()
    first = bring_own(portfolio, ROWS)
    open_trade = Trade.objects.get(external_id="o")
    change(open_trade)
    after = figures(portfolio)

    with pytest.raises(ImportNotUndone, match=f"trade {open_trade.pk} "):
        undo(portfolio, first.import_id)

    assert figures(portfolio) == after


def test_an_import_whose_trades_a_later_one_closed_is_undone_after_it() -> None:
    portfolio = PortfolioFactory(currency="USDT")
    whole = layouts.BYBIT_EXECUTIONS
    mapping = mapping_for(whole, {})
    header, bought, sold, _ = whole.split("\n")
    first = bring(portfolio, f"{header}\n{bought}\n", mapping)
    second = bring(portfolio, f"{header}\n{sold}\n", mapping)

    with pytest.raises(ImportNotUndone):
        undo(portfolio, first.import_id)
    with pytest.raises(ImportNotUndone, match="was there before"):
        undo(portfolio, second.import_id)


def test_nobody_undoes_the_import_of_another() -> None:
    portfolio = PortfolioFactory()
    first = bring_own(portfolio, ROWS)
    other: User = UserFactory()
    assert first.import_id is not None

    with pytest.raises(NotFound):
        undo_import(user=other, import_id=first.import_id, now=LATER)
