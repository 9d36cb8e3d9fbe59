"""The home page and signing in."""

import re
from datetime import date

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse

from goals.models import CashFlow, Portfolio, User
from goals.tests.factories import (
    PortfolioFactory,
    UserFactory,
)
from mastertrade.site.site import MasterTradeAdminSite

# A deadline that lies ahead whenever the tests run.
FAR = date(2199, 12, 31)

pytestmark = pytest.mark.django_db

HOME = reverse("site:home")
LOGIN = reverse("site:login")


def home_of(client: Client, user: User) -> str:
    client.force_login(user)
    answer = client.get(HOME)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_visitor_is_sent_to_sign_in(client: Client) -> None:
    answer = client.get(HOME)

    assert answer.status_code == 302
    assert answer["Location"] == f"{LOGIN}?next={HOME}"


def test_a_user_who_is_not_staff_signs_in_and_out(client: Client) -> None:
    User.objects.create_user("alice", password="secret")

    signed_in = client.post(LOGIN, {"username": "alice", "password": "secret"})
    assert signed_in["Location"] == reverse("site:welcome")
    assert client.get(HOME).status_code == 200

    client.post(reverse("site:logout"))
    assert client.get(HOME).status_code == 302


def test_a_wrong_password_is_told(client: Client) -> None:
    answer = client.post(LOGIN, {"username": "alice", "password": "wrong"})

    assert "Please enter a correct username and password" in answer.content.decode()


def test_it_says_that_no_worker_was_seen_for_some_time(client: Client) -> None:
    user = UserFactory()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_periodic_defers")
        assert "No worker has run yet" in home_of(client, user)
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        assert "No worker" not in home_of(client, user)
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = '2026-01-02 03:04Z'"
        )
    assert "The worker has been silent for" in home_of(client, user)


def test_only_staff_get_the_link_to_the_admin(client: Client) -> None:
    address = reverse("admin:index")

    assert f'href="{address}"' not in home_of(client, UserFactory())
    assert f'href="{address}"' in home_of(client, UserFactory(is_staff=True))


def test_the_admin_lists_goals_first(admin_user: User) -> None:
    site = MasterTradeAdminSite()
    site._registry = admin.site._registry
    request = RequestFactory().get("/")
    request.user = admin_user

    labels = [app["app_label"] for app in site.get_app_list(request)]

    assert labels == ["goals", "trades", "strategies", "auth", "procrastinate"]


def text_of(page: str) -> str:
    """The words alone, as they are read."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


# Money


def deposit_page(portfolio: Portfolio) -> str:
    return reverse("site:deposit", args=[portfolio.pk])


@pytest.mark.parametrize("amount", ["0", "", "-1", "much", "1e30"])
def test_what_a_deposit_refuses_is_said_and_books_nothing(
    client: Client, amount: str
) -> None:
    user = UserFactory()
    client.force_login(user)
    page = client.post(deposit_page(user.portfolios.get()), {"amount": amount})
    assert page.status_code == 422
    assert page.context["form"].errors
    assert "error" in page.content.decode()
    assert not CashFlow.objects.exists()


def test_another_user_s_portfolio_takes_no_deposit(client: Client) -> None:
    theirs = PortfolioFactory()
    client.force_login(UserFactory())
    assert client.get(deposit_page(theirs)).status_code == 404
    assert client.post(deposit_page(theirs), {"amount": "5"}).status_code == 404
    assert not CashFlow.objects.exists()


def test_a_visitor_deposits_nothing(client: Client) -> None:
    answer = client.post(deposit_page(PortfolioFactory()), {"amount": "5"})
    assert answer["Location"].startswith(LOGIN)
    assert not CashFlow.objects.exists()


def test_a_deposit_needs_the_page_s_own_token() -> None:
    portfolio = PortfolioFactory()
    client = Client(enforce_csrf_checks=True)
    client.force_login(portfolio.user)
    assert client.post(deposit_page(portfolio), {"amount": "5"}).status_code == 403
