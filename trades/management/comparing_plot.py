"""The plot of `compare_policies`. matplotlib is loaded only where one is drawn.

The picture brings its own light ground, so that it can be read on a dark page too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from goals.decisions.policies import PolicyName
from goals.projection.comparison import Result
from trades.management.comparing import DEEP, Comparison, edge_of

INK, SOFT, LINES, GROUND = "#1f2933", "#52606d", "#d9dee4", "#ffffff"
WITHOUT, WITH = "#c2410c", "#1d4ed8"
PANELS: tuple[tuple[str, Callable[[Result], float]], ...] = (
    ("P(reach), %", lambda one: one.probability * 100),
    ("mean end, %", lambda one: (one.mean_end - 1) * 100),
    ("5 % end, %", lambda one: (one.low_end - 1) * 100),
    (f"P({DEEP}), %", lambda one: one.deep_fall_probability * 100),
)
WIDTH_INCHES, ROW_INCHES, FRAME_INCHES = 10.0, 1.55, 0.75
STYLE: dict[Any, Any] = {
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "svg.fonttype": "none",
    "svg.hashsalt": "compare_policies",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINES,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "grid.color": LINES,
}


def draw(comparisons: Sequence[Comparison], path: Path) -> None:
    """Write the figures of every comparison to an SVG or PNG file."""
    rows = len(comparisons)
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(WIDTH_INCHES, ROW_INCHES * rows + FRAME_INCHES),
            layout="constrained",
        )
        axes = figure.subplots(
            rows, len(PANELS), sharex="col", sharey=True, squeeze=False
        )
        for row, comparison in zip(axes, comparisons, strict=True):
            _draw_row(row, comparison)
        for panel, (title, _) in zip(axes[0], PANELS, strict=True):
            panel.set_title(title, fontsize=10)
        figure.legend(
            handles=_keys(), loc="outside lower center", ncols=2, frameon=False
        )
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, metadata=metadata)
    if path.suffix == ".svg":
        trim(path)


def _draw_row(row: Any, comparison: Comparison) -> None:
    names = list(dict.fromkeys(one.policy for one in comparison.results))
    for panel, (_, measure) in zip(row, PANELS, strict=True):
        for place, name in enumerate(names):
            pair = [
                measure(comparison.find(name, guarded=guarded))
                for guarded in (False, True)
            ]
            panel.plot(pair, [place, place], color=SOFT, linewidth=1.2, zorder=2)
            panel.plot(pair[0], place, "o", color=WITHOUT, markersize=7, zorder=3)
            panel.plot(pair[1], place, "D", color=WITH, markersize=4.5, zorder=4)
        panel.grid(visible=True, axis="x", linewidth=0.6)
        panel.tick_params(length=0)
        panel.margins(x=0.12)
    row[0].set_yticks(range(len(names)), [_short(name) for name in names])
    row[0].set_ylim(len(names) - 0.4, -0.6)
    row[0].set_ylabel(f"{comparison.name}\n{edge_of(comparison.question)}")


def _short(name: PolicyName) -> str:
    return name.partition("_")[0]


def _keys() -> list[Any]:
    line: Any = Line2D
    return [
        line([], [], color=WITHOUT, marker="o", linestyle="", label="without guard"),
        line([], [], color=WITH, marker="D", linestyle="", label="with edge guard"),
    ]


def trim(path: Path) -> None:
    """No blanks at the ends of lines: the file is kept in the repository."""
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
