"""What a goal may come to: what is asked, and the answer as it is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from goals.decisions.progress import GoalProgress, measure_pace
from goals.models import FinancialGoal, TradingHalt
from goals.projection.barrier import Barrier
from goals.projection.edge import Edge
from goals.projection.forecast import required_growth
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import ProjectionFigures, growth
from goals.projection.policy_functions import GoalPolicy
from goals.services.trade_forecasts import trades_in
from mastertrade.values.in_text import call, join, marks_of, name, say
from mastertrade.values.money import HUNDRED, MONEY, ONE, ZERO, hold_within, round_to
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
    """What the solver is asked about a goal, next to its policy."""

    edge: Edge
    path: GoalPath
    trades_left: Decimal
    days_left: Decimal
    stop_loss: Barrier
    dispersion: float


class Certain(NamedTuple):
    """What is known of a goal that there is nothing to project of, and why."""

    reason: str | None = None
    probability: Decimal | None = None
    unreachable: str | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GoalProjection:
    """A goal's projection at `as_of`; `asked` is None where `missing` says why.

    `figures` are what the solver answers. While trading is halted beyond the deadline
    (`is_halted`), they are those if it were resumed now.
    """

    goal: FinancialGoal
    as_of: datetime
    progress: GoalProgress
    path: GoalPath | None
    edge: Edge | None
    trades_per_day: Decimal
    days_left: Decimal | None
    halt: TradingHalt | None
    certain: Certain
    missing: str | None
    asked: Asked | None
    policy: GoalPolicy | None = None
    figures: ProjectionFigures | None = None

    @property
    def trades_left(self) -> Decimal | None:
        if self.days_left is None:
            return None
        return trades_in(self.days_left, self.trades_per_day)

    @property
    def is_halted(self) -> bool:
        halt = self.halt if self.missing is None else None
        return halt is not None and halt.lasts_beyond(self.goal.period_ends_at)

    @property
    def without_a_trade(self) -> Decimal:
        """The probability while nobody trades."""
        return ONE if self.progress.progress_pct >= HUNDRED else ZERO

    @property
    def probability(self) -> Decimal | None:
        if self.is_halted:
            return self.without_a_trade
        figures = self.figures
        return self.certain.probability if figures is None else figures.probability

    @property
    def unreachable(self) -> str | None:
        figures = self.figures
        return self.certain.unreachable if figures is None else figures.unreachable

    @property
    def reason(self) -> str | None:
        """Why nothing is told, or under which conditions `probability` holds."""
        says = "trades are counted from its end"
        if self.is_halted:
            says = "this is the probability without another trade"
        reason = self.missing or self._say_halted(says)
        return self._with_conditions(reason) if self.probability else reason

    @property
    def reason_of_frontier(self) -> str | None:
        """The same of what sizes and policies come to."""
        if self.asked is None or not self.is_halted:
            return self.reason
        says = "each point is what it would come to if trading were resumed now"
        return self._with_conditions(self._say_halted(says))

    def _say_halted(self, says: str) -> str | None:
        if self.halt is None:
            return None
        resume = (
            f" Resume it with POST /api/portfolios/{self.goal.portfolio_id}/resume/."
        )
        return say(
            "trading is halted, and {}. {}{}", says, self.halt.words, call(resume)
        )

    def _with_conditions(self, reason: str | None) -> str | None:
        """Conditions are not projected: without them a goal is reached more often."""
        goal = self.goal
        achieved = goal.achieved_at is not None and goal.achieved_at <= self.as_of
        if achieved or not goal.has_conditions:
            return reason
        names = join(" and ", (name(condition.name) for condition in goal.conditions))
        bound = say("{} is not modelled, so the probability is an upper bound", names)
        return bound if reason is None else say("{} Also, {}.", reason, bound)

    @property
    def required_per_day(self) -> Decimal | None:
        days, path = self.days_left, self.path
        if self.goal.has_failed(self.as_of) or path is None or days is None:
            return None
        return growth(
            required_growth(float(days), float(path.goal_return), float(path.equity))
        )

    @property
    def answer(self) -> ProjectionAnswer:
        """What of it is answered, and kept."""
        figures, asked, reason = self.figures, self.asked, self.reason
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
            reason=reason,
            marks=marks_of(reason),
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
