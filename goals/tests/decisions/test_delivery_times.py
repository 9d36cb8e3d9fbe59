"""Quiet hours, digests and back-offs, in local time."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goals.decisions.delivery_times import (
    DeliveryTimes,
    digest_moments,
    quiet_until,
    wait_after,
)
from goals.enums import Digest

VIENNA = "Europe/Vienna"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def quiet(begin: int, end: int, time_zone: str = "UTC") -> DeliveryTimes:
    return DeliveryTimes(time_zone, quiet_from=time(begin), quiet_until=time(end))


@pytest.mark.parametrize(
    ("times", "now", "until"),
    [
        (quiet(22, 7), "2026-03-02T22:00", "2026-03-03T07:00"),
        (quiet(22, 7), "2026-03-03T06:59:59", "2026-03-03T07:00"),
        (quiet(22, 7), "2026-03-03T07:00", None),
        (quiet(22, 7), "2026-03-02T21:59:59", None),
        (quiet(12, 13), "2026-03-02T12:30", "2026-03-02T13:00"),
        (quiet(12, 13), "2026-03-02T13:00", None),
        # Vienna is an hour ahead in winter, two in summer.
        (quiet(22, 7, VIENNA), "2026-03-02T21:00", "2026-03-03T06:00"),
        (quiet(22, 7, VIENNA), "2026-03-02T20:59", None),
        (quiet(22, 7, VIENNA), "2026-03-28T22:00", "2026-03-29T05:00"),
        # 02:30 does not exist that day; the instant is 03:30 in summer time.
        (
            DeliveryTimes(VIENNA, quiet_from=time(1), quiet_until=time(2, 30)),
            "2026-03-29T00:30",
            "2026-03-29T01:30",
        ),
        (
            DeliveryTimes(VIENNA, quiet_from=time(22), quiet_until=time(2, 30)),
            "2026-03-29T01:05",
            "2026-03-29T01:30",
        ),
        # 02:30 comes twice that day; the first is the end.
        (
            DeliveryTimes(VIENNA, quiet_from=time(22), quiet_until=time(2, 30)),
            "2026-10-25T00:10",
            "2026-10-25T00:30",
        ),
        (
            DeliveryTimes(VIENNA, quiet_from=time(22), quiet_until=time(2, 30)),
            "2026-10-25T01:10",
            None,
        ),
        (DeliveryTimes("UTC"), "2026-03-02T00:00", None),
    ],
)
def test_quiet_hours_end_at_their_local_time(
    times: DeliveryTimes, now: str, until: str | None
) -> None:
    assert quiet_until(times, at(now)) == (until and at(until))


# Zones whose clocks change by an hour or half of one, at night, at midnight, or never.
ZONES = ["UTC", VIENNA, "America/New_York", "America/Santiago", "Africa/Cairo"]
ZONES += ["Australia/Lord_Howe", "Asia/Kolkata"]
MINUTES_OF_A_DAY = 24 * 60


HALF_HOURS = [at("2025-01-01T00:00") + timedelta(0, 1800 * one) for one in range(17520)]


@cache
def changes_of(time_zone: str) -> list[datetime]:
    """When its clocks change within a year; any time where they never do."""
    zone, half = ZoneInfo(time_zone), timedelta(minutes=30)
    return [
        one
        for one in HALF_HOURS
        if one.astimezone(zone).utcoffset() != (one - half).astimezone(zone).utcoffset()
    ] or HALF_HOURS


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(ZONES))
def test_quiet_hours_hold_nothing_longer_than_they_last_and_end_outside_of_them(
    data: st.DataObject, time_zone: str
) -> None:
    """Mostly near a change of the clocks, with an end near the time asked of."""
    near = data.draw(
        st.sampled_from(changes_of(time_zone)) | st.sampled_from(HALF_HOURS)
    )
    now = near + timedelta(minutes=data.draw(st.integers(-180, 180), "minutes"))
    local = now.astimezone(ZoneInfo(time_zone))
    minute = local.hour * 60 + local.minute
    end = (minute + data.draw(st.integers(-90, 90), "to end")) % MINUTES_OF_A_DAY
    length = data.draw(st.integers(1, 22 * 60), "length")
    begin = (end - length) % MINUTES_OF_A_DAY
    times = DeliveryTimes(
        time_zone,
        quiet_from=time(*divmod(begin, 60)),
        quiet_until=time(*divmod(end, 60)),
    )
    until = quiet_until(times, now)
    if until is not None:
        # One that spans a change of the clocks lasts up to an hour longer.
        assert now < until <= now + timedelta(minutes=length + 60)
        assert quiet_until(times, until) is None
    is_usual_day = all(
        (local + timedelta(days=one)).utcoffset() == local.utcoffset()
        for one in (-2, 2)
    )
    if is_usual_day:
        assert (until is not None) == ((minute - begin) % MINUTES_OF_A_DAY < length)


@pytest.mark.parametrize(
    ("digest", "now", "last", "following"),
    [
        (Digest.HOURLY, "2026-03-02T12:00", "2026-03-02T12:00", "2026-03-02T13:00"),
        (Digest.HOURLY, "2026-03-02T12:59:59", "2026-03-02T12:00", "2026-03-02T13:00"),
        (Digest.DAILY, "2026-03-02T07:00", "2026-03-02T07:00", "2026-03-03T07:00"),
        (Digest.DAILY, "2026-03-02T06:59:59", "2026-03-01T07:00", "2026-03-02T07:00"),
        # Days of 23 and 25 hours.
        (Digest.DAILY, "2026-03-29T05:59", "2026-03-28T07:00", "2026-03-29T06:00"),
        (Digest.DAILY, "2026-03-29T06:00", "2026-03-29T06:00", "2026-03-30T06:00"),
        (Digest.DAILY, "2026-10-25T06:59", "2026-10-24T06:00", "2026-10-25T07:00"),
        (Digest.DAILY, "2026-10-25T07:00", "2026-10-25T07:00", "2026-10-26T07:00"),
    ],
)
def test_a_digest_is_due_at_its_local_time(
    digest: Digest, now: str, last: str, following: str
) -> None:
    times = DeliveryTimes(VIENNA, digest=digest, digest_at=time(8))
    assert digest_moments(times, at(now)) == (at(last), at(following))


def test_without_a_digest_there_is_no_moment() -> None:
    assert digest_moments(DeliveryTimes("UTC"), at("2026-03-02T12:00")) is None


def test_waits_grow_to_a_day_and_then_end() -> None:
    waits = [wait_after(attempts) for attempts in range(1, 10)]
    assert waits[:3] == [timedelta(seconds=30), timedelta(minutes=2), timedelta(0, 480)]
    assert waits[6:] == [timedelta(hours=24), None, None]
