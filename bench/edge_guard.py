"""How often records without an edge, and with one, pass the edge guard.

No times: the share of simulated records that the guard lets trade above factor 1, next
to that of the same records without its look at skewness and at missing losses. All
shapes have the standard deviation of 2R/-1R (1.41 R) at zero edge, so that an edge is
equally hard to see in each. With two outcomes the edge is in how often they come, else
it is added to each outcome.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.rows import Row, Target
from goals.decisions.trade_record import FEWEST_TRADES
from goals.projection.edge_guard import TOLERANCE, Records, allow_more, lower_bounds
from goals.projection.types import Floats

RECORDS = 100_000
AT_ONCE = 10_000
COUNTS = (20, 40, 100)
EDGES = (-0.1, 0.0, 0.1, 0.3)
# How long the records are that are asked about after every trade.
SHORTEST, LONGEST = 40, 80
MOST_FALSE = Target(24, at_least=False, unit=" %")
MOST_LOST = Target(3, at_least=False, unit=" points")

DEVIATION = 2**0.5
# One trade in twenty is the rare one, and 19 times as large as the others.
RARE = 1 / 20
SMALL = DEVIATION * (RARE / (1 - RARE)) ** 0.5
LARGE = SMALL * (1 - RARE) / RARE

Draw: TypeAlias = Callable[[np.random.Generator, float, tuple[int, int]], Floats]


def two_outcomes(win: float, loss: float) -> Draw:
    def draw(
        generator: np.random.Generator, edge: float, shape: tuple[int, int]
    ) -> Floats:
        wins = generator.random(shape) < (loss + edge) / (win + loss)
        return np.where(wins, win, -loss)

    return draw


def normal(
    generator: np.random.Generator, edge: float, shape: tuple[int, int]
) -> Floats:
    return generator.normal(edge, DEVIATION, shape)


def fat_tails(
    generator: np.random.Generator, edge: float, shape: tuple[int, int]
) -> Floats:
    """Student's t with 3 degrees, whose variance is 3."""
    return edge + DEVIATION / 3**0.5 * generator.standard_t(3, shape)


SHAPES: dict[str, Draw] = {
    "2R/-1R": two_outcomes(2.0, 1.0),
    "normal": normal,
    "fat tails": fat_tails,
    "seller of insurance": two_outcomes(SMALL, LARGE),
    "trend follower": two_outcomes(LARGE, SMALL),
}
# Whose records need not be judged otherwise than before.
SYMMETRIC = ("2R/-1R", "normal", "fat tails")


@dataclass(frozen=True, slots=True)
class Passed:
    """Percent of the records that pass the guard, and that of its bound alone."""

    guard: float
    bound: float


def measure() -> list[Row]:
    """The same seed for each shape and edge; standard errors up to 0.16 points."""
    rows: list[Row] = []
    lost: list[Row] = []
    for name, draw in SHAPES.items():
        by_edge = [count_passed(draw, edge, RECORDS) for edge in EDGES]
        rows += [
            _row(name, trades, [one[trades] for one in by_edge]) for trades in COUNTS
        ]
        if name in SYMMETRIC:
            lost.append(_row_of_lost(name, by_edge[EDGES.index(0.1)]))
    return [*rows, *lost, *_rows_of_asking()]


def count_passed(draw: Draw, edge: float, records: int) -> dict[int, Passed]:
    """By the number of trades: of the same records, their first trades."""
    passed = {trades: np.zeros(2) for trades in COUNTS}
    for growths in _draw(draw, edge, records, max(COUNTS)):
        for trades in COUNTS:
            passed[trades] += [
                one.sum() for one in _judge(Records.of(growths[:trades]))
            ]
    return {
        trades: Passed(*(float(one) / records * 100 for one in both))
        for trades, both in passed.items()
    }


def count_passed_once(draw: Draw, records: int) -> Passed:
    """Without an edge, asked after every trade; mean over the records' lengths."""
    shares = np.zeros(2)
    for growths in _draw(draw, 0.0, records, LONGEST):
        record = Records.of(growths[:FEWEST_TRADES])
        ever = np.array(_judge(record))
        for trades in range(FEWEST_TRADES + 1, LONGEST + 1):
            record = record.after(growths[trades - 1])
            ever |= _judge(record)
            if trades >= SHORTEST:
                shares += ever.sum(axis=1)
    lengths = LONGEST - SHORTEST + 1
    return Passed(*(float(one) / (records * lengths) * 100 for one in shares))


def _draw(draw: Draw, edge: float, records: int, trades: int) -> Iterator[Floats]:
    """Growths of shape (trades, records), some records at a time."""
    generator = np.random.default_rng(1)
    for done in range(0, records, AT_ONCE):
        yield draw(generator, edge, (trades, min(AT_ONCE, records - done)))


def _judge(records: Records) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    bounds = lower_bounds(records.trades, records.total, records.squares)
    return allow_more(records), bounds > TOLERANCE


def _row(name: str, trades: int, by_edge: list[Passed]) -> Row:
    edges = ", ".join(f"{edge:+g}" if edge else "0" for edge in EDGES)
    return Row(
        f"edge guard: {name}, {trades} trades, passed at {edges} R",
        _percents(one.guard for one in by_edge),
        f"{_percents(one.bound for one in by_edge)} by the bound alone",
        None,
        MOST_FALSE,
        by_edge[EDGES.index(0.0)].guard,
    )


def _row_of_lost(name: str, at_edge: dict[int, Passed]) -> Row:
    lost = [at_edge[trades].bound - at_edge[trades].guard for trades in COUNTS]
    counts = ", ".join(map(str, COUNTS))
    shown = " / ".join(f"{one:.1f}" for one in lost)
    return Row(
        f"edge guard: {name}, fewer passed at +0.1 R than by the bound alone, {counts} "
        "trades",
        f"{shown} points",
        "",
        None,
        MOST_LOST,
        max(lost),
    )


def _rows_of_asking() -> Iterator[Row]:
    found = {
        name: count_passed_once(draw, RECORDS // 5) for name, draw in SHAPES.items()
    }
    everything = Passed(
        float(np.mean([one.guard for one in found.values()])),
        float(np.mean([one.bound for one in found.values()])),
    )
    for name, passed in {**found, "mean of the five shapes": everything}.items():
        yield Row(
            f"edge guard: {name}, zero edge, asked after every trade of "
            f"{SHORTEST} to {LONGEST}, passed at least once",
            f"{passed.guard:.1f} %",
            f"{passed.bound:.1f} % by the bound alone",
            None,
        )


def _percents(shares: Iterable[float]) -> str:
    return " / ".join(f"{one:.1f}" for one in shares) + " %"
