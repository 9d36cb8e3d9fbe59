"""What the database gave up on is done again: as a whole, and not for ever.

The failures are PostgreSQL's own. A statement that fails so many times counts with a
sequence, which no rollback takes back.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection
from django.db import transaction as django_transaction

from goals.models import User
from goals.tests.factories import UserFactory
from mastertrade.db import transactions
from mastertrade.db.transactions import ATTEMPTS, atomic, snapshot
from tests.http import Trader, make_trader, open_body

DEADLOCK, SERIALIZATION, CANCELLED = "40P01", "40001", "57014"
SETTLE_SECONDS = 10
# The first attempts fail with that SQLSTATE, those after them go on.
FAIL_FIRST = """
CREATE OR REPLACE FUNCTION fail_first() RETURNS trigger AS $$
BEGIN
    IF nextval('attempts') <= {failures} THEN
        RAISE EXCEPTION 'given up' USING ERRCODE = '{sqlstate}';
    END IF;
    RETURN new;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER fail_first BEFORE {event} FOR EACH ROW EXECUTE FUNCTION fail_first()
"""


@pytest.fixture
def attempts(transactional_db: None) -> Iterator[Callable[[], int]]:
    """Counts how often a failing statement was reached."""
    run("CREATE SEQUENCE attempts")

    def count() -> int:
        reached: list[tuple[int, bool]] = run(
            "SELECT last_value, is_called FROM attempts"
        )
        last, called = reached[0]
        return last if called else 0

    yield count
    run("DROP FUNCTION IF EXISTS fail_first CASCADE; DROP SEQUENCE attempts")


def run(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def fail_first(failures: int, sqlstate: str, event: str) -> None:
    run(FAIL_FIRST.format(failures=failures, sqlstate=sqlstate, event=event))


@atomic
def make_user(name: str) -> User:
    """Writes a row before the statement that may fail, and one by it."""
    User.objects.create_user(f"{name}_before")
    return User.objects.create_user(name)


ON_USERS = "INSERT ON users"


@pytest.mark.parametrize("sqlstate", [DEADLOCK, SERIALIZATION])
def test_what_the_database_gave_up_is_done_again_as_a_whole(
    attempts: Callable[[], int], sqlstate: str
) -> None:
    fail_first(ATTEMPTS - 1, sqlstate, ON_USERS)
    assert make_user("anna").username == "anna"
    assert attempts() == ATTEMPTS - 1 + 2  # the last attempt wrote two rows
    assert set(User.objects.values_list("username", flat=True)) == {
        "anna_before",
        "anna",
    }


def test_the_last_failure_is_raised_as_it_is(attempts: Callable[[], int]) -> None:
    fail_first(1000, SERIALIZATION, ON_USERS)
    with pytest.raises(OperationalError, match="given up") as raised:
        make_user("anna")
    assert raised.value.__cause__.sqlstate == SERIALIZATION
    assert attempts() == ATTEMPTS
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("sqlstate", "error"),
    [(CANCELLED, OperationalError), ("23505", IntegrityError)],
    ids=["cancelled", "not unique"],
)
def test_any_other_failure_is_raised_at_once(
    attempts: Callable[[], int], sqlstate: str, error: type[DatabaseError]
) -> None:
    fail_first(1000, sqlstate, ON_USERS)
    with pytest.raises(error):
        make_user("anna")
    assert attempts() == 1


def test_a_call_inside_another_leaves_it_to_the_outermost(
    attempts: Callable[[], int],
) -> None:
    fail_first(1000, SERIALIZATION, ON_USERS)
    with pytest.raises(OperationalError), django_transaction.atomic():
        make_user("anna")
    assert attempts() == 1

    @atomic
    def outer() -> None:
        make_user("berta")

    with pytest.raises(OperationalError):
        outer()
    assert attempts() == 1 + ATTEMPTS


def test_every_attempt_gets_the_same_arguments(attempts: Callable[[], int]) -> None:
    fail_first(2, SERIALIZATION, ON_USERS)
    seen = []

    @atomic
    def take(first: str, *, second: dict[str, int], **rest: int) -> None:
        seen.append((first, dict(second), dict(rest)))
        rest.pop("third")
        make_user(first)

    take("anna", second={"two": 2}, third=3)
    assert seen == [("anna", {"two": 2}, {"third": 3})] * 3


def test_pauses_grow_and_differ(
    attempts: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_first(1000, SERIALIZATION, ON_USERS)
    pauses: list[float] = []
    monkeypatch.setattr(transactions.time, "sleep", pauses.append)
    for name in ("anna", "berta"):
        with pytest.raises(OperationalError):
            make_user(name)
    per_call = ATTEMPTS - 1
    assert len(pauses) == 2 * per_call
    assert pauses[:per_call] != pauses[per_call:]
    # Each lies between half and one and a half of twice what the one before meant.
    meant = [transactions.FIRST_PAUSE_SECONDS * 2**n for n in range(1, ATTEMPTS)]
    for pause, middle in zip(pauses, meant * 2, strict=True):
        assert middle / 2 <= pause <= middle * 3 / 2
    assert sum(meant) * 3 / 2 < 0.5


def test_a_deadlock_of_two_ends_with_both_done(transactional_db: None) -> None:
    """Each locks one row, waits until the other has locked the other row, wants it."""
    names = ("anna", "berta")
    for name in names:
        UserFactory(username=name)
    both_hold_one = Barrier(2)
    tries: dict[str, int] = dict.fromkeys(names, 0)

    @atomic
    def rename_both(mine: str, other: str) -> None:
        tries[mine] += 1
        append_to_last_name(mine, mine)
        if tries[mine] == 1:
            both_hold_one.wait(timeout=SETTLE_SECONDS)
        append_to_last_name(other, mine)

    failures = run_at_once(
        lambda: rename_both("anna", "berta"), lambda: rename_both("berta", "anna")
    )
    assert failures == []
    assert sorted(tries.values()) == [1, 2]  # one of them was the deadlock's victim
    for name in names:
        letters = User.objects.get(username=name).last_name.split()
        assert sorted(letters) == ["anna", "berta"]


def test_a_serialization_failure_ends_with_both_counted(transactional_db: None) -> None:
    """Both read the same snapshot before either writes: the second cannot."""
    UserFactory(username="anna")
    both_have_read = Barrier(2)
    tries = []

    @atomic
    def count_one_more() -> None:
        tries.append(1)
        run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        anna = User.objects.get(username="anna")
        with suppress(BrokenBarrierError):  # nobody waits for a later attempt
            both_have_read.wait(timeout=SETTLE_SECONDS)
        anna.last_name = f"{int(anna.last_name or 0) + 1}"
        anna.save(update_fields=["last_name"])
        both_have_read.abort()

    assert run_at_once(count_one_more, count_one_more) == []
    assert User.objects.get(username="anna").last_name == "2"
    assert len(tries) == 3


def test_a_snapshot_sees_one_moment_and_waits_for_nobody(
    transactional_db: None,
) -> None:
    UserFactory(username="anna")

    @snapshot
    def read_twice() -> list[str]:
        found = [User.objects.get(username="anna").last_name]
        writer = Thread(target=lambda: append_and_close("anna"))
        writer.start()
        writer.join()
        return [*found, User.objects.get(username="anna").last_name]

    assert read_twice() == ["", ""]
    assert read_twice() == [" x", " x"]


def append_and_close(username: str) -> None:
    append_to_last_name(username, "x")
    connection.close()


def append_to_last_name(username: str, word: str) -> None:
    run(
        f"UPDATE users SET last_name = last_name || ' {word}' "
        f"WHERE username = '{username}'"
    )


def run_at_once(*works: Callable[[], object]) -> list[BaseException]:
    failures: list[BaseException] = []

    def work_in_thread(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [Thread(target=work_in_thread, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return failures


# Over HTTP

ON_POSITIONS = "INSERT ON positions"


@pytest.fixture
def trader(attempts: Callable[[], int]) -> Trader:
    return make_trader()


def test_a_request_whose_transaction_was_given_up_is_answered_all_the_same(
    trader: Trader, attempts: Callable[[], int]
) -> None:
    fail_first(2, DEADLOCK, ON_POSITIONS)
    trader.post("/api/trades/", open_body(), 201)
    assert attempts() == 3
    assert run("SELECT count(*) FROM trades") == [(1,)]


def test_one_that_is_given_up_for_ever_is_503_and_nothing_is_done(
    trader: Trader, attempts: Callable[[], int]
) -> None:
    fail_first(1000, DEADLOCK, ON_POSITIONS)
    answer = trader.post("/api/trades/", open_body(), 503)
    assert answer["code"] == "database_unavailable"
    assert attempts() == ATTEMPTS
    assert run("SELECT count(*) FROM trades") == [(0,)]
