"""How often the band of a probability holds the true one.

No times: records of known edge are drawn, and of each the band of a goal is worked out
that nobody has begun: 60 trades left, no stop. The true probability is that of the
distribution the record was drawn from. An edge is measured in R, what a loss costs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.edge_guard import Draw, normal, two_outcomes
from bench.rows import Row, Target
from bench.trials import trials
from goals.projection.edge import estimate_edge
from goals.projection.forecast import measure_chance
from goals.projection.mixture import Walked
from goals.projection.trades_left import TradesLeft
from goals.projection.types import Floats

COUNTS = (20, 50, 100, 300)
EDGES = (-0.1, 0.0, 0.1, 0.3)
RECORDS = 600
RISK = 0.01
GOAL, STOP = 0.05, 0.1
TRADES_LEFT = TradesLeft(40)
AT_LEAST = Target(75, at_least=True, unit=" %")
SHAPES: dict[str, Draw] = {"2R/-1R": two_outcomes(2, 1), "normal": normal}
# What stands for the distribution itself.
EXACT = 200_000


@dataclass(frozen=True, slots=True)
class Covered:
    """Percent of the bands that hold the truth, and their mean width in points."""

    held: float
    width: float
    # Percent of the bands that lie below the truth, and above it.
    below: float
    above: float


def measure() -> Iterator[Row]:
    for shape, draw in SHAPES.items():
        for count in COUNTS:
            found = [cover(draw, edge, count) for edge in EDGES]
            held = " / ".join(f"{one.held:.1f}" for one in found)
            width = " / ".join(f"{one.width:.0f}" for one in found)
            missed = " / ".join(f"{one.below:.0f}, {one.above:.0f}" for one in found)
            yield Row(
                f"bands: {shape}, {count} trades, holding the truth at "
                "-0.1, 0, +0.1, +0.3 R",
                f"{held} %",
                f"{width} points wide; below, above it {missed} %",
                None,
                AT_LEAST,
                min(one.held for one in found),
            )


def cover(draw: Draw, edge: float, count: int) -> Covered:
    """Of `RECORDS` records of so many trades; the same seed each time."""
    generator = np.random.default_rng(17)
    truth = true_chance(draw, edge)
    ends = []
    for _ in range(trials(RECORDS)):
        found = estimate_edge(RISK * draw(generator, edge, (1, count))[0])
        assert found is not None
        band = measure_chance(
            found,
            1.0,
            trades_left=TRADES_LEFT,
            goal_return=GOAL,
            stop_loss=STOP,
            reads_time=False,
        )
        ends.append((band.low, band.high))
    low, high = np.array(ends).T
    above, below = (low > truth).mean() * 100, (high < truth).mean() * 100
    return Covered(100 - above - below, (high - low).mean() * 100, below, above)


def true_chance(draw: Draw, edge: float) -> float:
    """That of a very long record, with the edge itself and no shrinking."""
    known = estimate_edge(RISK * draw(np.random.default_rng(1), edge, (1, EXACT))[0])
    assert known is not None
    drawn: tuple[Floats, Floats] = known.tilted(RISK * edge)
    return Walked(1.0, GOAL, STOP).chance(drawn, TRADES_LEFT, nodes=2_000)
