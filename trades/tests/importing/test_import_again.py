"""An export that comes back once its portfolio went on: nothing twice or lost."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.enums import Side
from trades.importing.export import export_trades
from trades.importing.import_trades import import_trades
from trades.importing.previewing import ImportReport
from trades.models import Position, Trade
from trades.tests.factories import ensure_strategy

NOW = datetime(2026, 4, 20, tzinfo=UTC)
ENTRY = datetime(2026, 3, 2, 9, tzinfo=UTC)
LAYOUTS = ("mastertrade-csv", "mastertrade-json")


@pytest.fixture(params=["named", "unnamed"])
def trade(request: Any, db: None) -> Trade:
    """An open trade, with an id of its own and without."""
    portfolio = PortfolioFactory(opening_balance=Decimal(100_000))
    trade, _ = open_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=NOW,
        strategy_id=ensure_strategy(portfolio).strategy_id,
        symbol="BTCUSDT",
        side=Side.LONG,
        quantity=Decimal("0.3"),
        entry_price=Decimal(50000),
        entry_time=ENTRY,
        fees=Decimal("0.7"),
        external_id="a" if request.param == "named" else None,
    )
    return trade


def exported(portfolio: Portfolio, layout: str = LAYOUTS[0]) -> bytes:
    target = io.StringIO()
    export_trades(portfolio, target, layout)
    return target.getvalue().encode()


def bring(
    portfolio: Portfolio, content: bytes, layout: str = LAYOUTS[0]
) -> ImportReport:
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(content),
        file_name="export",
        format_name=layout,
        now=NOW,
    )


def close(trade: Trade, quantity: str | None = None, part: str | None = None) -> None:
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal("50123.45678901"),
        exit_time=ENTRY + timedelta(hours=1),
        quantity=None if quantity is None else Decimal(quantity),
        fees=Decimal("0.1"),
        external_id=part,
        now=NOW,
    )


def add(trade: Trade) -> None:
    add_to_trade(
        user=trade.user,
        trade_id=trade.pk,
        quantity=Decimal("0.1"),
        entry_price=Decimal(50001),
        now=NOW,
    )


def void(trade: Trade) -> None:
    void_trade(user=trade.user, trade_id=trade.pk, reason="mistaken", now=NOW)


CHANGES: dict[str, Callable[[Trade], None]] = {
    "nothing": lambda trade: None,
    "closed": close,
    "a part closed": lambda trade: close(trade, "0.1"),
    "a named part closed": lambda trade: close(trade, "0.1", "part"),
    "added to": add,
    "void": void,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("change", CHANGES)
def test_an_export_from_before_a_change_adds_nothing(
    trade: Trade, change: str, layout: str
) -> None:
    before = exported(trade.portfolio, layout)
    CHANGES[change](trade)
    rows = list(Trade.objects.order_by("pk").values())
    report = bring(trade.portfolio, before, layout)
    assert (report.created, report.known, report.refusals) == (0, 1, ())
    assert list(Trade.objects.order_by("pk").values()) == rows


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.slow
def test_an_export_from_after_a_change_adds_nothing_here_and_all_of_it_elsewhere(
    trade: Trade, change: str, layout: str
) -> None:
    CHANGES[change](trade)
    content = exported(trade.portfolio, layout)
    kept = Trade.objects.exclude(status="void")
    count, profits = kept.count(), sorted_profits(trade.portfolio)
    here = bring(trade.portfolio, content, layout)
    assert (here.created, here.known, here.refusals) == (0, count, ())
    there = PortfolioFactory(user=trade.user, opening_balance=Decimal(100_000))
    report = bring(there, content, layout)
    assert (report.created, report.refusals) == (count, ())
    assert sorted_profits(there) == profits
    parts = Trade.objects.filter(portfolio=there, parent_trade__isnull=False)
    assert parts.count() == ("part" in change)
    opened = Position.objects.filter(portfolio=there, status="open").count()
    assert opened == (change not in {"closed", "void"})
    assert list(find_drift([trade.portfolio_id, there.pk])) == []


def sorted_profits(portfolio: Portfolio) -> list[Decimal]:
    made = Trade.objects.filter(portfolio=portfolio, status="closed")
    return sorted(made.values_list("profit_loss", flat=True))


def test_a_trade_of_another_portfolio_with_that_key_is_not_meant(trade: Trade) -> None:
    content = exported(trade.portfolio)
    other = PortfolioFactory(user=trade.user)
    assert bring(other, content).created == 1
    assert bring(other, content).known == 1
    stranger = PortfolioFactory()
    ensure_strategy(stranger)
    report = bring(stranger, content)
    assert [one.column for one in report.refusals] in ([], ["strategy_id"])
    trade.refresh_from_db()
    assert trade.status == "open"
