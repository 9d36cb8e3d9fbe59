"""API tokens on the site: shown once, revoked, nobody else's."""

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import ApiToken, User
from goals.services.sign_ins import issue_token
from goals.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
TOKENS = reverse("site:tokens")
SECRET = re.compile(r'<code id="secret">(\w+)</code>')


@pytest.fixture
def ada(client: Client) -> User:
    user = UserFactory(username="ada")
    client.force_login(user)
    return user


def make(client: Client, **fields: str) -> tuple[str, str]:
    """The page that answers, and the secret on it."""
    answer = client.post(TOKENS, {"name": "laptop", "days": "90", **fields})
    assert answer.status_code == 200
    page = answer.content.decode()
    (secret,) = SECRET.findall(page)
    return page, secret


def test_a_token_is_shown_once_and_works(client: Client, ada: User) -> None:
    page, secret = make(client)
    assert page.count(secret) == 1
    assert secret not in client.get(TOKENS).content.decode()
    answer = Client().get("/api/goals/", headers={"Authorization": f"Token {secret}"})
    assert answer.status_code == 200
    token = ApiToken.objects.get()
    assert token.user == ada
    assert token.name == "laptop"
    assert timedelta(89) < token.expiry - timezone.now() < timedelta(91)


def test_the_page_with_a_secret_is_stored_nowhere(client: Client, ada: User) -> None:
    answer = client.post(TOKENS, {"name": "laptop", "days": ""})
    assert "no-store" in answer["Cache-Control"]
    _, secret = make(client)
    stored = str(dict(client.session))
    assert secret not in stored
    assert ApiToken.objects.filter(expiry=None).count() == 1


def test_no_log_has_a_secret(
    client: Client, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        _, secret = make(client)
        client.get(TOKENS)
        client.post(reverse("site:token-revoke", args=[secret[:15]]))
    logged = "\n".join(
        one.getMessage() for one in caplog.records if one.name != "django.db.backends"
    )
    assert secret not in logged


def test_the_list_says_when_each_was_used_and_which_have_expired(
    client: Client, ada: User
) -> None:
    issue_token(user=ada, name="bot")
    old, _ = issue_token(user=ada, name="old", days=1)
    past = timezone.now() - timedelta(days=2)
    ApiToken.objects.filter(pk=old.pk).update(expiry=past)
    page = client.get(TOKENS).content.decode()
    assert "bot" in page
    assert page.count("expired") == 1
    assert "never" in page
    assert old.digest not in page


def test_a_token_is_revoked(client: Client, ada: User) -> None:
    token, secret = issue_token(user=ada, name="bot")
    address = reverse("site:token-revoke", args=[token.token_key])
    assert client.get(address).status_code == 405
    assert client.post(address).status_code == 302
    header = {"Authorization": f"Token {secret}"}
    assert Client().get("/api/goals/", headers=header).status_code == 401


def test_all_tokens_are_revoked_and_nobody_else_s(client: Client, ada: User) -> None:
    for owner in (ada, ada, UserFactory()):
        issue_token(user=owner)
    client.post(reverse("site:tokens-revoke"))
    assert ApiToken.objects.count() == 1
    assert not ApiToken.objects.filter(user=ada).exists()


def test_another_user_s_token_is_not_found(client: Client, ada: User) -> None:
    token, _ = issue_token(user=UserFactory(), name="theirs")
    assert "theirs" not in client.get(TOKENS).content.decode()
    address = reverse("site:token-revoke", args=[token.token_key])
    assert client.post(address).status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_one_token_too_many_is_refused_in_words(
    client: Client, ada: User, settings: LazySettings
) -> None:
    settings.TOKENS_PER_USER = 1
    issue_token(user=ada)
    answer = client.post(TOKENS, {"name": "x", "days": ""})
    assert answer.status_code == 422
    assert "revoke one" in answer.content.decode()


@pytest.mark.parametrize("wrong", [{"name": ""}, {"days": "-1"}, {"name": "x" * 101}])
def test_what_is_wrong_shows_at_its_field(
    client: Client, ada: User, wrong: dict[str, Any]
) -> None:
    answer = client.post(TOKENS, {"name": "x", "days": "", **wrong})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {*wrong}
    assert not ApiToken.objects.exists()


def test_the_page_has_a_constant_number_of_statements(
    client: Client, ada: User
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(TOKENS)
        return len(queries)

    issue_token(user=ada)
    few = count()
    for _ in range(5):
        issue_token(user=ada)
    assert count() == few


def test_a_form_needs_the_page_s_own_token(ada: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    token, _ = issue_token(user=ada)
    for address in (
        TOKENS,
        reverse("site:token-revoke", args=[token.token_key]),
        reverse("site:tokens-revoke"),
    ):
        assert strict.post(address, {"name": "x"}).status_code == 403
    assert ApiToken.objects.count() == 1
