"""Channels over HTTP: made, masked, tested, changed, tried again."""

import json

import pytest
from django.core import mail
from rest_framework.throttling import SimpleRateThrottle

from goals.channels.guard import PRIVATE
from goals.models import AlertChannel, AlertDelivery
from goals.services import deliveries
from goals.services.channel_keys import decrypt
from goals.tests.channel_factories import NOW, make_channel, make_delivery
from goals.tests.channels.receivers import http_receiver
from tests.http import make_newcomer, unthrottled  # noqa: F401

pytestmark = pytest.mark.django_db
CHANNELS = "/api/channels/"
HOOK = {"kind": "webhook", "address": "https://example.com/hooks/s3cr3t?token=t0k3n"}
MAIL = {"kind": "email", "address": "ada@example.com"}


@pytest.fixture
def trader():
    return make_newcomer()


@pytest.fixture
def private_targets(settings):
    settings.ALLOW_PRIVATE_TARGETS = True
    deliveries.senders.cache_clear()
    yield
    deliveries.senders().end()
    deliveries.senders.cache_clear()


def test_an_address_and_a_secret_are_never_given_back(trader):
    made = trader.post(CHANNELS, {**HOOK, "secret": "my-own-secret-of-20"}, 201)
    one = f"{CHANNELS}{made['channel_id']}/"
    answers = [made, trader.get(CHANNELS), trader.get(one)]
    answers.append(trader.patch(one, {"name": "desk"}))
    for answer in answers:
        for secret in ("s3cr3t", "t0k3n", "my-own-secret", "gAAAA"):
            assert secret not in str(answer)
    assert made["address"] == "https://example.com/…"
    assert made["signing_secret"] is None


def test_a_secret_that_was_made_is_shown_once(trader):
    made = trader.post(CHANNELS, HOOK, 201)
    row = AlertChannel.objects.get()
    assert made["signing_secret"] == decrypt(row.secret)
    assert "signing_secret" not in trader.get(f"{CHANNELS}{row.pk}/")


def test_a_channel_wants_every_kind_at_any_time_by_default(trader):
    trader.user.portfolios.filter(name="main").update(time_zone="Europe/Vienna")
    made = trader.post(CHANNELS, MAIL, 201)
    given = {
        "kinds": None,
        "quiet_hours": None,
        "time_zone": "Europe/Vienna",
        "digest": "off",
        "digest_at": None,
        "per_minute": 60,
        "is_active": True,
    }
    assert {name: made[name] for name in given} == given


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"kind": "email", "address": "ada"}, "address", "one e-mail address"),
        ({"kind": "webhook", "address": "ftp://a.example"}, "address", "such as https"),
        ({"kind": "apprise", "address": "syslog://"}, "address", "only the machine"),
        ({"kind": "apprise", "address": "nope://x"}, "address", "that apprise knows"),
        ({**MAIL, "secret": "x" * 16}, "secret", "Only a webhook has one"),
        ({**HOOK, "secret": "short"}, "secret", "16 to 200"),
        ({**MAIL, "quiet_hours": "22:00-24:00"}, "quiet_hours", "22:00-07:00"),
        ({**MAIL, "quiet_hours": "07:00-07:00"}, "quiet_hours", "Must not end when"),
        ({**MAIL, "time_zone": "Mars"}, "time_zone", "There is no time zone Mars"),
        ({**MAIL, "digest_at": "08:00"}, "digest_at", "Only a daily digest"),
        (
            {**MAIL, "digest": "daily", "digest_at": "08:00:30"},
            "digest_at",
            "whole minute",
        ),
        ({**MAIL, "kinds": []}, "kinds", "switch the channel off"),
        ({**MAIL, "per_minute": 0}, "per_minute", "from 1 to 60000"),
        ({**MAIL, "per_minute": 61}, "per_minute", "from 1 to 60 messages"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_by_name(trader, body, field, words):
    refused = trader.post(CHANNELS, body, 400)
    assert list(refused) == [field]
    assert words in refused[field][0]
    assert not AlertChannel.objects.exists()


def test_an_address_is_changed_only_to_one_of_its_kind(trader):
    one = f"{CHANNELS}{trader.post(CHANNELS, MAIL, 201)['channel_id']}/"
    refused = trader.patch(one, {"address": HOOK["address"]}, 400)
    assert "one e-mail address" in refused["address"][0]
    assert trader.patch(one, {"address": "eve@example.org"})["address"] == (
        "e…@example.org"
    )


def test_a_program_may_be_sent_more_in_a_minute_than_a_person(trader):
    for body, most in ((MAIL, 60), (HOOK, 60_000)):
        one = f"{CHANNELS}{trader.post(CHANNELS, body, 201)['channel_id']}/"
        assert trader.patch(one, {"per_minute": most})["per_minute"] == most
        refused = trader.patch(one, {"per_minute": most + 1}, 400)
        assert list(refused) == ["per_minute"]


def test_a_user_has_a_bounded_number_of_channels(trader, settings):
    settings.CHANNELS_PER_USER = 2
    for _ in range(2):
        trader.post(CHANNELS, MAIL, 201)
    refused = trader.post(CHANNELS, MAIL, 409)
    assert refused["code"] == "too_many_channels"
    make_newcomer().post(CHANNELS, MAIL, 201)


def test_a_test_answers_what_the_receiver_answered(trader, private_targets):
    with http_receiver() as receiver:
        body = {"kind": "webhook", "address": receiver.url("error")}
        key = trader.post(CHANNELS, body, 201)["channel_id"]
        answer = trader.post(f"{CHANNELS}{key}/test/", {})
        assert not answer["sent"]
        assert answer["answer"].startswith("The receiver answered 500: out of order")
        trader.patch(f"{CHANNELS}{key}/", {"address": receiver.url()})
        answer = trader.post(f"{CHANNELS}{key}/test/", {})
        assert answer == {"sent": True, "answer": "The receiver answered 200: taken"}


def test_each_test_message_has_an_id_of_its_own(trader, private_targets):
    with http_receiver() as receiver:
        body = {"kind": "webhook", "address": receiver.url()}
        key = trader.post(CHANNELS, body, 201)["channel_id"]
        for _ in range(2):
            trader.post(f"{CHANNELS}{key}/test/", {})
    ids = [one.headers["x-mastertrade-id"] for one in receiver.received]
    assert ids == [json.loads(one.body)["id"] for one in receiver.received]
    assert len(set(ids)) == 2
    mailed = trader.post(CHANNELS, MAIL, 201)["channel_id"]
    for _ in range(2):
        trader.post(f"{CHANNELS}{mailed}/test/", {})
    assert len({one.message()["Message-ID"] for one in mail.outbox}) == 2


def test_a_test_goes_to_no_private_target(trader):
    body = {"kind": "webhook", "address": "http://169.254.169.254/latest/meta-data"}
    key = trader.post(CHANNELS, body, 201)["channel_id"]
    answer = trader.post(f"{CHANNELS}{key}/test/", {})
    assert answer == {"sent": False, "answer": PRIVATE}


def test_tests_of_a_user_are_limited(trader, monkeypatch):
    rates = {"user": None, "anon": None, "failed": None, "channel_tests": "2/min"}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)
    key = trader.post(CHANNELS, MAIL, 201)["channel_id"]
    for status in (200, 200, 429):
        trader.post(f"{CHANNELS}{key}/test/", {}, status)
    assert len(mail.outbox) == 2


def test_what_is_dead_is_shown_counted_and_tried_again(trader):
    channel = make_channel(trader.user)
    dead, _ = make_delivery(channel), make_delivery(channel)
    AlertDelivery.objects.filter(pk=dead.pk).update(
        state="dead",
        attempts=8,
        tried_at=NOW,
        next_try_at=None,
        last_error="The receiver answered 500",
        tries=[{"at": NOW.isoformat(), "error": "The receiver answered 500"}],
    )
    one = f"{CHANNELS}{channel.pk}/"
    found = trader.get(one)
    assert (found["waiting"], found["dead"]) == (1, 1)
    (row,) = trader.get(f"{one}deliveries/", state="dead")["results"]
    assert (row["delivery_id"], row["attempts"]) == (dead.pk, 8)
    assert row["tries"][0]["error"] == row["error"] == "The receiver answered 500"
    assert trader.post(f"{one}retry/", {}) == {"retried": 1}
    assert trader.post(f"{one}retry/", {}) == {"retried": 0}
    assert trader.get(one)["waiting"] == 2


def test_a_deleted_channel_takes_its_deliveries_along(trader):
    channel = make_channel(trader.user)
    make_delivery(channel)
    assert trader.client.delete(f"{CHANNELS}{channel.pk}/").status_code == 204
    assert not AlertDelivery.objects.exists()
