"""Jobs of users over HTTP: asked for, done, cancelled, forgotten."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_django
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import JobAborted
from procrastinate.job_context import AbortReason

from mastertrade.db.queue import give_back_stalled
from mastertrade.tests.schema import execute
from tests.http import (
    Trader,
    count_statements,
    made_once,
    make_trader,
    read,
    unthrottled,  # noqa: F401
)
from trades.enums import JobKind, JobState
from trades.jobs.kinds import KINDS
from trades.jobs.kinds.base import Given, Kind
from trades.jobs.worker import end_now, sweep
from trades.models import Trade, TradeImport, UserJob
from trades.services.jobs import KEPT, create_job, follow_queue, forget_jobs
from trades.tests.jobs.worker import do

IMPORT = "/api/trades/import/"
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
ROW = "a,BTCUSDT,LONG,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z"
WRONG = ROW.replace("a,", "c,", 1).replace("LONG", "BUY")

trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


@pytest.fixture(autouse=True)
def files(settings: pytest_django.Settings, tmp_path: Path) -> Path:
    settings.JOB_FILES = tmp_path / "jobs"
    return tmp_path / "jobs"


@pytest.fixture
def commits(
    django_capture_on_commit_callbacks: Any,
) -> Callable[[], Any]:
    """What is done after a commit is done, though the test's is never committed."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def upload(trader: Trader, *rows: str, query: str = "?background=1") -> Any:
    content = "\n".join([HEADER, *rows, ""])
    body = {
        "format": "mastertrade-csv",
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
        "file": SimpleUploadedFile("../my trades.csv", content.encode()),
    }
    return trader.client.post(IMPORT + query, body, format="multipart")


def do_all() -> None:
    for queued in ProcrastinateJob.objects.filter(task_name="user_job", status="todo"):
        do(queued.args["job_id"])


def stored(files: Path) -> list[Path]:
    return [path for path in files.glob("**/*") if path.is_file()]


def test_a_file_is_taken_in_at_once_and_imported_by_a_worker(
    trader: Trader, files: Path, commits: Callable[[], Any]
) -> None:
    answer = upload(trader, ROW)
    asked = read(answer, 202)
    assert answer["Location"] == f"/api/jobs/{asked['job_id']}/"
    assert (asked["kind"], asked["state"], asked["progress"]) == (
        "import",
        "waiting",
        0,
    )
    assert not Trade.objects.exists()
    (kept,) = stored(files)
    assert kept.parent.parent.parent == files
    assert kept.parent.parent.stat().st_mode & 0o077 == 0
    with commits():
        do_all()
    done = trader.get(answer["Location"])
    assert (done["state"], done["progress"], done["error"]) == ("done", 100, "")
    assert (done["result"]["created"], done["result"]["refused"]) == (1, 0)
    (listed,) = trader.get("/api/trades/imports/")["results"]
    assert listed["import_id"] == done["result"]["import_id"]
    assert listed["file_name"] == "my trades.csv"
    assert Trade.objects.count() == 1
    assert list(files.iterdir()) == []


def test_the_result_is_what_the_request_would_have_answered(trader: Trader) -> None:
    key = read(upload(trader, ROW, WRONG, query="?background=1&partial=1"), 202)
    do_all()
    result = trader.get(f"/api/jobs/{key['job_id']}/")["result"]
    with transaction.atomic():
        Trade.objects.all().delete()
        answered = read(upload(trader, ROW, WRONG, query="?partial=1"), 201)
        transaction.set_rollback(True)
    assert {**answered, "import_id": None} == {**result, "import_id": None}


def test_the_body_may_be_the_file_itself(trader: Trader) -> None:
    content = "\n".join([HEADER, ROW, ""]).encode()
    query = "?background=1&portfolio=crypto&strategy_id=momentum_001"
    answer = trader.client.generic("POST", IMPORT + query, content, "text/csv")
    read(answer, 202)
    do_all()
    assert Trade.objects.count() == 1


def test_a_refused_file_fails_in_words_and_names_the_rows(
    trader: Trader, files: Path, commits: Callable[[], Any]
) -> None:
    key = read(upload(trader, ROW, WRONG), 202)["job_id"]
    with commits():
        do_all()
    failed = trader.get(f"/api/jobs/{key}/")
    assert failed["state"] == "failed"
    assert failed["error"] == "1 row refused, so nothing was imported."
    assert failed["result"]["refusals"][0]["line"] == 3
    assert not Trade.objects.exists()
    assert stored(files) == []


def test_a_file_of_another_kind_fails_by_its_field(trader: Trader) -> None:
    content = SimpleUploadedFile("x.csv", b"symbol,side\n")
    body = {"format": "mastertrade-csv", "portfolio": "crypto", "file": content}
    answer = trader.client.post(f"{IMPORT}?background=1", body, format="multipart")
    do_all()
    failed = trader.get(answer["Location"])
    assert (failed["state"], failed["result"]) == ("failed", None)
    assert failed["error"].startswith("file: ")


@pytest.mark.parametrize("query", ["?background=maybe", "?background=1&format=xlsx"])
def test_what_is_wrong_at_once_makes_no_job(
    trader: Trader, files: Path, query: str
) -> None:
    if "format" in query:
        content = "\n".join([HEADER, ROW])
        answer = trader.client.generic("POST", IMPORT + query, content, "text/csv")
    else:
        answer = upload(trader, ROW, query=query)
    assert answer.status_code == 400
    assert not UserJob.objects.exists()
    assert stored(files) == []


def test_a_file_that_is_gone_fails_in_words(trader: Trader, files: Path) -> None:
    key = read(upload(trader, ROW), 202)["job_id"]
    for path in stored(files):
        path.unlink()
    do_all()
    assert "not there any more" in trader.get(f"/api/jobs/{key}/")["error"]


def test_a_job_is_done_once_however_often_it_is_run(trader: Trader) -> None:
    key = read(upload(trader, ROW), 202)["job_id"]
    do(key)
    before = trader.get(f"/api/jobs/{key}/")
    do(key)
    assert trader.get(f"/api/jobs/{key}/") == before
    assert TradeImport.objects.count() == 1


def test_a_job_and_its_place_in_the_queue_come_and_go_together(
    trader: Trader, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> int:
        raise RuntimeError("no queue")

    with transaction.atomic():
        upload(trader, ROW)
        assert ProcrastinateJob.objects.count() == UserJob.objects.count() == 1
        transaction.set_rollback(True)
    assert ProcrastinateJob.objects.count() == UserJob.objects.count() == 0
    before = stored(files)
    monkeypatch.setattr("trades.services.jobs.defer", fail)
    assert upload(trader, ROW).status_code == 500
    assert not UserJob.objects.exists()
    assert stored(files) == before


def test_a_waiting_job_is_cancelled_at_once(
    trader: Trader, files: Path, commits: Callable[[], Any]
) -> None:
    key = read(upload(trader, ROW), 202)["job_id"]
    with commits():
        cancelled = trader.post(f"/api/jobs/{key}/cancel/", None)
    assert (cancelled["state"], cancelled["error"]) == ("cancelled", "")
    assert ProcrastinateJob.objects.get().status == "cancelled"
    assert stored(files) == []
    do(key)
    assert trader.post(f"/api/jobs/{key}/cancel/", None) == cancelled
    assert not Trade.objects.exists()


@pytest.mark.parametrize("row", [ROW, WRONG])
def test_a_job_that_has_ended_is_not_cancelled(trader: Trader, row: str) -> None:
    key = read(upload(trader, row), 202)["job_id"]
    do(key)
    before = trader.get(f"/api/jobs/{key}/")
    refused = trader.post(f"/api/jobs/{key}/cancel/", None, 409)
    assert refused["code"] == "job_has_ended"
    assert trader.get(f"/api/jobs/{key}/") == before


def test_anothers_job_is_not_found(trader: Trader) -> None:
    eve = make_trader(username="eve")
    key = read(upload(eve, ROW), 202)["job_id"]
    assert trader.client.get(f"/api/jobs/{key}/").status_code == 404
    assert trader.client.post(f"/api/jobs/{key}/cancel/").status_code == 404
    assert trader.get("/api/jobs/")["count"] == 0
    assert UserJob.objects.get().state == JobState.WAITING


def test_a_user_has_so_many_jobs_that_wait_and_no_more(
    trader: Trader, files: Path, settings: pytest_django.Settings
) -> None:
    settings.JOBS_PER_USER = 2
    keys = [read(upload(trader, ROW), 202)["job_id"] for _ in range(2)]
    before = stored(files)
    refused = read(upload(trader, ROW), 409)
    assert refused["code"] == "too_many_jobs"
    assert stored(files) == before
    make_trader(username="eve")  # whose limit is her own
    trader.post(f"/api/jobs/{keys[0]}/cancel/", None)
    read(upload(trader, ROW), 202)


def test_a_user_has_so_many_jobs_a_week_and_no_more(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trades.services.jobs.MOST_KEPT", 1)
    do(read(upload(trader, ROW), 202)["job_id"])
    assert "within a week" in read(upload(trader, ROW), 409)["detail"]


def test_jobs_are_filtered_by_kind_and_state(trader: Trader) -> None:
    first, second = (read(upload(trader, ROW), 202)["job_id"] for _ in range(2))
    do(first)
    for query, expected in (
        ({"state": "waiting"}, [second]),
        ({"state": "done"}, [first]),
        ({"kind": "import"}, [second, first]),
        ({"kind": "replay"}, []),
        ({"kind": "import", "ordering": "job_id"}, [first, second]),
    ):
        listed = trader.get("/api/jobs/", **query)["results"]
        assert [one["job_id"] for one in listed] == expected
    assert "state" in trader.client.get("/api/jobs/", {"state": "lost"}).json()


def test_asking_costs_the_same_however_many_jobs_there_are(trader: Trader) -> None:
    upload(trader, ROW)
    with count_statements() as few:
        read(upload(trader, ROW), 202)
    for _ in range(5):
        upload(trader, ROW)
    with count_statements() as many:
        read(upload(trader, ROW), 202)
    assert len(many) == len(few)


def test_what_another_user_owns_makes_no_job(trader: Trader, files: Path) -> None:
    eve = make_trader(username="eve")
    strategy = {"strategy_id": "eves_own", "strategy_type": "momentum"}
    eve.post("/api/strategies/", strategy, 201)
    for field, value in (
        ("portfolio", str(eve["portfolio_id"])),
        ("portfolio", "nobody's"),
        ("strategy_id", "eves_own"),
    ):
        given = {"portfolio": "crypto", field: value}
        query = urlencode({"background": "1", **given})
        answer = trader.client.generic("POST", f"{IMPORT}?{query}", b"x", "text/csv")
        assert (answer.status_code, set(answer.json())) == (400, {field})
    assert not UserJob.objects.exists()
    assert stored(files) == []


# What any kind does.


@pytest.fixture
def kind_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Imports do something else from now on."""

    def replace(run: Callable[[Given], Any], **more: Any) -> None:
        monkeypatch.setitem(KINDS, JobKind.IMPORT, Kind(run, **more))

    return replace


@pytest.fixture
def key(trader: Trader) -> int:
    job = create_job(
        user=trader.user, kind=JobKind.IMPORT, arguments={}, now=timezone.now()
    )
    return job.job_id


def rename(trader: Trader, name: str) -> None:
    trader.user.portfolios.filter(name="crypto").update(name=name)


def names(trader: Trader) -> set[str]:
    return set(trader.user.portfolios.values_list("name", flat=True))


def test_a_fault_of_ours_is_failed_without_an_effect_and_logged(
    trader: Trader,
    key: int,
    kind_of: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def run(given: Given) -> dict[str, Any]:
        rename(trader, "half done")
        raise ZeroDivisionError("a secret")

    kind_of(run)
    do(key)
    failed = trader.get(f"/api/jobs/{key}/")
    assert failed["state"] == "failed"
    assert "secret" not in failed["error"]
    assert "a secret" in caplog.text
    assert "half done" not in names(trader)


def set_queued(status: str) -> None:
    execute("UPDATE procrastinate_jobs SET status = %s, worker_id = NULL", status)


def leave_running(queued: str) -> None:
    """As a worker leaves it that is gone."""
    UserJob.objects.update(
        state=JobState.RUNNING, started_at=timezone.now(), progress=40, step="Half"
    )
    set_queued(queued)


def test_what_its_worker_left_is_cancelled_at_once(trader: Trader, key: int) -> None:
    leave_running("todo")
    cancelled = trader.post(f"/api/jobs/{key}/cancel/", None)
    assert (cancelled["state"], cancelled["step"]) == ("cancelled", "")


@pytest.mark.parametrize("is_cancelled", [False, True])
@pytest.mark.parametrize("way", ["killed", "stopped", "found by chance"])
def test_a_job_whose_worker_is_gone_is_what_it_is_in_the_queue(
    trader: Trader,
    key: int,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    is_cancelled: bool,
) -> None:
    leave_running("doing")
    if is_cancelled:
        asked = trader.post(f"/api/jobs/{key}/cancel/", None)
        assert (asked["state"], asked["cancel_requested"]) == ("running", True)
    monkeypatch.setattr(os, "_exit", lambda status: None)
    monkeypatch.setattr("trades.jobs.worker.close_old_connections", lambda: None)
    monkeypatch.setitem(connection.settings_dict, "EMBEDDED", None)
    if way == "killed":
        sweep(30)
    elif way == "stopped":
        end_now([ProcrastinateJob.objects.get().pk])
    else:
        give_back_stalled(30)
        forget_jobs(timezone.now())
    found = trader.get(f"/api/jobs/{key}/")
    expected = ("cancelled", 40, "") if is_cancelled else ("waiting", 0, "")
    assert (found["state"], found["progress"], found["step"]) == expected
    do(key)
    is_done = UserJob.objects.get().state in (JobState.DONE, JobState.FAILED)
    assert is_done is not is_cancelled


def test_a_worker_that_was_taken_for_dead_may_end_its_job(
    trader: Trader, key: int, kind_of: Callable[..., None]
) -> None:
    def run(given: Given) -> dict[str, Any]:
        set_queued("todo")
        follow_queue(timezone.now())
        assert UserJob.objects.get().state == JobState.WAITING
        rename(trader, "done")
        return {"made": 1}

    kind_of(run)
    for _ in range(2):
        do(key)
        done = trader.get(f"/api/jobs/{key}/")
        assert (done["state"], done["result"]) == ("done", {"made": 1})
    assert "done" in names(trader)


def test_a_job_that_stops_with_its_worker_waits_again(
    trader: Trader, key: int, kind_of: Callable[..., None]
) -> None:
    def run(given: Given) -> dict[str, Any]:
        rename(trader, "half done")
        given.report(0.5, "Half")
        return {}

    kind_of(run)
    with pytest.raises(JobAborted):
        do(key, lambda: AbortReason.SHUTDOWN)
    assert trader.get(f"/api/jobs/{key}/")["state"] == "waiting"
    assert "half done" not in names(trader)
    do(key)
    assert trader.get(f"/api/jobs/{key}/")["state"] == "done"
    assert "half done" in names(trader)


def test_what_follows_may_fail_and_the_job_is_done(
    trader: Trader,
    key: int,
    kind_of: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def after(given: Given, result: dict[str, Any]) -> None:
        raise ZeroDivisionError

    kind_of(lambda given: {"made": 1}, after=after)
    do(key)
    done = trader.get(f"/api/jobs/{key}/")
    assert (done["state"], done["result"]) == ("done", {"made": 1})
    assert "ZeroDivisionError" in caplog.text


def test_a_result_that_is_too_large_is_refused_and_nothing_done(
    trader: Trader, key: int, kind_of: Callable[..., None]
) -> None:
    def run(given: Given) -> dict[str, Any]:
        rename(trader, "done")
        return {"text": "x" * 1_000_000}

    kind_of(run)
    do(key)
    failed = trader.get(f"/api/jobs/{key}/")
    assert (failed["state"], failed["result"]) == ("failed", None)
    assert "too large" in failed["error"]
    assert "done" not in names(trader)


def test_every_kind_is_there_to_be_done() -> None:
    assert set(KINDS) == set(JobKind)


# Forgetting.


def test_a_job_is_forgotten_a_week_after_its_end(trader: Trader) -> None:
    first, second = (read(upload(trader, ROW), 202)["job_id"] for _ in range(2))
    do(first)
    ended = UserJob.objects.get(pk=first).finished_at
    assert forget_jobs(ended + KEPT) == 0
    assert forget_jobs(ended + KEPT + timedelta(seconds=1)) == 1
    assert forget_jobs(ended + KEPT + timedelta(seconds=1)) == 0
    listed = trader.get("/api/jobs/")["results"]
    assert [one["job_id"] for one in listed] == [second]
    assert Trade.objects.count() == 1


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_the_queue_gave_up_ends(trader: Trader, key: int, cancelled: bool) -> None:
    UserJob.objects.update(
        state=JobState.RUNNING, started_at=timezone.now(), cancel_requested=cancelled
    )
    set_queued("doing")
    forget_jobs(timezone.now())
    assert trader.get(f"/api/jobs/{key}/")["state"] == "running"
    set_queued("todo")
    app.job_manager.cancel_job_by_id(UserJob.objects.get().queue_key)
    forget_jobs(timezone.now())
    ended = trader.get(f"/api/jobs/{key}/")
    assert ended["state"] == ("cancelled" if cancelled else "failed")
    assert bool(ended["error"]) is not cancelled


def test_files_of_no_job_are_removed_after_an_hour(trader: Trader, files: Path) -> None:
    read(upload(trader, ROW), 202)
    (used,) = files.iterdir()
    young, old = files / ("0" * 32), files / ("1" * 32)
    for place in (young, old):
        (place / "file").mkdir(parents=True)
        (place / "file" / "trades.csv").write_text("left")
    ago = time.time() - 4000
    for place in (used, old):
        os.utime(place, (ago, ago))
    forget_jobs(timezone.now())
    assert set(files.iterdir()) == {used, young}
