"""Fixtures that every test may use."""

from datetime import UTC, datetime

import pytest

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    """A fixed clock: Monday, 2 March 2026, 12:00 UTC."""
    return NOON
