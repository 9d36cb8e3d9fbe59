"""Channels and deliveries in the admin: looked at, tested, tried again."""

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from goals.models import AlertDelivery, User
from goals.tests.channel_factories import NOW, make_channel, make_delivery
from goals.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
CHANNELS = reverse("admin:goals_alertchannel_changelist")
DELIVERIES = reverse("admin:goals_alertdelivery_changelist")


@pytest.fixture
def operator(client):
    client.force_login(User.objects.create_superuser("operator"))
    return client


def act(client, page, action, *rows):
    chosen = {"action": action, "_selected_action": [one.pk for one in rows]}
    return client.post(page, chosen, follow=True).content.decode()


def make_dead(channel):
    delivery = make_delivery(channel)
    AlertDelivery.objects.filter(pk=delivery.pk).update(
        state="dead", attempts=8, tried_at=NOW, next_try_at=None, last_error="500"
    )
    return delivery


def test_a_test_message_is_sent_and_its_answer_shown(operator):
    page = act(operator, CHANNELS, "send_test_message", make_channel(UserFactory()))
    assert "The mail server took it." in page
    assert [one.subject for one in mail.outbox] == ["A test of MasterTrade"]


def test_more_tests_than_a_request_has_time_for_are_refused(operator):
    user = UserFactory()
    found = [make_channel(user) for _ in range(4)]
    page = act(operator, CHANNELS, "send_test_message", *found)
    assert "Choose at most 3 channels" in page
    assert mail.outbox == []


def test_dead_deliveries_that_are_chosen_are_tried_again(operator):
    channel = make_channel(UserFactory())
    chosen, other, waiting = (
        make_dead(channel),
        make_dead(channel),
        make_delivery(channel),
    )
    page = act(operator, DELIVERIES, "try_again", chosen, waiting)
    assert "1 dead deliveries are tried again" in page
    for one, state in ((chosen, "waiting"), (other, "dead"), (waiting, "waiting")):
        one.refresh_from_db()
        assert one.state == state


def test_who_may_only_look_is_offered_no_action(client):
    looker = UserFactory(is_staff=True)
    looker.user_permissions.set(
        Permission.objects.filter(
            codename__in=["view_alertchannel", "view_alertdelivery"]
        )
    )
    client.force_login(looker)
    channel = make_channel(UserFactory())
    dead = make_dead(channel)
    for page in (CHANNELS, DELIVERIES):
        assert "_selected_action" not in client.get(page).content.decode()
    act(client, DELIVERIES, "try_again", dead)
    act(client, CHANNELS, "send_test_message", channel)
    dead.refresh_from_db()
    assert (dead.state, mail.outbox) == ("dead", [])


def test_no_page_shows_an_address(operator):
    channel = make_channel(UserFactory())
    delivery = make_dead(channel)
    pages = [
        CHANNELS,
        DELIVERIES,
        reverse("admin:goals_alertchannel_change", args=[channel.pk]),
        reverse("admin:goals_alertdelivery_change", args=[delivery.pk]),
    ]
    for page in pages:
        text = operator.get(page).content.decode()
        assert "a…@example.com" in text
        assert "ada@example.com" not in text
        assert channel.address not in text


@pytest.mark.parametrize("page", [CHANNELS, DELIVERIES])
def test_many_rows_cost_as_many_statements_as_two(operator, page):
    counts = []
    for number in (2, 10):
        for _ in range(number):
            make_dead(make_channel(UserFactory()))
        operator.get(page)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            operator.get(page)
        counts.append(len(captured))
    assert counts[0] == counts[1]
