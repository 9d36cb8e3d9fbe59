"""Policies under the guards' own barrier, against walks of another kind."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from goals.decisions.limits import FloorReference, Limits
from goals.enums import DrawdownMode, DrawdownOf
from goals.projection.barrier import Barrier, standing
from goals.projection.edge import Edge, estimate_edge
from goals.projection.evaluate import evaluate_policy, walk_under
from goals.projection.feasibility import barrier_on
from goals.projection.goal_path import GoalPath
from goals.projection.mixture import Walked
from goals.projection.outcomes import take_outcomes
from goals.projection.policy_tables import (
    DeadlineInputs,
    DeadlineTable,
    make_inputs,
    solve,
    unpack,
)
from goals.projection.trades_left import TradesLeft
from goals.tests.projection.challenge_references import daily_floor, hard_floor
from tests.examples import fewer

PATHS = 60_000
# Half a point, and three standard errors of so many walks.
NEAR = 0.005 + 3 * 0.5 / PATHS**0.5


def make_edge(seed: int = 3, mean: float = 0.001) -> Edge:
    edge = estimate_edge(np.random.default_rng(seed).normal(mean, 0.01, 400))
    assert edge is not None
    return edge


EDGE = make_edge()
# A peak already 4 % above the start, and equity 3 % below it.
FALLEN: dict[str, Any] = {"scale": 1.01, "high_water": 1.04}
BARRIERS = {
    "static": Barrier(hard_drawdown=0.08, scale=1.01),
    "trailing": Barrier(drawdown_mode="trailing", hard_drawdown=0.08, **FALLEN),
    "of the peak": Barrier(
        drawdown_mode="trailing_closed",
        hard_drawdown=0.08,
        drawdown_of="peak",
        **FALLEN,
    ),
    "locks": Barrier(
        drawdown_mode="trailing", hard_drawdown=0.08, locks_at=1.0, **FALLEN
    ),
    "end of day": Barrier(
        drawdown_mode="end_of_day", hard_drawdown=0.08, trades_per_day=4, **FALLEN
    ),
    "soft": Barrier(
        drawdown_mode="trailing", hard_drawdown=0.08, soft_drawdown=0.04, **FALLEN
    ),
    "a day's limit": Barrier(
        hard_drawdown=0.08, daily_loss=0.02, trades_per_day=4, scale=1.01, opening=1.02
    ),
    "a day's limit that fails": Barrier(
        drawdown_mode="trailing",
        hard_drawdown=0.08,
        daily_loss=0.025,
        daily_on_breach="fail",
        trades_per_day=4,
        **FALLEN,
    ),
}


def walk(
    barrier: Barrier,
    choose: Callable[..., Any],
    edge: Edge,
    trades: int,
    goal_return: float,
    seed: int = 1,
) -> tuple[float, float]:
    """Shares of many walks that touch the goal, and the floor."""
    random = np.random.default_rng(seed)
    rules, scale, day = barrier.rules(), barrier.scale, round(barrier.trades_per_day)
    at = np.full(PATHS, scale)
    high = np.full(PATHS, barrier.high_water)
    trails = rules.drawdown_mode.startswith("trailing")
    if trails:
        high = np.maximum(high, at)
    opening = np.full(PATHS, barrier.opening or scale)
    state, halted = np.zeros(PATHS, dtype=int), np.zeros(PATHS, dtype=bool)
    for left in range(trades, 0, -1):
        seen = at / scale, high / scale, (at - opening) / scale
        factor = choose(left, *seen)
        if rules.soft_drawdown is not None:
            soft = at <= high - rules.soft_drawdown + 1e-9
            factor = np.where(soft, np.minimum(factor, 1), factor)
        drawn = random.choice(edge.growths, PATHS, p=edge.probabilities)
        moves = (state == 0) & ~halted
        at = np.where(moves, at * (1 + factor * drawn), at)
        if trails:
            high = np.maximum(high, at)
        at_daily = at <= daily_floor(rules, opening) + 1e-9
        fails = at <= hard_floor(rules, high) + 1e-9
        if rules.daily_on_breach == "fail":
            fails |= at_daily
        state[moves & (at >= (1 + goal_return) * scale - 1e-9)] = 1
        state[moves & (state == 0) & fails] = 2
        halted |= at_daily
        if (left - 1) % day == 0:
            if rules.drawdown_mode == "end_of_day":
                high = np.maximum(high, at)
            opening, halted = at.copy(), np.zeros(PATHS, dtype=bool)
    return float((state == 1).mean()), float((state == 2).mean())


def ladder(left: int, equity: Any, *seen: Any) -> Any:
    return np.where(equity < 1.03, 1.3, 0.7)


@pytest.mark.parametrize("name", BARRIERS)
@pytest.mark.parametrize(("trades", "goal"), [(40, 0.05), (120, 0.1)])
@pytest.mark.slow
def test_a_policy_under_a_barrier_comes_to_what_its_walks_come_to(
    name: str, trades: int, goal: float
) -> None:
    barrier = BARRIERS[name]
    found = evaluate_policy(
        ladder, EDGE.growths, EDGE.probabilities, 1.0, trades, goal, barrier
    )
    walked = walk(barrier, ladder, EDGE, trades, goal)
    assert found.probability == pytest.approx(walked[0], abs=NEAR)
    assert found.stop_probability == pytest.approx(walked[1], abs=NEAR)


def make_table(barrier: Barrier, trades: int, goal: str, penalty: int) -> DeadlineTable:
    return solve(
        make_inputs(
            EDGE,
            trades_left=trades,
            goal_return=Decimal(goal),
            barrier=barrier,
            min_factor=Decimal("0.5"),
            max_factor=Decimal("1.5"),
            stop_penalty=Decimal(penalty),
        )
    )


@pytest.mark.parametrize("name", fewer(list(BARRIERS)))
@pytest.mark.slow
def test_a_solved_policy_is_the_best_and_no_constant_of_its_breaches_is_better(
    name: str,
) -> None:
    """Within half a point: of its objective, and of P(goal) at the same P(breach)."""
    barrier, trades, goal = BARRIERS[name], 60, 0.06
    world = (EDGE.growths, EDGE.probabilities, 1.0, trades, goal, barrier)
    constants = [evaluate_policy(float(f), *world) for f in np.linspace(0.5, 1.5, 9)]
    for penalty in (0, 1):
        table = make_table(barrier, trades, str(goal), penalty)
        own = evaluate_policy(table.factors_at, *world)
        reached, breached = walk(barrier, table.factors_at, EDGE, trades, goal)
        answer = float(table.probability_at(trades, Decimal(1)))
        assert answer == pytest.approx(reached, abs=NEAR)
        worth = reached - penalty * breached
        assert own.value(penalty) == pytest.approx(worth, abs=NEAR * (1 + penalty))
        for other in constants:
            assert own.value(penalty) >= other.value(penalty) - 0.005
            if other.stop_probability <= own.stop_probability:
                assert own.probability >= other.probability - 0.005


@pytest.mark.slow
def test_a_finer_grid_finds_no_better_policy() -> None:
    for name in ("trailing", "end of day"):
        table = make_table(BARRIERS[name], 60, "0.06", 1)
        world = (EDGE.growths, EDGE.probabilities, 1.0, 60, 0.06, BARRIERS[name])
        fine = solve(replace(table.inputs, fineness=2.0))
        values = [evaluate_policy(t.factors_at, *world).value(1) for t in (table, fine)]
        assert values[0] >= values[1] - 0.005


def test_without_a_barrier_that_moves_it_is_a_stop() -> None:
    world = (EDGE.growths, EDGE.probabilities, 1.0, 40, 0.06)
    for stop in (0.1, -0.02):
        equity = 1.0 if stop > 0 else 1.04
        one = evaluate_policy(1.0, *world, stop, equity)
        other = evaluate_policy(1.0, *world, standing(stop), equity)
        assert other.probability == pytest.approx(one.probability, abs=0.003)


def test_a_floor_that_follows_costs_probability() -> None:
    world = (EDGE.growths, EDGE.probabilities, 1.0, 120, 0.1)
    stands = evaluate_policy(1.3, *world, Barrier(hard_drawdown=0.06))
    follows = evaluate_policy(
        1.3, *world, Barrier(drawdown_mode="trailing", hard_drawdown=0.06)
    )
    assert follows.probability < stands.probability - 0.05


def test_a_packed_table_answers_alike_by_high_water_and_day() -> None:
    barrier = BARRIERS["a day's limit that fails"]
    solved = make_table(barrier, 40, "0.06", 1)
    kept = unpack(solved.inputs, solved.pack())
    equity = np.linspace(0.97, 1.05, 30)
    seen = np.full(30, 1.05), np.linspace(-0.02, 0.02, 30)
    for trades in (1, 2, 39, 40):
        factors = solved.factors_at(trades, equity, *seen)
        assert np.array_equal(factors, kept.factors_at(trades, equity, *seen))
    assert kept.probability_at(9, Decimal(1)) == solved.probability_at(9, Decimal(1))


@pytest.mark.parametrize(
    ("changed", "reference", "floor"),
    [
        ({}, (1, "1.2", False), 0.96),
        ({"drawdown_mode": DrawdownMode.STATIC}, (1, 1, False), 0.8),
        ({"drawdown_of": DrawdownOf.START}, (1, "1.2", False), 1.0),
        ({"drawdown_locks_at": Decimal(1)}, (1, "1.3", True), 1.0),
        # Locked by limits that were wider apart than those of now.
        ({"drawdown_locks_at": Decimal(1)}, (1, "1.1", True), 1.0),
        ({"drawdown_locks_at": Decimal("0.7")}, (1, "1.2", True), 0.7),
    ],
)
def test_a_barrier_begins_at_the_floor_in_force(
    changed: dict[str, Any], reference: tuple[Any, Any, bool], floor: float
) -> None:
    start, peak, locked = reference
    barrier = barrier_on(
        GoalPath(Decimal("0.1"), Decimal("1.05")),
        Limits(**changed),
        FloorReference(None, Decimal(start), Decimal(peak), locked=locked),
        value=Decimal("1.1"),
        opening=None,
        trades_per_day=Decimal("2.4"),
    )
    now = 1 - barrier.stop_loss
    assert now * barrier.scale == pytest.approx(floor)
    assert barrier.scale * 1.05 == pytest.approx(1.1, abs=1e-5)


@pytest.mark.parametrize("growth", [0.0, 0.01, -0.01])
@pytest.mark.parametrize("name", sorted(BARRIERS))
def test_trades_that_are_all_alike_are_no_error(name: str, growth: float) -> None:
    found = evaluate_policy(
        1.0, [growth], [1.0], 1.0, 20, 0.05, BARRIERS[name], 0.99, grouped=True
    )
    assert found.probability == (growth > 0)


@pytest.mark.parametrize(
    ("mode", "trades", "size", "goal"),
    [
        ("trailing_closed", 60, 0.01, "0.05"),
        ("trailing_closed", 300, 0.0046, "0.12"),
        ("static", 2000, 0.0018, "0.8"),
    ],
)
def test_a_quick_table_is_worth_nearly_as_much(
    mode: str, trades: int, size: float, goal: str
) -> None:
    random = np.random.default_rng(3)
    drawn = np.where(random.random(600) < 0.48, 1.5, -1.0) * size
    edge = estimate_edge(drawn * (1 + 0.2 * random.standard_normal(600)))
    assert edge is not None
    barrier = Barrier(drawdown_mode=mode, hard_drawdown=0.12, soft_drawdown=0.06)
    asked = make_inputs(
        edge,
        trades_left=trades,
        goal_return=Decimal(goal),
        barrier=barrier,
        min_factor=Decimal("0.5"),
        max_factor=Decimal("1.3"),
    )
    quick, each = asked.roughly(trades)

    def worth(inputs: DeadlineInputs, trades_a_row: float) -> float:
        table = solve(inputs)

        def choose(left: int, *seen: Any) -> Any:
            return table.factors_at(max(round(left / trades_a_row), 1), *seen)

        walked = Walked(choose, float(goal), barrier, reads_time=False)
        drawn = edge.tilted(edge.shrunk_mean)
        return walked.chance(drawn, TradesLeft(trades), nodes=200)

    assert worth(quick, each) == pytest.approx(worth(asked, 1.0), abs=0.02)


def test_a_walk_of_too_many_states_asks_its_policy_no_more() -> None:
    asked: list[int] = []

    def choose(left: int, equity: Any, *seen: Any) -> Any:
        asked.append(left)
        return np.ones_like(equity)

    outcomes = take_outcomes(EDGE.growths, EDGE.probabilities, 1.0)
    found = walk_under(choose, Barrier(), outcomes, 2_000, 0.1, 1.0, np.ones(1))
    assert found is None
    assert len(asked) < 10
