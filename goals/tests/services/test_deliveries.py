"""Alerts on their way to channels: over a real mail server, or what stands for one."""

from datetime import time, timedelta
from threading import Barrier, Thread
from time import monotonic, sleep

import pytest
from django.core import mail
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.channels.channel import NotSent
from goals.decisions.delivery_times import MOST_ATTEMPTS
from goals.enums import ChannelKind, DeliveryState, Severity
from goals.models import AlertChannel, AlertDelivery
from goals.services import deliveries
from goals.services.channels import delete_channel, retry_channel, update_channel
from goals.services.deliveries import TAKEN_FOR, deliver, find_due_channels
from goals.tests.channel_factories import NOW, make_channel, make_delivery
from goals.tests.channels.receivers import http_receiver, mail_server
from goals.tests.factories import UserFactory
from mastertrade.db.queue import defer
from mastertrade.tests.schema import fetch
from mastertrade.values.exceptions import ChannelNotActive

pytestmark = pytest.mark.django_db


SENT = {"state": "sent", "sent_at": NOW, "tried_at": NOW, "attempts": 1}
SENT |= {"next_try_at": None}


class Clock:
    """Goes on by a second with each look."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def channel():
    return make_channel(UserFactory())


@pytest.fixture
def sent(monkeypatch):
    """What is sent, in order; `sent.fail` makes the next ones fail."""

    class Sent(list):
        fail = None

    taken = Sent()

    def send_to(channel, message, **options):
        if taken.fail is not None:
            raise taken.fail
        taken.append(message)
        return "taken"

    monkeypatch.setattr(deliveries, "send_to", send_to)
    return taken


def deliver_at(channel, now=NOW):
    return deliver(channel.pk, clock=Clock(now))


def read(delivery):
    delivery.refresh_from_db()
    return delivery


# By mail


def test_a_mail_server_gets_an_alert_once_as_text_and_html(channel, settings):
    with mail_server() as (mailbox, port):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        delivery = make_delivery(channel, title="50 % <reached>")
        for _ in range(2):
            assert not deliver_at(channel)
        (one,) = mailbox.mails
    assert one["Subject"] == "50 % <reached>"
    assert one["To"] == "ada@example.com"
    text, html = (part.get_content() for part in one.iter_parts())
    assert "The goal of 5 % stands at 2.5 %." in text
    assert "progress: 50 %" in text
    assert "50 % &lt;reached&gt;" in html
    assert (read(delivery).state, delivery.attempts) == ("sent", 1)
    assert [one["error"] for one in delivery.tries] == [""]


def test_a_mail_server_that_refuses_is_tried_again_and_names_no_address(
    channel, settings
):
    with mail_server() as (mailbox, port):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        mailbox.refuses.add("ada@example.com")
        delivery = make_delivery(channel)
        deliver_at(channel)
        assert read(delivery).last_error == "The mail server refused it: 550"
        mailbox.refuses.clear()
        deliver_at(channel, delivery.next_try_at)
        assert len(mailbox.mails) == 1
    assert (read(delivery).state, delivery.attempts) == ("sent", 2)


def test_without_a_mail_server_the_operator_s_setting_is_named(channel, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    delivery = make_delivery(channel)
    deliver_at(channel)
    assert "MASTERTRADE_EMAIL_HOST" in read(delivery).last_error


def test_a_title_of_several_lines_adds_no_header_to_a_mail(channel):
    make_delivery(channel, title="Halted\nBcc: eve@example.com")
    deliver_at(channel)
    assert mail.outbox[0].subject == "Halted Bcc: eve@example.com"
    assert mail.outbox[0].recipients() == ["ada@example.com"]


# By webhook


def test_a_webhook_gets_alerts_through_the_guarded_process(settings):
    settings.ALLOW_PRIVATE_TARGETS = True
    deliveries.senders.cache_clear()
    with http_receiver() as receiver:
        address = receiver.url()
        channel = make_channel(UserFactory(), ChannelKind.WEBHOOK, address=address)
        found = [make_delivery(channel) for _ in range(3)]
        deliver_at(channel)
        ids = [one.headers["x-mastertrade-id"] for one in receiver.received]
    assert ids == [f"delivery-{one.pk}" for one in found]
    deliveries.senders().end()
    deliveries.senders.cache_clear()


# Once


def test_what_was_sent_is_written_before_the_next_is_sent(channel, monkeypatch):
    found = [make_delivery(channel) for _ in range(3)]
    states = []

    def send_to(channel, message, **options):
        rows = AlertDelivery.objects.order_by("pk")
        states.append([one.state for one in rows])
        if len(states) == 3:
            raise KeyboardInterrupt  # as good as a kill: nothing is written any more
        return "taken"

    monkeypatch.setattr(deliveries, "send_to", send_to)
    with pytest.raises(KeyboardInterrupt):
        deliver_at(channel)
    assert states[2] == ["sent", "sent", "waiting"]
    assert read(found[2]).state == "waiting"


def test_what_a_killed_call_took_is_taken_again_once_its_time_is_over(channel, sent):
    make_delivery(channel)
    AlertChannel.objects.update(delivering_until=NOW + TAKEN_FOR)
    assert not deliver_at(channel)
    assert (sent, find_due_channels(NOW)) == ([], [])
    later = NOW + TAKEN_FOR + timedelta(seconds=1)
    assert find_due_channels(later) == [channel.pk]
    deliver_at(channel, later)
    assert len(sent) == 1


def test_a_call_that_was_stopped_for_long_sends_no_more(channel, sent):
    """Others may have taken the channel meanwhile."""
    for _ in range(3):
        make_delivery(channel)
    clock = Clock()

    def stopped_after_the_first():
        if len(sent) == 1:
            clock.now += TAKEN_FOR
            AlertChannel.objects.update(delivering_until=clock.now + TAKEN_FOR)
        return False

    deliver(channel.pk, clock=clock, stopping=stopped_after_the_first)
    assert len(sent) == 1
    channel.refresh_from_db()
    assert channel.delivering_until is not None  # the other's


@pytest.mark.django_db(transaction=True)
def test_four_at_once_send_each_alert_once(monkeypatch):
    channel = make_channel(UserFactory())
    count = 40
    for _ in range(count):
        make_delivery(channel)
    barrier, taken = Barrier(4), []
    monkeypatch.setattr(
        deliveries, "send_to", lambda channel, message: taken.append(message.key)
    )

    def work():
        barrier.wait()
        for _ in range(3):
            deliver(channel.pk, clock=lambda: NOW)
        connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(taken) == len(set(taken)) == count
    assert set(AlertDelivery.objects.values_list("state", "attempts")) == {("sent", 1)}


@pytest.mark.django_db(transaction=True)
def test_who_waited_for_another_to_take_the_channel_does_not_take_it_too(sent):
    channel = make_channel(UserFactory())
    make_delivery(channel)
    ours = []

    def work():
        ours.append(connection.cursor().connection.info.backend_pid)
        deliver_at(channel)
        connection.close()

    other = Thread(target=work)
    with transaction.atomic():
        assert deliveries._take(channel.pk, NOW) is not None
        other.start()
        wait_until(lambda: ours and is_blocked(ours[0]))
    other.join()
    assert sent == []


def is_blocked(pid):
    [(found,)] = fetch("SELECT cardinality(pg_blocking_pids(%s)) > 0", pid)
    return found


def wait_until(condition):
    until = monotonic() + 10
    while not condition():
        assert monotonic() < until
        sleep(0.01)


def test_what_comes_while_a_call_sends_is_left_to_a_further_call(channel, monkeypatch):
    """Its own job was turned away: the channel was taken."""
    make_delivery(channel)

    def send_to(channel, message, **options):
        if AlertDelivery.objects.count() == 1:
            make_delivery(channel)
            assert not deliver_at(channel)
        return "taken"

    monkeypatch.setattr(deliveries, "send_to", send_to)
    assert deliver_at(channel)
    assert not deliver_at(channel)
    assert AlertDelivery.objects.filter(state="sent").count() == 2


def test_one_call_does_the_work_of_all_jobs_that_wait_for_the_channel(channel, sent):
    other = make_channel(channel.user)
    for one in (channel, channel, channel, other):
        make_delivery(one)
        defer("deliver", channel_id=one.pk)
    deliver_at(channel)
    assert len(sent) == 3
    waiting = ProcrastinateJob.objects.filter(task_name="deliver", status="todo")
    assert [one.args for one in waiting] == [{"channel_id": other.pk}]


# Failures


def test_a_failure_waits_longer_each_time_and_ends_dead(channel, sent):
    sent.fail = NotSent("The receiver answered 500")
    delivery, now, waits = make_delivery(channel), NOW, []
    for attempts in range(1, MOST_ATTEMPTS + 1):
        deliver_at(channel, now)
        assert read(delivery).attempts == attempts
        if delivery.next_try_at is not None:
            waits.append(delivery.next_try_at - delivery.tried_at)
            assert delivery.state == DeliveryState.FAILED
            # Not before its time.
            deliver_at(channel, delivery.next_try_at - timedelta(seconds=2))
            assert read(delivery).attempts == attempts
            now = delivery.next_try_at
    assert delivery.state == DeliveryState.DEAD
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=30), timedelta(hours=24))
    errors = [one["error"] for one in delivery.tries]
    assert errors == ["The receiver answered 500"] * MOST_ATTEMPTS


def test_one_refused_alert_stops_no_other(channel, monkeypatch):
    first, second = make_delivery(channel, title="refused"), make_delivery(channel)

    def send_to(channel, message, **options):
        if message.title == "refused":
            raise NotSent("The receiver answered 400")
        return "taken"

    monkeypatch.setattr(deliveries, "send_to", send_to)
    deliver_at(channel)
    assert [read(one).state for one in (first, second)] == ["failed", "sent"]


def test_a_receiver_that_does_not_answer_is_asked_once_a_round(channel, monkeypatch):
    found, asked = [make_delivery(channel) for _ in range(5)], []

    def send_to(channel, message, **options):
        asked.append(message)
        raise NotSent("The receiver did not answer.", no_answer=True)

    monkeypatch.setattr(deliveries, "send_to", send_to)
    assert not deliver_at(channel)
    assert len(asked) == 1
    assert {read(one).state for one in found} == {"failed"}
    assert found[1].last_error.startswith("Not tried, as one before it failed: The rec")


def test_an_error_of_our_own_is_counted_and_raised(channel, monkeypatch):
    delivery = make_delivery(channel)

    def compose(group):
        raise LookupError("a figure")

    monkeypatch.setattr(deliveries, "compose", compose)
    with pytest.raises(LookupError):
        deliver_at(channel)
    assert read(delivery).last_error == "Sending failed (LookupError)."
    channel.refresh_from_db()
    assert channel.delivering_until is None


def test_dead_ones_are_tried_again_by_hand(channel, sent):
    dead, other = make_delivery(channel), make_delivery(make_channel(UserFactory()))
    AlertDelivery.objects.update(
        state="dead", attempts=8, tried_at=NOW, next_try_at=None, last_error="500"
    )
    assert retry_channel(user=channel.user, channel_id=channel.pk, now=NOW) == 1
    deliver_at(channel)
    assert (read(dead).state, dead.attempts) == ("sent", 1)
    assert read(other).state == "dead"


def test_nothing_is_tried_again_for_a_channel_that_is_switched_off(channel):
    AlertChannel.objects.update(is_active=False)
    with pytest.raises(ChannelNotActive):
        retry_channel(user=channel.user, channel_id=channel.pk, now=NOW)


# When


def update(channel, **changes):
    return update_channel(user=channel.user, channel_id=channel.pk, now=NOW, **changes)


def test_quiet_hours_hold_what_is_not_critical_until_they_end(channel, sent):
    update(channel, quiet_hours="11:00-13:00")
    usual = make_delivery(channel)
    make_delivery(channel, severity=Severity.CRITICAL, title="Halted")
    assert not deliver_at(channel)
    assert [one.title for one in sent] == ["Halted"]
    assert read(usual).next_try_at == NOW + timedelta(hours=1)
    deliver_at(channel, NOW + timedelta(hours=1))
    assert len(sent) == 2


def test_a_digest_collects_what_was_made_since_the_last_one(channel, sent):
    update(channel, digest="hourly")
    for minutes in (1, 30):
        at = NOW + timedelta(minutes=minutes)
        make_delivery(channel, at=at, created_at=at)
    make_delivery(channel, severity=Severity.CRITICAL, title="Halted")
    deliver_at(channel, NOW + timedelta(minutes=31))
    assert [one.title for one in sent] == ["Halted"]
    deliver_at(channel, NOW + timedelta(hours=1))
    assert [one.title for one in sent] == ["Halted", "2 alerts of MasterTrade"]
    assert len(sent[1].data["alerts"]) == 2
    assert set(AlertDelivery.objects.values_list("state", flat=True)) == {"sent"}


def test_a_daily_digest_is_sent_at_eight_by_default(channel):
    assert update(channel, digest="daily").digest_at == time(8)


def test_quiet_hours_hold_a_digest_too(channel, sent):
    update(channel, digest="hourly", quiet_hours="12:30-14:30")
    make_delivery(channel, created_at=NOW + timedelta(minutes=1))
    for minutes in (60, 120):
        deliver_at(channel, NOW + timedelta(minutes=minutes))
    assert sent == []
    deliver_at(channel, NOW + timedelta(minutes=151))
    assert len(sent) == 1


def test_no_more_than_allowed_is_sent_in_a_minute(channel, sent):
    update(channel, per_minute=2)
    for _ in range(5):
        make_delivery(channel)
    assert not deliver_at(channel)
    assert len(sent) == 2
    deliver_at(channel, NOW + timedelta(seconds=30))
    assert len(sent) == 2
    deliver_at(channel, NOW + timedelta(seconds=65))
    assert len(sent) == 4


def test_a_slow_channel_lets_others_go_on(channel, monkeypatch):
    clock = Clock()
    for _ in range(5):
        make_delivery(channel)

    def send_to(channel, message, **options):
        clock.now += timedelta(seconds=6)
        return "taken"

    monkeypatch.setattr(deliveries, "send_to", send_to)
    assert deliver(channel.pk, clock=clock)
    assert AlertDelivery.objects.filter(state="sent").count() == 2


def test_critical_ones_go_first_then_the_oldest(channel, sent):
    make_delivery(channel, title="first")
    make_delivery(channel, title="second")
    make_delivery(channel, title="Halted", severity=Severity.CRITICAL)
    deliver_at(channel)
    assert [one.title for one in sent] == ["Halted", "first", "second"]


# Switched off


def test_a_channel_that_is_switched_off_skips_what_waits(channel, sent):
    waiting = make_delivery(channel)
    update(channel, is_active=False)
    assert read(waiting).state == "skipped"
    late = make_delivery(channel)
    assert not deliver_at(channel)
    update(channel, is_active=True)
    assert read(late).state == "skipped"
    assert sent == []


def test_nothing_is_sent_for_a_user_who_may_not_sign_in(channel, sent):
    make_delivery(channel)
    channel.user.is_active = False
    channel.user.save()
    assert not deliver_at(channel)
    assert (sent, find_due_channels(NOW)) == ([], [])


def test_new_quiet_hours_are_asked_anew_of_what_waits(channel, sent):
    update(channel, quiet_hours="11:00-13:00")
    make_delivery(channel)
    deliver_at(channel)
    update(channel, quiet_hours=None)
    deliver_at(channel)
    assert len(sent) == 1


@pytest.mark.parametrize("digest", ["off", "hourly"])
@pytest.mark.parametrize(
    ("change", "sent_in_all"),
    [
        (lambda one: update(one, is_active=False), 1),
        (lambda one: delete_channel(user=one.user, channel_id=one.pk), 1),
        (lambda one: one.deliveries.update(**SENT), 1),
        (lambda one: update(one, address="eve@example.com"), 3),
    ],
    ids=["switched off", "deleted", "sent by another", "another address"],
)
def test_what_changes_while_a_call_sends_holds_from_its_next_message_on(
    channel, monkeypatch, digest, change, sent_in_all
):
    """A digest is the second message: the first is critical."""
    update(channel, digest=digest)
    make_delivery(channel, severity=Severity.CRITICAL)
    for _ in range(2):
        make_delivery(channel, created_at=NOW - timedelta(hours=1))
    to = []

    def send_to(channel, message, **options):
        to.append(channel.masked_address)
        if len(to) == 1:
            change(channel)
        return "taken"

    monkeypatch.setattr(deliveries, "send_to", send_to)
    assert not deliver_at(channel)
    count = min(sent_in_all, 3 if digest == "off" else 2)
    assert to == ["a…@example.com", *["e…@example.com"] * (count - 1)]


def test_each_of_many_deliveries_of_a_channel_costs_two_statements(
    channel, sent, django_assert_num_queries
):
    for _ in range(20):
        make_delivery(channel)
    shared = 9
    with django_assert_num_queries(shared + 2 * 20):
        deliver(channel.pk, clock=lambda: NOW)
