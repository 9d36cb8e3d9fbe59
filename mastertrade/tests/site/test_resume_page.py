"""The page of resuming: what it says, and what it refuses."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from goals.models import Portfolio
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.site.service_forms import ServiceForm
from tests.http import nothing_changes
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db
FAR = date(2199, 12, 31)


def address_of(portfolio: Portfolio, page: str) -> str:
    return reverse(f"site:{page}", args=[portfolio.pk])


def form_of(client: Client, address: str) -> dict[str, Any]:
    """What a browser would send unchanged."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None}


def text_of(client: Client, address: str) -> str:
    page = client.get(address).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def every_form() -> Iterator[type[ServiceForm[Any]]]:
    waiting: list[Any] = [ServiceForm]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if hasattr(kind, "base_fields"):
            yield kind


def test_every_decimal_of_a_form_has_its_digits_and_places() -> None:
    found = [
        (kind.__name__, name, field)
        for kind in every_form()
        for name, field in kind.base_fields.items()
        if isinstance(field, forms.DecimalField)
    ]
    assert len(found) > 10
    for kind, name, field in found:
        assert None not in (field.max_digits, field.decimal_places), (kind, name)


@pytest.mark.parametrize("is_hard", [False, True])
def test_a_resume_asks_for_the_floor_only_where_it_takes_it(
    client: Client, is_hard: bool
) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    if is_hard:
        book_profit(portfolio, Decimal(-300))
    now = timezone.now()
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="lunch", now=now
    )
    page = client.get(address_of(portfolio, "resume"))
    assert page.status_code == 200
    assert ("floor_equity" in page.content.decode()) is is_hard
    client.post(address_of(portfolio, "resume"), {"reason": "", "floor_equity": "600"})
    portfolio.refresh_from_db()
    assert portfolio.trading_state == "active"
    assert portfolio.floor_peak_value == (Decimal("0.75") if is_hard else 1)


def test_resuming_says_what_ends_where_the_floor_is_and_will_be(client: Client) -> None:
    portfolio = PortfolioFactory(on_breach="fail")
    client.force_login(portfolio.user)
    GoalFactory(portfolio=portfolio, target_date=FAR)
    book_profit(portfolio, Decimal(-300))
    page = text_of(client, address_of(portfolio, "resume"))
    assert "Halted by the hard floor since" in page
    assert "700.00 USDT is at or below the floor of 800.00 USDT" in " ".join(
        page.split()
    )
    assert "Hard drawdown : reached: the floor is at 800.00 USDT" in page
    assert "Default: measured from the present equity, at 560.00 USDT." in page
    assert "1 goal that failed stays failed." in page
    answer = client.post(address_of(portfolio, "resume"), {"floor_equity": "500"})
    (refused,) = answer.context["form"].errors["floor_equity"]
    assert "Give a “Floor from now on” of 560.00 or more" in strip_tags(refused)
    client.post(address_of(portfolio, "resume"), {"floor_equity": "560"})
    portfolio.refresh_from_db()
    assert portfolio.trading_state == "active"


@pytest.mark.parametrize(
    ("sent", "peak"),
    [
        ({}, None),
        ({"from_present": "on", "floor_equity": "600"}, None),
        ({"from_present": "on"}, "0.7"),
        ({"floor_equity": "600"}, "0.75"),
    ],
    ids=str,
)
def test_where_a_static_floor_goes_is_said_by_who_resumes(
    client: Client, sent: dict[str, str], peak: str | None
) -> None:
    portfolio = PortfolioFactory(drawdown_mode="static")
    client.force_login(portfolio.user)
    book_profit(portfolio, Decimal(-300))
    address = address_of(portfolio, "resume")
    assert "The floor is at 560.00 USDT then." in text_of(client, address)
    answer = client.post(address, {"reason": "", **sent})
    portfolio.refresh_from_db()
    if peak is None:
        assert "one of the two" in answer.content.decode()
        assert portfolio.trading_state == "halted"
    else:
        assert portfolio.floor_peak_value == Decimal(peak)
        assert portfolio.trading_state == "active"


def test_start_and_peak_of_the_floor_are_taken_too(client: Client) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    book_profit(portfolio, Decimal(-300))
    page = address_of(portfolio, "resume")
    client.post(page, {"start_equity": "720", "peak_equity": "750"})
    portfolio.refresh_from_db()
    values = (portfolio.floor_start_value, portfolio.floor_peak_value)
    assert values == (Decimal("0.72"), Decimal("0.75"))


def test_a_halt_needs_a_reason_and_a_second_one_does_not_drop_its_own(
    client: Client,
) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    page = address_of(portfolio, "halt")
    with nothing_changes():
        refused = client.post(page, {"reason": " "})
    assert refused.context["form"].errors == {"reason": ["This field is required."]}
    client.post(page, {"reason": "a look"})
    with nothing_changes():
        refused = client.post(page, {"reason": "the exchange is down"})
    (error,) = refused.context["form"].non_field_errors()
    assert "is halted already since" in error
    assert "a look" in error
