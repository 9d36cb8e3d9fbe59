"""Solved tables of the policy `deadline_optimal`. Pure.

A table is solved from its inputs, and from nothing else: it has their hash as its
name, and the same inputs give the same table. It holds a byte for a factor and two for
a probability, solved or read from the cache, so that both give the same numbers.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from json import dumps
from math import ceil, log
from zlib import compress, decompress

import numpy as np

from goals.decisions.policies.deadline_optimal import DEADLINE_VERSION
from goals.projection.deadline import row_of, solve_deadline_policy
from goals.projection.edge import Edge
from goals.projection.types import Floats
from mastertrade.values.jsonable import to_plain
from mastertrade.values.money import FACTOR, round_to

FACTORS = 25
NODES = 400
STOP_PENALTY = 1.0
# A loss of 99.9999 % stands for that of everything.
DEEPEST_STOP = 1 - 1e-6
# A table is solved for the next so many trades left, and answers all below them: few
# tables then do for a whole period.
TRADES_STEP = 20
MOST_TABLE_TRADES = 2_000
CHANCES = 65_535  # a probability is stored as n parts of this
TOUCH = 1e-12
# A level that misses a node by less than this share of a step lies on it.
NODE_TOUCH = 1e-7


@dataclass(frozen=True, slots=True)
class DeadlineInputs:
    """All that a table follows from. Ratios; equity in units of that at the start."""

    growths: tuple[float, ...]
    probabilities: tuple[float, ...]
    trades_left: int
    goal_return: float
    stop_loss: float
    stop_penalty: float
    factors: tuple[float, ...]
    nodes: int = NODES
    version: str = DEADLINE_VERSION

    @property
    def digest(self) -> str:
        """The table's name: a hash of what it is solved from."""
        return sha256(dumps(to_plain(self), sort_keys=True).encode()).hexdigest()

    def toward(self, trades_left: int, goal_return: Decimal) -> "DeadlineInputs":
        """The same question with other trades left, to another target."""
        return replace(
            self, trades_left=round_up(trades_left), goal_return=float(goal_return)
        )


@dataclass(frozen=True, slots=True, eq=False)
class DeadlineTable:
    """Factors and probabilities over (trades left, equity).

    A row holds with as many trades left as `trades` says, shape (rows,), ascending, and
    with fewer down to the row before it. Nodes lie `step` apart in log-equity from
    `lowest` on.
    """

    inputs: DeadlineInputs
    lowest: float
    step: float
    trades: Floats
    choices: np.ndarray
    chances: np.ndarray

    def factors_at(self, trades_left: int, equity: Floats) -> Floats:
        """The factors at these equities; 1.0 beyond the goal and below the stop."""
        row = row_of(self.trades, trades_left)
        level = np.log(np.maximum(equity, 1e-300))
        # At the node below, as in `DeadlinePolicy.factor`.
        place = np.floor((level - self.lowest) / self.step + NODE_TOUCH)
        node = np.clip(place, 0, self.choices.shape[1] - 1).astype(np.intp)
        found = np.array(self.inputs.factors)[self.choices[row][node]]
        goal, stop = self._ends
        over = (level >= goal - TOUCH) | (level <= stop + TOUCH)
        return np.asarray(np.where(over, 1.0, found))

    def factor_at(self, trades_left: int, equity: Decimal) -> Decimal:
        """The factor at one equity, as a decision uses it."""
        found = self.factors_at(trades_left, np.array([float(equity)]))[0]
        return round_to(Decimal(float(found)), FACTOR)

    def probability_at(self, trades_left: int, equity: Decimal) -> Decimal:
        """The probability of touching the goal from there under this policy (ratio)."""
        level = log(max(float(equity), 1e-300))
        goal, stop = self._ends
        if level >= goal - TOUCH:
            return Decimal(1)
        if level <= stop + TOUCH:
            return Decimal(0)
        node = round((level - self.lowest) / self.step)
        node = min(max(node, 0), self.chances.shape[1] - 1)
        chance = float(np.interp(trades_left, self.trades, self.chances[:, node]))
        return round_to(Decimal(chance) / CHANCES, (8, 6))

    @property
    def _ends(self) -> tuple[float, float]:
        return log(1 + self.inputs.goal_return), log(1 - self.inputs.stop_loss)

    def pack(self) -> bytes:
        """The table without its inputs, compressed."""
        head = [self.lowest, self.step, self.trades.size, *self.trades.tolist()]
        body = np.array(head, np.dtype("<f8")).tobytes()
        body += self.choices.astype("u1").tobytes()
        body += self.chances.astype("<u2").tobytes()
        return compress(body, 6)


def unpack(inputs: DeadlineInputs, packed: bytes) -> DeadlineTable:
    """The table of these inputs from what `pack` made."""
    raw = decompress(packed)
    lowest, step, rows = np.frombuffer(raw, "<f8", 3)
    begin = 8 * (3 + int(rows))
    cells = (len(raw) - begin) // 3
    return DeadlineTable(
        inputs=inputs,
        lowest=float(lowest),
        step=float(step),
        trades=np.frombuffer(raw, "<f8", int(rows), 24),
        choices=np.frombuffer(raw, "u1", cells, begin).reshape(int(rows), -1),
        chances=np.frombuffer(raw, "<u2", cells, begin + cells).reshape(int(rows), -1),
    )


def solve(inputs: DeadlineInputs) -> DeadlineTable:
    """Solve the table; of many trades left, several at once."""
    solved = solve_deadline_policy(
        inputs.growths,
        inputs.probabilities,
        1.0,
        inputs.trades_left,
        inputs.goal_return,
        inputs.factors,
        stop_loss=inputs.stop_loss,
        stop_penalty=inputs.stop_penalty,
        nodes=inputs.nodes,
        grouped=True,
    )
    choices = np.searchsorted(np.array(inputs.factors), solved.factors[1:] - 1e-9)
    chances = np.rint(np.clip(solved.probabilities[1:], 0.0, 1.0) * CHANCES)
    lowest, step = solved.grid.lowest, solved.grid.step
    return DeadlineTable(
        inputs=inputs,
        lowest=lowest,
        step=step,
        trades=solved.trades[1:],
        choices=choices.astype("u1"),
        chances=chances.astype("<u2"),
    )


def make_inputs(
    edge: Edge,
    *,
    trades_left: int,
    goal_return: Decimal,
    stop_loss: float,
    min_factor: Decimal,
    max_factor: Decimal,
    stop_penalty: Decimal = Decimal(1),
) -> DeadlineInputs:
    """What to solve for a goal: the stop at the floor, λ its own, 25 factors."""
    return DeadlineInputs(
        growths=tuple(float(growth) for growth in edge.growths),
        probabilities=tuple(float(weight) for weight in edge.probabilities),
        trades_left=round_up(trades_left),
        goal_return=float(goal_return),
        stop_loss=stop_loss,
        stop_penalty=float(stop_penalty),
        factors=factors_between(min_factor, max_factor),
    )


def round_up(trades_left: int) -> int:
    """How many trades a table is solved for that is asked about so many."""
    return min(ceil(max(trades_left, 1) / TRADES_STEP) * TRADES_STEP, MOST_TABLE_TRADES)


def factors_between(low: Decimal, high: Decimal) -> tuple[float, ...]:
    """25 factors of four places, both ends among them; fewer where they are equal."""
    steps = [low + (high - low) * place / (FACTORS - 1) for place in range(FACTORS)]
    return tuple(sorted({float(round_to(step, FACTOR)) for step in steps}))
