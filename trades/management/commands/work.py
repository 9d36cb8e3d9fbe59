"""The worker: does what the web deferred, and what is due by the clock."""

import asyncio
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection

from mastertrade.database import worker_settings
from mastertrade.db.queue import HEARTBEAT_SECONDS
from mastertrade.web.health import find_pending_migrations
from trades.jobs.worker import CONCURRENCY, Worker, end_now

NICENESS = 10


class Command(BaseCommand):
    help = (
        "Do the jobs that requests and the clock put into the queue, until Ctrl-C or "
        "SIGTERM. Any number of workers may run, on any number of machines; a job "
        "that a killed worker left is done by another one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="do what waits now, and stop"
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=20.0,
            metavar="SECONDS",
            help="how long running jobs may go on after a stop (20)",
        )
        parser.add_argument(
            "--heartbeat",
            type=float,
            default=HEARTBEAT_SECONDS,
            metavar="SECONDS",
            help="how often it shows that it lives; the same for all workers (10)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        os.nice(NICENESS)
        connection.settings_dict.update(worker_settings())
        _check_database()
        jobs = ", ".join(f"{most} {queue}" for queue, most in CONCURRENCY.items())
        self._say(f"Worker started; jobs at once: {jobs}.")
        asyncio.run(self._work(options))
        self._say("Worker stopped; what was not done waits in the queue.")

    async def _work(self, options: dict[str, Any]) -> None:
        grace = options["grace"]
        worker = Worker(
            wait=not options["once"], grace=grace, heartbeat=options["heartbeat"]
        )
        left = await worker.run()
        if left is not None:
            self._say(
                f"Worker stopped; jobs that went on for {grace:g} s, {len(left)}, are "
                "undone and wait in the queue again."
            )
            await asyncio.to_thread(end_now, left)

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()


def _check_database() -> None:
    """Refuse in one line what would fail at every job."""
    try:
        pending = find_pending_migrations()
    except (OperationalError, InterfaceError) as failure:
        words = " ".join(str(failure).split())
        raise CommandError(
            f"The database does not answer, and the worker was not started: {words}"
        ) from None
    finally:
        connection.close()
    if pending:
        raise CommandError(
            f"Migrations are missing: {len(pending)}. Run manage.py migrate, then "
            "start the worker again."
        )
