"""Kills in the middle of requests whose clients stop, look, and go on.

After each kill the bots stop at their first request without an answer. The database is
looked at before anybody sends anything again; then the same requests go out with the
same ids.
"""

from collections.abc import Callable

from tests.faults import holds
from tests.faults.bots import Crowd, make_bots
from tests.faults.checks import check_after_fault, check_at_the_end
from tests.faults.holds import Place
from tests.faults.report import Report
from tests.faults.stand import Stand

REQUESTS = 500
BOTS = 6
PORTFOLIOS = 3

Fault = Callable[[Stand], str]


def kill_web_server(stand: Stand, report: Report) -> None:
    stand.server.start()
    faults = (
        _kill_server_anywhere,
        _kill_server_inside(Place.TRADE_WRITTEN),
        _kill_server_inside(Place.BOOKED),
        _kill_server_before_it_answers,
        _kill_worker_inside,
        _kill_server_anywhere,
    )
    _run(stand, report, faults)


def kill_postgres(stand: Stand, report: Report) -> None:
    stand.server.start()
    faults = (
        _kill_postgres_anywhere,
        _kill_postgres_inside(Place.TRADE_WRITTEN),
        _kill_postgres_inside(Place.BOOKED),
        _kill_postgres_after_commit,
        _kill_one_backend,
        _kill_postgres_anywhere,
    )
    _run(stand, report, faults)
    report.note("starts of PostgreSQL", stand.postgres.starts)


def _run(
    stand: Stand,
    report: Report,
    faults: tuple[Fault, ...],
) -> None:
    stand.check_defaults(report)
    trader = stand.seed("trader", portfolios=PORTFOLIOS)
    bots = make_bots(trader, BOTS, REQUESTS)
    crowd = Crowd(bots, stand.server)
    for number, fault in enumerate(faults, start=1):
        crowd.start()
        crowd.await_answers(REQUESTS * number // (len(faults) + 1))
        report.expect_none(crowd.stopped_by_themselves, "no answer before any fault")
        what = fault(stand)
        crowd.pause()
        _look(stand, crowd, report, what)
    crowd.start()
    crowd.join()
    crowd.repeat()
    check_at_the_end(stand, crowd, report)
    counted = sum(len(bot.steps) for bot in bots)
    report.note("requests answered", f"{crowd.answers} of {counted}")
    errors = stand.server.log_count("Traceback")
    report.note("tracebacks in the server's log", errors)


def _look(stand: Stand, crowd: Crowd, report: Report, what: str) -> None:
    answered = crowd.answers
    unanswered = sum(1 for _ in crowd.open_questions)
    report.expect(unanswered > 0, f"{what}: hit no request")
    done = check_after_fault(stand, crowd, report, what)
    report.note(
        what,
        f"after {answered} answers, {unanswered} requests without one, "
        f"{done} of them done",
    )
    if "before" in what or "commit is on disk" in what:
        report.expect(done > 0, f"{what}: nothing was committed")
    report.expect_none(crowd.wrong, f"{what}: wrong answers")


# The web server


def _kill_server_anywhere(stand: Stand) -> str:
    stand.server.kill()
    stand.server.start()
    return "web server killed"


def _kill_server_inside(place: Place) -> Fault:
    def fault(stand: Stand) -> str:
        with stand.postgres.connect() as watcher:
            with holds.held(watcher, place):
                count = holds.await_held(watcher, place)
                stand.server.kill()
            # Its transactions end when PostgreSQL notices that nobody listens.
            while holds.count_held(watcher, place):
                pass
        stand.server.start()
        return f"web server killed, {count} transactions {place.words}"

    return fault


def _kill_server_before_it_answers(stand: Stand) -> str:
    stand.server.hold_answers()
    count = stand.server.await_held()
    stand.server.kill()
    stand.server.release_answers()
    stand.server.start()
    return f"web server killed before it sent {count} answers"


def _kill_worker_inside(stand: Stand) -> str:
    with stand.postgres.connect() as watcher, holds.held(watcher, Place.BOOKED):
        holds.await_held(watcher, Place.BOOKED)
        stand.server.kill_one_worker()
    return "one worker killed, its master starts another"


# PostgreSQL


def _kill_postgres_anywhere(stand: Stand) -> str:
    stand.postgres.kill()
    stand.postgres.start()
    return "PostgreSQL killed"


def _kill_postgres_inside(place: Place) -> Fault:
    def fault(stand: Stand) -> str:
        with stand.postgres.connect() as watcher, holds.held(watcher, place):
            count = holds.await_held(watcher, place)
            stand.postgres.kill()
        stand.postgres.start()
        return f"PostgreSQL killed, {count} transactions {place.words}"

    return fault


def _kill_postgres_after_commit(stand: Stand) -> str:
    with stand.postgres.connect() as watcher:
        stand.postgres.hold_commits()
        count = holds.await_commit_held(watcher)
        stand.postgres.kill()
    stand.postgres.forget_holding_commits()
    stand.postgres.start()
    return f"PostgreSQL killed, {count} times when a commit is on disk"


def _kill_one_backend(stand: Stand) -> str:
    stand.postgres.kill_one_backend()
    return "one session of PostgreSQL killed"
