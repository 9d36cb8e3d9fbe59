"""What would make a goal as probable as not: another deadline, another target. Pure.

Units as in `goals.projection.forecast`. Each suggestion changes one thing and leaves
the other, and the policy is the one that the goal would have then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, log1p
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from goals.projection.deadline import check_question
from goals.projection.edge import Edge
from goals.projection.evaluate import Policy, Stop, level_of
from goals.projection.forecast import COARSE_NODES, MANY_EXPECTED, expected_trades
from goals.projection.grouping import MOST_SINGLE, ROUGH_SHARE
from goals.projection.mixture import FEW_NODES, Walked
from goals.projection.trades_left import TradesLeft
from goals.projection.types import Floats

EVEN = 0.5
# More trades than that are asked about on a coarser grid.
FEW_TRADES = MOST_SINGLE
SUGGESTING_NODES = 200
# Where so few are expected, the targets are judged by several numbers of trades; where
# `MANY_EXPECTED` are, as if their number were known.
FEW_EXPECTED = 10
# The trades that are asked about first; four times as many where those do not do.
FIRST_TRADES = 64
MOST_SUGGESTED = 1_000
# A target this near to even, in probability, is as probable as not.
NEAR_EVEN = 0.01
# So the search aims between the two, here as a normal deviate.
AIM = 0.012
# Nor is a target asked for more exactly than to this share of the way there.
NEAR_TARGET = 0.01
MOST_TARGETS = 12
STANDARD = NormalDist()
# Probabilities nearer to 0 or 1 than this say only on which side of even they are.
RAREST = 1e-4
# From one target tried to the next at most this factor farther, or nearer.
FARTHEST = 4.0
# Half of all driftless walks touch what is this many deviations of their end away.
TOUCHED_BY_HALF = 0.6745
# The least log-equity from today, or from the start, to a target.
NEAREST = 1e-4
# No target beyond a million times the start is suggested, in log-equity.
HIGHEST = log(1e6)

# (trades left, goal_return) → the policy of a goal that had them.
PolicyMaker: TypeAlias = Callable[[int, float], Policy]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What would make the goal as probable as not; None where nothing does.

    `trades_left` with the same target, `goal_return` (a ratio since the goal's start)
    by the same deadline.
    """

    trades_left: int | None
    goal_return: float | None


def suggest(
    edge: Edge,
    policy_for: PolicyMaker,
    *,
    trades_left: TradesLeft | int,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    most_trades: int = MOST_SUGGESTED,
    probability: float | None = None,
    reads_time: bool = True,
) -> Suggestion:
    """The deadline, and the target, at which the probability is 50 %.

    The deadline is the smallest number of trades, up to `most_trades`, that makes it as
    probable as not. The target is the largest found, above today's equity, that is as
    probable as not with the trades left; it may lie beyond the goal. `policy_for` gives
    the policy for a number of trades left and a target. `probability` is that of the
    goal as it is, where it is known: the searches begin from there. Of random trades
    left the deadline is the expected number, dispersed as they are.
    """
    expected = round(expected_trades(trades_left))
    check_question(expected, goal_return, level_of(stop_loss), 0.0, equity)
    drawn = edge.tilted(edge.shrunk_mean)

    def walked(trades: int, target: float) -> Walked:
        return Walked(
            policy_for(trades, target),
            target,
            stop_loss,
            equity,
            edge.trades_a_step,
            reads_time,
            ROUGH_SHARE,
            edge.nearer,
        )

    def curve(trades: int) -> tuple[Floats, Floats]:
        nodes = SUGGESTING_NODES if trades > FEW_TRADES else COARSE_NODES
        return walked(trades, goal_return).curve(drawn, trades, nodes=nodes)

    def chance(target: float) -> float:
        return walked(expected, target).chance(
            drawn,
            expected if expected > MANY_EXPECTED else trades_left,
            nodes=SUGGESTING_NODES if expected > FEW_TRADES else COARSE_NODES,
            counts=FEW_NODES if expected <= FEW_EXPECTED else 1,
        )

    if goal_return <= max(equity - 1, 0.0):
        return Suggestion(None, None)
    found = None
    if expected > 0:
        found = _find_target(
            chance,
            equity,
            max(edge.shrunk_mean, 0.0) * expected,
            edge.bounds.deviation * expected**0.5,
            None if probability is None else (goal_return, probability),
        )
    fewest = 0
    if probability is not None and probability < EVEN:
        fewest = expected
    dispersion = None
    if isinstance(trades_left, TradesLeft):
        dispersion = trades_left.dispersion
    return Suggestion(
        trades_left=_find_trades(curve, fewest, most_trades, dispersion),
        goal_return=found,
    )


def _find_trades(
    curve: Callable[[int], tuple[Floats, Floats]],
    fewest: int,
    most_trades: int,
    dispersion: float | None,
) -> int | None:
    """One induction answers for all trades up to those it began with.

    More than `fewest` are needed. Where several were walked at once, between those
    looked at it is read by a line. With a `dispersion` the number found is an expected
    one.
    """
    if fewest >= most_trades:
        return None
    asked = min(max(FIRST_TRADES, fewest * 2), most_trades)
    while True:
        trades, found = curve(asked)
        if _mix(trades, found, asked, dispersion) >= EVEN:
            low, high = 0, asked
            while high - low > 1:
                middle = (low + high) // 2
                if _mix(trades, found, middle, dispersion) >= EVEN:
                    high = middle
                else:
                    low = middle
            return high
        if asked >= most_trades:
            return None
        asked = min(asked * 4, most_trades)


def _mix(
    trades: Floats, found: Floats, expected: int, dispersion: float | None
) -> float:
    """The chance with so many trades, from those with each number of them."""
    if dispersion is None:
        return float(np.interp(expected, trades, found))
    numbers, weights = TradesLeft(expected, dispersion).chances()
    return float(weights @ np.interp(numbers, trades, found))


def _find_target(
    chance: Callable[[float], float],
    equity: float,
    drift: float,
    spread: float,
    known: tuple[float, float] | None,
) -> float | None:
    """A secant between a target that is near enough and one that is not.

    Along the log-equity still to go, the normal deviate of a random walk's probability
    is nearly a line. `drift` is the growth to expect and `spread` its deviation, by
    which steps are guessed before there is one target on either side. `known` is a
    target whose probability is known.
    """
    today = log(equity)
    nearest = max(-today, 0.0) + NEAREST
    farthest = HIGHEST - today
    likely = min(max(drift + TOUCHED_BY_HALF * spread, nearest), farthest)
    near: tuple[float, float] | None = None
    far: tuple[float, float] | None = None
    distance = likely
    if known is not None:
        distance = min(max(log1p(known[0]) - today, nearest), farthest)
    for tries in range(MOST_TARGETS):
        if known and not tries:
            probability = known[1]
        else:
            probability = chance(exp(today + distance) - 1)
        deviate = STANDARD.inv_cdf(min(max(probability, RAREST), 1 - RAREST))
        if probability >= EVEN:
            near = (distance, deviate)
        else:
            far = (distance, deviate)
        if EVEN <= probability <= EVEN + NEAR_EVEN or far == (nearest, deviate):
            break
        if near == (farthest, deviate):
            return None
        if near and far:
            if far[0] - near[0] <= NEAR_TARGET * near[0]:
                break
            distance = _split(near, far, tries)
        elif known and not tries and (likely > distance) == (probability >= EVEN):
            distance = likely
        else:
            # Without any spread a walk is sure: then by doubling, and halving.
            guess = distance + (deviate - AIM) * (spread or distance / 2)
            guess = min(max(guess, distance / FARTHEST), distance * FARTHEST)
            distance = min(max(guess, nearest), farthest)
    return None if near is None else exp(today + near[0]) - 1


def _split(near: tuple[float, float], far: tuple[float, float], tries: int) -> float:
    """Where a line between both is even; at times the middle, as some are stairs."""
    share = 0.5
    if tries % 3:
        share = min(max((near[1] - AIM) / (near[1] - far[1]), 0.05), 0.95)
    return near[0] + share * (far[0] - near[0])
