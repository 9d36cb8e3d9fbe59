"""Solved tables of the policy `deadline_optimal`. Pure.

A table is solved from its inputs, and from nothing else: it has their hash as its
name, and the same inputs give the same table. It holds a byte for a factor and two for
a probability, solved or read from the cache, so that both give the same numbers.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from json import dumps
from math import ceil
from typing import Any
from zlib import compress, decompress

import numpy as np
from numpy.typing import NDArray

from goals.decisions.policies.deadline_optimal import DEADLINE_VERSION
from goals.projection.barrier import Barrier
from goals.projection.barrier_induction import (
    Plan,
    lay,
    plan_under,
    sharpen,
    solve_under,
)
from goals.projection.challenge_grid import States
from goals.projection.challenge_policy import ChallengePolicy
from goals.projection.challenge_rules import Seen
from goals.projection.deadline import row_of
from goals.projection.edge import Edge
from goals.projection.grouping import sum_of
from goals.projection.outcomes import take_outcomes
from goals.projection.types import Flags, Floats
from mastertrade.values.jsonable import to_plain
from mastertrade.values.money import FACTOR, round_to

FACTORS = 13
STOP_PENALTY = 1.0
# A table is solved for the next so many trades left, and answers all below them: few
# tables then do for a whole period.
TRADES_STEP = 20
MOST_TABLE_TRADES = 2_000
# A table that is solved to look at, and not kept: its rows, of many trades several
# each, and how fine it is.
ROUGH_ROWS, ROUGH_FINENESS = 60, 0.5
CHANCES = 65_535  # a probability is stored as n parts of this


@dataclass(frozen=True, slots=True)
class DeadlineInputs:
    """All that a table follows from. Ratios; equity in units of that at the start.

    The grid is laid around `equity`; `fineness` scales its nodes.
    """

    growths: tuple[float, ...]
    probabilities: tuple[float, ...]
    trades_left: int
    goal_return: float
    barrier: Barrier
    stop_penalty: float
    factors: tuple[float, ...]
    equity: float = 1.0
    fineness: float = 1.0
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

    def roughly(self, trades: int) -> tuple["DeadlineInputs", float]:
        """The same question for a quick table, and how many trades a row of it is."""
        rows = round_up(min(trades, ROUGH_ROWS))
        each = max(trades / rows, 1.0)
        alone = take_outcomes(self.growths, self.probabilities, 1.0)
        summed = sum_of(alone, each)
        asked = replace(
            self,
            trades_left=rows,
            growths=tuple(summed.values.tolist()),
            probabilities=tuple(summed.probabilities.tolist()),
            barrier=self.barrier.each(each),
            fineness=ROUGH_FINENESS,
        )
        return asked, each

    def lay(self) -> tuple[Plan, States]:
        """The steps and the grid that the table is solved on."""
        plan = plan_under(
            self.barrier,
            take_outcomes(self.growths, self.probabilities, 1.0),
            self.factors,
            trades_left=self.trades_left,
            goal_return=self.goal_return,
            equity=self.equity,
        )
        fineness = self.fineness
        if fineness == 1.0:
            fineness = sharpen(plan.question)
        return plan, lay(plan.question, fineness)


@dataclass(frozen=True, eq=False)
class DeadlineTable:
    """Factors and probabilities over (trades left, equity, high water, day's opening).

    A row holds with as many trades left as `trades` says, shape (rows,), ascending, and
    with fewer down to the row before it. `choices` and `chances`, shape (rows, layers,
    width), are by state of the grid.
    """

    inputs: DeadlineInputs
    choices: NDArray[Any]
    chances: NDArray[Any]

    @cached_property
    def _laid(self) -> tuple[Plan, ChallengePolicy]:
        plan, states = self.inputs.lay()
        days = states.question.trades_per_day
        rows = np.zeros(
            (len(plan.trades) + -len(plan.trades) % days, *self.choices.shape[1:]),
            np.int8,
        )
        rows[: len(self.choices)] = self.choices
        by_day = rows.reshape(-1, days, *rows.shape[1:])
        policy = ChallengePolicy(
            0.0, 0.0, 0.0, None, states.question, lambda: (states, by_day)
        )
        return plan, policy

    @property
    def trades(self) -> Floats:
        return self._laid[0].trades

    def factors_at(self, trades_left: int, equity: Floats, *seen: Floats) -> Floats:
        """The factors at these states; 1.0 beyond the goal and below the floor.

        `seen` may be high water and profit of the day; all in units of the equity at
        the goal's start. The high water is at least that which the table began with.
        """
        plan, policy = self._laid
        day = policy.states.question.trades_per_day
        row = row_of(plan.trades, trades_left)
        at, water, profit = self._scaled(equity, *seen)
        smallest = self.inputs.factors[0]
        rules = policy.states.question.rules
        if rules.daily_loss is not None and rules.daily_on_breach == "halt_day":
            # Nothing ends with the day's limit: between layers factors lie on lines.
            here = Seen(policy.states.question, at, at - profit, water, np.zeros(1))
            chosen = policy.choices.reshape(*policy.choices.shape[:2], -1)
            known = np.append(smallest, self.inputs.factors)
            found = policy.states.read(known[chosen[row // day, row % day]], here)
            found = np.clip(found, smallest, np.maximum(here.cap, smallest))
            return np.where(self._is_over(at, water), 1.0, found)
        found = policy.factor_at(row // day + 1, row % day + 1, at, profit, water)
        found = np.maximum(found, smallest)
        return np.where(self._is_over(at, water), 1.0, found)

    def _scaled(self, equity: Floats, *seen: Floats) -> tuple[Floats, Floats, Floats]:
        """Equity, high water and profit of the day in units of the limits' start."""
        barrier = self.inputs.barrier
        at = np.maximum(np.asarray(equity, np.float64) * barrier.scale, 1e-12)
        water = np.full(at.shape, barrier.high_water)
        if seen:
            water = np.maximum(seen[0] * barrier.scale, water)
        if self._laid[1].states.question.rules.trails:
            water = np.maximum(water, at)
        profit = at - (at if barrier.opening is None else barrier.opening)
        if len(seen) > 1:
            profit = seen[1] * barrier.scale
        return at, water, profit

    def _is_over(self, at: Floats, water: Floats) -> Flags:
        question = self._laid[1].states.question
        floor = question.rules.floor(np.asarray(water))
        return np.asarray((at >= question.goal - 1e-12) | (at <= floor + 1e-9))

    def factor_at(self, trades_left: int, equity: Decimal, *seen: float) -> Decimal:
        """The factor at one state, as a decision uses it; `seen` as in `factors_at`."""
        given = [np.array([one]) for one in seen]
        found = self.factors_at(trades_left, np.array([float(equity)]), *given)[0]
        return round_to(Decimal(float(found)), FACTOR)

    def probability_at(
        self, trades_left: int, equity: Decimal, *seen: float
    ) -> Decimal:
        """The probability of touching the goal from there under this policy (ratio)."""
        plan, policy = self._laid
        states = policy.states
        given = [np.array([one]) for one in (float(equity), *seen)]
        at, water, profit = self._scaled(*given)
        if self._is_over(at, water)[0]:
            return Decimal(int(at[0] >= states.question.goal - 1e-12))
        tables = self.chances.reshape(len(self.chances), -1)
        here = Seen(states.question, at, at - profit, water, np.zeros(1))
        known = np.append(0.0, states.read(tables, here))
        chance = float(np.interp(trades_left, np.append(0.0, plan.trades), known))
        return round_to(Decimal(chance) / CHANCES, (8, 6))

    def pack(self) -> bytes:
        """The table without its inputs, compressed."""
        head = np.array(self.choices.shape, "<u4").tobytes()
        body = (
            self.choices.astype("u1").tobytes() + self.chances.astype("<u2").tobytes()
        )
        return compress(head + body, 1)


def unpack(inputs: DeadlineInputs, packed: bytes) -> DeadlineTable:
    """The table of these inputs from what `pack` made."""
    raw = decompress(packed)
    shape = tuple(np.frombuffer(raw, "<u4", 3).tolist())
    cells = int(np.prod(shape))
    return DeadlineTable(
        inputs=inputs,
        choices=np.frombuffer(raw, "u1", cells, 12).reshape(shape),
        chances=np.frombuffer(raw, "<u2", cells, 12 + cells).reshape(shape),
    )


def solve(inputs: DeadlineInputs) -> DeadlineTable:
    """Solve the table; of many trades left, several at once."""
    plan, states = inputs.lay()
    choices, chances = solve_under(plan, states, inputs.stop_penalty)
    stored = np.rint(np.reshape(chances, choices.shape) * CHANCES)
    return DeadlineTable(inputs, choices.astype("u1"), stored.astype("<u2"))


def make_inputs(
    edge: Edge,
    *,
    trades_left: int,
    goal_return: Decimal,
    barrier: Barrier,
    min_factor: Decimal,
    max_factor: Decimal,
    equity: Decimal = Decimal(1),
    stop_penalty: Decimal = Decimal(1),
) -> DeadlineInputs:
    """What to solve for a goal under its barrier: λ its own, 13 factors."""
    return DeadlineInputs(
        growths=tuple(float(growth) for growth in edge.growths),
        probabilities=tuple(float(weight) for weight in edge.probabilities),
        trades_left=round_up(trades_left),
        goal_return=float(goal_return),
        barrier=barrier,
        stop_penalty=float(stop_penalty),
        factors=factors_between(min_factor, max_factor),
        equity=float(anchor_of(equity, goal_return)),
    )


def anchor_of(equity: Decimal, goal_return: Decimal) -> Decimal:
    """The equity that a grid is laid around: rounded, as marks move it."""
    rounded = round_to(equity, (20, 2))
    if 0 < rounded < 1 + goal_return:
        return rounded
    # At the goal a table is that of just before it.
    return min(equity, (1 + goal_return) * Decimal("0.999"))


def round_up(trades_left: int) -> int:
    """How many trades a table is solved for that is asked about so many."""
    return min(ceil(max(trades_left, 1) / TRADES_STEP) * TRADES_STEP, MOST_TABLE_TRADES)


def factors_between(low: Decimal, high: Decimal) -> tuple[float, ...]:
    """13 factors of four places, both ends among them; fewer where they are equal."""
    steps = [low + (high - low) * place / (FACTORS - 1) for place in range(FACTORS)]
    return tuple(sorted({float(round_to(step, FACTOR)) for step in steps}))
