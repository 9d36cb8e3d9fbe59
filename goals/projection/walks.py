"""Walks over given growths, trade by trade: when each touched goal or stop. Pure.

Slower than `simulation`, which draws for itself: here the growths come in their order,
each walk ends after its own number of trades, and what is asked is when, too.
"""

from dataclasses import dataclass

import numpy as np

from goals.projection.evaluate import PolicyFunction
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
    growths: Floats,
    ends: Indices,
    goal_return: float,
    stop_loss: float | None,
    equity: float,
) -> Walks:
    """Walk along `growths` at factor 1, of shape (steps, walks).

    A walk has `ends` steps, shape (walks,). `choose` gives the factors by the number of
    the step, from 0, and the equities. Other units as in `evaluate_policy`.
    """
    size = growths.shape[1]
    goal, stop = (1 + goal_return) * (1 - TOUCH), 0.0
    if stop_loss is not None:
        stop = 1 - stop_loss
    steps, falls = np.zeros(size, dtype=np.intp), np.zeros(size)
    last = np.full(size, equity)
    # Only those that go on are walked.
    on = np.arange(size)
    at, peak = last.copy(), last.copy()
    for step, growth in enumerate(growths):
        going = (at < goal) & (at > stop + TOUCH) & (ends[on] > step)
        if not going.all():
            on, at, peak = on[going], at[going], peak[going]
        if not on.size:
            break
        at = np.maximum(at * (1 + choose(step, at) * growth[on]), 0.0)
        peak = np.maximum(peak, at)
        falls[on] = np.maximum(falls[on], 1 - at / peak)
        last[on] = at
        steps[on] += 1
    return Walks(last >= goal, last <= stop + TOUCH, steps, falls)
