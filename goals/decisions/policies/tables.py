"""Policies that are a fixed table over progress. Pure."""

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
    """Factors by progress: the first lies below the first floor, each other from its
    floor on.
    """

    version: str
    progress_floors_pct: tuple[Decimal, ...]
    factors: tuple[Decimal, ...]

    def factor(self, progress_pct: Decimal) -> Decimal:
        """The multiplier for a progress in percent."""
        return self.factors[bisect_right(self.progress_floors_pct, progress_pct)]

    def factors_at(self, progress_pct: Floats) -> Floats:
        """The multipliers for many progresses."""
        floors = np.array(self.progress_floors_pct, dtype=np.float64)
        factors = np.array(self.factors, dtype=np.float64)
        column = np.searchsorted(floors, progress_pct, side="right")
        return np.asarray(factors[column])


def table_policy(table: FactorTable, needs: Needs = Needs.FORECAST) -> Policy:
    """The policy that looks its factor up in a table, in both forms."""

    def ask(goal: PolicyInputs) -> PolicyAnswer:
        return PolicyAnswer(table.version, table.factor(goal.progress_pct))

    def ask_arrays(goal: ArrayInputs) -> Floats:
        return table.factors_at(goal.progress_pct)

    return Policy(table.version, needs, ask, ask_arrays, reads_time=False)
