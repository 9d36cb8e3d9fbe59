"""The forms of trades: all that is wrong at once, sent twice, whose strategies."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from mastertrade.site.forms import NO_NUMBER
from strategies.tests.factories import StrategyFactory
from tests.http import nothing_changes
from trades.models import Trade
from trades.tests.factories import TradeFactory, ensure_strategy

pytestmark = pytest.mark.django_db
RECORD = reverse("site:trade-new")
RECORDED = {
    "symbol": "BTCUSDT",
    "side": "LONG",
    "quantity": "0.02",
    "entry_price": "50000",
}


@pytest.fixture
def portfolio(client: Client) -> Portfolio:
    made: Portfolio = PortfolioFactory()
    client.force_login(made.user)
    return made


def test_all_that_is_wrong_with_a_trade_shows_at_once(
    client: Client, portfolio: Portfolio
) -> None:
    body = {
        "portfolio": portfolio.pk,
        "strategy_id": ensure_strategy(portfolio).strategy_id,
        "symbol": "BTC\u202e",
        "side": "LONG",
        "quantity": "0",
        "entry_price": "-1",
        "fees": "-2",
        "stop_price": "0",
        "adjustment_id": "77",
        "exit_price": "5",
        "entry_time": "2026-03-02T12:00",
        "exit_time": "2026-03-01T12:00",
    }
    with nothing_changes():
        errors = client.post(RECORD, body).context["form"].errors
    assert set(errors) == {
        "symbol",
        "quantity",
        "entry_price",
        "fees",
        "stop_price",
        "adjustment_id",
        "exit_time",
    }
    assert all(len(texts) == 1 for texts in errors.values())
    # Each a sentence of its own, as those of the forms around it.
    assert all(texts[0][0].isupper() for texts in errors.values())


@pytest.mark.parametrize("number", ["1,5", "many", "NaN"])
def test_what_is_no_number_is_told_how_numbers_are_written(
    client: Client, portfolio: Portfolio, number: str
) -> None:
    strategy = ensure_strategy(portfolio).strategy_id
    body = {"portfolio": portfolio.pk, "strategy_id": strategy, "quantity": number}
    errors = client.post(RECORD, {**RECORDED, **body}).context["form"].errors
    assert errors == {"quantity": [NO_NUMBER]}


NEW_YORK = {"symbol": "ES", "side": "LONG", "quantity": "1", "entry_price": "100"}


def test_of_an_hour_that_comes_twice_the_first_is_meant(client: Client) -> None:
    portfolio = PortfolioFactory(user__time_zone="America/New_York")
    client.force_login(portfolio.user)
    strategy = ensure_strategy(portfolio).strategy_id
    body = {"portfolio": portfolio.pk, "strategy_id": strategy}

    client.post(RECORD, {**NEW_YORK, **body, "entry_time": "2025-11-02T01:30"})

    assert Trade.objects.get().entry_time == datetime(2025, 11, 2, 5, 30, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_is_told_so(client: Client) -> None:
    portfolio = PortfolioFactory(user__time_zone="America/New_York")
    client.force_login(portfolio.user)
    strategy = ensure_strategy(portfolio).strategy_id
    body = {"portfolio": portfolio.pk, "strategy_id": strategy}
    skipped = {**NEW_YORK, **body, "entry_time": "2026-03-08T02:30"}

    with nothing_changes():
        errors = client.post(RECORD, skipped).context["form"].errors

    assert errors == {
        "entry_time": [
            "Is no time of America/New_York: the clocks skip it. Give one before or "
            "after."
        ]
    }


def test_all_that_is_wrong_with_a_close_shows_at_once(
    client: Client, portfolio: Portfolio
) -> None:
    trade = TradeFactory(portfolio=portfolio)
    body = {
        "exit_price": "0",
        "quantity": "99999",
        "fees": "-1",
        "exit_time": "2999-01-01T12:00",
    }
    with nothing_changes():
        answer = client.post(reverse("site:trade-close", args=[trade.pk]), body)
    assert set(answer.context["form"].errors) == body.keys()


def test_a_trade_sent_twice_is_recorded_once(
    client: Client, portfolio: Portfolio
) -> None:
    address = f"{RECORD}?portfolio={portfolio.pk}"
    form = client.get(address).context["form"]
    body = {**RECORDED, "portfolio": portfolio.pk, "new_strategy": "breakouts"}
    body["form_id"] = form["form_id"].value()
    for _ in range(2):
        client.post(address, body)
    assert Trade.objects.get().quantity == Decimal("0.02")


def test_the_portfolio_s_own_strategies_are_offered(
    client: Client, portfolio: Portfolio
) -> None:
    own = ensure_strategy(portfolio).strategy_id
    StrategyFactory(strategy_id="theirs")
    StrategyFactory(user=portfolio.user, strategy_id="of_a_replay", kind="simulation")

    form = client.get(f"{RECORD}?portfolio={portfolio.pk}").context["form"]

    offered = {value for value, _ in form.fields["strategy_id"].widget.choices}
    assert offered == {"", own}
