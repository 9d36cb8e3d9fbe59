"""A portfolio's limits over HTTP: floors in money, in percent, in losing trades."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from goals.models import Portfolio, TradingHalt
from goals.services.portfolios import update_portfolio
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.http import count_statements
from trades.booking.mark import Mark, mark_positions
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
