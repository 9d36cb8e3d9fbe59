"""/api/tokens/: issued, shown once, stored hashed, listed, revoked."""

import json
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any
from unittest.mock import patch

import pytest
from django.core import serializers
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient

from goals.api.throttling import FailedThrottle
from goals.models import ApiToken, User
from goals.services.sign_ins import issue_token
from goals.tests.factories import UserFactory
from mastertrade.values.exceptions import TooManyTokens
from tests.http import (
    PASSWORD,
    client_of,
    client_with,
    count_statements,
    read,
    unthrottled,  # noqa: F401
)
from trades.tests.races import run_at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return UserFactory(username="ada", password=PASSWORD)


def issue(client: APIClient | None = None, status: int = 201, **body: Any) -> Any:
    body = {"username": "ada", "password": PASSWORD, **body}
    return read((client or client_with()).post("/api/tokens/", body), status)


def test_name_and_password_make_a_token_that_works(ada: User) -> None:
    token = issue()["token"]
    assert client_with(f"Token {token}").get("/api/goals/").status_code == 200


def test_who_is_signed_in_with_a_browser_needs_no_password(ada: User) -> None:
    browser = client_with()
    browser.force_login(ada)
    answer = read(browser.post("/api/tokens/"), 201)
    assert client_with(f"Token {answer['token']}").get("/api/goals/").status_code == 200


def test_a_token_issues_no_tokens(ada: User) -> None:
    """They would outlive it, and its being revoked."""
    client = client_of(ada)
    answer = read(client.post("/api/tokens/", {"expires_in_days": 1}), 403)
    assert answer["code"] == "permission_denied"
    assert "username and password" in answer["detail"]
    assert ApiToken.objects.count() == 1
    # With the password it is the password that issues one.
    issue(client)


def test_a_token_is_shown_once_and_never_kept(ada: User) -> None:
    answer = issue()
    secret = answer["token"]
    kept = serializers.serialize("json", ApiToken.objects.all())
    listed = client_with(f"Token {secret}").get("/api/tokens/").content.decode()
    assert set(answer) == {
        "token",
        "token_key",
        "name",
        "created_at",
        "expires_at",
        "last_used_at",
    }
    assert secret not in kept
    assert secret not in listed
    # The key that names it in the list is its first letters, by far not enough.
    assert len(secret) - len(answer["token_key"]) >= 40


def test_a_token_has_no_end_unless_asked(ada: User) -> None:
    assert issue()["expires_at"] is None


def test_a_token_may_be_issued_with_an_end(ada: User) -> None:
    expires_at = parse_datetime(issue(expires_in_days=90)["expires_at"])
    assert expires_at is not None
    left = expires_at - timezone.now()
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)


@pytest.mark.parametrize("days", [0, -1, 3651, "x", 1.5, 10**30])
def test_an_end_that_makes_no_sense_is_refused(ada: User, days: Any) -> None:
    assert list(issue(status=400, expires_in_days=days)) == ["expires_in_days"]


def test_the_list_names_each_token_by_its_key(ada: User) -> None:
    issued = issue(expires_in_days=1)
    client = client_with(f"Token {issued.pop('token')}")
    listed = read(client.get("/api/tokens/"), 200)
    assert listed["results"][0].pop("last_used_at") > issued["created_at"]
    assert issued.pop("last_used_at") is None
    assert listed == {"count": 1, "next": None, "previous": None, "results": [issued]}


def test_a_revoked_token_stops_working_and_leaves_the_list(ada: User) -> None:
    bot = issue()
    client = client_of(ada)
    assert client.delete(f"/api/tokens/{bot['token_key']}/").status_code == 204
    assert client_with(f"Token {bot['token']}").get("/api/goals/").status_code == 401
    assert client.delete(f"/api/tokens/{bot['token_key']}/").status_code == 404
    assert read(client.get("/api/tokens/"), 200)["count"] == 1


def test_a_token_may_revoke_itself(ada: User) -> None:
    issued = issue()
    client = client_with(f"Token {issued['token']}")
    assert client.delete(f"/api/tokens/{issued['token_key']}/").status_code == 204
    assert client.get("/api/tokens/").status_code == 401


@pytest.mark.parametrize("key", ["nothing", "%00", "%FF", "😀", "x" * 5000, "..", "'"])
def test_a_key_that_names_no_token_is_not_found(ada: User, key: str) -> None:
    assert client_of(ada).delete(f"/api/tokens/{key}/").status_code == 404


def test_a_wrong_password_opens_nothing(ada: User) -> None:
    issue(status=401, password="wrong")
    assert not ApiToken.objects.exists()


def test_an_unknown_name_is_answered_like_a_wrong_password(ada: User) -> None:
    wrong = issue(status=401, password="wrong")
    assert issue(status=401, username="eve") == wrong


def test_an_inactive_user_gets_no_token(ada: User) -> None:
    User.objects.update(is_active=False)
    issue(status=401)


def test_name_and_password_count_more_than_the_token_of_the_request(ada: User) -> None:
    eve = UserFactory(username="eve")
    issue(client_of(eve))
    assert ApiToken.objects.filter(user=ada).count() == 1


def test_the_space_around_a_password_belongs_to_it(ada: User) -> None:
    issue(status=401, password=f" {PASSWORD} ")


@pytest.mark.parametrize("missing", ["username", "password"])
def test_name_and_password_come_together(ada: User, missing: str) -> None:
    body = {"username": "ada", "password": PASSWORD}
    del body[missing]
    answer = client_of(ada).post("/api/tokens/", body)
    assert list(read(answer, 400)) == [missing]


def test_requests_cost_one_statement_for_a_token_however_many_there_are(
    ada: User,
) -> None:
    client = client_of(ada)
    with count_statements() as with_one:
        client.get("/api/goals/")
    past = timezone.now() - timedelta(days=1)
    for _ in range(20):
        ApiToken.objects.create(user=ada)
    newest = ApiToken.objects.order_by("-created").values("pk")[:5]
    ApiToken.objects.filter(pk__in=newest).update(expiry=past)
    with count_statements() as with_many:
        assert client.get("/api/goals/").status_code == 200
    assert len(with_many) == len(with_one)


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "{", '{"username": []}'])
def test_a_body_that_is_no_sign_in_is_bad_input(ada: User, body: str) -> None:
    answer = client_with().generic(
        "POST", "/api/tokens/", body, content_type="application/json"
    )
    assert answer.status_code == 400
    assert json.loads(answer.content)


def test_a_token_has_the_name_it_was_given(ada: User) -> None:
    assert issue(name="laptop")["name"] == "laptop"
    assert issue()["name"] == ""
    assert list(issue(status=400, name="x" * 101)) == ["name"]


def test_a_use_is_written_down_once_a_minute(ada: User) -> None:
    client = client_with(f"Token {issue()['token']}")
    with count_statements() as first:
        client.get("/api/goals/")
    with count_statements() as second:
        client.get("/api/goals/")
    assert len(first) == len(second) + 1
    minutes_ago = timezone.now() - timedelta(minutes=2)
    ApiToken.objects.update(last_used_at=minutes_ago)
    client.get("/api/goals/")
    used_at = ApiToken.objects.get().last_used_at
    assert used_at is not None
    assert used_at > minutes_ago


def test_a_refused_token_is_not_used(ada: User) -> None:
    client = client_with(f"Token {issue()['token']}")
    ApiToken.objects.update(expiry=timezone.now() - timedelta(days=1))
    assert client.get("/api/goals/").status_code == 401
    assert ApiToken.objects.get().last_used_at is None


def test_a_user_has_a_number_of_tokens(ada: User, settings: Any) -> None:
    settings.TOKENS_PER_USER = 3
    keys = [issue()["token_key"] for _ in range(3)]
    ApiToken.objects.filter(token_key=keys[0]).update(expiry=timezone.now())
    refused = issue(status=409)
    assert refused["code"] == "too_many_tokens"
    assert "You have 3 already" in refused["detail"]
    with pytest.raises(CommandError, match="You have 3 already"):
        call_command("issue_token", "ada")
    UserFactory(username="eve", password=PASSWORD)
    issue(username="eve")
    ApiToken.objects.filter(token_key=keys[0]).delete()
    issue()


@pytest.mark.django_db(transaction=True)
def test_tokens_issued_at_once_are_no_more_than_allowed(settings: Any) -> None:
    settings.TOKENS_PER_USER = 3
    ada = UserFactory(username="ada")
    counted = Barrier(4, timeout=0.5)

    def meet(*args: Any, **kwargs: Any) -> Any:
        with suppress(BrokenBarrierError):
            counted.wait()
        return create(*args, **kwargs)

    def ask() -> bool:
        try:
            issue_token(user=ada)
        except TooManyTokens:
            return False
        return True

    create = ApiToken.objects.create
    with patch.object(ApiToken.objects, "create", meet):
        answers = run_at_once(*[ask] * 6)
    assert sorted(answers) == [False] * 3 + [True] * 3


@pytest.fixture
def few_failures(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(FailedThrottle, "get_rate", lambda _: "5/min")
    return 5


HOME, ELSEWHERE = {"REMOTE_ADDR": "198.51.100.7"}, {"REMOTE_ADDR": "203.0.113.9"}


@pytest.mark.parametrize(
    ("path", "wrong", "status"),
    [
        ("/api/goals/", "Token of-nobody", 401),
        ("/api/goals/", "Token", 401),
        ("/api/webhooks/freqtrade/of-nobody/", None, 404),
    ],
)
def test_wrong_tokens_of_an_address_are_throttled_and_right_ones_go_on(
    ada: User, few_failures: int, path: str, wrong: str | None, status: int
) -> None:
    stranger, method = client_with(wrong), "get" if wrong else "post"
    answers = [getattr(stranger, method)(path, **HOME) for _ in range(few_failures + 3)]
    statuses = [one.status_code for one in answers]
    assert statuses == [status] * few_failures + [429] * 3
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert client_of(ada).get("/api/goals/", **HOME).status_code == 200
    assert read(client_with().post("/api/tokens/", {}, **HOME), 401)
    assert getattr(stranger, method)(path, **ELSEWHERE).status_code == status


def test_failures_are_counted_in_a_bounded_way(few_failures: int) -> None:
    """Of an address no more than its limit, however many there are."""
    stranger = client_with("Token of-nobody")
    for _ in range(3 * few_failures):
        stranger.get("/api/goals/", **HOME)
    assert len(cache.get("throttle_failed_198.51.100.7")) == few_failures
