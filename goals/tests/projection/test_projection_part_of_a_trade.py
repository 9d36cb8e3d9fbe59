"""Few trades expected: none may come, one, or more."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from math import exp

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
@pytest.mark.parametrize("trades", ["0.002", "0.25", "1"])
def test_while_a_trade_is_expected_what_one_trade_reaches_has_a_chance(
    policy: PolicyName, trades: str
) -> None:
    at_once = 1 - exp(-float(trades))  # that at least one comes
    low, high = chances(trades, policy)[1:]
    assert 0 < low <= high
    assert chances(trades, policy)[0] >= Decimal(at_once) * Decimal("0.3")


def test_the_probability_grows_with_the_trades_expected() -> None:
    parts = [chances(f"{n / 10}")[0] for n in range(16)]
    assert parts[0] == 0
    assert all(before < after for before, after in pairwise(parts))


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
