"""What a goal's policy is worth next to constant sizes: reach, falls, breaches. Pure.

All walk the same draws, so that their differences are surer than each figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from goals.projection.edge import Edge
from goals.projection.evaluate import (
    Policy,
    PolicyFunction,
    Stop,
    as_function,
    each_of,
)
from goals.projection.forecast import BAND_NODES, COARSE_NODES
from goals.projection.grouping import SHARE
from goals.projection.mixture import NODES_OF_MANY, Walked
from goals.projection.simulation import draw_table
from goals.projection.trades_left import TradesLeft
from goals.projection.types import Floats, Indices
from goals.projection.walks import walk

# Constant sizes that are tried, both ends among them.
SIZES = 9
# Of so many steps or fewer there are more walks.
FEW_STEPS, WALKS = 120, 4_000
# Draws of an edge, four megabytes each at most.
MOST_KEPT = 4
DEEP = 0.1
# As well as: a probability within a point.
AS_WELL = 0.01
# A probability below this is none.
LEAST = 0.001
# Falling as often: within the walks' own error.
AS_OFTEN = 0.01
# Where no way of sizing falls deep oftener than this, the floor is what may happen.
RARE = 0.005
FALLS, HITS = "fall_10_probability", "breach_probability"


@dataclass(frozen=True, slots=True)
class Sizing:
    """A way to size: its policy, and whether its factors depend on the trades left.

    `probability` to touch the goal, where it is known already.
    """

    policy: Policy
    reads_time: bool = True
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Fineness:
    """How closely points are looked at.

    `nodes` of the grid; a policy is asked again after `share` of the trades left. More
    draws than `steps` are walked several at once, by `walks`.
    """

    nodes: int = COARSE_NODES
    share: float = SHARE
    steps: int = 240
    walks: int = 2_000


EXACT = Fineness()
ROUGH = Fineness(BAND_NODES, 1 / 6, 60, 1_000)


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """What a way to size comes to by the deadline (ratios).

    `probability` to touch the goal; `fall_10_probability` to fall more than 10 % below
    the highest equity before goal, floor or deadline; `breach_probability` to touch the
    floor. `median_days` are those of the walks that reach the goal, None without one.
    """

    probability: float
    fall_10_probability: float
    breach_probability: float
    median_days: float | None


@dataclass(frozen=True, slots=True)
class Frontier:
    """Points of constant factors, ascending, and of policies by their names."""

    constants: tuple[tuple[float, FrontierPoint], ...]
    policies: Mapping[str, FrontierPoint]

    @property
    def cost(self) -> str:
        """What sizes are compared at: deep falls, or the floor where it is nearer."""
        points = [*self.policies.values(), *(point for _, point in self.constants)]
        deepest = max(point.fall_10_probability for point in points)
        return FALLS if deepest > RARE else HITS


def measure_frontier(
    edge: Edge,
    sizings: Mapping[str, Sizing],
    factors: Sequence[float],
    *,
    trades_left: TradesLeft,
    days_left: float,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    seed: int = 0,
    fineness: Fineness = EXACT,
) -> Frontier:
    """The frontier of a goal; units as in `goals.projection.forecast`.

    P(reach) is by induction on a grid, as in a projection; the rest by walks.
    """
    drawn = edge.tilted(edge.shrunk_mean)
    walks = _draw(edge, trades_left, seed, fineness)
    a_day = trades_left.expected / days_left if days_left > 0 else 0.0
    stop = each_of(stop_loss, walks.each)

    def chance(sizing: Sizing) -> float:
        walked = Walked(
            sizing.policy,
            goal_return,
            stop_loss,
            equity,
            edge.trades_a_step,
            sizing.reads_time,
            fineness.share,
            nearer=edge.nearer,
        )
        return walked.chance(
            drawn, trades_left, nodes=fineness.nodes, counts=NODES_OF_MANY
        )

    def point(sizing: Sizing) -> FrontierPoint:
        probability = sizing.probability
        if probability is None:
            probability = chance(sizing)
        choose = walks.by_steps(as_function(sizing.policy))
        found = walk(choose, walks.growths, walks.ends, goal_return, stop, equity)
        days = None
        if a_day > 0 and found.reached.any():
            days = float(np.median(found.steps[found.reached])) * walks.each / a_day
        return FrontierPoint(
            probability,
            float((found.falls > DEEP).mean()),
            float(found.stopped.mean()),
            days,
        )

    return Frontier(
        tuple((factor, point(Sizing(factor, False))) for factor in factors),
        {name: point(sizing) for name, sizing in sizings.items()},
    )


def spread_factors(lowest: float, highest: float) -> list[float]:
    """Constant sizes from the lowest to the highest; one where they are equal."""
    spread = np.linspace(lowest, max(highest, lowest), SIZES)
    return [float(factor) for factor in np.unique(np.round(spread, 4))]


def judge(frontier: Frontier, name: str) -> str:
    """In words: whether a constant size does as well as this policy, or better."""
    own, cost = frontier.policies[name], frontier.cost
    others = [point for _, point in frontier.constants]
    if max(point.probability for point in [own, *others]) < LEAST:
        return "No way of sizing reaches the goal in one walk of a thousand."
    paid = _cost_of(own, cost)
    rarest = min(_cost_of(point, cost) for point in others)
    falls = f"falls more than {DEEP * 100:.0f} %" if cost == FALLS else "hits the floor"
    reach = f"{own.probability * 100:.1f} %"
    if rarest > paid + AS_OFTEN:
        return (
            f"{name} reaches the goal with {reach} and {falls} in {paid * 100:.1f} %; "
            f"every constant size does so in {rarest * 100:.1f} % or more, so none "
            f"compares."
        )
    factor, probability = constant_alike(frontier, paid)
    other = f"{probability * 100:.1f} %"
    what = f"falling more than {DEEP * 100:.0f} %"
    at = f"the same probability of {what if cost == FALLS else 'hitting the floor'}"
    if probability >= own.probability - AS_WELL:
        is_better = probability > own.probability + AS_WELL
        does = "better than" if is_better else "as well as"
        return (
            f"A constant size of {factor:.2f} does {does} {name}: at {at} it "
            f"reaches the goal with {other}, {name} with {reach}."
        )
    points = (own.probability - probability) * 100
    return (
        f"At {at} {name} reaches the goal with {reach}, the best constant size "
        f"({factor:.2f}) with {other}: {points:.1f} points less. So it is if trades "
        f"are independent; on real prices no such gain is established."
    )


def constant_alike(frontier: Frontier, paid: float) -> tuple[float, float]:
    """The constant size that most probably reaches the goal at the same `cost`.

    Between two sizes by a line; no more than a point oftener. Where each costs more,
    the smallest.
    """
    factors = np.array([factor for factor, _ in frontier.constants])
    points = [point for _, point in frontier.constants]
    costs = np.array([_cost_of(point, frontier.cost) for point in points])
    chances = np.array([point.probability for point in points])
    inside = costs <= paid + AS_OFTEN
    if not inside.any():
        return float(factors[0]), float(chances[0])
    last = int(np.flatnonzero(inside)[-1])
    best = int(np.argmax(np.where(inside, chances, -1.0)))
    found = float(factors[best]), float(chances[best])
    if last + 1 < factors.size:
        share = max(paid - costs[last], 0.0) / (costs[last + 1] - costs[last])
        between = chances[last] + share * (chances[last + 1] - chances[last])
        if between > found[1]:
            size = factors[last] + share * (factors[last + 1] - factors[last])
            found = float(size), float(between)
    return found


def _cost_of(point: FrontierPoint, cost: str) -> float:
    return point.fall_10_probability if cost == FALLS else point.breach_probability


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """The same growths for all: shape (steps, walks), and the steps of each walk.

    A step is `each` trades, of which `expected` are expected.
    """

    growths: Floats
    ends: Indices
    each: float
    expected: float

    def by_steps(self, choose: PolicyFunction) -> PolicyFunction:
        def at_step(step: int, equity: Floats, *seen: Floats) -> Floats:
            left = max(round(self.expected - step * self.each), 1)
            return choose(left, equity, *seen)

        return at_step


@lru_cache(maxsize=MOST_KEPT)
def _draw(edge: Edge, left: TradesLeft, seed: int, fineness: Fineness) -> _Draws:
    """Kept, as a limit or a policy that is moved changes no draw."""
    generator = np.random.default_rng(seed)
    numbers, weights = left.chances()
    longest = max(int(np.ceil(numbers[-1] / edge.trades_a_step)), 1)
    together = -(-longest // fineness.steps)
    steps = -(-longest // together)
    walks = fineness.walks
    if fineness is EXACT and steps <= FEW_STEPS:
        walks = WALKS
    values, chances = edge.tilted(edge.shrunk_mean)
    table = draw_table(chances)
    growths = np.zeros((steps, walks))
    for _ in range(together):
        places = generator.integers(0, table.size, growths.shape, dtype=np.uint16)
        growths += values[table[places]]
    each = edge.trades_a_step * together
    counts = generator.choice(numbers, walks, p=weights) / each
    below = np.floor(counts)
    ends = below + (generator.random(walks) < counts - below)
    return _Draws(growths, ends.astype(np.intp), each, left.expected)
