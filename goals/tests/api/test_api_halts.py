"""Halts over HTTP: what a resume takes, what is read of a halt."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from goals.enums import DrawdownMode
from goals.models import Portfolio, TradingHalt
from goals.services.halts import withdraw
from goals.tests.factories import PortfolioFactory
from tests.http import client_of
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db


def halted(**limits: Any) -> Portfolio:
    portfolio = PortfolioFactory(**limits)
    book_profit(portfolio, Decimal(-250))
    return portfolio


def resume(portfolio: Portfolio, **body: Any) -> Any:
    client = client_of(portfolio.user)
    return client.post(f"/api/portfolios/{portfolio.pk}/resume/", body, format="json")


def test_a_static_floor_asks_for_a_reference() -> None:
    portfolio = halted(drawdown_mode=DrawdownMode.STATIC)
    answer = resume(portfolio)
    assert (answer.status_code, answer.json()["code"]) == (
        409,
        "floor_reference_required",
    )
    answer = resume(portfolio, floor_reference="present")
    assert answer.status_code == 200
    assert answer.json()["trading_state"] == "active"
    assert answer.json()["floor_reference"]["floor_equity"] == "600.00000000"


def test_a_reference_is_an_object_of_money() -> None:
    answer = resume(halted(), floor_reference={"floor_equity": "700"})
    assert answer.status_code == 200
    assert answer.json()["floor_reference"]["floor_equity"] == "700.00000000"


@pytest.mark.parametrize(
    "given",
    ["now", 700, {}, {"floor_equity": None}, {"floor": "700"}, {"floor_equity": "-1"}],
)
def test_another_reference_is_refused_by_name(given: Any) -> None:
    portfolio = halted()
    answer = resume(portfolio, floor_reference=given)
    assert answer.status_code == 400
    assert set(answer.json()) == {"floor_reference"}
    assert portfolio.halts.filter(resumed_at=None).exists()


def test_a_floor_at_the_present_equity_is_refused() -> None:
    answer = resume(halted(), floor_reference={"floor_equity": "750"})
    assert answer.status_code == 400
    assert "not below the present equity of 750" in answer.json()["floor_reference"][0]


def test_a_withdrawn_halt_is_read_with_its_reason_and_filtered() -> None:
    portfolio = halted()
    halt = TradingHalt.objects.get()
    now = timezone.now()
    withdraw(halt, now, "Trade 1 was voided: twice")
    client, address = (
        client_of(portfolio.user),
        f"/api/portfolios/{portfolio.pk}/halts/",
    )
    [row] = client.get(address).json()["results"]
    assert row["withdrawn_reason"] == "Trade 1 was voided: twice"
    assert row["withdrawn_at"] is not None
    assert client.get(address, {"withdrawn": "false"}).json()["results"] == []
    assert len(client.get(address, {"withdrawn": "true"}).json()["results"]) == 1


def test_the_refusal_of_an_entry_says_what_goes_on_and_what_to_do() -> None:
    portfolio = halted()
    trade = portfolio.trades.get()
    body = {
        "strategy_id": trade.strategy_id,
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "1",
        "entry_price": "10",
        "portfolio": portfolio.pk,
    }
    answer = client_of(portfolio.user).post("/api/trades/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "trading_halted")
    for words in (
        "Entries stop; exits, stops and imports go on.",
        f"POST /api/portfolios/{portfolio.pk}/resume/",
        "override: true",
    ):
        assert words in answer.json()["detail"]


def test_another_users_halt_is_not_found() -> None:
    portfolio, other = halted(), PortfolioFactory()
    client = client_of(other.user)
    answer = client.post(f"/api/portfolios/{portfolio.pk}/resume/", {}, format="json")
    assert answer.status_code == 404
    assert timezone.now() - TradingHalt.objects.get().halted_at > timedelta(0)
