"""What is due by the clock."""

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.enums import PortfolioKind
from goals.models import Portfolio
from goals.tests.factories import PortfolioFactory
from trades.jobs import JOBS, daily, day_turns, reconcile
from trades.jobs.job import LONG
from trades.services import daily as day_steps

CONTEXT: Any = SimpleNamespace()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "starts_at", "turns"),
    [
        ("UTC", time.min, ["2026-03-02T00:00"]),
        ("Asia/Kolkata", time.min, ["2026-03-01T18:30"]),
        ("America/New_York", time(17), ["2026-03-01T22:00", "2026-03-02T05:00"]),
        # The clocks skip midnight: the day begins at one.
        ("Africa/Cairo", time.min, ["2026-04-23T22:00"]),
    ],
)
def test_a_day_begins_at_local_midnight_and_at_day_starts_at(
    zone: str, starts_at: time, turns: list[str]
) -> None:
    PortfolioFactory()
    Portfolio.objects.update(time_zone=zone, day_starts_at=starts_at)
    wanted = [at(turn) for turn in turns]
    first = wanted[0] - timedelta(minutes=70)
    last = wanted[-1] + timedelta(minutes=70)
    minutes = int((last - first).total_seconds()) // 60
    every = [first + timedelta(minutes=n) for n in range(minutes)]
    assert [one for one in every if day_turns.begins_a_day(one)] == wanted


@pytest.mark.django_db
def test_where_no_day_begins_no_daily_run_is_deferred() -> None:
    PortfolioFactory(time_zone="UTC")
    PortfolioFactory(time_zone="Asia/Tokyo", kind=PortfolioKind.SIMULATION)
    for moment in ("2026-03-01T15:00", "2026-03-02T00:00"):
        day_turns.run(CONTEXT, int(at(moment).timestamp()))
    deferred = ProcrastinateJob.objects.values_list("task_name", "args__timestamp")
    assert list(deferred) == [("daily", int(at("2026-03-02T00:00").timestamp()))]


@pytest.mark.django_db
def test_a_daily_run_with_a_failure_fails_after_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = []

    def work(as_of: datetime, keys: object) -> day_steps.Done:
        done.append(as_of)
        return day_steps.Done("1 done", ("portfolio 7: ValueError: no",))

    steps = (day_steps.Step("one", work), day_steps.Step("two", work))
    monkeypatch.setattr(
        daily,
        "run_day",
        lambda as_of, **_: day_steps.run_day(as_of=as_of, steps=steps),
    )
    with pytest.raises(daily.DailyRunFailed, match=r"one: portfolio 7.*two: portfolio"):
        daily.run(CONTEXT, 0)
    assert len(done) == 2


@pytest.mark.django_db
def test_drift_is_logged_and_left(caplog: pytest.LogCaptureFixture) -> None:
    portfolio = PortfolioFactory()
    Portfolio.objects.filter(pk=portfolio.pk).update(equity=portfolio.equity + 1)
    for hour in range(24):
        reconcile.run(CONTEXT, hour * 3600)
        do_blocks()
    assert len(caplog.messages) == 1
    assert f"Portfolio {portfolio.pk} has drifted" in caplog.messages[0]
    portfolio.refresh_from_db()
    before = portfolio.equity
    reconcile.run(CONTEXT, portfolio.pk % 24 * 3600)
    do_blocks()
    portfolio.refresh_from_db()
    assert portfolio.equity == before


def blocks() -> list[list[int]]:
    jobs = ProcrastinateJob.objects.filter(task_name=reconcile.BLOCK, status="todo")
    return [job.args["portfolio_ids"] for job in jobs.order_by("pk")]


def do_blocks() -> None:
    for keys in blocks():
        JOBS[reconcile.BLOCK].run(CONTEXT, portfolio_ids=keys)
    ProcrastinateJob.objects.filter(task_name=reconcile.BLOCK).delete()


@pytest.mark.django_db
def test_a_sample_is_reconciled_in_blocks_and_does_not_pile_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "HOURS", 1)
    monkeypatch.setattr(reconcile, "MOST_IN_A_RUN", 12)
    for _ in range(12):
        PortfolioFactory()
    keys = list(Portfolio.objects.order_by("pk").values_list("pk", flat=True)[:12])
    for _ in range(2):
        reconcile.run(CONTEXT, 0)
        assert blocks() == [keys[:5], keys[5:10], keys[10:]]
    assert JOBS[reconcile.BLOCK].queue == LONG != JOBS["reconcile"].queue


@pytest.mark.django_db
def test_every_portfolio_has_its_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        PortfolioFactory()
    keys = sorted(Portfolio.objects.values_list("pk", flat=True))
    found = [key for hour in range(24) for key in reconcile.find_sample(hour * 3600)]
    assert sorted(found) == keys
    monkeypatch.setattr(reconcile, "MOST_IN_A_RUN", 1)
    monkeypatch.setattr(reconcile, "HOURS", 1)
    days = [reconcile.find_sample(day * 86400) for day in range(len(keys))]
    assert sorted(key for (key,) in days) == keys
