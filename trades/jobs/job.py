"""What a job is."""

from collections.abc import Callable
from dataclasses import dataclass

# What takes milliseconds, and what may take minutes: neither waits for the other.
QUICK, LONG = "quick", "long"


@dataclass(frozen=True, slots=True)
class Job:
    """`run` gets the job's context, and by name what was deferred with it.

    It may be run twice: after a kill it is run again, whatever it had done.
    `every`: a cron line in UTC, for what is due by the clock; `run` is then given
    `timestamp`, the due time in seconds since 1970.
    `attempts`: how often one that raises is run; `first_wait` seconds before the
    second time, then twice as long each time.
    """

    run: Callable[..., None]
    queue: str = QUICK
    every: str | None = None
    attempts: int = 1
    first_wait: int = 2
