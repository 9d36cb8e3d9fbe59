"""10,000 alerts by four workers to a receiver: none is lost, though one be killed."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from goals.tests.channels.receivers import Receiver, http_receiver
from tests.faults import workers
from tests.faults.stand import Stand

pytestmark = pytest.mark.faults
ALERTS, WORKERS = 10_000, 4
# As many channels as the workers send to at once: while nobody is answered, each of
# them is in the middle of four messages.
CHANNELS = 16
# 38 deliveries a second on two cores that others keep busy.
LONGEST_SECONDS = 900.0
UNSENT = "SELECT count(*) FROM goal_alert_deliveries WHERE state <> 'sent'"
SENT = """
SELECT d.alert_id, d.attempts FROM goal_alert_deliveries d
JOIN goal_alerts a USING (alert_id) WHERE d.state = 'sent' AND a.user_id LIKE %s
"""
COUNT = "SELECT count(*) FROM goal_alert_deliveries WHERE state = 'sent'"
FORGET = "TRUNCATE goal_alerts, alert_channels CASCADE"


@pytest.fixture
def sending(empty: Stand) -> Iterator[Stand]:
    """Nothing is to be delivered; four workers that may send to this machine."""
    with empty.postgres.connect() as connection:
        connection.execute(FORGET)
    empty.environment["MASTERTRADE_ALLOW_PRIVATE_TARGETS"] = "1"
    yield empty
    del empty.environment["MASTERTRADE_ALLOW_PRIVATE_TARGETS"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as made:
        yield made


def alerts_in(receiver: Receiver) -> Counter[int]:
    """How often each alert came in."""
    return Counter(
        alert["alert_id"]
        for one in list(receiver.received)
        for alert in json.loads(one.body)["alerts"]
    )


def sent(place: Stand, name: str) -> dict[int, int]:
    """The alerts that count as sent, and after how many attempts."""
    return dict(place.ask_database(SENT, f"{name}-%"))


def await_sent(place: Stand, name: str) -> dict[int, int]:
    await_slowly(lambda: place.ask_database(COUNT) == [(ALERTS,)], place)
    assert place.ask_database(UNSENT) == [(0,)]
    return sent(place, name)


def await_slowly(holds_now: Callable[[], bool], place: Stand) -> None:
    """Asking costs something, too."""
    workers.await_that(holds_now, place, seconds=LONGEST_SECONDS, every=0.5)


def cause_alerts(
    place: Stand, name: str, receiver: Receiver
) -> "subprocess.Popen[bytes]":
    """A process that writes them while the workers are at work."""
    counts = (str(CHANNELS), str(ALERTS))
    module = ("-m", "tests.faults.alerting", name, *counts, receiver.url())
    return place.start(*module, log="alerting.log")


def test_each_of_10_000_alerts_is_delivered_once_by_four_workers(
    sending: Stand, receiver: Receiver
) -> None:
    for _ in range(WORKERS):
        workers.start_worker(sending)
    begin = time.monotonic()
    cause = cause_alerts(sending, "calm", receiver)
    attempts = await_sent(sending, "calm")
    assert cause.wait(10) == 0
    seconds = time.monotonic() - begin
    assert set(attempts.values()) == {1}
    assert alerts_in(receiver) == dict.fromkeys(attempts, 1)
    print(f"{ALERTS} deliveries in {seconds:.0f} s, {ALERTS / seconds:.0f} a second")


def test_a_killed_worker_loses_no_alert_and_repeats_only_what_it_was_sending(
    sending: Stand, receiver: Receiver
) -> None:
    started = [workers.start_worker(sending) for _ in range(WORKERS)]
    cause = cause_alerts(sending, "struck", receiver)
    await_slowly(lambda: len(receiver.received) > ALERTS / 4, sending)
    receiver.answers.clear()
    await_slowly(lambda: len(in_the_middle(sending, receiver)) == CHANNELS, sending)
    held = in_the_middle(sending, receiver)
    workers.kill(started[0])
    receiver.answers.set()
    attempts = await_sent(sending, "struck")
    assert cause.wait(10) == 0
    times = alerts_in(receiver)
    assert set(times) == set(attempts)
    repeated = {alert for alert, count in times.items() if count > 1}
    assert repeated
    assert repeated <= held
    assert max(times.values()) == 2
    print(f"{len(repeated)} of {ALERTS} deliveries were repeated")


def in_the_middle(place: Stand, receiver: Receiver) -> set[int]:
    """Alerts that came in and do not count as sent."""
    return set(alerts_in(receiver)) - set(sent(place, "struck"))
