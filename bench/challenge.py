"""Solving challenges, and live tables: the time it takes, how far values are off."""

from decimal import Decimal
from functools import partial
from statistics import median
from time import process_time
from typing import Any

import numpy as np

from bench.rows import Row, Target
from goals.projection import ChallengeRules, evaluate_challenge, solve_challenge
from goals.projection.barrier import Barrier
from goals.projection.edge import estimate_edge
from goals.projection.policy_tables import make_inputs, solve

R = ChallengeRules
SAMPLE = ([-2.2, -1.3, -1.0, -0.8, -0.4, 0.3, 0.6, 1.2, 1.7, 2.9], [0.1] * 10)
QUESTION: dict[str, Any] = {
    "base_risk": 0.01,
    "factors": np.linspace(0.3, 1.5, 8),
    "goal_return": 0.1,
    "days": 30,
    "trades_per_day": 4,
    "stop_penalty": 0.2,
}
HALT: dict[str, Any] = {"daily_on_breach": "halt_day", "daily_loss_of": "day_start"}
# What it is, its rules, seconds and percentage points that it may take and be off.
CASES: list[tuple[str, ChallengeRules, float, float]] = [
    ("a static floor", R("static", 0.08), 0.3, 0.5),
    ("a trailing floor", R("trailing", 0.05, "peak"), 0.3, 0.5),
    ("an end-of-day floor that locks", R("end_of_day", 0.05, locks_at=1.0), 0.3, 0.5),
    ("a daily limit", R("static", 0.1, daily_loss=0.04), 0.3, 0.5),
    ("a daily limit that halts", R("static", 0.08, daily_loss=0.03, **HALT), 0.3, 0.5),
    ("5 days with a trade", R("static", 0.08, min_trading_days=5), 0.3, 0.5),
    (
        "a trailing floor and a daily limit",
        R("trailing", 0.06, locks_at=1.0, daily_loss=0.03),
        3.0,
        1.0,
    ),
    (
        "an end-of-day floor and a daily limit",
        R("end_of_day", 0.05, daily_loss=0.03),
        3.0,
        1.0,
    ),
]
# Trades left, and seconds.
LIVE = [(40, 0.06), (480, 1.0), (24_000, 1.0)]
FAR = 100
TIMES = 3


def measure() -> list[Row]:
    """Eight factors, ten outcomes, 30 days of 4 trades, risk of equity, on one core."""
    rows = [row for case in CASES for row in _measure(*case)]
    return rows + [_live(trades, most) for trades, most in LIVE]


def _live(trades: int, most_seconds: float) -> Row:
    """A table of `deadline_optimal` over equity and high water."""
    edge = estimate_edge(np.random.default_rng(3).normal(0.001, 0.01, 400))
    assert edge is not None
    inputs = make_inputs(
        edge,
        trades_left=trades,
        goal_return=Decimal("0.06") if trades < FAR else Decimal("0.2"),
        barrier=Barrier(drawdown_mode="trailing_closed", drawdown_of="peak"),
        min_factor=Decimal("0.5"),
        max_factor=Decimal("1.3"),
    )
    seconds = []
    for _ in range(TIMES):
        begin = process_time()
        table = solve(inputs)
        seconds.append(process_time() - begin)
    rows, layers, nodes = table.choices.shape
    return Row(
        f"deadline_optimal under a trailing floor, {trades:,} trades",
        f"{median(seconds) * 1000:.0f} ms CPU",
        f"{rows} rows, {layers} x {nodes} states",
        None,
        Target(most_seconds, at_least=False, unit=" s"),
        median(seconds),
    )


def _measure(
    what: str, rules: ChallengeRules, most_seconds: float, most_points: float
) -> list[Row]:
    solve = partial(solve_challenge, *SAMPLE, rules=rules, **QUESTION)
    seconds = []
    for _ in range(TIMES):
        begin = process_time()
        solved = solve()
        seconds.append(process_time() - begin)
    begin = process_time()
    came = evaluate_challenge(solved, *SAMPLE, rules=rules, **QUESTION)
    walking = process_time() - begin
    walked = came.probability - QUESTION["stop_penalty"] * came.breach_probability
    off = abs(walked - solved.value) * 100
    return [
        Row(
            f"challenge: {what}",
            f"{median(seconds):.2f} s CPU",
            f"{solved.states.size:,} states a trade",
            None,
            Target(most_seconds, at_least=False, unit=" s"),
            median(seconds),
        ),
        Row(
            "the same: its value and what its policy walks to",
            f"{solved.value:.4f}",
            f"{walked:.4f} walked in {walking:.2f} s",
            None,
            Target(most_points, at_least=False, unit=" points"),
            off,
        ),
    ]
