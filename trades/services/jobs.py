"""Jobs of users: asked for, cancelled, begun and ended, forgotten after a week.

What each kind of job does is in `trades.jobs.kinds`.
"""

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models import Count, Q

from goals.decisions.alert_events import own_job_failed
from goals.decisions.alerts import Alert
from goals.models import User
from goals.services.alerts import write_alerts
from mastertrade.db.queue import defer, withdraw
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import JobHasEnded, NotFound, TooManyJobs
from trades.enums import JobKind, JobState
from trades.models import ImportUpload, UserJob
from trades.models.user_jobs import ENDED, LARGEST_ERROR, LARGEST_RESULT

# What stays of a file's name on the disk.
UNSAFE = re.compile(r"[^\w.-]|^\.+")
LONGEST_NAME = 60  # of at most 4 bytes each
# The one job of the queue that does them all.
QUEUED_AS = "user_job"
KEPT = timedelta(days=7)
MOST_KEPT = 1000
# A file is on the disk before its row is in the database.
YOUNGEST_STRAY = timedelta(hours=1)
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended('jobs of ' || %s, 0))"
# What the queue does no more: its worker died on a cancelled one, or on one that had
# been begun too often.
GIVE_UP = """
UPDATE jobs j SET finished_at = %(now)s, step = '',
    state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'failed' END,
    error = CASE WHEN cancel_requested THEN '' ELSE %(error)s END
WHERE state IN ('waiting', 'running') AND NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs q
    WHERE q.id = j.queue_key AND q.status IN ('todo', 'doing'))
RETURNING user_id, kind, job_id, state
"""
# What waits in the queue again: its worker died, or was stopped with it. A locked row
# is that of whoever begins or cancels it at this moment.
WAIT_AGAIN = """
UPDATE jobs SET state = 'waiting', progress = 0, step = '' WHERE job_id IN (
    SELECT j.job_id FROM jobs j JOIN procrastinate_jobs q ON q.id = j.queue_key
    WHERE j.state = 'running' AND q.status = 'todo'
    FOR NO KEY UPDATE OF j, q SKIP LOCKED)
"""
GIVEN_UP = (
    "It was begun several times and never came to its end; nothing was done. Ask for "
    "it again."
)


class JobCancelled(Exception):
    """The job is to do nothing further, and what it did is undone."""


class JobFailed(Exception):
    """The job cannot be done; what it did is undone. `result` is shown all the same.

    `alert` is what its user is told of it, where that says more than the error does.
    """

    def __init__(
        self,
        error: str,
        result: dict[str, Any] | None = None,
        *,
        alert: Alert | None = None,
    ) -> None:
        super().__init__(error)
        self.result, self.alert = result, alert


def create_job(
    *,
    user: User,
    kind: JobKind,
    arguments: Mapping[str, Any],
    now: datetime,
    files: "Mapping[str, UploadedFile[bytes]] | None" = None,
    directory: str = "",
) -> UserJob:
    """Write down what a user wants done, and put it into the queue.

    `arguments` are what JSON holds. `files` are copied, each by the name of its field;
    or they are in a `directory` that `store_files` made, which is the job's from now
    on. Raises `TooManyJobs`.
    """
    _require_room(user)  # before a file is written
    stored = store_files(files) if files else ""
    try:
        return _create(user, kind, dict(arguments), stored or directory, now)
    except BaseException:
        remove_files(stored)
        raise


@atomic
def _create(
    user: User, kind: JobKind, arguments: dict[str, Any], directory: str, now: datetime
) -> UserJob:
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TURNS, [user.username])
    room = _require_room(user)
    job = UserJob.objects.create(
        user=user,
        kind=kind,
        arguments=arguments,
        directory=directory,
        created_at=now,
    )
    # A user's tenth job goes behind everybody's first.
    job.queue_key = defer(QUEUED_AS, priority=room, job_id=job.job_id)
    job.save(update_fields=["queue_key"])
    return job


def _require_room(user: User) -> int:
    """How many more jobs the user may have; raises `TooManyJobs` where none."""
    found = UserJob.objects.filter(user_id=user.username).aggregate(
        unfinished=Count("pk", filter=~Q(state__in=ENDED)), known=Count("pk")
    )
    most = settings.JOBS_PER_USER
    if found["unfinished"] >= most:
        jobs = "1 job that has" if most == 1 else f"{most} jobs that have"
        full = f"You have {jobs} not ended, and no more are allowed. "
        raise TooManyJobs(
            f"{full}Wait for one, or cancel it: they are listed at /api/jobs/.",
            on_page=f"{full}Wait for one, or cancel it.",
        )
    if found["known"] >= MOST_KEPT:
        raise TooManyJobs(
            f"You have asked for {MOST_KEPT:,} jobs within a week, and no more are "
            "allowed. Each is forgotten a week after its end."
        )
    return int(most - found["unfinished"])


@atomic
def cancel_job(*, user: User, job_id: int, now: datetime) -> UserJob:
    """Cancel one of the user's jobs: a waiting one at once, a running one as it can.

    Whatever a running job has done so far, or does until it stops, is undone. Raises
    `JobHasEnded` where it was done or failed before.
    """
    mine = UserJob.objects.select_for_update(no_key=True)
    job = mine.filter(user_id=user.username, pk=job_id).first()
    if job is None:
        raise NotFound(f"You have no job {job_id}.")
    state = JobState(job.state)
    if state in (JobState.DONE, JobState.FAILED):
        raise JobHasEnded(f"Job {job_id} is {state} already; it is not undone.")
    if state is JobState.CANCELLED:
        return job
    # What a stopped worker left waits in the queue again.
    is_queued = job.queue_key is not None and withdraw(job.queue_key)
    if is_queued or state is JobState.WAITING:
        job.state, job.finished_at, job.step = JobState.CANCELLED, now, ""
        transaction.on_commit(lambda: remove_files(job.directory))
    else:
        job.cancel_requested = True
    job.save(update_fields=["state", "finished_at", "step", "cancel_requested"])
    return job


@atomic
def start_job(job_id: int, now: datetime) -> UserJob | None:
    """The job, from now on running; None where there is nothing to do any more.

    One that a killed worker left running is begun again.
    """
    mine = UserJob.objects.select_for_update(no_key=True, of=("self",))
    job = mine.select_related("user").filter(pk=job_id).exclude(state__in=ENDED).first()
    if job is None:
        return None
    if job.cancel_requested:
        end_job(job, JobState.CANCELLED, now)
        return None
    job.state, job.started_at, job.progress, job.step = JobState.RUNNING, now, 0, ""
    job.save(update_fields=["state", "started_at", "progress", "step"])
    return job


def finish_job(job: UserJob, result: dict[str, Any], now: datetime) -> None:
    """Write down the result, in the transaction that has the job's effect.

    Raises `JobCancelled`, so that the effect is undone, where a cancel was asked
    meanwhile, or another worker has ended the same job.
    """
    if not _fits(result):
        raise JobFailed("Its result is too large to be kept: ask for less at once.")
    # One whose worker was taken for dead may wait again meanwhile.
    unfinished = UserJob.objects.filter(pk=job.pk, cancel_requested=False)
    ended = unfinished.exclude(state__in=ENDED).update(
        state=JobState.DONE, progress=100, step="", result=result, finished_at=now
    )
    if not ended:
        raise JobCancelled
    transaction.on_commit(lambda: remove_files(job.directory))


@atomic
def end_job(
    job: UserJob,
    state: JobState,
    now: datetime,
    *,
    error: str = "",
    result: dict[str, Any] | None = None,
    alert: Alert | None = None,
) -> None:
    """The job has failed or is cancelled; nothing where it has ended otherwise.

    Its user is alerted of a failure.
    """
    unfinished = UserJob.objects.filter(pk=job.pk).exclude(state__in=ENDED)
    if state is JobState.CANCELLED:
        unfinished = unfinished.filter(cancel_requested=True)
    ended = unfinished.update(
        state=state,
        step="",
        error=error.encode()[:LARGEST_ERROR].decode(errors="ignore"),
        result=result if _fits(result) else None,
        finished_at=now,
    )
    if not ended:
        return
    transaction.on_commit(lambda: remove_files(job.directory))
    if state is JobState.FAILED:
        alert = alert or own_job_failed(job.kind, job.job_id, error, now)
        write_alerts([alert], user_id=job.user_id, now=now)


def _fits(result: dict[str, Any] | None) -> bool:
    """Whether the database takes it; its own text has more blanks, and no escapes."""
    return len(json.dumps(result)) <= LARGEST_RESULT // 2


def put_back(job: UserJob) -> None:
    """The job waits again: its worker stops, and another one will begin it."""
    running = UserJob.objects.filter(pk=job.pk, state=JobState.RUNNING)
    running.update(state=JobState.WAITING, progress=0, step="")


@atomic
def follow_queue(now: datetime) -> None:
    """Jobs whose worker is gone are what they are in the queue.

    What is done again waits; what is not is cancelled where that was asked, or failed,
    and its user alerted.
    """
    with connection.cursor() as cursor:
        cursor.execute(WAIT_AGAIN)
        cursor.execute(GIVE_UP, {"error": GIVEN_UP, "now": now})
        ended = cursor.fetchall()
    for user_id, kind, job_id, state in ended:
        if state == JobState.FAILED:
            alert = own_job_failed(kind, job_id, GIVEN_UP, now)
            write_alerts([alert], user_id=user_id, now=now)


def forget_jobs(now: datetime) -> int:
    """Delete what ended a week ago, and files of no job; returns how many jobs.

    So go files that were looked at for an hour and not imported.
    """
    follow_queue(now)
    old = UserJob.objects.filter(finished_at__lt=now - KEPT)
    forgotten = int(old.delete()[0])
    ImportUpload.objects.filter(created_at__lt=now - YOUNGEST_STRAY).delete()
    _remove_strays(now)
    return forgotten


def files_of(job: UserJob) -> dict[str, Path]:
    """The files that came with a job, by the names of their fields.

    Raises `JobFailed` where they are not on this machine.
    """
    if not job.directory:
        return {}
    place = Path(settings.JOB_FILES) / job.directory
    found = {path.parent.name: path for path in place.glob("*/*")}
    if not found:
        raise JobFailed(
            "The file that came with it is not there any more. Send it again; where "
            "several machines work, MASTERTRADE_JOB_FILES must be one directory of all."
        )
    return found


def remove_files(directory: str) -> None:
    """Nothing where they are gone, as those of a job that is ended twice."""
    if directory:
        with suppress(FileNotFoundError):
            shutil.rmtree(Path(settings.JOB_FILES) / directory)


def store_files(files: "Mapping[str, UploadedFile[bytes]]") -> str:
    """Copy uploaded files into a directory of their own; only this account reads it."""
    root = Path(settings.JOB_FILES)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = uuid4().hex
    place = root / directory
    place.mkdir(mode=0o700)
    try:
        for field, file in files.items():
            file.seek(0)
            (place / field).mkdir(mode=0o700)
            name = UNSAFE.sub("_", file.name or "")[-LONGEST_NAME:] or field
            with (place / field / name).open("xb") as copy:
                for chunk in file.chunks():
                    copy.write(chunk)
    except BaseException:
        remove_files(directory)
        raise
    return directory


def _remove_strays(now: datetime) -> None:
    """Files whose job has ended, or never was: what a kill in between leaves."""
    root = Path(settings.JOB_FILES)
    if not root.is_dir():
        return
    oldest = (now - YOUNGEST_STRAY).timestamp()
    old = [one for one in root.iterdir() if one.stat().st_mtime < oldest]
    names = [one.name for one in old]
    used = UserJob.objects.filter(~Q(state__in=ENDED), directory__in=names)
    for name in set(names) - set(used.values_list("directory", flat=True)):
        remove_files(name)
