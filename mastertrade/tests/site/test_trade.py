"""A trade's page: its decision, its parts and fills; add, close, void, note."""

from collections.abc import Callable
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
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from tests.http import nothing_changes, words
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.void import void_trade
from trades.enums import TradeStatus
from trades.models import Trade, TradeNote
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, book_profit, import_profits

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def portfolio() -> Portfolio:
    return PortfolioFactory(now=timezone.now() - 30 * DAY)


@pytest.fixture
def mine(client: Client, portfolio: Portfolio) -> Client:
    client.force_login(portfolio.user)
    return client


def booked(portfolio: Portfolio, profit: int, day: int, **fields: Any) -> Trade:
    at = portfolio.created_at + day * DAY
    return book_profit(portfolio, Decimal(profit), at, **fields)


def held(portfolio: Portfolio, day: int = 1, **fields: Any) -> Trade:
    """Open: a long of 0.02 at 50,000."""
    at = portfolio.created_at + day * DAY
    made: Trade = TradeFactory(portfolio=portfolio, entry_time=at, now=at, **fields)
    return made


@pytest.mark.parametrize("name", ["trade", "trade-void", "trade-close", "trade-add"])
def test_another_users_trade_is_not_found(
    client: Client, portfolio: Portfolio, name: str
) -> None:
    path = reverse(f"site:{name}", args=[held(portfolio).pk])
    client.force_login(UserFactory())

    assert client.get(path).status_code == 404


def test_another_users_trade_is_not_voided(
    client: Client, portfolio: Portfolio
) -> None:
    trade = booked(portfolio, 5, 1)
    client.force_login(UserFactory())

    path = reverse("site:trade-void", args=[trade.pk])
    assert client.post(path, {"reason": "mine"}).status_code == 404

    trade.refresh_from_db()
    assert trade.status == TradeStatus.CLOSED


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
    path = reverse("site:trade-void", args=[trade.pk])

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

    answer = mine.post(reverse("site:trade-void", args=[trade.pk]), {"reason": " "})

    assert "This field is required" in words(answer.content.decode())
    trade.refresh_from_db()
    assert trade.status == TradeStatus.CLOSED


def test_a_note_is_saved_and_shown_again(mine: Client, portfolio: Portfolio) -> None:
    trade = booked(portfolio, 5, 1)
    path = reverse("site:trade-note", args=[trade.pk])

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

    path = reverse("site:trade-note", args=[trade.pk])
    page = mine.post(path, {"note": "kept on the page", **wrong}).content.decode()

    assert "kept on the page" in page
    assert "has one longer" not in page  # a sentence: "Has"
    assert not TradeNote.objects.exists()


def test_another_users_trade_takes_no_note(
    client: Client, portfolio: Portfolio
) -> None:
    trade = booked(portfolio, 5, 1)
    client.force_login(UserFactory())

    path = reverse("site:trade-note", args=[trade.pk])

    assert client.post(path, {"note": "mine"}).status_code == 404
    assert not TradeNote.objects.exists()


# Adding to it, closing a part of it.


def address(trade: Trade, what: str) -> str:
    return f"{reverse(f'site:{what}', args=[trade.pk])}?from=trade"


def form_of(client: Client, path: str) -> dict[str, Any]:
    form = client.get(path).context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def test_a_trade_is_added_to_from_its_page_once(
    mine: Client, portfolio: Portfolio
) -> None:
    trade = held(portfolio)
    page = mine.get(reverse("site:trade", args=[trade.pk])).content.decode()
    path = address(trade, "trade-add")
    assert f'href="{path}"' in page
    given = form_of(mine, path)
    given |= {"entry_price": "53000", "quantity": "0.01", "fees": "1.5"}

    for _ in range(2):  # sent twice
        answer = mine.post(path, given, follow=True)

    assert answer.redirect_chain == [(reverse("site:trade", args=[trade.pk]), 302)]
    said = words(answer.content.decode())
    assert "Added 0.01 BTCUSDT at 53,000: 0.03 are open now, at 51,000" in said
    assert "Entry 0.01 53,000 1.50" in said
    trade.refresh_from_db()
    assert (trade.quantity, trade.entry_price) == (Decimal("0.03"), 51000)
    assert trade.entry_fees == Decimal("1.5")


def test_a_part_is_closed_from_the_trades_page_and_shown_there(
    mine: Client, portfolio: Portfolio
) -> None:
    trade = held(portfolio)
    path = address(trade, "trade-close")
    given = {**form_of(mine, path), "exit_price": "51000", "quantity": "0.005"}

    answer = mine.post(path, given, follow=True)

    assert answer.redirect_chain == [(reverse("site:trade", args=[trade.pk]), 302)]
    said = words(answer.content.decode())
    assert "Closed 0.005 BTCUSDT at 51,000: +5.00 USDT." in said
    assert "Long 0.015 BTCUSDT" in said
    assert "Its other parts" in said


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("trade-add", {"quantity": ""}, "quantity"),
        ("trade-add", {"quantity": "0"}, "quantity"),
        ("trade-add", {"quantity": "NaN"}, "quantity"),
        ("trade-add", {"entry_price": "-1"}, "entry_price"),
        ("trade-add", {"entry_price": "1_0"}, "entry_price"),
        ("trade-add", {"fees": "-1"}, "fees"),
        ("trade-add", {"at": "2199-01-01T10:00"}, "at"),
        ("trade-add", {"at": "1999-01-01T10:00"}, "at"),
        ("trade-close", {"exit_price": ""}, "exit_price"),
        ("trade-close", {"quantity": "0.03"}, "quantity"),
    ],
    ids=str,
)
def test_what_is_refused_names_its_field_and_changes_nothing(
    mine: Client, portfolio: Portfolio, what: str, body: dict[str, str], field: str
) -> None:
    trade = held(portfolio)
    right = {"quantity": "0.01", "entry_price": "50000", "exit_price": "50000"}

    with nothing_changes():
        answer = mine.post(address(trade, what), {**right, **body})

    assert list(answer.context["form"].errors) == [field]


def test_cancelling_leads_back_to_the_page_it_was_asked_from(
    mine: Client, portfolio: Portfolio
) -> None:
    trade = held(portfolio)
    back = f'href="{reverse("site:trade", args=[trade.pk])}"'
    for what in ("trade-add", "trade-close", "trade-void"):
        assert back in mine.get(address(trade, what)).content.decode()
    from_today = reverse("site:trade-close", args=[trade.pk])
    assert back not in mine.get(from_today).content.decode()


def void(trade: Trade) -> None:
    now = timezone.now()
    void_trade(user=trade.user, trade_id=trade.pk, reason="twice", now=now)


def import_closed(portfolio: Portfolio) -> Trade:
    import_profits(portfolio, [(portfolio.created_at + DAY, Decimal(5))])
    return Trade.objects.get(portfolio=portfolio)


@pytest.mark.parametrize("what", ["trade-add", "trade-close"])
@pytest.mark.parametrize("kind", ["closed", "imported", "void"])
def test_of_what_is_not_open_nothing_is_asked_or_changed(
    mine: Client, portfolio: Portfolio, what: str, kind: str
) -> None:
    if kind == "imported":
        trade = import_closed(portfolio)
    else:
        trade = held(portfolio) if kind == "void" else booked(portfolio, 5, 1)
    if kind == "void":
        void(trade)

    asked = mine.get(address(trade, what), follow=True)
    assert "it is not open any more" in words(asked.content.decode())
    given = {"quantity": "1", "entry_price": "1", "exit_price": "1"}
    with nothing_changes():
        answer = mine.post(address(trade, what), given)
    assert answer.status_code == 422
    assert answer.context["form"].errors


def test_while_trading_is_halted_an_addition_is_recorded_and_the_halt_named(
    mine: Client, portfolio: Portfolio
) -> None:
    trade = held(portfolio)
    halt_trading(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        reason="news",
        now=portfolio.created_at + 2 * DAY,
    )
    path = address(trade, "trade-add")

    assert "Trading is halted" in words(mine.get(path).content.decode())


# Statements.


def add_some(trade: Trade) -> None:
    for number in range(4):
        add_to_trade(
            user=trade.user,
            trade_id=trade.pk,
            quantity=Decimal("0.01"),
            entry_price=Decimal(50000 + number),
            now=timezone.now(),
        )


def close_some(trade: Trade) -> None:
    for number in range(4):
        close_trade(
            user=trade.user,
            trade_id=trade.pk,
            quantity=Decimal("0.001"),
            exit_price=Decimal(50000 + number),
            now=timezone.now(),
        )


def book_others(trade: Trade) -> None:
    for number in range(4):
        booked(trade.portfolio, number, 2)


@pytest.mark.parametrize("more", [add_some, close_some, book_others])
def test_a_trades_page_asks_a_constant_number_of_statements(
    mine: Client, portfolio: Portfolio, more: Callable[[Trade], None]
) -> None:
    trade = held(portfolio)
    path = reverse("site:trade", args=[trade.pk])

    def count() -> int:
        mine.get(path)
        with CaptureQueriesContext(connection) as asked:
            assert mine.get(path).status_code == 200
        return len(asked)

    before = count()
    more(trade)

    assert count() == before


def test_what_was_entered_is_the_sum_of_more_parts_than_are_listed(
    mine: Client, portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mastertrade.site.trade.MOST_PARTS", 2)
    at = portfolio.created_at
    goal = GoalFactory(portfolio=portfolio, start_date=at.date(), as_of=at)
    decision, _ = size_for_goal(
        user=portfolio.user, goal_id=goal.pk, now=at, base_size=Decimal(1000)
    )
    trade = held(portfolio, 0, adjustment_id=decision.pk)
    close_some(trade)
    part = trade.parts.first()

    for one in (trade, part):
        page = words(mine.get(reverse("site:trade", args=[one.pk])).content.decode())
        assert "1,000.00 USDT entered of" in page


def test_a_replays_trade_leads_to_no_page_that_is_not_there(
    mine: Client, portfolio: Portfolio
) -> None:
    replayed = PortfolioFactory(
        user=portfolio.user, kind="simulation", now=portfolio.created_at
    )
    trade = held(replayed)

    page = mine.get(reverse("site:trade", args=[trade.pk])).content.decode()

    assert f"?portfolio={replayed.pk}" not in page
