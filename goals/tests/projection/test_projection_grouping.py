"""Many trades in fewer steps: how few, how near to walking each trade, and kept."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved
from goals.projection import goal_projection as projecting
from goals.projection.barrier import Barrier
from goals.projection.challenge_steps import Given
from goals.projection.deadline import solve_deadline_policy
from goals.projection.edge import Edge, estimate_edge
from goals.projection.evaluate import evaluate_policy
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import in_steps, project_goal
from goals.projection.grouping import ROUGH_SHARE, plan_steps, sum_of, trades_at
from goals.projection.outcomes import take_outcomes
from goals.projection.policy_functions import GoalPolicy
from goals.projection.policy_tables import DeadlineInputs, make_inputs, solve, unpack
from tests.examples import crossed


def make_edge(mean: float = 0.0002, deviation: float = 0.01) -> Edge:
    drawn = np.random.default_rng(3).normal(mean, deviation, 400)
    edge = estimate_edge(drawn)
    assert edge is not None
    return edge


NORMAL = np.random.default_rng(3).normal(0.0005, 0.01, 400).tolist()


def make_question(
    edge: Edge, trades: int, goal: str, stop_pct: int = 20
) -> DeadlineInputs:
    asked = make_inputs(
        edge,
        trades_left=trades,
        goal_return=Decimal(goal),
        barrier=Barrier(hard_drawdown=stop_pct / 100),
        min_factor=Decimal("0.5"),
        max_factor=Decimal("1.3"),
    )
    return replace(asked, trades_left=trades)


def make_policy(edge: Edge, name: PolicyName, goal: str) -> GoalPolicy:
    return GoalPolicy(
        policy=name,
        path=GoalPath(Decimal(goal), Decimal(1)),
        min_factor=Decimal("0.5"),
        max_factor=Decimal("1.5"),
        after_achieved=AfterAchieved.PROTECT,
        edge=Decimal(str(edge.shrunk_mean)),
    )


@crossed(
    "name, trades, stop_loss, share",
    [one for one in PolicyName if "deadline" not in one],
    [200, 500],
    [0.1, 0.6],
    [0.15, 0.8],
)
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
    assert grouped.probability == pytest.approx(each.probability, abs=0.005)
    assert grouped.trades[-1] == trades
    assert len(grouped.trades) < len(each.trades)


@pytest.mark.parametrize("trades", [61, 100, 999, 2_000, 10_000])
@pytest.mark.parametrize("nearest", [1e-9, 0.005, 0.5])
@pytest.mark.parametrize("path", [1e-6, 0.1, 5.0])
def test_a_policy_is_asked_a_bounded_number_of_times(
    trades: int, nearest: float, path: float
) -> None:
    edge = make_edge()
    outcomes = take_outcomes(edge.growths, edge.probabilities, 1.0)
    plan = plan_steps(outcomes, trades, nearest, path, 1.5)
    assert trades_at(plan)[-1] == trades
    assert len(plan) < 160
    rough = plan_steps(outcomes, trades, nearest, path, 1.5, ROUGH_SHARE)
    assert len(rough) < 70


@crossed(
    "trades, deviation, goal",
    [61, 400, 1_000, 2_000],
    [0.0002, 0.01, 0.05],
    ["0.005", "0.5"],
)
def test_a_table_of_many_trades_has_a_bounded_number_of_rows_and_nodes(
    trades: int, deviation: float, goal: str
) -> None:
    table = solve(make_question(make_edge(0.0, deviation), trades, goal))
    rows, layers, nodes = table.choices.shape
    assert layers == 1
    assert rows <= 160
    assert nodes <= 420
    assert (table.trades[-1], table.chances.shape) == (trades, (rows, layers, nodes))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("growths", "trades", "goal", "stop_pct"),
    [
        (NORMAL, 400, "0.2", 20),
        (NORMAL, 400, "0.03", 5),
        ([-0.01] * 58 + [0.015] * 42, 400, "0.1", 5),
        ([-0.01] * 95 + [0.3] * 5, 200, "0.3", 20),
    ],
    ids=["many outcomes", "a narrow way", "two outcomes", "rare wins"],
)
def test_a_table_of_grouped_trades_is_near_the_best(
    growths: list[float], trades: int, goal: str, stop_pct: int
) -> None:
    """Followed trade by trade on fine nodes, beside the best on fine nodes."""
    edge = estimate_edge(growths)
    assert edge is not None
    asked = make_question(edge, trades, goal, stop_pct)
    world = (asked.growths, asked.probabilities, 1.0, trades, asked.goal_return)
    best = solve_deadline_policy(
        *world, asked.factors, stop_pct / 100, asked.stop_penalty, nodes=800
    )
    table = solve(asked)
    followed = evaluate_policy(table.factors_at, *world, stop_pct / 100, nodes=1_200)
    assert followed.value(asked.stop_penalty) == pytest.approx(best.value, abs=0.005)
    answer = float(table.probability_at(trades, Decimal(1)))
    assert answer == pytest.approx(followed.probability, abs=0.005)


def test_a_packed_table_answers_as_the_solved_one() -> None:
    asked = make_question(make_edge(), 400, "0.2")
    solved = solve(asked)
    kept = unpack(asked, solved.pack())
    equity = np.linspace(0.8, 1.2, 50)
    for trades in (1, 48, 49, 100, 399, 400):
        factors = solved.factors_at(trades, equity)
        assert np.array_equal(factors, kept.factors_at(trades, equity))
        chances = {t.probability_at(trades, Decimal("1.01")) for t in (solved, kept)}
        assert len(chances) == 1


def test_a_probability_between_two_rows_lies_between_theirs() -> None:
    table = solve(make_question(make_edge(), 400, "0.2"))
    below, above = table.trades[-2:].tolist()
    first, second, third = (
        table.probability_at(round(trades), Decimal("1.05"))
        for trades in (below, (below + above) / 2, above)
    )
    assert first < second < third


@pytest.mark.parametrize("trades", [2, 3, 7.5, 64, 1_000])
def test_a_sum_has_the_mean_and_the_deviation_of_so_many_trades(trades: float) -> None:
    edge = make_edge()
    one = take_outcomes(edge.growths, edge.probabilities, 1.0)
    answer = sum_of(one, trades)
    mean, of_sum = (o.values @ o.probabilities for o in (one, answer))
    assert of_sum == pytest.approx(mean * trades)
    spread, wider = (
        ((o.values - o.values @ o.probabilities) ** 2 @ o.probabilities) ** 0.5
        for o in (one, answer)
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
    monkeypatch.setattr(projecting, "project_policy", None)
    later = project_goal(edge, policy, trades_left=Decimal("1200.2"), stop_loss=0.1)
    assert (later.probability, later.fan) == (first.probability, first.fan)
    assert later.required_per_trade != first.required_per_trade
    with pytest.raises(TypeError):
        project_goal(edge, policy, trades_left=Decimal(1_000), stop_loss=0.1)


@crossed("name, goal", PolicyName, ["0.005", "0.05"])
def test_a_projection_of_thousands_of_trades_is_a_bounded_piece_of_work(
    name: PolicyName, goal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In values read between nodes, each of which costs some nanoseconds."""
    edge = make_edge(0.00001, 0.0002)
    policy = make_policy(edge, name, goal)
    if name is PolicyName.DEADLINE_OPTIMAL:
        policy = replace(policy, table=solve(make_question(edge, 2_000, goal)))
    read = 0
    original = Given.expect

    def count(given, around, ends):  # type: ignore[no-untyped-def]
        nonlocal read
        read += given.place.size
        return original(given, around, ends)

    monkeypatch.setattr(Given, "expect", count)
    project_goal(edge, policy, trades_left=Decimal(24_463), stop_loss=0.1)
    assert 0 < read < 25_000_000
