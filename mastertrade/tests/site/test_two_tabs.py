"""A page that was opened before another one: it takes nothing back.

And what is sent from it is of the portfolio that it shows.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db.models import Model
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from goals.models import FinancialGoal, Portfolio, User
from goals.tests.channel_factories import make_channel
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.site import goals, ledger, strategies
from strategies.tests.factories import StrategyFactory
from trades.models import Trade
from trades.tests.factories import ENTRY, book_profit

pytestmark = pytest.mark.django_db
TIMES = {"updated_at", "limits_changed_at"}
Made = Callable[[User], tuple[str, Model]]


class Sent(HTMLParser):
    """What a browser would send of the forms in a page, unchanged."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values = QueryDict(mutable=True)
        self.select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in given:
            self.values.appendlist(self.select, value)
        elif tag == "input" and name:
            ticks = given.get("type") in ("checkbox", "radio")
            if not ticks or "checked" in given:
                self.values.appendlist(name, given.get("value") or "on" * ticks)

    def handle_endtag(self, tag: str) -> None:
        self.select = "" if tag == "select" else self.select


def send(client: Client, address: str, page: QueryDict, **changes: Any) -> Any:
    """The page's form as it was read, with what a person changes in it."""
    body = page.copy()
    for name, value in changes.items():
        body.setlist(name, value if isinstance(value, list) else [value])
    return client.post(
        address, body.urlencode(), content_type="application/x-www-form-urlencoded"
    )


def limits(user: User) -> tuple[str, Model]:
    portfolio = PortfolioFactory(user=user)
    return reverse("site:portfolio", args=[portfolio.pk]), portfolio


def goal(user: User) -> tuple[str, Model]:
    made = GoalFactory(
        portfolio=PortfolioFactory(user=user), target_date=date(2199, 12, 31)
    )
    return reverse("site:goal-edit", args=[made.pk]), made


def account(user: User) -> tuple[str, Model]:
    return reverse("site:account"), user


def channel(user: User) -> tuple[str, Model]:
    made = make_channel(user, kinds=["halted"], quiet_hours="22:00-07:00")
    return reverse("site:channel", args=[made.pk]), made


def stored(row: Model) -> dict[str, Any]:
    return dict(type(row)._default_manager.values().get(pk=row.pk))


@pytest.mark.parametrize(
    ("make", "first", "second"),
    [
        (limits, {"hard_drawdown_pct": "15"}, {"daily_loss_limit_pct": "4"}),
        (limits, {"drawdown_mode": "static"}, {"max_trades_per_day": "4"}),
        (goal, {"target_value": "9"}, {"priority": "2"}),
        (goal, {"recurring": "on"}, {"min_factor": "0.6"}),
        (account, {"time_zone": "Asia/Tokyo"}, {"number_format": "comma"}),
        (channel, {"kinds": ["drift", "halted"]}, {"name": "Phone"}),
        (channel, {"every": "on"}, {"digest": "hourly"}),
        (channel, {"quiet_from": "", "quiet_until": ""}, {"kinds": ["drift"]}),
    ],
)
def test_a_stale_page_saves_only_what_was_changed_on_it(
    client: Client, make: Made, first: dict[str, Any], second: dict[str, Any]
) -> None:
    user = UserFactory()
    client.force_login(user)
    address, row = make(user)
    page = Sent(client.get(address).content.decode()).values
    before = stored(row)

    assert send(client, address, page, **first).status_code == 302
    between = stored(row)
    assert send(client, address, page, **second).status_code == 302

    after = stored(row)
    moved = {name for name in before if before[name] != between[name]}
    assert moved - TIMES
    assert {name for name in moved - TIMES if after[name] != between[name]} == set()
    assert any(after[name] != before[name] for name in after.keys() - moved)


def test_a_refused_stale_page_remembers_what_it_showed(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    address, row = limits(user)
    page = Sent(client.get(address).content.decode()).values
    assert send(client, address, page, hard_drawdown_pct="15").status_code == 302

    refused = send(client, address, page, daily_loss_limit_pct="-4")
    assert refused.status_code == 422
    again = Sent(refused.content.decode()).values
    assert send(client, address, again, daily_loss_limit_pct="4").status_code == 302

    row.refresh_from_db()
    assert isinstance(row, Portfolio)
    assert (row.hard_drawdown_pct, row.daily_loss_limit_pct) == (15, 4)


def test_the_limits_of_a_firm_are_saved_whole_from_a_stale_page(
    client: Client,
) -> None:
    user = UserFactory()
    client.force_login(user)
    address, row = limits(user)
    shown = client.get(address, {"preset": "ftmo-2-step-100k"})
    page = Sent(shown.content.decode()).values
    wanted = shown.context["form"].initial["hard_drawdown_pct"]
    plain = Sent(client.get(address).content.decode()).values
    assert send(client, address, plain, hard_drawdown_pct="15").status_code == 302

    assert send(client, address, page).status_code == 302

    row.refresh_from_db()
    assert isinstance(row, Portfolio)
    assert row.hard_drawdown_pct == wanted
    assert row.drawdown_mode == shown.context["form"].initial["drawdown_mode"]


def test_the_first_steps_take_no_limit_back(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    row = Portfolio.objects.get(user=user, name="main")
    address = reverse("site:welcome-money")
    page = Sent(client.get(reverse("site:welcome")).content.decode()).values
    asked = {"money-opening_balance": "1000"}
    assert send(
        client, address, page, **asked, **{"money-hard_drawdown_pct": "15"}
    ).status_code in (200, 302)

    send(client, address, page, **asked, **{"money-daily_loss_limit_pct": "4"})

    row.refresh_from_db()
    assert (row.hard_drawdown_pct, row.daily_loss_limit_pct) == (15, 4)


@pytest.fixture
def tab(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A page about a portfolio of many rows; another tab has chosen another one since.

    Gives the portfolio's key, with what the page holds, by the name of its address.
    """
    for module, name in (
        (ledger, "ON_A_PAGE"),
        (goals, "MOST_ENDED"),
        (strategies, "MOST_SHOWN"),
    ):
        monkeypatch.setattr(module, name, 1)
    user = UserFactory()
    shown, other = PortfolioFactory(user=user), PortfolioFactory(user=user)
    for month in range(3):
        book_profit(shown, Decimal(5), at=ENTRY + month * timedelta(days=31))
    StrategyFactory(user=user)
    for target in (Decimal(5), Decimal(6)):
        GoalFactory(portfolio=shown, target_value=target)
        open_ended = {"target_value": target, "target_date": date(2199, 12, 31)}
        GoalFactory(portfolio=shown, **open_ended)
    client.force_login(user)

    def open_it(name: str) -> str:
        page = client.get(reverse(name), {"portfolio": shown.pk, "page": 2})
        client.get("/", {"portfolio": other.pk})
        return str(page.content.decode())

    return open_it


@pytest.mark.parametrize("name", ["trades", "performance", "strategies", "goals"])
def test_the_links_of_a_page_stay_in_its_portfolio(
    tab: Callable[[str], str], name: str
) -> None:
    page = tab(f"site:{name}")
    links = re.findall(r'href="(\?[^"]+)"', page)
    assert [one for one in links if "page=" in one or "month=" in one]
    assert [one for one in links if not one.startswith("?portfolio=")] == []
    for form in re.findall(r'(?s)<form[^>]* method="get".*?</form>', page):
        assert 'name="portfolio"' in form


def test_a_goal_is_made_in_the_portfolio_that_its_form_shows(
    client: Client, tab: Callable[[str], str]
) -> None:
    page = tab("site:goal-new")
    action = re.search(r'<form[^>]* action="(\?portfolio=(\d+))"', page)
    assert action is not None
    address = reverse("site:goal-new") + action[1]
    sent = send(client, address, Sent(page).values, target_value="5")
    assert sent.status_code == 302
    made = FinancialGoal.objects.latest("pk")
    assert str(made.portfolio_id) == action[2]
    assert f'hx-post="{reverse("site:goal-new-preview")}{action[1]}"' in page


def test_a_refused_trade_is_shown_in_the_portfolio_of_its_form(
    client: Client, tab: Callable[[str], str]
) -> None:
    page = tab("site:trade-new")
    action = re.search(r'<form[^>]* action="(\?portfolio=(\d+))"', page)
    assert action is not None
    address = reverse("site:trade-new") + action[1]
    sent = send(client, address, Sent(page).values, symbol="X", entry_price="none")
    assert sent.context["portfolio"].pk == int(action[2])
    assert Trade.objects.count() == 3
