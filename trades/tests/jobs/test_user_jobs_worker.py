"""Jobs of users with real workers: seen, cancelled, killed, done by two at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_django
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.models import Portfolio
from mastertrade.database import show_url
from tests.faults import holds
from tests.http import Trader, make_trader
from trades.booking.reconcile import find_drift
from trades.enums import JobKind, JobState
from trades.jobs.kinds import KINDS
from trades.jobs.kinds.base import Given, Kind
from trades.models import Trade, TradeImport, UserJob
from trades.services.jobs import cancel_job, create_job
from trades.tests.jobs.worker import work

pytestmark = pytest.mark.usefixtures("queue")

HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
ROWS = [
    f"row-{number},BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,"
    f"{51000 + number},2026-03-02T10:00:00Z"
    for number in range(50)
]
LONGEST_WAIT_SECONDS = 30.0


@pytest.fixture
def trader() -> Trader:
    return make_trader()


@pytest.fixture(autouse=True)
def files(settings: pytest_django.Settings, tmp_path: Path) -> Path:
    settings.JOB_FILES = tmp_path / "jobs"
    return tmp_path / "jobs"


@pytest.fixture
def kind_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Imports do something else from now on."""

    def replace(run: Callable[[Given], Any]) -> None:
        monkeypatch.setitem(KINDS, JobKind.IMPORT, Kind(run))

    return replace


def ask(trader: Trader) -> UserJob:
    return create_job(
        user=trader.user, kind=JobKind.IMPORT, arguments={}, now=timezone.now()
    )


def ask_import(trader: Trader) -> UserJob:
    content = "\n".join([HEADER, *ROWS, ""]).encode()
    return create_job(
        user=trader.user,
        kind=JobKind.IMPORT,
        arguments={
            "format": "mastertrade-csv",
            "portfolio": "crypto",
            "strategy_id": "momentum_001",
            "file_name": "trades.csv",
            "partial": False,
        },
        files={"file": SimpleUploadedFile("trades.csv", content)},
        now=timezone.now(),
    )


@contextmanager
def working() -> Iterator[None]:
    """The same in a thread, next to the block; it has ended after it."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(LONGEST_WAIT_SECONDS)
        assert not thread.is_alive()


def wait_for(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def names() -> set[str]:
    return set(Portfolio.objects.values_list("name", flat=True))


def rename(name: str) -> None:
    Portfolio.objects.filter(name="crypto").update(name=name)


def test_a_worker_does_what_was_asked_and_others_see_how_far_it_is(
    trader: Trader, kind_of: Callable[..., None]
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def run(given: Given) -> dict[str, Any]:
        rename("done")
        given.report(0.4, "Reading")
        reached.set()
        assert go_on.wait(LONGEST_WAIT_SECONDS)
        return {"made": 1}

    kind_of(run)
    job = ask(trader)
    with working():
        try:
            assert reached.wait(LONGEST_WAIT_SECONDS)
            job.refresh_from_db()
            assert (job.state, job.progress, job.step) == ("running", 40, "Reading")
            assert "done" not in names()  # its transaction is open
        finally:
            go_on.set()
    job.refresh_from_db()
    assert (job.state, job.progress, job.result) == ("done", 100, {"made": 1})
    assert "done" in names()
    assert ProcrastinateJob.objects.get().status == "succeeded"


def test_a_running_job_is_cancelled_at_its_next_step_and_undone(
    trader: Trader, kind_of: Callable[..., None]
) -> None:
    def run(given: Given) -> dict[str, Any]:
        rename("half done")
        end = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < end:
            given.report(0.5, "Half")
            time.sleep(0.01)
        raise AssertionError("it was not cancelled")

    kind_of(run)
    job = ask(trader)
    with working():
        wait_for(lambda: UserJob.objects.get().progress == 50)
        asked = cancel_job(user=trader.user, job_id=job.pk, now=timezone.now())
        assert (asked.state, asked.cancel_requested) == (JobState.RUNNING, True)
    job.refresh_from_db()
    assert (job.state, job.error, job.result) == ("cancelled", "", None)
    assert "half done" not in names()


def test_a_cancel_that_was_answered_holds_though_the_work_was_at_its_end(
    trader: Trader, kind_of: Callable[..., None]
) -> None:
    def run(given: Given) -> dict[str, Any]:
        rename("done")
        given.report(1, "Writing the result")
        in_a_thread(
            lambda: cancel_job(
                user=trader.user, job_id=UserJob.objects.get().pk, now=timezone.now()
            )
        )
        return {}

    kind_of(run)
    job = ask(trader)
    work()
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert "done" not in names()


def test_two_workers_at_the_same_job_have_the_effect_of_one(
    trader: Trader, kind_of: Callable[..., None]
) -> None:
    runs: list[int] = []

    def run(given: Given) -> dict[str, Any]:
        runs.append(1)
        if len(runs) == 1:  # paused so long that another took its job
            set_queued(job.queue_key)
            in_a_thread(work)
        count = TradeImport.objects.count()
        TradeImport.objects.create(
            user=trader.user,
            portfolio_id=trader["portfolio_id"],
            format="",
            file_name=f"{count}",
            content_sha256="",
            created_count=0,
            known_count=0,
            refused_count=0,
            created_at=given.now,
            created_by="",
        )
        return {"number": len(runs)}

    kind_of(run)
    job = ask(trader)
    work()
    job.refresh_from_db()
    assert len(runs) == 2
    assert (job.state, job.result) == ("done", {"number": 2})
    assert TradeImport.objects.count() == 1


def test_what_the_database_gave_up_is_done_again(
    trader: Trader, kind_of: Callable[..., None]
) -> None:
    runs: list[int] = []

    def run(given: Given) -> dict[str, Any]:
        runs.append(1)
        if len(runs) == 1:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()
            in_a_thread(lambda: execute("SELECT pg_terminate_backend(%s)", pid))
        rename("done")
        return {}

    kind_of(run)
    job = ask(trader)
    work()
    assert "done" not in names()
    execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
    work()
    job.refresh_from_db()
    assert (job.state, len(runs)) == ("done", 2)
    assert "done" in names()


def in_a_thread(call: Callable[[], Any]) -> None:
    """With a connection of its own; what it raises is raised."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(LONGEST_WAIT_SECONDS)
    assert not thread.is_alive()
    if failures:
        raise failures[0]


def execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def set_queued(queue_key: int | None) -> None:
    """As the sweep of jobs of silent workers does."""
    in_a_thread(
        lambda: execute(
            "UPDATE procrastinate_jobs SET status = 'todo' WHERE id = %s", queue_key
        )
    )


# With real processes.


@contextmanager
def process(files: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`manage.py work --once` on the test's database."""
    environment = {
        **os.environ,
        "MASTERTRADE_TESTING": "1",
        "TEST_DATABASE_URL": show_url(connection.settings_dict, secret=True),
        "MASTERTRADE_JOB_FILES": str(files),
    }
    command = [sys.executable, "manage.py", "work", "--once"]
    worker = subprocess.Popen(
        command,
        cwd=django_settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


@contextmanager
def places() -> Iterator["psycopg.Connection[Any]"]:
    """Transactions can be held at the places of `holds`, on this connection."""
    execute(holds.TRIGGERS)
    url = show_url(connection.settings_dict, secret=True)
    try:
        with closing(psycopg.connect(url, autocommit=True)) as held:
            yield held
    finally:
        execute("DROP FUNCTION hold_here() CASCADE")


@pytest.mark.slow
@pytest.mark.parametrize("place", [holds.Place.TRADE_WRITTEN, holds.Place.BOOKED])
def test_a_killed_import_leaves_nothing_and_is_done_again_once(
    trader: Trader, files: Path, place: holds.Place
) -> None:
    job = ask_import(trader)
    with places() as held:
        with holds.held(held, place), process(files) as worker:
            assert holds.await_held(held, place) == 1
            job.refresh_from_db()
            assert (job.state, job.step) == ("running", "Booking what was read")
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        wait_for(lambda: _is_alone(held))
    assert not Trade.objects.exists()
    job.refresh_from_db()
    assert job.state == "running"
    set_queued(job.queue_key)
    with process(files) as worker:
        assert worker.wait(LONGEST_WAIT_SECONDS) == 0
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")
    assert job.result is not None
    assert job.result["created"] == Trade.objects.count() == len(ROWS)
    assert TradeImport.objects.count() == 1
    assert list(find_drift()) == []
    assert not list(files.iterdir())


def _is_alone(held: "psycopg.Connection[Any]") -> bool:
    """Whether the killed worker's transaction has ended."""
    row = held.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND state <> 'idle' "
        "AND backend_type = 'client backend'"
    ).fetchone()
    return row == (0,)
