"""What a solved challenge says to risk at any state. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from goals.projection.challenge_grid import States
from goals.projection.challenge_rules import TOUCH, BadArgument, Question, Seen
from goals.projection.challenge_steps import Choices
from goals.projection.challenge_tree import Tree, branch_of, grow_last
from goals.projection.types import Flags, Floats, Indices


@dataclass(frozen=True, eq=False)
class ChallengePolicy:
    """What to risk at any state of a challenge, and what comes of it from the start.

    `value` is probability - stop_penalty · breach_probability, without a deadline less
    day_cost · expected days. Probabilities are ratios: of passing, of a breach.
    `choices` has shape (days, trades a day, rows, width): 0 is no trade, n the n-th
    factor, lowered to what soft fall and headroom allow at the state; without a
    deadline it has one day, which holds always.
    """

    value: float
    probability: float
    breach_probability: float
    expected_days: float | None
    question: Question
    lay: Callable[[], tuple[States, Choices]]
    tree: Tree | None = None

    @cached_property
    def _laid(self) -> tuple[States, Choices]:
        return self.lay()

    @property
    def states(self) -> States:
        """The grid: where a tree has all states in reach, it is for others alone."""
        return self._laid[0]

    @property
    def choices(self) -> Choices:
        return self._laid[1]

    def factor_at(
        self,
        days_left: Any,
        trades_left: Any,
        equity: Any,
        day_profit: Any = 0.0,
        high_water: Any = 1.0,
        days_traded: Any = 0,
    ) -> Floats:
        """The factors at these states; all arguments broadcast.

        `days_left` and `trades_left` (today) count the present one, from 1; equity,
        profit of the day and high water in units of the start; `days_traded` are those
        before today. 0 is no trade: also where the challenge, or its day, is over, and
        where no trades left reach the goal.

        A state need not be one that trades lead to: today's opening is equity -
        `day_profit` whatever that is, and `days_traded` are as many as given. A high
        water counts as at least 1, and as at least equity where each close raises it,
        or a day's end and this is the day's first trade.
        """
        question = self.question
        given = (days_left, trades_left, equity, day_profit, high_water, days_traded)
        asked = _take_states(given)
        days, trades, at, profit, water, traded = (one.ravel() for one in asked)
        most_days = question.days or np.inf
        for name, one, most in (
            ("days_left", days, most_days),
            ("trades_left", trades, question.trades_per_day),
        ):
            if (one < 1).any() or (one > most).any() or (one % 1 != 0).any():
                raise BadArgument(name, f"must be whole numbers from 1 to {most:g}.")
        if (traded < 0).any():
            raise BadArgument("days_traded", "must be at least 0.")
        # Of steps that may be several trades no more is known than they say.
        is_by_trade = question.trades is None
        if question.rules.moves:
            is_first = is_by_trade & (trades == question.trades_per_day)
            raised = np.maximum(water, at)
            water = np.where(question.rules.trails | is_first, raised, water)
        seen = Seen(question, at, at - profit, np.maximum(water, 1.0), traded)
        # Whether the day has had a trade shows in its profit alone.
        has_traded = (trades < question.trades_per_day) & (np.abs(profit) > TOUCH)
        over = seen.passed | seen.breached | seen.halted
        if is_by_trade and question.days is not None:
            left = (days - 1) * question.trades_per_day + trades
            over |= question.is_lost(at, left)
        known, choice = over.copy(), np.zeros(days.size, dtype=np.intp)
        ways = [self._find_in_tree]
        if is_by_trade and question.days is not None:
            ways.append(self._choose_last)
        if self.tree is None or not self.tree.is_exact:
            ways.reverse()
        for way in ways:
            open_ = np.flatnonzero(~known)
            if open_.size:
                choice[open_], known[open_] = way(
                    seen.take(open_), days[open_], trades[open_], has_traded[open_]
                )
        rest = np.flatnonzero(~known)
        if rest.size:
            # The grid may have fewer rules: those that its trades touch.
            here = replace(seen.take(rest), question=self.states.question)
            day = days[rest].astype(np.intp) - 1 if question.days else rest * 0
            trade = trades[rest].astype(np.intp) - 1
            choice[rest] = self._choose(here, day, trade, has_traded[rest])
        chosen = np.append(0.0, question.factors)[choice]
        factors = np.minimum(chosen, seen.cap)
        is_first = (days == question.days) & (trades == question.trades_per_day)
        factors[is_first] = np.minimum(factors[is_first], question.max_factor_now)
        return np.asarray(factors.reshape(asked[0].shape))

    def _find_in_tree(
        self, seen: Seen, days: Floats, trades: Floats, traded: Flags
    ) -> tuple[Indices, Flags]:
        """The best choices of states of the tree, and which are."""
        if self.tree is None:
            return np.zeros(days.size, np.intp), np.zeros(days.size, dtype=bool)
        return self.tree.find(seen, days, trades, traded)

    def _choose_last(
        self, seen: Seen, days: Floats, trades: Floats, traded: Flags
    ) -> tuple[Indices, Flags]:
        """The best choices of states with few trades left, and which are known."""
        choice = np.zeros(days.size, dtype=np.intp)
        found = np.zeros(days.size, dtype=bool)
        for day, trade in {*zip(days.tolist(), trades.tolist(), strict=True)}:
            at = np.flatnonzero((days == day) & (trades == trade))
            here, has_traded = seen.take(at), traded[at]
            branch = branch_of(here, has_traded)
            last = grow_last(self.question, branch, int(day), int(trade))
            if last is not None:
                choice[at], found[at] = last.find(
                    here, days[at], trades[at], has_traded
                )
        return choice, found

    def _choose(
        self, seen: Seen, day: Indices, trade: Indices, traded: Flags
    ) -> Indices:
        """The choice at the nearest state from which it ends alike, by outcome.

        Where there is none, the nearest choice here that breaches no sooner than there.
        """
        table = self.choices.reshape(*self.choices.shape[:2], -1)
        factors = np.append(0.0, self.states.question.factors)
        choice = np.zeros(day.size, dtype=np.intp)
        open_ = np.arange(day.size)
        for layer_below, node_below in ((False, False), (False, True), (True, True)):
            here = seen.take(open_)
            place, at_node = self.states.near(
                here, traded[open_], layer_below=layer_below, node_below=node_below
            )
            found = table[day[open_], trade[open_], place].astype(np.intp)
            choice[open_] = found
            factor, cap = factors[found], self.states.cap
            at_cap = np.minimum(factor, cap.take(place % cap.size))[:, None]
            its = at_node.ends_of(at_cap)
            at_cap = np.minimum(factor, here.cap)[:, None]
            unlike = (found > 0) & (here.ends_of(at_cap) != its).any(axis=(0, 2))
            open_, found, its = open_[unlike], found[unlike], its[:, unlike]
            if not open_.size:
                return choice
        here = seen.take(open_)
        every = np.minimum(factors, here.cap[:, None])
        off = np.abs(np.arange(factors.size) - found[:, None]) / factors.size
        worse = here.ends_of(every) > its
        choice[open_] = np.argmin(worse[0] * 4 + worse[1:].sum(axis=0) + off, axis=1)
        return choice


STATE = ("days_left", "trades_left", "equity", "day_profit", "high_water")


def _take_states(given: Sequence[Any]) -> Sequence[Floats]:
    """The arguments of `factor_at` as arrays of one shape."""
    taken = []
    for name, one in zip((*STATE, "days_traded"), given, strict=True):
        try:
            taken.append(np.asarray(one, np.float64))
        except (TypeError, ValueError):
            raise BadArgument(name, "must be finite numbers.") from None
        if not np.isfinite(taken[-1]).all():
            raise BadArgument(name, "must be finite numbers.")
    try:
        return np.broadcast_arrays(*taken)
    except ValueError:
        shapes = ", ".join(str(one.shape) for one in taken)
        raise BadArgument(
            "equity", f"must have a shape that broadcasts with the others': {shapes}."
        ) from None
