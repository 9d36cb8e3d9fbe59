"""The admin's page of queue and workers, and of what users asked for."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.models import User
from goals.tests.factories import UserFactory
from mastertrade.db.queue import defer
from tests.admin_pages import act
from trades.enums import JobKind, JobState
from trades.models import UserJob
from trades.services.job_errors import record_error
from trades.services.jobs import create_job

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:procrastinate_procrastinatejob_changelist")


def execute(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def add_failed() -> int:
    key = defer("prune", timestamp=1)
    execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", key)
    execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", key)
    record_error(key, "ValueError: <b>no</b>")
    return key


def retry(client: Client, *keys: int) -> str:
    answer = client.post(
        PAGE, {"action": "retry", "_selected_action": keys}, follow=True
    )
    return answer.content.decode()


def test_it_shows_depth_workers_and_errors(operator: Client) -> None:
    key = add_failed()
    defer("daily", timestamp=1)
    execute("INSERT INTO procrastinate_workers DEFAULT VALUES")

    page = operator.get(PAGE).content.decode()
    one = operator.get(
        reverse("admin:procrastinate_procrastinatejob_change", args=[key])
    )

    assert "ValueError: &lt;b&gt;no&lt;/b&gt;" in page
    assert "ValueError: &lt;b&gt;no&lt;/b&gt;" in one.content.decode()
    assert '<th scope="row">turn</th><td>1</td>' in page
    assert "status__exact=failed&amp;queue_name=quick" in page
    assert "jobs wait" not in page
    execute("DELETE FROM procrastinate_workers")
    execute("DELETE FROM procrastinate_periodic_defers")
    assert "jobs wait" in operator.get(PAGE).content.decode()


def test_a_failed_job_is_done_again_at_a_click_and_no_other(operator: Client) -> None:
    failed, waiting = add_failed(), defer("prune", timestamp=2)

    page = retry(operator, failed, waiting)

    assert "Back in the queue: 1. Not failed, and left as they are: 1." in page
    assert set(ProcrastinateJob.objects.values_list("status", flat=True)) == {"todo"}


def test_who_may_only_look_cannot_have_it_done_again(client: Client) -> None:
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_procrastinatejob"))
    client.force_login(user)
    key = add_failed()

    assert client.get(PAGE).status_code == 200
    retry(client, key)

    assert ProcrastinateJob.objects.get(pk=key).status == "failed"


def test_it_asks_as_much_for_many_jobs_as_for_few(operator: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            operator.get(PAGE)
        return len(queries)

    for _ in range(2):
        add_failed()
    few = count()
    for _ in range(20):
        add_failed()
    assert count() == few


def test_a_job_of_a_user_is_cancelled_and_one_that_ended_is_not(
    operator: Client,
) -> None:
    jobs = reverse("admin:trades_userjob_changelist")
    call = {"user": UserFactory(), "kind": JobKind.IMPORT, "arguments": {}}
    waiting, done = (create_job(**call, now=timezone.now()) for _ in range(2))
    ended = {"state": JobState.DONE, "finished_at": timezone.now()}
    UserJob.objects.filter(pk=done.pk).update(started_at=timezone.now(), **ended)

    told = act(operator, jobs, "cancel", waiting, done)

    assert told[0] == "Cancelled, or asked to stop: 1."
    assert "is done already" in told[1]
    states = UserJob.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["cancelled", "done"]
