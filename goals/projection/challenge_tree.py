"""A challenge of few states, all of them: each that is in reach, by itself. Pure.

Nothing is rounded, so that a level which a trade hits by a hair, and a factor lowered
to a cap, count as what they are. States that come to the same are one; of a few too
many, those closer than a small part of a step are one as well, and one stands for all.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goals.projection.challenge_rules import TOUCH, Question, Seen
from goals.projection.challenge_steps import TIE
from goals.projection.types import Flags, Floats, Indices

# States that trades lead to, over all of them, with every factor and outcome; and the
# same where states that are close are one, with one state next to equity, and two.
MOST_STATES = 2_500_000
MOST_MERGED = (1_000_000, 5_000_000)
# With no more trades left states are solved by themselves where a grid is asked, if
# there are no more of them than this.
LAST_TRADES, MOST_LAST = 4, 1_000_000
# Is a state's share of these too large so many times over, more are not looked at.
HOPELESS = 4
# States closer than this are one; where they are too many, so many times farther each
# time, up to this share of a step at the smallest factor.
SAME = 1e-11
FIRST_CLOSE, COARSER, CLOSE = 1e-6, 3.0, 1 / 40
# Where a trade leads that ends the challenge, or after which nothing reaches the goal;
# the states that follow it come after.
PASS, BREACH, NOTHING, ENDS = 0, 1, 2, 3
STAYING = [PASS, BREACH, NOTHING]

LEVELS = ("equity", "high_water", "opening")
BESIDE = sorted(product((0, -1, 1), repeat=3), key=lambda away: sum(map(abs, away)))
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


def branch_of(seen: Seen, traded: Flags) -> Branch:
    """These states, whose day is not over."""
    return Branch(
        seen.equity,
        seen.high_water,
        seen.opening,
        seen.days_traded,
        traded,
        np.zeros(traded.shape, dtype=bool),
    )


def keys_of(
    states: Branch,
    same: float = SAME,
    beside: tuple[int, ...] = (0, 0, 0),
    ends: Indices | int = 0,
) -> Keys:
    """A number for each state; those that are the `same`, with like `ends`, have one.

    That of states so many times `same` `beside` them, in equity, high water, opening.
    """
    key = np.zeros(states.equity.size, dtype=np.uint64)
    for name, away in zip(LEVELS, beside, strict=True):
        level = np.rint(getattr(states, name) / same).astype(np.int64) + away
        key = (key ^ level.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    flags = states.days_traded * 4 + states.traded * 2 + states.halted + ends * 2.0**12
    return (key ^ flags.astype(np.uint64)) * np.uint64(0xBF58476D1CE4E5B9)


def _ends_of(seen: Seen, same: float) -> Indices | int:
    """A number for how a trade at the largest factor ends, where states are merged.

    States on two sides of a level that one trade hits by a hair are not alike.
    """
    if same <= SAME:
        return 0
    question = seen.question
    largest = np.minimum(question.factors[-1], seen.cap)[:, None]
    breaches, halts, short = seen.ends_of(largest)[:, :, 0]
    kinds = question.outcomes.values.size + 1
    return np.asarray((breaches * kinds + halts) * kinds + short)


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """The best choices of all states in reach at one time.

    By ascending keys: 0 no trade, n the n-th factor lowered to what is allowed. `at`
    are the states where some stand for others that are closer than `same`.
    """

    keys: Keys
    choice: Indices
    same: float
    at: Seen | None

    def find(self, asked: Branch, seen: Seen, factors: Floats) -> tuple[Indices, Flags]:
        """The choices of these states, and which of them are known.

        Of states near to one that is known, if it ends alike by each outcome.
        """
        choice = np.zeros(asked.equity.size, dtype=np.intp)
        found = np.zeros(choice.size, dtype=bool)
        if not self.keys.size:
            return choice, found
        rules = seen.question.rules
        counts = 1, int(rules.moves), int(rules.daily_loss is not None)
        ends = np.broadcast_to(_ends_of(seen, self.same), choice.shape)
        for beside in BESIDE if self.at is not None else BESIDE[:1]:
            if any(np.greater(np.abs(beside), counts)):
                continue
            left = np.flatnonzero(~found)
            if not left.size:
                break
            keys = keys_of(asked.take(left), self.same, beside, ends[left])
            place = np.searchsorted(self.keys, keys)
            place = np.minimum(place, self.keys.size - 1)
            is_known = self.keys[place] == keys
            left, place = left[is_known], place[is_known]
            if self.at is not None:
                near, here = self.at.take(place), seen.take(left)
                factor = factors[self.choice[place]]
                its = near.ends_of(np.minimum(factor, near.cap)[:, None])
                own = here.ends_of(np.minimum(factor, here.cap)[:, None])
                alike = (factor == 0) | (own == its).all(axis=(0, 2))
                left, place = left[alike], place[alike]
            found[left], choice[left] = True, self.choice[place]
        return choice, found


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """The best choices of all states in reach, and what comes of them.

    `turns` by (days left, trades left).
    """

    question: Question
    value: float
    breach_probability: float
    turns: dict[tuple[int, int], _Turn]

    @property
    def is_exact(self) -> bool:
        """Whether no state stands for others."""
        return all(turn.at is None for turn in self.turns.values())

    def find(
        self, seen: Seen, days: Floats, trades: Floats, traded: Flags
    ) -> tuple[Indices, Flags]:
        """The choices of these states, and which of them the tree has."""
        states = _plain(branch_of(seen, traded), self.question)
        factors = np.append(0.0, self.question.factors)
        choice = np.zeros(traded.size, dtype=np.intp)
        found = np.zeros(traded.size, dtype=bool)
        for at, turn in self.turns.items():
            asked = np.flatnonzero((days == at[0]) & (trades == at[1]))
            if asked.size:
                choice[asked], found[asked] = turn.find(
                    states.take(asked), seen.take(asked), factors
                )
        return choice, found


@dataclass(slots=True, eq=False)
class _Step:
    """Where a trade at each factor leads, (states, factors, outcomes), and none.

    `useless` are factors that the state has not, or no other than the one before.
    """

    to: Indices
    useless: Flags
    stay: Indices

    def lead_on(self, after: Indices) -> None:
        """It leads to where these lead from there."""
        self.to, self.stay = after[self.to], after[self.stay]

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
    if question.days is None:
        return None
    one, no = np.ones(1), np.zeros(1, dtype=bool)
    start = Branch(
        question.equity * one,
        question.high_water * one,
        question.opening * one,
        np.zeros(1),
        no,
        no,
    )
    rules, now = question.rules, (question.days, question.trades_per_day)
    extra = rules.moves + (rules.daily_loss is not None) + (rules.min_trading_days > 0)
    exact = _grow(question, start, now, MOST_STATES)
    if exact is not None or not extra:  # along equity alone a grid is nearer
        return exact
    farthest = question.outcomes.typical_step(float(question.factors[0])) * CLOSE
    return _grow(question, start, now, MOST_MERGED[min(extra, 2) - 1], farthest)


def grow_last(question: Question, states: Branch, day: int, trade: int) -> Tree | None:
    """The same from some states with few days and trades left, these included.

    There sums of steps still hit a level by a hair, which a grid blurs.
    """
    if (day - 1) * question.trades_per_day + trade > LAST_TRADES:
        return None
    _, states = _merge(question, _plain(states, question), SAME)
    return _grow(question, states, (day, trade), MOST_LAST)


def _grow(
    question: Question,
    states: Branch,
    now: tuple[int, int],
    left: int,
    farthest: float = 0.0,
) -> Tree | None:
    """From these states, of so many; those up to `farthest` apart may be one."""
    states, same = _plain(states, question), SAME
    each = question.factors.size * question.outcomes.values.size
    is_first = now == (question.days, question.trades_per_day)
    most, steps = question.max_factor_now if is_first else np.inf, []
    times = [
        (day, trade)
        for day in range(now[0], 0, -1)
        for trade in range(question.trades_per_day, 0, -1)
        if (day, trade) <= now
    ]
    for trades, time in zip(range(len(times), 0, -1), times, strict=True):
        reached = states.equity.size * each
        left -= reached
        if left < 0 or (not farthest and reached * (trades - 1) > HOPELESS * left):
            return None
        step, after = _trade(question, states, most, trades - 1, same)
        steps.append((time, states, step, same))
        states, most = after, np.inf
        if time[1] == 1:
            evening, states = _end_day(question, states, same)
            step.lead_on(evening)
        while farthest and states.equity.size * each * (trades - 1) > left:
            same = max(same * COARSER, FIRST_CLOSE)
            if same > farthest:
                return None
            which, states = _merge(question, states, same)
            step.lead_on(np.append(STAYING, ENDS + which))
    values, breaches = np.zeros((2, ENDS + states.equity.size))
    values[PASS], values[BREACH], breaches[BREACH] = 1.0, -question.stop_penalty, 1.0
    turns = {}
    for time, at, step, same in reversed(steps):
        choice, values, breaches = step.choose(
            question.outcomes.probabilities, values, breaches
        )
        keys = keys_of(at, same, ends=_ends_of(at.seen(question), same))
        order = np.argsort(keys)
        seen = at.take(order).seen(question) if same > SAME else None
        turns[time] = _Turn(keys[order], choice[order], same, seen)
    return Tree(question, float(values[ENDS]), float(breaches[ENDS]), turns)


def _trade(
    question: Question, at: Branch, most: float, trades: int, same: float
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
    before, water, opening, traded = (
        level[:, None, None]
        for level in (at.equity, at.high_water, at.opening, at.days_traded)
    )
    of = 1.0 if question.of_start else before
    moved = outcomes.base_risk * factors[:, :, None] * outcomes.values
    equity = before + moved * of
    water = rules.raise_high_water(water, equity, False)
    seen = Seen(question, equity, opening, water, traded)
    passed, breached = seen.passed, seen.breached
    to = np.where(passed, PASS, np.where(breached, BREACH, NOTHING))
    ended = passed | breached | question.is_lost(equity, trades)
    ended |= useless[:, :, None]
    on = np.flatnonzero(~ended)
    after = at.take(on // (question.factors.size * outcomes.values.size))
    after.equity = equity.ravel()[on]
    after.high_water = rules.raise_high_water(after.high_water, after.equity, False)
    after.traded = np.ones(on.size, dtype=bool)
    after.halted = after.seen(question).halted
    stay = np.full(at.equity.size, NOTHING)
    stays = np.flatnonzero(~question.is_lost(at.equity, trades))
    both = _join(_plain(after, question), at.take(stays))
    which, merged = _merge(question, both, same)
    to.ravel()[on], stay[stays] = ENDS + which[: on.size], ENDS + which[on.size :]
    return _Step(to, useless, stay), merged


def _end_day(question: Question, at: Branch, same: float) -> tuple[Indices, Branch]:
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
    which, merged = _merge(question, _plain(after.take(on), question), same)
    to[on] = ENDS + which
    return np.append(STAYING, to), merged


def _join(one: Branch, other: Branch) -> Branch:
    return Branch(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in one.__slots__
        )
    )


def _merge(question: Question, states: Branch, same: float) -> tuple[Indices, Branch]:
    """Which of the merged states each one is, and these."""
    keys = keys_of(states, same, ends=_ends_of(states.seen(question), same))
    order = np.argsort(keys)
    is_new = np.diff(keys[order], prepend=~keys[order[:1]]) != 0
    which = np.empty(keys.size, dtype=np.intp)
    which[order] = np.cumsum(is_new) - 1
    return which, states.take(order[is_new])
