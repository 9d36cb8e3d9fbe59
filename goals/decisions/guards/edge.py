"""The record of closed trades. Pure."""

from decimal import Decimal

from goals.decisions.guards.base import GuardAnswer, SizingInputs
from goals.decisions.trade_record import FEWEST_TRADES, SKEWED_BELOW, GrowthRecord
from goals.enums import EdgeGuard
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.in_text import Text, name, say
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
        reason = say("{} has {}, {}", whose, trades, _say_evidence(record))
        held = not record.allows_more
    else:
        rule = name(risk_state.edge_guard)
        reason = say("{} has {}, below {}: {}", whose, trades, FEWEST_TRADES, rule)
        held = risk_state.edge_guard is EdgeGuard.STRICT
    if held:
        return GuardAnswer(min(factor, ONE), say("{}: no factor above 1", reason))
    return GuardAnswer(factor, reason)


def _say_evidence(record: GrowthRecord) -> Text:
    if record.lacks_losses:
        return Text("none of them a loss")
    if record.is_skewed and record.skewness is not None:
        return say(
            "few large losses among small gains (skewness {}): one more loss as large "
            "as the worst, {}, is counted, {}",
            in_text.decimals(record.skewness, SKEWED_BELOW),
            in_text.ratio(record.worst),
            _say_bound(record.lower_if_worse),
        )
    return _say_bound(record.lower)


def _say_bound(lower: Decimal) -> Text:
    bound = in_text.ratio(lower)
    return say("with 80 % confidence a trade makes {} or more on average", bound)
