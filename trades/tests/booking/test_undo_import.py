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
from trades.models import Position, Trade, TradeFill
from trades.tests.factories import book_profit
from trades.tests.importing import layouts
from trades.tests.importing.test_import_mapped_layouts import bring, mapping_for
from trades.tests.importing.test_importing import bring as bring_own
from trades.tests.importing.test_importing import csv_of
from trades.tests.races import run_at_once

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


def undo(portfolio: Portfolio, import_id: int | None, now: datetime = LATER) -> int:
    assert import_id is not None
    return undo_import(user=portfolio.user, import_id=import_id, now=now).voided


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


HEADER = "Fill ID,Time,Symbol,Side,Qty,Price,Fee\n"
BOUGHT = (
    "1,2026-03-02 09:00:00,ETHUSDT,buy,2,1000,1\n"
    "2,2026-03-02 10:00:00,ETHUSDT,buy,1,1100,1\n"
)
# What a second file makes of the two lots.
SECOND = {
    "a part of the first": "3,2026-03-03 09:00:00,ETHUSDT,sell,0.7,1200,0.3\n",
    "all of the first": "3,2026-03-03 09:00:00,ETHUSDT,sell,2,1200,0.3\n",
    "both, and a short": "3,2026-03-03 09:00:00,ETHUSDT,sell,4,1200,0.3\n",
    "parts, then all": (
        "3,2026-03-03 09:00:00,ETHUSDT,sell,0.7,1200,0.3\n"
        "4,2026-03-04 09:00:00,ETHUSDT,sell,0.3,900,0.3\n"
        "5,2026-03-05 09:00:00,ETHUSDT,buy,5,950,0.3\n"
        "6,2026-03-06 09:00:00,ETHUSDT,sell,7,990,0.3\n"
    ),
}


def bring_fills(portfolio: Portfolio, rows: str, minutes: int) -> int:
    """Imported so long after `NOW`."""
    found = mapping_for(HEADER + rows, {"may_short": True})
    at = NOW + timedelta(minutes=minutes)
    report = bring(portfolio, HEADER + rows, found, now=at)
    assert report.refusals == ()
    assert report.import_id is not None
    return report.import_id


def state(portfolio: Portfolio) -> tuple[Any, ...]:
    """All that counts; the order in which things were booked aside."""
    trades = Trade.objects.filter(portfolio=portfolio).exclude(status="void")
    held = Position.objects.filter(portfolio=portfolio, status="open")
    return (
        figures(portfolio),
        list(
            trades.order_by("trade_id").values_list(
                "trade_id", "status", "quantity", "entry_price", "entry_notional",
                "entry_fees", "exit_price", "exit_time", "exit_fees", "profit_loss",
                "funding", "unbooked_profit", "fx_rate",
            )
        ),
        list(
            held.order_by("trade_id").values_list(
                "trade_id", "quantity", "entry_price", "current_price", "marked_at",
                "unrealized_pnl",
            )
        ),
        list(TradeFill.objects.filter(portfolio=portfolio).values_list("external_id")),
        [day.portfolio_figures for day in portfolio.ledger_days.order_by("day")],
    )  # fmt: skip


@pytest.mark.parametrize("rows", SECOND.values(), ids=list(SECOND))
def test_what_an_import_closed_is_open_again_after_its_undo(rows: str) -> None:
    portfolio = PortfolioFactory(currency="USDT", opening_balance=Decimal(10000))
    first = bring_fills(portfolio, BOUGHT, 0)
    before = state(portfolio)
    second = bring_fills(portfolio, rows, 5)
    after = state(portfolio)
    with pytest.raises(ImportNotUndone, match="Undo a later import first"):
        undo(portfolio, first)

    undo(portfolio, second)

    assert state(portfolio) == before
    assert list(find_drift([portfolio.pk])) == []
    again = bring_fills(portfolio, rows, 90)
    assert state(portfolio)[0] == after[0]
    assert list(find_drift([portfolio.pk])) == []
    undo(portfolio, again, NOW + timedelta(hours=2))
    undo(portfolio, first, NOW + timedelta(hours=3))
    assert Portfolio.objects.get(pk=portfolio.pk).equity == 10000
    assert list(find_drift([portfolio.pk])) == []


def test_a_marked_trade_that_an_import_closed_in_part_keeps_its_mark() -> None:
    portfolio = PortfolioFactory(currency="USDT", opening_balance=Decimal(10000))
    bring_fills(portfolio, BOUGHT, 0)
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(500), now=NOW
    )
    mark = Mark("ETH/USDT", Decimal(1300), NOW)
    mark_positions(user=portfolio.user, marks=[mark], now=NOW, portfolio=portfolio.pk)
    before = state(portfolio)
    second = bring_fills(portfolio, SECOND["a part of the first"], 5)

    undo(portfolio, second)

    assert state(portfolio) == before
    assert list(find_drift([portfolio.pk])) == []


def test_a_marked_trade_that_an_import_closed_is_open_without_a_mark() -> None:
    portfolio = PortfolioFactory(currency="USDT", opening_balance=Decimal(10000))
    bring_fills(portfolio, BOUGHT, 0)
    mark = Mark("ETH/USDT", Decimal(1300), NOW)
    mark_positions(user=portfolio.user, marks=[mark], now=NOW, portfolio=portfolio.pk)
    second = bring_fills(portfolio, SECOND["all of the first"], 5)

    undo(portfolio, second)

    prices = Position.objects.filter(portfolio=portfolio, status="open")
    assert [
        (one.current_price, one.marked_at is None) for one in prices.order_by("pk")
    ] == [(1000, True), (1300, False)]
    assert list(find_drift([portfolio.pk])) == []


def test_what_was_changed_after_an_import_closed_a_part_is_not_undone() -> None:
    portfolio = PortfolioFactory(currency="USDT", opening_balance=Decimal(10000))
    bring_fills(portfolio, BOUGHT, 0)
    second = bring_fills(portfolio, SECOND["a part of the first"], 5)
    lessened = Trade.objects.get(portfolio=portfolio, quantity=Decimal("1.3"))
    enlarge(lessened)
    before = state(portfolio)

    with pytest.raises(ImportNotUndone, match="and again since"):
        undo(portfolio, second)

    assert state(portfolio) == before


def test_trades_booked_later_in_the_same_market_stay() -> None:
    portfolio = PortfolioFactory()
    first = bring_own(portfolio, ROWS.replace("o,BTC", "o,ETH"))
    later = book_profit(portfolio, Decimal(7), NOW)

    undo(portfolio, first.import_id)

    later.refresh_from_db()
    assert later.status == "closed"
    assert Portfolio.objects.get(pk=portfolio.pk).realized_pnl == 7
    assert list(find_drift([portfolio.pk])) == []


@pytest.mark.django_db(transaction=True)
def test_two_undos_at_once_are_one() -> None:
    portfolio = PortfolioFactory()
    first = bring_own(portfolio, ROWS)

    def ask() -> int:
        return undo(portfolio, first.import_id)

    assert sorted(run_at_once(ask, ask)) == [0, 3]  # type: ignore[type-var]
    assert Portfolio.objects.get(pk=portfolio.pk).equity == 1000
    assert list(find_drift([portfolio.pk])) == []


def test_nobody_undoes_the_import_of_another() -> None:
    portfolio = PortfolioFactory()
    first = bring_own(portfolio, ROWS)
    other: User = UserFactory()
    assert first.import_id is not None

    with pytest.raises(NotFound):
        undo_import(user=other, import_id=first.import_id, now=LATER)
