"""What an import knows already: by its id, by its key, and as it has become since."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import OperationalError

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.open import open_trade
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.enums import Side
from trades.importing import formats
from trades.importing import import_trades as service
from trades.importing.export import export_trades
from trades.importing.formats.base import ImportFormat
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.importing.previewing import ImportReport
from trades.importing.rows import TradeRow
from trades.models import Position, Trade
from trades.tests.factories import ensure_strategy

NOW = datetime(2026, 4, 20, tzinfo=UTC)
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
ROW = "a,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z"
OPEN = "o,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,,"


@pytest.fixture
def portfolio(db: None) -> Iterator[Portfolio]:
    portfolio = PortfolioFactory(opening_balance=Decimal(100_000))
    ensure_strategy(portfolio)
    yield portfolio
    assert not list(find_drift([portfolio.pk]))


def bring(portfolio: Portfolio, content: str, **options: Any) -> ImportReport:
    answer: dict[str, Any] = {
        "format_name": "mastertrade-csv",
        "options": ImportOptions(strategy_id=ensure_strategy(portfolio).strategy_id),
    }
    return import_trades(
        user=portfolio.user,
        portfolio=portfolio.pk,
        source=io.BytesIO(content.encode()),
        file_name="trades.csv",
        now=NOW,
        **{**answer, **options},
    )


def csv_of(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows, ""])


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.created, report.known, report.refused


def opened(portfolio: Portfolio, **fields: Any) -> Trade:
    trade, _ = open_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=NOW,
        strategy_id=ensure_strategy(portfolio).strategy_id,
        symbol="BTCUSDT",
        side=Side.LONG,
        quantity=Decimal("0.02"),
        entry_price=Decimal(50000),
        entry_time=AT,
        **fields,
    )
    return trade


def closed(trade: Trade, **fields: Any) -> None:
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=Decimal(51000),
        exit_time=AT + HOUR,
        now=NOW,
        **fields,
    )


def exported(portfolio: Portfolio) -> str:
    target = io.StringIO()
    export_trades(portfolio, target, "mastertrade-csv")
    return target.getvalue()


# What was changed since.


def test_an_open_row_is_known_whatever_became_of_its_trade(
    portfolio: Portfolio,
) -> None:
    bring(portfolio, csv_of(OPEN))
    trade = Trade.objects.get()
    answer = {"user": portfolio.user, "trade_id": trade.pk, "now": NOW}
    add_to_trade(
        quantity=Decimal("0.01"), entry_price=Decimal(60000), at=AT + HOUR, **answer
    )
    assert counts(bring(portfolio, csv_of(OPEN))) == (0, 1, 0)
    closed(trade, quantity=Decimal("0.01"))
    assert counts(bring(portfolio, csv_of(OPEN))) == (0, 1, 0)
    closed(trade)
    assert counts(bring(portfolio, csv_of(OPEN))) == (0, 1, 0)
    assert Trade.objects.count() == 2


def test_a_row_that_ended_is_no_news_of_a_trade_that_is_open(
    portfolio: Portfolio,
) -> None:
    opened(portfolio, external_id="a")
    report = bring(portfolio, csv_of(ROW))
    assert [one.column for one in report.refusals] == ["external_id"]


@pytest.mark.parametrize(
    ("more", "value"), [("leverage", "2"), ("entry_fees", "1"), ("funding", "1")]
)
def test_any_other_figure_is_refused(
    portfolio: Portfolio, more: str, value: str
) -> None:
    bring(portfolio, csv_of(ROW))
    report = bring(portfolio, csv_of(f"{ROW},{value}", header=f"{HEADER},{more}"))
    assert [one.column for one in report.refusals] == ["external_id"]


# Trades without an id of their own, by their keys.


def test_an_export_comes_back_to_its_own_portfolio_as_known(
    portfolio: Portfolio,
) -> None:
    trade = opened(portfolio)
    closed(trade, quantity=Decimal("0.01"), external_id="named part")
    closed(trade, quantity=Decimal("0.005"))
    report = bring(portfolio, exported(portfolio))
    assert (counts(report), report.refusals) == ((0, 3, 0), ())


def test_an_export_of_an_open_trade_does_not_open_it_again(
    portfolio: Portfolio,
) -> None:
    trade = opened(portfolio)
    before = exported(portfolio)
    closed(trade)
    assert counts(bring(portfolio, before)) == (0, 1, 0)
    assert Trade.objects.count() == 1


def test_a_key_of_elsewhere_is_only_an_id_here(portfolio: Portfolio) -> None:
    trade = opened(portfolio)
    content = csv_of(
        ROW.replace("a,BTC", f"mastertrade:{trade.pk},ETH", 1),
        ROW.replace("a,", "mastertrade:999999999999999999,", 1),
        ROW.replace("a,", "mastertrade:9999999999999999999999,", 1),
    )
    assert counts(bring(portfolio, content)) == (3, 0, 0)
    assert counts(bring(portfolio, content)) == (0, 3, 0)


def test_a_key_with_other_figures_is_refused(portfolio: Portfolio) -> None:
    trade = opened(portfolio)
    report = bring(portfolio, csv_of(ROW.replace("a,", f"mastertrade:{trade.pk},", 1)))
    assert [one.column for one in report.refusals] == ["external_id"]


def test_parts_of_a_void_trade_come_back_alone(portfolio: Portfolio) -> None:
    trade = opened(portfolio, fees=Decimal("0.00000001"))
    for _ in range(2):
        closed(trade, quantity=Decimal("0.003333333333"), fees=Decimal("0.00000001"))
    void_trade(user=portfolio.user, trade_id=trade.pk, reason="mistaken", now=NOW)
    there = PortfolioFactory(opening_balance=Decimal(100_000), user=portfolio.user)
    assert counts(bring(there, exported(portfolio))) == (2, 0, 0)


def test_a_part_must_be_of_such_a_trade(portfolio: Portfolio) -> None:
    content = csv_of(
        f"{OPEN},",
        f"{ROW.replace('BTC', 'ETH')},o",
        f"{ROW.replace('a,', 'b,', 1)},o",
        header=f"{HEADER},parent_external_id",
    )
    report = bring(portfolio, content, partial=True)
    assert counts(report) == (2, 0, 1)
    (refusal,) = report.refusals
    assert (refusal.line, refusal.column) == (3, "parent_external_id")


# Rows that say what became of a trade that is open here.


@pytest.fixture
def answer(portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch) -> list[TradeRow]:
    """The rows of the next files, of a format that updates open trades."""
    rows: list[TradeRow] = []
    of_rows = ImportFormat("told", "rows", lambda *asked: iter(rows), 1_000)
    monkeypatch.setitem(formats.FORMATS, "told", of_rows)
    monkeypatch.setattr(service, "FORMAT_NAMES", ("told",))
    return rows


WHOLE = TradeRow(
    line=1,
    external_id="bot:1",
    symbol="BTCUSDT",
    side=Side.LONG,
    quantity=Decimal(3),
    entry_price=Decimal(100),
    entry_time=AT,
    updates_open_trade=True,
)
FIRST = replace(
    WHOLE,
    external_id="bot:1:1",
    quantity=Decimal(1),
    exit_price=Decimal(110),
    exit_time=AT + HOUR,
    parent_external_id="bot:1",
    updates_open_trade=False,
)
REST = replace(WHOLE, quantity=Decimal(2))
ENDED = replace(REST, exit_price=Decimal(120), exit_time=AT + 2 * HOUR)


def settle(
    portfolio: Portfolio, answer: list[TradeRow], *rows: TradeRow
) -> ImportReport:
    answer[:] = rows
    return bring(portfolio, "", format_name="told")


def test_an_open_trade_is_settled_step_by_step(
    portfolio: Portfolio, answer: list[TradeRow]
) -> None:
    assert counts(settle(portfolio, answer, WHOLE)) == (1, 0, 0)
    assert counts(settle(portfolio, answer, REST, FIRST)) == (1, 1, 0)
    position = Position.objects.get()
    assert (position.quantity, position.status) == (2, "open")
    assert counts(settle(portfolio, answer, ENDED, FIRST)) == (0, 2, 0)
    position.refresh_from_db()
    assert position.status == "closed"
    assert Portfolio.objects.get(pk=portfolio.pk).realized_pnl == 10 + 40
    for rows in ((WHOLE,), (REST, FIRST), (ENDED, FIRST)):
        report = settle(portfolio, answer, *rows)
        assert (report.created, report.import_id) == (0, None)
    assert Portfolio.objects.get(pk=portfolio.pk).realized_pnl == 10 + 40


def test_a_file_from_before_brings_nothing_back(
    portfolio: Portfolio, answer: list[TradeRow]
) -> None:
    settle(portfolio, answer, REST, FIRST)
    assert settle(portfolio, answer, WHOLE).import_id is None
    assert Trade.objects.get(external_id="bot:1").quantity == 2


def test_a_trade_that_grew_is_enlarged_and_not_made_smaller_again(
    portfolio: Portfolio, answer: list[TradeRow]
) -> None:
    settle(portfolio, answer, WHOLE)
    settle(portfolio, answer, replace(WHOLE, quantity=Decimal(5)))
    assert Trade.objects.get().quantity == 5
    assert settle(portfolio, answer, WHOLE).import_id is None
    assert Trade.objects.get().quantity == 5


# The database gives up.


def test_a_lost_connection_is_told_as_such(
    portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: Any) -> None:
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(psycopg.Copy, "write", lose)
    with pytest.raises(OperationalError):
        bring(portfolio, csv_of(ROW))
    monkeypatch.undo()
    assert not Trade.objects.exists()
