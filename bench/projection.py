"""Solving and evaluating policies, next to the multiply-adds that they need."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bench.rows import Row, Target
from bench.timing import Pair, in_turn, show, timed
from goals.projection.deadline import solve_deadline_policy
from goals.projection.edge import estimate_edge
from goals.projection.evaluate import evaluate_policy
from goals.projection.forecast import project_policy
from goals.projection.simulation import simulate_policy

FACTORS = np.linspace(0.3, 1.5, 25)
NODES = 400
GOAL = 0.1
RISK = 0.01
PATHS = 1_000_000
MILLION = 1e6
GUARDED = {"stop_loss": 0.1, "stop_penalty": 1.0}
# Here several tables are improved before the best of them is taken.
NEARLY_STOPPED = {"stop_loss": 0.05, "stop_penalty": 1.0}
TIMES, WARM_UP = 15, 3


def measure() -> list[Row]:
    return [
        _row("solve 40 x 400 x 25 x 10", _solving(40, 10), 10),
        _row("solve 60 x 400 x 25 x 21", _solving(60, 21), 40),
        _row("solve 40 x 400 x 25 x 10 with a stop", _solving(40, 10, **GUARDED), 10),
        _row(
            "the same, monotone in progress",
            _solving(40, 10, **GUARDED, monotone=True),
            25,
        ),
        _row(
            "the same with a stop so near that it costs more",
            _solving(40, 10, **NEARLY_STOPPED, monotone=True),
            100,
        ),
        _row("one fixed policy, 40 x 400 x 10", _evaluating(), 5),
        _row("a projection with its band, 100 trades", _projecting(), 300),
        _walks(),
    ]


def _row(what: str, pair: Pair, most_ms: float) -> Row:
    return Row(
        what,
        show(pair.ours),
        f"{show(pair.floor)} of multiply-adds",
        pair.cost,
        Target(most_ms, at_least=False, unit=" ms"),
        pair.ours * 1000,
    )


def _solving(trades: int, outcomes: int, **options: Any) -> Pair:
    """Beside products of the same sizes, already laid out."""
    question = (*_distribution(outcomes), RISK, trades, GOAL)
    ours = partial(solve_deadline_policy, *question, FACTORS, nodes=NODES, **options)
    solved = ours()
    steps = np.log(1 + RISK * FACTORS[-1] * np.array([-1.0, 2.0]))
    window = int(np.ptp(steps) / solved.grid.step) + 2
    return _beside(ours, trades, (FACTORS.size, window), solved.equity.size)


def _evaluating() -> Pair:
    """Beside the two multiply-adds of each node's outcomes."""
    ours = partial(
        evaluate_policy, 1.0, *_distribution(10), RISK, 40, GOAL, nodes=NODES
    )
    return _beside(ours, 40, (2, 10), NODES)


def _projecting() -> Pair:
    """Beside three evaluations' multiply-adds: of the edge and the band's two ends."""
    generator = np.random.default_rng(1)
    edge = estimate_edge(generator.normal(0.002, 0.01, 300))
    assert edge is not None
    ours = partial(project_policy, edge, 1.0, trades_left=100, goal_return=GOAL)
    return _beside(ours, 300, (2, edge.growths.size), NODES)


def _beside(
    ours: Callable[[], object], products: int, shape: tuple[int, int], nodes: int
) -> Pair:
    left, right = np.random.rand(*shape), np.random.rand(shape[1], nodes)

    def floor() -> None:
        for _ in range(products):
            left @ right

    return in_turn(
        lambda: timed(ours), lambda: timed(floor), times=TIMES, warm_up=WARM_UP
    )


def _walks() -> Row:
    """Beside one multiply-add for each walk's step."""
    trades = 40
    level, step = np.zeros(1 << 15), np.random.rand(1 << 15)

    def floor() -> None:
        for _ in range(PATHS * trades // level.size):
            np.multiply(step, 1.5, out=level)
            np.add(level, step, out=level)

    ours = partial(
        simulate_policy, 1.0, *_distribution(10), RISK, trades, GOAL, paths=PATHS
    )
    pair = in_turn(lambda: timed(ours), lambda: timed(floor), times=3, warm_up=1)
    speed, fastest = (
        PATHS * trades / seconds / MILLION for seconds in (pair.ours, pair.floor)
    )
    return Row(
        "walks simulated, 40 trades",
        f"{speed:.0f} M steps/s",
        f"{fastest:.0f} M/s of multiply-adds",
        pair.cost,
        Target(30, at_least=True, unit=" M/s"),
        speed,
    )


def _distribution(outcomes: int) -> tuple[list[float], list[float]]:
    """Equally likely outcomes from a loss of 1 R to a win of 2 R."""
    return list(np.linspace(-1, 2, outcomes)), [1 / outcomes] * outcomes
