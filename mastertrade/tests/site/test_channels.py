"""The pages of channels: made, changed, tested, paused, deleted by their user."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from goals.channels.channel import NotSent
from goals.enums import ChannelKind, DeliveryState, Digest
from goals.models import AlertChannel, AlertDelivery, User
from goals.services import channels as services
from goals.services.channel_keys import decrypt
from goals.tests.channel_factories import make_channel, make_delivery
from goals.tests.factories import UserFactory
from trades.jobs.channel_tests import run

pytestmark = pytest.mark.django_db
ADDRESS = "/settings/channels/"
E_MAIL = {
    "kind": "email",
    "address": "ada@example.com",
    "every": "on",
    "digest": "off",
    "time_zone": "Europe/Vienna",
}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def user(client: Client, settings: LazySettings) -> User:
    cache.clear()  # what was counted of tests before
    settings.HAS_MAIL = True
    user = UserFactory(username="ada")
    client.force_login(user)
    return user


def words_of(answer: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(text.split())


def errors_of(client: Client, **given: Any) -> Any:
    answer = client.post(ADDRESS, {**E_MAIL, **given})
    assert answer.status_code == 422
    return answer.context["form"].errors


def test_an_email_channel_is_added_with_its_preferences(
    client: Client, user: User
) -> None:
    asked = E_MAIL | {
        "name": "phone",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "digest": "daily",
        "digest_at": "09:30",
    }
    assert client.post(ADDRESS, asked).status_code == 302
    made = AlertChannel.objects.get(user=user)
    assert decrypt(made.address) == "ada@example.com"
    assert services.quiet_hours_of(made) == "22:00-07:00"
    assert (made.name, made.kinds, made.time_zone) == ("phone", None, "Europe/Vienna")
    assert (made.digest, f"{made.digest_at:%H:%M}") == (Digest.DAILY, "09:30")


def test_an_address_is_shown_masked_only(client: Client, user: User) -> None:
    client.post(ADDRESS, E_MAIL)
    page = client.get(ADDRESS).content.decode()
    assert "a…@example.com" in page
    assert "ada@example.com" not in page


def test_the_secret_of_a_webhook_is_shown_once(client: Client, user: User) -> None:
    asked = E_MAIL | {"kind": "webhook", "address": "https://example.com/hook"}
    answer = client.post(ADDRESS, asked)
    secret = decrypt(AlertChannel.objects.get(user=user).secret)
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert secret not in client.get(ADDRESS).content.decode()


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"address": "ada"}, "address", "Must be one e-mail address"),
        ({"kind": "webhook", "address": "ftp://x"}, "address", "http"),
        ({"kind": "telegram"}, "address", "Must be the bot"),
        ({"kind": "pigeon"}, "kind", "pigeon"),
        ({"secret": "a" * 16}, "secret", "Only a webhook"),
        ({"secret": "short"}, "secret", "Must be 16 to 200"),
        ({"time_zone": "Vienna"}, "time_zone", "There is no time zone Vienna"),
        ({"quiet_from": "22:00"}, "quiet_until", "need both times"),
        ({"quiet_from": "late", "quiet_until": "07:00"}, "quiet_from", "time of day"),
        (
            {"quiet_from": "22:00", "quiet_until": "22:00"},
            "quiet_until",
            "Must not end when they begin",
        ),
        ({"every": ""}, "kinds", "Choose at least one kind"),
        ({"address": ""}, "address", "This field is required"),
    ],
)
def test_what_is_wrong_shows_at_its_field(
    client: Client, user: User, given: dict[str, str], field: str, words: str
) -> None:
    errors = errors_of(client, **given)
    assert list(errors) == [field]
    assert words in str(errors[field])
    assert not AlertChannel.objects.filter(user=user).exists()


def test_without_mail_no_channel_is_made_that_reaches_nobody(
    client: Client, user: User, settings: LazySettings
) -> None:
    settings.HAS_MAIL = False
    page = client.get(ADDRESS)
    assert "No e-mail: this site sends none" in words_of(page)
    assert "e-mail address" not in words_of(page)
    offered = [kind for kind, _ in page.context["form"].fields["kind"].choices]
    assert offered == ["webhook", "telegram", "apprise"]
    assert list(errors_of(client)) == ["kind"]
    assert not AlertChannel.objects.exists()


def test_a_channel_from_when_there_was_mail_says_that_there_is_none(
    client: Client, user: User, settings: LazySettings
) -> None:
    make_channel(user)
    make_channel(user, ChannelKind.TELEGRAM)
    assert "nothing reaches this address" not in words_of(client.get(ADDRESS))
    settings.HAS_MAIL = False
    assert words_of(client.get(ADDRESS)).count("nothing reaches this address") == 1


def test_preferences_are_changed_and_the_address_stays(
    client: Client, user: User
) -> None:
    known = make_channel(user, quiet_hours="22:00-07:00")
    answer = client.post(
        f"{ADDRESS}{known.pk}/",
        {"kinds": ["halted", "drift"], "digest": "hourly", "time_zone": "Asia/Tokyo"},
    )
    assert answer.status_code == 302
    known.refresh_from_db()
    assert decrypt(known.address) == "ada@example.com"
    assert known.kinds == ["drift", "halted"]
    assert (known.quiet_from, known.digest) == (None, Digest.HOURLY)
    assert known.time_zone == "Asia/Tokyo"


def test_the_form_of_a_channel_shows_what_it_has(client: Client, user: User) -> None:
    known = make_channel(user, kinds=["halted"], quiet_hours="22:00-07:00")
    page = client.get(f"{ADDRESS}{known.pk}/").content.decode()
    assert re.search(r'value="halted"[^>]* checked', page)
    assert not re.search(r'name="every"[^>]* checked', page)
    assert 'value="22:00"' in page


def test_a_channel_is_paused_resumed_and_deleted(client: Client, user: User) -> None:
    known = make_channel(user)
    for action, is_active in (("pause", False), ("resume", True)):
        client.post(f"{ADDRESS}{known.pk}/{action}/")
        known.refresh_from_db()
        assert known.is_active is is_active
    client.post(f"{ADDRESS}{known.pk}/delete/")
    assert not AlertChannel.objects.exists()


def test_what_failed_for_the_last_time_is_sent_again(
    client: Client, user: User
) -> None:
    known, now = make_channel(user), timezone.now()
    delivery = make_delivery(known)
    AlertDelivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.DEAD,
        attempts=8,
        tried_at=now,
        next_try_at=None,
        last_error="Nobody answers.",
    )
    assert "1 alert could not be delivered" in words_of(client.get(ADDRESS))
    client.post(f"{ADDRESS}{known.pk}/retry/")
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.WAITING


def test_a_test_is_asked_polled_and_its_result_shown(
    client: Client, user: User, mailoutbox: list[Any]
) -> None:
    known = make_channel(user)
    address = f"{ADDRESS}{known.pk}/test/"
    part = client.post(address, headers=HTMX)
    assert 'hx-trigger="every 1s"' in part.content.decode()
    assert mailoutbox == []  # the worker's
    run(None, channel_id=known.pk)  # type: ignore[arg-type]  # it asks nothing of it
    part = client.get(address, headers=HTMX)
    assert "delivered Test" in words_of(part)
    assert "hx-trigger" not in part.content.decode()
    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]]
    run(None, channel_id=known.pk)  # type: ignore[arg-type]
    assert len(mailoutbox) == 1


def test_what_is_polled_is_not_sent_twice(client: Client, user: User) -> None:
    address = f"{ADDRESS}{make_channel(user).pk}/test/"
    client.post(address, headers=HTMX)
    tag = client.get(address, headers=HTMX)["ETag"]
    again = client.get(address, headers=HTMX | {"If-None-Match": tag})
    assert again.status_code == 304


def test_a_test_that_fails_says_why(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> str:
        raise NotSent("The receiver answered 404.")

    monkeypatch.setattr(services, "send_to", fail)
    known = make_channel(user, ChannelKind.WEBHOOK)
    client.post(f"{ADDRESS}{known.pk}/test/", headers=HTMX)
    run(None, channel_id=known.pk)  # type: ignore[arg-type]
    part = client.get(f"{ADDRESS}{known.pk}/test/", headers=HTMX)
    assert "failed Test" in words_of(part)
    assert "The receiver answered 404." in words_of(part)


def test_a_test_that_nobody_sends_says_so(client: Client, user: User) -> None:
    known = make_channel(user)
    asked = timezone.now() - timezone.timedelta(minutes=1)
    AlertChannel.objects.filter(pk=known.pk).update(test_asked_at=asked)
    part = client.get(f"{ADDRESS}{known.pk}/test/", headers=HTMX)
    assert "the worker, which sends it, does not answer" in words_of(part)


def test_more_tests_than_the_api_allows_are_refused(client: Client, user: User) -> None:
    known = make_channel(user)
    for _ in range(10):
        client.post(f"{ADDRESS}{known.pk}/test/", headers=HTMX)
    part = client.post(f"{ADDRESS}{known.pk}/test/", headers=HTMX)
    assert "Too many tests in a minute. Try again in" in words_of(part)


@pytest.mark.parametrize(
    "page", ["", "test/", "pause/", "resume/", "delete/", "retry/"]
)
def test_a_channel_of_another_user_is_not_found(
    client: Client, user: User, page: str
) -> None:
    known = make_channel(UserFactory())
    before = AlertChannel.objects.values().get(pk=known.pk)
    answer = client.post(f"{ADDRESS}{known.pk}/{page}", E_MAIL, headers=HTMX)
    assert answer.status_code == 404
    assert AlertChannel.objects.values().get(pk=known.pk) == before
    assert b"example.com" not in client.get(ADDRESS).content


def test_the_page_asks_as_much_whatever_there_is(
    client: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # Session, user, the channels, and the shell's two: the worker, unread.
    for _ in range(2):
        make_delivery(make_channel(user))
        with django_assert_num_queries(5):
            client.get(ADDRESS)
