"""Timing two things in turn, so that a noisy machine disturbs both alike."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Pair:
    """Medians of both sides, in seconds."""

    ours: float
    floor: float

    @property
    def reach(self) -> float:
        """How much of the floor's speed is reached: 1 is as quick as the floor."""
        return self.floor / self.ours

    @property
    def cost(self) -> float:
        """How many times the floor's time is taken."""
        return self.ours / self.floor


def in_turn(
    ours: Callable[[], float],
    floor: Callable[[], float],
    *,
    times: int,
    warm_up: int = 0,
) -> Pair:
    """Run ours, floor, floor, ours, … `times` each. Each returns its own seconds."""
    seconds: dict[str, list[float]] = {"ours": [], "floor": []}
    for turn in range(warm_up + times):
        sides = [("ours", ours), ("floor", floor)]
        for name, run in sides if turn % 2 == 0 else reversed(sides):
            took = run()
            if turn >= warm_up:
                seconds[name].append(took)
    return Pair(median(seconds["ours"]), median(seconds["floor"]))


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call, without the collector's pauses."""
    gc.collect(0)
    gc.disable()
    try:
        begin = perf_counter()
        run()
        return perf_counter() - begin
    finally:
        gc.enable()


def show(seconds: float) -> str:
    """A duration as people read it."""
    return f"{seconds * 1000:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
