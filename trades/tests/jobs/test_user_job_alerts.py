"""A job of a user that failed is alerted of; whose turn it is where many wait."""

import pytest
import pytest_django
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.enums import AlertKind
from goals.models import GoalAlert, User
from goals.services.alert_texts import OWN_JOB, render
from goals.tests.factories import UserFactory
from mastertrade.db.queue import MOST_STARTS, defer
from mastertrade.tests.schema import execute
from tests.http import Trader, make_trader, read
from trades.enums import JobKind, JobState
from trades.jobs.kinds import KINDS
from trades.jobs.kinds.base import Given, Kind
from trades.jobs.worker import sweep
from trades.models import UserJob
from trades.services.jobs import JobFailed, create_job, end_job, follow_queue
from trades.tests.jobs.worker import do

pytestmark = pytest.mark.django_db
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
WRONG = "c,BTCUSDT,BUY,0.02,50000,2026-03-02T09:00:00Z,51000,2026-03-02T10:00:00Z"


@pytest.fixture(autouse=True)
def _files(settings: pytest_django.Settings, tmp_path) -> None:
    settings.JOB_FILES = tmp_path / "jobs"


def alerts_of(user: User) -> list[tuple[str, str]]:
    found = GoalAlert.objects.filter(user_id=user.username).order_by("pk")
    return [(one.kind, one.cause.partition(":")[0]) for one in found]


def ask(user: User) -> UserJob:
    return create_job(user=user, kind=JobKind.REPLAY, arguments={}, now=timezone.now())


def post_file(trader: Trader, query: str):
    content = "\n".join([HEADER, WRONG, ""]).encode()
    body = {
        "format": "mastertrade-csv",
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
        "file": SimpleUploadedFile("trades.csv", content),
    }
    return trader.client.post(f"/api/trades/import/{query}", body, format="multipart")


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("background", [False, True])
def test_refused_rows_are_alerted_of_whether_a_request_or_a_job_imports(
    background: bool, partial: bool
) -> None:
    trader = make_trader()
    query = f"?background={background:d}&partial={'true' if partial else 'false'}"
    answer = post_file(trader, query)
    if background:
        do(read(answer, 202)["job_id"])
    _, *found = alerts_of(trader.user)  # the first is of what `make_trader` booked
    assert found == [(AlertKind.IMPORT_REFUSALS, "import")]


def test_a_job_that_fails_alerts_its_user_once(monkeypatch) -> None:
    user, operator = UserFactory(), UserFactory(is_superuser=True)
    monkeypatch.setitem(KINDS, JobKind.REPLAY, Kind(refuse))
    job = ask(user)
    for _ in range(2):
        do(job.job_id)
    assert alerts_of(user) == [(AlertKind.JOB_FAILED, "user_job")]
    assert alerts_of(operator) == []
    (alert,) = GoalAlert.objects.all()
    assert "There are no prices." in alert.text
    assert OWN_JOB in render(alert).text
    now = timezone.now()
    end_job(job, JobState.FAILED, now, error="late")
    assert GoalAlert.objects.count() == 1


def refuse(given: Given):
    raise JobFailed("There are no prices.")


def break_down(given: Given):
    raise ZeroDivisionError("a mistake")


def test_a_mistake_of_ours_alerts_the_operators_too_and_tells_the_user_no_more(
    monkeypatch,
) -> None:
    user, operator = UserFactory(), UserFactory(is_superuser=True)
    monkeypatch.setitem(KINDS, JobKind.REPLAY, Kind(break_down))
    do(ask(user).job_id)
    assert alerts_of(user) == [(AlertKind.JOB_FAILED, "user_job")]
    assert alerts_of(operator) == [(AlertKind.JOB_FAILED, "job")]
    own, ours = GoalAlert.objects.order_by("user__is_superuser")
    assert "a mistake" not in own.text
    assert "ZeroDivisionError: a mistake" in ours.text


def test_a_cancelled_job_alerts_nobody(monkeypatch) -> None:
    job = ask(UserFactory())
    UserJob.objects.update(cancel_requested=True)
    do(job.job_id)
    assert UserJob.objects.get().state == JobState.CANCELLED
    assert not GoalAlert.objects.exists()


def test_what_the_queue_gave_up_alerts_its_user_once() -> None:
    user = UserFactory()
    job = ask(user)
    app.job_manager.cancel_job_by_id(UserJob.objects.get().queue_key)
    for _ in range(2):
        follow_queue(timezone.now())
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert alerts_of(user) == [(AlertKind.JOB_FAILED, "user_job")]


def test_a_job_that_kills_its_workers_is_alerted_of(monkeypatch) -> None:
    operator = UserFactory(is_superuser=True)
    monkeypatch.setattr("trades.jobs.worker.close_old_connections", lambda: None)
    key = defer("prune", timestamp=1)
    for _ in range(MOST_STARTS):
        assert alerts_of(operator) == []
        execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL "
            "WHERE id = %s",
            key,
        )
        sweep(30)
    assert alerts_of(operator) == [(AlertKind.JOB_FAILED, "job")]
    assert f"died {MOST_STARTS} times" in GoalAlert.objects.get().text


def test_a_users_second_job_goes_behind_everybodys_first() -> None:
    ada, eve = UserFactory(), UserFactory()
    asked = [ask(ada).job_id for _ in range(3)] + [ask(eve).job_id for _ in range(2)]
    queued = ProcrastinateJob.objects.order_by("-priority", "pk")
    order = [asked.index(one.args["job_id"]) for one in queued]
    assert order == [0, 3, 1, 4, 2]
