"""The plot of `challenge`: what each policy passes, and what it breaches for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from trades.management.challenges import PhaseOdds
from trades.management.comparing_plot import INK, SOFT, STYLE, WITH, WITHOUT, trim

WIDTH_INCHES, HEIGHT_INCHES = 5.0, 4.2


def draw(phases: Sequence[PhaseOdds], path: Path) -> None:
    """Write P(pass) against P(breach) of every phase to an SVG or PNG file."""
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(WIDTH_INCHES * len(phases), HEIGHT_INCHES), layout="constrained"
        )
        panels = figure.subplots(1, len(phases), squeeze=False)[0]
        for panel, one in zip(panels, phases, strict=True):
            _draw_phase(panel, one)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, metadata=metadata)
    if path.suffix == ".svg":
        trim(path)


def _draw_phase(panel: Any, one: PhaseOdds) -> None:
    constants = [row for row in one.rows if row.factor is not None]
    panel.plot(
        [row.breach_probability * 100 for row in constants],
        [row.probability * 100 for row in constants],
        "o-",
        color=SOFT,
        label="constant size",
    )
    for row in constants:
        _label(panel, row.breach_probability, row.probability, f"{row.factor:g}")
    for row in one.rows:
        if row.factor is None:
            color = WITH if row is one.solved else WITHOUT
            place = row.breach_probability * 100, row.probability * 100
            panel.plot(*place, "D", color=color)
            _label(panel, row.breach_probability, row.probability, row.name)
    panel.set_title(one.phase.name, fontsize=10)
    panel.set_xlabel("P(breach), %")
    panel.set_ylabel("P(pass), %")
    panel.grid(visible=True, linewidth=0.6)
    panel.margins(0.15)


def _label(panel: Any, breach: float, passed: float, words: str) -> None:
    panel.annotate(
        words,
        (breach * 100, passed * 100),
        xytext=(6, -4),
        textcoords="offset points",
        fontsize=8,
        color=INK,
    )
