"""Many trades in fewer steps: how few, how near to walking each trade, and kept."""

import time
from decimal import Decimal

import numpy as np
import pytest

from goals import projecting
from goals.enums import AfterAchieved, PolicyName
from goals.policy_functions import GoalPolicy
from goals.projecting import in_steps, project_goal
from goals.projection.edge import Edge, estimate_edge
from goals.projection.evaluate import evaluate_policy
from goals.projection.grouping import plan_steps, sum_of, trades_at
from goals.projection.outcomes import take_outcomes
from goals.ways import Way


def make_edge(mean: float = 0.0002, deviation: float = 0.01) -> Edge:
    drawn = np.random.default_rng(3).normal(mean, deviation, 400)
    edge = estimate_edge(drawn)
    assert edge is not None
    return edge


def make_policy(edge: Edge, name: PolicyName, goal: str) -> GoalPolicy:
    return GoalPolicy(
        policy=name,
        way=Way(Decimal(goal), Decimal(1)),
        min_factor=Decimal("0.5"),
        max_factor=Decimal("1.5"),
        after_achieved=AfterAchieved.PROTECT,
        edge=Decimal(str(edge.shrunk_mean)),
    )


@pytest.mark.parametrize("name", [one for one in PolicyName if "deadline" not in one])
@pytest.mark.parametrize("trades", [200, 500])
@pytest.mark.parametrize("stop_loss", [0.1, 0.6])
@pytest.mark.parametrize("share", [0.15, 0.8])
def test_walking_trades_together_is_near_to_walking_each(
    name: PolicyName, trades: int, stop_loss: float, share: float
) -> None:
    edge = make_edge()
    goal = round(0.01 * trades**0.5 * share, 6)
    choose = make_policy(edge, name, str(goal)).as_function()
    each, grouped = (
        evaluate_policy(
            choose,
            edge.growths,
            edge.probabilities,
            1.0,
            trades,
            goal,
            stop_loss,
            nodes=400,
            grouped=together,
        )
        for together in (False, True)
    )
    assert grouped.probability == pytest.approx(each.probability, abs=0.015)
    assert grouped.probability != each.probability
    assert grouped.trades[-1] == trades
    assert len(grouped.trades) < len(each.trades)


@pytest.mark.parametrize("trades", [61, 100, 999, 2_000, 10_000])
@pytest.mark.parametrize("nearest", [1e-9, 0.005, 0.5])
@pytest.mark.parametrize("way", [1e-6, 0.1, 5.0])
def test_no_walk_has_more_steps_than_are_bounded(
    trades: int, nearest: float, way: float
) -> None:
    edge = make_edge()
    outcomes = take_outcomes(edge.growths, edge.probabilities, 1.0)
    steps = plan_steps(outcomes, trades, nearest, way, 1.5)
    assert trades_at(steps)[-1] == trades
    assert len(steps) < 420


@pytest.mark.parametrize("trades", [2, 3, 7.5, 64, 1_000])
def test_a_sum_has_the_mean_and_the_deviation_of_so_many_trades(trades: float) -> None:
    edge = make_edge()
    one = take_outcomes(edge.growths, edge.probabilities, 1.0)
    told = sum_of(one, trades)
    mean, of_sum = (o.values @ o.probabilities for o in (one, told))
    assert of_sum == pytest.approx(mean * trades)
    spread, wider = (
        ((o.values - o.values @ o.probabilities) ** 2 @ o.probabilities) ** 0.5
        for o in (one, told)
    )
    assert wider == pytest.approx(spread * trades**0.5)


def test_trades_left_are_projected_in_steps_of_a_hundredth() -> None:
    assert [in_steps(Decimal(n)) for n in ("0.4", 7, 199, 200, 201, 24_463)] == [
        0,
        7,
        199,
        200,
        200,
        2_000,
    ]
    assert 0.99 < in_steps(Decimal(1_234)) / 1_234 <= 1


def test_the_same_question_is_answered_from_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edge = make_edge()
    policy = make_policy(edge, PolicyName.PACE, "0.1")
    first = project_goal(edge, policy, trades_left=Decimal(1_201), stop_loss=0.1)
    monkeypatch.setattr(projecting, "project", None)
    later = project_goal(edge, policy, trades_left=Decimal("1200.2"), stop_loss=0.1)
    assert (later.probability, later.fan) == (first.probability, first.fan)
    assert later.required_per_trade != first.required_per_trade
    with pytest.raises(TypeError):
        project_goal(edge, policy, trades_left=Decimal(1_000), stop_loss=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", [one for one in PolicyName if "deadline" not in one])
def test_a_projection_of_thousands_of_trades_is_a_bounded_piece_of_work(
    name: PolicyName,
) -> None:
    """It took 3 to 7 s of CPU; the bound leaves room for a slow machine."""
    edge = make_edge(0.00001, 0.0002)
    policy = make_policy(edge, name, "0.05")
    begin = time.process_time()
    project_goal(edge, policy, trades_left=Decimal(24_463), stop_loss=0.1)
    assert time.process_time() - begin < 1.5
