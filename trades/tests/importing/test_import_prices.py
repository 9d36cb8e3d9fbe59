"""Trades at recorded prices, imported: as if each had been recorded by hand."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.models import FinancialGoal, GoalProgressHistory, LedgerDay, Portfolio
from goals.services.goals import create_goal
from goals.tests.factories import PortfolioFactory
from trades.booking.open import record_closed_trade
from trades.booking.reconcile import find_drift
from trades.enums import Side
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.importing.previewing import ImportReport
from trades.models import Trade
from trades.replay.parsing import ReadingOptions
from trades.replay.reading import load_prices
from trades.tests.factories import ensure_strategy

NOW = datetime(2013, 4, 1, tzinfo=UTC)
SERIES = ("AAPL", "GOOG", "IBM", "MSFT")
SHARE_STEPS = 7
FEE_RATE = Decimal("0.0007")


def rows_of(symbol: str, every: int) -> Iterator[dict[str, Any]]:
    """A trade from one recorded close to the next but four; every second is short."""
    bars = load_prices(symbol, ReadingOptions(adjust=False)).bars
    for number, (entry, exit_) in enumerate(
        zip(bars[::every], bars[5::every], strict=False)
    ):
        quantity = Decimal(1 + number % SHARE_STEPS) / 8
        yield {
            "external_id": f"{symbol}-{number}",
            "symbol": symbol,
            "side": Side.SHORT if number % 2 else Side.LONG,
            "quantity": quantity,
            "entry_price": entry.close,
            "entry_time": entry.at,
            "exit_price": exit_.close,
            "exit_time": exit_.at,
            "fees": (entry.close * quantity * FEE_RATE).quantize(Decimal("1e-8")),
        }


def csv_of(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    names = [name if name != "fees" else "entry_fees" for name in rows[0]]
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        writer.writerow(
            one.isoformat() if isinstance(one, datetime) else str(one)
            for one in row.values()
        )
    return text.getvalue().encode()


def bring(portfolio: Portfolio, rows: list[dict[str, Any]]) -> ImportReport:
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(csv_of(rows)),
        file_name="prices.csv",
        format_name="mastertrade-csv",
        now=NOW,
        options=ImportOptions(strategy_id=ensure_strategy(portfolio).strategy_id),
    )


def make_portfolio() -> Portfolio:
    portfolio = PortfolioFactory(
        opening_balance=Decimal(10_000), time_zone="America/New_York"
    )
    create_goal(
        user=portfolio.user,
        portfolio=portfolio.pk,
        goal_type="yearly_return",
        target_value=Decimal(1),
        start_date=datetime(2012, 1, 1, tzinfo=UTC).date(),
        target_date=datetime(2012, 12, 31, tzinfo=UTC).date(),
        as_of=datetime(2012, 1, 2, tzinfo=UTC),
    )
    return portfolio


def figures_of(portfolio: Portfolio) -> dict[str, Any]:
    """All that trades moved, by what does not depend on which portfolio it is."""
    names = ("external_id", "symbol", "side", "quantity", "entry_price", "exit_price")
    names += ("entry_time", "exit_time", "profit_loss", "entry_fees", "exit_fees")
    days = LedgerDay.objects.filter(portfolio=portfolio).order_by("day")
    goal = FinancialGoal.objects.get(portfolio=portfolio)
    return {
        "trades": list(
            Trade.objects.filter(portfolio=portfolio)
            .order_by("exit_time", "ledger_key")
            .values_list(*names)
        ),
        "account": Portfolio.objects.get(pk=portfolio.pk).account,
        "days": [(day.day, day.entries, day.account) for day in days],
        "goal": (goal.current_value, goal.progress_pct, goal.status, goal.achieved_at),
    }


@pytest.mark.slow
@pytest.mark.django_db
def test_imported_trades_are_those_that_are_recorded_one_by_one() -> None:
    rows = [row for symbol in SERIES for row in rows_of(symbol, every=200)]
    imported, recorded = make_portfolio(), make_portfolio()
    assert bring(imported, rows).created == len(rows) > 60
    strategy = ensure_strategy(recorded).strategy_id
    for row in sorted(rows, key=lambda row: row["exit_time"]):
        record_closed_trade(
            user=recorded.user,
            portfolio=recorded.pk,
            now=NOW,
            strategy_id=strategy,
            **row,
        )
    assert figures_of(imported) == figures_of(recorded)
    assert list(find_drift([imported.pk, recorded.pk])) == []


@pytest.mark.slow
@pytest.mark.django_db
def test_years_of_trades_may_come_in_any_pieces_that_overlap() -> None:
    rows = [row for symbol in SERIES for row in rows_of(symbol, every=10)]
    whole, pieces = make_portfolio(), make_portfolio()
    assert bring(whole, rows).created == len(rows) > 1000
    later = [row for row in rows if row["exit_time"].year >= 2009]
    earlier = [row for row in rows if row["exit_time"].year <= 2010]
    first, second = bring(pieces, later), bring(pieces, earlier)
    assert (first.created, second.known) == (
        len(later),
        len(later) + len(earlier) - len(rows),
    )
    assert first.created + second.created == len(rows)
    assert bring(pieces, rows).known == len(rows)
    assert figures_of(whole)["account"] == figures_of(pieces)["account"]
    assert figures_of(whole)["days"] == figures_of(pieces)["days"]
    assert figures_of(whole)["goal"] == figures_of(pieces)["goal"]
    assert list(find_drift([whole.pk, pieces.pk])) == []


@pytest.mark.slow
@pytest.mark.django_db
def test_a_late_year_restates_a_goal_once_a_local_day() -> None:
    rows = list(rows_of("IBM", every=2))
    portfolio = make_portfolio()
    bring(portfolio, [row for row in rows if row["exit_time"].year != 2012])
    before = figures_of(portfolio)["goal"]
    bring(portfolio, rows)
    assert figures_of(portfolio)["goal"] != before
    restated = GoalProgressHistory.objects.filter(
        kind="restated", goal__portfolio=portfolio
    )
    days = list(restated.values_list("snapshot_date", flat=True))
    assert len(days) == len(set(days)) > 100
    assert {day.year for day in days} == {2012}
    assert list(find_drift([portfolio.pk])) == []


def test_the_rows_are_those_of_the_recorded_prices() -> None:
    (first, *_) = rows_of("IBM", every=5)
    assert first["entry_time"] < first["exit_time"] < NOW
    assert first["exit_time"] - first["entry_time"] < timedelta(days=10)
