"""Kills around the jobs of users, of each kind: none lost, none done twice in effect.

Real processes: the web server that puts a job into the queue, and the workers.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.faults import holds, workers
from tests.faults.holds import Place
from tests.faults.scenarios.imports import write_trades
from tests.faults.server import NoAnswer
from tests.faults.stand import Stand, Trader
from trades.enums import JobKind

pytestmark = pytest.mark.faults
ROWS = 50
# Where the worker is killed that does a job, one after the other.
MOMENTS = {
    JobKind.IMPORT: (Place.REPORTED, Place.TRADE_WRITTEN, Place.ENDED),
    JobKind.REPLAY: (Place.REPORTED, Place.TRADE_WRITTEN, Place.ENDED),
    JobKind.COMPARISON: (Place.REPORTED, Place.ENDED),
    JobKind.PROJECTION: (Place.REPORTED, Place.ENDED),
    JobKind.FRONTIER: (Place.REPORTED, Place.ENDED),
    JobKind.DEMO: (Place.REPORTED, Place.TRADE_WRITTEN, Place.ENDED),
}
EFFECTS = """
SELECT (SELECT count(*) FROM trades), (SELECT count(*) FROM trade_imports),
       (SELECT count(*) FROM replay_runs), (SELECT count(*) FROM portfolios)
"""
# What a job adds to them once; a replay's trades are looked up in its report.
ADDED = {JobKind.IMPORT: (ROWS, 1, 0, 0), JobKind.REPLAY: (0, 0, 1, 2)}
NOTHING = (0, 0, 0, 0)
JOBS = "SELECT state, result FROM jobs ORDER BY job_id"
QUEUED = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'user_job'"
REPLAYED = """
SELECT count(*) FROM trades t JOIN replay_runs r
  ON t.portfolio_id IN (r.policy_portfolio_id, r.constant_portfolio_id)
WHERE r.run_id = %s
"""
IS_ALONE = """
SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s
"""
SIGN_IN = """
import sys
import django
django.setup()
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from goals.models import User

user = User.objects.get(username=sys.argv[1])
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.create()
print(session.session_key)
"""
EACH_KIND = pytest.mark.parametrize("kind", JobKind)


@pytest.fixture(scope="module")
def site(place: Stand, trader: Trader) -> Stand:
    """A web server; its trader's first portfolio has a record."""
    path = write_trades(place.directory / "record.csv", "record", ROWS)
    place.manage(
        *("import_trades", str(path), "--user", trader.username),
        *("--portfolio", str(trader.portfolios[0]), "--strategy", trader.strategy_id),
    )
    place.server.start()
    return place


def request_of(
    kind: JobKind, place: Stand, trader: Trader, turn: int
) -> tuple[str, Any]:
    """Address and body; another turn asks for something else where that matters."""
    goal = trader.goals[0]
    match kind:
        case JobKind.IMPORT:
            path = write_trades(place.directory / "trades.csv", f"turn{turn}", ROWS)
            into = f"portfolio={trader.portfolios[1]}&strategy_id={trader.strategy_id}"
            return f"/api/trades/import/?background=1&{into}", path.read_bytes()
        case JobKind.REPLAY:
            return "/api/replays/", {
                "prices": "MSFT",
                "goal_type": "monthly_return",
                "target_value": f"{4 + turn}",
                "start_date": "2010-01-01",
                "end_date": "2010-04-15",
            }
        case JobKind.COMPARISON:
            return "/api/comparisons/", {"portfolio": trader.portfolios[0]}
        case _:
            return f"/api/goals/{goal}/{kind}/", {}


Ask = Callable[[], dict[str, Any]]


@pytest.fixture
def ask(site: Stand, empty: Stand, trader: Trader, kind: JobKind, turn: int) -> Ask:
    """Asks for a job of that kind; raises `NoAnswer`."""
    if kind is JobKind.DEMO:
        return ask_on_page(site, f"newcomer{turn}")
    path, body = request_of(kind, site, trader, turn)

    def post() -> dict[str, Any]:
        status, answer = site.server.ask("POST", path, body, trader.token)
        assert status == 202, answer
        return answer

    return post


def ask_on_page(site: Stand, username: str) -> Ask:
    """The demo is asked for on a page only; each time by somebody who has none."""
    site.seed(username)
    session = site.run("-c", SIGN_IN, username).stdout.split()[-1]

    def post() -> dict[str, Any]:
        page = "/welcome/demo/"
        status, answer = site.server.ask("POST", page, session=session)
        assert status == 302, answer
        return {}

    return post


def effects(place: Stand) -> tuple[int, ...]:
    return place.ask_database(EFFECTS)[0]


def added(place: Stand, before: tuple[int, ...]) -> tuple[int, ...]:
    pairs = zip(effects(place), before, strict=True)
    return tuple(now - then for now, then in pairs)


def await_alone(place: Stand) -> None:
    """Until PostgreSQL has ended what a killed process had begun."""
    workers.await_that(
        lambda: place.ask_database(IS_ALONE, holds.CLASS) == [(True,)], place
    )


def check_done_once(
    place: Stand, kind: JobKind, before: tuple[int, ...], jobs: int = 1
) -> None:
    found = place.ask_database(JOBS)
    assert [state for state, _ in found] == ["done"] * jobs
    expected = ADDED.get(kind, NOTHING)
    if kind is JobKind.REPLAY:
        assert len({result["replay_id"] for _, result in found}) == 1
        [(trades,)] = place.ask_database(REPLAYED, found[0][1]["replay_id"])
        assert trades > 0
        expected = (trades, *expected[1:])
    if kind is JobKind.DEMO:
        assert len({result["portfolio_id"] for _, result in found}) == 1
        expected = (found[0][1]["trades"], 0, 0, 1)
    assert added(place, before) == expected
    workers.check_figures(place)


@EACH_KIND
@pytest.mark.parametrize("turn", [1])
def test_a_job_whose_workers_are_killed_is_done_once(
    ask: Ask, empty: Stand, kind: JobKind
) -> None:
    before = effects(empty)
    ask()
    with empty.postgres.connect() as watcher:
        for moment in MOMENTS[kind]:
            worker = workers.start_worker(empty)
            with holds.held(watcher, moment):
                holds.await_held(watcher, moment)
                workers.kill(worker)
                assert added(empty, before) == NOTHING
            await_alone(empty)
            assert added(empty, before) == NOTHING
            assert "user_job" in workers.running(empty)
    workers.start_worker(empty)
    workers.await_done(empty)
    check_done_once(empty, kind, before)


@EACH_KIND
@pytest.mark.parametrize("turn", [2])
def test_a_web_server_that_is_killed_has_put_off_what_it_has_committed(
    ask: Ask, empty: Stand, kind: JobKind
) -> None:
    before, server = effects(empty), empty.server
    with empty.postgres.connect() as watcher, ThreadPoolExecutor(1) as client:
        with holds.held(watcher, Place.ASKED):
            asked = client.submit(ask)
            holds.await_held(watcher, Place.ASKED)
            server.kill()
        await_alone(empty)
        assert isinstance(asked.exception(), NoAnswer)
        assert empty.ask_database(JOBS) == []
        assert empty.ask_database(QUEUED) == [(0,)]
        server.start()
        server.hold_answers()
        asked = client.submit(ask)
        server.await_held()
        server.kill()
        server.release_answers()
        assert isinstance(asked.exception(), NoAnswer)
    assert empty.ask_database(QUEUED) == [(1,)]
    server.start()
    workers.start_worker(empty)
    workers.await_done(empty)
    check_done_once(empty, kind, before)
    ask()  # who got no answer asks again
    is_done = partial(empty.ask_database, JOBS + " OFFSET 1")
    workers.await_that(lambda: is_done()[0][0] == "done", empty)
    check_done_once(empty, kind, before, jobs=2)
