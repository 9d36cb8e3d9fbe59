"""What the database itself refuses of jobs of users."""

import json

import pytest

from goals.tests.factories import UserFactory
from mastertrade.tests.schema import (
    constraint_that_refuses,
    constraints_of,
    execute,
)
from tests.http import make_job
from trades.models import UserJob
from trades.models.user_jobs import LARGEST_ARGUMENTS, LARGEST_ERROR, LARGEST_RESULT

pytestmark = pytest.mark.django_db

JOBS = "jobs"
LARGE = "jsonb_build_object('a', repeat('x', {}))"
FAILED = "state = 'failed', finished_at = now()"
RUNNING = "state = 'running', started_at = now()"
DONE = "state = 'done', started_at = now(), finished_at = now()"
REFUSED = [
    ("jobs_kind", "kind = ''"),
    ("jobs_kind", "kind = 'Import'"),
    ("jobs_state", "state = 'lost'"),
    ("jobs_arguments_object", "arguments = '[]'"),
    ("jobs_arguments_size", f"arguments = {LARGE.format(LARGEST_ARGUMENTS)}"),
    ("jobs_directory", "directory = '../secrets'"),
    ("jobs_directory", f"directory = '{'A' * 32}'"),
    ("jobs_progress_range", "progress = 101"),
    ("jobs_result_size", f"{DONE}, result = {LARGE.format(LARGEST_RESULT)}"),
    ("jobs_result_at_end", f"{RUNNING}, result = '{{}}'"),
    ("jobs_error_of_failed", "error = 'wrong'"),
    ("jobs_error_of_failed", FAILED),
    ("jobs_error_size", f"{FAILED}, error = repeat('x', {LARGEST_ERROR + 1})"),
    ("jobs_running_started", "state = 'running'"),
    ("jobs_ended_finished", "state = 'cancelled'"),
    ("jobs_ended_finished", "finished_at = now()"),
    ("jobs_user_fk", "user_id = 'nobody'"),
    ("jobs_directory_unique", f"directory = '{'0' * 32}'"),
]


@pytest.fixture
def job() -> UserJob:
    """A job that waits, and another one whose directory is taken."""
    user = UserFactory()
    UserJob.objects.filter(pk=make_job(user).pk).update(directory="0" * 32)
    return make_job(user)


@pytest.mark.parametrize(("constraint", "change"), REFUSED)
def test_a_wrong_job_is_refused(job: UserJob, constraint: str, change: str) -> None:
    statement = f"UPDATE jobs SET {change} WHERE job_id = {job.pk}"
    assert constraint_that_refuses(statement) == constraint


def test_every_constraint_is_tried() -> None:
    assert constraints_of([JOBS]) == {name for name, _ in REFUSED}


def test_jobs_go_with_their_user(job: UserJob) -> None:
    execute("DELETE FROM portfolios")
    execute("DELETE FROM users")
    assert not UserJob.objects.exists()


def test_what_just_fits_is_stored(job: UserJob) -> None:
    bare = len(json.dumps({"a": ""}))
    execute(
        f"UPDATE jobs SET arguments = {LARGE.format(LARGEST_ARGUMENTS - bare)} "
        f"WHERE job_id = {job.pk}"
    )
