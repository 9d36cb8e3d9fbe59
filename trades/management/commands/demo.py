"""The main job: real prices traded through goals, with a report."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections
from django.utils import timezone
from rich.console import Console

from goals.enums import GoalType, PortfolioKind
from goals.models import User
from mastertrade.progress_line import show_progress
from mastertrade.terminal import open_console
from trades.management.demo_login import ensure_demo_user
from trades.management.demo_portfolio import delete_all, make_demo
from trades.management.replaying import replay_all, show_runs, stepper
from trades.models import ReplayRun
from trades.replay.bars import PriceSeries
from trades.replay.options import ReplaySettings
from trades.services.deleting import delete_replay, reports_directory
from trades.services.demo import read_recorded
from trades.services.replay import ReplayQuestion

LOCK = "hashtext('the demo of MasterTrade')"
INSTRUMENTS = ("AAPL", "GOOG", "IBM", "MSFT")
# Five years and two months, through the crash of 2008 and the recovery.
FIRST_DAY = datetime(2008, 1, 1, tzinfo=UTC)
# In 2008 every run falls to its hard drawdown; a month later somebody goes on.
QUESTION = ReplayQuestion(
    GoalType.MONTHLY_RETURN,
    Decimal(3),
    settings=ReplaySettings(resume_after_days=30),
)


class Command(BaseCommand):
    requires_system_checks = ()
    help = (
        "Make the demo portfolio (real prices of 2012 and 2013, moved to end "
        "yesterday, or on Friday where yesterday was a day of the weekend), replay "
        "real daily prices of AAPL, GOOG, IBM and MSFT (2008 to 2013) with a goal of "
        "3 % per month, and print the summary. A finished run is not repeated; the "
        "demo portfolio is made anew when its prices end earlier."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--serve", type=int, metavar="PORT", help="Then serve the site there."
        )
        parser.add_argument(
            "--delete",
            action="store_true",
            help="delete the demo portfolio and the demo's replays whole, and stop",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with alone():
                with show_progress("making the tables"):
                    call_command("migrate", verbosity=0)
                user = ensure_demo_user()
                if options["delete"]:
                    self.stdout.write(delete_all(user))
                    return
                self.make_and_show(open_console(), user)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "Finished replays are stored; the next start continues from there."
            ) from None
        if options["serve"] is not None:
            serve(options["serve"])

    def make_and_show(self, console: Console, user: User) -> None:
        with show_progress("making the demo portfolio") as line:
            step = stepper(line, line.words)
            made = make_demo(user, timezone.now(), progress=step)
        console.print(made, soft_wrap=True)
        runs = replay_all(
            user=user,
            question=QUESTION,
            prices=[cut(read_recorded(name)) for name in INSTRUMENTS],
            now=timezone.now(),
            kind=PortfolioKind.DEMO,
            command="make demo",
            reuse=True,
        )
        delete_outdated(runs)
        page = reports_directory() / "demo.html"
        show_runs(console=console, runs=runs, page=page)


@contextmanager
def alone() -> Iterator[None]:
    """Held by one demo a database; another one meanwhile is refused."""
    with show_progress("starting PostgreSQL"), connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({LOCK})")
        (held,) = cursor.fetchone()
    if not held:
        raise CommandError(
            "Another make demo or make run is replaying into this database. Nothing "
            "was done: wait until it is ready, or stop it."
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_unlock({LOCK})")


def serve(port: int) -> NoReturn:
    """This process goes on as the one that looks after the site and the worker."""
    call_command("show_login")
    print("Starting the site and the worker …", flush=True)
    connections.close_all()
    # It lets SIGINT through when it can end in one line.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    command = [sys.executable, "-m", "mastertrade.serve", str(port)]
    os.execv(sys.executable, command)


def delete_outdated(runs: Sequence[ReplayRun]) -> None:
    """Earlier demos of the same user, whose figures another version made."""
    user = runs[0].user
    earlier = ReplayRun.objects.filter(
        user_id=user.username, policy_portfolio__kind=PortfolioKind.DEMO
    ).exclude(pk__in=[run.pk for run in runs])
    for run_id in earlier.values_list("pk", flat=True):
        delete_replay(user=user, run_id=run_id)


def cut(series: PriceSeries) -> PriceSeries:
    bars = tuple(bar for bar in series.bars if bar.opened_at >= FIRST_DAY)
    return PriceSeries(series.symbol, bars, series.interval)
