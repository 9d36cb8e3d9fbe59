"""What the connections of one process share; `tests.attack.test_site` sends to them."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings

from mastertrade.web.body_limits import limit_at
from mastertrade.web.connections import FairQueue, Space
from tests.http import operations

TOKEN = "Token of-nobody"
COOKIE = f"csrftoken=a; {settings.SESSION_COOKIE_NAME}=b"
SMALL = settings.BODY_LIMITS["anonymous"]
FILES = "/api/trades/import/"


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        (FILES, settings.BODY_LIMITS["upload"]),
        ("/api/goals/", settings.BODY_LIMITS["signed_in"]),
        ("/api/tokens/", SMALL),
        ("/api/webhooks/freqtrade/abc/", SMALL),
        ("/admin/goals/user/1/change/", settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
        ("/healthz", SMALL),
        ("/nothing/at/all", SMALL),
        ("/\xff\xfe", SMALL),
    ],
)
def test_a_paths_limit_is_its_views(path: str, limit: int) -> None:
    assert limit_at(path, TOKEN, "") == limit
    assert limit_at(path, "", COOKIE) == limit


@pytest.mark.parametrize(
    "path", [FILES, "/login/", *(one.path for one in operations().values())]
)
def test_without_credentials_no_path_reads_a_large_body(path: str) -> None:
    assert limit_at(path, "", "csrftoken=a") <= SMALL


def test_an_address_gets_half_of_the_space() -> None:
    space = Space(100)
    assert space.take("a", 50)
    assert not space.take("a", 1)
    assert space.take("b", 40)
    assert not space.take("c", 11)
    assert space.take("c", 10)


def test_who_has_most_has_more_than_who_asks_would_have() -> None:
    space = Space(100)
    for whose, count in (("a", 40), ("b", 30), (None, 30)):
        space.take(whose, count)
    assert space.has_most("c", 10) == "a"
    assert space.has_most("b", 9) == "a"
    assert space.has_most("b", 10) is None
    assert space.has_most(None, 9) == "a"
    assert space.has_most(None, 10) is None


def test_a_proxy_gets_what_there_is() -> None:
    space = Space(100)
    assert space.take(None, 90)
    assert not space.take(None, 11)


def test_space_that_is_given_back_is_taken_again() -> None:
    space = Space(100)
    for _ in range(10):
        assert space.take("a", 50)
        space.give_back("a", 50)
    assert space.take("b", 50)


def test_threads_are_given_to_addresses_in_turn() -> None:
    queue: Any = FairQueue()
    for number in range(4):
        queue.append(SimpleNamespace(whose="many", number=number))
    queue.append(SimpleNamespace(whose="few", number=0))
    queue.append(SimpleNamespace(whose=None, number=0))
    assert len(queue) == 6
    order = [(one.whose, one.number) for one in iter_all(queue)]
    assert order == [
        ("many", 0),
        ("few", 0),
        (None, 0),
        ("many", 1),
        ("many", 2),
        ("many", 3),
    ]
    assert not queue


def iter_all(queue: FairQueue) -> Any:
    while queue:
        yield queue.popleft()
