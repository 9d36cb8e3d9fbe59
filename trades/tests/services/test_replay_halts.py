"""When a halted replay resumes: by the days it was given, and never without them."""

from datetime import datetime, timedelta

import pytest

from trades.replay.halts import HaltSpan, HaltWatch
from trades.tests.replay_broker import DAY, START, MemoryDesk


def halted_broker(at: datetime = START) -> MemoryDesk:
    return MemoryDesk(halt=at)


def resumed(broker: MemoryDesk) -> list[datetime]:
    return [at for name, at, _ in broker.calls if name == "resume"]


def test_nobody_resumes_what_was_not_asked_to_be():
    broker = halted_broker()
    watch = HaltWatch(broker, None)

    watch.advance(START + 1000 * DAY)

    assert resumed(broker) == []
    assert watch.spans() == (HaltSpan(START, None),)


@pytest.mark.parametrize(
    ("waited", "ends"),
    [
        (30 * DAY - timedelta(seconds=1), None),
        (30 * DAY, START + 30 * DAY),
        (33 * DAY, START + 30 * DAY),  # over a weekend: to the day all the same
    ],
)
def test_a_halt_ends_to_the_day(waited: timedelta, ends: datetime | None):
    broker = halted_broker()
    watch = HaltWatch(broker, 30)

    watch.advance(START + waited)

    assert watch.spans() == (HaltSpan(START, ends),)
    assert resumed(broker) == ([] if ends is None else [ends])


def test_the_goals_are_rolled_before_trading_resumes_and_after():
    broker = halted_broker()

    HaltWatch(broker, 1).advance(START + 3 * DAY)

    assert [(name, at) for name, at, _ in broker.calls] == [
        ("advance", START + DAY),
        ("resume", START + DAY),
        ("advance", START + 3 * DAY),
    ]


def test_each_halt_waits_anew():
    broker = halted_broker()
    watch = HaltWatch(broker, 2)
    watch.advance(START + 2 * DAY)
    broker.halt = START + 5 * DAY

    watch.advance(START + 6 * DAY)
    watch.advance(START + 7 * DAY)

    assert watch.spans() == (
        HaltSpan(START, START + 2 * DAY),
        HaltSpan(START + 5 * DAY, START + 7 * DAY),
    )


def test_one_day_is_one_day():
    broker = halted_broker()
    HaltWatch(broker, 1).advance(START + DAY)
    assert broker.calls[1] == (
        "resume",
        START + DAY,
        "1 day after the halt, as set for the replay",
    )
