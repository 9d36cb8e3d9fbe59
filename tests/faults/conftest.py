"""A place with a trader for the tests of a module, and its queue emptied for each."""

from collections.abc import Iterator

import pytest

from tests.faults import workers
from tests.faults.stand import Stand, Trader, stand


@pytest.fixture(scope="module")
def place() -> Iterator[Stand]:
    with stand() as made:
        yield made


@pytest.fixture(scope="module")
def trader(place: Stand) -> Trader:
    return place.seed("trader", portfolios=2, trades=2)


@pytest.fixture
def empty(place: Stand, trader: Trader) -> Iterator[Stand]:
    """The queue as if nothing had ever been in it; goals as yesterday's."""
    with place.postgres.connect() as connection:
        connection.execute(workers.EMPTY)
    yield place
    workers.kill_all()
