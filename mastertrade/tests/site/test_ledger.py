"""The ledger's page and export."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory, UserFactory
from mastertrade.site import ledger
from tests.http import words
from trades.booking.close import close_trade
from trades.booking.void import void_trade
from trades.enums import Side
from trades.models import Trade
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PATH, EXPORT = reverse("site:trades"), reverse("site:trades-export")


@pytest.fixture
def portfolio() -> Portfolio:
    return PortfolioFactory(now=timezone.now() - 30 * DAY)


@pytest.fixture
def mine(client: Client, portfolio: Portfolio) -> Client:
    client.force_login(portfolio.user)
    return client


def page_of(client: Client, portfolio: Portfolio, **asked: Any) -> str:
    answer = client.get(PATH, {"portfolio": portfolio.pk, **asked})
    assert answer.status_code == 200
    return answer.content.decode()


def exported(client: Client, portfolio: Portfolio, **asked: Any) -> list[Any]:
    answer = client.get(EXPORT, {"portfolio": portfolio.pk, **asked})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode())))


def booked(portfolio: Portfolio, profit: int, day: int, **fields: Any) -> Trade:
    at = portfolio.created_at + day * DAY
    return book_profit(portfolio, Decimal(profit), at, **fields)


def three(portfolio: Portfolio) -> tuple[Trade, Trade, Trade]:
    """A winner in ETHUSDT, a void one, and an open short."""
    won = booked(portfolio, 40, 1, symbol="ETHUSDT")
    void = booked(portfolio, -900, 2)
    void_trade(
        user=portfolio.user, trade_id=void.pk, reason="=twice", now=timezone.now()
    )
    at = portfolio.created_at + 3 * DAY
    held = TradeFactory(portfolio=portfolio, side=Side.SHORT, entry_time=at, now=at)
    return won, void, held


@pytest.mark.parametrize("path", [PATH, EXPORT])
def test_another_users_portfolio_is_not_found(
    client: Client, portfolio: Portfolio, path: str
) -> None:
    client.force_login(UserFactory())

    assert client.get(path, {"portfolio": portfolio.pk}).status_code == 404


def test_trades_of_other_portfolios_are_not_listed(
    mine: Client, portfolio: Portfolio
) -> None:
    booked(PortfolioFactory(user=portfolio.user, now=portfolio.created_at), 777, 1)
    booked(PortfolioFactory(now=portfolio.created_at), 888, 1)

    assert "No trade is recorded in" in words(page_of(mine, portfolio))
    assert exported(mine, portfolio) == []


@pytest.mark.parametrize("name", ["site:trades", "site:trades-export"])
def test_a_visitor_is_sent_to_sign_in(client: Client, name: str) -> None:
    assert client.get(reverse(name))["Location"].startswith(reverse("site:login"))


def test_totals_are_of_closed_trades_alone(mine: Client, portfolio: Portfolio) -> None:
    three(portfolio)

    page = words(page_of(mine, portfolio))

    assert "P&amp;L +40.00 USDT 1 close, fees" in page
    assert "Won 100 % 1 close won, 0 lost" in page
    assert "Trades 3 1 open, 1 void" in page


def test_a_part_that_was_closed_is_a_line_and_no_trade_more(
    mine: Client, portfolio: Portfolio
) -> None:
    """So that ledger and performance name one number of trades."""
    at = portfolio.created_at + DAY
    trade = TradeFactory(
        portfolio=portfolio, quantity=Decimal(2), entry_time=at, now=at
    )
    for quantity in (Decimal(1), None):
        close_trade(
            user=portfolio.user,
            trade_id=trade.pk,
            exit_price=trade.entry_price + 10,
            exit_time=at,
            now=at,
            **({} if quantity is None else {"quantity": quantity}),
        )

    page = words(page_of(mine, portfolio))

    assert "USDT 2 closes, fees" in page
    assert "2 closes won, 0 lost" in page
    assert "Trades 1 and 1 part closed before, 0 open" in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"symbol": "ethusdt"}, [0]),
        ({"symbol": "ETH"}, []),
        ({"side": "SHORT"}, [2]),
        ({"status": "open"}, [2]),
        ({"status": "closed"}, [0]),
        ({"status": "void"}, [1]),
        ({"strategy": "none"}, []),
        ({"since": 2}, [2, 1]),
        ({"until": 2}, [1, 0]),
        ({"since": 2, "until": 2}, [1]),
        ({}, [2, 1, 0]),
    ],
)
def test_filters_choose_what_is_listed_and_exported(
    mine: Client, portfolio: Portfolio, asked: dict[str, Any], found: list[int]
) -> None:
    trades = three(portfolio)
    for name in ("since", "until"):
        if name in asked:
            day = portfolio.created_at + asked[name] * DAY
            asked = {**asked, name: f"{day:%Y-%m-%d}"}

    page, rows = page_of(mine, portfolio, **asked), exported(mine, portfolio, **asked)

    assert [int(row["trade_id"]) for row in rows] == [trades[one].pk for one in found]
    for place, trade in enumerate(trades):
        link = reverse("site:trade", args=[trade.pk])
        assert (f'href="{link}"' in page) is (place in found)


@pytest.mark.parametrize(
    "asked",
    [
        {"side": "UP"},
        {"status": "lost"},
        {"since": "yesterday"},
        {"since": "2026-03-02", "until": "2026-03-01"},
        {"symbol": "X" * 51},
    ],
)
def test_a_wrong_filter_says_so_and_lists_nothing(
    mine: Client, portfolio: Portfolio, asked: dict[str, str]
) -> None:
    booked(portfolio, 5, 1)

    page = page_of(mine, portfolio, **asked)
    answer = mine.get(EXPORT, {"portfolio": portfolio.pk, **asked})

    assert "errorlist" in page
    assert "No trade is like that" in words(page)
    assert mine.get(answer["Location"].replace("../", PATH)).status_code == 200


def test_the_last_day_of_all_is_a_day(mine: Client, portfolio: Portfolio) -> None:
    booked(portfolio, 5, 1)

    assert "P&amp;L +5.00" in words(page_of(mine, portfolio, until="9999-12-31"))


def test_pages_keep_the_filter(
    mine: Client, portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "ON_A_PAGE", 2)
    for day in (1, 2, 3):
        booked(portfolio, day, day)

    page = page_of(mine, portfolio, side="LONG")
    last = page_of(mine, portfolio, side="LONG", page="2")

    assert "&amp;side=LONG&amp;page=2" in page
    assert "1 to 2 of 3" in words(page)
    assert "3 to 3 of 3" in words(last)
    assert "P&amp;L +6.00" in words(last)


@pytest.mark.parametrize(("most", "profit", "alone"), [(3, 6, False), (2, 5, True)])
def test_totals_of_a_long_ledger_are_those_of_its_newest_trades(
    mine: Client,
    portfolio: Portfolio,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    profit: int,
    alone: bool,
) -> None:
    monkeypatch.setattr(ledger, "MOST_SUMMED", most)
    for day in (3, 1, 2):
        booked(portfolio, day, day)

    page = words(page_of(mine, portfolio))

    assert f"P&amp;L +{profit}.00" in page
    assert ("the newest" in page) is alone


def test_an_export_is_safe_to_open_in_a_spreadsheet(
    mine: Client, portfolio: Portfolio
) -> None:
    three(portfolio)

    _, void, won = exported(mine, portfolio)

    assert not void["void_reason"].startswith("=")
    assert "twice" in void["void_reason"]
    assert (won["profit_loss"], won["symbol"]) == ("40", "ETHUSDT")


def test_more_trades_are_no_more_statements(mine: Client, portfolio: Portfolio) -> None:
    booked(portfolio, 5, 1)
    page_of(mine, portfolio)  # the session is written once
    with CaptureQueriesContext(connection) as few:
        page_of(mine, portfolio)
    for day in range(2, 12):
        booked(portfolio, day, day)

    with CaptureQueriesContext(connection) as many:
        page_of(mine, portfolio)

    assert len(many) == len(few)
