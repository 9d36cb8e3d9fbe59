"""The next trade: which strategy and how large, in one decision. Pure.

The one composition of selection and sizing: the live services and the replay both
call it, so they cannot drift apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from goals.decisions.arbitration import GoalState, arbitrate
from goals.decisions.guards.base import Exposure, RiskState, SizeRequest
from goals.decisions.sizing import SizingDecision, decide_size
from goals.decisions.trade_record import GrowthRecord
from strategies.decisions.selection import Candidate, Selection, select_strategy


@dataclass(frozen=True, slots=True)
class TradePlan:
    """A strategy and a size, each with its reason, and what the guards looked at."""

    decider: GoalState
    selection: Selection
    sizing: SizingDecision
    risk_state: RiskState


def plan_trade(
    *,
    request: SizeRequest,
    goals: tuple[GoalState, ...],
    candidates: tuple[Candidate, ...],
    exposure: Exposure,
    risk_state: RiskState,
    records: Mapping[str, GrowthRecord],
) -> TradePlan:
    """Let the deciding goal choose the strategy, then size the trade.

    `goals` and `candidates` must not be empty. The edge guard judges the chosen
    strategy by its record in `records`, whatever record `risk_state` has.
    """
    decider = arbitrate(goals).decider
    selection = select_strategy(decider.band, candidates)
    chosen = selection.selected.strategy_id
    judged = replace(risk_state, record=records.get(chosen), record_of=chosen)
    return TradePlan(
        decider=decider,
        selection=selection,
        sizing=decide_size(request, goals, exposure, judged),
        risk_state=judged,
    )
