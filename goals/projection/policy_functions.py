"""Policies over (trades left, equity), as the projection walks them. Pure.

The same policies as in `goals.decisions.policies`, on arrays: a test holds the two
together.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from goals.decisions.policies import (
    AFTER_ACHIEVED_FACTORS,
    CONSTANT,
    LADDER,
    PACE_SPEED,
    FactorTable,
    pace_limits,
)
from goals.enums import AfterAchieved, PolicyName
from goals.projection.evaluate import PolicyFunction
from goals.projection.goal_path import GoalPath
from goals.projection.policy_tables import DeadlineTable
from goals.projection.types import Floats

# The bands' ends, where a factor may jump (percent of the way).
PACE_FLOORS_PCT = (Decimal(40), Decimal(50), Decimal(80))
# Some progress inside each band of the pace policy.
PACE_INSIDE_PCT = (Decimal(0), Decimal(40), Decimal(50), Decimal(80))


@dataclass(frozen=True, slots=True)
class GoalPolicy:
    """A goal's policy with all it depends on, constant over a projection.

    `edge` is the shrunk mean growth per trade; `cap` a limit from the guards, None
    without one. Without `table`, `deadline_optimal` is the ladder; without `edge`,
    `pace` is.
    """

    policy: PolicyName
    path: GoalPath
    min_factor: Decimal
    max_factor: Decimal
    after_achieved: AfterAchieved
    edge: Decimal | None = None
    table: DeadlineTable | None = None
    cap: Decimal | None = None
    # How many trades a row of the table stands for.
    trades_a_row: float = 1.0

    def as_function(self) -> PolicyFunction:
        """Factors for (trades left, equities), inside bounds and below the cap."""
        return self._factors

    def _factors(self, trades_left: int, equity: Floats) -> Floats:
        progress = self.path.progress_at(equity)
        found = self._ask(trades_left, equity, progress)
        found = np.clip(found, float(self.min_factor), float(self.max_factor))
        after = float(AFTER_ACHIEVED_FACTORS[self.after_achieved])
        achieved = min(after, float(self.max_factor))
        found = np.where(progress >= 100.0, achieved, found)
        return found if self.cap is None else np.minimum(found, float(self.cap))

    def _ask(self, trades_left: int, equity: Floats, progress: Floats) -> Floats:
        if self.policy is PolicyName.CONSTANT:
            return look_up(CONSTANT, progress)
        if self.policy is PolicyName.DEADLINE_OPTIMAL and self.table is not None:
            rows = max(round(trades_left / self.trades_a_row), 1)
            return self.table.factors_at(rows, equity)
        if self.policy is PolicyName.PACE and self.edge is not None:
            return self._pace(trades_left, equity, progress)
        return look_up(LADDER, progress)

    def _pace(self, trades_left: int, equity: Floats, progress: Floats) -> Floats:
        left = np.log1p(float(self.path.goal_return))
        left = left - np.log(np.maximum(equity, 1e-300))
        need = left / max(trades_left, 1)
        edge, low, high = self.edge or Decimal(0), self.min_factor, self.max_factor
        return pace_factors(progress, need, float(edge), low, high)


def pace_factors(
    progress: Floats,
    need: Floats,
    edge: float,
    min_factor: Decimal,
    max_factor: Decimal,
) -> Floats:
    """What `pace_factor` gives for each progress (percent) and need (log-growth)."""
    wanted = np.ones(progress.shape)
    if edge > 0:
        wanted = float(PACE_SPEED) * need / edge
    bounds = [pace_limits(inside, min_factor, max_factor) for inside in PACE_INSIDE_PCT]
    low, high = np.array(bounds, dtype=np.float64).T
    floors = np.array(PACE_FLOORS_PCT, dtype=np.float64)
    band = np.searchsorted(floors, progress, side="right")
    return np.asarray(np.round(np.clip(wanted, low[band], high[band]), 4))


def tabulate(
    policy: PolicyFunction, path: GoalPath, trades_left: int, progress_pct: Floats
) -> Floats:
    """The policy as a table: a row for each 1 … `trades_left`, a column a progress."""
    start = float(path.start_progress_pct)
    share = (progress_pct - start) / (100.0 - start)
    equity = 1.0 + share * float(path.goal_return)
    return np.array([policy(left, equity) for left in range(1, trades_left + 1)])


def look_up(table: FactorTable, progress: Floats) -> Floats:
    """What the table says to each progress (percent), whatever time is left."""
    floors = np.array(table.progress_floors_pct, dtype=np.float64)
    factors = np.array(table.factors[-1], dtype=np.float64)
    return np.asarray(factors[np.searchsorted(floors, progress, side="right")])
