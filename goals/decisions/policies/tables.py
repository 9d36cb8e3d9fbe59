"""Policies that are a fixed table over progress and time left. Pure."""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from goals.decisions.policies.base import (
    ArrayInputs,
    Floats,
    Needs,
    Policy,
    PolicyAnswer,
    PolicyInputs,
)


@dataclass(frozen=True, slots=True)
class FactorTable:
    """Factors by time left (rows) and progress (columns).

    Row i holds from `time_left_floors[i]` on (ratio of the period, 0 to 1), column j
    from `progress_floors_pct[j - 1]` on; column 0 lies below the first floor.
    """

    version: str
    progress_floors_pct: tuple[Decimal, ...]
    factors: tuple[tuple[Decimal, ...], ...]
    time_left_floors: tuple[Decimal, ...] = (Decimal(0),)

    def factor(
        self, progress_pct: Decimal, time_left_ratio: Decimal = Decimal(1)
    ) -> Decimal:
        """The multiplier for a progress in percent and a share of time left."""
        row = max(bisect_right(self.time_left_floors, time_left_ratio) - 1, 0)
        column = bisect_right(self.progress_floors_pct, progress_pct)
        return self.factors[row][column]

    def factors_at(self, progress_pct: Floats) -> Floats:
        """The multipliers for many progresses, with all time left."""
        floors = np.array(self.progress_floors_pct, dtype=np.float64)
        factors = np.array(self.factors[-1], dtype=np.float64)
        column = np.searchsorted(floors, progress_pct, side="right")
        return np.asarray(factors[column])


def table_policy(table: FactorTable, needs: Needs = Needs.FORECAST) -> Policy:
    """The policy that looks its factor up in a table, in both forms."""

    def ask(goal: PolicyInputs) -> PolicyAnswer:
        factor = table.factor(goal.progress_pct, goal.time_left_ratio)
        return PolicyAnswer(table.version, factor)

    def ask_arrays(goal: ArrayInputs) -> Floats:
        return table.factors_at(goal.progress_pct)

    return Policy(table.version, needs, ask, ask_arrays)
