"""What comes of a policy under a challenge's rules, walked forward. Pure.

Every state in reach is walked with its probability while there are few; of too many a
fixed number is drawn, each with the same weight, and walked on at random.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from goals.projection.challenge_rules import MOST_DAYS, BadArgument, Question
from goals.projection.challenge_tree import SAME, Branch, keys_of
from goals.projection.outcomes import Outcomes
from goals.projection.types import Flags, Floats, Indices

# (days left, trades left, equity, profit of the day, high water, days traded) → factor.
FactorAt: TypeAlias = Callable[[int, int, Floats, Floats, Floats, Floats], Floats]
# States times outcomes that are walked one by one; and how many are drawn of more.
MOST_STATES = 40_000
PATHS = 1 << 15
# All states together that are walked one by one; of more, walks are drawn from there.
MOST_WALKED = 20_000_000
DRAWS = 1 << 16
# The golden section: its multiples lie evenly.
EVENLY = 40_503
# Without a deadline a walk ends when no more than this share of it is left.
LEFT_OVER = 1e-4
# Ended walks are dropped when they are more than this share.
DROPPED = 0.02
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class ChallengeOutcome:
    """What a policy comes to, from the start; probabilities are ratios.

    `days`: by which day 10, 50 and 90 % of the passing walks have passed, None where
    none does.
    """

    probability: float
    breach_probability: float
    days: tuple[int, int, int] | None


@dataclass(slots=True)
class _Walks(Branch):
    """States with their weights, all of shape (n,); ended ones weigh nothing."""

    weight: Floats

    def take(self, which: Indices | Flags) -> "_Walks":
        every = (*Branch.__slots__, "weight")
        return _Walks(*(getattr(self, name)[which] for name in every))


class EvenDraws:
    """Outcomes drawn so that walks at about the same equity have all of them."""

    def __init__(self, outcomes: Outcomes, random: np.random.Generator) -> None:
        chances = np.cumsum(outcomes.probabilities)
        places = np.searchsorted(chances, (np.arange(DRAWS) + 0.5) / DRAWS)
        self.table = outcomes.values[np.minimum(places, chances.size - 1)]
        self.random = random

    def draw(self, equity: Floats) -> Floats:
        """An outcome for each walk."""
        luck = np.arange(equity.size, dtype=np.int64) * EVENLY
        luck = np.asarray((luck + self.random.integers(DRAWS)) % DRAWS)
        outcome = np.empty(equity.size)
        outcome[np.argsort(equity)] = self.table[luck]
        return outcome


class Walk:
    """One policy's walk; `run` once.

    `needs_day`: the policy looks at the day's profit; `counts`: at all days traded,
    not only at whether they are enough. So many `paths` are drawn of too many states;
    0: none, and the walk is given up. `passed` has the chance to pass by each trade.
    """

    def __init__(
        self,
        question: Question,
        choose: FactorAt,
        seed: int,
        *,
        needs_day: bool,
        counts: bool = False,
        paths: int = PATHS,
        most: int = MOST_WALKED,
    ) -> None:
        self.question, self.choose, self.paths = question, choose, paths
        self.needs_day = needs_day or question.rules.daily_loss is not None
        self.counts = counts
        self.random = np.random.default_rng(seed)
        self.drawn = False
        one, no = np.ones(1), np.zeros(1, dtype=bool)
        self.walks = _Walks(
            one * question.equity,
            one * question.high_water,
            one * question.opening,
            np.zeros(1),
            no,
            no,
            one,
        )
        self.passed_by_day: list[float] = []
        self.passed, self.breached = [0.0], 0.0
        self.given_up = False
        self.left, self.even = most, EvenDraws(question.outcomes, self.random)

    def run(self) -> ChallengeOutcome:
        days = self.question.days
        for day in range(days or MOST_DAYS):
            self.passed_by_day.append(0.0)
            trades = self.question.trades_per_day
            if not day and self.question.trades_now is not None:
                trades = self.question.trades_now
            for left in range(trades, 0, -1):
                self._trade((days or MOST_DAYS) - day, left)
                if self.given_up:
                    break
                self.passed.append(sum(self.passed_by_day))
            self._end_day()
            self.passed[-1] = sum(self.passed_by_day)
            if self.given_up:
                break
            if self.walks.weight.sum() <= (0.0 if days else LEFT_OVER):
                break
        by_day = np.cumsum(self.passed_by_day)
        passed = float(by_day[-1])
        quantiles = None
        if passed > 0:
            at = [np.searchsorted(by_day, share * passed - SAME) for share in QUANTILES]
            quantiles = (int(at[0]) + 1, int(at[1]) + 1, int(at[2]) + 1)
        return ChallengeOutcome(passed, self.breached, quantiles)

    def _trade(self, days_left: int, trades_left: int) -> None:
        walks, question = self.walks, self.question
        if not walks.weight.size:
            return
        factor = self._factors(days_left, trades_left)
        if not factor.any():
            return
        reached = walks.weight.size * question.outcomes.values.size
        self.left -= reached
        if not self.drawn and (reached > MOST_STATES or self.left < 0):
            if not self.paths:
                self.given_up = True
                return
            self._draw()
            walks, factor = self.walks, factor[self.origin]
        if self.drawn:
            outcome = self.even.draw(walks.equity)
        else:
            count = question.outcomes.values.size
            walks = walks.take(np.repeat(np.arange(factor.size), count))
            outcome = np.tile(question.outcomes.values, factor.size)
            walks.weight = walks.weight * np.tile(
                question.outcomes.probabilities, factor.size
            )
            factor = np.repeat(factor, count)
        of = 1.0 if question.of_start else walks.equity
        walks.equity = (
            walks.equity + question.outcomes.base_risk * factor * outcome * of
        )
        walks.traded = walks.traded | (factor > 0)
        self.walks = walks
        self._close(day_ends=False)

    def _factors(self, days_left: int, trades_left: int) -> Floats:
        walks, question = self.walks, self.question
        found = self.choose(
            days_left,
            trades_left,
            walks.equity,
            walks.equity - walks.opening,
            walks.high_water,
            walks.days_traded,
        )
        factor = np.asarray(found, dtype=np.float64)
        if (
            factor.shape not in ((), walks.equity.shape)
            or not np.isfinite(factor).all()
        ):
            raise BadArgument("policy", "must give one finite factor for each state.")
        if (factor < 0).any():
            raise BadArgument("policy", "must not give a factor below 0.")
        if (days_left, trades_left) == (question.days, question.trades_per_day):
            factor = np.minimum(factor, question.max_factor_now)
        factor = np.minimum(factor, walks.seen(question).cap)
        return np.where(walks.halted | (walks.weight == 0), 0.0, factor)

    def _close(self, day_ends: bool) -> None:
        """Equity has moved, or the day ended: high water, goal, floor, daily loss."""
        walks, question = self.walks, self.question
        walks.high_water = question.rules.raise_high_water(
            walks.high_water, walks.equity, day_ends
        )
        seen = walks.seen(question)
        passed = seen.passed
        breached = seen.breached & ~passed
        self.passed_by_day[-1] += float(walks.weight[passed].sum())
        self.breached += float(walks.weight[breached].sum())
        walks.halted = walks.halted | seen.halted
        ended = passed | breached
        if ended.any():
            walks.weight = np.where(ended, 0.0, walks.weight)
        if not self.drawn:
            self.walks = _merge(walks)
        elif np.count_nonzero(walks.weight) < (1 - DROPPED) * walks.weight.size:
            self.walks = walks.take(walks.weight > 0)

    def _end_day(self) -> None:
        walks = self.walks
        walks.days_traded = walks.days_traded + walks.traded
        if not self.counts:
            needed = self.question.rules.min_trading_days
            walks.days_traded = np.minimum(walks.days_traded, needed)
        self._close(day_ends=True)
        walks = self.walks
        if self.needs_day:
            walks.opening = walks.equity
        walks.traded = walks.halted = np.zeros(walks.weight.size, dtype=bool)

    def _draw(self) -> None:
        """Go on with a fixed number of walks, drawn evenly by their weights."""
        walks = self.walks
        order = np.argsort(walks.equity)
        sums = np.cumsum(walks.weight[order])
        places = (np.arange(self.paths) + self.random.random()) / self.paths * sums[-1]
        self.origin = order[np.minimum(np.searchsorted(sums, places), order.size - 1)]
        self.walks = walks.take(self.origin)
        self.walks.weight = np.full(self.paths, sums[-1] / self.paths)
        self.drawn = True


def _merge(walks: _Walks) -> _Walks:
    """Each live state once, with the weight of all ways to it."""
    walks = walks.take(walks.weight > 0)
    _, first, which = np.unique(keys_of(walks), return_index=True, return_inverse=True)
    merged = walks.take(first)
    merged.weight = np.bincount(which, walks.weight, first.size).astype(np.float64)
    return merged
