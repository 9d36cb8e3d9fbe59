"""The factors of a table that is solved for the goal. Pure.

`goals.projection.policy_tables` solves it.
"""

from goals.decisions.policies.base import (
    ArrayInputs,
    Floats,
    Needs,
    Policy,
    PolicyAnswer,
    PolicyInputs,
)
from mastertrade.values import in_text
from mastertrade.values.in_text import say

DEADLINE_VERSION = "deadline_optimal-8"


def _ask(goal: PolicyInputs) -> PolicyAnswer | None:
    solved = goal.solved
    if solved is None:
        return None
    # The table has no row for less than one trade.
    if_made = "if one trade more is made: " if (goal.trades_left or 0) < 1 else ""
    growth = ""
    if goal.need is not None and goal.edge is not None:
        need, edge = in_text.ratio(goal.need), in_text.ratio(goal.edge)
        growth = say("required growth {} and edge {} per trade, ", need, edge)
    why = say(
        " ({}P {} to touch the goal, {}{})",
        if_made,
        in_text.ratio(solved.probability),
        growth,
        goal.trades_in_words,
    )
    return PolicyAnswer(solved.version, solved.factor, why)


def _ask_arrays(goal: ArrayInputs) -> Floats | None:
    if goal.table is None:
        return None
    row = max(round(goal.trades_left / goal.trades_a_row), 1)
    return goal.table.factors_at(row, goal.equity, *goal.seen)


POLICY = Policy(DEADLINE_VERSION, Needs.SOLVED_TABLE, _ask, _ask_arrays)
