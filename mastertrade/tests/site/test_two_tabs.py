"""A form that was opened before another one saved takes nothing back."""

from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db.models import Model
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from goals.models import Portfolio, User
from goals.tests.channel_factories import make_channel
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory

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
