"""Addresses are stored encrypted, and stay readable when keys are changed."""

import logging

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from goals.channels.channel import NotSent
from goals.enums import ChannelKind
from goals.models import AlertChannel
from goals.services.channel_keys import AddressUnreadable, decrypt
from goals.services.channels import create_channel, send_test
from goals.tests.channel_factories import ADDRESSES, NOW, make_channel
from goals.tests.factories import UserFactory
from mastertrade.tests.schema import fetch

pytestmark = pytest.mark.django_db
ADDRESS = ADDRESSES[ChannelKind.WEBHOOK]


def addresses():
    return [decrypt(one.address) for one in AlertChannel.objects.order_by("pk")]


def test_neither_address_nor_secret_is_in_the_database_nor_in_a_log(caplog):
    caplog.set_level(logging.DEBUG)
    user = UserFactory()
    with connection.execute_wrapper(_without_plain_text):
        channel = make_channel(user, ChannelKind.WEBHOOK, secret="s" * 20)
        send_test(channel, clock=lambda: NOW)
    (row,) = fetch("SELECT c::text FROM alert_channels c")
    for secret in ("/hook", "s" * 20):
        assert secret not in row[0]
        assert secret not in caplog.text
    assert decrypt(channel.address) == ADDRESS


def _without_plain_text(execute, sql, params, many, context):
    assert "/hook" not in str(params)
    return execute(sql, params, many, context)


def test_equal_addresses_are_encrypted_differently():
    user = UserFactory()
    one, other = (make_channel(user).address for _ in range(2))
    assert one != other


def test_an_older_key_still_decrypts_and_the_newest_encrypts(settings):
    user = UserFactory()
    settings.CHANNEL_KEYS = ["old"]
    make_channel(user, ChannelKind.WEBHOOK)
    settings.CHANNEL_KEYS = ["new", "old"]
    make_channel(user, ChannelKind.WEBHOOK)
    assert addresses() == [ADDRESS, ADDRESS]
    settings.CHANNEL_KEYS = ["old"]
    with pytest.raises(AddressUnreadable):
        addresses()


def test_the_command_makes_older_keys_unnecessary(settings, capsys, monkeypatch):
    monkeypatch.setattr("goals.services.channel_keys.AT_ONCE", 2)
    user = UserFactory()
    settings.CHANNEL_KEYS = ["old"]
    made = [make_channel(user, ChannelKind.WEBHOOK) for _ in range(5)]
    secret = decrypt(made[0].secret)
    settings.CHANNEL_KEYS = ["new", "old"]
    call_command("encrypt_channels")
    assert "5 channels" in capsys.readouterr().out
    settings.CHANNEL_KEYS = ["new"]
    assert addresses() == [ADDRESS] * 5
    assert decrypt(AlertChannel.objects.earliest("pk").secret) == secret


def test_the_command_names_what_no_key_decrypts_and_does_the_others(settings):
    user = UserFactory()
    settings.CHANNEL_KEYS = ["lost"]
    lost = make_channel(user)
    settings.CHANNEL_KEYS = ["old"]
    other = make_channel(user)
    settings.CHANNEL_KEYS = ["new", "old"]
    with pytest.raises(CommandError, match=f"of channel {lost.pk}\\."):
        call_command("encrypt_channels")
    settings.CHANNEL_KEYS = ["new"]
    other.refresh_from_db()
    assert decrypt(other.address) == "ada@example.com"


def test_a_channel_whose_key_is_lost_says_so_when_it_is_tested(settings):
    settings.CHANNEL_KEYS = ["lost"]
    channel = make_channel(UserFactory())
    settings.CHANNEL_KEYS = ["new"]
    sent, answer = send_test(channel, clock=lambda: NOW)
    assert not sent
    assert "MASTERTRADE_CHANNEL_KEYS" in answer


def test_a_webhook_s_secret_is_made_where_none_is_given():
    user = UserFactory()
    given = {"user": user, "kind": "webhook", "address": ADDRESS, "now": NOW}
    channel, made = create_channel(**given)
    assert decrypt(channel.secret) == made
    assert create_channel(secret="x" * 16, **given)[1] is None


def test_not_sent_holds_its_reason():
    assert NotSent("why").reason == "why"
