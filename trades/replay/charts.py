"""A report's chart as an SVG image, drawn by matplotlib without a display.

matplotlib is imported here alone, and this module only where a chart is drawn: it costs
a second and 40 MB. An image knows nothing of its page, so it brings the colours of
the light and of the dark scheme along.
"""

import io
import re
from base64 import b64encode
from datetime import UTC, datetime, time, timedelta
from threading import Lock
from typing import Any

import matplotlib as mpl
from matplotlib import dates
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator

from trades.replay.report import InstrumentReport, PeriodOutcome, RunSummary
from trades.replay.wording import BASELINE, run_name

# Width and height in pixels: text keeps its size where a screen has another width.
SIZES = {"wide": (1160, 500), "mid": (728, 460), "narrow": (340, 430)}
PANEL_HEIGHTS = (5, 1.6, 0.9)
PIXELS_A_DATE = 90
# What is drawn, by a placeholder of its colour, and its colours in both schemes: those
# of the site's stylesheet.
COLOURS = {
    "ink": ("#010101", "#5f6469", "#9aa0a5"),
    "grid": ("#020202", "#e0e1dd", "#2c3135"),
    "policy": ("#030303", "#2450b8", "#94b3ff"),
    "constant": ("#040404", "#45494d", "#bcc0c3"),
    "hold": ("#050505", "#7d4e00", "#e6b657"),
    "reached": ("#060606", "#0f6b45", "#62cb9a"),
    "missed": ("#070707", "#ab2318", "#ff958a"),
    "open": ("#080808", "#858a86", "#747c82"),
}
INK, GRID, POLICY, CONSTANT, HOLD, *_ = (drawn for drawn, _, _ in COLOURS.values())
# How high a goal's block is: its colour is not all that tells them apart.
OUTCOMES = {
    PeriodOutcome.REACHED: ("reached", 0.8),
    PeriodOutcome.MISSED: ("missed", 0.2),
    PeriodOutcome.OPEN: ("open", 0.5),
}
STYLE: dict[Any, Any] = {
    "figure.facecolor": "none",
    "figure.dpi": 72,
    "axes.facecolor": "none",
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "replay",  # the same report gives the same drawing
    "font.family": "sans-serif",
    "font.size": 12,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
CLIP = re.compile(r"\bp[0-9a-f]{10}\b")
# The style of a drawing is the process's.
drawing = Lock()


def embed_chart(report: InstrumentReport, size: str) -> str:
    """The drawing as an address that holds it."""
    return f"data:image/svg+xml;base64,{b64encode(draw_chart(report, size)).decode()}"


def draw_chart(report: InstrumentReport, size: str, thousands: str = ",") -> bytes:
    """Equity of both runs, the policy's factors and the goals reached, in one SVG.

    `thousands` separates the digits of equity, by threes.
    """
    width, height = SIZES[size]
    with drawing, mpl.rc_context(STYLE):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        equity, factors, goals = figure.subplots(
            3, 1, sharex=True, height_ratios=PANEL_HEIGHTS
        )
        _draw_equity(equity, report, thousands)
        _draw_factors(factors, report.policy_run)
        _draw_goals(goals, report)
        _draw_days(goals, report, most=max(width // PIXELS_A_DATE, 5))
        figure.legend(
            *_legend(equity, report), loc="outside upper left", ncols=width // 150
        )
        return _svg(figure, width, height)


def _draw_equity(axes: Any, report: InstrumentReport, thousands: str) -> None:
    policy, constant = report.runs
    curves = [
        (run_name(constant), constant.equity, CONSTANT, "--", 1.3),
        (run_name(policy), policy.equity, POLICY, "-", 1.8),
    ]
    if report.hold is not None:
        curves.insert(0, ("buy and hold", report.hold.equity, HOLD, ":", 1.2))
    for name, curve, colour, dashes, width in curves:
        axes.plot(
            [point.at for point in curve],
            [float(point.equity) for point in curve],
            color=colour,
            linestyle=dashes,
            linewidth=width,
            label=name,
        )
    if report.is_logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, place: ""))

    def show(value: float, place: int) -> str:
        return f"{value:,.0f}".replace(",", thousands)

    axes.yaxis.set_major_formatter(FuncFormatter(show))
    axes.grid(visible=True, axis="y", linewidth=0.8)
    scale = ", log scale" if report.is_logarithmic else ""
    axes.set_ylabel(f"equity{scale}")


def _draw_factors(axes: Any, run: RunSummary) -> None:
    times = [point.at for point in run.factors]
    values = [float(point.factor) for point in run.factors]
    axes.axhline(1.0, color=CONSTANT, linewidth=1.0)
    axes.vlines(times, 1.0, values, color=POLICY, linewidth=0.7)
    axes.plot(times, values, "o", color=POLICY, markersize=2.6)
    axes.set_ylabel("factor")
    axes.grid(visible=True, axis="y", linewidth=0.8)


def _draw_goals(axes: Any, report: InstrumentReport) -> None:
    """Two rows of blocks: the policy's goals above, the baseline's below."""
    for row, run in ((1, report.policy_run), (0, report.constant_run)):
        for outcome, (name, height) in OUTCOMES.items():
            spans = [
                (start, end - start)
                for start, end, got in _spans(run, report)
                if got is outcome
            ]
            colour = COLOURS[name][0]
            place = (row + 0.1, height)
            axes.broken_barh(spans, place, facecolors=colour, linewidth=0)
    axes.set_ylim(0, 2)
    axes.set_yticks([1.5, 0.5], [run_name(report.policy_run), BASELINE])
    axes.tick_params(axis="y", length=0)


def _draw_days(axes: Any, report: InstrumentReport, *, most: int) -> None:
    axes.set_xlim(report.first_at, report.last_at)
    locator: Any = dates.AutoDateLocator(minticks=2, maxticks=most)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    form: Any = dates.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    form.offset_formats[2:] = ["%b %Y", *["%-d %b %Y"] * 2, "%-d %b %Y %H:%M"]
    form.zero_formats[3] = "%-d %b"
    axes.xaxis.set_major_formatter(form)


def _spans(
    run: RunSummary, report: InstrumentReport
) -> list[tuple[datetime, datetime, PeriodOutcome]]:
    """Start, end and outcome of each period; a hair's gap keeps neighbours apart."""
    gap = timedelta(hours=12)
    midnight = time(tzinfo=UTC)
    return [
        (
            datetime.combine(period.start_date, midnight),
            report.last_at
            if period.target_date is None
            else datetime.combine(period.target_date, midnight) + gap,
            period.outcome,
        )
        for period in run.periods
    ]


def _legend(equity: Any, report: InstrumentReport) -> tuple[list[Any], list[str]]:
    """The lines by their names, and the blocks of the outcomes there are."""
    lines, names = (
        found[::-1]
        for found in equity.get_legend_handles_labels()  # the policy first
    )
    got = {period.outcome for run in report.runs for period in run.periods}
    blocks = [name for outcome, (name, _) in OUTCOMES.items() if outcome in got]
    patches = [Patch(facecolor=COLOURS[name][0]) for name in blocks]
    return [*lines, *patches], [*names, *(f"goal {name}" for name in blocks)]


def _svg(figure: Figure, width: int, height: int) -> bytes:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # Named for objects in memory, which differ each time.
    for number, clip in enumerate(dict.fromkeys(CLIP.findall(svg))):
        svg = svg.replace(clip, f"clip{number}")
    for name, (drawn, _, _) in COLOURS.items():
        svg = svg.replace(drawn, f"var(--{name})")
    svg = re.sub(r"<style.*?</style>", _schemes(), svg, count=1, flags=re.DOTALL)
    sized = f' width="{width}" height="{height}"'
    return re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', sized, svg, count=1).encode()


def _schemes() -> str:
    light, dark = (
        "".join(f"--{name}:{colours[scheme]};" for name, colours in COLOURS.items())
        for scheme in (1, 2)
    )
    return (
        f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}"
        "*{stroke-linejoin:round;stroke-linecap:butt}"
        "text{font-family:system-ui,sans-serif!important}</style>"
    )
