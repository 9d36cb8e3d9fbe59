"""The performance of strategies over HTTP."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.models import Portfolio, User
from goals.tests.factories import PortfolioFactory, UserFactory
from strategies.tests.factories import StrategyFactory
from tests.http import client_of, count_statements
from trades.booking.close import close_trade
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
LIST = "/api/strategies/performance/"
ONE = "/api/strategies/mine/performance/"


@pytest.fixture
def user() -> User:
    made = UserFactory()
    StrategyFactory(user=made, strategy_id="mine")
    return made


@pytest.fixture
def portfolio(user: User) -> Portfolio:
    return PortfolioFactory(user=user, name="crypto")


def book(portfolio: Portfolio, profits: Sequence[int], **fields: Any) -> None:
    for hour, profit in enumerate(profits):
        at = BEGIN + timedelta(hours=hour)
        fields.setdefault("strategy_id", "mine")
        book_profit(portfolio, Decimal(profit), at=at, **fields)


def get(user: User, path: str = ONE, status: int = 200, **query: str) -> Any:
    answer = client_of(user).get(path, query)
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.mark.parametrize("path", [LIST, ONE])
def test_a_portfolio_that_no_text_column_holds_is_refused_by_name(
    user: User, path: str
) -> None:
    assert "portfolio" in get(user, path, 400, portfolio="\0")


def test_money_is_told_with_wins_losses_and_the_deepest_fall(
    user: User, portfolio: Portfolio
) -> None:
    book(portfolio, [10, -5, -10, 20, -10, 5])

    given = get(user)

    assert (given["trades"], given["wins"], given["losses"]) == (6, 3, 3)
    assert given["win_rate"] == "0.500000"
    assert given["money"] == [
        {
            "currency": "USDT",
            "trades": 6,
            "profit_loss": "10.00000000",
            "average_win": "11.66666667",
            "average_loss": "8.33333333",
            "payoff": "1.400000",
            "expectancy": "1.66666667",
            "profit_factor": "1.400000",
            "max_drawdown": "15.00000000",
        }
    ]


def test_a_strategy_that_begins_with_a_loss_has_fallen_by_it(
    user: User, portfolio: Portfolio
) -> None:
    book(portfolio, [-30, 10])
    assert get(user)["money"][0]["max_drawdown"] == "30.00000000"


def test_below_twenty_trades_nothing_is_said_of_an_edge(
    user: User, portfolio: Portfolio
) -> None:
    book(portfolio, [10, -5] * 9 + [10])
    given = get(user)
    assert (given["edge"], given["kelly"], given["low_confidence"]) == (
        None,
        None,
        True,
    )
    assert given["reason"].startswith("19 trades count; an edge needs at least 20")

    book(portfolio, [-5])
    given = get(user)
    assert given["edge"]["mean"].startswith("0.0024")
    assert Decimal(given["edge"]["lower"]) < Decimal(given["edge"]["mean"])
    assert Decimal(given["edge"]["shrunk_mean"]) < Decimal(given["edge"]["mean"])
    assert given["low_confidence"] is True
    assert given["reason"].startswith("Only 20 trades")


@pytest.mark.slow
def test_the_continuous_kelly_fraction_is_mean_by_variance(
    user: User, portfolio: Portfolio
) -> None:
    book(portfolio, [20, -10, 15, -12] * 30)
    given = get(user)
    equity, growths = 1000.0, []
    for profit in [20, -10, 15, -12] * 30:
        growths.append(profit / equity)
        equity += profit
    mean = sum(growths) / 120
    variance = sum((one - mean) ** 2 for one in growths) / 119
    kelly = {name: float(figure) for name, figure in given["kelly"].items()}

    assert kelly["continuous"] == pytest.approx(mean / variance, rel=1e-6)
    assert kelly["continuous_low"] < kelly["continuous"] < kelly["continuous_high"]
    assert kelly["fraction"] == pytest.approx(kelly["continuous"], rel=0.1)
    assert kelly["fraction_low"] < kelly["fraction"] < kelly["fraction_high"]
    assert (given["low_confidence"], given["reason"]) == (False, None)
    assert given["edge"]["disproved"] is False


def test_each_currency_has_money_of_its_own_and_the_edge_is_one(
    user: User, portfolio: Portfolio
) -> None:
    euros = PortfolioFactory(user=user, name="stocks", currency="EUR")
    book(portfolio, [10] * 12)
    book(euros, [-10] * 12)

    given = get(user)

    assert [(one["currency"], one["profit_loss"]) for one in given["money"]] == [
        ("EUR", "-120.00000000"),
        ("USDT", "120.00000000"),
    ]
    assert (given["counted_trades"], given["win_rate"]) == (24, "0.500000")
    assert given["edge"] is not None
    assert get(user, portfolio="stocks")["money"][0]["currency"] == "EUR"
    assert get(user, portfolio=str(euros.pk))["trades"] == 12


def test_parts_count_once_and_an_open_trade_not_yet(
    user: User, portfolio: Portfolio
) -> None:
    trade = TradeFactory(portfolio=portfolio, strategy_id="mine", now=BEGIN)
    said: dict[str, Any] = {"user": user, "trade_id": trade.pk, "now": trade.updated_at}
    close_trade(exit_price=Decimal(51000), quantity=Decimal("0.01"), **said)
    assert get(user)["trades"] == 0
    close_trade(exit_price=Decimal(49000), **said)

    given = get(user)
    assert (given["trades"], given["win_rate"]) == (1, "0.000000")
    assert given["money"][0]["profit_loss"] == "0.00000000"


def test_only_trades_that_ended_in_the_span_count(
    user: User, portfolio: Portfolio
) -> None:
    book(portfolio, [1, 2, 4])  # at 9, 10 and 11 o'clock

    def profit(**query: str) -> str:
        money = get(user, **query)["money"]
        return str(money[0]["profit_loss"]).split(".")[0] if money else "none"

    assert profit(**{"from": "2026-03-02T10:00:00Z"}) == "6"
    assert profit(to="2026-03-02T10:00:00Z") == "3"
    assert profit(**{"from": "2026-03-02", "to": "2026-03-02"}) == "7"
    assert profit(**{"from": "2026-03-03"}) == "none"
    assert list(get(user, status=400, to="yesterday")) == ["to"]


def test_the_list_tells_the_same_of_every_strategy(
    user: User, portfolio: Portfolio
) -> None:
    StrategyFactory(user=user, strategy_id="other")
    StrategyFactory(user=user, strategy_id="unused")
    book(portfolio, [10, -5] * 12)
    book(portfolio, [1], strategy_id="other")

    given = get(user, LIST)["results"]

    assert [one["strategy_id"] for one in given] == ["mine", "other", "unused"]
    assert given[0] == get(user)
    assert given[2]["trades"] == 0
    assert given[2]["win_rate"] is None
    assert given[2]["money"] == []


def test_the_list_costs_the_same_statements_whatever_was_traded(
    user: User, portfolio: Portfolio
) -> None:
    client = client_of(user)
    with count_statements() as few:
        client.get(LIST)
    for number in range(5):
        StrategyFactory(user=user, strategy_id=f"s{number}")
        book(portfolio, [1] * 5, strategy_id=f"s{number}")
        PortfolioFactory(user=user)
    with count_statements() as many:
        client.get(LIST)
    assert len(many) == len(few)


def test_anothers_strategy_and_portfolio_do_not_exist(user: User) -> None:
    theirs = PortfolioFactory()
    StrategyFactory(user=theirs.user, strategy_id="theirs")
    get(user, "/api/strategies/theirs/performance/", 404)
    assert list(get(user, status=400, portfolio=str(theirs.pk))) == ["portfolio"]
    refused = get(user, LIST, status=400, portfolio=str(theirs.pk))
    assert list(refused) == ["portfolio"]


def test_no_strategy_may_take_the_lists_name(user: User) -> None:
    body = {"strategy_id": "performance", "strategy_type": "momentum"}
    answer = client_of(user).post("/api/strategies/", body, format="json")
    assert answer.status_code == 400
    assert list(answer.json()) == ["strategy_id"]
