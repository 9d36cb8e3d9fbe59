"""Fixtures that every test may use."""

import os
from datetime import UTC, datetime

import pytest
from hypothesis import settings

# No time limit an example: machines differ, and properties share them with a server.
settings.register_profile("mastertrade", max_examples=40, deadline=None)
# Where CI judges a change, it is by the same examples each time; others seek new ones.
settings.register_profile(
    "ci", settings.get_profile("mastertrade"), derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "mastertrade")

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    """A fixed clock: Monday, 2 March 2026, 12:00 UTC."""
    return NOON
