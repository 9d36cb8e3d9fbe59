"""The main job: real prices traded through goals, with a report."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console

from goals.enums import GoalType
from goals.models import User
from mastertrade.terminal import open_console
from trades.management.demo_login import ensure_demo_user
from trades.management.replaying import replay_all, show_runs
from trades.models import ReplayRun
from trades.replay.bars import PriceSeries
from trades.replay.options import ReplaySettings
from trades.replay.reading import load_prices
from trades.services.replay import ReplayQuestion

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
    help = (
        "Replay real daily prices of AAPL, GOOG, IBM and MSFT (2008 to 2013) with a "
        "goal of 3 % a month, and print the report. A finished run is not repeated."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        console = open_console()
        user = ensure_demo_user()
        try:
            runs = self.replay_or_stop(console, user)
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped; what is finished is kept, the next run goes on from there."
            ) from None
        page = settings.VAR_DIR / "reports" / "demo.html"
        show_runs(console=console, runs=runs, page=page, periods=6)

    def replay_or_stop(self, console: Console, user: User) -> list[ReplayRun]:
        return replay_all(
            console=console,
            user=user,
            question=QUESTION,
            prices=[cut(load_prices(name)) for name in INSTRUMENTS],
            now=timezone.now(),
            reuse=True,
        )


def cut(series: PriceSeries) -> PriceSeries:
    bars = tuple(bar for bar in series.bars if bar.opened_at >= FIRST_DAY)
    return PriceSeries(series.symbol, bars, series.interval)
