"""Guessing passwords is slow at every door, and shuts nobody else out."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.backends import ModelBackend
from django.test import Client
from django.utils import timezone

from goals.api import authentication
from goals.api.authentication import Looking
from goals.models import ApiToken, KnownAddress, SignInCount, User
from goals.services import sign_ins
from goals.services.sign_ins import (
    ALL_BY_ADDRESS,
    ALL_BY_NAME_AND_ADDRESS,
    BY_ADDRESS,
    BY_NAME,
    BY_NAME_AND_ADDRESS,
    MOST_KNOWN_ADDRESSES,
    Refused,
    Try,
    forgive,
    take_try,
)
from goals.tests.factories import UserFactory
from tests.http import (
    PASSWORD,
    client_of,
    client_with,
    unthrottled,  # noqa: F401
)
from trades.tests.races import run_at_once

pytestmark = pytest.mark.django_db
HOME = "198.51.100.7"
ELSEWHERE = "203.0.113.9"
Knock = Callable[..., Any]


@pytest.fixture
def ada() -> User:
    return UserFactory(
        username="ada", password=PASSWORD, is_staff=True, is_superuser=True
    )


def sign_in(path: str) -> Knock:
    def knock(name: str, password: str, address: str = HOME) -> Any:
        return Client().post(
            path, {"username": name, "password": password}, REMOTE_ADDR=address
        )

    return knock


def ask_for_token(name: str, password: str, address: str = HOME) -> Any:
    body = {"username": name, "password": password}
    return client_with().post("/api/tokens/", body, REMOTE_ADDR=address)


# Each door, what it answers to a wrong password and what to the right one.
DOORS = pytest.mark.parametrize(
    ("knock", "refused", "let_in"),
    [
        pytest.param(sign_in("/login/"), 422, 302, id="site"),
        pytest.param(sign_in("/admin/login/"), 200, 302, id="admin"),
        pytest.param(ask_for_token, 401, 201, id="token"),
    ],
)


@DOORS
def test_after_many_wrong_passwords_the_right_one_waits_too(
    ada: User, knock: Knock, refused: int, let_in: int
) -> None:
    answers = [knock("ada", "wrong") for _ in range(40)]
    assert [one.status_code for one in answers[: BY_NAME.tries]] == [
        refused
    ] * BY_NAME.tries
    assert {one.status_code for one in answers[BY_NAME.tries :]} == {429}
    assert knock("ada", PASSWORD).status_code == 429
    assert 0 < int(answers[-1]["Retry-After"]) <= BY_NAME_AND_ADDRESS.seconds


@DOORS
def test_a_few_wrong_passwords_are_forgotten_with_the_right_one(
    ada: User, knock: Knock, refused: int, let_in: int
) -> None:
    for _ in range(5):
        for _ in range(BY_NAME.tries - 1):
            assert knock("ada", "wrong").status_code == refused
        assert knock("ada", PASSWORD).status_code == let_in
        SignInCount.objects.filter(tries__gte=BY_NAME.tries - 1).delete()


@DOORS
def test_the_doors_count_together(
    ada: User, knock: Knock, refused: int, let_in: int
) -> None:
    for _ in range(BY_NAME_AND_ADDRESS.tries):
        ask_for_token("ada", "wrong")
    assert knock("ada", PASSWORD).status_code == 429


@DOORS
def test_an_unknown_name_is_answered_as_a_known_one(
    ada: User, knock: Knock, refused: int, let_in: int
) -> None:
    def answers(name: str, address: str) -> list[int]:
        return [knock(name, "wrong", address).status_code for _ in range(15)]

    assert answers("ada", HOME) == answers("nobody", ELSEWHERE)


def test_the_page_says_how_long_to_wait(ada: User) -> None:
    for _ in range(BY_NAME_AND_ADDRESS.tries):
        sign_in("/login/")("ada", "wrong")
    page = sign_in("/login/")("ada", PASSWORD)
    # As many as the header says, whatever the clock did between the tries.
    minutes = ceil(int(page["Retry-After"]) / 60)
    assert f"Try again in {minutes} minutes" in page.content.decode()
    assert page["Content-Type"].startswith("text/html")


def test_the_api_says_it_in_json(ada: User) -> None:
    for _ in range(BY_NAME_AND_ADDRESS.tries):
        ask_for_token("ada", "wrong")
    answer = ask_for_token("ada", PASSWORD).json()
    assert answer["code"] == "too_many_tries"
    assert "Too many wrong passwords" in answer["detail"]


def test_sessions_and_tokens_go_on_working(ada: User) -> None:
    browser, bot = Client(REMOTE_ADDR=HOME), client_of(ada)
    browser.force_login(ada)
    for _ in range(BY_ADDRESS.tries + 1):
        take_try(name="ada", address=HOME, now=timezone.now())
    assert browser.get("/").status_code == 200
    assert bot.get("/api/goals/", REMOTE_ADDR=HOME).status_code == 200


# The limits, at a clock of the tests' own


def tries(count: int, now: datetime, **who: Any) -> list[Try | Refused]:
    return [take_try(**who, now=now) for _ in range(count)]


def granted(results: list[Try | Refused]) -> int:
    return sum(isinstance(one, Try) for one in results)


def test_an_address_has_its_tries_whatever_the_names(noon: datetime) -> None:
    names = [f"name {number}" for number in range(BY_ADDRESS.tries + 5)]
    results = [take_try(name=name, address=HOME, now=noon) for name in names]
    assert granted(results) == BY_ADDRESS.tries


def test_a_name_waits_a_minute_at_most_whoever_tries_it(
    ada: User, noon: datetime
) -> None:
    crowd = [f"192.0.2.{number}" for number in range(BY_NAME.tries + 5)]
    results = [take_try(name="ada", address=one, now=noon) for one in crowd]
    assert granted(results) == BY_NAME.tries
    waits = {one.wait_seconds for one in results if isinstance(one, Refused)}
    assert waits == {BY_NAME.seconds}
    later = noon + timedelta(seconds=BY_NAME.seconds)
    assert isinstance(take_try(name="ada", address=ELSEWHERE, now=later), Try)


def test_a_crowd_does_not_shut_out_an_address_that_signed_in_lately(
    ada: User, noon: datetime
) -> None:
    first = take_try(name="ada", address=HOME, now=noon)
    assert isinstance(first, Try)
    forgive(first, ada, noon)
    for number in range(BY_NAME.tries + 5):
        take_try(name="ada", address=f"192.0.2.{number}", now=noon)
    assert isinstance(take_try(name="ada", address=ELSEWHERE, now=noon), Refused)
    assert isinstance(take_try(name="ada", address=HOME, now=noon), Try)


def test_a_known_address_may_guess_no_longer_than_another(
    ada: User, noon: datetime
) -> None:
    KnownAddress.objects.create(user=ada, address=HOME, signed_in_at=noon)
    results = tries(30, noon, name="ada", address=HOME)
    assert granted(results) == BY_NAME_AND_ADDRESS.tries


def test_an_address_is_known_for_a_while_and_for_its_own_name(
    ada: User, noon: datetime
) -> None:
    long_ago = noon - timedelta(days=sign_ins.KNOWN_DAYS, seconds=1)
    KnownAddress.objects.create(user=ada, address=HOME, signed_in_at=long_ago)
    KnownAddress.objects.create(
        user=UserFactory(), address=ELSEWHERE, signed_in_at=noon
    )
    for number in range(BY_NAME.tries):
        take_try(name="ada", address=f"192.0.2.{number}", now=noon)
    for address in (HOME, ELSEWHERE):
        assert isinstance(take_try(name="ada", address=address, now=noon), Refused)


def test_tries_come_back_when_their_time_is_over(noon: datetime) -> None:
    who = {"name": "ada", "address": HOME}
    tries(BY_NAME_AND_ADDRESS.tries, noon, **who)
    just_before = noon + timedelta(seconds=BY_NAME_AND_ADDRESS.seconds - 1)
    assert granted(tries(1, just_before, **who)) == 0
    after = noon + timedelta(seconds=BY_NAME_AND_ADDRESS.seconds)
    assert granted(tries(1, after, **who)) == 1


def test_what_was_refused_costs_no_try(noon: datetime) -> None:
    who = {"name": "ada", "address": HOME}
    tries(BY_ADDRESS.tries * 3, noon, **who)
    assert granted(tries(1, noon, name="bob", address=HOME)) == 1


@pytest.mark.parametrize(
    "other", [" ada", "ada ", "\tada", "\uff41da"], ids=["left", "right", "tab", "wide"]
)
def test_no_spelling_of_a_name_has_tries_of_its_own(noon: datetime, other: str) -> None:
    tries(BY_NAME_AND_ADDRESS.tries, noon, name="ada", address=HOME)
    assert granted(tries(1, noon, name=other, address=HOME)) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("", ""),
    ],
)
def test_no_spelling_of_an_address_has_tries_of_its_own(
    noon: datetime, one: str, other: str
) -> None:
    tries(BY_NAME_AND_ADDRESS.tries, noon, name="ada", address=one)
    assert granted(tries(1, noon, name="ada", address=other)) == 0


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "x" * 5000, "'; --", "😀"])
def test_any_text_can_be_tried(noon: datetime, name: str) -> None:
    assert granted(tries(20, noon, name=name, address=HOME)) == 10


# What is left behind


def test_counts_that_are_over_are_deleted(noon: datetime) -> None:
    for number in range(BY_ADDRESS.tries):
        take_try(name=f"name {number}", address=HOME, now=noon)
    assert SignInCount.objects.count() == 2 + 3 * BY_ADDRESS.tries
    day = timedelta(days=1)
    for number in range(10):
        take_try(name=f"{number}", address=HOME, now=noon + day)
    assert SignInCount.objects.count() <= 2 + 3 * 10


def test_a_refused_address_leaves_nothing_behind(noon: datetime) -> None:
    for number in range(BY_ADDRESS.tries * 4):
        take_try(name=f"name {number}", address=HOME, now=noon)
    assert SignInCount.objects.count() == 2 + 3 * BY_ADDRESS.tries


def test_no_name_and_no_password_is_stored(noon: datetime) -> None:
    take_try(name="my password by mistake", address=HOME, now=noon)
    stored = str(list(SignInCount.objects.values()))
    assert "password" not in stored


def test_a_user_has_so_many_known_addresses(ada: User, noon: datetime) -> None:
    for number in range(MOST_KNOWN_ADDRESSES + 5):
        now = noon + timedelta(minutes=number)
        this = take_try(name="ada", address=f"192.0.2.{number}", now=now)
        assert isinstance(this, Try)
        forgive(this, ada, now)
    kept = KnownAddress.objects.order_by("signed_in_at")
    assert kept.count() == MOST_KNOWN_ADDRESSES
    assert kept[0].address == "192.0.2.5"


def test_a_try_costs_a_bounded_number_of_statements(
    ada: User, noon: datetime, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(7):
        take_try(name="ada", address=HOME, now=noon)


# Many at once


@pytest.mark.django_db(transaction=True)
def test_wrong_passwords_at_once_get_no_more_tries_than_one_after_the_other() -> None:
    UserFactory(username="ada", password=PASSWORD)
    looked_at: list[str] = []

    def look(self: ModelBackend, request: Any, username: str, *rest: Any) -> None:
        looked_at.append(username)
        time.sleep(0.3)  # whoever has not counted yet looks now

    def guess() -> int:
        status: int = ask_for_token("ada", "wrong").status_code
        return status

    with (
        patch.object(ModelBackend, "authenticate", look),
        patch.object(Looking, "enter", lambda *_, **__: True),
        patch.object(Looking, "leave", lambda *_: None),
    ):
        answers = run_at_once(*[guess] * (BY_NAME_AND_ADDRESS.tries + 6))

    assert len(looked_at) == BY_NAME_AND_ADDRESS.tries
    assert sorted(answers) == [401] * BY_NAME_AND_ADDRESS.tries + [429] * 6


def test_the_password_is_not_looked_at_before_the_try_is_counted(ada: User) -> None:
    order: list[str] = []

    def take(**who: Any) -> Refused:
        order.append("counted")
        return Refused(1)

    def look(*args: Any, **kwargs: Any) -> None:
        order.append("looked")

    with (
        patch.object(authentication, "take_try", take),
        patch.object(ModelBackend, "authenticate", look),
    ):
        assert ask_for_token("ada", PASSWORD).status_code == 429
    assert order == ["counted"]
    assert not ApiToken.objects.exists()


@DOORS
def test_a_process_looks_at_one_password_of_an_address_at_once(
    ada: User, knock: Knock, refused: int, let_in: int
) -> None:
    """The others are asked to come again, and it counts for nothing."""
    looking = Looking(2)
    looking.enter(HOME)
    with patch.object(authentication, "LOOKING", looking):
        answers = [knock("ada", PASSWORD) for _ in range(ALL_BY_ADDRESS.tries // 10)]
        assert knock("ada", PASSWORD, ELSEWHERE).status_code == let_in
    assert {one.status_code for one in answers} == {429}
    assert {one["Retry-After"] for one in answers} == {"2"}
    assert SignInCount.objects.filter(tries__gt=1).count() == 0
    assert knock("ada", PASSWORD).status_code == let_in


def test_a_process_looks_at_two_passwords_at_once() -> None:
    looking = Looking(2)
    assert [looking.enter(one) for one in "abc"] == [True, True, False]
    looking.leave("a")
    assert looking.enter("c")


def sign_in_rightly(count: int, now: datetime, user: User, address: str) -> int:
    """How many of the sign-ins with the right password were looked at."""
    looked_at = 0
    for _ in range(count):
        this = take_try(name=user.username, address=address, now=now)
        if isinstance(this, Try):
            looked_at += 1
            forgive(this, user, now)
        else:
            assert this.were_right
    return looked_at


def test_right_passwords_of_a_name_have_a_limit_too(ada: User, noon: datetime) -> None:
    most = ALL_BY_NAME_AND_ADDRESS.tries
    assert sign_in_rightly(most + 5, noon, ada, HOME) == most
    # Neither from another address nor as another name does anybody notice it.
    assert sign_in_rightly(1, noon, ada, ELSEWHERE) == 1
    assert sign_in_rightly(1, noon, UserFactory(), HOME) == 1
    later = noon + timedelta(seconds=ALL_BY_NAME_AND_ADDRESS.seconds)
    assert sign_in_rightly(1, later, ada, HOME) == 1


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of right passwords, lower: as many of a name are as many of them."""
    monkeypatch.setattr(sign_ins, "ALL_BY_ADDRESS", replace(ALL_BY_ADDRESS, tries=8))
    each = replace(ALL_BY_NAME_AND_ADDRESS, tries=3)
    monkeypatch.setattr(sign_ins, "ALL_BY_NAME_AND_ADDRESS", each)


def test_right_passwords_of_an_address_have_a_limit_too(
    few_are_many: None, noon: datetime
) -> None:
    users = [UserFactory() for _ in range(5)]
    assert [sign_in_rightly(2, noon, user, HOME) for user in users] == [2, 2, 2, 2, 0]


@DOORS
def test_after_many_right_passwords_the_next_waits(
    few_are_many: None, ada: User, knock: Knock, refused: int, let_in: int
) -> None:
    sign_in_rightly(3, timezone.now(), ada, HOME)
    answer = knock("ada", PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= ALL_BY_NAME_AND_ADDRESS.seconds
    assert "Too many sign-ins" in answer.content.decode()
    assert knock("ada", PASSWORD, ELSEWHERE).status_code == let_in
    browser = Client(REMOTE_ADDR=HOME)
    browser.force_login(ada)
    assert browser.get("/").status_code == 200
    assert client_of(ada).get("/api/goals/", REMOTE_ADDR=HOME).status_code == 200


def test_who_is_refused_anyway_takes_no_place_of_those_who_are_looked_at(
    ada: User,
) -> None:
    for _ in range(BY_NAME_AND_ADDRESS.tries):
        assert ask_for_token("ada", "wrong").status_code == 401
    with patch.object(Looking, "enter", side_effect=AssertionError("took a place")):
        assert ask_for_token("ada", "wrong").status_code == 429


def test_an_address_that_signed_in_lately_has_a_place_of_its_own(ada: User) -> None:
    assert ask_for_token("ada", PASSWORD).status_code == 201
    crowd = Looking(2)
    assert crowd.enter("192.0.2.1")
    assert crowd.enter("192.0.2.2")
    with patch.object(authentication, "LOOKING", crowd):
        assert ask_for_token("ada", PASSWORD, ELSEWHERE).status_code == 429
        assert ask_for_token("ada", PASSWORD).status_code == 201
