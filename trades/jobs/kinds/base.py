"""What a kind of a user's job is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from goals.models import User

# What share is done, from 0 to 1, and what is being done now.
Report = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Given:
    """What a job is given: `arguments` as they were stored, `files` by their fields.

    `report` is to be called as often as a job can be stopped: it raises where it is.
    """

    user: User
    arguments: Mapping[str, Any]
    files: Mapping[str, Path]
    now: datetime
    report: Report


@dataclass(frozen=True, slots=True)
class Kind:
    """`run` has the whole effect and gives the result, as JSON.

    It is in the transaction that also writes `done`: what it writes is there once, or
    not at all, however often it is begun. It raises `DomainError`, or `JobFailed` with
    a result, where the job cannot be done. `after` does what may be lost, once the
    effect is there: what others would do later.
    """

    run: Callable[[Given], dict[str, Any]]
    after: Callable[[Given, dict[str, Any]], None] | None = None
