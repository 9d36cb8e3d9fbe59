"""What streaks make of a goal's probability: trades drawn in their order. Pure.

Source: Politis, D. N. and Romano, J. P. (1994), *The stationary bootstrap*, Journal of
the American Statistical Association 89: blocks of the record in its order, each of
random length, geometrically distributed, the record closed to a ring.
"""

from dataclasses import dataclass, replace

import numpy as np

from goals.projection.edge import Edge, summarise
from goals.projection.evaluate import Policy, Stop, as_function, each_of
from goals.projection.mixture import Walked
from goals.projection.trades_left import TradesLeft
from goals.projection.types import Floats, Indices
from goals.projection.walks import walk

# Where both differ by more than this, the answer says so.
WORTH_SAYING = 0.05
MOST_WALKS, FEWEST_WALKS = 8_000, 1_000
# Draws of all walks together.
MOST_DRAWS = 1_000_000
NODES = 200


@dataclass(frozen=True, slots=True)
class Streaks:
    """The probability in streaks as recorded, next to that of independent trades.

    `difference` is in streaks less independently; `probability` is the goal's own
    moved by it. `block` is the mean number of draws in a row.
    """

    probability: float
    difference: float
    block: float

    @property
    def differ(self) -> bool:
        """Whether by more than 5 points."""
        return abs(self.difference) > WORTH_SAYING

    @property
    def words(self) -> str | None:
        """What that means, where they differ."""
        if not self.differ:
            return None
        points = abs(self.difference) * 100
        way = "more" if self.difference > 0 else "less"
        return (
            f"The order of the recorded trades matters: in streaks like theirs the "
            f"goal is reached {points:.1f} points {way} often than by independent "
            f"trades. In records of independent trades this is so by chance, too."
        )


def measure_streaks(
    edge: Edge,
    policy: Policy,
    *,
    probability: float,
    trades_left: TradesLeft,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    reads_time: bool = True,
    seed: int = 0,
) -> Streaks:
    """The goal's `probability` if trades come in streaks as they did in the record.

    Drawn is what the edge draws, shifted to the shrunk mean, in blocks of n^(1/3) on
    average; next to it an induction with the same draws, independent of each other.
    """
    each = edge.trades_a_step
    drawn = edge.drawn + (edge.shrunk_mean * each - float(edge.drawn.mean()))
    block = max(drawn.size ** (1 / 3), 1.0)
    generator = np.random.default_rng(seed)
    numbers, weights = trades_left.chances()
    longest = max(int(np.ceil(numbers[-1] / each)), 1)
    walks = min(max(MOST_DRAWS // longest, FEWEST_WALKS), MOST_WALKS)
    ends = _end(generator.choice(numbers, walks, p=weights) / each, generator)
    choose = as_function(policy)
    expected = trades_left.expected
    found = walk(
        lambda step, at, *seen: choose(
            max(round(expected - step * each), 1), at, *seen
        ),
        drawn[draw_blocks(generator, drawn.size, (longest, walks), block)],
        ends,
        goal_return,
        each_of(stop_loss, each),
        equity,
    )
    walked = Walked(policy, goal_return, stop_loss, equity, each, reads_time)
    shifted, tilted = summarise(drawn), edge.tilted(edge.shrunk_mean)
    if reads_time:
        # What the shift changes is that of a constant size: more would cost too much.
        steady = walked.at_constant(expected)
        alone = probability + steady.chance(shifted, trades_left, nodes=NODES)
        steady = replace(steady, nearer=edge.nearer)
        alone -= steady.chance(tilted, trades_left, nodes=NODES)
    else:
        alone = walked.chance(shifted, trades_left, nodes=NODES)
    difference = float(found.reached.mean()) - alone
    moved = min(max(probability + difference, 0.0), 1.0)
    return Streaks(moved, difference, block)


def draw_blocks(
    generator: np.random.Generator, size: int, shape: tuple[int, int], block: float
) -> Indices:
    """Places in a record of `size`, of shape (steps, walks), walks along the steps."""
    places = np.empty(shape, dtype=np.intp)
    begins = generator.random(shape, dtype=np.float32) < 1 / block
    fresh = generator.integers(0, size, shape)
    places[0] = fresh[0]
    for step in range(1, shape[0]):
        after = places[step - 1] + 1
        after[after == size] = 0
        places[step] = np.where(begins[step], fresh[step], after)
    return places


def _end(steps: Floats, generator: np.random.Generator) -> Indices:
    """Whole steps of the same mean."""
    below = np.floor(steps)
    return (below + (generator.random(steps.size) < steps - below)).astype(np.intp)
