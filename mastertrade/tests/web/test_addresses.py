"""Addresses: without their slash, unknown, asked with the wrong method; error pages."""

from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import path

from goals.models import FinancialGoal
from goals.tests.factories import UserFactory
from mastertrade import urls
from mastertrade.web.middleware import CONTENT_SECURITY_POLICY
from tests.bodies import BODIES
from tests.http import (
    Trader,
    made_once,
    make_busy_trader,
    operations,
    read,
    send,
    unthrottled,  # noqa: F401
)

PATHS = sorted({one.path for one in operations().values()})
HALTED_FIRST = "POST /api/portfolios/{portfolio_id}/resume/"


busy_of_module = made_once(make_busy_trader)


@pytest.fixture
def trader(db: None, busy_of_module: Trader) -> Trader:
    return busy_of_module.for_one_test()


@pytest.mark.parametrize("name", [one for one in BODIES if one != HALTED_FIRST])
def test_a_body_is_taken_without_the_last_slash_of_the_address(
    name: str, trader: Trader
) -> None:
    method, address = name.split(" ")
    path = trader.address(address).removesuffix("/")
    answer = send(trader.client, method, path, BODIES[name](trader))
    assert answer.status_code in {200, 201, 202}, answer.content


@pytest.mark.parametrize("name", [one for one in operations() if one[:4] == "GET "])
def test_what_is_read_is_the_same_without_the_last_slash(
    name: str, trader: Trader
) -> None:
    path = trader.address(operations()[name].path)
    without = read(trader.client.get(path.removesuffix("/")), 200)
    assert without.keys() == trader.get(path).keys()


def test_a_page_of_the_site_is_redirected_to_its_address(db: None) -> None:
    answer = Client().get("/login")
    assert (answer.status_code, answer["Location"]) == (301, "/login/")


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("/api/goal/", "/api/goals/"),
        ("/api/Goals", "/api/goals/"),
        ("/api/goals//", "/api/goals/"),
        ("/api//goals///7", "/api/goals/{goal_id}/"),
        ("/api/goals/17/size/", "/api/goals/{goal_id}/sizing/"),
        ("/api/goals/x/", "/api/goals/{goal_id}/"),
        ("/api/portfolio/3/cashflows", "/api/portfolios/{portfolio_id}/cash-flows/"),
        ("/api/trade/5/close/", "/api/trades/{trade_id}/close/"),
        ("/api/next_trade/", "/api/next-trade/"),
    ],
)
def test_an_unknown_address_is_answered_with_the_nearest(asked: str, near: str) -> None:
    answer = Client().post(asked, "{}", content_type="application/json")
    given = read(answer, 404)
    assert given["code"] == "not_found"
    assert near in given["near"]
    assert near in given["detail"]
    assert given["docs"] == "/api/docs/"


@pytest.mark.parametrize("asked", ["/api", "/api/", "/api/" + "x" * 5000, "/api/%00/"])
def test_an_address_like_no_other_names_the_description(asked: str) -> None:
    given = read(Client().get(asked), 404)
    assert given["near"] == []
    assert "/api/docs/" in given["detail"]


@pytest.mark.parametrize("address", PATHS)
def test_a_wrong_method_is_answered_with_those_allowed(
    address: str, trader: Trader
) -> None:
    allowed = {one.method for one in operations().values() if one.path == address}
    answer = trader.client.generic("PUT", trader.address(address), "{}")
    given = read(answer, 405)
    assert given["code"] == "method_not_allowed"
    names = given["detail"].removeprefix("PUT is not allowed here. Allowed: ")
    assert set(names.rstrip(".").split(", ")) == allowed
    assert allowed <= set(answer["Allow"].split(", "))


def fail(request: Any) -> None:
    raise ValueError("secret detail")


def forbid(request: Any) -> None:
    raise PermissionDenied


urlpatterns = [
    path("fail/", fail),
    path("forbid/", forbid),
    path("api/fail/", fail),
    path("api/forbid/", forbid),
]


@pytest.fixture
def broken(settings: Any) -> Client:
    """A site of which two pages fail, next to those there are."""
    module = ModuleType("broken")
    for name in ("handler400", "handler403", "handler404", "handler500"):
        setattr(module, name, getattr(urls, name))
    module.urlpatterns = [*urlpatterns, *urls.urlpatterns]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = module
    return Client(raise_request_exception=False)


PAGES = [
    ("/nothing/", {}, 404, "There is no such page"),
    ("/forbid/", {}, 403, "You may not see this page"),
    ("/fail/", {}, 500, "Something went wrong here"),
    ("/login/", {"host": "elsewhere.example"}, 400, "The request cannot be read"),
]


@pytest.mark.parametrize(("asked", "headers", "status", "said"), PAGES)
def test_a_page_that_fails_is_one_of_the_site(
    asked: str,
    headers: dict[str, str],
    status: int,
    said: str,
    broken: Client,
    db: None,
) -> None:
    answer = broken.get(asked, headers=headers)
    page = answer.content.decode()

    assert answer.status_code == status
    assert said in page
    assert "site/site.css" in page
    assert page.count("<script") == page.count('<script src="/static/')
    assert "style=" not in page
    assert "secret detail" not in page
    assert answer["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_an_error_page_asks_the_database_for_nothing(
    broken: Client, django_assert_num_queries: Any, db: None
) -> None:
    broken.force_login(UserFactory())
    with django_assert_num_queries(0):
        for asked, headers, status, _ in PAGES:
            assert broken.get(asked, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("/api/fail/", 500, "internal_error"),
        ("/api/forbid/", 403, "permission_denied"),
    ],
)
def test_what_fails_below_the_api_is_answered_in_json(
    asked: str, status: int, code: str, broken: Client
) -> None:
    given = read(broken.get(asked), status)
    assert given["code"] == code
    assert "secret" not in given["detail"]


def test_a_host_that_is_not_ours_is_answered_in_json_below_the_api() -> None:
    answer = Client().get("/api/goals/", headers={"host": "elsewhere.example"})
    assert read(answer, 400)["code"] == "bad_request"


def test_a_browser_that_asks_for_the_icon_is_sent_to_it(db: None) -> None:
    client = Client()
    answer = client.get("/favicon.ico")
    assert answer.status_code == 302
    icon: Any = client.get(answer["Location"])
    assert icon.status_code == 200
    assert icon["Content-Type"] == "image/svg+xml"


def test_every_page_names_the_icon_of_the_site(db: None) -> None:
    for asked in ("/login/", "/api/docs/", "/nothing/"):
        assert b"site/icon.svg" in Client().get(asked).content


def test_a_goal_posted_without_the_slash_is_one_goal(trader: Trader) -> None:
    before = FinancialGoal.objects.count()
    body = BODIES["POST /api/goals/"](trader)
    read(send(trader.client, "POST", "/api/goals", body), 201)
    assert FinancialGoal.objects.count() == before + 1
