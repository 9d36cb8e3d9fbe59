"""What the replay commands share: a progress bar, the report and its page."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from goals.enums import PortfolioKind
from goals.models import User
from trades.models import ReplayRun
from trades.replay.bars import PriceSeries
from trades.replay.rendering import print_report
from trades.replay.summary import print_summary
from trades.replay.webpage import write_page
from trades.services.deleting import reports_directory
from trades.services.replay import (
    ReplayQuestion,
    find_replay,
    read_reports,
    run_replay,
)

Step = Callable[[int, int], None]


def replay_all(
    *,
    console: Console,
    user: User,
    question: ReplayQuestion,
    prices: Sequence[PriceSeries],
    now: datetime,
    kind: PortfolioKind = PortfolioKind.SIMULATION,
    command: str = "",
    reuse: bool = False,
) -> list[ReplayRun]:
    """Replay each series, with one progress bar each.

    With `reuse` a finished run of the same question and kind is taken as it is.
    """
    runs = []
    with _bars(console) as progress:
        for series in prices:
            known = None
            if reuse:
                known = find_replay(
                    user=user, question=question, series=series, kind=kind
                )
            if known is not None:
                runs.append(known)
                continue
            task = progress.add_task(series.symbol, total=2 * len(series.bars))

            runs.append(
                run_replay(
                    user=user,
                    question=question,
                    series=series,
                    now=now,
                    kind=kind,
                    command=command,
                    progress=_stepper(progress, task),
                )
            )
    return runs


def show_runs(
    *,
    console: Console,
    runs: Sequence[ReplayRun],
    page: Path,
    periods: int | None,
) -> None:
    """Print the report and write its page, which goes when all its runs are gone.

    `periods`: how many of the last get a line of their own in the tables, -1 for all;
    None prints the summary alone.
    """
    report = read_reports(runs)
    if periods is None:
        print_summary(console, report)
    else:
        print_report(console, report, periods=None if periods < 0 else periods)
    page.parent.mkdir(parents=True, exist_ok=True)
    write_page(page, report)
    if page.parent.resolve() == reports_directory().resolve():
        keys = [run.pk for run in runs]
        ReplayRun.objects.filter(pk__in=keys).update(page=page.name)
    console.print()
    place = Text("Charts and every period: ").append(str(page), "bold")
    console.print(place, soft_wrap=True)


def _stepper(progress: Progress, task: TaskID) -> Step:
    return lambda done, total: progress.update(task, completed=done)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:>6}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("bars"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=console.is_terminal,
    )
