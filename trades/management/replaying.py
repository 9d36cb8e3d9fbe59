"""What the replay commands share: the runs, the report and its page."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from goals.enums import PortfolioKind
from goals.models import User
from mastertrade.progress_line import ProgressLine, show_progress
from mastertrade.terminal import printable
from trades.models import ReplayRun
from trades.replay.bars import PriceSeries
from trades.replay.engine import Progress
from trades.replay.summary import print_summary
from trades.services.deleting import reports_directory
from trades.services.replay import (
    ReplayQuestion,
    find_replay,
    read_reports,
    run_replay,
)
from trades.services.replay_reports import render_file, written_by


def replay_all(
    *,
    user: User,
    question: ReplayQuestion,
    prices: Sequence[PriceSeries],
    now: datetime,
    kind: PortfolioKind = PortfolioKind.SIMULATION,
    command: str = "",
    reuse: bool = False,
) -> list[ReplayRun]:
    """Replay each series, and show how far it is.

    With `reuse` a finished run of the same question and kind is taken as it is.
    """
    runs = []
    with show_progress("replaying") as line:
        for number, series in enumerate(prices, start=1):
            known = None
            if reuse:
                known = find_replay(
                    user=user, question=question, series=series, kind=kind
                )
            if known is not None:
                runs.append(known)
                continue
            name = f"replaying {printable(series.symbol)}, {number} of {len(prices)}"
            runs.append(
                run_replay(
                    user=user,
                    question=question,
                    series=series,
                    now=now,
                    kind=kind,
                    command=command,
                    progress=stepper(line, name),
                )
            )
    return runs


def stepper(line: ProgressLine, name: str) -> Progress:
    """Shows the share that is done after the name."""

    def step(done: int, total: int) -> None:
        line.words = f"{name}: {100 * done // total} %"

    return step


def show_runs(*, console: Console, runs: Sequence[ReplayRun], page: Path) -> None:
    """Print the summary and write the page, which goes when all its runs are gone."""
    report = read_reports(runs)
    print_summary(console, report)
    if not is_written(page, runs):
        with show_progress("drawing the charts"):
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(render_file(report), encoding="utf-8")
        if page.parent.resolve() == reports_directory().resolve():
            keys = [run.pk for run in runs]
            ReplayRun.objects.filter(pk__in=keys).update(page=page.name)
    console.print()
    place = Text("Charts and every period: ").append(str(page), "bold")
    console.print(place, soft_wrap=True)


def is_written(page: Path, runs: Sequence[ReplayRun]) -> bool:
    """Whether the page is of these runs, and younger than the code that writes it."""
    if any(run.page != page.name for run in runs) or not page.exists():
        return False
    return page.stat().st_mtime > max(path.stat().st_mtime for path in written_by())
