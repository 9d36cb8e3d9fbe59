"""Reports of finished replays: listed without their curves, and written as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.db.models import Func, JSONField, QuerySet
from django.template.loader import get_template

from trades import replay
from trades.models import ReplayRun
from trades.replay.report import InstrumentReport, ReplayReport
from trades.replay.storing import report_from_dict

# The parts of a report without what makes it long, which no list shows. Each part is
# read out once: `jsonb_set` for each curve takes five times as long.
SHORT = """jsonb_build_object(
    'version', %(expressions)s->'version',
    'report', (%(expressions)s#>'{instruments,0}')
              - ARRAY['policy_run', 'constant_run', 'hold'],
    'policy_run', (%(expressions)s#>'{instruments,0,policy_run}')
                  - ARRAY['equity', 'factors', 'periods'],
    'constant_run', (%(expressions)s#>'{instruments,0,constant_run}')
                    - ARRAY['equity', 'factors', 'periods'],
    'hold', nullif(%(expressions)s#>'{instruments,0,hold}', 'null') - 'equity'
)"""
NO_CURVES: dict[str, Any] = {"equity": [], "factors": [], "periods": []}
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
    short = Func("report", template=SHORT, output_field=JSONField())
    found = runs.defer("report").annotate(short=short)
    return [FinishedReplay(run, _whole(run.short)) for run in found]


def _whole(short: dict[str, Any]) -> InstrumentReport:
    runs = {
        name: {**short[name], **NO_CURVES} for name in ("policy_run", "constant_run")
    }
    hold = short["hold"] and {**short["hold"], "equity": []}
    report = {**short["report"], **runs, "hold": hold}
    stored = {"version": short["version"], "instruments": [report]}
    return report_from_dict(stored).instruments[0]


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
