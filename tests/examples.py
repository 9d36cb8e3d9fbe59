"""How many examples a test is judged by, and in which run."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import settings

IN_CI = bool(os.environ.get("CI"))


def examples(count: int) -> settings:
    """For a property that books trades: `count`; a third in CI, whose are the same."""
    return settings(max_examples=count // 3 if IN_CI else count)


def fewer(values: Sequence[Any]) -> Sequence[Any]:
    """Cases that cost seconds: all; every third in CI."""
    return values[::3] if IN_CI else values


def crossed(
    names: str, *values: Iterable[Any], ids: Callable[[Any], object] | None = None
) -> pytest.MarkDecorator:
    """Parametrize by every combination of a test that costs much.

    `make test` runs as few as hold each value once, `make slow` the others; in CI
    every third of these.
    """
    each = [list(one) for one in values]
    longest = max(map(len, each))
    first = {tuple(n % len(one) for one in each) for n in range(longest)}
    every = list(product(*(range(len(one)) for one in each)))
    others = fewer([places for places in every if places not in first])
    return pytest.mark.parametrize(
        names,
        [
            pytest.param(
                *(one[place] for one, place in zip(each, places, strict=True)),
                marks=() if places in first else pytest.mark.slow,
            )
            for places in every
            if places in first or places in others
        ],
        ids=ids,
    )
