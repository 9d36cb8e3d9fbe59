"""However odd a record is, its projection takes no more than so much work."""

from decimal import Decimal
from unittest.mock import patch

import numpy as np

from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved
from goals.projection import evaluate
from goals.projection.barrier_induction import follow_under
from goals.projection.challenge_steps import Given
from goals.projection.edge import estimate_edge
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import growth, project_goal
from goals.projection.policy_functions import GoalPolicy
from goals.projection.suggestions import MOST_TARGETS
from goals.projection.types import Floats
from tests.examples import crossed

# Of many trades: the point and the band's ends, whether it can be reached, the targets,
# and three numbers of trades.
MOST_INDUCTIONS = 14 + 2 * MOST_TARGETS + 4
# Stretches for which a policy is asked, in all of them, and nodes of each.
MOST_STRETCHES = 3_000
MOST_NODES = 420
# Values read: an outcome of a node in a step.
MOST_READ = 260_000_000
DRAWN = np.random.default_rng(3)
RARE = DRAWN.random(20_000)
RECORDS = {
    "one win in 50 of half the equity": np.where(RARE < 0.02, 0.5, -0.009),
    "one win in 1000 that doubles it": np.where(RARE < 0.001, 1.0, -0.0008),
    "one loss in 100": np.where(RARE < 0.01, -0.09, 0.001),
    "wins without a mean": np.minimum(DRAWN.pareto(1.2, 20_000) * 2e-4, 0.9) - 7e-4,
    "normal": DRAWN.normal(0.0002, 0.01, 20_000),
    "tiny": DRAWN.normal(1e-5, 3e-4, 20_000),
}


@crossed("name, goal_return", RECORDS, ["0.01", "0.6", "20"])
def test_a_projection_of_many_trades_is_bounded(name: str, goal_return: str) -> None:
    edge = estimate_edge(RECORDS[name])
    assert edge is not None
    policy = GoalPolicy(
        policy=PolicyName.PACE,
        path=GoalPath(goal_return=Decimal(goal_return), equity=Decimal(1)),
        min_factor=Decimal("0.25"),
        max_factor=Decimal("1.5"),
        after_achieved=AfterAchieved.PROTECT,
        edge=growth(abs(edge.shrunk_mean)),
    )
    follow, expect = follow_under, Given.expect
    walked, nodes, values = [], [], []

    def count_walk(barrier, plan, states, *asked, **more):
        walked.append(len(plan.stretches))
        nodes.append(states.nodes)
        return follow(barrier, plan, states, *asked, **more)

    def count_read(given: Given, around: Floats, ends):
        values.append(given.place.size)
        return expect(given, around, ends)

    with (
        patch.object(evaluate, "follow_under", count_walk),
        patch.object(Given, "expect", count_read),
    ):
        figures = project_goal(edge, policy, trades_left=Decimal(24_463), stop_loss=0.6)

    assert 1 <= len(walked) <= MOST_INDUCTIONS
    assert sum(walked) <= MOST_STRETCHES
    assert max(nodes) <= MOST_NODES
    assert sum(values) <= MOST_READ
    assert figures.low <= figures.probability <= figures.high
