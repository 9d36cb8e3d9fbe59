"""The API's description: complete, true, and readable without the internet."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from goals.models import GoalAdjustmentLog
from goals.services.goals import cancel_goal
from goals.tests.factories import UserFactory
from tests.http import (
    Trader,
    made_once,
    make_busy_trader,
    make_newcomer,
    operations,
    resolve,
    schema,
    send,
    unthrottled,  # noqa: F401
)

WITH_BODY = [name for name, one in operations().items() if one.body]
EXAMPLES = [
    pytest.param(name, example, id=f"{name} {example}")
    for name in WITH_BODY
    for example in operations()[name].examples
]
# These make what the others already have.
MAKES_ANEW = {"POST /api/portfolios/", "POST /api/strategies/"}
CONTRACT = {
    "GET /api/portfolios/",
    "POST /api/portfolios/",
    "GET /api/portfolios/{portfolio_id}/",
    "PATCH /api/portfolios/{portfolio_id}/",
    "GET /api/portfolios/{portfolio_id}/cash-flows/",
    "POST /api/portfolios/{portfolio_id}/cash-flows/",
    "GET /api/portfolios/{portfolio_id}/halts/",
    "POST /api/portfolios/{portfolio_id}/halt/",
    "POST /api/portfolios/{portfolio_id}/resume/",
    "GET /api/goals/",
    "POST /api/goals/",
    "GET /api/goals/{goal_id}/",
    "PATCH /api/goals/{goal_id}/",
    "DELETE /api/goals/{goal_id}/",
    "GET /api/goals/{goal_id}/progress/",
    "GET /api/goals/{goal_id}/adjustments/",
    "POST /api/goals/{goal_id}/sizing/",
    "POST /api/sizing/",
    "POST /api/goals/{goal_id}/strategy/",
    "POST /api/next-trade/",
    "GET /api/strategies/",
    "POST /api/strategies/",
    "GET /api/strategies/{strategy_id}/",
    "PATCH /api/strategies/{strategy_id}/",
    "GET /api/strategies/performance/",
    "GET /api/strategies/{strategy_id}/performance/",
    "GET /api/trades/",
    "POST /api/trades/",
    "GET /api/trades/{trade_id}/",
    "POST /api/trades/{trade_id}/close/",
    "POST /api/trades/{trade_id}/add/",
    "POST /api/trades/{trade_id}/void/",
    "POST /api/portfolios/{portfolio_id}/cash-flows/{cash_flow_id}/void/",
    "GET /api/changes/",
    "POST /api/trades/import/",
    "GET /api/trades/imports/",
    "POST /api/trades/imports/{import_id}/undo/",
    "GET /api/trades/mappings/",
    "POST /api/trades/mappings/",
    "GET /api/trades/mappings/{mapping_id}/",
    "DELETE /api/trades/mappings/{mapping_id}/",
    "GET /api/webhooks/",
    "POST /api/webhooks/",
    "DELETE /api/webhooks/{webhook_id}/",
    "POST /api/webhooks/freqtrade/{token}/",
    "GET /api/positions/",
    "POST /api/positions/marks/",
    "GET /api/channels/",
    "POST /api/channels/",
    "GET /api/channels/{channel_id}/",
    "PATCH /api/channels/{channel_id}/",
    "DELETE /api/channels/{channel_id}/",
    "POST /api/channels/{channel_id}/test/",
    "POST /api/channels/{channel_id}/retry/",
    "GET /api/channels/{channel_id}/deliveries/",
    "GET /api/tokens/",
    "POST /api/tokens/",
    "DELETE /api/tokens/{token_key}/",
}


def test_the_description_is_valid_and_made_without_a_warning(tmp_path: Path) -> None:
    call_command(
        "spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "s.yml")
    )


def test_the_contract_is_served() -> None:
    assert set(operations()) >= CONTRACT


@pytest.mark.parametrize("name", operations())
def test_every_operation_says_what_it_does(name: str) -> None:
    described = operations()[name].description
    assert described.get("summary") or described.get("description")


@pytest.mark.parametrize("name", WITH_BODY)
def test_every_body_has_an_example(name: str) -> None:
    assert operations()[name].examples


busy_of_module = made_once(make_busy_trader)


@pytest.fixture
def busy(db: None, busy_of_module: Trader) -> Trader:
    return busy_of_module.for_one_test()


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_every_example_is_accepted(name: str, example: str, busy: Trader) -> None:
    trader = make_newcomer() if name in MAKES_ANEW else busy
    UserFactory(username="ada", password="…")
    if name not in MAKES_ANEW:
        decision = GoalAdjustmentLog.objects.filter(pk=trader["adjustment_id"])
        decision.update(adjustment_id=1)
    if name == "POST /api/goals/":  # the first of which they have
        cancel_goal(user=trader.user, goal_id=trader["goal_id"], as_of=timezone.now())
    if name.endswith("/resume/"):
        trader.post("/api/portfolios/{portfolio_id}/halt/", {"reason": "tired"})
    operation = operations()[name]
    body = operation.examples[example]
    if "unrealized" in body:
        own = {"trade_id": trader["trade_id"]}
        body = {**body, "unrealized": [{**body["unrealized"][0], **own}]}
    answer = send(trader.client, operation.method, trader.address(operation.path), body)
    assert answer.status_code in {200, 201, 202}, answer.content


@pytest.mark.parametrize("name", [one for one in operations() if one[:3] == "GET"])
def test_an_answer_has_the_fields_that_are_described(name: str, busy: Trader) -> None:
    """And no other: a client that was made from the description reads them all."""
    operation = operations()[name]
    answer = busy.get(operation.path)
    row = answer["results"][0] if operation.is_list else answer
    content = operation.description["responses"]["200"]["content"]["application/json"]
    described = resolve(content["schema"])["properties"]
    if operation.is_list:
        described = resolve(described["results"]["items"])["properties"]
    assert set(row) == set(described)


def test_tokens_and_sessions_are_described() -> None:
    schemes = schema()["components"]["securitySchemes"]
    assert {one["type"] for one in schemes.values()} == {"apiKey"}
    assert {one["in"] for one in schemes.values()} == {"header", "cookie"}


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["application/json", "application/yaml", "*/*"])
def test_the_description_is_served_to_everybody(accept: str) -> None:
    answer = Client().get("/api/schema/", headers={"accept": accept})
    assert answer.status_code == 200
    assert b"/api/goals/{goal_id}/sizing/" in answer.content


ASSET = re.compile(r"""(?:src|href|url)\s*[=:(]\s*["']([^"']+)["']""")


@pytest.mark.django_db
def test_the_page_of_the_description_needs_no_internet() -> None:
    """Every script, style, icon and font it names comes from here."""
    browser = Client()
    page = browser.get("/api/docs/").content.decode()
    assets = set(ASSET.findall(page))
    assert len([one for one in assets if one.endswith((".js", ".css"))]) >= 3
    for asset in assets:
        assert re.match(r"/(?!/)", asset), asset
        assert fetch(browser, asset)
        if asset.endswith(".css"):
            named = re.findall(r"url\(([^)]*)\)|@import\s+(\S+)", fetch(browser, asset))
            outside = [one for both in named for one in both if "//" in one[:9]]
            assert outside == []


def fetch(browser: Client, path: str) -> str:
    answer: Any = browser.get(path)
    assert answer.status_code == 200, path
    return b"".join(answer).decode("latin-1")


@pytest.mark.parametrize("name", operations())
def test_every_operation_says_how_it_refuses(name: str) -> None:
    """Which of these codes come is checked by every test that calls the API."""
    responses = operations()[name].description["responses"]
    assert {"406", "429", "503"} <= set(responses)
    if operations()[name].method in {"POST", "PATCH"}:
        assert {"400", "409", "411", "413", "415"} <= set(responses)
    for status, given in responses.items():
        if int(status) > 400:
            schema = given["content"]["application/json"]["schema"]
            assert schema["properties"]["code"]["enum"], status


def test_an_unknown_address_of_the_api_is_not_found_in_json(db: None) -> None:
    for path in ("/api/nothing/", "/api/goals/x/", "/api/"):
        answer = Client().get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "html" in Client().get("/nothing/").headers["content-type"]
