"""What would make a goal as probable as not, under the policy it would have then."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved
from goals.projection.barrier import Barrier
from goals.projection.edge import Edge, estimate_edge
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import project_goal
from goals.projection.policy_functions import GoalPolicy
from goals.projection.policy_tables import make_inputs, solve
from goals.projection.suggestions import suggest

LEAST, MOST = Decimal("0.5"), Decimal("1.3")
STOP_PCT = Decimal(20)
TRADES = 60


def make_edge() -> Edge:
    generator = np.random.default_rng(5)
    wins = generator.random(300) < 0.55
    edge = estimate_edge(np.where(wins, generator.uniform(0.002, 0.02, 300), -0.01))
    assert edge is not None
    return edge


def make_policy(policy: PolicyName, edge: Edge, target: str, trades: int) -> GoalPolicy:
    table = None
    if policy is PolicyName.DEADLINE_OPTIMAL:
        table = solve(
            make_inputs(
                edge,
                trades_left=trades,
                goal_return=Decimal(target),
                barrier=Barrier(hard_drawdown=float(STOP_PCT) / 100),
                min_factor=LEAST,
                max_factor=MOST,
            )
        )
    return GoalPolicy(
        policy=policy,
        path=GoalPath(Decimal(target), Decimal("1.01")),
        min_factor=LEAST,
        max_factor=MOST,
        after_achieved=AfterAchieved.PROTECT,
        edge=Decimal(str(round(edge.shrunk_mean, 12))),
        table=table,
    )


def project_toward(policy: PolicyName, edge: Edge, target: str, trades: int = TRADES):
    return project_goal(
        edge,
        make_policy(policy, edge, target, trades),
        trades_left=Decimal(trades),
        stop_loss=float(STOP_PCT) / 100,
    )


@pytest.mark.parametrize("target", ["0.3", "0.03"], ids=["too far", "near"])
@pytest.mark.parametrize("policy", list(PolicyName))
@pytest.mark.slow
def test_a_goal_with_the_suggested_target_is_as_probable_as_not(policy, target):
    edge = make_edge()
    suggested = project_toward(policy, edge, target).suggested_return
    assert suggested is not None
    assert (suggested < Decimal(target)) == (target == "0.3")
    then = project_toward(policy, edge, str(suggested))
    assert float(then.probability) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("policy", list(PolicyName))
@pytest.mark.slow
def test_a_goal_with_the_suggested_trades_is_as_probable_as_not(policy):
    edge = make_edge()
    suggested = project_toward(policy, edge, "0.12").suggested_trades
    assert suggested is not None
    then = project_toward(policy, edge, "0.12", suggested)
    assert float(then.probability) == pytest.approx(0.5, abs=0.02)


def test_wins_of_many_times_the_equity_suggest_no_boundless_target():
    edge = estimate_edge([10.0] * 30)
    assert edge is not None
    answer = suggest(edge, lambda *_: 1.0, trades_left=20, goal_return=1e9)
    assert (answer.trades_left, answer.goal_return) == (9, None)


def test_a_sure_growth_suggests_what_it_brings():
    edge = estimate_edge([0.01] * 30)
    assert edge is not None
    answer = suggest(edge, lambda *_: 1.0, trades_left=20, goal_return=0.1)
    assert answer.goal_return == pytest.approx(1.01**20 - 1, rel=0.02)
    assert answer.goal_return <= 1.01**20 - 1
    assert answer.trades_left == 10


def test_a_target_for_few_trades_is_judged_as_the_goal_would_be():
    edge = estimate_edge([-0.01, -0.01, 0.02] * 10)
    assert edge is not None
    for policy in (PolicyName.CONSTANT, PolicyName.LADDER):
        suggested = project_toward(policy, edge, "0.03", 3).suggested_return
        assert suggested is not None
        then = project_toward(policy, edge, str(suggested), 3)
        assert float(then.probability) >= 0.5


@given(
    goal=st.decimals("0.01", "2", places=6),
    other=st.decimals("0.01", "2", places=6),
    start=st.decimals("0", "90", places=6),
)
def test_another_target_leaves_what_was_done_and_the_way_back(goal, other, start):
    path = GoalPath(goal, Decimal(1), start)
    there = path.toward(other)
    done = goal * start / (100 - start)
    assert there.start_progress_pct == pytest.approx(done / (done + other) * 100)
    back = there.toward(goal)
    assert replace(back, start_progress_pct=start) == path
    assert back.start_progress_pct == pytest.approx(start)


def test_a_value_keeps_its_digits_however_far_the_target_is():
    path = GoalPath(Decimal("99999999999999.99"), Decimal("0.875"))
    target = Decimal("9999999999999999")
    (value,) = path.value_at(np.array([0.875]), Decimal(0), target)
    assert value == pytest.approx(-12.5)
