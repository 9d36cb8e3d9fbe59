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
from mastertrade.values.money import format_plain

DEADLINE_VERSION = "deadline_optimal-7"


def _ask(goal: PolicyInputs) -> PolicyAnswer | None:
    solved = goal.solved
    if solved is None:
        return None
    # The table has no row for less than one trade.
    if_made = "if one trade more is made: " if (goal.trades_left or 0) < 1 else ""
    gives = (
        f"gives {format_plain(solved.factor)} ({if_made}P "
        f"{in_text.ratio(solved.probability)} to touch the goal, "
    )
    if goal.need is not None and goal.edge is not None:
        gives += (
            f"required growth {in_text.ratio(goal.need)} and edge "
            f"{in_text.ratio(goal.edge)} per trade, "
        )
    gives += f"{goal.trades_in_words})"
    return PolicyAnswer(solved.version, solved.factor, gives)


def _ask_arrays(goal: ArrayInputs) -> Floats | None:
    if goal.table is None:
        return None
    row = max(round(goal.trades_left / goal.trades_a_row), 1)
    return goal.table.factors_at(row, goal.equity, *goal.seen)


POLICY = Policy(DEADLINE_VERSION, Needs.SOLVED_TABLE, _ask, _ask_arrays)
