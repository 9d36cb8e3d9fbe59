"""Less than one trade expected: one with that probability, none otherwise."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from goals.decisions.policies import PolicyName
from goals.projection.goal_path import GoalPath
from goals.projection.goal_projection import measure_chances, project_goal
from goals.tests.projection.test_projection_grouping import make_edge, make_policy

POLICIES = [one for one in PolicyName if "deadline" not in one]
LADDER = PolicyName.LADDER


def chances(trades: str, policy: PolicyName = LADDER, goal: str = "0.001"):
    edge = make_edge()
    asked = make_policy(edge, policy, goal)
    found = measure_chances(edge, asked, trades_left=Decimal(trades), stop_loss=0.1)
    return found.probability, found.low, found.high


@pytest.mark.parametrize("policy", POLICIES)
def test_a_quarter_of_a_trade_is_a_quarter_of_what_one_trade_gives(
    policy: PolicyName,
) -> None:
    whole, part = chances("1", policy), chances("0.25", policy)
    assert whole[0] > 0
    assert part == pytest.approx([each / 4 for each in whole], abs=Decimal("1e-6"))


def test_the_probability_grows_without_a_step_up_to_one_trade() -> None:
    parts = [chances(f"{n / 10}")[0] for n in range(11)]
    assert parts[0] == 0
    steps = [after - before for before, after in pairwise(parts)]
    assert all(
        step == pytest.approx(parts[-1] / 10, abs=Decimal("2e-6")) for step in steps
    )


def test_what_is_reached_stays_so_without_a_trade() -> None:
    edge = make_edge()
    policy = make_policy(edge, LADDER, "0.001")
    there = replace(policy, path=GoalPath(Decimal("0.001"), Decimal("1.002")))
    for trades in ("0", "0.25", "1"):
        found = measure_chances(edge, there, trades_left=Decimal(trades), stop_loss=0.1)
        assert found.probability == found.low == found.high == 1


def test_a_projection_and_the_daily_run_say_the_same_of_a_part() -> None:
    edge = make_edge()
    policy = make_policy(edge, LADDER, "0.001")
    answer = project_goal(edge, policy, trades_left=Decimal("0.25"), stop_loss=0.1)
    assert (answer.probability, answer.low, answer.high) == chances("0.25")
    assert (answer.suggested_return, answer.fan) == (None, ())
    assert answer.suggested_trades is not None
