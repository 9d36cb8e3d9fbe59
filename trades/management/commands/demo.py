"""The main job: real prices traded through goals, with a report."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone
from rich.console import Console

from goals.enums import GoalType, PortfolioKind
from goals.models import User
from mastertrade.terminal import open_console
from trades.management.demo_login import ensure_demo_user
from trades.management.replaying import replay_all, show_runs
from trades.models import ReplayRun
from trades.replay.bars import PriceSeries
from trades.replay.options import ReplaySettings
from trades.replay.reading import load_prices
from trades.services.deleting import (
    delete_replay,
    delete_simulation,
    reports_directory,
)
from trades.services.demo import Demo, find_demo, renew_demo
from trades.services.replay import ReplayQuestion

LOCK = "hashtext('the demo of MasterTrade')"
INSTRUMENTS = ("AAPL", "GOOG", "IBM", "MSFT")
# What the demo portfolio trades.
DEMO_INSTRUMENTS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
# Five years and two months, through the crash of 2008 and the recovery.
FIRST_DAY = datetime(2008, 1, 1, tzinfo=UTC)
# In 2008 every run falls to its hard drawdown; a month later somebody goes on.
QUESTION = ReplayQuestion(
    GoalType.MONTHLY_RETURN,
    Decimal(3),
    settings=ReplaySettings(resume_after_days=30),
)


class Command(BaseCommand):
    help = (
        "Make the demo portfolio (real prices of 2012 and 2013, moved to end "
        "yesterday), replay real daily prices of AAPL, GOOG, IBM and MSFT (2008 to "
        "2013) with a goal of 3 % a month, and print the report. A finished run is not "
        "repeated; the demo portfolio is made anew when its prices end earlier."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--delete",
            action="store_true",
            help="delete the demo portfolio and the demo's replays whole, and stop",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with alone():
            call_command("migrate", verbosity=0)
            user = ensure_demo_user()
            if options["delete"]:
                self.stdout.write(delete_all(user))
            else:
                self.replay_and_show(open_console(), user)

    def replay_and_show(self, console: Console, user: User) -> None:
        read = cache(load_prices)  # most are needed twice
        try:
            demo = renew_demo(
                user=user,
                now=timezone.now(),
                load=lambda: [read(name) for name in DEMO_INSTRUMENTS],
            )
            console.print(describe(demo), soft_wrap=True)
            runs = self.replay_or_stop(
                console, user, [read(name) for name in INSTRUMENTS]
            )
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped; what is finished is stored, the next run goes on from there."
            ) from None
        delete_outdated(runs)
        page = reports_directory() / "demo.html"
        show_runs(console=console, runs=runs, page=page, periods=6)

    def replay_or_stop(
        self, console: Console, user: User, prices: Sequence[PriceSeries]
    ) -> list[ReplayRun]:
        return replay_all(
            console=console,
            user=user,
            question=QUESTION,
            prices=[cut(series) for series in prices],
            now=timezone.now(),
            kind=PortfolioKind.DEMO,
            command="make demo",
            reuse=True,
        )


@contextmanager
def alone() -> Iterator[None]:
    """Held by one demo a database; whoever comes meanwhile is told so."""
    with connection.cursor() as cursor:
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


def describe(demo: Demo) -> str:
    """What was done about the demo portfolio, in a line."""
    portfolio, last = demo.portfolio, f"{demo.last_day:%Y-%m-%d}"
    if demo.is_used:
        return (
            f"Portfolio {portfolio.name}: holds entries of your own, so it stays as it "
            f"is, with prices up to {last}. manage.py demo --delete removes it."
        )
    if not demo.is_new:
        return f"Portfolio {portfolio.name}: prices up to {last}, as before."
    trades = portfolio.trades.count()
    return (
        f"Portfolio {portfolio.name}: {trades} trades at prices of 2012 and 2013, "
        f"moved to end on {last}."
    )


def delete_all(user: User) -> str:
    """Delete the demo portfolio and the demo's replays; what was deleted, in a line."""
    deleted = []
    portfolio = find_demo(user)
    if portfolio is not None:
        deleted.append(delete_simulation(user=user, portfolio_id=portfolio.pk))
    runs = ReplayRun.objects.filter(
        user_id=user.username, policy_portfolio__kind=PortfolioKind.DEMO
    )
    keys = list(runs.values_list("pk", flat=True))
    deleted += [delete_replay(user=user, run_id=run_id) for run_id in keys]
    trades = sum(one.trades for one in deleted)
    names = sum(len(one.portfolios) for one in deleted)
    return f"Deleted {names} portfolios of the demo, with {trades} trades."


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
