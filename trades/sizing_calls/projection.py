"""What a goal may come to, as it is shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, NamedTuple

import numpy as np

from goals.decisions.progress import GoalProgress, measure_pace
from goals.models import FinancialGoal
from goals.projection.barrier import Barrier
from goals.projection.edge import Edge
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import ProjectionFigures
from goals.projection.policy_functions import GoalPolicy
from goals.projection.streaks import Streaks
from mastertrade.values.money import MONEY, hold_within

FARTHEST = timedelta(days=36_500)


class PacePoint(NamedTuple):
    at: datetime
    progress_pct: Decimal | None


class FanPoint(NamedTuple):
    """Percentiles of the goal's own value after `trades`."""

    at: datetime
    trades: int
    p5: Decimal
    p25: Decimal
    p50: Decimal
    p75: Decimal
    p95: Decimal


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the figures of a projection answer, next to its edge and trades left."""

    policy: GoalPolicy
    days_left: Decimal
    stop_loss: Barrier
    dispersion: float


@dataclass(frozen=True, slots=True, eq=False)
class GoalProjection:
    """A goal's projection at `as_of`; `figures` are None where `reason` says why.

    While trading is halted beyond the deadline, `probability` is that of not trading
    and `figures` are those if it were resumed now (`is_halted`).
    """

    meaning: ClassVar[str] = "touched by the deadline, not held"

    goal: FinancialGoal
    as_of: datetime
    progress: GoalProgress
    path: GoalPath | None
    edge: Edge | None
    trades_per_day: Decimal
    trades_left: Decimal | None
    required_per_day: Decimal | None
    probability: Decimal | None
    figures: ProjectionFigures | None
    unreachable: str | None
    reason: str | None
    is_halted: bool
    asked: Asked | None = None

    @property
    def band(self) -> ProjectionFigures | None:
        """The figures whose `low` and `high` go with `probability`."""
        return None if self.is_halted else self.figures

    @property
    def if_resumed(self) -> ProjectionFigures | None:
        return self.figures if self.is_halted else None

    @property
    def streaks(self) -> Streaks | None:
        return None if self.figures is None else self.figures.streaks

    @property
    def dispersion(self) -> float | None:
        """The variance of the trades left by their expected number."""
        return None if self.asked is None else self.asked.dispersion

    @property
    def confidence(self) -> str:
        if self.edge is None:
            return "none"
        return "low_confidence" if self.edge.low_confidence else "confident"

    @property
    def is_unreachable(self) -> bool:
        return self.unreachable is not None

    @property
    def suggested_deadline(self) -> datetime | None:
        """When the suggested trades are done at today's frequency."""
        trades = None if self.figures is None else self.figures.suggested_trades
        if trades is None or self.trades_per_day <= 0:
            return None
        ahead = timedelta(days=float(trades / self.trades_per_day))
        return self.as_of + ahead if ahead < FARTHEST else None

    @property
    def suggested_target(self) -> Decimal | None:
        if self.figures is None or self.figures.suggested_return is None:
            return None
        equity = np.array([1 + float(self.figures.suggested_return)])
        return self._values(equity)[0]

    @property
    def pace_line(self) -> list[PacePoint]:
        """Where an even pace is at the period's begin, now and at its end."""
        goal = self.goal
        if goal.period_ends_at is None:
            return []
        instants = [goal.period_starts_at, goal.period_ends_at]
        if goal.period_starts_at < self.as_of < goal.period_ends_at:
            instants.insert(1, self.as_of)
        return [PacePoint(at, self._expected_pct(at)) for at in instants]

    def _expected_pct(self, at: datetime) -> Decimal | None:
        pace = measure_pace(
            progress=self.progress,
            target_value=self.goal.target_value,
            period=self.goal.period,
            at=at,
        )
        return pace.expected_progress_pct

    @property
    def fan(self) -> list[FanPoint]:
        figures, ends_at = self.figures, self.goal.period_ends_at
        if figures is None or ends_at is None or not figures.fan:
            return []
        trades = figures.fan[-1][0]
        return [
            FanPoint(
                self.as_of + (ends_at - self.as_of) * done / trades,
                done,
                *self._values(equity),
            )
            for done, equity in figures.fan
        ]

    def _values(self, equity: "np.ndarray") -> list[Decimal]:
        """The goal's own value at these equities."""
        if self.path is None:
            raise ValueError("a goal without a path has no value to show")
        goal = self.goal
        values = self.path.value_at(equity, goal.start_value, goal.target_value)
        return [hold_within(Decimal(float(value)), MONEY) for value in values]
