"""What a goal may come to, as it is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from goals.decisions.progress import GoalProgress, measure_pace
from goals.models import FinancialGoal
from goals.projection.barrier import Barrier
from goals.projection.edge import Edge
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import ProjectionFigures
from goals.projection.policy_functions import GoalPolicy
from mastertrade.values.in_text import marks_of
from mastertrade.values.money import MONEY, hold_within, round_to
from trades.sizing_calls.forecast_answers import (
    EdgeAnswer,
    FanPoint,
    PacePoint,
    ProjectionAnswer,
    Suggestions,
)

FARTHEST = timedelta(days=36_500)


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
    def answer(self) -> ProjectionAnswer:
        """What of it is answered, and kept."""
        figures, asked = self.figures, self.asked
        # Those whose `low` and `high` go with `probability`.
        band = None if self.is_halted else figures
        resumed = figures if self.is_halted else None
        return ProjectionAnswer(
            goal_id=self.goal.pk,
            as_of=self.as_of,
            probability=self.probability,
            probability_low=None if band is None else band.low,
            probability_high=None if band is None else band.high,
            probability_if_resumed=None if resumed is None else resumed.probability,
            reason=self.reason,
            marks=marks_of(self.reason),
            confidence=self._confidence,
            policy=self.goal.policy,
            progress_pct=self.progress.progress_pct,
            trades_per_day=self.trades_per_day,
            trades_left=self.trades_left,
            dispersion=None if asked is None else asked.dispersion,
            required_per_trade=None if figures is None else figures.required_per_trade,
            required_per_day=self.required_per_day,
            edge=self._edge,
            unreachable=self.unreachable is not None,
            unreachable_reason=self.unreachable,
            streaks=None if figures is None else figures.streaks,
            suggestions=self.suggestions,
            pace_line=tuple(self._pace_line()),
            fan=tuple(self._fan()),
        )

    @property
    def suggestions(self) -> Suggestions:
        trades = None if self.figures is None else self.figures.suggested_trades
        return Suggestions(trades, self._deadline(trades), self._suggested_target())

    @property
    def _confidence(self) -> str:
        if self.edge is None:
            return "none"
        return "low_confidence" if self.edge.low_confidence else "confident"

    @property
    def _edge(self) -> EdgeAnswer | None:
        edge = self.edge
        if edge is None:
            return None
        return EdgeAnswer(
            trades=edge.bounds.trades,
            mean=edge.bounds.mean,
            shrunk_mean=edge.shrunk_mean,
            lower=edge.bounds.lower,
            upper=edge.bounds.upper,
            best=edge.best,
            trades_at_once=edge.trades_a_step,
        )

    def _deadline(self, trades: int | None) -> datetime | None:
        """When so many are done at today's frequency."""
        if trades is None or self.trades_per_day <= 0:
            return None
        ahead = timedelta(days=float(trades / self.trades_per_day))
        return self.as_of + ahead if ahead < FARTHEST else None

    def _suggested_target(self) -> Decimal | None:
        if self.figures is None or self.figures.suggested_return is None:
            return None
        equity = np.array([1 + float(self.figures.suggested_return)])
        return self._values(equity)[0]

    def _pace_line(self) -> Iterator[PacePoint]:
        """Where an even pace is at the period's begin, now and at its end."""
        goal = self.goal
        if goal.period_ends_at is None:
            return
        instants = [goal.period_starts_at, goal.period_ends_at]
        if goal.period_starts_at < self.as_of < goal.period_ends_at:
            instants.insert(1, self.as_of)
        for at in instants:
            yield PacePoint(at, self._expected_pct(at))

    def _expected_pct(self, at: datetime) -> Decimal | None:
        pace = measure_pace(
            progress=self.progress,
            target_value=self.goal.target_value,
            period=self.goal.period,
            at=at,
        )
        return pace.expected_progress_pct

    def _fan(self) -> Iterator[FanPoint]:
        figures, ends_at = self.figures, self.goal.period_ends_at
        if figures is None or ends_at is None or not figures.fan:
            return
        trades = figures.fan[-1][0]
        for done, equity in figures.fan:
            at = self.as_of + (ends_at - self.as_of) * done / trades
            yield FanPoint(at, done, *self._values(equity))

    def _values(self, equity: "np.ndarray") -> list[Decimal]:
        """The goal's own value at these equities."""
        if self.path is None:
            raise ValueError("a goal without a path has no value to show")
        goal = self.goal
        values = self.path.value_at(equity, goal.start_value, goal.target_value)
        shown = (hold_within(Decimal(float(value)), MONEY) for value in values)
        return [round_to(value, MONEY) for value in shown]
