"""Records of few kinds of outcomes, whose sums hit a level by a hair."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from goals.projection.barrier import Barrier
from goals.projection.edge import Edge, estimate_edge
from goals.projection.evaluate import evaluate_policy
from goals.projection.forecast import measure_chance
from goals.projection.frontier import Sizing, measure_frontier
from goals.projection.grouping import coarsen
from goals.projection.outcomes import take_outcomes
from goals.projection.policy_tables import make_inputs, solve
from goals.projection.trades_left import TradesLeft
from goals.tests.projection.challenge_references import daily_floor, hard_floor
from goals.tests.projection.test_barrier import NEAR, walk

WORLD = [0.02, -0.01], [0.36, 0.64]
BARRIERS = {
    "static": Barrier(hard_drawdown=0.08),
    "trailing": Barrier(drawdown_mode="trailing_closed", hard_drawdown=0.05),
    "of the peak": Barrier(
        drawdown_mode="trailing", hard_drawdown=0.06, drawdown_of="peak", scale=1.02
    ),
    "end of day": Barrier(
        drawdown_mode="end_of_day", hard_drawdown=0.05, locks_at=1.0, trades_per_day=4
    ),
    "a day's limit that fails": Barrier(
        hard_drawdown=0.1,
        daily_loss=0.03,
        daily_loss_of="start",
        daily_on_breach="fail",
        trades_per_day=3,
    ),
    "a day's limit that halts": Barrier(
        hard_drawdown=0.1, daily_loss=0.02, trades_per_day=4, opening=1.005
    ),
    "both": Barrier(
        drawdown_mode="end_of_day",
        hard_drawdown=0.06,
        daily_loss=0.02,
        trades_per_day=3,
    ),
    "all that is left": Barrier(
        drawdown_mode="trailing_closed", hard_drawdown=0.05, headroom_share=1.0
    ),
}


def count(barrier: Barrier, trades: int, goal_return: float) -> tuple[float, float]:
    """The chances of goal and floor at factor 1: each state with its probability."""
    rules, scale, day = barrier.rules(), barrier.scale, round(barrier.trades_per_day)
    trails = rules.drawdown_mode.startswith("trailing")
    start = scale, max(barrier.high_water, scale * trails), barrier.opening or scale
    states = {(*start, False): 1.0}
    goal, ends = (1 + goal_return) * scale - 1e-9, [0.0, 0.0]
    for left in range(trades, 0, -1):
        after: dict[Any, float] = defaultdict(float)
        for (at, high, opening, halted), chance in states.items():
            near = max(
                float(hard_floor(rules, high)), float(daily_floor(rules, opening))
            )
            factor = 0.0 if halted else 1.0
            if rules.headroom_share is not None:
                room = rules.headroom_share * (at - near) + 1e-9
                factor = min(factor, max(room / (0.01 * at), 0.0))
            for growth, part in zip(*WORLD, strict=True):
                now = at * (1 + factor * growth)
                top = max(high, now) if trails else high
                over = float(daily_floor(rules, opening)) + 1e-9 >= now
                broken = float(hard_floor(rules, top)) + 1e-9 >= now
                broken |= over and rules.daily_on_breach == "fail"
                if now >= goal or broken:
                    ends[now < goal] += chance * part
                    continue
                state = (now, top, opening, over or halted)
                if (left - 1) % day == 0:
                    is_day = rules.drawdown_mode == "end_of_day"
                    state = (now, max(top, now) if is_day else top, now, False)
                after[tuple(round(one, 11) for one in state)] += chance * part
        states = after
    return ends[0], ends[1]


@pytest.mark.parametrize("name", BARRIERS)
@pytest.mark.parametrize(("trades", "goal"), [(7, 0.05), (14, 0.06)])
def test_a_constant_size_comes_to_the_sum_over_every_state(
    name: str, trades: int, goal: float
) -> None:
    barrier = BARRIERS[name]
    found = evaluate_policy(1.0, *WORLD, 1.0, trades, goal, barrier)
    true = count(barrier, trades, goal)
    assert (found.probability, found.stop_probability) == pytest.approx(true, abs=1e-6)


def two_kinds() -> Edge:
    edge = estimate_edge(np.array([0.02] * 36 + [-0.01] * 64))
    assert edge is not None
    return edge


def near_two_kinds() -> Edge:
    """Of 26 trades that win 6 or lose 4 of 1,000, whatever it has become."""
    equity, growths = 1000.0, []
    for trade in range(26):
        profit = -4 if trade % 2 else 6
        growths.append(profit / equity)
        equity += profit
    edge = estimate_edge(np.array(growths))
    assert edge is not None
    return edge


@pytest.mark.parametrize(
    "name", ["of the peak", "end of day", "a day's limit that fails"]
)
def test_a_table_promises_what_its_policy_walks_to(name: str) -> None:
    edge, barrier = two_kinds(), BARRIERS[name]
    table = solve(
        make_inputs(
            edge,
            trades_left=20,
            goal_return=Decimal("0.05"),
            barrier=barrier,
            min_factor=Decimal("0.5"),
            max_factor=Decimal("1.5"),
        )
    )
    walked = walk(barrier, table.factors_at, edge, 20, 0.05)
    promised = float(table.probability_at(20, Decimal(1)))
    assert walked[0] == pytest.approx(promised, abs=NEAR)
    found = evaluate_policy(
        table.factors_at, edge.growths, edge.probabilities, 1.0, 20, 0.05, barrier
    )
    assert found.probability == pytest.approx(walked[0], abs=NEAR)
    assert found.stop_probability == pytest.approx(walked[1], abs=NEAR)


FAR = [
    Barrier(),
    Barrier(drawdown_mode="end_of_day", drawdown_of="peak", trades_per_day=2),
    Barrier(drawdown_mode="trailing", drawdown_of="peak", locks_at=1.0),
    Barrier(daily_loss=0.03, daily_on_breach="fail", trades_per_day=2),
]


def test_limits_that_no_trade_comes_near_change_nothing() -> None:
    edge = near_two_kinds()
    found = {
        evaluate_policy(
            1.3, edge.growths, edge.probabilities, 1.0, 25, 0.05, barrier
        ).probability
        for barrier in FAR
    }
    assert len(found) == 1


def test_projection_and_frontier_are_of_the_same_figures() -> None:
    """And of a known number of trades a solved policy is ahead of any constant size."""
    edge = near_two_kinds()
    barrier = Barrier(
        drawdown_mode="end_of_day",
        drawdown_of="peak",
        daily_loss=0.03,
        daily_on_breach="fail",
        trades_per_day=2,
        headroom_share=1.0,
    )
    table = solve(
        make_inputs(
            edge,
            trades_left=30,
            goal_return=Decimal("0.06"),
            barrier=barrier,
            min_factor=Decimal("0.5"),
            max_factor=Decimal("1.3"),
        )
    )
    asked: dict[str, Any] = {"goal_return": 0.06, "stop_loss": barrier}
    left = TradesLeft(30.0, 1.0)
    own = measure_chance(edge, table.factors_at, trades_left=left, **asked)
    frontier = measure_frontier(
        edge,
        {"own": Sizing(table.factors_at)},
        [1.3],
        trades_left=left,
        days_left=20,
        **asked,
    )
    constant = measure_chance(edge, 1.3, trades_left=left, reads_time=False, **asked)
    assert frontier.policies["own"].probability == own.probability
    assert frontier.constants[0][1].probability == constant.probability
    sure, alike = (
        evaluate_policy(
            policy, edge.growths, edge.probabilities, 1.0, 30, 0.06, barrier
        ).probability
        for policy in (table.factors_at, 1.3)
    )
    assert sure > alike


def test_few_kinds_are_outcomes_that_are_about_alike() -> None:
    edge = near_two_kinds()
    found = coarsen(take_outcomes(edge.growths, edge.probabilities, 1.0))
    assert found is not None
    assert found.values.size == 2
    mean = float(edge.growths @ edge.probabilities)
    assert found.values @ found.probabilities == pytest.approx(mean)
    many = np.random.default_rng(1).normal(0, 1, 20)
    assert coarsen(take_outcomes(many, np.full(20, 0.05), 1.0)) is None
