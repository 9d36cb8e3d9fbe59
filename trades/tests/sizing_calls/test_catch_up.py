"""Growth records brought along before anybody asks for them."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.utils import timezone

from goals.models import Portfolio
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import GoalFactory, PortfolioFactory
from strategies.tests.factories import StrategyFactory
from tests.http import client_of
from trades.booking.close import close_trade
from trades.booking.reconcile import find_drift
from trades.models import GrowthRecord as Kept
from trades.services.daily import run_day
from trades.sizing_calls import catch_up as catching_up
from trades.sizing_calls.catch_up import catch_up, find_stale
from trades.sizing_calls.records import forget_records, load_record
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.growths import plain_record

pytestmark = pytest.mark.django_db
DAY_ONE = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = DAY_ONE + timedelta(days=30)
HOUR = timedelta(hours=1)


@pytest.fixture
def portfolio() -> Portfolio:
    """Six trades, two of them at one time, one closed in two parts, and a deposit."""
    portfolio = PortfolioFactory()
    for hours in (1, 2, 2, 3, 8):
        book_profit(portfolio, Decimal(10 - 3 * hours), at=DAY_ONE + hours * HOUR)
    trade = TradeFactory(portfolio=portfolio, entry_time=DAY_ONE, now=DAY_ONE)
    for hours, quantity in ((4, Decimal("0.01")), (6, None)):
        close_trade(
            user=portfolio.user,
            trade_id=trade.pk,
            exit_price=Decimal(51000),
            quantity=quantity,
            exit_time=DAY_ONE + hours * HOUR,
            now=NOW,
        )
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(100), now=NOW
    )
    return portfolio


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_batches_of_any_size_come_to_the_same_record(
    portfolio: Portfolio, batch: int
) -> None:
    catch_up(portfolio.pk, NOW, batch=batch)

    assert find_stale(NOW) == []
    assert list(find_drift()) == []
    with patch("trades.sizing_calls.records.sql.CATCH_UP", "not asked"):
        record = load_record(portfolio.user, portfolio, NOW)
    assert record == plain_record([portfolio], NOW)
    assert record.trades == 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["sizing", "next-trade"])
def test_a_record_far_behind_is_brought_along_request_by_request(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr("trades.sizing_calls.records.MOST_AT_ONCE", 3)
    monkeypatch.setattr(catching_up, "BATCH", 2)
    portfolio = PortfolioFactory()
    StrategyFactory(user=portfolio.user)
    now = timezone.now()
    for hours in range(8):
        book_profit(portfolio, Decimal(5 - hours), at=now - (9 - hours) * HOUR)
    until = (now + timedelta(days=30)).date()
    GoalFactory(portfolio=portfolio, as_of=now - 20 * HOUR, target_date=until)
    client = client_of(portfolio.user)
    body = {"base_size": "10", "portfolio": portfolio.pk}

    answers = [client.post(f"/api/{address}/", body, format="json") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [503, 503, 200, 200, 200]
    assert answers[0].json()["code"] == "database_busy"
    assert "2 trades per request" in answers[0].json()["detail"]
    assert answers[0]["Retry-After"] == "1"
    assert Kept.objects.get(strategy_id="").trades == 8
    assert list(find_drift()) == []


def test_what_was_done_of_a_record_stays_when_the_rest_fails(
    portfolio: Portfolio,
) -> None:
    load, calls = catching_up.load_record, []

    def fail_at_the_third(*args: object) -> None:
        calls.append(args)
        if len(calls) == 3:
            raise RuntimeError("killed")
        load(*args)

    with (
        patch("trades.sizing_calls.catch_up.load_record", fail_at_the_third),
        pytest.raises(RuntimeError),
    ):
        catch_up(portfolio.pk, NOW, batch=1)
    assert Kept.objects.get(strategy_id="").trades > 1
    assert find_stale(NOW) == [portfolio.pk]
    catch_up(portfolio.pk, NOW)
    assert list(find_drift()) == []


def test_the_daily_run_leaves_nothing_for_a_decision_to_catch_up(
    portfolio: Portfolio,
) -> None:
    other = PortfolioFactory()
    book_profit(other, Decimal(5), at=DAY_ONE)
    PortfolioFactory()  # in which nothing happened yet
    assert find_stale(NOW) == [portfolio.pk, other.pk]

    done = {one.step.name: one.done.words for one in run_day(as_of=NOW)}
    again = {one.step.name: one.done.words for one in run_day(as_of=NOW)}

    assert done["records"] == "2 portfolios caught up"
    assert again["records"] == "0 portfolios caught up"
    assert find_stale(NOW) == []
    assert list(find_drift()) == []


def test_a_portfolio_whose_record_fails_stops_no_other(portfolio: Portfolio) -> None:
    other = PortfolioFactory()
    book_profit(other, Decimal(5), at=DAY_ONE)
    load = catching_up.load_record

    def fail_for_one(user: object, locked: Portfolio, *args: object) -> None:
        if locked.pk == portfolio.pk:
            raise ArithmeticError("odd")
        load(user, locked, *args)

    with patch("trades.sizing_calls.catch_up.load_record", fail_for_one):
        done = {one.step.name: one.done for one in run_day(as_of=NOW)}["records"]

    assert done.words == "1 portfolio caught up"
    assert done.failures == (f"portfolio {portfolio.pk}: ArithmeticError: odd",)
    assert find_stale(NOW) == [portfolio.pk]


def test_a_run_for_a_past_time_takes_nothing_back(portfolio: Portfolio) -> None:
    catch_up(portfolio.pk, NOW)
    before = list(Kept.objects.order_by("pk").values())
    assert find_stale(DAY_ONE + 2 * HOUR) == []
    catch_up(portfolio.pk, DAY_ONE + 2 * HOUR, batch=1)
    assert list(Kept.objects.order_by("pk").values()) == before


def test_a_mended_portfolio_has_its_records_again(portfolio: Portfolio) -> None:
    catch_up(portfolio.pk, NOW)
    Kept.objects.filter(strategy_id="").update(equity=Decimal(1))
    call_command("reconcile", fix=True)
    assert find_stale(NOW) == []
    assert list(find_drift()) == []


def test_what_was_forgotten_lacks(portfolio: Portfolio) -> None:
    catch_up(portfolio.pk, NOW)
    forget_records(portfolio)
    assert find_stale(NOW) == [portfolio.pk]


ROW = {
    "external_id": "one",
    "strategy_id": "mine",
    "symbol": "BTCUSDT",
    "side": "LONG",
    "quantity": "1",
    "entry_price": "1000",
    "entry_time": DAY_ONE.isoformat(),
    "exit_price": "1010",
    "exit_time": (DAY_ONE + HOUR).isoformat(),
}


@pytest.mark.parametrize("way", ["command", "http"])
def test_an_import_leaves_nothing_to_catch_up(way: str, tmp_path: Path) -> None:
    portfolio = PortfolioFactory()
    StrategyFactory(user=portfolio.user, strategy_id="mine")
    file = tmp_path / "trades.json"
    file.write_text(json.dumps([ROW]))
    if way == "command":
        call_command(
            "import_trades",
            str(file),
            user=portfolio.user_id,
            portfolio=str(portfolio.pk),
            format="mastertrade-json",
        )
    else:
        answer = client_of(portfolio.user).post(
            "/api/trades/import/",
            {
                "file": SimpleUploadedFile("trades.json", file.read_bytes()),
                "format": "mastertrade-json",
                "portfolio": portfolio.pk,
            },
            format="multipart",
        )
        assert answer.status_code == 201, answer.json()
    assert Kept.objects.get(strategy_id="").trades == 1
    assert find_stale(NOW) == []
