"""What would make a goal as probable as not: another deadline, another target. Pure.

Units as in `goals.projection.forecast`. Each suggestion changes one thing and leaves
the other, and the policy is the one that the goal would have then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, exp, log, log1p
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from goals.projection.deadline import check_question
from goals.projection.edge import Edge
from goals.projection.evaluate import Policy, Stop, evaluate_policy, level_of
from goals.projection.forecast import COARSE_NODES
from goals.projection.grouping import MOST_SINGLE, ROUGH_SHARE

EVEN = 0.5
# More trades than that are asked about on a coarser grid.
FEW_TRADES = MOST_SINGLE
SUGGESTING_NODES = 200
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
    trades_left: int,
    goal_return: float,
    equity: float = 1.0,
    stop_loss: Stop = None,
    most_trades: int = MOST_SUGGESTED,
    probability: float | None = None,
) -> Suggestion:
    """The deadline, and the target, at which the probability is 50 %.

    The deadline is the smallest number of trades, up to `most_trades`, that makes it as
    probable as not. The target is the largest found, above today's equity, that is as
    probable as not with the trades left; it may lie beyond the goal. `policy_for` gives
    the policy for a number of trades left and a target. `probability` is that of the
    goal as it is, where it is known: the searches begin from there.
    """
    check_question(trades_left, goal_return, level_of(stop_loss), 0.0, equity)

    def chances(trades: int, target: float) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of trades left, up to `trades`, and the probabilities from today."""
        outcome = evaluate_policy(
            policy_for(trades, target),
            edge.growths,
            edge.probabilities,
            1.0,
            trades,
            target,
            stop_loss,
            equity,
            nodes=SUGGESTING_NODES if trades > FEW_TRADES else COARSE_NODES,
            grouped=True,
            share=ROUGH_SHARE,
            stops=False,
        )
        today = int(np.argmin(np.abs(outcome.equity - equity)))
        found = outcome.probabilities[:, today].copy()
        found[-1] = outcome.probability  # which may be known exactly
        return outcome.trades, found

    if goal_return <= max(equity - 1, 0.0):
        return Suggestion(None, None)
    found = None
    if trades_left > 0:
        found = _find_target(
            lambda target: float(chances(trades_left, target)[1][-1]),
            equity,
            max(edge.shrunk_mean, 0.0) * trades_left,
            edge.bounds.deviation * trades_left**0.5,
            None if probability is None else (goal_return, probability),
        )
    fewest = 0
    if probability is not None and probability < EVEN:
        fewest = trades_left
    return Suggestion(
        trades_left=_find_trades(
            lambda n: chances(n, goal_return), fewest, most_trades
        ),
        goal_return=found,
    )


def _find_trades(
    chances: Callable[[int], tuple[np.ndarray, np.ndarray]],
    fewest: int,
    most_trades: int,
) -> int | None:
    """One induction answers for all trades up to those it began with.

    More than `fewest` are needed. Where several were walked at once, between those
    looked at it is read by a line.
    """
    if fewest >= most_trades:
        return None
    asked = min(max(FIRST_TRADES, fewest * 2), most_trades)
    while True:
        trades, found = chances(asked)
        enough = np.flatnonzero(found >= EVEN)
        if enough.size:
            row = slice(max(enough[0] - 1, 0), enough[0] + 1)
            return ceil(float(np.interp(EVEN, found[row], trades[row])) - 1e-9)
        if asked >= most_trades:
            return None
        asked = min(asked * 4, most_trades)


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
