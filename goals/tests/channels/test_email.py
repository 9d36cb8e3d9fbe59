"""Mail within its time, whatever its server does."""

import time

import pytest

from goals.channels import email
from goals.channels.channel import NotSent
from goals.tests.channels.receivers import slow_mail_server
from goals.tests.channels.test_senders import MESSAGE


@pytest.mark.parametrize(
    ("pause", "trickles"),
    [(0.2, False), (0.02, True), (30, False)],
    ids=["slow lines", "slow bytes", "no answer"],
)
def test_the_whole_of_a_mail_is_limited_in_time_and_then_not_sent(
    settings, pause, trickles
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with slow_mail_server(pause, trickles=trickles) as (taken, port):
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        begin = time.monotonic()
        with pytest.raises(NotSent, match=r"not take it within 0\.5 seconds") as late:
            email.send("ada@example.com", "", MESSAGE, seconds=0.5)
        assert time.monotonic() - begin < 1.5
        assert late.value.no_answer
        time.sleep(0.8)  # what it would have needed
        assert taken == []


def test_a_slow_mail_server_in_time_is_sent_to(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with slow_mail_server(0.02, trickles=False) as (taken, port):
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        assert email.send("ada@example.com", "", MESSAGE).endswith("took it.")
        assert taken == ["a mail"]
