"""The jobs that deliver alerts, run by the queue's own worker."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.models import AlertDelivery
from goals.services import deliveries
from goals.tests.channel_factories import make_channel, make_delivery
from goals.tests.factories import UserFactory
from mastertrade.db.queue import defer
from mastertrade.tests.schema import execute
from trades.jobs.deliver import run_due

# A worker sees what is committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queue():
    """Its tables are no models of ours, so that nothing else empties them."""
    execute("TRUNCATE procrastinate_jobs CASCADE")
    yield
    execute("TRUNCATE procrastinate_jobs CASCADE")


def work():
    """All that is in the queue, and what it defers."""
    connector = app.connector.get_worker_connector()
    with app.replace_connector(connector) as worker:
        worker.run_worker(
            wait=False, listen_notify=False, install_signal_handlers=False
        )


def waiting():
    jobs = ProcrastinateJob.objects.filter(task_name="deliver", status="todo")
    return [one.args["channel_id"] for one in jobs.order_by("id")]


def test_a_worker_delivers_an_alert_that_was_deferred():
    channel = make_channel(UserFactory())
    make_delivery(channel, at=timezone.now())
    defer("deliver", channel_id=channel.pk)
    work()
    (sent,) = mail.outbox
    assert sent.subject == AlertDelivery.objects.get().alert.title
    assert ProcrastinateJob.objects.get(task_name="deliver").status == "succeeded"


def test_what_a_turn_has_no_time_for_is_deferred_again(monkeypatch):
    monkeypatch.setattr(deliveries, "BATCH", 2)
    channel = make_channel(UserFactory())
    for _ in range(5):
        make_delivery(channel, at=timezone.now())
    defer("deliver", channel_id=channel.pk)
    work()
    assert len(mail.outbox) == 5


def test_what_became_due_is_found_and_what_is_not_due_is_left():
    now, user = timezone.now(), UserFactory()
    due, later, off = (make_channel(user) for _ in range(3))
    for channel, minutes in ((due, -1), (later, 60), (off, -1)):
        make_delivery(channel, at=now + timedelta(minutes=minutes))
    type(off).objects.filter(pk=off.pk).update(is_active=False)
    run_due(None, timestamp=0)
    assert waiting() == [due.pk]


def test_a_channel_that_is_gone_is_no_failure():
    defer("deliver", channel_id=0)
    work()
    assert ProcrastinateJob.objects.get(task_name="deliver").status == "succeeded"
