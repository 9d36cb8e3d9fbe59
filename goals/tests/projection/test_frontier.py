"""The frontier of constant sizes and policies, and its sentence."""

import numpy as np
import pytest

from goals.projection.edge import estimate_edge
from goals.projection.evaluate import evaluate_policy
from goals.projection.frontier import (
    Frontier,
    FrontierPoint,
    Sizing,
    constant_alike,
    judge,
    measure_frontier,
    spread_factors,
)
from goals.projection.trades_left import TradesLeft
from goals.projection.walks import walk
from goals.tests.projection.test_barrier import BARRIERS, EDGE
from tests.examples import crossed

FACTORS = (0.5, 1.0, 1.5)


def point(probability: float, fall: float) -> FrontierPoint:
    return FrontierPoint(probability, fall, 0.0, None)


def frontier_of(probability: float, fall: float) -> Frontier:
    constants = ((0.5, point(0.3, 0.1)), (1.0, point(0.5, 0.3)), (1.5, point(0.6, 0.6)))
    return Frontier(constants, {"ladder": point(probability, fall)})


@pytest.mark.parametrize(
    ("fall", "factor", "probability"),
    [(0.05, 0.5, 0.3), (0.2, 0.75, 0.4), (0.3, 1.0, 0.5), (0.9, 1.5, 0.6)],
)
def test_a_constant_alike_falls_as_often(
    fall: float, factor: float, probability: float
) -> None:
    found = constant_alike(frontier_of(0.5, fall), fall)
    assert found == pytest.approx((factor, probability))


def test_the_verdict_says_where_a_constant_does_as_well() -> None:
    as_well = judge(frontier_of(0.409, 0.2), "ladder")
    assert as_well.startswith("A constant size of 0.75 does as well as ladder")
    more = judge(frontier_of(0.363, 0.2), "ladder")
    assert more.startswith("A constant size of 0.75 does better than ladder")
    better = judge(frontier_of(0.45, 0.2), "ladder")
    assert "5.0 points less" in better
    assert "no such gain is established" in better


def test_a_frontier_is_that_of_exact_chances_and_of_larger_falls() -> None:
    edge = estimate_edge(np.random.default_rng(1).normal(0.001, 0.01, 300))
    assert edge is not None
    found = measure_frontier(
        edge,
        {"own": Sizing(lambda _, equity: np.where(equity < 1.02, 1.5, 0.5), False)},
        FACTORS,
        trades_left=TradesLeft(40),
        days_left=20,
        goal_return=0.06,
        stop_loss=0.12,
    )
    falls = [one.fall_10_probability for _, one in found.constants]
    assert falls == sorted(falls)
    for factor, one in found.constants:
        asked = (*edge.tilted(edge.shrunk_mean), 1.0, 40, 0.06, 0.12)
        exact = evaluate_policy(factor, *asked)
        assert one.probability == pytest.approx(exact.probability, abs=0.02)
        assert one.breach_probability == pytest.approx(exact.stop_probability, abs=0.03)
        assert one.median_days is not None
        assert 0 < one.median_days <= 40
    assert found.policies["own"].probability > found.constants[0][1].probability


def test_a_walk_ends_at_goal_stop_or_its_own_end() -> None:
    growths = np.array([[0.1, -0.2, 0.05, 0.0], [0.1, 0.5, -0.1, 0.0]])
    ends = np.array([2, 2, 2, 1])
    found = walk(lambda _, at: np.ones_like(at), growths, ends, 0.09, 0.15, 1.0)
    assert found.reached.tolist() == [True, False, False, False]
    assert found.stopped.tolist() == [False, True, False, False]
    assert found.steps.tolist() == [1, 1, 2, 1]
    assert found.falls.tolist() == pytest.approx([0, 0.2, 0.1, 0])


def test_constant_sizes_lie_between_the_goals_bounds() -> None:
    spread = spread_factors(0.5, 1.3)
    assert (spread[0], spread[-1], len(spread)) == (0.5, 1.3, 9)
    assert spread_factors(1.0, 1.0) == spread_factors(1.0, 0.5) == [1.0]


@crossed("name, factor", sorted(BARRIERS), [1.0, 2.0])
def test_walks_meet_a_barrier_as_an_induction_does(name: str, factor: float) -> None:
    barrier, trades, walks = BARRIERS[name], 60, 40_000
    drawn = EDGE.tilted(EDGE.shrunk_mean)
    alike = evaluate_policy(factor, *drawn, 1.0, trades, 0.06, barrier, 0.99)
    places = np.random.default_rng(7).choice(drawn[0].size, (trades, walks), p=drawn[1])
    found = walk(
        lambda _, equity, *seen: np.full(equity.shape, factor),
        drawn[0][places],
        np.full(walks, trades),
        0.06,
        barrier,
        0.99,
    )
    assert found.reached.mean() == pytest.approx(alike.probability, abs=0.01)
    assert found.stopped.mean() == pytest.approx(alike.stop_probability, abs=0.01)


def test_the_verdict_compares_nothing_where_every_constant_falls_oftener() -> None:
    verdict = judge(frontier_of(0.45, 0.05), "ladder")
    assert verdict.startswith("ladder reaches the goal with 45.0 %")
    assert "every constant size does so in 10.0 % or more, so none compares" in verdict


def floored(probability: float, breach: float) -> FrontierPoint:
    """With a floor so near that nothing falls by 10 %."""
    return FrontierPoint(probability, 0.0, breach, None)


@pytest.mark.parametrize(
    ("probability", "breach", "verdict"),
    [
        (0.363, 0.2, "A constant size of 0.75 does better than ladder: at the same "),
        (0.399, 0.2, "A constant size of 0.75 does as well as ladder: at the same "),
        (0.45, 0.2, "At the same probability of hitting the floor ladder reaches "),
        (0.45, 0.05, "ladder reaches the goal with 45.0 % and hits the floor in 5.0 %"),
    ],
)
def test_where_nothing_falls_deep_sizes_are_compared_at_the_floor(
    probability: float, breach: float, verdict: str
) -> None:
    chances = ((0.5, 0.3, 0.1), (1.0, 0.5, 0.3), (1.5, 0.6, 0.6))
    constants = tuple((size, floored(*one)) for size, *one in chances)
    found = Frontier(constants, {"ladder": floored(probability, breach)})

    said = judge(found, "ladder")

    assert said.startswith(verdict)
    assert "10 %" not in said


def test_the_verdict_says_where_nothing_reaches_the_goal() -> None:
    none = point(0.0, 0.1)
    found = Frontier(((0.5, none), (1.0, none)), {"ladder": none})
    assert judge(found, "ladder").startswith("No way of sizing reaches the goal")
