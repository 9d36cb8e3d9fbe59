"""Walks over given growths, trade by trade: when each touched goal or stop. Pure.

Slower than `simulation`, which draws for itself: here the growths come in their order,
each walk ends after its own number of trades, and what is asked is when, too.
"""

from dataclasses import dataclass

import numpy as np

from goals.projection.barrier import Barrier
from goals.projection.challenge_walk import EvenDraws
from goals.projection.evaluate import PolicyFunction, Stop, as_barrier
from goals.projection.outcomes import Outcomes
from goals.projection.types import Flags, Floats, Indices

TOUCH = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Walks:
    """What came of each walk; all of shape (walks,).

    `steps` are those it took, to the goal, to the stop or to its end; `falls` its
    deepest fall below its own peak until then, a ratio.
    """

    reached: Flags
    stopped: Flags
    steps: Indices
    falls: Floats


def walk(
    choose: PolicyFunction,
    growths: Floats | Outcomes,
    ends: Indices,
    goal_return: float,
    stop_loss: Stop,
    equity: float,
    seed: int = 0,
) -> Walks:
    """Walk along `growths` at factor 1, of shape (steps, walks).

    Of `Outcomes` they are drawn evenly, by `seed`. A walk has `ends` steps, shape
    (walks,). `choose` gives the factors by the number of the step, from 0, and the
    equities; under a `Barrier`, whose day has as many steps as trades, by high waters
    and profits of the day, too. Other units as in `evaluate_policy`.
    """
    size = ends.size
    even = None
    if isinstance(growths, Outcomes):
        even = EvenDraws(growths, np.random.default_rng(seed))
    drawn = growths.values if isinstance(growths, Outcomes) else growths
    moves = isinstance(stop_loss, Barrier)
    barrier = as_barrier(stop_loss)
    goal, scale = (1 + goal_return) * (1 - TOUCH), barrier.scale
    day, rules = barrier.day
    worst = -float(drawn.min(initial=0.0))
    steps, falls = np.zeros(size, dtype=np.intp), np.zeros(size)
    last, over = np.full(size, equity), np.zeros(size, dtype=bool)
    # Only those that go on are walked: equity, its peak; in the barrier's units the
    # high water and the day's opening; whether the day is over.
    on = np.arange(size)
    at, peak = last.copy(), last.copy()
    opened = equity * scale if barrier.opening is None else barrier.opening
    opening, water = np.full(size, opened), np.full(size, barrier.high_water)
    water = rules.raise_high_water(water, at * scale, False)
    over[:] = at * scale <= rules.floor(water) + TOUCH
    rests = np.zeros(size, dtype=bool)
    for step in range(int(ends.max(initial=0))):
        going = (at < goal) & ~over[on] & (ends[on] > step)
        if not going.all():
            on, at, peak = on[going], at[going], peak[going]
            opening, water, rests = opening[going], water[going], rests[going]
        if not on.size:
            break
        now = at * scale
        seen = (water / scale, (now - opening) / scale) if moves else ()
        cap = rules.cap(now, water, opening, worst * now)
        factors = np.where(rests, 0.0, np.minimum(choose(step, at, *seen), cap))
        growth = drawn[step][on] if even is None else even.draw(at)
        at = np.maximum(at * (1 + factors * growth), 0.0)
        peak = np.maximum(peak, at)
        falls[on] = np.maximum(falls[on], 1 - at / peak)
        last[on] = at
        steps[on] += 1
        now = at * scale
        water = rules.raise_high_water(water, now, False)
        breached = now <= rules.floor(water) + TOUCH
        halted = now <= rules.daily_floor(opening) + TOUCH
        if rules.daily_on_breach == "fail":
            breached |= halted
        over[on] = breached
        # Days are counted from the deadline, as in an induction.
        day_ends = (ends[on] - step - 1) % day == 0
        rests = (rests | halted) & ~day_ends
        raised = rules.raise_high_water(water, now, True)
        water = np.where(day_ends, raised, water)
        opening = np.where(day_ends, now, opening)
    return Walks(last >= goal, over, steps, falls)
