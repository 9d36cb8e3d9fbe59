"""Backward induction over the states of a challenge, a trade at a time. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goals.projection.challenge_grid import States
from goals.projection.challenge_steps import TIE, Allowed, Choices, Number, Trade
from goals.projection.types import Floats

# Values of all states follow from others: those after a trade from those before.
Turn: TypeAlias = Callable[[list[Floats], list[Floats]], list[Floats]]


class Induction:
    """Values of all states, day by day back from the deadline.

    Each channel is an expected value; `ends` are its values of a pass and of a breach,
    and `a_day` what a day adds.
    """

    def __init__(
        self,
        states: States,
        ends: Sequence[tuple[float, float]],
        a_day: Sequence[float] | None = None,
    ) -> None:
        self.states, self.ends = states, ends
        self.a_day = a_day or [0.0] * len(ends)
        self.values = [np.zeros(states.size) for _ in ends]

    def step_back(self, turns: Iterable[Turn]) -> None:
        """One day back; each turn is given the pools and what follows without it."""
        states = self.states
        mornings = [states.mornings(values) for values in self.values]
        following = []
        for morning, ends in zip(mornings, self.ends, strict=True):
            pool = states.pool(np.zeros(states.size), morning, ends)
            following.append(
                np.concatenate([pool.take(to).ravel() for to in states.evenings])
            )
        for turn in turns:
            pools = [
                states.pool(values, morning, ends)
                for values, morning, ends in zip(
                    following, mornings, self.ends, strict=True
                )
            ]
            following = turn(pools, following)
        self.values = [
            values + cost for values, cost in zip(following, self.a_day, strict=True)
        ]

    def today(self) -> list[float]:
        """The values of the channels at the start."""
        return [float(values[self.states.place_now]) for values in self.values]


def choose(
    trade: Trade,
    allowed: Allowed,
    ends: Sequence[tuple[float, float]],
    choices: Choices,
) -> Turn:
    """A trade at the factor that is best by the first channel; fills `choices`."""
    states = trade.states
    part = states.days_needed * states.layers * states.width

    def twice(values: NDArray[Number]) -> NDArray[Number]:
        # The blocks of days without a trade so far may begin with the same trades.
        flat = values.ravel()
        return np.concatenate([flat, flat[:part]]) if part else flat

    row, column = allowed.row, allowed.column

    def turn(pools: list[Floats], following: list[Floats]) -> list[Floats]:
        around = trade.around(pools[0])
        best, chosen = trade.choose(trade.expect(around, ends[0]), allowed.forbidden)
        if row.size:
            at_cap = allowed.given.expect(around, ends[0])
            better = at_cap > best[row, column] + TIE
            lowered = row[better], column[better]
            best[lowered], chosen[lowered] = at_cap[better], allowed.choice[better]
        both = twice(best) > following[0] + TIE
        choices[:] = np.where(both, twice(chosen), 0).reshape(choices.shape)
        traded = [best]
        for pool, end in zip(pools[1:], ends[1:], strict=True):
            around = trade.around(pool)
            traded.append(trade.take(trade.expect(around, end), chosen))
            if row.size:
                traded[-1][lowered] = allowed.given.expect(around, end)[better]
        return [
            np.where(both, twice(new), old)
            for new, old in zip(traded, following, strict=True)
        ]

    return turn
