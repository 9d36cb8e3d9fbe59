"""What docs/operations.md promises: restarts in turn, a full disk, no database."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import psycopg

from tests.faults.bots import Crowd, make_bots
from tests.faults.checks import check_at_the_end
from tests.faults.pgbouncer import PgBouncer
from tests.faults.report import Report
from tests.faults.server import NoAnswer, WebServer
from tests.faults.stand import Stand

# A bot a portfolio, so that none is refused because it waits for another's lock.
REQUESTS, BOTS, PORTFOLIOS = 360, 6, 6
JOBS = 40
GRACE_SECONDS = 60.0
GONE_SECONDS = 60.0
# A request that cannot reach the database is answered in less.
LONGEST_REFUSAL_SECONDS = 10.0
SMALL_DISK, FULL_SECONDS = "160m", 10.0
JOBS_LEFT = """
SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
  AND (scheduled_at IS NULL OR scheduled_at <= now())
"""
DEFER_JOBS = f"""
import django; django.setup()
from mastertrade.db.queue import defer
for number in range({JOBS}): defer("daily", timestamp=number)
"""


class Balancer:
    """Two web servers in turn, as a proxy asks them.

    Where nobody listens the other one is asked, for nothing was sent; any other lack of
    an answer is a lost request.
    """

    def __init__(self, *servers: WebServer) -> None:
        self.servers = list(servers)
        self._turns = cycle(range(len(servers)))
        self.lost: list[str] = []

    def ask(self, *request: Any) -> tuple[int, Any]:
        first = next(self._turns)
        for number in range(len(self.servers)):
            server = self.servers[(first + number) % len(self.servers)]
            try:
                return server.ask(*request)
            except NoAnswer as failure:
                if str(failure) != ConnectionRefusedError.__name__:
                    self.lost.append(f"{request[1]}: {failure}")
                    raise
        self.lost.append(f"{request[1]}: nobody listens")
        raise NoAnswer("nobody listens")


def restart_in_turn(stand: Stand, report: Report) -> None:
    """Two web servers and two workers behind PgBouncer, each restarted under load."""
    trader = stand.seed("trader", portfolios=PORTFOLIOS)
    direct = stand.environment["DATABASE_URL"]
    pooler = PgBouncer(stand.directory, stand.postgres.socket)
    pooler.start()
    stand.environment |= {
        "DATABASE_URL": pooler.url,
        "MASTERTRADE_POOLER": "1",
        "MASTERTRADE_WORKER_DATABASE_URL": direct,
    }
    servers = [
        WebServer(stand.directory, stand.environment, workers=2) for _ in range(2)
    ]
    workers = [stand.start("manage.py", "work", log="worker.log") for _ in range(2)]
    try:
        for server in servers:
            server.start()
        check_limits(pooler, report)
        balancer = Balancer(*servers)
        crowd = Crowd(make_bots(trader, BOTS, REQUESTS), balancer)
        crowd.start()
        for number, server in enumerate(servers, start=1):
            crowd.await_answers(REQUESTS * number // 6)
            began = time.monotonic()
            server.reload()
            report.note(f"web server {number} reloaded", since(began))
        stand.run("-c", DEFER_JOBS)
        for number in range(2):
            crowd.await_answers(REQUESTS * (number + 3) // 6)
            began = time.monotonic()
            workers[number].send_signal(signal.SIGTERM)
            status = workers[number].wait(GRACE_SECONDS)
            report.expect(status == 0, f"worker {number + 1} ended with {status}")
            workers[number] = stand.start("manage.py", "work", log="worker.log")
            report.note(f"worker {number + 1} stopped", since(began))
        for number, server in enumerate(servers, start=1):
            crowd.await_answers(REQUESTS * (number + 4) // 7)
            began = time.monotonic()
            balancer.servers = [one for one in servers if one is not server]
            time.sleep(1)  # what it was sent
            server.stop()
            server.start()
            balancer.servers = servers
            report.note(f"web server {number} stopped and started", since(began))
        crowd.join()
        report.note("requests answered", f"{crowd.answers} of {REQUESTS}")
        report.expect_none(balancer.lost, "lost requests")
        check_jobs(stand, report)
        crowd.repeat()
        stand.environment["DATABASE_URL"] = direct
        check_at_the_end(stand, crowd, report)
        errors = servers[0].log_count("Traceback")
        report.expect(errors == 0, f"tracebacks: {errors}\n{servers[0].log_tail()}")
    finally:
        for server in servers:
            server.stop()
        stop_all(workers)
        pooler.stop()


def check_limits(pooler: PgBouncer, report: Report) -> None:
    """The role has the time limits for what is said outside transactions."""
    with psycopg.connect(pooler.url, autocommit=True) as connection:
        for name, wanted in (("statement_timeout", "15s"), ("lock_timeout", "2s")):
            row = connection.execute(f"SHOW {name}", prepare=False).fetchone()
            report.expect(row == (wanted,), f"{name} is {row}")


def check_jobs(stand: Stand, report: Report) -> None:
    """All that were deferred end well, whoever was restarted meanwhile."""
    end = time.monotonic() + GRACE_SECONDS
    while stand.ask_database(JOBS_LEFT) != [(0,)] and time.monotonic() < end:
        time.sleep(0.2)
    found = dict(
        stand.ask_database(
            "SELECT status::text, count(*) FROM procrastinate_jobs"
            f" WHERE task_name = 'daily' AND (args->>'timestamp')::bigint < {JOBS}"
            " GROUP BY 1"
        )
    )
    report.note("jobs", found)
    report.expect(found == {"succeeded": JOBS}, f"of {JOBS} jobs: {found}")


def stop_all(workers: "list[subprocess.Popen[bytes]]") -> None:
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    for worker in workers:
        worker.wait(GRACE_SECONDS)


def since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"


# --- no database --------------------------------------------------------------------


def live_without_database(stand: Stand, report: Report) -> None:
    """PostgreSQL is gone for a minute; everybody else stays."""
    stand.server.start()
    worker = stand.start("manage.py", "work", log="worker.log")
    try:
        trader = stand.seed("trader", portfolios=PORTFOLIOS)
        crowd = Crowd(make_bots(trader, BOTS, REQUESTS), stand.server)
        crowd.start(patient=True)
        crowd.await_answers(REQUESTS // 3)
        stand.postgres.stop()
        longest = ask_meanwhile(stand, report, until=time.monotonic() + GONE_SECONDS)
        report.note("longest answer meanwhile", f"{longest:.2f} s")
        report.expect(longest < LONGEST_REFUSAL_SECONDS, f"a request took {longest} s")
        stand.postgres.start()
        began, before = time.monotonic(), crowd.answers
        crowd.await_answers(before + BOTS)
        report.note("answers again after", since(began))
        stand.run("-c", DEFER_JOBS)
        crowd.join()
        check_jobs(stand, report)
        report.expect(worker.poll() is None, f"the worker ended: {worker.poll()}")
        check_at_the_end(stand, crowd, report)
    finally:
        stop_all([worker])


def ask_meanwhile(stand: Stand, report: Report, until: float) -> float:
    """What watches the site sees; returns the longest answer, in seconds."""
    longest = 0.0
    while time.monotonic() < until:
        began = time.monotonic()
        status, _ = stand.server.ask("GET", "/healthz")
        report.expect(status == 200, f"/healthz answered {status}")
        ready = stand.server.status("GET", "/readyz")
        report.expect(ready == 503, f"/readyz answered {ready}")
        metrics = stand.server.ask("GET", "/metrics")[1]
        is_told = "mastertrade_database_up 0.0" in metrics
        report.expect(is_told, "/metrics does not say that there is no database")
        longest = max(longest, time.monotonic() - began)
        time.sleep(1)
    return longest


# --- no space -----------------------------------------------------------------------


def fill_the_disk(stand: Stand, report: Report) -> None:
    """The disk of PostgreSQL's data is full, and has space again."""
    stand.seed("other")  # what is there before
    with small_disk(stand):
        stand.server.start()
        trader = stand.seed("trader", portfolios=PORTFOLIOS)
        crowd = Crowd(make_bots(trader, BOTS, REQUESTS), stand.server)
        crowd.start(patient=True)
        crowd.await_answers(REQUESTS // 4)
        filler = stand.postgres.data / "filler"
        fill(stand, filler)
        time.sleep(FULL_SECONDS)
        refused = stand.run("manage.py", "backup", str(filler.with_name("backup")))
        report.expect(refused.returncode != 0, "a backup on a full disk succeeded")
        report.note("a backup there", refused.stdout.strip().splitlines()[0][:70])
        left = [one.name for one in stand.postgres.data.glob("*backup*")]
        left = [name for name in left if name != "backup_label.old"]
        report.expect_none(left, "left of a backup that failed")
        report.note(
            "no space, in PostgreSQL's log", stand.postgres.log_count("No space")
        )
        report.expect(stand.postgres.log_count("No space") > 0, "nothing was full")
        filler.unlink()
        if not stand.postgres.is_running:
            report.note("PostgreSQL", "ended by itself, and is started again")
            stand.postgres.start()
        crowd.join()
        check_at_the_end(stand, crowd, report)


def fill(stand: Stand, path: Any) -> None:
    """Until nothing is left, while others write; their files stay as they are."""
    with path.open("wb", buffering=0) as file:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                while True:
                    file.write(b"\0" * 65_536)
            except OSError:
                time.sleep(0.05)


@contextmanager
def small_disk(stand: Stand) -> Iterator[None]:
    """Its data on a file system of their own, which only root can mount."""
    stand.postgres.stop()
    data, away = stand.postgres.data, stand.postgres.data.with_name("data-away")
    data.rename(away)
    data.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(data)]
    subprocess.run(mount, check=True)
    try:
        subprocess.run(["cp", "-a", f"{away}/.", str(data)], check=True)
        shutil.copystat(away, data)
        stand.postgres.own(data)
        stand.postgres.start()
        yield
    finally:
        stand.close()
        subprocess.run(["umount", str(data)], check=True)
