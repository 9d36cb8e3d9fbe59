"""Fixtures of the tests of trades."""

import time
from collections.abc import Iterator

import pytest
from django.db import connection

from trades.booking.reconcile import find_drift

LONGEST_END_SECONDS = 2.0
OTHERS = """
SELECT (SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND backend_type = 'client backend'),
       (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database())
"""


@pytest.fixture
def nothing_drifts(db: None) -> Iterator[None]:
    """After the test every figure equals the ledger's, and nobody deadlocked."""
    before = count_deadlocks()
    yield
    assert list(find_drift()) == []
    assert count_deadlocks() == before


def count_deadlocks() -> int:
    """So far; a session tells when it ends, so that other sessions end first."""
    end = time.monotonic() + LONGEST_END_SECONDS
    with connection.cursor() as cursor:
        while True:
            cursor.execute(OTHERS)
            others, deadlocks = cursor.fetchone()
            if not others or time.monotonic() > end:
                return int(deadlocks)
            time.sleep(0.005)
