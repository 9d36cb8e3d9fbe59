"""Many simulated walks of a policy: its drawdowns, its end, its fan. Pure."""

from dataclasses import dataclass

import numpy as np

from goals.projection.deadline import check_question
from goals.projection.evaluate import Policy, PolicyFunction, as_function, ask
from goals.projection.grid import log_levels
from goals.projection.outcomes import Outcomes, take_outcomes
from goals.projection.types import Floats, Indices, Numbers

# Walks at a time: their state stays in a processor's cache.
CHUNK = 1 << 15
# An outcome is drawn by 16 random bits: its probability is rounded to 1/65,536.
DRAWS = 1 << 16
# Cells of log-equity between which a policy's factor is taken to be the same.
POLICY_CELLS = 2_048
# Log-levels closer than this are the same: binary fractions are.
TOLERANCE = 1e-12
# What stands for the logarithm of nothing left.
LOWEST_LEVEL = -1_000.0
FAN_PCT = (5, 25, 50, 75, 95)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPaths:
    """What a number of simulated walks came to.

    Equity in units of that at the goal's start. `probability` and `stop_probability`
    are shares of walks; `ends` holds each walk's last equity, `drawdowns` its deepest
    fall below its own peak as a ratio. `fan` has shape (trades_left + 1, 5): the 5, 25,
    50, 75 and 95 % quantiles of equity after each trade.
    """

    probability: float
    stop_probability: float
    ends: Floats
    drawdowns: Floats
    fan: Floats | None


def simulate_policy(
    policy: Policy,
    outcomes: Numbers,
    probabilities: Numbers,
    base_risk: float,
    trades_left: int,
    goal_return: float,
    stop_loss: float | None = None,
    equity: float = 1.0,
    *,
    paths: int = 100_000,
    seed: int = 0,
    fan: bool = False,
    goes_on: bool = False,
) -> SimulatedPaths:
    """Simulate `paths` walks; arguments as in `evaluate_policy`.

    The walk ends where it reaches the goal or the stop, as there; with `goes_on` it
    trades on to the deadline, by the factor the policy gives beyond the goal, and
    reaching the goal still counts. The same `seed` gives the same walks.
    """
    chances = take_outcomes(outcomes, probabilities, base_risk)
    check_question(trades_left, goal_return, stop_loss, 0.0, equity)
    levels = log_levels(goal_return, stop_loss, equity)
    stage = _Stage(as_function(policy), chances, trades_left, levels, goes_on)
    generator = np.random.default_rng(seed)
    parts = [
        stage.walk(min(CHUNK, paths - done), generator, fan=fan)
        for done in range(0, paths, CHUNK)
    ]
    return SimulatedPaths(
        probability=sum(part.reached for part in parts) / paths,
        stop_probability=sum(part.stopped for part in parts) / paths,
        ends=np.exp(np.concatenate([part.ends for part in parts])),
        drawdowns=-np.expm1(-np.concatenate([part.falls for part in parts])),
        fan=_measure_fan(parts) if fan else None,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """Some walks: how many reached the goal and the stop; log-levels and falls."""

    reached: int
    stopped: int
    ends: Floats
    falls: Floats
    levels: list[Floats]


class _Stage:
    """What all walks have in common, in tables that a step only looks up.

    Log-equity is cut into cells from the stop (or far below today) to the goal; cell 0
    is all below, the last one all from the goal on. `rows` gives each cell's row of
    `steps`, for each number of trades left; row 0 stands still.
    """

    def __init__(
        self,
        choose: PolicyFunction,
        outcomes: Outcomes,
        trades_left: int,
        levels: tuple[float, float | None, float],
        goes_on: bool,
    ) -> None:
        self.goal, self.stop, self.today = levels
        self.goes_on = goes_on
        far = self.today - 3 * max(self.goal - self.today, 0.0) - 0.01
        self.bottom = far if self.stop is None else self.stop + TOLERANCE
        top = self.goal - TOLERANCE
        self.cells_a_unit = POLICY_CELLS / max(top - self.bottom, TOLERANCE)
        given = self._ask_all(choose, trades_left)
        factors, index = np.unique(given, return_inverse=True)
        self.rows = (index.reshape(given.shape) + 1).astype(np.intp)
        if not goes_on:
            self.rows[:, -1] = 0
            if self.stop is not None:
                self.rows[:, 0] = 0
        moving = np.maximum(outcomes.log_steps(factors), LOWEST_LEVEL)
        self.steps = np.concatenate([np.zeros((1, moving.shape[1])), moving])
        self.draws = draw_table(outcomes.probabilities)

    def _ask_all(self, choose: PolicyFunction, trades_left: int) -> Floats:
        """The factor of each cell, at its bottom, with each number of trades left."""
        bottoms = self.bottom + np.arange(POLICY_CELLS) / self.cells_a_unit + TOLERANCE
        below, above = self.bottom - TOLERANCE, self.goal + TOLERANCE
        equity = np.exp(np.concatenate([[below], bottoms, [above]]))
        left = range(trades_left, 0, -1)
        asked = [ask(choose, trades, equity) for trades in left]
        return np.array(asked).reshape(trades_left, equity.size)

    def walk(self, count: int, generator: np.random.Generator, *, fan: bool) -> _Part:
        level = np.full(count, self.today)
        peak, fall = level.copy(), np.zeros(count)
        reached = level >= self.goal - TOLERANCE
        levels = [level.copy()] if fan else []
        for rows in self.rows:
            cell = ((level - self.bottom) * self.cells_a_unit + 1).astype(np.intp)
            np.clip(cell, 0, POLICY_CELLS + 1, out=cell)
            drawn = self.draws.take(
                generator.integers(0, DRAWS, count, dtype=np.uint16)
            )
            place = rows.take(cell) * self.steps.shape[1] + drawn
            level += self.steps.take(place)
            np.maximum(peak, level, out=peak)
            np.maximum(fall, peak - level, out=fall)
            if self.goes_on:
                reached |= level >= self.goal - TOLERANCE
            if fan:
                levels.append(level.copy())
        if not self.goes_on:
            reached = level >= self.goal - TOLERANCE
        stopped = 0
        if self.stop is not None:
            stopped = int((level <= self.stop + TOLERANCE).sum())
        return _Part(int(reached.sum()), stopped, level, fall, levels)


def draw_table(probabilities: Floats) -> Indices:
    """Which outcome each of 65,536 equally likely draws is; rounded to the nearest."""
    edges = np.rint(np.cumsum(probabilities) / probabilities.sum() * DRAWS)
    return np.searchsorted(edges, np.arange(DRAWS), side="right").astype(np.intp)


def _measure_fan(parts: list[_Part]) -> Floats:
    levels = [
        np.concatenate([part.levels[step] for part in parts])
        for step in range(len(parts[0].levels))
    ]
    quantiles = [np.percentile(level, FAN_PCT) for level in levels]
    return np.asarray(np.exp(np.array(quantiles)))
