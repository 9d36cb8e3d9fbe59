"""The plot of `challenge`: what each policy passes, what it breaches, how long for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.figure import Figure

from goals.projection.odds import Odds
from trades.management.challenges import PhaseOdds
from trades.management.comparing_plot import INK, SOFT, STYLE, WITH, WITHOUT, trim

WIDTH_INCHES, HEIGHT_INCHES = 5.0, 4.2
# What a policy's P(pass) is set against.
Cost: TypeAlias = Callable[[Odds], float | None]


def draw(phases: Sequence[PhaseOdds], path: Path) -> None:
    """Write P(pass) against P(breach), and days, of every phase to an SVG or PNG."""
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(2 * WIDTH_INCHES, HEIGHT_INCHES * len(phases)),
            layout="constrained",
        )
        panels = figure.subplots(len(phases), 2, squeeze=False, sharey="row")
        for (left, right), one in zip(panels, phases, strict=True):
            _draw_phase(left, one, lambda row: row.breach_probability * 100)
            _draw_phase(right, one, lambda row: row.days and float(row.days[1]))
            left.set_xlabel("P(breach), %")
            right.set_xlabel("days by which half of the passes are made")
            left.set_ylabel("P(pass), %")
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, metadata=metadata)
    if path.suffix == ".svg":
        trim(path)


def _draw_phase(panel: Any, one: PhaseOdds, cost: Cost) -> None:
    """A policy that never passes has no days, and no point there."""
    points = [(row, at) for row in one.rows if (at := cost(row)) is not None]
    constants = [point for point in points if point[0].factor is not None]
    panel.plot(
        [at for _, at in constants],
        [row.probability * 100 for row, _ in constants],
        "o-",
        color=SOFT,
        label="constant size",
    )
    for row, at in points:
        place, name = (at, row.probability * 100), row.name
        if row.factor is None:
            panel.plot(*place, "D", color=WITH if row is one.solved else WITHOUT)
        else:
            name = f"{row.factor:g}"
        panel.annotate(
            name,
            place,
            xytext=(6, -4),
            textcoords="offset points",
            fontsize=8,
            color=INK,
        )
    panel.set_title(one.phase.name, fontsize=10)
    panel.grid(visible=True, linewidth=0.6)
    panel.margins(0.15)
