"""Clients that know nothing of kills: they send the same again until it is answered."""

import time
from collections.abc import Callable

from tests.faults.bots import Crowd, make_bots
from tests.faults.checks import check_at_the_end
from tests.faults.report import Report
from tests.faults.stand import Stand

REQUESTS = 400
BOTS = 6
PORTFOLIOS = 3
# How long clients are left without the server that was killed.
DOWN_SECONDS = 0.5


def let_clients_try_again(stand: Stand, report: Report) -> None:
    stand.server.start()
    trader = stand.seed("trader", portfolios=PORTFOLIOS)
    crowd = Crowd(make_bots(trader, BOTS, REQUESTS), stand.server)
    faults: tuple[Callable[[Stand], None], ...] = (
        _kill_postgres,
        _kill_web_server,
        _kill_one_backend,
        _kill_worker,
        _kill_both,
    )
    crowd.start(patient=True)
    for number, fault in enumerate(faults, start=1):
        crowd.await_answers(REQUESTS * number // (len(faults) + 1))
        fault(stand)
        begin, before = time.monotonic(), crowd.answers
        crowd.await_answers(before + BOTS)
        back = time.monotonic() - begin
        report.note(fault.__doc__ or "", f"answers again after {back:.1f} s")
    crowd.join()
    tries = [step.tries for bot in crowd.bots for step in bot.steps]
    report.note("requests answered", f"{crowd.answers} of {len(tries)}")
    report.note("sent more than once", sum(count > 1 for count in tries))
    report.expect(any(count > 1 for count in tries), "no kill hit a request")
    crowd.repeat()
    check_at_the_end(stand, crowd, report)
    errors = stand.server.log_count("Traceback")
    report.note("tracebacks in the server's log", errors)


def _kill_postgres(stand: Stand) -> None:
    """PostgreSQL killed"""
    stand.postgres.kill()
    time.sleep(DOWN_SECONDS)
    stand.postgres.start()


def _kill_web_server(stand: Stand) -> None:
    """web server killed"""
    stand.server.kill()
    time.sleep(DOWN_SECONDS)
    stand.server.start()


def _kill_one_backend(stand: Stand) -> None:
    """one session of PostgreSQL killed"""
    stand.postgres.kill_one_backend()


def _kill_worker(stand: Stand) -> None:
    """one worker killed"""
    stand.server.kill_one_worker()


def _kill_both(stand: Stand) -> None:
    """both killed, the web server back first"""
    stand.postgres.kill()
    stand.server.kill()
    stand.server.start_unready()
    time.sleep(DOWN_SECONDS)
    stand.postgres.start()
