"""The page's charts as inline SVG, drawn by matplotlib without a display.

matplotlib is imported here and nowhere else, and this module only by the command that
writes the page: the web process never loads it. Colours are placeholders that become
CSS variables, so the page's light and dark schemes colour the chart too.
"""

import io
import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from trades.replay.report import (
    CurvePoint,
    InstrumentReport,
    PeriodOutcome,
    RunSummary,
)
from trades.replay.wording import BASELINE, run_name

# Placeholder colour in the drawing -> what the page shows.
INK, GRID = "#010203", "#040506"
POLICY, CONSTANT = "#070809", "#0a0b0c"
REACHED, MISSED, OPEN = "#0d0e0f", "#101112", "#131415"
HOLD = "#161718"
PAGE_COLOURS = {
    INK: "currentColor",
    GRID: "var(--grid)",
    POLICY: "var(--policy)",
    CONSTANT: "var(--constant)",
    REACHED: "var(--reached)",
    MISSED: "var(--missed)",
    OPEN: "var(--open)",
    HOLD: "var(--hold)",
}
OUTCOME_COLOURS = {
    PeriodOutcome.REACHED: REACHED,
    PeriodOutcome.MISSED: MISSED,
    PeriodOutcome.OPEN: OPEN,
}
WIDTH_INCHES, HEIGHT_INCHES = 10.0, 5.6
PANEL_HEIGHTS = (5, 1.6, 0.9)
LOG_SCALE_FROM = Decimal(3)  # highest over lowest equity
STYLE: dict[Any, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "date.converter": "concise",
    "svg.fonttype": "none",  # text stays text, in the page's font
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_chart(report: InstrumentReport, prefix: str) -> str:
    """Equity of both runs, the policy's factors and the goals reached, as one SVG.

    `prefix` keeps the ids of several drawings on one page apart.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": prefix}):
        figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
        equity, factors, goals = figure.subplots(
            3, 1, sharex=True, height_ratios=PANEL_HEIGHTS
        )
        _draw_equity(equity, report)
        _draw_factors(factors, report.policy_run)
        _draw_goals(goals, report)
        goals.set_xlim(report.first_at, report.last_at)
        return _svg(figure, prefix)


def _draw_equity(axes: Any, report: InstrumentReport) -> None:
    curves = [
        (report.constant_run.equity, CONSTANT, 1.3),
        (report.policy_run.equity, POLICY, 1.6),
    ]
    if report.hold is not None:
        curves.insert(0, (report.hold.equity, HOLD, 0.9))
    for curve, colour, width in curves:
        axes.plot(
            [point.at for point in curve],
            [float(point.equity) for point in curve],
            color=colour,
            linewidth=width,
        )
    if is_logarithmic(report):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, place: ""))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:,.0f}"))
    axes.grid(visible=True, axis="y", linewidth=0.6)
    scale = ", log scale" if is_logarithmic(report) else ""
    axes.set_ylabel(f"equity{scale}")


def is_logarithmic(report: InstrumentReport) -> bool:
    """Whether the equity spans so much that its axis is logarithmic."""
    points: tuple[CurvePoint, ...] = (
        *report.policy_run.equity,
        *report.constant_run.equity,
        *(report.hold.equity if report.hold else ()),
    )
    lowest = min(point.equity for point in points)
    highest = max(point.equity for point in points)
    return lowest > 0 and highest / lowest >= LOG_SCALE_FROM


def _draw_factors(axes: Any, run: RunSummary) -> None:
    times = [point.at for point in run.factors]
    values = [float(point.factor) for point in run.factors]
    axes.axhline(1.0, color=CONSTANT, linewidth=1.0)
    axes.vlines(times, 1.0, values, color=POLICY, linewidth=0.7)
    axes.plot(times, values, "o", color=POLICY, markersize=2.6)
    axes.set_ylabel("factor")
    axes.grid(visible=True, axis="y", linewidth=0.6)


def _draw_goals(axes: Any, report: InstrumentReport) -> None:
    """Two rows of blocks: the policy's goals above, the baseline's below."""
    for row, run in ((1, report.policy_run), (0, report.constant_run)):
        for outcome, colour in OUTCOME_COLOURS.items():
            spans = [
                (start, end - start)
                for start, end, got in _spans(run, report)
                if got is outcome
            ]
            axes.broken_barh(spans, (row + 0.1, 0.8), facecolors=colour, linewidth=0)
    axes.set_ylim(0, 2)
    axes.set_yticks([1.5, 0.5], [run_name(report.policy_run), BASELINE])
    axes.tick_params(axis="y", length=0)


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


def _svg(figure: Figure, prefix: str) -> str:
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=no_metadata)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for placeholder, colour in PAGE_COLOURS.items():
        svg = svg.replace(placeholder, colour)
    # The page gives it its width; a fixed size would overflow a narrow one.
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    return _with_own_ids(svg, prefix)


def _with_own_ids(svg: str, prefix: str) -> str:
    """Number the ids: matplotlib's clash between drawings and differ each run."""
    numbers: dict[str, int] = {}

    def renamed(match: re.Match[str]) -> str:
        number = numbers.setdefault(match[2], len(numbers))
        return f"{match[1]}{prefix}-{number}"

    return re.sub(r'(\bid="|href="#|url\(#)([^")]+)', renamed, svg)
