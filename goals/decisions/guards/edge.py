"""The record of closed trades. Pure."""

from decimal import Decimal

from goals.decisions.guards.base import GuardAnswer, SizingInputs
from goals.decisions.trade_record import FEWEST_TRADES, SKEWED_BELOW, GrowthRecord
from goals.enums import EdgeGuard
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import ONE


class RecordUnknown(DomainError):
    """The record of closed trades could not be read."""

    code = "record_unknown"


def guard_edge(factor: Decimal, inputs: SizingInputs) -> GuardAnswer:
    """No factor above 1 where the record of closed trades speaks against it."""
    risk_state = inputs.risk_state
    record = risk_state.record
    if record is None:
        raise RecordUnknown("The record of closed trades could not be read.")
    whose = "the portfolio"
    if risk_state.record_of is not None:
        whose = f"strategy {risk_state.record_of}"
    trades = f"{record.trades} closed trade" + ("" if record.trades == 1 else "s")
    if record.judged:
        reason = f"{whose} has {trades}, {_say_evidence(record)}"
        held = not record.allows_more
    else:
        reason = f"{whose} has {trades}, below {FEWEST_TRADES}: {risk_state.edge_guard}"
        held = risk_state.edge_guard is EdgeGuard.STRICT
    if held:
        return GuardAnswer(min(factor, ONE), f"{reason}: no factor above 1")
    return GuardAnswer(factor, reason)


def _say_evidence(record: GrowthRecord) -> str:
    if record.lacks_losses:
        return "none of them a loss"
    if record.is_skewed and record.skewness is not None:
        skewness = in_text.decimals(record.skewness, SKEWED_BELOW)
        return (
            f"skewness {skewness}: one more loss as large as the worst, "
            f"{in_text.ratio(record.worst)}, is counted, 80 % lower bound "
            f"{in_text.ratio(record.lower_if_worse)} per trade"
        )
    return f"80 % lower bound {in_text.ratio(record.lower)} per trade"
