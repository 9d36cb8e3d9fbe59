"""Reports of finished replays: listed without their curves, and written as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.db.models import F, Func, JSONField, QuerySet
from django.template.loader import get_template

from trades import replay
from trades.models import ReplayRun
from trades.replay.report import InstrumentReport, ReplayReport
from trades.replay.storing import report_from_dict

# What makes a report long; a list shows none of it.
CURVES = (
    *(
        f"{run}_run,{curve}"
        for run in ("policy", "constant")
        for curve in ("equity", "factors", "periods")
    ),
    "hold,equity",
)
# They are the site's, a floor above, and found by their names.
FILE = "site/replay_file.html"
TEMPLATES = (
    FILE,
    *(f"site/parts/replay_{part}.html" for part in ("origin", "report", "runs")),
)
STYLESHEET = "site/site.css"


@dataclass(frozen=True, slots=True)
class FinishedReplay:
    """A replay with its report, whose curves and periods are left out."""

    run: ReplayRun
    report: InstrumentReport


def list_replays(runs: QuerySet[ReplayRun]) -> list[FinishedReplay]:
    """By one statement, which leaves the curves in the database."""
    shortened: F | Func = F("report")
    for path in CURVES:
        shortened = Func(
            shortened,
            template=f"jsonb_set(%(expressions)s, '{{instruments,0,{path}}}', '[]')",
            output_field=JSONField(),
        )
    return [
        FinishedReplay(run, report_from_dict(run.shortened).instruments[0])
        for run in runs.defer("report").annotate(shortened=shortened)
    ]


def render_file(report: ReplayReport) -> str:
    """The report as one HTML file: what the page shows, with nothing loaded."""
    stylesheet = _stylesheet().read_text(encoding="utf-8")
    context = {"report": report, "stylesheet": stylesheet, "most": None}
    return get_template(FILE).render(context)


def written_by() -> list[Path]:
    """What a file follows from besides its report."""
    templates: list[Any] = [get_template(name) for name in TEMPLATES]
    return [
        *(Path(one.origin.name) for one in templates),
        _stylesheet(),
        *Path(replay.__path__[0]).glob("*.py"),
    ]


def _stylesheet() -> Path:
    found = finders.find(STYLESHEET)
    if not isinstance(found, str):
        raise FileNotFoundError(STYLESHEET)
    return Path(found)
