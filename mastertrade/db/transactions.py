"""One transaction a service call; what the database gave up on is tried again, here."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import (
    OperationalError,
    connection,
    transaction,
)

from mastertrade.db.limits import LONG

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# SQLSTATE of a deadlock and of a serialization failure: nothing was done, and doing
# the same again is right.
TRANSIENT = frozenset({"40P01", "40001"})
ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.005


def atomic(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run a service in one transaction, again when the database gave it up.

    Only the outermost call tries again, at most `ATTEMPTS` times in all, with pauses
    that grow and differ; the last failure is raised as it is.
    """

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        tries = 1 if connection.in_atomic_block else ATTEMPTS
        for attempt in range(1, tries + 1):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except OperationalError as failure:
                if attempt == tries or not is_transient(failure):
                    raise
            pause = FIRST_PAUSE_SECONDS * 2**attempt
            time.sleep(pause * random.uniform(0.5, 1.5))  # nosec B311
        raise AssertionError("unreachable")

    return run


def snapshot(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run what only reads in one transaction that sees one moment, without locks.

    Inside a transaction it reads what that one sees. What it adds to a cache and others
    added meanwhile is found when it runs again.
    """

    @atomic
    def of_one_moment(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return function(*args, **kwargs)

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if connection.in_atomic_block:
            return function(*args, **kwargs)
        return of_one_moment(*args, **kwargs)

    return run


def atomic_for_long(
    function: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    """`atomic` for what takes minutes, in a web request too: limits as of a command.

    Only a lock is waited for as briefly as ever, where a web request waits.
    """
    in_transaction = atomic(function)

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        database: Any = connection
        usual = database.settings_dict["LIMITS"]
        limits = replace(
            LONG,
            lock_timeout=usual.lock_timeout,
            crowded_lock_timeout=usual.crowded_lock_timeout,
        )
        with database.limited(limits):
            return in_transaction(*args, **kwargs)

    return run


def is_transient(failure: OperationalError) -> bool:
    """Whether the same transaction may well succeed the next time."""
    return getattr(failure.__cause__, "sqlstate", None) in TRANSIENT
