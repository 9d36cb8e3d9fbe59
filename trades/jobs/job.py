"""What a job is."""

from collections.abc import Callable
from dataclasses import dataclass

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job as QueuedJob

from mastertrade.db.limits import is_unreachable
from mastertrade.db.queue import MOST_STARTS

# What takes milliseconds, the turn of the day in many portfolios, and what may take
# minutes: none waits for another.
QUICK, TURN, LONG = "quick", "turn", "long"


@dataclass(frozen=True, slots=True)
class Job:
    """`run` gets the job's context, and by name what was deferred with it.

    It may be run twice: after a kill it is run again, whatever it had done.
    `every`: a cron line in UTC, for what is due by the clock; `run` is then given
    `timestamp`, the due time in seconds since 1970.
    `attempts`: how often one that raises is run; `first_wait` seconds before the
    second time, then twice as long each time. A database that went away is not the
    job's fault: then it is run up to `MOST_STARTS` times.
    """

    run: Callable[..., None]
    queue: str = QUICK
    every: str | None = None
    attempts: int = 1
    first_wait: int = 2


@dataclass(frozen=True, slots=True)
class Retry(BaseRetryStrategy):
    """By the job's own `attempts` and `first_wait`."""

    of: Job

    def get_retry_decision(
        self, *, exception: BaseException, job: QueuedJob
    ) -> RetryDecision | None:
        runs = job.attempts + 1
        most = MOST_STARTS if is_unreachable(exception) else self.of.attempts
        if runs >= most:
            return None
        return RetryDecision(retry_in={"seconds": self.of.first_wait * 2**job.attempts})
