"""The rules of a challenge, and a question about one. Pure.

Equity, high water and a day's opening are in units of the equity at the start.
"""

from dataclasses import dataclass
from math import inf, isfinite
from operator import index
from typing import Literal

import numpy as np

from goals.projection.outcomes import (
    Outcomes,
    read_number,
    require,
    take_factors,
    take_outcomes,
)
from goals.projection.types import Flags, Floats, Indices, Numbers
from mastertrade.values.exceptions import InvalidInput

# Levels of equity closer than this are one.
TOUCH = 1e-9
MOST_DAYS = 2_000
MOST_TRADES_PER_DAY = 200
MOST_FACTORS = 100
MODES = ("static", "end_of_day", "trailing_closed", "trailing")


class BadArgument(ValueError):
    """An argument makes no sense; the message names it and what is allowed."""

    def __init__(self, name: str, allowed: str) -> None:
        super().__init__(f"{name}: {allowed}")
        self.name = name


@dataclass(frozen=True, slots=True)
class ChallengeRules:
    """The limits of a challenge; all shares are ratios. `ValueError` for bad ones.

    `drawdown_mode` is what raises the floor: `static` nothing, `end_of_day` the equity
    at a day's end, `trailing_closed` each close; `trailing` is the same here, as only
    closes are known. The floor lies `hard_drawdown` of the `peak`, or of the `start` (a
    fixed distance), below the high water, and never above `locks_at` (units of the
    start). From a fall of `soft_drawdown` from the high water on, no factor is above 1.
    A day that loses `daily_loss` of the `start` or of its own opening (`day_start`)
    ends the challenge (`fail`) or the day (`halt_day`). The loss of a trade, at the
    worst outcome, may use `headroom_share` of what is left to the nearest floor.
    A pass needs `min_trading_days` days with a trade, each counted at its end.
    """

    drawdown_mode: Literal["static", "end_of_day", "trailing_closed", "trailing"] = (
        "static"
    )
    hard_drawdown: float = 0.10
    drawdown_of: Literal["start", "peak"] = "start"
    locks_at: float | None = None
    soft_drawdown: float | None = None
    daily_loss: float | None = None
    daily_loss_of: Literal["start", "day_start"] = "start"
    daily_on_breach: Literal["fail", "halt_day"] = "fail"
    headroom_share: float | None = None
    min_trading_days: int = 0

    def __post_init__(self) -> None:
        _require_one_of("drawdown_mode", self.drawdown_mode, MODES)
        _require_one_of("drawdown_of", self.drawdown_of, ("start", "peak"))
        _require_one_of("daily_loss_of", self.daily_loss_of, ("start", "day_start"))
        _require_one_of("daily_on_breach", self.daily_on_breach, ("fail", "halt_day"))
        _require_share("hard_drawdown", self.hard_drawdown)
        for name in ("soft_drawdown", "daily_loss"):
            if getattr(self, name) is not None:
                _require_share(name, getattr(self, name))
        share = self.headroom_share
        if share is not None and not 0 < read_number(share) <= 1:
            raise BadArgument("headroom_share", "must be above 0 and at most 1.")
        lowest = 1 - self.hard_drawdown
        lock = self.locks_at
        if lock is not None and not lowest - TOUCH <= read_number(lock) < inf:
            raise BadArgument("locks_at", f"must be at least the floor, {lowest:g}.")
        require_count("min_trading_days", self.min_trading_days, 0, MOST_DAYS)

    @property
    def trails(self) -> bool:
        """Whether each close may raise the floor."""
        return self.drawdown_mode in ("trailing_closed", "trailing")

    @property
    def moves(self) -> bool:
        return self.drawdown_mode != "static"

    @property
    def locked_from(self) -> float:
        """The high water at which the floor is locked."""
        if self.locks_at is None:
            return inf
        if self.drawdown_of == "peak":
            return self.locks_at / (1 - self.hard_drawdown)
        return self.locks_at + self.hard_drawdown

    def raise_high_water(
        self, high_water: Floats, equity: Floats, day_ends: bool
    ) -> Floats:
        """The high water after a trade or at a day's end."""
        if self.trails or (day_ends and self.moves):
            return np.maximum(high_water, equity)
        return high_water

    def floor(self, high_water: Floats) -> Floats:
        """The hard floor."""
        return np.minimum(
            self._below(high_water, self.hard_drawdown),
            inf if self.locks_at is None else self.locks_at,
        )

    def daily_floor(self, opening: Floats) -> Floats:
        """The equity at which a day ends, or the challenge; -inf without a rule."""
        if self.daily_loss is None:
            return np.full(np.shape(opening), -inf)
        of = 1.0 if self.daily_loss_of == "start" else opening
        return np.asarray(opening - self.daily_loss * of)

    def is_soft(self, high_water: Floats, equity: Floats) -> Flags:
        """Whether no factor may be above 1."""
        if self.soft_drawdown is None:
            return np.zeros(np.broadcast(high_water, equity).shape, dtype=bool)
        return np.asarray(equity <= self._below(high_water, self.soft_drawdown) + TOUCH)

    def cap(
        self,
        equity: Floats,
        high_water: Floats,
        opening: Floats,
        at_risk: Floats | float,
    ) -> Floats:
        """The largest factor that soft fall and headroom allow; infinity: any.

        `at_risk` is what the worst outcome takes at factor 1.
        """
        most = np.where(self.is_soft(high_water, equity), 1.0, inf)
        if self.headroom_share is None or not np.any(np.asarray(at_risk) > 0):
            return most
        nearest = np.maximum(self.floor(high_water), self.daily_floor(opening))
        room = self.headroom_share * (equity - nearest)
        return np.minimum(most, np.maximum(room / at_risk, 0.0))

    def _below(self, high_water: Floats, share: float) -> Floats:
        of = high_water if self.drawdown_of == "peak" else 1.0
        reference = high_water if self.moves else np.ones_like(high_water)
        return np.asarray(reference - share * (of if self.moves else 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A challenge and what trades there are, all checked.

    `factors` are above 0, ascending; `days` is None without a deadline. `worst_loss` is
    the share that the worst outcome takes at factor 1. It begins at `equity`, with the
    high water and the day's opening so far; `trades_now` are left of the first day.
    `trades`: how many there are, where one step stands for several.
    """

    outcomes: Outcomes
    worst_loss: float
    factors: Floats
    goal: float
    days: int | None
    trades_per_day: int
    rules: ChallengeRules
    max_factor_now: float
    stop_penalty: float
    of_start: bool
    day_cost: float
    equity: float = 1.0
    high_water: float = 1.0
    opening: float = 1.0
    trades_now: int | None = None
    trades: int | None = None

    def steps(self, factors: Floats, outcomes: Outcomes | None = None) -> Floats:
        """What a trade adds to equity, or to its logarithm; (factors, outcomes)."""
        drawn = outcomes or self.outcomes
        if self.of_start:
            moved = np.multiply.outer(factors, drawn.values)
            return np.asarray(drawn.base_risk * moved)
        return drawn.log_steps(factors)

    @property
    def lowered_within(self) -> float:
        """How far above a floor soft fall or headroom lower the largest factor."""
        rules, most = self.rules, 0.0
        if rules.soft_drawdown is not None and 1.0 not in self.factors:
            most = rules.hard_drawdown - rules.soft_drawdown
        if rules.headroom_share is not None:
            largest = float(self.factors[-1])
            most = max(most, self.worst_loss * largest / rules.headroom_share)
        return max(most, 0.0)

    def is_lost(self, equity: Floats, trades: Floats | float) -> Flags:
        """Whether not even so many best trades at the largest factor reach the goal."""
        best = float(self.steps(self.factors[-1:]).max())
        won, goal = max(best, 0.0) * np.asarray(trades), self.goal - 2 * TOUCH
        least = goal - won if self.of_start else goal * np.exp(-won)
        return np.asarray(equity < least)

    def cap(self, equity: Floats, high_water: Floats, opening: Floats) -> Floats:
        """The largest factor that soft fall and headroom allow; infinity: any."""
        at_risk = self.worst_loss * (1.0 if self.of_start else equity)
        return self.rules.cap(equity, high_water, opening, at_risk)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """States of a challenge, in arrays of equal shape."""

    question: Question
    equity: Floats
    opening: Floats
    high_water: Floats
    days_traded: Floats

    @property
    def cap(self) -> Floats:
        return self.question.cap(self.equity, self.high_water, self.opening)

    @property
    def floor(self) -> Floats:
        return self.question.rules.floor(self.high_water)

    @property
    def daily_floor(self) -> Floats:
        return self.question.rules.daily_floor(self.opening)

    @property
    def breached(self) -> Flags:
        """Whether a floor ends the challenge."""
        at_floor = self.equity <= self.floor + TOUCH
        if self.question.rules.daily_on_breach == "fail":
            at_floor |= self.halted
        return np.asarray(at_floor)

    @property
    def halted(self) -> Flags:
        """Whether the day's loss ends the day, or the challenge."""
        return np.asarray(self.equity <= self.daily_floor + TOUCH)

    def take(self, which: Indices) -> "Seen":
        parts = self.equity, self.opening, self.high_water, self.days_traded
        return Seen(self.question, *(part[which] for part in parts))

    def ends_of(self, factors: Floats) -> Indices:
        """How many outcomes breach, end the day, and do not reach the goal.

        `factors` of shape (n, choices); the result has three of these.
        """
        question = self.question
        values = np.sort(question.outcomes.values)
        equity = self.equity[:, None]
        at_risk = question.outcomes.base_risk * factors
        at_risk = np.maximum(at_risk if question.of_start else at_risk * equity, 1e-300)
        hard, daily = self.floor, self.daily_floor
        if question.rules.daily_on_breach == "fail":
            hard = np.maximum(hard, daily)
        ends = [
            np.searchsorted(
                values, (level[:, None] + TOUCH - equity) / at_risk, "right"
            )
            for level in (hard, daily)
        ]
        to_goal = (question.goal - TOUCH - equity) / at_risk
        return np.array([*ends, np.searchsorted(values, to_goal)])

    @property
    def passed(self) -> Flags:
        needed = self.question.rules.min_trading_days
        at_goal = self.equity >= self.question.goal - TOUCH
        return np.asarray(at_goal & (self.days_traded >= needed))


def ask(
    outcomes: Numbers,
    probabilities: Numbers,
    *,
    base_risk: float,
    factors: Numbers,
    goal_return: float,
    days: int | None,
    trades_per_day: int,
    rules: ChallengeRules,
    max_factor_now: float | None = None,
    stop_penalty: float = 0.0,
    risk_of: Literal["equity", "start"] = "equity",
    day_cost: float = 0.0,
) -> Question:
    """Check a question's arguments; `ValueError` names the one that makes no sense."""
    try:
        chances = take_outcomes(outcomes, probabilities, base_risk)
        choices = take_factors(factors)
        choices = choices[choices > 0]
        require("goal_return", goal_return, above=0.0)
        if not chances.values.any():
            raise InvalidInput("outcomes", "must not all be 0: nothing would move.")
    except InvalidInput as bad:
        raise BadArgument(bad.field, bad.detail) from None
    if not isinstance(rules, ChallengeRules):
        raise BadArgument("rules", "must be ChallengeRules.")
    _require_one_of("risk_of", risk_of, ("equity", "start"))
    if not 1 <= choices.size <= MOST_FACTORS:
        raise BadArgument("factors", f"must have 1 to {MOST_FACTORS} above 0.")
    require_count("trades_per_day", trades_per_day, 1, MOST_TRADES_PER_DAY)
    cost = _at_least_0("day_cost", day_cost)
    if days is not None:
        require_count("days", days, 1, MOST_DAYS)
        if cost > 0:
            raise BadArgument("day_cost", "needs days=None: a deadline costs nothing.")
    elif cost == 0:
        raise BadArgument("day_cost", "must be above 0 without a deadline (days=None).")
    elif max_factor_now is not None:
        raise BadArgument("max_factor_now", "must be None without a deadline.")
    cap = (
        inf if max_factor_now is None else _at_least_0("max_factor_now", max_factor_now)
    )
    return Question(
        outcomes=chances,
        worst_loss=-chances.base_risk * float(chances.values.min()),
        factors=choices,
        goal=1.0 + float(goal_return),
        days=days,
        trades_per_day=trades_per_day,
        rules=rules,
        max_factor_now=cap,
        stop_penalty=_at_least_0("stop_penalty", stop_penalty),
        of_start=risk_of == "start",
        day_cost=cost,
    )


def require_count(name: str, value: object, least: int, most: int) -> int:
    """A whole number between bounds; `ValueError` names it otherwise."""
    try:
        number = index(value)  # type: ignore[arg-type]
        if isinstance(value, bool):
            raise TypeError
    except TypeError:
        raise BadArgument(name, "must be a whole number.") from None
    if not least <= number <= most:
        raise BadArgument(name, f"must be from {least} to {most:,}.")
    return number


def _at_least_0(name: str, value: object) -> float:
    number = read_number(value)
    if not isfinite(number) or number < 0:
        raise BadArgument(name, "must be a number of at least 0.")
    return number


def _require_share(name: str, value: object) -> None:
    if not 0 < read_number(value) < 1:
        raise BadArgument(name, "must be a ratio above 0 and below 1.")


def _require_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadArgument(name, f"must be one of {', '.join(allowed)}.")
