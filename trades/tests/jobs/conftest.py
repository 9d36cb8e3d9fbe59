"""The queue's tables are unmanaged: nobody but these tests empties them."""

from collections.abc import Iterator

import pytest
from django.db import connection

EMPTY = (
    "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_events, "
    "procrastinate_periodic_defers, job_errors RESTART IDENTITY"
)


@pytest.fixture
def queue(transactional_db: None) -> Iterator[None]:
    """An empty queue, in transactions that really end."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
    yield
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
