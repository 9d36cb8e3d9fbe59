"""The log of sizing decisions: what was looked at, what was answered.

A row holds enough to take the decision again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from goals.decisions.arbitration import GoalState
from goals.decisions.guards.base import (
    Exposure,
    Halt,
    RiskState,
    SizeRequest,
    SizingInputs,
)
from goals.decisions.policies import PolicyName
from goals.decisions.sizing import SizingDecision, decide_size
from goals.decisions.trade_record import GrowthRecord
from goals.enums import AfterAchieved, EdgeGuard, HaltCause
from goals.models import GoalAdjustmentLog, Portfolio
from goals.projection.policy_tables import DeadlineTable
from goals.services.policy_tables import load_table
from goals.services.trade_forecasts import apply_table
from mastertrade.db.raw_sql import insert
from mastertrade.values.exceptions import IdempotencyConflict
from mastertrade.values.jsonable import to_plain
from mastertrade.values.money import FACTOR, MONEY, PERCENT, PRICE, round_to

# The figures of an answer, and the columns whose places they have.
ANSWERED = {
    "base_size": MONEY,
    "adjusted_size": MONEY,
    "quantity": PRICE,
    "adjustment_factor": FACTOR,
    "factor_before": FACTOR,
    "factor_after": FACTOR,
    "factor": FACTOR,
    "progress_pct": PERCENT,
}


@dataclass(frozen=True, slots=True)
class SizingCall:
    """One call for a size: what was asked, its time, and the clock."""

    request: SizeRequest
    as_of: datetime
    now: datetime
    fingerprint: str
    request_id: str | None = None
    strategy_id: str | None = None
    symbol: str | None = None


def find_known_decision(
    portfolio: Portfolio, call: SizingCall
) -> GoalAdjustmentLog | None:
    """The decision this `request_id` got before; a conflict if it asked otherwise."""
    if call.request_id is None:
        return None
    known = GoalAdjustmentLog.objects.filter(
        portfolio=portfolio, request_id=call.request_id
    ).first()
    if known is not None and known.request_fingerprint != call.fingerprint:
        raise IdempotencyConflict(
            f"request_id {call.request_id} was used before with another body. Send "
            "that body again, or another request_id."
        )
    return known


def log_decision(
    portfolio: Portfolio,
    call: SizingCall,
    inputs: SizingInputs,
    decision: SizingDecision,
) -> GoalAdjustmentLog:
    """Write the decision down, with all it follows from; `decide_again` reads that."""
    decider = decision.arbitration.decider
    own = decision.arbitration.deciding_factor
    tables = {"tables": inputs.tables} if inputs.tables else {}
    row = GoalAdjustmentLog(
        goal_id=decider.goal_id,
        portfolio=portfolio,
        adjustment_factor=decision.adjustment_factor,
        base_size=inputs.request.base_size,
        adjusted_size=decision.adjusted_size,
        progress_pct=decider.progress_pct,
        portfolio_value=round_to(inputs.exposure.live_equity, MONEY),
        reason=decision.reason,
        verdict=decision.verdict,
        band=decider.band,
        policy=decider.policy,
        policy_version=own.policy_version,
        policy_factor=own.policy_factor,
        strategy_id=call.strategy_id,
        symbol=call.symbol,
        guards=to_plain(decision.guards),
        inputs=to_plain(
            {
                "request": inputs.request,
                "goals": inputs.goals,
                "context": inputs.exposure,
                "conditions": inputs.risk_state,
                **tables,
            }
        ),
        answer=answer_of(decision, inputs.request),
        as_of=call.as_of,
        request_id=call.request_id,
        request_fingerprint=call.fingerprint,
        created_at=call.now,
    )
    insert(row)
    return row


def decide_again(row: GoalAdjustmentLog) -> SizingDecision:
    """Take a logged decision once more, from nothing but what its row holds.

    A newer policy may answer otherwise; `policy_version` says which one this was. A
    solved table is the kept one, or solved again from the inputs in the row.
    """
    stored = row.inputs
    tables = {
        digest: load_table(digest, solved)
        for digest, solved in stored.get("tables", {}).items()
    }
    goals = (_read_goal_state(goal_state, tables) for goal_state in stored["goals"])
    return decide_size(
        SizingInputs(
            request=SizeRequest(**_read_decimals(stored["request"])),
            goals=tuple(goals),
            exposure=_read_exposure(stored["context"]),
            risk_state=_read_conditions(stored["conditions"]),
        )
    )


def _read_exposure(stored: Mapping[str, Any]) -> Exposure:
    """Rows from before the currency was stored have none."""
    currency = stored.get("currency", "")
    return Exposure(**{**_read_decimals(stored), "currency": currency})


def _read_conditions(stored: Mapping[str, Any]) -> RiskState:
    halt, record = stored["halt"], stored["record"]
    return RiskState(
        **{
            **_read_decimals(stored),
            "halt": halt and _read_halt(halt),
            "record": record and GrowthRecord(**_read_decimals(record)),
            "edge_guard": EdgeGuard(stored["edge_guard"]),
            "record_of": stored["record_of"],
        }
    )


def _read_halt(stored: Mapping[str, Any]) -> Halt:
    until = stored["until"]
    return Halt(
        cause=HaltCause(stored["cause"]),
        since=datetime.fromisoformat(stored["since"]),
        until=datetime.fromisoformat(until) if until else None,
        reason=stored["reason"],
    )


def _read_goal_state(
    stored: Mapping[str, Any], tables: Mapping[str, DeadlineTable]
) -> GoalState:
    deadline, solved = stored["deadline"], stored.get("solved")
    goal_state = GoalState(
        **{
            **_read_decimals(stored),
            "deadline": datetime.fromisoformat(deadline) if deadline else None,
            "policy": PolicyName(stored["policy"]),
            "after_achieved": AfterAchieved(stored["after_achieved"]),
            "solved": None,
            "unreachable": stored.get("unreachable"),
        }
    )
    return apply_table(goal_state, tables[solved["table"]]) if solved else goal_state


def _read_decimals(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Text that is a number, as the number; numbers and the rest as they are."""
    return {name: _read_decimal(value) for name, value in stored.items()}


def _read_decimal(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return Decimal(value)
    except InvalidOperation:
        return value


def answer_of(decision: SizingDecision, request: SizeRequest) -> dict[str, Any]:
    """What the caller is told, as plain JSON; decimals as strings, column's places."""
    arbitration = decision.arbitration
    decider = arbitration.decider
    answer: dict[str, Any] = {
        "goal_id": decider.goal_id,
        "base_size": request.base_size,
        "adjusted_size": decision.adjusted_size,
        "adjustment_factor": decision.adjustment_factor,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "band": decider.band,
        "progress_pct": decider.progress_pct,
        "policy": decider.policy,
        "guards": decision.guards,
        "warnings": decision.warnings,
        "goals": [
            {
                "goal_id": own.goal_id,
                "factor": own.factor,
                "band": own.band,
                "decides": own.goal_id == decider.goal_id,
            }
            for own in arbitration.factors
        ],
        "conflict": arbitration.conflict,
    }
    if decision.quantity is not None:
        answer["quantity"] = decision.quantity
    plain: dict[str, Any] = to_plain(answer, ANSWERED)
    return plain
