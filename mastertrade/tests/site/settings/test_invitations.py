"""Invitations: a link that makes one account, of who may add users."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import Invitation, User
from goals.services.invitations import accept_invitation, digest_of, invite
from goals.services.sign_ins import BY_LINK
from goals.tests.factories import UserFactory
from mastertrade.logs import cut_tokens
from mastertrade.values.exceptions import NotFound

pytestmark = pytest.mark.django_db
PAGE, ACCEPT = reverse("site:invitations"), reverse("site:invitation-accept")
SECRET = re.compile(r'<code id="secret">(.+?)</code>')
NEW = {
    "username": "bob",
    "password1": "correct horse battery",
    "password2": "correct horse battery",
}


@pytest.fixture
def root(client: Client) -> User:
    user = UserFactory(username="root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def link_of(root: User) -> str:
    _, token = invite(by=root, days=7, now=timezone.now(), email="bob@example.com")
    return reverse("site:invitation", args=[token])


def test_a_link_is_shown_once_and_stored_as_a_digest(
    client: Client, root: User
) -> None:
    answer = client.post(PAGE, {"email": "", "days": "7"})
    page = answer.content.decode()
    (link,) = SECRET.findall(page)
    assert page.count(link) == 1
    assert "no-store" in answer["Cache-Control"]
    token = link.rstrip("/").rsplit("/", 1)[1]
    assert token not in client.get(PAGE).content.decode()
    assert Invitation.objects.get().token_digest == digest_of(token)
    assert Client().get(link)["Location"] == ACCEPT


def test_with_mail_the_link_is_sent_and_not_shown(
    client: Client, root: User, settings: LazySettings
) -> None:
    settings.HAS_MAIL, settings.SITE_URL = True, "https://mastertrade.example"
    answer = client.post(PAGE, {"email": "bob@example.com", "days": "7"}, follow=True)
    (sent,) = mail.outbox
    assert sent.to == ["bob@example.com"]
    (link,) = re.findall(r"https://mastertrade\.example\S+", sent.body)
    assert link not in answer.content.decode()
    assert "The link is sent to bob@example.com." in answer.content.decode()


def test_a_link_that_no_server_took_is_shown(
    client: Client, root: User, settings: LazySettings
) -> None:
    settings.HAS_MAIL, settings.EMAIL_HOST, settings.EMAIL_PORT = True, "127.0.0.1", 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    page = client.post(PAGE, {"email": "b@example.com", "days": "7"}).content.decode()
    assert "It was not sent by mail." in page
    assert SECRET.findall(page)


def test_who_is_invited_gets_an_account_and_is_signed_in(root: User) -> None:
    browser, link = Client(), link_of(root)
    browser.get(link)
    before = browser.session.session_key
    assert "root invited you" in browser.get(ACCEPT).content.decode()
    assert browser.post(ACCEPT, NEW)["Location"] == reverse("site:welcome")
    assert browser.session.session_key != before
    bob = User.objects.get(username="bob")
    assert (bob.email, bob.is_staff, bob.is_superuser) == (
        "bob@example.com",
        False,
        False,
    )
    assert bob.portfolios.get().name == "main"
    assert browser.get(reverse("site:settings")).status_code == 200
    used = Invitation.objects.get()
    assert used.accepted_as == "bob"
    assert used.accepted_at is not None


def test_a_link_works_once(root: User) -> None:
    link = link_of(root)
    first, second = Client(), Client()
    for browser in (first, second):
        assert browser.get(link).status_code == 302
    first.post(ACCEPT, NEW)
    answer = second.post(ACCEPT, {**NEW, "username": "eve"})
    assert answer.status_code == 404
    assert "The link does not work" in answer.content.decode()
    assert second.get(link).status_code == 404
    assert not User.objects.filter(username="eve").exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"username": "root"}, "username"),
        ({"username": "ROOT"}, "username"),
        ({"password1": "12345678", "password2": "12345678"}, "password2"),
        ({"password2": "another one"}, "password2"),
        ({"username": ""}, "username"),
    ],
)
def test_name_and_password_pass_django_s_checks(
    root: User, wrong: dict[str, str], field: str
) -> None:
    browser = Client()
    browser.get(link_of(root))
    answer = browser.post(ACCEPT, {**NEW, **wrong})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert User.objects.count() == 1
    assert Invitation.objects.get().accepted_at is None


def test_no_form_gives_rights(root: User) -> None:
    browser = Client()
    browser.get(link_of(root))
    browser.post(ACCEPT, {**NEW, "is_staff": "on", "is_superuser": "on"})
    assert not User.objects.get(username="bob").is_staff


def test_expired_revoked_and_unknown_links_say_the_same(
    client: Client, root: User
) -> None:
    expired, revoked = link_of(root), link_of(root)
    first, second = Invitation.objects.order_by("pk")
    long_ago = timezone.now() - timedelta(days=30)
    Invitation.objects.filter(pk=first.pk).update(
        created_at=long_ago, expires_at=long_ago + timedelta(days=1)
    )
    client.post(reverse("site:invitation-revoke", args=[second.pk]))
    unknown = reverse("site:invitation", args=["nothing"])
    answers = [Client().get(one) for one in (expired, revoked, unknown)]
    assert {one.status_code for one in answers} == {404}
    words = {re.sub(r'"X-CSRFToken": "\w+"', "", str(one.content)) for one in answers}
    assert len(words) == 1
    assert client.get(ACCEPT).status_code == 404


def test_links_are_tried_as_slowly_as_passwords(root: User) -> None:
    link = link_of(root)
    wrong = reverse("site:invitation", args=["nothing"])
    browser = Client(REMOTE_ADDR="203.0.113.9")
    for _ in range(BY_LINK.tries):
        assert browser.get(wrong).status_code == 404
    answer = browser.get(link)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert Client(REMOTE_ADDR="203.0.113.10").get(link).status_code == 302


def test_only_who_may_add_users_invites(client: Client) -> None:
    user = UserFactory()
    staff = UserFactory(is_staff=True)
    for one in (user, staff):
        client.force_login(one)
        assert client.get(PAGE).status_code == 403
        assert client.post(PAGE, {"email": "", "days": "7"}).status_code == 403
        listed = client.get(reverse("site:settings")).content.decode()
        assert PAGE not in listed
    assert not Invitation.objects.exists()
    staff.user_permissions.add(Permission.objects.get(codename="add_user"))
    client.force_login(User.objects.get(pk=staff.pk))
    assert client.get(PAGE).status_code == 200
    assert PAGE in client.get(reverse("site:settings")).content.decode()


def test_another_operator_s_invitation_is_not_found(client: Client, root: User) -> None:
    other = UserFactory(is_staff=True, is_superuser=True)
    invite(by=other, days=7, now=timezone.now(), email="theirs@example.com")
    assert "theirs@" not in client.get(PAGE).content.decode()
    key = Invitation.objects.get().pk
    assert client.post(reverse("site:invitation-revoke", args=[key])).status_code == 404
    assert Invitation.objects.exists()


def test_the_page_has_a_constant_number_of_statements(
    client: Client, root: User
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(PAGE)
        return len(queries)

    link_of(root)
    few = count()
    for _ in range(4):
        link_of(root)
    assert count() == few


def test_the_forms_need_the_page_s_own_token(root: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.get(link_of(root))
    assert strict.post(ACCEPT, NEW).status_code == 403
    strict.force_login(root)
    assert strict.post(PAGE, {"days": "7"}).status_code == 403
    assert Invitation.objects.count() == 1


def test_no_log_has_a_link(root: User) -> None:
    for link in (link_of(root), "/reset/MQ/abc-def0123456789/"):
        secret = link.rstrip("/").rsplit("/", 1)[1]
        assert secret not in cut_tokens(f"GET {link} 302")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"expires_at": timezone.now() - timedelta(days=99)}, "expire_later"),
        ({"accepted_at": timezone.now()}, "accepted_as"),
        ({"accepted_as": "bob"}, "accepted_as"),
        ({"token_digest": "x"}, "digest"),
    ],
)
def test_the_database_refuses(root: User, changes: dict[str, Any], rule: str) -> None:
    link_of(root)
    with (
        pytest.raises(IntegrityError, match=f"invitations_{rule}"),
        transaction.atomic(),
    ):
        Invitation.objects.update(**changes)


def test_a_used_token_makes_no_second_account(root: User) -> None:
    _, token = invite(by=root, days=7, now=timezone.now())
    now = timezone.now()
    accept_invitation(token=token, username="one", password="x", now=now)
    with pytest.raises(NotFound):
        accept_invitation(token=token, username="two", password="x", now=now)
    assert not User.objects.filter(username="two").exists()
