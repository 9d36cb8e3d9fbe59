"""The next trade: strategy and size from the same goal."""

from dataclasses import replace
from decimal import Decimal

from goals.decisions.arbitration import arbitrate
from goals.decisions.guards.base import Exposure, RiskState, SizingInputs
from goals.decisions.size_request import SizeRequest
from goals.decisions.sizing import decide_size
from goals.decisions.trade_record import NO_RECORD
from goals.tests.decisions.test_arbitration import goal_state
from strategies.decisions.selection import Candidate, select_strategy
from strategies.enums import RiskProfile
from trades.decisions.planning import plan_trade

REQUEST = SizeRequest(base_size=Decimal(1000))
UNLIMITED = Exposure(Decimal(1000), None, None)
CALM = RiskState(Decimal(0), Decimal(10), Decimal(20), NO_RECORD)
CANDIDATES = tuple(
    Candidate(kind, kind, RiskProfile.MODERATE)
    for kind in ("momentum", "carry", "mean_reversion")
)


def plan(*goals):
    return plan_trade(SizingInputs(REQUEST, goals, UNLIMITED, CALM), CANDIDATES)


def test_the_deciding_goal_chooses_the_strategy():
    urgent, easy = goal_state(1, "90", priority=1), goal_state(2, "0", priority=9)
    assert plan(easy, urgent).selection.selected.strategy_id == "mean_reversion"


def test_strategy_and_size_come_from_the_same_goal():
    goals = goal_state(1, "90", priority=1), goal_state(2, "0", priority=9)
    planned = plan(*goals)
    assert planned.decider == planned.sizing.arbitration.decider


def test_a_plan_is_the_selection_and_the_size_that_each_would_give_alone():
    goals = goal_state(1, "50"), goal_state(2, "10")
    planned = plan(*goals)
    band = arbitrate(goals).decider.band
    assert planned.selection == select_strategy(band, CANDIDATES)
    chosen = planned.selection.selected.strategy_id
    judged = replace(CALM, record_of=chosen)
    assert planned.sizing == decide_size(
        SizingInputs(REQUEST, goals, UNLIMITED, judged)
    )
