"""Does one job of a user, whatever its kind.

The row of a job that is done is written in the transaction of its effect, so a job that
was killed anywhere is done again as if for the first time, and one that two workers do
at once has the effect of one of them.
"""

import logging
import time
from types import TracebackType
from typing import Any, Self

from django.db import connection
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.exceptions import JobAborted
from procrastinate.job_context import AbortReason

from mastertrade.db.limits import is_unreachable
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import DomainError
from trades.enums import JobKind, JobState
from trades.jobs.failing import alert_of_failure
from trades.jobs.job import LONG, Job
from trades.jobs.kinds import KINDS
from trades.jobs.kinds.base import Given, Kind
from trades.models import UserJob
from trades.services.jobs import (
    QUEUED_AS,
    JobCancelled,
    JobFailed,
    end_job,
    files_of,
    finish_job,
    put_back,
    start_job,
)

logger = logging.getLogger(__name__)
WRITE_EVERY_SECONDS = 0.5
WRITE = """
UPDATE jobs SET progress = %s, step = %s WHERE job_id = %s AND state = 'running'
"""
WENT_WRONG = (
    "Something went wrong here, and nothing was done. What it was is in the server's "
    "log."
)


def run(context: JobContext, job_id: int) -> None:
    """Do the job, unless it has ended meanwhile; its row says what became of it."""
    job = start_job(job_id, timezone.now())
    if job is None:
        return
    with Progress(context, job) as report:
        try:
            _do(job, report)
        except JobCancelled:
            end_job(job, JobState.CANCELLED, timezone.now())
        except JobAborted:
            put_back(job)
            raise  # the queue has it done again
        except JobFailed as failed:
            _fail(job, str(failed), result=failed.result, alert=failed.alert)
        except DomainError as refused:
            _fail(job, str(refused))
        except Exception as failure:
            if is_unreachable(failure):
                raise  # the queue has it done again
            logger.exception("Job %s failed", job.pk)
            _fail(job, WENT_WRONG)
            alert_of_failure(QUEUED_AS, failure)


def _do(job: UserJob, report: "Progress") -> None:
    kind = KINDS[JobKind(job.kind)]
    now = timezone.now()
    given = Given(job.user, job.arguments, files_of(job), now, report)
    result = _complete(job, kind, given)
    if kind.after is not None:
        try:
            kind.after(given, result)
        except Exception:
            logger.exception("What follows on job %s failed", job.pk)


@atomic
def _complete(job: UserJob, kind: Kind, given: Given) -> dict[str, Any]:
    """The effect and `done`, both or neither."""
    result = kind.run(given)
    given.report(1, "Writing the result")
    finish_job(job, result, timezone.now())
    return result


def _fail(job: UserJob, error: str, **more: Any) -> None:
    words = error.replace("\0", "\ufffd") or WENT_WRONG
    end_job(job, JobState.FAILED, timezone.now(), error=words, **more)


class Progress:
    """Writes how far a job is, where everybody sees it while the job is under way.

    That takes a connection of its own: the job's is in a transaction.
    """

    def __init__(self, context: JobContext, job: UserJob) -> None:
        self._context = context
        self._job = job
        self._connection = connection.copy()
        self._shown = (0, "")
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def __call__(self, share: float, step: str) -> None:
        """Raises where the job is to stop: cancelled, or with its worker."""
        self._stop_if_asked()
        now, shown = time.monotonic(), (int(100 * share), step)
        if step == self._shown[1] and (shown == self._shown or now < self._next):
            return
        with self._connection.cursor() as cursor:
            cursor.execute(WRITE, [min(shown[0], 99), step, self._job.pk])
        self._shown, self._next = shown, now + WRITE_EVERY_SECONDS

    def _stop_if_asked(self) -> None:
        if not self._context.should_abort():
            return
        if self._context.abort_reason() is AbortReason.USER_REQUEST:
            raise JobCancelled
        raise JobAborted


# Each is deferred with a priority above that of what the daily run works out.
JOB = Job(run, queue=LONG, attempts=5)
