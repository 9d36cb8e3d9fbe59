"""How values between the nodes of a grid are read: by cubics, by lines. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goals.projection.challenge_rules import TOUCH
from goals.projection.types import Floats, Indices


@dataclass(frozen=True, slots=True)
class Reader:
    """Values between places, some to each: by their weights, of equal shapes."""

    places: Sequence[Indices]
    weights: Sequence[Floats]

    def __call__(self, values: Floats) -> Floats:
        if not self.weights:
            return np.asarray(values.take(self.places[0]))
        read = np.zeros(np.broadcast(self.places[0], self.weights[0]).shape)
        for place, weight in zip(self.places, self.weights, strict=True):
            read += weight * values.take(place)
        return read


def around(
    samples: Indices,
    wanted: Indices,
    goal: int,
    first: Indices | int = 0,
    jump: Indices | int = 0,
) -> tuple[list[Indices], list[Floats]]:
    """Which of these ascending samples a value between them is read from, how much.

    By a cubic through four: a line would spread a walk by the samples' distance, each
    time anew. By a line next to the `first` one that counts, where values fall off,
    across a `jump`, and from just before the `goal` on, as it is a jump once days are
    enough, and all is all but sure beyond it; held at the ends.
    """
    last = samples.size - 1
    first = np.minimum(first, last)
    at = np.clip(wanted, samples[first], samples[last]).astype(np.float64)
    before = np.clip(np.searchsorted(samples, at, "right") - 1, 0, max(last - 1, 0))
    before = np.maximum(before, np.minimum(first, max(last - 1, 0)))
    after = np.minimum(before + 1, last)
    wide = np.maximum(samples[after] - samples[before], 1)
    share = (at - samples[before]) / wide
    is_line = (before <= first) | (last - first < 3)
    base = np.clip(before - 1, 0, max(last - 3, 0))
    ways = [np.minimum(base + way, last) for way in range(4)]
    for one in (jump, goal):
        is_line |= (samples[ways[0]] < one) & (samples[ways[3]] >= one)
    is_line |= wanted >= goal
    found = []
    for way, own in enumerate(ways):
        weight = np.ones(at.shape)
        for other in (one for place, one in enumerate(ways) if place != way):
            apart = samples[own] - samples[other]
            weight *= (at - samples[other]) / np.where(apart == 0, 1, apart)
        line = (own == before) * (1 - share) + (own == after) * share
        found.append(np.where(is_line, line, weight))
    if last < 3:  # fewer than four samples: none counts twice
        ways = [before, after]
        found = [1 - share, np.where(after == before, 0.0, share)]
    return ways, found


def around_line(levels: Floats, wanted: Floats) -> list[tuple[Indices, Floats]]:
    """The two of these ascending levels around each wanted one, and their weights."""
    above = np.clip(np.searchsorted(levels, wanted), 1, max(levels.size - 1, 1))
    below, above = above - 1, np.minimum(above, levels.size - 1)
    apart = np.maximum(levels[above] - levels[below], TOUCH)
    share = np.clip((wanted - levels[below]) / apart, 0.0, 1.0)
    return [(below, 1 - share), (above, share)]


def nearest_level(levels: Floats, wanted: Floats, *, below: bool) -> Indices:
    """Which of these ascending levels is nearest to each wanted one, or just below."""
    between = levels[1:] if below else (levels[1:] + levels[:-1]) / 2
    return np.searchsorted(between, wanted + TOUCH, side="right")
