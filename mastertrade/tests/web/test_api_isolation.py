"""Whose is what, over every operation: another's objects do not exist for you."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from goals.models import ApiToken, User
from goals.tests.factories import UserFactory
from tests.bodies import BODIES, UPLOADS
from tests.http import (
    KEYED_BY_ADDRESS,
    PASSWORD,
    Operation,
    Trader,
    client_of,
    client_with,
    made_once,
    make_busy_trader,
    nothing_changes,
    operations,
    read,
    rows_of,
    schema,
    send,
    unthrottled,  # noqa: F401
)

NOT_OF_A_USER = {"/api/schema/", "/api/docs/"}
REFERENCES = {"portfolio", "strategy_id", "adjustment_id", "candidates"}
UNSAFE = [name for name in operations() if not name.startswith("GET")]
WITH_REFERENCES = [
    (name, field)
    for name, operation in operations().items()
    for field in sorted(REFERENCES & set(operation.body))
    if name != "POST /api/strategies/"  # there the id is not a reference but new
]
ADDRESSED = [
    name
    for name, one in operations().items()
    if "{" in one.path and name not in KEYED_BY_ADDRESS
]
SIGNED_IN = [name for name in operations() if name not in KEYED_BY_ADDRESS]
LISTS = [name for name, one in operations().items() if one.is_list]


def make_eve() -> Trader:
    """Somebody else, with objects of her own, none of them named as Ada's."""
    eve = make_busy_trader(username="eve")
    eve.post(
        "/api/strategies/",
        {"strategy_id": "eves_own", "strategy_type": "momentum"},
        201,
    )
    eve.post("/api/portfolios/", {"name": "eves own", "opening_balance": "1000"}, 201)
    return eve


ada_of_module = made_once(lambda: make_busy_trader(username="ada"))
eve_of_module = made_once(make_eve)


@pytest.fixture
def ada(db: None, ada_of_module: Trader) -> Trader:
    return ada_of_module.for_one_test()


@pytest.fixture
def eve(db: None, eve_of_module: Trader) -> Trader:
    return eve_of_module.for_one_test()


def test_every_address_is_described() -> None:
    described = set(schema()["paths"]) | NOT_OF_A_USER
    assert set(addresses_below("/api/")) == described


def addresses_below(prefix: str) -> Iterator[str]:
    for address in walk(get_resolver().url_patterns, "/"):
        if address.startswith(prefix):
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address)


def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, prefix + str(pattern.pattern))
        else:
            yield prefix + str(pattern.pattern)


def test_anothers_object_is_not_found(ada: Trader, eve: Trader) -> None:
    eve.ids["strategy_id"] = "eves_own"
    with nothing_changes():
        answers = {
            name: call(ada.client, operations()[name], eve, body_of(name, ada))
            for name in ADDRESSED
        }
    assert statuses(answers) == dict.fromkeys(ADDRESSED, 404)


def test_what_another_adds_is_in_no_list_of_mine(ada: Trader) -> None:
    before = {name: ada.get(operations()[name].path) for name in LISTS}
    make_busy_trader()
    after = {name: ada.get(operations()[name].path) for name in LISTS}
    assert [name for name, page in before.items() if not page["count"]] == []
    shown, known = ({n: keys(p) for n, p in one.items()} for one in (after, before))
    assert shown == known


def keys(page: dict[str, Any]) -> list[Any]:
    return [next(iter(row.values())) for row in page["results"]]


@pytest.mark.parametrize(
    "name", [name for name in LISTS if "portfolio" in operations()[name].query]
)
def test_a_filter_by_anothers_portfolio_is_refused(
    name: str, ada: Trader, eve: Trader
) -> None:
    path = operations()[name].path
    assert eve.get(path, portfolio=eve["portfolio_id"])["count"] > 0
    refused = ada.client.get(path, {"portfolio": eve["portfolio_id"]})
    assert list(read(refused, 400)) == ["portfolio"]


def test_a_reference_to_anothers_object_is_bad_input(ada: Trader, eve: Trader) -> None:
    references: dict[str, list[Any]] = {
        "portfolio": [eve["portfolio_id"], str(eve["portfolio_id"]), "eves own"],
        "strategy_id": ["eves_own"],
        "adjustment_id": [eve["adjustment_id"]],
        "candidates": [["eves_own"], ["momentum_001", "eves_own"]],
    }
    wrong = []
    with nothing_changes():
        for name, field in WITH_REFERENCES:
            for reference in references[field]:
                body = {**body_of(name, ada), field: reference}
                answer = call(ada.client, operations()[name], ada, body)
                if answer.status_code != 400 or list(answer.json()) != [field]:
                    wrong.append((name, field, reference, answer.content))
    assert WITH_REFERENCES
    assert wrong == []


def test_a_decision_of_my_other_portfolio_is_no_reference_either(ada: Trader) -> None:
    ada.post("/api/portfolios/", {"name": "b", "opening_balance": "1000"}, 201)
    body = {**body_of("POST /api/trades/", ada), "portfolio": "b"}
    assert list(ada.post("/api/trades/", body, 400)) == ["adjustment_id"]


def test_what_i_do_leaves_the_rows_of_others_alone(ada: Trader, eve: Trader) -> None:
    before = rows_below(eve)
    for name in UNSAFE:
        with undone():
            if name.endswith("/resume/"):
                ada.post("/api/portfolios/{portfolio_id}/halt/", {"reason": "tired"})
            answer = call(ada.client, operations()[name], ada, body_of(name, ada))
            assert answer.status_code < 300, (name, answer.content)
            assert rows_below(eve) == before, name


@pytest.mark.parametrize("name", SIGNED_IN)
@pytest.mark.django_db
def test_without_credentials_nothing_is_answered(name: str) -> None:
    answer = call(client_with(), operations()[name], NOBODY, body_without_name(name))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Token"
    assert set(answer.json()) == {"detail", "code"}


@pytest.mark.parametrize("name", sorted(KEYED_BY_ADDRESS))
@pytest.mark.django_db
def test_a_wrong_token_in_the_address_is_not_found(name: str) -> None:
    for client in (client_with(), client_of(UserFactory())):
        answer = call(client, operations()[name], NOBODY, body_of(name, NOBODY))
        assert answer.status_code == 404


@pytest.mark.parametrize("name", SIGNED_IN)
@pytest.mark.django_db
def test_a_wrong_token_opens_nothing(name: str) -> None:
    answer = call(client_with("Token " + "0" * 64), operations()[name], NOBODY)
    assert answer.status_code == 401


@pytest.mark.django_db
def test_the_token_of_an_inactive_user_is_refused() -> None:
    client = client_of(UserFactory(is_active=False))
    answers = {
        name: call(client, operations()[name], NOBODY, body_without_name(name))
        for name in SIGNED_IN
    }
    assert statuses(answers) == dict.fromkeys(SIGNED_IN, 401)


@pytest.mark.parametrize(
    "authorization",
    [
        "Token",
        "Token ",
        "Token  ",
        "Token a b",
        "Token é",
        "Token \xff\xfe",
        "Token 😀".encode().decode("latin-1"),
        "Token \0",
        "Token " + "a" * 100_000,
        "Token ' OR 1=1 --",
        "Token %00",
        "Bearer abc",
        "Basic YWRhOmFkYQ==",
        "token",
        "",
        " ",
        "Token:abc",
        "\xff",
    ],
)
@pytest.mark.django_db
def test_a_malformed_token_is_refused(authorization: str) -> None:
    answer = client_with(authorization).get("/api/goals/")
    assert answer.status_code == 401


@pytest.mark.django_db
def test_the_word_before_a_token_may_be_written_small() -> None:
    _, token = ApiToken.objects.create(user=UserFactory())
    assert client_with(f"token {token}").get("/api/goals/").status_code == 200


@pytest.mark.django_db
def test_a_token_with_another_end_is_refused() -> None:
    _, token = ApiToken.objects.create(user=UserFactory())
    other = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert client_with(f"Token {other}").get("/api/goals/").status_code == 401


@pytest.mark.django_db
def test_a_revoked_token_is_refused_at_once() -> None:
    user = UserFactory()
    client = client_of(user)
    assert client.get("/api/goals/").status_code == 200
    ApiToken.objects.filter(user=user).delete()
    assert client.get("/api/goals/").status_code == 401


@pytest.mark.django_db
def test_an_expired_token_is_refused() -> None:
    user = UserFactory()
    client = client_of(user)
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert client.get("/api/goals/").status_code == 401


@pytest.mark.django_db
def test_the_session_of_an_inactive_user_is_refused() -> None:
    user = UserFactory(password=PASSWORD)
    browser = sign_in(user)
    User.objects.update(is_active=False)
    assert browser.get("/api/goals/").status_code == 401


@pytest.mark.django_db
def test_a_session_changes_nothing_without_the_sites_own_form() -> None:
    browser = sign_in(UserFactory(password=PASSWORD))
    unsafe = [name for name in UNSAFE if name in SIGNED_IN]
    answers = {name: call(browser, operations()[name], NOBODY) for name in unsafe}
    assert statuses(answers) == dict.fromkeys(unsafe, 403)
    assert all("CSRF" in answer.json()["detail"] for answer in answers.values())


def test_a_session_with_the_sites_own_form_works(ada: Trader) -> None:
    browser = sign_in(ada.user)
    browser.get("/admin/login/")
    browser.credentials(HTTP_X_CSRFTOKEN=csrf_token(browser))
    for name, operation in operations().items():
        with undone():
            if name.endswith("/resume/"):
                ada.post("/api/portfolios/{portfolio_id}/halt/", {"reason": "tired"})
            answer = call(browser, operation, ada, body_of(name, ada))
            assert answer.status_code < 300, (name, answer.content)


# Addresses of objects that need not exist: nobody gets that far.
NOBODY = Trader(
    User(username="nobody"),
    client_with(),
    {
        "portfolio_id": 1,
        "simulated": 1,
        "goal_id": 1,
        "strategy_id": "momentum_001",
        "trade_id": 1,
        "adjustment_id": 1,
        "cash_flow_id": 1,
        "token_key": "0123456789abcde",
        "webhook_id": 1,
        "import_id": 1,
        "mapping_id": 1,
        "channel_id": 1,
        "replay_id": 1,
        "job_id": 1,
        "alert_id": 1,
        "token": "0" * 43,
    },
)


def sign_in(user: User) -> APIClient:
    browser = APIClient(enforce_csrf_checks=True)
    assert browser.login(username=user.username, password=PASSWORD)
    return browser


def csrf_token(browser: APIClient) -> str:
    return str(browser.cookies["csrftoken"].value)


def body_of(name: str, trader: Trader) -> Any:
    if name in KEYED_BY_ADDRESS:
        return next(iter(operations()[name].examples.values()))
    if name in UPLOADS:
        return UPLOADS[name](trader)
    return BODIES[name](trader) if name in BODIES else {}


def body_without_name(name: str) -> Any:
    """With name and password, a token is issued to anybody."""
    return {} if name == "POST /api/tokens/" else body_of(name, NOBODY)


def call(
    client: APIClient, operation: Operation, whose: Trader, body: Any = None
) -> Any:
    path = operation.path
    if str(operation) == "DELETE /api/portfolios/{portfolio_id}/":
        path = "/api/portfolios/{simulated}/"  # a live one is never deleted
    return send(client, operation.method, whose.address(path), body)


def statuses(answers: dict[str, Any]) -> dict[str, int]:
    return {name: answer.status_code for name, answer in answers.items()}


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def rows_below(trader: Trader) -> dict[str, list[Any]]:
    """Every row that hangs on the user, portfolio, goal, trade or cash flow."""
    rows = rows_of(trader.user)
    mine = {
        "portfolio_id": {row["portfolio_id"] for row in rows["portfolios"]},
        "goal_id": {row["goal_id"] for row in rows["financial_goals"]},
        "trade_id": {row["trade_id"] for row in rows["trades"]} | {None},
    }
    mine["channel_id"] = {row["channel_id"] for row in rows["alert_channels"]}
    flows = [
        row["cash_flow_id"]
        for row in rows["cash_flows"]
        if row["portfolio_id"] in mine["portfolio_id"]
    ]
    mine["cash_flow_id"] = {*flows, None}
    return {
        table: [
            row
            for row in found
            if all(row[key] in known for key, known in mine.items() if key in row)
        ]
        for table, found in rows.items()
        if table != "sign_in_counts"  # of names and addresses, nobody's
    }


@pytest.mark.parametrize("name", [one for one in ADDRESSED if one.startswith("GET")])
def test_what_is_not_there_is_named_in_words(ada: Trader, name: str) -> None:
    address = re.sub(r"\{\w+\}", "99999", operations()[name].path)
    answer = ada.client.get(address)
    assert answer.status_code == 404
    assert re.fullmatch(r"You have no [a-z ]+ 99999\.", answer.json()["detail"])
