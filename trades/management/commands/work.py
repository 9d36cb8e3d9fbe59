"""The worker: does what the web deferred, and what is due by the clock."""

import asyncio
import os
import signal
from collections.abc import Iterable
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandParser
from procrastinate.contrib.django import DjangoApp, app
from procrastinate.contrib.django.django_connector import DjangoConnector

from trades.jobs import register
from trades.jobs.job import LONG, QUICK

# Jobs of a queue at once; what takes long is computation, and gains nothing by more.
CONCURRENCY = {QUICK: 4, LONG: 1}
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

    def handle(self, *args: Any, **options: Any) -> None:
        os.nice(NICENESS)
        asyncio.run(work(wait=not options["once"], grace=options["grace"]))
        self.stdout.write("Worker stopped; what was not done waits in the queue.")


async def work(*, wait: bool, grace: float) -> None:
    """Run a worker for each queue in this process, until asked to stop.

    Its own app, on connections that listen; what a job defers itself goes through
    Django's connection, in the job's transaction.
    """
    connector = cast(DjangoConnector, app.connector).get_worker_connector()
    own = DjangoApp(connector=connector)
    register(own)
    async with own.open_async():
        running = [
            asyncio.create_task(
                own.run_worker_async(
                    queues=[queue],
                    name=queue,
                    concurrency=concurrency,
                    wait=wait,
                    shutdown_graceful_timeout=grace,
                    install_signal_handlers=False,
                )
            )
            for queue, concurrency in CONCURRENCY.items()
        ]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, running)
        await asyncio.gather(*running, return_exceptions=True)


def stop(running: Iterable[asyncio.Task[None]]) -> None:
    """Take no further job; those that run have the time of `grace`."""
    for task in running:
        task.cancel()
