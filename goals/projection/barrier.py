"""The floors that the guards keep, as those who reckon chances take them. Pure.

The floor in force now moves as it will move; caps of the guards hold. Closes alone are
known.
"""

from dataclasses import dataclass, replace
from math import ceil, exp

import numpy as np

from goals.decisions.limits import LEAST_LEFT
from goals.projection.challenge_reach import within_reach
from goals.projection.challenge_rules import ChallengeRules, Question
from goals.projection.outcomes import Outcomes
from goals.projection.types import Numbers

DEEPEST_STOP = 1 - float(LEAST_LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """The limits in force and where the portfolio is between them; ratios.

    `scale` makes units of the limits' start of equities in units of the goal's start.
    `high_water`, and the day's `opening` (None: as now), in units of the limits' start.
    The settings are those of `ChallengeRules`.
    """

    drawdown_mode: str = "static"
    hard_drawdown: float = 0.2
    drawdown_of: str = "start"
    locks_at: float | None = None
    soft_drawdown: float | None = None
    daily_loss: float | None = None
    daily_loss_of: str = "day_start"
    daily_on_breach: str = "halt_day"
    headroom_share: float | None = None
    scale: float = 1.0
    high_water: float = 1.0
    opening: float | None = None
    trades_per_day: float = 1.0

    def each(self, trades: float) -> "Barrier":
        """The same where so many trades count as one."""
        return replace(self, trades_per_day=self.trades_per_day / trades)

    def closer(self, by: float) -> "Barrier":
        """The same with a floor that is closer by so much log-equity."""
        if not by:
            return self
        lift, share = exp(by), self.hard_drawdown
        lock = None if self.locks_at is None else self.locks_at * lift
        # At least a tenth of the fall is left.
        share = max(1 - (1 - share) * lift, share / 10)
        return replace(self, hard_drawdown=share, locks_at=lock)

    @property
    def has_days(self) -> bool:
        """Whether a day's end makes a difference."""
        return self.drawdown_mode == "end_of_day" or self.daily_loss is not None

    def within_reach(
        self,
        outcomes: Outcomes,
        largest: float,
        trades: int,
        goal_return: float,
        equity: float,
    ) -> "Barrier":
        """The same without what so many trades at the largest factor do not touch."""
        question = ask_under(
            self,
            outcomes,
            [largest],
            trades_left=trades,
            goal_return=goal_return,
            equity=equity,
        )
        rules = within_reach(question)
        return replace(
            self,
            drawdown_mode=rules.drawdown_mode,
            hard_drawdown=rules.hard_drawdown,
            drawdown_of=rules.drawdown_of,
            locks_at=rules.locks_at,
            soft_drawdown=rules.soft_drawdown,
            daily_loss=rules.daily_loss,
        )

    @property
    def stop_loss(self) -> float:
        """How far the floor of now lies below the goal's start (a ratio)."""
        floor = float(self.rules().floor(np.array(self.high_water)))
        return 1 - floor / self.scale

    @property
    def day(self) -> tuple[int, ChallengeRules]:
        """The trades of a day, and the rules: one trade has no other to halt."""
        trades = max(round(self.trades_per_day), 1)
        return trades, self.rules(daily=trades > 1 or self.daily_on_breach == "fail")

    def rules(self, *, daily: bool = True) -> ChallengeRules:
        return ChallengeRules(
            self.drawdown_mode,  # type: ignore[arg-type]
            self.hard_drawdown,
            self.drawdown_of,  # type: ignore[arg-type]
            self.locks_at,
            self.soft_drawdown,
            self.daily_loss if daily else None,
            self.daily_loss_of,  # type: ignore[arg-type]
            self.daily_on_breach,  # type: ignore[arg-type]
            self.headroom_share,
        )


def standing(stop_loss: float | None) -> Barrier:
    """A floor that stands, so far below the goal's start (a ratio; None: no floor)."""
    if stop_loss is None:
        return Barrier(hard_drawdown=DEEPEST_STOP)
    return Barrier(hard_drawdown=0.5, scale=0.5 / (1 - stop_loss))


def ask_under(
    barrier: Barrier,
    outcomes: Outcomes,
    factors: Numbers,
    *,
    trades_left: int,
    goal_return: float,
    equity: float,
) -> Question:
    """The question of trades one by one, in days that are counted from the last."""
    day, rules = barrier.day
    if not barrier.has_days:
        day = max(trades_left, 1)
    at = equity * barrier.scale
    return Question(
        outcomes=outcomes,
        worst_loss=-outcomes.base_risk * float(outcomes.values.min()),
        factors=np.asarray(factors, dtype=np.float64),
        goal=(1 + goal_return) * barrier.scale,
        days=ceil(trades_left / day),
        trades_per_day=day,
        rules=rules,
        max_factor_now=np.inf,
        stop_penalty=0.0,
        of_start=False,
        day_cost=0.0,
        equity=at,
        high_water=max(barrier.high_water, at if rules.trails else 0.0),
        opening=at if barrier.opening is None else barrier.opening,
        trades_now=(trades_left - 1) % day + 1,
        trades=trades_left,
    )
