"""The worker: a procrastinate worker for each queue, in one process and one loop.

What procrastinate leaves to its user is here: it goes on when the database comes back,
gives back what killed workers were doing, and ends in time whatever its jobs do.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, close_old_connections
from django.db import connection as django_connection
from django.utils import timezone
from procrastinate import JobContext, PsycopgConnector
from procrastinate.contrib.django import DjangoApp, connector_params
from procrastinate.exceptions import ConnectorException, JobAborted

from mastertrade.db.queue import (
    MOST_STARTS,
    SILENT_HEARTBEATS,
    give_back,
    give_back_stalled,
)
from trades.jobs import register
from trades.jobs.failing import alert_of_failure
from trades.jobs.job import LONG, QUICK, TURN
from trades.services.job_errors import record_error
from trades.services.jobs import follow_queue

logger = logging.getLogger(__name__)
# Jobs of a queue at once; what takes long is computation, and gains nothing by more.
CONCURRENCY = {QUICK: 4, TURN: 1, LONG: 1}
# Besides the jobs' threads: the sweep's, and one for each queue that connects.
OTHER_THREADS = 1 + len(CONCURRENCY)
# Before the database is tried again; twice as long each time.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0
# What asks the queue waits so long for one of its connections.
CONNECT_SECONDS = 5.0
# A worker that found work for so long was not stopped by what stopped the one before.
LASTED_SECONDS = 60.0
# A period that began before a worker did is made up for, as after a restart.
MAKE_UP_SECONDS = 3600
AWAY = (OperationalError, InterfaceError, ConnectorException, psycopg.Error, OSError)


class Worker:
    """`wait`: go on until asked to stop; otherwise do what waits now.

    `grace`: how long running jobs may go on after that, in seconds. `heartbeat`: how
    often it shows that it lives; others take one that was silent for three for dead.
    """

    def __init__(self, *, wait: bool, grace: float, heartbeat: float) -> None:
        self.wait, self.grace, self.heartbeat = wait, grace, heartbeat
        self.running: set[int] = set()
        self.stopping = asyncio.Event()

    async def run(self) -> list[int] | None:
        """Until it is to stop; returns the jobs that go on beyond the grace, if any."""
        loop = asyncio.get_running_loop()
        threads = sum(CONCURRENCY.values()) + OTHER_THREADS
        loop.set_default_executor(ThreadPoolExecutor(threads))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stopping.set)
        sweep = asyncio.create_task(self._sweep())
        stop = asyncio.create_task(self.stopping.wait())
        served = asyncio.create_task(self._serve_all())
        first: list[asyncio.Task[Any]] = [served, stop]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        sweep.cancel()
        if served.done():
            served.result()  # raises what went wrong
            return None
        served.cancel()
        await asyncio.wait([served], timeout=self.grace)
        return None if served.done() else sorted(self.running)

    async def _serve_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for queue, concurrency in CONCURRENCY.items():
                group.create_task(self._serve(queue, concurrency))

    async def _serve(self, queue: str, concurrency: int) -> None:
        """A queue, through every time that the database is away."""
        loop, pause, is_away = asyncio.get_running_loop(), FIRST_PAUSE_SECONDS, False
        while True:
            began = loop.time()
            try:
                await asyncio.to_thread(_check_database)
                if is_away:
                    logger.warning("The database answers again: queue %s.", queue)
                    is_away = False
                await self._serve_while_connected(queue, concurrency)
            except AWAY as failure:
                if not self.wait:
                    raise
                if not is_away:
                    words = " ".join(str(failure).split())
                    logger.warning(
                        "The database does not answer; queue %s waits for it: %s",
                        *(queue, words),
                    )
                is_away = True
            if not self.wait:
                return
            if loop.time() - began > LASTED_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _serve_while_connected(self, queue: str, concurrency: int) -> None:
        """Ends when it is done or loses the database, and has no job any more."""
        parameters = await asyncio.to_thread(connector_params)
        connector = PsycopgConnector(
            kwargs=parameters,
            configure=_commit_at_once,
            min_size=1,
            max_size=2,
            timeout=CONNECT_SECONDS,
        )
        app = DjangoApp(
            connector=connector, periodic_defaults={"max_delay": MAKE_UP_SECONDS}
        )
        register(app)
        async with app.open_async():
            await app.run_worker_async(
                queues=[queue],
                name=queue,
                concurrency=concurrency,
                wait=self.wait,
                install_signal_handlers=False,
                update_heartbeat_interval=self.heartbeat,
                stalled_worker_timeout=self.heartbeat * SILENT_HEARTBEATS,
                task_middleware=[self._do],
            )

    async def _sweep(self) -> None:
        """Give back what dead workers were doing, as often as a heartbeat."""
        while True:
            await asyncio.sleep(self.heartbeat)
            try:
                await asyncio.to_thread(sweep, self.heartbeat * SILENT_HEARTBEATS)
            except AWAY:
                continue  # the queues say so

    def _do(self, job: Callable[[], Any], context: JobContext, worker: Any) -> Any:
        """A job, in its thread; what it raises is stored for people to read."""
        key = context.job.id
        assert key is not None
        close_old_connections()
        self.running.add(key)
        try:
            return job()
        except JobAborted:
            raise
        except Exception as failure:
            _store_error(key, failure)
            raise
        finally:
            self.running.discard(key)
            close_old_connections()


def sweep(silent_seconds: float) -> None:
    """Jobs of silent workers go back; one that killed all its workers has failed."""
    try:
        given_back = give_back_stalled(silent_seconds)
        if given_back:
            follow_queue(timezone.now())
        for job in given_back:
            logger.warning("Job %s (%s) of a dead worker: %s", *_words(job))
            if job.status == "failed":
                words = f"Its worker died {MOST_STARTS} times."
                record_error(job.job_id, words)
                alert_of_failure(job.name, words)
    finally:
        close_old_connections()


def _words(job: Any) -> tuple[int, str, str]:
    state = {"todo": "waits again", "aborted": "was cancelled"}
    return job.job_id, job.name, state.get(job.status, job.status)


def end_now(running: list[int]) -> None:
    """End this process with jobs in it: they are undone, and others do them."""
    try:
        give_back(running)
        follow_queue(timezone.now())
    except AWAY:
        logger.warning("The database is away: others find the jobs in a while.")
    if embedded := django_connection.settings_dict.get("EMBEDDED"):
        embedded.leave()
    os._exit(0)


async def _commit_at_once(connection: "psycopg.AsyncConnection[Any]") -> None:
    """Whatever the library asks is one statement: BEGIN and COMMIT would triple it."""
    await connection.set_autocommit(True)


def _check_database() -> None:
    """Raises where it does not answer, before anything waits for a pool of it."""
    try:
        close_old_connections()
        with django_connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        django_connection.close()


def _store_error(job_id: int, failure: Exception) -> None:
    try:
        record_error(job_id, f"{type(failure).__name__}: {failure}")
    except AWAY:
        logger.warning("The error of job %s is in this log only.", job_id)
