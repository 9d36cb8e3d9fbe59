"""Workers as processes of a stand, and what their queue says of them."""

import subprocess
import time
from collections.abc import Callable

from tests.faults import processes
from tests.faults.report import Report
from tests.faults.stand import Stand

LONGEST_SECONDS = 180.0
HEARTBEAT = "0.5"
UNFINISHED = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
RUNNING = "SELECT task_name FROM procrastinate_jobs WHERE status = 'doing'"
FAILED = "SELECT id FROM procrastinate_jobs WHERE status NOT IN ('todo', 'succeeded')"
EMPTY = """
TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_events,
         procrastinate_periodic_defers, job_errors, goal_progress_history, jobs;
UPDATE financial_goals SET projected_at = NULL, probability = NULL,
                           probability_low = NULL, probability_high = NULL
"""
started: list["subprocess.Popen[bytes]"] = []


def start_worker(place: Stand, *options: str) -> "subprocess.Popen[bytes]":
    arguments = ("manage.py", "work", "--heartbeat", HEARTBEAT, *options)
    started.append(place.start(*arguments, log="worker.log"))
    return started[-1]


def kill(worker: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to a worker, and to nothing else."""
    processes.kill(worker.pid)
    worker.wait()


def end(worker: "subprocess.Popen[bytes]") -> int:
    worker.terminate()
    return worker.wait(30)


def kill_all() -> None:
    """None is left behind by a test that fails."""
    while started:
        worker = started.pop()
        if worker.poll() is None:
            kill(worker)


def await_that(
    holds_now: Callable[[], bool],
    place: Stand,
    seconds: float = LONGEST_SECONDS,
    every: float = 0.05,
) -> None:
    deadline = time.monotonic() + seconds
    while not holds_now():
        log = (place.directory / "worker.log").read_text()
        assert time.monotonic() < deadline, log[-3000:]
        time.sleep(every)


def running(place: Stand) -> set[str]:
    return {name for (name,) in place.ask_database(RUNNING)}


def await_done(place: Stand) -> None:
    """Something was there, and nothing of it is left to do."""
    assert place.ask_database("SELECT count(*) FROM procrastinate_jobs") != [(0,)]
    await_that(lambda: place.ask_database(UNFINISHED) == [(0,)], place)
    assert place.ask_database(FAILED) == []


def check_figures(place: Stand) -> None:
    report = Report("")
    place.reconcile(report, "at the end")
    assert report.violations == []
