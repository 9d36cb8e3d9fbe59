"""The next trade: which strategy and how large, in one decision. Pure.

The one composition of selection and sizing: the live services and the replay both
call it, so they cannot drift apart.
"""

from dataclasses import dataclass, replace

from goals.decisions.arbitration import GoalState, rank
from goals.decisions.guards.base import SizingInputs
from goals.decisions.sizing import SizingDecision, decide_size
from strategies.decisions.selection import Candidate, Selection, select_strategy


@dataclass(frozen=True, slots=True)
class TradePlan:
    """A strategy and a size, each with its reason, and what the size follows from."""

    decider: GoalState
    selection: Selection
    inputs: SizingInputs
    sizing: SizingDecision


def plan_trade(inputs: SizingInputs, candidates: tuple[Candidate, ...]) -> TradePlan:
    """Let the deciding goal choose the strategy, then size the trade.

    `candidates` must not be empty, and come with their records: the edge guard judges
    the chosen one by its record, whatever record `inputs` have.
    """
    decider = min(inputs.goals, key=rank)
    selection = select_strategy(decider.band, candidates, reached=decider.achieved)
    chosen = selection.selected.strategy_id
    record = next(one.record for one in candidates if one.strategy_id == chosen)
    risk_state = replace(inputs.risk_state, record=record, record_of=chosen)
    judged = replace(inputs, risk_state=risk_state)
    return TradePlan(decider, selection, judged, decide_size(judged))
