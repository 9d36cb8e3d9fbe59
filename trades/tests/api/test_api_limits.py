"""A portfolio's limits over HTTP: floors in money, in percent, in losing trades."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event, Thread
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from goals.models import LimitChange, Portfolio, TradingHalt
from goals.services.portfolios import update_portfolio
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.http import count_statements
from trades.booking.mark import Mark, mark_positions
from trades.models import GrowthRecord
from trades.sizing_calls import records
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture
def portfolio() -> Portfolio:
    return PortfolioFactory(now=NOW - timedelta(days=30))


def ask(portfolio: Portfolio, status: int = 200, **query: str) -> Any:
    client = Client()
    client.force_login(portfolio.user)
    answer = client.get(f"/api/portfolios/{portfolio.pk}/limits/", query)
    assert answer.status_code == status, answer.json()
    return answer.json()


def floors_of(answer: Any) -> Any:
    return {one["limit"]: one for one in answer["floors"]}


def change(portfolio: Portfolio, **limits: Any) -> None:
    now = datetime.now(UTC)
    update_portfolio(portfolio_id=portfolio.pk, user=portfolio.user, now=now, **limits)


def book(portfolio: Portfolio, profit: int, at: datetime) -> None:
    book_profit(Portfolio.objects.get(pk=portfolio.pk), Decimal(profit), at=at)


def ago(**parts: int) -> datetime:
    return NOW - timedelta(**parts)


def test_floors_are_given_in_money_and_percent(portfolio):
    book(portfolio, 200, ago(days=5))
    book(portfolio, -100, ago(days=4))
    floors = floors_of(ask(portfolio))
    assert list(floors) == ["soft_drawdown", "hard_drawdown"]
    hard = floors["hard_drawdown"]
    assert hard["floor_equity"] == "960.00000000"  # 20 % below 1200
    assert hard["headroom"] == "140.00000000"
    assert hard["headroom_pct"] == "12.727273"  # of 1100
    assert (hard["binding"], hard["checked"]) == (True, "live")
    assert floors["soft_drawdown"]["floor_equity"] == "1080.00000000"
    assert not floors["soft_drawdown"]["binding"]


def test_losing_trades_are_of_the_mean_loss_at_the_present_factor(portfolio):
    book(portfolio, 200, ago(days=5))
    assert floors_of(ask(portfolio))["hard_drawdown"]["losing_trades"] is None
    book(portfolio, -120, ago(days=4))  # 10 % of 1200
    without_goal = floors_of(ask(portfolio))["hard_drawdown"]["losing_trades"]
    assert Decimal(without_goal) == round(Decimal(120) / 108, 12)
    today = NOW.date()
    GoalFactory(portfolio=portfolio, start_date=today, target_date=today, as_of=NOW)
    behind = floors_of(ask(portfolio))["hard_drawdown"]["losing_trades"]
    assert Decimal(behind) == round(120 / (108 * Decimal("1.3")), 12)


def test_the_nearest_floor_that_stops_trading_binds(portfolio):
    change(portfolio, daily_loss_limit_pct=Decimal(5))
    floors = floors_of(ask(portfolio))
    assert floors["daily_loss"]["floor_equity"] == "950.00000000"
    binding = [name for name, one in floors.items() if one["binding"]]
    assert binding == ["daily_loss"]


def test_old_marks_of_open_positions_are_checked_at_closes_only(portfolio):
    opened_at = ago(hours=2)
    TradeFactory(portfolio=portfolio, entry_time=opened_at, now=opened_at)
    assert ask(portfolio)["floors"][0]["checked"] == "closes"
    mark_positions(
        user=portfolio.user, marks=[Mark("BTCUSDT", Decimal(50000))], now=NOW
    )
    assert ask(portfolio)["floors"][0]["checked"] == "live"


def test_the_day_is_given_with_its_profit_and_trades(portfolio):
    book(portfolio, 10, ago(days=2))
    for loss in (5, 6):
        book(portfolio, -loss, NOW)
    day = ask(portfolio)["day"]
    began = datetime.combine(NOW.date(), datetime.min.time(), tzinfo=UTC)
    assert datetime.fromisoformat(day["began_at"]) == began
    counts = day["trades"], day["losses_in_a_row"]
    assert (day["profit"], *counts) == ("-11.00000000", 2, 2)


def test_a_past_time_is_judged_by_the_limits_and_the_peak_of_then(portfolio):
    book(portfolio, 100, ago(days=5))
    book(portfolio, 900, ago(days=3))
    change(portfolio, hard_drawdown_pct=Decimal(50))
    hard = floors_of(ask(portfolio))["hard_drawdown"]
    assert hard["floor_equity"] == "1000.00000000"
    then = ask(portfolio, as_of=ago(days=4).isoformat())
    assert then["hard_drawdown_pct"] == "20.000000"
    assert floors_of(then)["hard_drawdown"]["floor_equity"] == "880.00000000"


def test_a_static_floor_in_money_stays_while_the_equity_rises(portfolio):
    change(portfolio, drawdown_mode="static", floor_in="money")
    book(portfolio, 500, datetime.now(UTC))
    hard = floors_of(ask(portfolio))["hard_drawdown"]
    assert (hard["floor_equity"], hard["headroom"]) == ("800.00000000", "700.00000000")


@pytest.mark.parametrize("as_of", ["tomorrow", "2999-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_is_refused_by_name(portfolio, as_of):
    assert "as_of" in str(ask(portfolio, 400, as_of=as_of))


def test_an_unknown_parameter_is_refused(portfolio):
    assert "when" in str(ask(portfolio, 400, when="now"))


def test_anothers_limits_are_not_found(portfolio):
    client = Client()
    client.force_login(PortfolioFactory().user)
    address = f"/api/portfolios/{portfolio.pk}/limits/"
    assert client.get(address).status_code == 404
    assert Client().get(address).status_code == 401


def test_the_portfolios_answer_contains_its_limits(portfolio):
    client = Client()
    client.force_login(portfolio.user)
    address = f"/api/portfolios/{portfolio.pk}/"
    shown = client.get(address).json()["limits"]
    asked = ask(portfolio)
    del asked["as_of"]
    assert shown == asked
    tighter = {"hard_drawdown_pct": "30"}
    answer = client.patch(address, tighter, content_type="application/json").json()
    hard = floors_of(answer["limits"])["hard_drawdown"]
    assert hard["floor_equity"] == "700.00000000"


def test_limits_take_a_constant_number_of_statements(portfolio):
    past = {"as_of": ago(days=1).isoformat()}

    def statements(**query: str) -> int:
        ask(portfolio, **query)  # the records are brought up to the ledger
        with count_statements() as sent:
            ask(portfolio, **query)
        return len(sent)

    change(portfolio, daily_loss_limit_pct=Decimal(50), hard_drawdown_pct=Decimal(90))
    for n in range(2):
        book(portfolio, n - 1, ago(days=20, hours=-n))
    few = statements(), statements(**past)
    for n in range(20):
        book(portfolio, n % 3 - 1, ago(days=19, hours=-21 * n))
    assert (statements(), statements(**past)) == few
    assert not TradingHalt.objects.exists()


CHANGES = {
    "create": ("post", "/api/portfolios/", {"name": "new", "currency": "USD"}),
    "change": ("patch", "/api/portfolios/{}/", {"hard_drawdown_pct": "30"}),
    "halt": ("post", "/api/portfolios/{}/halt/", {"reason": "again"}),
    "resume": ("post", "/api/portfolios/{}/resume/", {}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_whose_limits_cannot_be_answered_is_not_done(transactional_db, name):
    portfolio = PortfolioFactory()
    if name == "resume":
        asked = {"user": portfolio.user, "portfolio_id": portfolio.pk}
        halt_trading(reason="a pause", now=datetime.now(UTC), **asked)
    before = everything()
    method, address, body = CHANGES[name]
    client = Client()
    client.force_login(portfolio.user)
    send = getattr(client, method)
    address = address.format(portfolio.pk)
    refuses = patch(
        "trades.api.views.limits.measure_limits", side_effect=OperationalError("busy")
    )
    with refuses:
        assert send(address, body, "application/json").status_code == 503
    assert everything() == before
    answer = send(address, body, "application/json")
    assert answer.status_code in (200, 201), answer.json()
    assert everything() != before


def everything() -> list[Any]:
    models = Portfolio, TradingHalt, LimitChange
    return [list(model.objects.order_by("pk").values()) for model in models]


READINGS = (
    "/api/portfolios/{}/limits/",
    "/api/portfolios/{}/limits/?as_of=2026-01-01T00:00:00Z",
    "/api/portfolios/{}/",
    "/api/portfolios/{}/halts/",
    "/api/portfolios/",
    "/settings/portfolios/{}/",
    "/",
)


@contextmanager
def held(portfolio: Portfolio) -> Iterator[None]:
    """Somebody else has locked the portfolio, as who books in it does."""
    is_locked, may_go_on = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            Portfolio.objects.select_for_update().get(pk=portfolio.pk)
            is_locked.set()
            may_go_on.wait(timeout=30)
        connection.close()

    thread = Thread(target=hold)
    thread.start()
    assert is_locked.wait(timeout=10)
    try:
        yield
    finally:
        may_go_on.set()
        thread.join()


def test_whoever_reads_limits_waits_for_nobody_who_books(transactional_db):
    portfolio = PortfolioFactory(now=NOW - timedelta(days=30))
    GoalFactory(portfolio=portfolio, policy="deadline_optimal")
    for n in range(21):  # judged, and behind what is stored of them
        book(portfolio, 7 - n % 3 * 6, ago(days=3, minutes=-n))
    client = Client()
    client.force_login(portfolio.user)
    with held(portfolio):
        for address in READINGS:
            answer = client.get(address.format(portfolio.pk))
            assert answer.status_code == 200, (address, answer.content)
    assert not GrowthRecord.objects.exists()  # nor does it store what it walked


def test_a_record_that_is_far_behind_leaves_the_floors_without_losing_trades(
    portfolio, monkeypatch
):
    for n in range(4):
        book(portfolio, -n - 1, ago(days=3, minutes=-n))
    TradeFactory(portfolio=portfolio, entry_time=ago(hours=2), now=ago(hours=2))
    assert floors_of(ask(portfolio))["hard_drawdown"]["losing_trades"] is not None
    monkeypatch.setattr(records, "MOST_AT_ONCE", 2)
    hard = floors_of(ask(portfolio))["hard_drawdown"]
    assert (hard["losing_trades"], hard["checked"]) == (None, "closes")


def test_below_a_floor_the_answer_says_by_how_much(portfolio):
    change(portfolio, daily_loss_limit_pct=Decimal(5))
    book(portfolio, -300, datetime.now(UTC))
    floors = floors_of(ask(portfolio))
    hard = floors["hard_drawdown"]
    assert (hard["reached"], hard["headroom"]) == (True, "0.00000000")
    assert hard["shortfall"] == "100.00000000"  # 700, below 800
    assert floors["daily_loss"]["shortfall"] == "250.00000000"


@pytest.mark.parametrize("floor_in", ["units", "money"])
def test_without_money_there_is_no_floor(floor_in):
    owner = PortfolioFactory(opening_balance=Decimal(0), floor_in=floor_in)
    unfunded = ask(owner)
    assert unfunded["floors"] == []
    assert unfunded["floor_reference"]["floor_equity"] is None
    ruined = PortfolioFactory(opening_balance=Decimal(100), floor_in=floor_in)
    book(ruined, -150, datetime.now(UTC))
    assert ask(ruined)["floors"] == []
    client = Client()
    client.force_login(ruined.user)
    shown = client.get(f"/api/portfolios/{ruined.pk}/").json()
    assert shown["floor_reference"]["floor_equity"] is None
    assert "There is no floor until a deposit" in (
        client.get(f"/settings/portfolios/{ruined.pk}/").content.decode()
    )


def test_a_rule_that_is_turned_off_leaves_its_halt_to_be_seen(portfolio):
    change(portfolio, max_trades_per_day=1)
    book(portfolio, -1, datetime.now(UTC))
    client = Client()
    client.force_login(portfolio.user)
    off, address = {"max_trades_per_day": None}, f"/api/portfolios/{portfolio.pk}/"
    answer = client.patch(address, off, content_type="application/json").json()
    (halt,) = answer["limits"]["halts"]
    assert halt["cause"] == "trades_per_day"
    assert halt["halted_until"] is not None
    resumed = client.post(f"{address}resume/", {}, content_type="application/json")
    assert resumed.json()["limits"]["halts"] == []


def test_a_mark_that_waits_for_a_second_one_is_seen(portfolio):
    opened_at = ago(hours=2)
    TradeFactory(portfolio=portfolio, entry_time=opened_at, now=opened_at)
    assert ask(portfolio)["waiting"] is None
    now = datetime.now(UTC)
    mark_positions(user=portfolio.user, marks=[Mark("BTCUSDT", Decimal(1))], now=now)
    waiting = ask(portfolio)["waiting"]
    assert waiting["cause"] == "hard_drawdown"
    since, until = map(datetime.fromisoformat, (waiting["since"], waiting["until"]))
    assert (since, until) == (now, now + timedelta(seconds=60))
    client = Client()
    client.force_login(portfolio.user)
    shown = client.get(f"/api/portfolios/{portfolio.pk}/").json()
    assert shown["waiting"] == shown["limits"]["waiting"] == waiting
    page = client.get(f"/?portfolio={portfolio.pk}").content.decode()
    assert "Entries wait since" in page
