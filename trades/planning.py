"""The next trade: which strategy and how large, in one decision. Pure.

The one composition of selection and sizing: the live services and the replay both
call it, so they cannot drift apart.
"""

from dataclasses import dataclass

from goals.arbitration import GoalStanding, arbitrate
from goals.guards import Exposure
from goals.sizing import SizeRequest, SizingDecision, decide_size
from strategies.selection import Candidate, Selection, select_strategy


@dataclass(frozen=True, slots=True)
class TradePlan:
    """A strategy and a size, each with its reason."""

    decider: GoalStanding
    selection: Selection
    sizing: SizingDecision


def plan_trade(
    *,
    request: SizeRequest,
    goals: tuple[GoalStanding, ...],
    candidates: tuple[Candidate, ...],
    exposure: Exposure,
) -> TradePlan:
    """Let the deciding goal choose the strategy, then size the trade.

    `goals` and `candidates` must not be empty.
    """
    decider = arbitrate(goals).decider
    return TradePlan(
        decider=decider,
        selection=select_strategy(decider.band, candidates),
        sizing=decide_size(request, goals, exposure),
    )
