"""P(reach), and the best factors, under the very barrier that the guards keep. Pure.

By backward induction over all trades left; of many several at a time. A walk ends at
the goal, and at the floor (or at a daily limit that fails).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np

from goals.projection.barrier import Barrier, ask_under
from goals.projection.challenge_grid import States
from goals.projection.challenge_induction import Induction, Turn, choose
from goals.projection.challenge_reach import bounds
from goals.projection.challenge_rules import Question
from goals.projection.challenge_steps import Allowed, Choices, Given, Trade
from goals.projection.grouping import (
    FEW_KINDS,
    MOST_SINGLE,
    SETTLED,
    SHARE,
    Step,
    Stretch,
    coarsen,
    plan_steps,
    sum_of,
    trades_at,
)
from goals.projection.outcomes import Outcomes
from goals.projection.types import Floats, Numbers

# (trades left, equity, high water, profit of the day) → factors; equity in units of
# that at the goal's start, arrays of one shape.
FactorsAt = Callable[..., Floats]
# More days, or trades, than this are walked several at a time; where the floor moves.
MOST_STEPS = (480, 240)
# Places that a policy's factors are rounded to; where few of them are used.
ROUGH_PLACES, FINE_PLACES = 3, 9
# Nodes of equity and how many layers lie apart: for a floor that stands, one that
# moves, and the two with a day's limit.
NODES = (400, 200, 160, 90)
STRIDE = (4, 8, 8, 7)
# How much finer they are where outcomes are of few kinds.
SHARPER = (2.0, 4.0, 4.0, 2.0)
# Of more trades than this steps are longer, and nodes farther apart.
LONG, FEWEST = 480, 0.45


@dataclass(frozen=True, eq=False)
class Plan:
    """The steps of all trades left, by days, the one before the deadline first.

    Where steps are not grouped, a policy is asked again after `share` of the trades.
    """

    question: Question
    stretches: Sequence[Stretch]
    share: float = 0.0

    @cached_property
    def trades(self) -> Floats:
        """How many trades are left before each stretch, from one stretch on."""
        return trades_at(self.stretches)[1:]

    @cached_property
    def asked(self) -> Floats:
        """The trades left that a policy is asked with: again after `share` of them."""
        asked, end = self.trades.copy(), len(self.trades)
        while end:
            above = (1 - self.share) * self.trades[end - 1]
            first = int(np.searchsorted(self.trades, above, side="right"))
            first = min(first, end - 1)
            asked[first:end] = self.trades[first:end].mean()
            end = first
        return asked

    def walk_back(
        self,
        induction: Induction,
        ask: Callable[[int, Step], Turn],
        keep: Callable[[list[Floats]], None],
    ) -> None:
        """All steps back; `ask` gives the turn of a stretch, `keep` takes its end.

        Of equal steps no more are taken than change anything.
        """
        turns: list[Turn] = []

        def take(number: int, times: int) -> None:
            turn: list[Turn] = []

            def one(last: bool) -> Turn:
                def do(pools: list[Floats], following: list[Floats]) -> list[Floats]:
                    if not turn:
                        turn.append(ask(number, self.stretches[number].step))
                    values = following
                    if turn[0] is not _rest:
                        values = turn[0](pools, following)
                        change = np.abs(values[0] - following[0]).max()
                        if times > 1 and change < SETTLED:
                            turn[0] = _rest
                    if last:
                        keep(values)
                    return values

                return do

            turns.extend(one(time == times - 1) for time in range(times))

        for number, stretch in enumerate(self.stretches):
            take(number, stretch.times)
        day = self.question.trades_per_day
        for begin in range(0, len(turns), day):
            induction.step_back(turns[begin : begin + day])


def _rest(pools: list[Floats], following: list[Floats]) -> list[Floats]:
    return following


@dataclass(frozen=True, eq=False)
class Followed:
    """What comes of a policy: P(goal) by stretch and state, and P(breach) by state.

    `probabilities` has shape (stretches + 1, layers · width), from no trade left up;
    `breaches` (layers · width,) is with all trades left, None where it was not asked.
    """

    probabilities: Floats
    breaches: Floats | None


def follow_under(
    barrier: Barrier,
    plan: Plan,
    states: States,
    choose_factors: FactorsAt,
    *,
    breaches: bool,
    places: int = ROUGH_PLACES,
) -> Followed:
    """The chances of a policy under a barrier, by backward induction.

    The policy is asked once a stretch, at all states; its equities are in units of that
    at the goal's start. What the guards forbid is lowered to what they allow, and
    factors are rounded to so many `places`.
    """
    seen, question = states.seen, plan.question
    cap = np.minimum(states.cap, question.factors[-1])
    # Without a day's limit nobody counts the day's profit.
    profit = (seen.equity - seen.opening) * (question.rules.daily_loss is not None)
    of_state = seen.equity, seen.high_water, profit
    asked = [one.ravel() / barrier.scale for one in of_state]
    ends = [(1.0, 0.0), (0.0, 1.0)][: 1 + breaches]
    rooms: dict[Step, Trade] = {}
    given: list[Any] = [None, None, None]

    def ask(number: int, step: Step) -> Turn:
        left = round(plan.asked[number])
        factors = choose_factors(left, *asked).reshape(cap.shape)
        factors = np.minimum(factors, cap)
        if step not in rooms:
            rooms[step] = Trade(states, question.factors[-1:], step)
        if given[0] is not step or not np.array_equal(given[1], factors):
            given[:] = step, factors, Given(rooms[step], step, factors, places)
        reads, around = given[2], rooms[step].around

        def turn(pools: list[Floats], following: list[Floats]) -> list[Floats]:
            return [
                reads.expect(around(pool), end)
                for pool, end in zip(pools, ends, strict=True)
            ]

        return turn

    found = [np.zeros(states.size)]
    induction = Induction(states, ends)
    plan.walk_back(induction, ask, lambda values: found.append(values[0]))
    chances = np.clip(np.array(found), 0.0, 1.0)
    return Followed(chances, induction.values[1] if breaches else None)


def solve_under(
    plan: Plan, states: States, stop_penalty: float
) -> tuple[Choices, list[Floats]]:
    """The factors that maximise P(goal) - stop_penalty · P(breach), and their P(goal).

    By step, shape (steps, layers, width), and state; a choice is n for the n-th factor,
    lowered to what guards allow, and 0 where they allow nothing.
    """
    ends = [(1.0, -stop_penalty), (0.0, 1.0)]
    trades: dict[Step, tuple[Trade, Allowed]] = {}
    shape = len(plan.stretches), states.layers, states.width
    choices = np.zeros(shape, dtype=np.int8)
    chances: list[Floats] = []

    def ask(number: int, step: Step) -> Turn:
        if step not in trades:
            trade = Trade(states, plan.question.factors, step)
            trades[step] = trade, Allowed(trade, step)
        trade, row = trades[step][0], choices[number]
        best = choose(*trades[step], ends, row)
        first = [True]
        again: list[Given] = []

        def turn(pools: list[Floats], following: list[Floats]) -> list[Floats]:
            if first:
                # Not trading is no choice here, but where no factor is allowed.
                first.clear()
                rest = [np.full_like(following[0], -np.inf), following[1]]
                values = best(pools, rest)
            else:
                if not again:
                    factors = plan.question.factors[np.maximum(row, 1) - 1]
                    factors = np.minimum(factors, states.cap)
                    again.append(Given(trade, step, factors, FINE_PLACES))
                values = [
                    again[0].expect(trade.around(pool), end)
                    for pool, end in zip(pools, ends, strict=True)
                ]
            return [
                np.where(row.ravel() == 0, old, new)
                for old, new in zip(following, values, strict=True)
            ]

        return turn

    def keep(values: list[Floats]) -> None:
        chances.append(np.clip(values[0] + stop_penalty * values[1], 0.0, 1.0))

    plan.walk_back(Induction(states, ends), ask, keep)
    return choices, chances


def plan_under(
    barrier: Barrier,
    outcomes: Outcomes,
    factors: Numbers,
    *,
    trades_left: int,
    goal_return: float,
    equity: float,
    share: float | None = SHARE,
) -> Plan:
    trades_left = max(trades_left, 1)
    barrier = barrier.within_reach(
        outcomes, float(factors[-1]), trades_left, goal_return, equity
    )
    has_days = barrier.has_days
    a_step = 1
    if has_days:
        most = MOST_STEPS[barrier.drawdown_mode != "static"]
        most = int(most * min(SHARE / (share or SHARE), 1.0))
        a_step = ceil(trades_left / most)
    # Steps that are days, or more, have no limit of a day.
    stepped = barrier.each(a_step)
    day = stepped.day[0]
    question = ask_under(
        stepped,
        outcomes,
        factors,
        trades_left=trades_left,
        goal_return=goal_return,
        equity=equity,
    )
    if share is None:
        plan = [Stretch(Step(1, outcomes))] * trades_left
        return _with_days(question, plan, trades_left)
    if not has_days:
        bottom, top = bounds(question)
        here = float(np.log(question.equity))
        nearest, largest = min(top - here, here - bottom), float(question.factors[-1])
        plan = plan_steps(outcomes, trades_left, nearest, top - bottom, largest, share)
        return _with_days(question, plan, sum(one.times for one in plan))
    step = Step(1, outcomes)
    if a_step > 1:
        summed = sum_of(outcomes, a_step)
        drawn = 0.5826 * outcomes.typical_step(1.0) * (a_step**0.5 - 1)
        step = Step(a_step, summed, drawn)
    steps = [Stretch(step)] * ceil(trades_left / a_step)
    return replace(_with_days(question, steps, day), share=share)


def _with_days(question: Question, plan: Sequence[Stretch], day: int) -> Plan:
    steps = sum(one.times for one in plan)
    days = ceil(steps / day)
    question = replace(question, days=days, trades_per_day=day, trades_now=None)
    return Plan(question, plan)


def sharpen(question: Question) -> float:
    """How much finer a grid is to be where outcomes are of few kinds.

    A choice of the nearest state then ends beside the level that it is to hit. With
    more trades this counts for less.
    """
    if coarsen(question.outcomes) is None:
        return 1.0
    finer = float(SHARPER[_kind_of(question)])
    if question.outcomes.values.size > FEW_KINDS:
        finer = float(finer**0.5)
    fewer: float = min((MOST_SINGLE / (question.trades or 1)) ** 0.5, 1.0)
    return max(finer * fewer, 1.0)


def _kind_of(question: Question) -> int:
    rules = question.rules
    return 2 * (rules.daily_loss is not None) + rules.moves


def lay(question: Question, fineness: float = 1.0) -> States:
    """A grid for the question; `fineness` scales its nodes."""
    kind = _kind_of(question)
    bottom, top = bounds(question)
    goal, here = float(np.log(question.goal)), float(np.log(question.equity))
    fineness *= max(min((LONG / (question.trades or 1)) ** 0.5, 1.0), FEWEST)
    # Nothing moves where every trade broke even.
    step = max((top - bottom) / (NODES[kind] * fineness), 1e-9)
    if goal - here >= step:
        step = (goal - here) / ceil((goal - here) / step)
    return States(question, step, STRIDE[kind], STRIDE[kind])
