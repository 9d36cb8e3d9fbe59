"""Fixtures that every test may use."""

import gc
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import pytest_django
from django.test import Client
from hypothesis import settings

# No time limit an example: machines differ, and properties share them with a server.
settings.register_profile("mastertrade", max_examples=40, deadline=None)
# CI judges a change by the same examples each time; others look for new ones.
settings.register_profile(
    "ci", settings.get_profile("mastertrade"), derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "mastertrade")

# Started in the background, tests ignore Ctrl-C, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Tests with one of these marks run only where it is named.
ALONE = ("browser", "faults", "migrations", "walks")


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    unasked = [mark for mark in ALONE if mark not in config.getoption("markexpr")]
    left_out = [one for one in items if any(map(one.get_closest_marker, unasked))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [one for one in items if one not in left_out]


def pytest_collection_finish() -> None:
    """What was imported and collected stays: garbage collection skips it then."""
    gc.collect()
    gc.freeze()


NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: pytest_django.DjangoDbBlocker,
    django_db_createdb: bool,
) -> Iterator[None]:
    """In place of pytest-django's, which migrates a database for every process."""
    from tests.databases import own_database  # apps are not loaded yet

    with (
        django_db_blocker.unblock(),
        own_database(create=django_db_createdb),
        django_db_blocker.block(),
    ):
        yield


@pytest.fixture
def noon() -> datetime:
    """A fixed clock: Monday, 2 March 2026, 12:00 UTC."""
    return NOON


@pytest.fixture
def operator(client: Client) -> Client:
    """A browser in which one who may see all of the admin is signed in."""
    from goals.models import User  # apps are not loaded yet when this file is

    client.force_login(User.objects.create_superuser("operator"))
    return client
