"""The choice at any state by what each leads to, a trade ahead. Pure.

Where outcomes are of few kinds the best choice often ends on a level by a hair, and
that of the nearest state of a grid ends beside it. So each choice is taken from where
the state is: what ends is told exactly, and what goes on is read from the values.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goals.projection.challenge_grid import WHOLE, States, around_line
from goals.projection.challenge_rules import TOUCH, Seen
from goals.projection.outcomes import Outcomes
from goals.projection.types import Flags, Floats, Indices

# What is read between states is no surer: a choice of a near state stays unless another
# is better by more. States that are looked at together.
SURE, TOGETHER = 1e-3, 4_096

# By state of the grid.
Values: TypeAlias = NDArray[np.float32]
# The values of states, and whether each day has had a trade.
ValueOf: TypeAlias = Callable[[Seen, Flags], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """A trade of these outcomes from any state; `breach` is what one is worth.

    Not trading is a choice where it `may_rest`, and where nothing else is.
    """

    states: States
    outcomes: Outcomes
    breach: float
    may_rest: bool = True

    def choose(
        self,
        seen: Seen,
        traded: Flags,
        choice: Indices,
        within: ValueOf,
        evening: ValueOf,
    ) -> Indices:
        """The best choice of each state, where it is surely better than this `choice`.

        0 is none, n the n-th factor up to its cap.

        `within` gives the values after a trade (of the day's last one those of the
        evening), `evening` those of a day that is over.
        """
        found = np.empty_like(choice)
        for begin in range(0, traded.size, TOGETHER):
            part = np.arange(begin, min(begin + TOGETHER, traded.size))
            here = seen.take(part), traded[part], choice[part]
            found[part] = self._choose(*here, within, evening)
        return found

    def _choose(
        self,
        seen: Seen,
        traded: Flags,
        choice: Indices,
        within: ValueOf,
        evening: ValueOf,
    ) -> Indices:
        question, drawn = seen.question, self.outcomes
        cap = seen.cap
        factors = np.minimum(question.factors, cap[:, None])
        of = 1.0 if question.of_start else seen.equity[:, None, None]
        moved = drawn.base_risk * factors[:, :, None] * drawn.values
        equity = (seen.equity[:, None, None] + moved * of).ravel()
        after = seen.take(
            np.repeat(np.arange(cap.size), factors.shape[1] * drawn.values.size)
        )
        water = question.rules.raise_high_water(after.high_water, equity, False)
        after = replace(after, equity=equity, high_water=water)
        passed, breached = after.passed, after.breached
        worth = np.where(passed, 1.0, self.breach)
        halted = after.halted & ~breached & ~passed
        goes_on = np.flatnonzero(~(passed | breached | halted))
        yes = np.ones(equity.size, dtype=bool)
        worth[goes_on] = within(after.take(goes_on), yes[goes_on])
        over = np.flatnonzero(halted)
        worth[over] = evening(after.take(over), yes[over])
        expected = worth.reshape(*factors.shape, -1) @ drawn.probabilities
        rests = within(seen, traded) if self.may_rest else np.full(cap.size, -np.inf)
        every = np.column_stack([rests, expected])
        best, rows = np.argmax(every, axis=1), np.arange(choice.size)
        better = every[rows, best] > every[rows, choice] + SURE
        return np.where(better & (cap > TOUCH), best, choice)


def read_values(
    states: States, values: Values, seen: Seen, traded: Flags, breach: float
) -> Floats:
    """Values of states between those of a grid: by lines, up to a layer's floor."""
    rules, needed = states.question.rules, states.days_needed
    place = (states.to_x(seen.equity) - states.lowest) / states.step
    below = np.floor(place + WHOLE).astype(np.intp)
    share = np.clip(place - below, 0.0, 1.0)
    days = np.minimum(seen.days_traded.astype(np.intp), needed)
    block = np.where((days < needed) & ~traded, needed + 1 + days, days)
    one = [(np.zeros_like(below), np.ones(below.shape))]
    highs = openings = one
    if rules.moves:
        water = seen.high_water
        if states.locked:
            at_lock = water >= rules.locked_from - TOUCH
            water = np.where(at_lock, states.high[-1], water)
        highs = around_line(states.high, water)
    if rules.daily_loss is not None:
        openings = around_line(states.openings, seen.opening)
    total, weights = np.zeros(place.shape), np.zeros(place.shape)
    stops = states.stop.reshape(states.first.shape)
    for high, of_high in highs:
        for opening, of_opening in openings:
            weight = of_high * of_opening
            if not weight.any():
                continue
            first = states.first[high, opening]
            last = first + states.width - 1
            # Above its row a layer has no such state.
            weight = weight * (below <= last) + TOUCH * (weight > 0)
            ends = seen.equity <= stops[high, opening] + TOUCH
            low = states.place(block, high, opening, np.clip(below, first, last))
            up = states.place(block, high, opening, np.clip(below + 1, first, last))
            found = values.take(low)
            found = found + share * (values.take(up) - found)
            total += weight * np.where(ends, breach, found)
            weights += weight
    return np.asarray(total / weights)


def read_evening(
    states: States, mornings: Values | None, seen: Seen, traded: Flags, breach: float
) -> Floats:
    """Values at a day's end, from those of the next morning; None: there is none."""
    rules = states.question.rules
    water = rules.raise_high_water(seen.high_water, seen.equity, True)
    after = replace(
        seen,
        high_water=water,
        opening=seen.equity,
        days_traded=seen.days_traded + traded,
    )
    found = np.zeros(seen.equity.shape)
    if mornings is not None:
        no = np.zeros(traded.shape, dtype=bool)
        found = read_values(states, mornings, after, no, breach)
    return np.where(after.passed, 1.0, found)
