"""The deadline policy's induction and its walks, on one core.

The floor is as many multiply-adds, in a plain product of matrices in the cache. For one
core, begin the run with OPENBLAS_NUM_THREADS=1.
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from bench.rows import Row, Target
from goals.projection import evaluate_policy, simulate_policy, solve_deadline_policy

FACTORS = np.linspace(0.3, 1.5, 25)
PATHS = 400_000
TIMES = 15
SIDE = 400


def measure() -> list[Row]:
    rate = _measure_floor()
    rows = [
        _solve(40, 10, Target(10, at_least=False, unit=" ms"), rate),
        _solve(60, 21, Target(40, at_least=False, unit=" ms"), rate),
    ]
    question = (*_outcomes(10), 0.01, 40, 0.05)
    took = _best(lambda: evaluate_policy(1.0, *question, nodes=400))
    work = 40 * 400 * 10
    target = Target(5, at_least=False, unit=" ms")
    rows.append(
        _row("one fixed policy, 40 trades x 400 nodes", took, work, rate, target)
    )
    return [*rows, _walk(question, rate)]


def _solve(trades: int, count: int, target: Target, rate: float) -> Row:
    values, chances = _outcomes(count)
    took = _best(
        lambda: solve_deadline_policy(
            values, chances, 0.01, trades, 0.05, FACTORS, nodes=400
        )
    )
    what = (
        f"deadline policy, {trades} trades x 400 nodes x 25 factors x {count} outcomes"
    )
    return _row(what, took, trades * 400 * 25 * count, rate, target)


def _walk(question: tuple[object, ...], rate: float) -> Row:
    took = _best(lambda: simulate_policy(1.0, *question, paths=PATHS), times=3)  # type: ignore[arg-type]
    steps = PATHS * 40
    speed = steps / took / 1e6
    return Row(
        "simulated walks",
        f"{speed:.0f} M steps/s",
        f"{rate / 1e6:.0f} M multiply-adds/s",
        rate / 1e6 / speed,
        Target(30, at_least=True, unit=" M steps/s"),
        speed,
    )


def _row(what: str, took: float, work: int, rate: float, target: Target) -> Row:
    floor = work / rate
    ours, least = f"{took * 1e3:.1f} ms", f"{floor * 1e3:.3f} ms"
    return Row(what, ours, least, took / floor, target, took * 1e3)


def _outcomes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A bell of outcomes in R with a small edge."""
    values = np.linspace(-1.5, 2.2, count)
    weights = np.exp(-((values - 0.05) ** 2) / 2)
    return values, weights / weights.sum()


def _measure_floor() -> float:
    """Multiply-adds a second."""
    matrix = np.random.default_rng(1).random((SIDE, SIDE))
    return float(SIDE**3 / _best(lambda: matrix @ matrix))


def _best(run: Callable[[], object], times: int = TIMES) -> float:
    took = []
    for _ in range(times):
        begin = perf_counter()
        run()
        took.append(perf_counter() - begin)
    return min(took)
