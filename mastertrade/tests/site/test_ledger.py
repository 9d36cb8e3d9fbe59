"""The ledger's page and export, a trade's page, and voiding one."""

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
from django.utils.html import strip_tags

from goals.models import Portfolio
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.site import ledger
from trades.booking.close import close_trade
from trades.booking.void import void_trade
from trades.enums import Side, TradeStatus
from trades.models import Trade, TradeNote
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PATH, EXPORT = reverse("site:trades"), reverse("site:export_trades")


@pytest.fixture
def portfolio() -> Portfolio:
    return PortfolioFactory(now=timezone.now() - 30 * DAY)


@pytest.fixture
def mine(client: Client, portfolio: Portfolio) -> Client:
    client.force_login(portfolio.user)
    return client


def words(page: str) -> str:
    return " ".join(strip_tags(page.replace("<", " <")).split())


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


@pytest.mark.parametrize("name", ["site:trade", "site:void_trade"])
def test_another_users_trade_is_not_found(
    client: Client, portfolio: Portfolio, name: str
) -> None:
    path = reverse(name, args=[booked(portfolio, 5, 1).pk])
    client.force_login(UserFactory())

    assert client.get(path).status_code == 404


def test_another_users_trade_is_not_voided(
    client: Client, portfolio: Portfolio
) -> None:
    trade = booked(portfolio, 5, 1)
    client.force_login(UserFactory())

    path = reverse("site:void_trade", args=[trade.pk])
    assert client.post(path, {"reason": "mine"}).status_code == 404

    trade.refresh_from_db()
    assert trade.status == TradeStatus.CLOSED


def test_trades_of_other_portfolios_are_not_listed(
    mine: Client, portfolio: Portfolio
) -> None:
    booked(PortfolioFactory(user=portfolio.user, now=portfolio.created_at), 777, 1)
    booked(PortfolioFactory(now=portfolio.created_at), 888, 1)

    assert "No trade is recorded in" in words(page_of(mine, portfolio))
    assert exported(mine, portfolio) == []


@pytest.mark.parametrize("name", ["site:trades", "site:export_trades"])
def test_a_visitor_is_sent_to_sign_in(client: Client, name: str) -> None:
    assert client.get(reverse(name))["Location"].startswith(reverse("site:login"))


def test_totals_are_of_closed_trades_alone(mine: Client, portfolio: Portfolio) -> None:
    three(portfolio)

    page = words(page_of(mine, portfolio))

    assert "P&amp;L +40.00 USDT 1 closed" in page
    assert "Won 100 % 1 won, 0 lost" in page
    assert "Trades 3 1 open, 1 void" in page


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

    assert "?side=LONG&amp;page=2" in page
    assert "1 to 2 of 3" in words(page)
    assert "3 to 3 of 3" in words(last)
    assert "P&amp;L +6.00" in words(last)


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


def trade_page(client: Client, trade: Trade) -> str:
    answer = client.get(reverse("site:trade", args=[trade.pk]))
    assert answer.status_code == 200
    return words(answer.content.decode())


def test_a_trade_stands_next_to_the_decision_that_sized_it(
    mine: Client, portfolio: Portfolio
) -> None:
    at = portfolio.created_at
    goal = GoalFactory(portfolio=portfolio, start_date=at.date(), as_of=at)
    decision, _ = size_for_goal(
        user=portfolio.user, goal_id=goal.pk, now=at, base_size=Decimal(1000)
    )
    trade = TradeFactory(
        portfolio=portfolio, entry_time=at, now=at, adjustment_id=decision.pk
    )

    page = trade_page(mine, trade)

    share = Decimal(100000) / decision.adjusted_size
    assert f"{share:.1f} % of it" in page
    assert "Ladder" in page
    assert "Drawdown" in page


def test_parts_share_the_decision_and_name_each_other(
    mine: Client, portfolio: Portfolio
) -> None:
    at = portfolio.created_at
    goal = GoalFactory(portfolio=portfolio, start_date=at.date(), as_of=at)
    decision, _ = size_for_goal(
        user=portfolio.user, goal_id=goal.pk, now=at, base_size=Decimal(1000)
    )
    trade = TradeFactory(
        portfolio=portfolio, entry_time=at, now=at, adjustment_id=decision.pk
    )
    part = close_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        quantity=Decimal("0.005"),
        exit_price=Decimal(50100),
        exit_time=at,
        now=at,
    ).booked

    page = mine.get(reverse("site:trade", args=[part.pk])).content.decode()

    assert "1,000.00 USDT entered of" in words(page)
    assert reverse("site:trade", args=[trade.pk]) in page


def test_a_trade_that_nobody_asked_about_says_so(
    mine: Client, portfolio: Portfolio
) -> None:
    assert "No decision is stored" in trade_page(mine, booked(portfolio, 5, 1))


def test_an_overridden_halt_is_named(mine: Client, portfolio: Portfolio) -> None:
    halt_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        reason="news",
        now=portfolio.created_at,
    )
    trade = booked(portfolio, 5, 1, override=True)

    assert "Opened although trading was halted" in trade_page(mine, trade)


def test_voiding_asks_once_and_keeps_the_reason(
    mine: Client, portfolio: Portfolio
) -> None:
    trade = booked(portfolio, 5, 1)
    path = reverse("site:void_trade", args=[trade.pk])

    asked = words(mine.get(path).content.decode())
    answer = mine.post(path, {"reason": "recorded twice"}, follow=True)

    assert "It cannot be undone." in asked
    assert "recorded twice. It counts nowhere." in words(answer.content.decode())
    portfolio.refresh_from_db()
    assert portfolio.realized_pnl == 0


def test_voiding_without_a_reason_changes_nothing(
    mine: Client, portfolio: Portfolio
) -> None:
    trade = booked(portfolio, 5, 1)

    answer = mine.post(reverse("site:void_trade", args=[trade.pk]), {"reason": " "})

    assert "This field is required" in words(answer.content.decode())
    trade.refresh_from_db()
    assert trade.status == TradeStatus.CLOSED


def test_a_note_is_saved_and_shown_again(mine: Client, portfolio: Portfolio) -> None:
    trade = booked(portfolio, 5, 1)
    path = reverse("site:trade_note", args=[trade.pk])

    answer = mine.post(
        path, {"note": "<b>late</b>", "tags": "news, gap,", "rating": "4"}, follow=True
    )

    page = answer.content.decode()
    assert "&lt;b&gt;late&lt;/b&gt;" in page
    assert 'value="news, gap"' in page
    assert '<option value="4" selected>' in page


@pytest.mark.parametrize(
    "wrong", [{"rating": "9"}, {"tags": "x" * 31}, {"tags": ",".join("abcdefghijk")}]
)
def test_a_wrong_note_says_so_and_is_not_saved(
    mine: Client, portfolio: Portfolio, wrong: dict[str, str]
) -> None:
    trade = booked(portfolio, 5, 1)

    path = reverse("site:trade_note", args=[trade.pk])
    page = mine.post(path, {"note": "kept on the page", **wrong}).content.decode()

    assert "kept on the page" in page
    assert not TradeNote.objects.exists()


def test_another_users_trade_takes_no_note(
    client: Client, portfolio: Portfolio
) -> None:
    trade = booked(portfolio, 5, 1)
    client.force_login(UserFactory())

    path = reverse("site:trade_note", args=[trade.pk])

    assert client.post(path, {"note": "mine"}).status_code == 404
    assert not TradeNote.objects.exists()
