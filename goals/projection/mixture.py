"""The chance of a goal where the number of trades left is random. Pure.

The policy reads the expected number, as a decision does; the walk ends at random. A
policy that does not read it is walked once, for the most trades that count: the chances
with fewer are on the way. One that does is walked for a few numbers of trades: between
them what it does beyond a constant size is the polynomial through these.
"""

from dataclasses import dataclass, replace
from math import exp, log, log1p
from typing import TypeAlias

import numpy as np

from goals.projection.barrier import Barrier
from goals.projection.evaluate import (
    Policy,
    PolicyOutcome,
    Stop,
    as_function,
    evaluate_policy,
    factors_of,
    level_of,
    walk_under,
)
from goals.projection.grouping import (
    MOST_DRAWN,
    MOST_SINGLE,
    ROUGH_SHARE,
    SHARE,
    coarsen,
)
from goals.projection.outcomes import take_outcomes
from goals.projection.trades_left import MOST_COUNT, TradesLeft
from goals.projection.types import Floats
from goals.projection.walks import walk

# Walks of up to 60 trades, twice as many of few kinds of outcomes, a quarter for the
# ends of a band; of more trades fewer, and of more than `MOST_MIXED` none.
PATHS, FEWEST, MOST_MIXED = 1 << 13, 1 << 11, 480
# Beginnings of a day that are told apart.
MOST_PHASES = 4
# Numbers of trades that a policy is walked for which reads how many are left.
NODES = 7
# The same of many trades, or under a day's limit; and for the ends of a band.
NODES_OF_MANY = 5
FEW_NODES = 3

# Growths at factor 1 and their probabilities.
Drawn: TypeAlias = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True)
class Walked:
    """A policy, the goal and the stop that it walks between, and what it draws.

    Units as in `evaluate_policy`. A draw is `trades_a_step` trades. `reads_time`:
    whether the policy's factors depend on the trades left. Goal and stop count as
    `nearer` by so much log-equity, at most by an eighth of their distance.
    """

    policy: Policy
    goal_return: float
    stop_loss: Stop = None
    equity: float = 1.0
    trades_a_step: float = 1.0
    reads_time: bool = True
    share: float = SHARE
    nearer: float = 0.0

    def chance(
        self,
        drawn: Drawn,
        trades_left: TradesLeft | int,
        *,
        nodes: int,
        counts: int = NODES,
        stops: bool = False,
    ) -> float:
        """The probability to touch the goal; with `stops` to touch the stop instead.

        `nodes` of the grid; `counts` numbers of trades where the policy reads them.
        """
        left = _Known(trades_left) if isinstance(trades_left, int) else trades_left
        numbers, weights = left.chances()
        steps = numbers / self.trades_a_step
        if self._is_walked(steps) and (self._depends or (stops and is_coarse(drawn))):
            return self._walk(drawn, left, counts, stops)
        if not (self._depends or stops):
            at, found = self._curve(drawn, _whole(float(steps[-1])), nodes)
            return float(weights @ np.interp(steps, at, found))
        asked = place_nodes(steps, counts)
        # Asked less often: it changes less than a fifth of a point.
        roughly = replace(self, share=max(self.share, ROUGH_SHARE))
        values = np.array(
            [
                roughly._evaluate(self._ahead(left.expected, n), drawn, n, nodes, stops)
                for n in asked.astype(int).tolist()
            ]
        )
        weigh = weights @ interpolate(steps, asked)
        if asked.size > steps[-1] - steps[0] or stops:
            return min(max(float(weigh @ values), 0.0), 1.0)
        # Only what the policy does beyond a constant size is read between the nodes.
        alike = self.at_constant(left.expected)
        at, found = alike._curve(drawn, _whole(float(steps[-1])), nodes)
        values -= np.interp(asked, at, found)
        mixed = float(weigh @ values + weights @ np.interp(steps, at, found))
        return min(max(mixed, 0.0), 1.0)

    def at_constant(self, expected: float) -> "Walked":
        """The same with the size that the policy gives now, for always."""
        choose = as_function(self.policy)
        factor = choose(max(round(expected), 1), np.array([self.equity]))[0]
        return replace(self, policy=float(factor))

    def curve(self, drawn: Drawn, most: int, *, nodes: int) -> tuple[Floats, Floats]:
        """Numbers of trades up to `most`, ascending, and the probability with each.

        The policy knows the number.
        """
        at, found = self._curve(drawn, _whole(most / self.trades_a_step), nodes)
        return at * self.trades_a_step, found

    @property
    def _depends(self) -> bool:
        return self.reads_time and not isinstance(self.policy, (int, float))

    def _is_walked(self, steps: Floats) -> bool:
        """Whether walks are quicker than inductions for several numbers of trades."""
        if self.trades_a_step != 1 or steps[-1] > MOST_MIXED:
            return False
        return isinstance(self.stop_loss, Barrier)

    def _walk(
        self, drawn: Drawn, left: "TradesLeft | _Known", counts: int, stops: bool
    ) -> float:
        """By walks that end at random, of a policy that reads how many are expected."""
        numbers, weights = left.chances()
        paths = PATHS * (1 + is_coarse(drawn)) // (1 if counts > FEW_NODES else 4)
        paths = max(int(paths * min(MOST_SINGLE / float(numbers[-1]), 1.0)), FEWEST)
        places = (np.arange(paths) + 0.5) / paths
        ends = numbers[
            np.minimum(np.searchsorted(np.cumsum(weights), places), numbers.size - 1)
        ]
        choose, expected = as_function(self.policy), left.expected
        found = walk(
            lambda step, at, *seen: choose(max(round(expected - step), 1), at, *seen),
            take_outcomes(*drawn, 1.0),
            np.random.default_rng(0).permutation(ends.astype(np.intp)),
            self.goal_return,
            self.stop_loss,
            self.equity,
        )
        return float((found.stopped if stops else found.reached).mean())

    def _walk_curve(self, drawn: Drawn, steps: int) -> tuple[Floats, Floats] | None:
        """The chances by each number of trades, walked; None where a grid does as well.

        A number's first day is shorter, so those of the same remainder are walked once.
        """
        barrier = self.stop_loss
        if not isinstance(barrier, Barrier) or self.trades_a_step != 1 or steps < 1:
            return None
        level = barrier.stop_loss
        if not 1 - level < self.equity < 1 + self.goal_return:
            return None
        outcomes, choose = take_outcomes(*drawn, 1.0), as_function(self.policy)
        at, found = np.arange(steps + 1.0), np.zeros(steps + 1)
        day = barrier.day[0] if barrier.has_days else 1
        apart = -(-day // MOST_PHASES)
        for phase in range(0, min(day, steps), apart):
            came = walk_under(
                choose,
                barrier,
                outcomes,
                steps - phase,
                self.goal_return,
                self.equity,
                factors_of(self.policy, steps, self.goal_return, level, self.equity),
                paths=2 * PATHS // min(day, MOST_PHASES),
            )
            if came is None:
                return None
            # A walk ends when nothing of it is left.
            passed = np.full(steps + 1, came.passed[-1])
            passed[: len(came.passed)] = came.passed
            for shift in range(min(apart, steps - phase)):
                rows = np.arange(steps - phase - shift, -1, -day)
                found[rows] = passed[rows]
        return at, found

    def _curve(self, drawn: Drawn, steps: int, nodes: int) -> tuple[Floats, Floats]:
        if not self._depends:
            walked = self._walk_curve(drawn, steps)
            if walked is not None:
                return walked
        choose = self._ahead(steps * self.trades_a_step, steps)
        outcome = self._outcome(choose, drawn, steps, nodes, False)
        today = int(np.argmin(np.abs(outcome.equity - self.equity)))
        found = outcome.probabilities[:, today].copy()
        found[-1] = outcome.probability  # which may be known exactly
        return outcome.trades, found

    def _evaluate(
        self, choose: Policy, drawn: Drawn, steps: int, nodes: int, stops: bool
    ) -> float:
        outcome = self._outcome(choose, drawn, steps, nodes, stops)
        return outcome.stop_probability if stops else outcome.probability

    def _outcome(
        self, choose: Policy, drawn: Drawn, steps: int, nodes: int, stops: bool
    ) -> PolicyOutcome:
        goal_return, stop_loss = self._ends()
        return evaluate_policy(
            choose,
            *drawn,
            1.0,
            steps,
            goal_return,
            stop_loss,
            self.equity,
            nodes=nodes,
            grouped=True,
            share=self.share,
            stops=stops,
            walks=False,
        )

    def _ends(self) -> tuple[float, Stop]:
        """Goal and stop for draws of `trades_a_step` trades."""
        today, goal, stop = log(self.equity), self.goal_return, self.stop_loss
        up = log1p(goal) - today
        if self.nearer and up > 0:
            goal = exp(today + up - min(self.nearer, up * MOST_DRAWN)) - 1
        level = level_of(stop)
        down = 0.0 if level is None else today - log1p(-level)
        closer = min(self.nearer, max(down, 0.0) * MOST_DRAWN)
        if isinstance(stop, Barrier):
            stop = stop.each(self.trades_a_step).closer(closer)
        elif closer:
            stop = 1 - exp(today - down + closer)
        return goal, stop

    def _ahead(self, expected: float, steps: int) -> Policy:
        """The policy by the trades expected, where the walk has so many draws."""
        if isinstance(self.policy, (int, float)):
            return self.policy
        choose, each = as_function(self.policy), self.trades_a_step
        more = expected - steps * each
        return lambda left, equity, *seen: choose(
            max(round(left * each + more), 1), equity, *seen
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """A number of trades that is known."""

    expected: int

    def chances(self) -> tuple[Floats, Floats]:
        return np.array([float(self.expected)]), np.ones(1)


def is_coarse(drawn: Drawn) -> bool:
    """Whether outcomes are of so few kinds that sums of them lie on a few levels."""
    return coarsen(take_outcomes(*drawn, 1.0)) is not None


def _whole(steps: float) -> int:
    """At least so many steps."""
    return min(int(np.ceil(steps - 1e-9)), MOST_COUNT)


def place_nodes(steps: Floats, count: int) -> Floats:
    """Whole numbers between which a chance is read: `count` of them, or all there are.

    Chebyshev points from the first to the last of `steps`.
    """
    first, last = int(np.floor(steps[0] + 1e-9)), _whole(float(steps[-1]))
    if last - first < count:
        return np.arange(first, last + 1.0)
    if count == 1:
        return np.array([round(float(steps.mean()))], dtype=np.float64)
    angles = (np.arange(count) + 0.5) * np.pi / count
    share = (1 - np.cos(angles) / np.cos(angles[0])) / 2
    placed: Floats = np.rint(np.asarray(first + share * (last - first)))
    return placed


def interpolate(at: Floats, nodes: Floats) -> Floats:
    """Lagrange's weights of values at `nodes` for each place, shape (places, nodes)."""
    weights = np.ones((at.size, nodes.size))
    for one in range(nodes.size):
        for other in range(nodes.size):
            if other != one:
                weights[:, one] *= (at - nodes[other]) / (nodes[one] - nodes[other])
    return weights
