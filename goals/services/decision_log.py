"""The log of sizing decisions: what was looked at, what was answered.

A row holds enough to take the decision again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from goals.decisions.arbitration import GoalState
from goals.decisions.guards.base import (
    Exposure,
    GuardResult,
    RiskState,
    SizingInputs,
)
from goals.decisions.policies.deadline_optimal import DEADLINE_VERSION
from goals.decisions.size_request import SizeRequest
from goals.decisions.size_warnings import SizeWarning
from goals.decisions.sizing import SizingDecision, decide_size
from goals.models import GoalAdjustmentLog, Portfolio
from goals.projection.policy_tables import DeadlineInputs, DeadlineTable
from goals.services.policy_tables import load_table
from goals.services.trade_forecasts import apply_table
from mastertrade.db.raw_sql import insert
from mastertrade.values.exceptions import DomainError, IdempotencyConflict
from mastertrade.values.in_text import Text
from mastertrade.values.jsonable import from_plain, to_plain
from mastertrade.values.money import FACTOR, MONEY, PERCENT, PRICE, round_to

# The figures of an answer, and the columns whose places they have.
ANSWERED = {
    "base_size": MONEY,
    "adjusted_size": MONEY,
    "quantity": PRICE,
    "risk_amount": MONEY,
    "risk_pct": PERCENT,
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


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a decision is as it is, in sentences with their figures marked."""

    reason: Text
    guards: tuple[GuardResult, ...]
    warnings: tuple[SizeWarning, ...]


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
        base_size=decision.base_size,
        adjusted_size=decision.adjusted_size,
        progress_pct=decider.progress_pct,
        portfolio_value=round_to(inputs.exposure.live_equity, MONEY),
        reason=decision.reason,
        verdict=decision.verdict,
        band=own.band,
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
        answer=answer_of(decision),
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
    solved table is the kept one, or solved again from the inputs in the row; what the
    table of an older version answered is in the row itself.
    """
    inputs = _read_inputs(row.inputs)
    tables = {
        digest: load_table(digest, from_plain(DeadlineInputs, solved))
        for digest, solved in row.inputs.get("tables", {}).items()
        if solved["version"] == DEADLINE_VERSION
    }
    goals = tuple(_apply_table(one, tables) for one in inputs.goals)
    return decide_size(replace(inputs, goals=goals))


def explain(row: GoalAdjustmentLog) -> Explanation:
    """Why a logged decision is as it is.

    By the code of today where it decides the same by what a table answered then; else,
    as after an update, in the words that are stored, which mark no figure.
    """
    stored = read_guards(row.guards)
    try:
        decision = decide_size(_read_inputs(row.inputs))
    except (DomainError, ValueError):  # an older version needed less
        decision = None
    if decision is not None and _chain_of(decision.guards) == _chain_of(stored):
        return Explanation(decision.reason, decision.guards, decision.warnings)
    warnings = tuple(from_plain(SizeWarning, one) for one in row.warnings)
    return Explanation(Text(row.reason), stored, warnings)


def read_guards(stored: Iterable[Any]) -> tuple[GuardResult, ...]:
    return tuple(from_plain(GuardResult, one) for one in stored)


def _chain_of(guards: Iterable[GuardResult]) -> list[tuple[str, Decimal, Decimal]]:
    return [(one.name, one.factor_before, one.factor_after) for one in guards]


def _read_inputs(stored: Mapping[str, Any]) -> SizingInputs:
    return SizingInputs(
        request=from_plain(SizeRequest, stored["request"]),
        goals=tuple(from_plain(GoalState, one) for one in stored["goals"]),
        exposure=from_plain(Exposure, stored["context"]),
        risk_state=from_plain(RiskState, stored["conditions"]),
    )


def _apply_table(
    goal_state: GoalState, tables: Mapping[str, DeadlineTable]
) -> GoalState:
    if goal_state.solved is None or goal_state.solved.version != DEADLINE_VERSION:
        return goal_state
    return apply_table(goal_state, tables[goal_state.solved.table])


def answer_of(decision: SizingDecision) -> dict[str, Any]:
    """The caller's answer as plain JSON; decimals as strings, column's places."""
    arbitration = decision.arbitration
    decider = arbitration.decider
    answer: dict[str, Any] = {
        "goal_id": decider.goal_id,
        "base_size": decision.base_size,
        "adjusted_size": decision.adjusted_size,
        "adjustment_factor": decision.adjustment_factor,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "band": arbitration.deciding_factor.band,
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
    for name in ("quantity", "risk_amount", "risk_pct"):
        if (figure := getattr(decision, name)) is not None:
            answer[name] = figure
    plain: dict[str, Any] = to_plain(answer, ANSWERED)
    return plain
