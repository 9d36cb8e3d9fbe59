"""Stopping transactions at a chosen place, so that a kill hits them there for certain.

Triggers of the run's own ask for a shared advisory lock. Nobody holds it, and they cost
next to nothing, until a `Hold` takes it: then every transaction that comes by waits in
the middle of its work.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any

import psycopg

CLASS = 7301
LONGEST_WAIT_SECONDS = 180.0


class Place(IntEnum):
    """Where transactions are stopped."""

    TRADE_WRITTEN = 1  # a trade's row is written, nothing is booked
    BOOKED = 2  # the portfolio's figures are written, nothing is committed
    SNAPSHOT = 3  # the daily run has written its snapshots, nothing is committed
    PRUNED = 4  # old rows of the queue are deleted, nothing is committed
    DEFERRED = 5  # a daily run is in the queue, nothing is committed
    ASKED = 6  # a user's job is in the queue, nothing is committed
    REPORTED = 7  # a user's job has begun, and says how far it is
    ENDED = 8  # a user's job has had its effect and is done, nothing is committed
    PROJECTED = 9  # projections are written, nothing is committed

    @property
    def words(self) -> str:
        return {1: "with a trade written", 2: "booked and not committed"}[self]


TRIGGERS = f"""
CREATE FUNCTION hold_here() RETURNS trigger AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({CLASS}, TG_ARGV[0]::int);
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER hold_here AFTER INSERT OR UPDATE ON trades
    FOR EACH STATEMENT EXECUTE FUNCTION hold_here({Place.TRADE_WRITTEN:d});
CREATE TRIGGER hold_here AFTER UPDATE ON portfolios
    FOR EACH ROW EXECUTE FUNCTION hold_here({Place.BOOKED:d});
CREATE TRIGGER hold_projected AFTER UPDATE OF projected_at ON financial_goals
    FOR EACH STATEMENT EXECUTE FUNCTION hold_here({Place.PROJECTED:d});
CREATE TRIGGER hold_here AFTER INSERT ON goal_progress_history
    FOR EACH STATEMENT EXECUTE FUNCTION hold_here({Place.SNAPSHOT:d});
CREATE TRIGGER hold_here AFTER DELETE ON procrastinate_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION hold_here({Place.PRUNED:d});
CREATE TRIGGER hold_here_too AFTER INSERT ON procrastinate_jobs
    FOR EACH ROW WHEN (NEW.task_name = 'daily')
    EXECUTE FUNCTION hold_here({Place.DEFERRED:d});
CREATE TRIGGER hold_asked AFTER INSERT ON procrastinate_jobs
    FOR EACH ROW WHEN (NEW.task_name = 'user_job')
    EXECUTE FUNCTION hold_here({Place.ASKED:d});
CREATE TRIGGER hold_reported AFTER UPDATE ON jobs
    FOR EACH ROW WHEN (NEW.state = 'running' AND NEW.step <> '')
    EXECUTE FUNCTION hold_here({Place.REPORTED:d});
CREATE TRIGGER hold_ended AFTER UPDATE ON jobs
    FOR EACH ROW WHEN (NEW.state = 'done')
    EXECUTE FUNCTION hold_here({Place.ENDED:d});
"""
WAITING = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND NOT granted
"""
COMMITTED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@contextmanager
def held(connection: "psycopg.Connection[Any]", place: Place) -> Iterator[None]:
    """Everything that comes by stops there; ends with the block or the server."""
    connection.execute("SELECT pg_advisory_lock(%s, %s)", (CLASS, int(place)))
    try:
        yield
    finally:
        if not connection.broken:
            # Where the server was killed its locks are gone, too.
            with suppress(psycopg.OperationalError):
                connection.execute(
                    "SELECT pg_advisory_unlock(%s, %s)", (CLASS, int(place))
                )


def count_held(connection: "psycopg.Connection[Any]", place: Place) -> int:
    return _count(connection, WAITING, (CLASS, int(place)))


def await_held(connection: "psycopg.Connection[Any]", place: Place) -> int:
    """Until a transaction has stopped there; how many have."""
    return _await(connection, WAITING, (CLASS, int(place)))


def await_commit_held(connection: "psycopg.Connection[Any]") -> int:
    """Until a commit is on disk and waits for the standby that there is not."""
    return _await(connection, COMMITTED, ())


def _await(
    connection: "psycopg.Connection[Any]", statement: str, values: tuple[int, ...]
) -> int:
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < end:
        if _count(connection, statement, values):
            time.sleep(0.2)  # others come by too
            return _count(connection, statement, values)
        time.sleep(0.005)
    raise RuntimeError("no transaction came by")


def _count(
    connection: "psycopg.Connection[Any]", statement: str, values: tuple[int, ...]
) -> int:
    row = connection.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])
