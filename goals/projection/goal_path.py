"""The way of a goal in the projection's units. Pure.

The one place that turns progress into equity and back. Equity is in units of the equity
at the goal's start, and the goal lies at 1 + goal_return. What a goal measures decides
what that start is:

- return: the unit value at the start; progress is the return made of that asked for.
- income: live equity less the profit made since the start, so that deposits and
  withdrawals count as if they had always been there.
- value: the start value.

Where there is no such start (money withdrawn that was never made again, a start value
of 0) the way begins today: equity 1 is today's, at today's progress.
"""

from dataclasses import dataclass
from decimal import Context, Decimal

import numpy as np

from goals.decisions.progress import GoalProgress
from goals.enums import Measure
from goals.projection.types import Floats
from mastertrade.values.money import HUNDRED, ONE, RATIO, exactly, round_to

# Of a ratio that is rounded to 12 places in the end.
LOGARITHM = Context(prec=50)


@dataclass(frozen=True, slots=True)
class GoalPath:
    """From the start (equity 1, `start_progress_pct`) to the goal (1 + `goal_return`).

    `equity` is today's. All but the percentage are ratios.
    """

    goal_return: Decimal
    equity: Decimal
    start_progress_pct: Decimal = Decimal(0)

    def progress_at(self, equity: Floats) -> Floats:
        """Progress in percent at these equities, rounded as progress is."""
        share = (equity - 1.0) / float(self.goal_return)
        start = float(self.start_progress_pct)
        return np.asarray(np.round(start + share * (100.0 - start), 6))

    def value_at(self, equity: Floats, start_value: Decimal, target: Decimal) -> Floats:
        """The goal's own value (percent or money) at these equities."""
        start = float(self.start_progress_pct) / 100.0
        share = start + (equity - 1.0) / float(self.goal_return) * (1.0 - start)
        return np.asarray(float(start_value) + share * float(target - start_value))

    @exactly
    def toward(self, goal_return: Decimal) -> "GoalPath":
        """The way from the same start, and with the same done before it, elsewhere."""
        share = self.start_progress_pct / HUNDRED
        done = self.goal_return * share / (ONE - share) if share < 1 else Decimal(0)
        start = done / (done + goal_return) * HUNDRED
        return GoalPath(goal_return, self.equity, start)

    @exactly
    def need(self, trades_left: Decimal) -> Decimal:
        """The log-growth each trade left must bring; below 0 beyond the goal.

        The trade that is asked about is one of those left, so there is at least one.
        """
        whole = LOGARITHM.ln((ONE + self.goal_return) / self.equity)
        return round_to(whole / max(trades_left, ONE), RATIO)


@exactly
def goal_path(
    measure: Measure,
    *,
    progress: GoalProgress,
    start_value: Decimal,
    target_value: Decimal,
    live_equity: Decimal,
) -> GoalPath | None:
    """The goal's way; None where nothing can lead there: no equity, all of it lost."""
    if live_equity <= 0:
        return None
    current = progress.current_value
    if measure is Measure.RETURN:
        equity = ONE + current / HUNDRED
        return _way(target_value / HUNDRED, equity) if equity > 0 else None
    start = live_equity - current if measure is Measure.INCOME else start_value
    path = target_value - start_value
    if start > 0:
        return _way(path / start, live_equity / start)
    left = target_value - current
    if left <= 0:
        return _way(path / live_equity, ONE + path / live_equity)
    return _way(left / live_equity, ONE, progress.progress_pct)


def _way(
    goal_return: Decimal, equity: Decimal, start: Decimal = Decimal(0)
) -> GoalPath:
    rounded = max(round_to(goal_return, RATIO), Decimal("1e-12"))
    return GoalPath(rounded, max(round_to(equity, RATIO), Decimal("1e-12")), start)
