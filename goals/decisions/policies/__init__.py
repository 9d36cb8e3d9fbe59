"""The policies a goal may have, and the bounds of every factor. Pure.

A policy is a rule over a goal's progress and time left that gives the factor by which
the base size is multiplied. Live decisions, replay and projection ask the same rule.
Adding one: docs/architecture.md, "Which files you touch".
"""

from decimal import Decimal
from enum import StrEnum
from typing import Self

from goals.decisions.policies import constant, deadline_optimal, ladder, pace
from goals.decisions.policies.base import Policy
from goals.enums import AfterAchieved


class PolicyName(StrEnum):
    """Every policy: its name in the database and the API, and its rule."""

    rule: Policy

    LADDER = "ladder", ladder.POLICY
    CONSTANT = "constant", constant.POLICY
    PACE = "pace", pace.POLICY
    DEADLINE_OPTIMAL = "deadline_optimal", deadline_optimal.POLICY

    def __new__(cls, name: str, *rule: Policy) -> Self:
        # Called for members only; the signature also serves `PolicyName("ladder")`.
        member = str.__new__(cls, name)
        member._value_ = name
        (member.rule,) = rule
        return member


# What a policy gives where it does not know what it needs.
FALLBACK = PolicyName.LADDER

# Multipliers, no unit. Source: docs/rules.md, "Sizing".
AFTER_ACHIEVED_FACTORS = {
    AfterAchieved.PROTECT: Decimal("0.5"),
    AfterAchieved.CONTINUE: Decimal(1),
    AfterAchieved.STOP: Decimal(0),
}
DEFAULT_MIN_FACTOR = Decimal("0.5")
DEFAULT_MAX_FACTOR = Decimal("1.3")
# No goal may ask for less or more than this.
LOWEST_FACTOR = Decimal("0.1")
HIGHEST_FACTOR = Decimal(2)
