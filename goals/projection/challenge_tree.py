"""A challenge of few states, all of them: each that is in reach, by itself. Pure.

Nothing is rounded, so that a level which a trade hits by a hair, and a factor lowered
to a cap, count as what they are. States that come to the same are one.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goals.projection.challenge_rules import TOUCH, Question, Seen
from goals.projection.challenge_steps import TIE
from goals.projection.types import Flags, Floats, Indices

# States that trades lead to, over all of them, with every factor and outcome.
MOST_STATES = 1_000_000
# Is a state's share of these too large so many times over, more are not looked at.
HOPELESS = 4
# States closer than this are one.
SAME = 1e-11
# Where a trade leads that ends the challenge, or after which nothing reaches the goal;
# the states that follow it come after.
PASS, BREACH, NOTHING, ENDS = 0, 1, 2, 3

Keys: TypeAlias = NDArray[np.uint64]


@dataclass(slots=True)
class Branch:
    """States at one time, in arrays of equal shape; `halted`: its day is over."""

    equity: Floats
    high_water: Floats
    opening: Floats
    days_traded: Floats
    traded: Flags
    halted: Flags

    def seen(self, question: Question) -> Seen:
        return Seen(
            question, self.equity, self.opening, self.high_water, self.days_traded
        )

    def take(self, which: Indices | Flags) -> "Branch":
        return Branch(*(getattr(self, name)[which] for name in self.__slots__))


def keys_of(states: Branch) -> Keys:
    """A number for each state; equal states have the same."""
    key = np.zeros(states.equity.size, dtype=np.uint64)
    for name in ("equity", "high_water", "opening"):
        level = np.rint(getattr(states, name) / SAME).astype(np.int64).astype(np.uint64)
        key = (key ^ level) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    flags = states.days_traded * 4 + states.traded * 2 + states.halted
    return (key ^ flags.astype(np.uint64)) * np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """The best choices of all states in reach, and what comes of them.

    `chosen` by (days left, trades left): ascending keys and their choices, 0 no trade,
    n the n-th factor lowered to what is allowed.
    """

    question: Question
    value: float
    breach_probability: float
    chosen: dict[tuple[int, int], tuple[Keys, Indices]]

    def find(
        self, seen: Seen, days: Floats, trades: Floats, traded: Flags
    ) -> tuple[Indices, Flags]:
        """The choices of these states, and which of them the tree has."""
        states = _plain(
            Branch(
                seen.equity,
                seen.high_water,
                seen.opening,
                seen.days_traded,
                traded,
                np.zeros(traded.shape, dtype=bool),
            ),
            self.question,
        )
        keys = keys_of(states)
        choice = np.zeros(keys.size, dtype=np.intp)
        found = np.zeros(keys.size, dtype=bool)
        for at, (known, chosen) in self.chosen.items():
            asked = np.flatnonzero((days == at[0]) & (trades == at[1]))
            if asked.size and known.size:
                place = np.searchsorted(known, keys[asked])
                place = np.minimum(place, known.size - 1)
                found[asked] = known[place] == keys[asked]
                choice[asked] = chosen[place]
        return choice, found


@dataclass(slots=True, eq=False)
class _Step:
    """Where a trade at each factor leads, (states, factors, outcomes), and none.

    `useless` are factors that the state has not, or no other than the one before.
    """

    to: Indices
    useless: Flags
    stay: Indices

    def end_day(self, evening: Indices) -> None:
        """It leads to where the day's end does from there."""
        self.to, self.stay = evening[self.to], evening[self.stay]

    def choose(
        self, chances: Floats, values: Floats, breaches: Floats
    ) -> tuple[Indices, Floats, Floats]:
        """The best choices, and the values and chances of a breach before them."""
        expected = values[self.to] @ chances
        expected[self.useless] = -np.inf
        every = np.column_stack([values[self.stay], expected])
        best = every.max(axis=1, keepdims=True)
        choice = np.argmax(every >= best - TIE, axis=1)
        rows = np.arange(choice.size)
        breach = np.column_stack([breaches[self.stay], breaches[self.to] @ chances])
        return (
            choice,
            np.concatenate([values[:ENDS], every[rows, choice]]),
            np.concatenate([breaches[:ENDS], breach[rows, choice]]),
        )


def _plain(states: Branch, question: Question) -> Branch:
    """The same without what counts for nothing."""
    rules = question.rules
    same = np.ones(states.equity.shape)
    needed = float(rules.min_trading_days)
    days = np.minimum(states.days_traded, needed)
    return replace(
        states,
        high_water=states.high_water if rules.moves else same,
        opening=states.opening if rules.daily_loss is not None else same,
        days_traded=days,
        traded=states.traded & (days < needed),
    )


def grow(question: Question) -> Tree | None:
    """Solve a challenge over each state in reach; None where these are too many."""
    days = question.days
    if days is None:
        return None
    one, no = np.ones(1), np.zeros(1, dtype=bool)
    states = Branch(
        question.equity * one,
        question.high_water * one,
        question.opening * one,
        np.zeros(1),
        no,
        no,
    )
    states = _plain(states, question)
    each, left = question.factors.size * question.outcomes.values.size, MOST_STATES
    most, steps = question.max_factor_now, []
    times = [
        (day, trade)
        for day in range(days, 0, -1)
        for trade in range(question.trades_per_day, 0, -1)
    ]
    for trades, time in zip(range(len(times), 0, -1), times, strict=True):
        reached = states.equity.size * each
        left -= reached
        if left < 0 or reached * (trades - 1) > HOPELESS * left:
            return None
        step, after = _trade(question, states, most, trades - 1)
        steps.append((time, states, step))
        states, most = after, np.inf
        if time[1] == 1:
            evening, states = _end_day(question, states)
            step.end_day(evening)
    values, breaches = np.zeros((2, ENDS + states.equity.size))
    values[PASS], values[BREACH], breaches[BREACH] = 1.0, -question.stop_penalty, 1.0
    chosen = {}
    for time, at, step in reversed(steps):
        choice, values, breaches = step.choose(
            question.outcomes.probabilities, values, breaches
        )
        keys = keys_of(at)
        order = np.argsort(keys)
        chosen[time] = keys[order], choice[order]
    return Tree(question, float(values[ENDS]), float(breaches[ENDS]), chosen)


def _trade(
    question: Question, at: Branch, most: float, trades: int
) -> tuple[_Step, Branch]:
    """A trade at each factor from these states, and all that follows.

    So many `trades` are left after it.
    """
    outcomes, rules = question.outcomes, question.rules
    cap = np.minimum(at.seen(question).cap, most)
    factors = np.minimum(question.factors, cap[:, None])
    # A factor lowered to the same as the one before it is no other choice.
    useless = np.diff(factors, axis=1, prepend=0.0) <= SAME
    useless |= at.halted[:, None]
    of = 1.0 if question.of_start else at.equity[:, None, None]
    moved = outcomes.base_risk * factors[:, :, None] * outcomes.values
    equity = at.equity[:, None, None] + moved * of
    each = equity.shape[1] * equity.shape[2]
    source = np.repeat(np.arange(at.equity.size), each)
    after = replace(at.take(source), equity=equity.ravel())
    after.traded = np.ones(source.size, dtype=bool)
    after.high_water = rules.raise_high_water(after.high_water, after.equity, False)
    seen = after.seen(question)
    passed, breached = seen.passed, seen.breached
    after.halted = seen.halted & ~breached
    to = np.where(passed, PASS, np.where(breached, BREACH, NOTHING))
    ended = passed | breached | question.is_lost(after.equity, trades)
    ended |= useless.ravel().repeat(outcomes.values.size)
    on = np.flatnonzero(~ended)
    stay = np.full(at.equity.size, NOTHING)
    stays = np.flatnonzero(~question.is_lost(at.equity, trades))
    which, merged = _merge(_join(_plain(after.take(on), question), at.take(stays)))
    to[on], stay[stays] = ENDS + which[: on.size], ENDS + which[on.size :]
    return _Step(to.reshape(equity.shape), useless, stay), merged


def _end_day(question: Question, at: Branch) -> tuple[Indices, Branch]:
    """Where each state is in the morning, with the ends before them, and all those."""
    water = question.rules.raise_high_water(at.high_water, at.equity, True)
    days = at.days_traded + at.traded
    no = np.zeros(at.traded.shape, dtype=bool)
    after = Branch(at.equity, water, at.equity, days, no, no)
    seen = after.seen(question)
    # No day's loss at its begin.
    passed = seen.passed
    breached = (after.equity <= seen.floor + TOUCH) & ~passed
    to = np.where(passed, PASS, BREACH)
    on = np.flatnonzero(~(passed | breached))
    which, merged = _merge(_plain(after.take(on), question))
    to[on] = ENDS + which
    return np.append([PASS, BREACH, NOTHING], to), merged


def _join(one: Branch, other: Branch) -> Branch:
    return Branch(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in one.__slots__
        )
    )


def _merge(states: Branch) -> tuple[Indices, Branch]:
    """Which of the merged states each one is, and these."""
    keys = keys_of(states)
    order = np.argsort(keys)
    is_new = np.diff(keys[order], prepend=~keys[order[:1]]) != 0
    which = np.empty(keys.size, dtype=np.intp)
    which[order] = np.cumsum(is_new) - 1
    return which, states.take(order[is_new])
