"""The front door: how much of a body is read, when, and how much comes back."""

import json
import time
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from rest_framework.parsers import BaseParser
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from mastertrade.web.errors import AND_MORE, MOST_ERRORS
from mastertrade.web.json_parser import ExactJSONParser
from tests.http import (
    ANYBODYS,
    PASSWORD,
    Trader,
    made_once,
    make_busy_trader,
    make_newcomer,
    nothing_changes,
    operations,
    read,
    unthrottled,  # noqa: F401
)

JSON = {"content_type": "application/json"}
WITH_BODY = sorted(one for one in operations() if one[:3] in {"POS", "PAT"})


busy_of_module = made_once(make_busy_trader)


@pytest.fixture
def busy(db: None, busy_of_module: Trader) -> Trader:
    return busy_of_module.for_one_test()


@pytest.fixture
def newcomer(db: None) -> Trader:
    return make_newcomer()


@pytest.mark.parametrize("name", WITH_BODY)
def test_every_endpoint_refuses_a_body_above_its_limit_unread(
    name: str, busy: Trader, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BODY_LIMITS = dict.fromkeys(settings.BODY_LIMITS, 1_000)
    refuse_to_parse(monkeypatch)
    one = operations()[name]
    with nothing_changes():
        answer = busy.client.generic(
            one.method, busy.address(one.path), " " * 1_001, **JSON
        )
    assert read(answer, 413)["code"] == "too_large"


def test_a_page_refuses_a_body_above_its_limit(db: None, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    file = BytesIO(b"x" * 2_000)
    answer = Client().post("/login/", {"username": "a", "file": file})
    assert read(answer, 413)["code"] == "too_large"


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_in_chunks_is_not_taken_as_none(name: str, busy: Trader) -> None:
    one = operations()[name]
    with nothing_changes():
        answer = busy.client.generic(
            one.method,
            busy.address(one.path),
            "",
            HTTP_TRANSFER_ENCODING="chunked",
            **JSON,
        )
    assert read(answer, 411)["code"] == "length_required"


def test_a_repeated_field_costs_time_that_grows_with_the_body_alone() -> None:
    """A body of 500 kB took 30 s when every name was looked for in all others."""
    pairs = ", ".join(f'"k{number}": 1' for number in range(50_000))
    body = f'{{{pairs}, "k49999": 1}}'.encode()
    begin = time.process_time()
    with pytest.raises(Exception, match="k49999 is given more than once"):
        ExactJSONParser().parse(BytesIO(body))
    assert time.process_time() - begin < 1.0


@pytest.mark.parametrize(
    "body",
    [
        '{"' + "a" * 20_000 + '": 1, "' + "a" * 20_000 + '": 1}',
        '{"' + "a" * 20_000 + '": 1}',
        '{"goal_type": "' + "a" * 20_000 + '"}',
        '{"target_value": 1.' + "1" * 20_000 + "}",
        json.dumps({f"field {number}": 1 for number in range(1_000)}),
    ],
    ids=["twice", "a name", "a word", "a number", "many names"],
)
def test_an_error_is_short_however_long_what_was_sent(
    newcomer: Trader, body: str
) -> None:
    answer = newcomer.client.generic("POST", "/api/goals/", body, **JSON)
    assert answer.status_code == 400
    assert len(answer.content) < 5_000


def test_an_error_names_the_first_fields_and_how_many_more(newcomer: Trader) -> None:
    body = {f"x{number}": 1 for number in range(1_000)}
    answer = newcomer.post("/api/goals/", body, 400)
    assert list(answer) == [*list(body)[:MOST_ERRORS], AND_MORE]
    # Two that are required are missing too.
    assert answer[AND_MORE] == ["982 more fields are wrong."]


def test_a_list_of_wrong_items_is_told_of_the_same_way(newcomer: Trader) -> None:
    answer = newcomer.post("/api/positions/marks/", [{"symbol": 1}] * 500, 400)
    assert len(answer) == MOST_ERRORS + 1
    assert "more fields are wrong" in answer[AND_MORE][0]


def refuse_to_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the body was parsed")

    for parser in {BaseParser, *_subclasses(BaseParser)}:
        if "parse" in vars(parser):
            monkeypatch.setattr(parser, "parse", parse)


def _subclasses(of: type) -> set[type]:
    found = set(of.__subclasses__())
    return found.union(*(_subclasses(one) for one in found))


COUNTED = [(name, who) for name in WITH_BODY for who in ("a token", "a session")]
COUNTED += [(name, "nobody") for name in sorted(ANYBODYS)]


@pytest.mark.parametrize(("name", "who"), COUNTED)
def test_a_request_is_counted_before_its_body_is_parsed(
    name: str, who: str, busy: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = operations()[name]
    client: Any = busy.client if who == "a token" else Client()
    if who == "a session":
        client = Client(enforce_csrf_checks=True)
        assert client.login(username=busy.user.username, password=PASSWORD)
    refuse_to_parse(monkeypatch)
    for throttle in (UserRateThrottle, AnonRateThrottle):
        monkeypatch.setattr(throttle, "allow_request", lambda *_: False)
        monkeypatch.setattr(throttle, "wait", lambda _: 1.0)
    answer = client.generic(
        one.method, busy.address(one.path), '{"password": 1}', **_csrf(client), **JSON
    )
    assert read(answer, 429)["code"] == "throttled"


def _csrf(client: Client) -> dict[str, str]:
    if getattr(client.handler, "enforce_csrf_checks", False):
        client.get("/login/")
        client.cookies["csrftoken"] = "a" * 32
        return {"HTTP_X_CSRFTOKEN": "a" * 32}
    return {}


def test_a_session_needs_its_csrf_token_in_the_header(newcomer: Trader) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.login(username=newcomer.user.username, password=PASSWORD)
    browser.cookies["csrftoken"] = "a" * 32
    body = {"goal_type": "monthly_return", "target_value": "5"}
    path = "/api/goals/"
    assert browser.post(path, body, **JSON).status_code == 403
    form = {**body, "csrfmiddlewaretoken": "a" * 32}
    assert browser.post(path, form).status_code == 403
    answer = browser.post(path, body, HTTP_X_CSRFTOKEN="a" * 32, **JSON)
    assert answer.status_code == 201


def test_no_webhook_form_of_too_many_fields_is_read(busy: Trader) -> None:
    body = "&".join(f"a{number}=1" for number in range(2_000))
    answer = Client().generic(
        "POST",
        busy.address("/api/webhooks/freqtrade/{token}/"),
        body,
        content_type="application/x-www-form-urlencoded",
    )
    assert read(answer, 400)["code"] == "parse_error"


def test_cheap_requests_of_others_clear_no_counter(settings: Any) -> None:
    from django.core.cache import cache

    cache.set("throttle_user_1", [1.0])
    for number in range(1_000):
        cache.set(f"throttle_anon_{number}", [1.0])
    assert cache.get("throttle_user_1") == [1.0]


def test_a_network_of_ipv6_counts_as_one_address(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AnonRateThrottle, "get_rate", lambda _: "3/min")
    answers = [
        Client().post("/api/tokens/", "{}", REMOTE_ADDR=f"2001:db8::{number}", **JSON)
        for number in range(1, 6)
    ]
    assert [one.status_code for one in answers] == [401] * 3 + [429] * 2
