"""A goal's policy over (trades left, equity), as the projection walks it. Pure."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from goals.decisions.policies import AFTER_ACHIEVED_FACTORS, FALLBACK, PolicyName
from goals.decisions.policies.base import ArrayInputs
from goals.enums import AfterAchieved
from goals.projection.evaluate import PolicyFunction
from goals.projection.goal_path import GoalPath
from goals.projection.policy_tables import DeadlineTable
from goals.projection.types import Floats


@dataclass(frozen=True, slots=True)
class GoalPolicy:
    """A goal's policy with all it depends on, constant over a projection.

    `edge` is the shrunk mean growth per trade; `cap` a limit from the guards, None
    without one. Where the `edge` or the `table` that the policy needs is None, it is
    the ladder.
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

    @property
    def reads_time(self) -> bool:
        """Whether a factor may depend on the trades left, and not on progress alone."""
        return self.policy.rule.reads_time

    def as_function(self) -> PolicyFunction:
        """Factors for (trades left, equities, …), inside bounds and below the cap.

        High waters and profits of the day may follow, for a table that looks at them.
        """
        return self._factors

    def _factors(self, trades_left: int, equity: Floats, *seen: Floats) -> Floats:
        progress = self.path.progress_at(equity)
        found = self._ask(trades_left, equity, progress, seen)
        found = np.clip(found, float(self.min_factor), float(self.max_factor))
        after = float(AFTER_ACHIEVED_FACTORS[self.after_achieved])
        achieved = min(after, float(self.max_factor))
        found = np.where(progress >= 100.0, achieved, found)
        return found if self.cap is None else np.minimum(found, float(self.cap))

    def _ask(
        self,
        trades_left: int,
        equity: Floats,
        progress: Floats,
        seen: tuple[Floats, ...],
    ) -> Floats:
        asked = ArrayInputs(
            progress_pct=progress,
            equity=equity,
            trades_left=trades_left,
            goal_return=self.path.goal_return,
            min_factor=self.min_factor,
            max_factor=self.max_factor,
            edge=self.edge,
            table=self.table,
            trades_a_row=self.trades_a_row,
            seen=seen,
        )
        found = self.policy.rule.ask_arrays(asked)
        if found is None:
            found = FALLBACK.rule.ask_arrays(asked)
        assert found is not None  # the fallback needs nothing
        return found
