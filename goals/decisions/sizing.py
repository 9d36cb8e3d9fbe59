"""Position sizing: policy, guards, rounding, verdict. Pure."""

from dataclasses import dataclass, replace
from decimal import Decimal

from goals.decisions.arbitration import Arbitration, arbitrate
from goals.decisions.guards import apply_guards
from goals.decisions.guards.base import Exposure, GuardResult, SizingInputs
from goals.decisions.size_request import SizeRequest
from goals.decisions.size_warnings import SizeWarning, find_warnings
from goals.enums import Verdict
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import Text, cased, exact, join, name, say
from mastertrade.values.money import (
    HUNDRED,
    MONEY,
    PERCENT,
    PRICE,
    ZERO,
    exactly,
    fits,
    quantum,
    round_down,
    round_down_to_step,
    upper_bound,
)

# A ratio of min_size.
LARGEST_ROUNDING = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class SizingDecision:
    """How large to trade, and why.

    `adjustment_factor` is the multiplier after every guard, `adjusted_size` the
    notional to trade (what `quantity` costs, where a price was given). With a stop,
    `risk_amount` is what it loses there and `risk_pct` that in percent of the live
    equity, rounded down.
    """

    arbitration: Arbitration
    base_size: Decimal
    adjustment_factor: Decimal
    adjusted_size: Decimal
    quantity: Decimal | None
    verdict: Verdict
    guards: tuple[GuardResult, ...]
    reason: Text
    warnings: tuple[SizeWarning, ...] = ()
    risk_amount: Decimal | None = None
    risk_pct: Decimal | None = None


@exactly
def decide_size(inputs: SizingInputs) -> SizingDecision:
    """Scale the base size by the deciding goal's policy, inside every limit.

    Live, in a replay, and again from the log. The limits come last, so being behind a
    goal can never raise one of them, and nothing is rounded up. `InvalidInput` where
    the price or the stop makes a figure that its column does not hold.
    """
    request = inputs.request
    arbitration = arbitrate(inputs.goals)
    own = arbitration.deciding_factor
    base_size = inputs.base_size
    guards, allowed = apply_guards(own.floored_factor, inputs, base_size)
    size, quantity = _round_size(request, allowed)
    too_small = _find_too_small(request, inputs.exposure, allowed, size, quantity)
    if too_small and (allowed > 0 or guards[-1].factor_before > 0):
        blocked = replace(guards[-1], factor_after=ZERO, reason=too_small)
        guards = (*guards[:-1], blocked)
        size, quantity = ZERO, None if quantity is None else ZERO
    factor = guards[-1].factor_after
    verdict = _judge(size, factor, own.policy_factor)
    risk_amount = risk_pct = None
    if request.stop_price is not None and quantity is not None:
        risk_amount, risk_pct = _measure_risk(request, quantity, inputs.exposure)
    return SizingDecision(
        arbitration=arbitration,
        base_size=base_size,
        adjustment_factor=factor,
        adjusted_size=size,
        quantity=quantity,
        verdict=verdict,
        guards=guards,
        reason=_explain(arbitration, guards, verdict),
        warnings=find_warnings(
            size,
            factor,
            inputs.exposure,
            inputs.risk_state,
            has_stop=request.stop_price is not None,
        ),
        risk_amount=risk_amount,
        risk_pct=risk_pct,
    )


def _measure_risk(
    request: SizeRequest, quantity: Decimal, exposure: Exposure
) -> tuple[Decimal, Decimal]:
    """What the quantity loses at the stop: money, and percent of the live equity."""
    if quantity == 0:
        return ZERO, ZERO
    loss = request.measure_loss(quantity * (request.price or ZERO))
    pct = loss / exposure.live_equity * HUNDRED
    _refuse_above("stop_price", "risk_amount", loss, MONEY)
    _refuse_above("stop_price", "risk_pct", pct, PERCENT)
    return round_down(loss, MONEY), round_down(pct, PERCENT)


def _round_size(
    request: SizeRequest, notional: Decimal
) -> tuple[Decimal, Decimal | None]:
    """Notional and quantity, both rounded down; the notional is the quantity's cost."""
    if request.price is None:
        return round_down(notional, MONEY), None
    step = request.lot_step or quantum(PRICE)
    quantity = round_down_to_step(notional / request.price, step)
    _refuse_above("price", "quantity", quantity, PRICE)
    return round_down(quantity * request.price, MONEY), quantity


def _refuse_above(
    field: str, name: str, value: Decimal, column: tuple[int, int]
) -> None:
    if not fits(value, column):
        most = f"{upper_bound(column):f}"
        raise InvalidInput(
            field,
            f"makes a {name} above {most}: out of range. Check it, or ask about a "
            "smaller size.",
        )


def _find_too_small(
    request: SizeRequest,
    exposure: Exposure,
    allowed: Decimal,
    size: Decimal,
    quantity: Decimal | None,
) -> Text | None:
    if size == 0:
        return Text("nothing is left after the limits and rounding down")
    least = request.min_size
    if least is None or size >= least:
        return None
    if request.lot_step is None and allowed >= least:
        # The last place of a quantity may cost that little, a lot nothing.
        cost = size if quantity is None else quantity * (request.price or ZERO)
        if least - cost <= least * LARGEST_ROUNDING:
            return None
    shown = exposure.in_words(size, least)
    return say(
        "{} is below {} {}", shown, name("min_size"), exposure.in_words(least, size)
    )


def _judge(size: Decimal, factor: Decimal, policy_factor: Decimal) -> Verdict:
    if size == 0:
        return Verdict.BLOCK
    if factor < policy_factor or factor < 1:
        return Verdict.REDUCE
    return Verdict.ALLOW


def _explain(
    arbitration: Arbitration, guards: tuple[GuardResult, ...], verdict: Verdict
) -> Text:
    """One sentence for people: the policy, each guard that acted, the verdict."""
    acted = [
        say(
            "{} {} → {}: {}",
            name(guard.name),
            exact(guard.factor_before),
            exact(guard.factor_after),
            guard.reason,
        )
        for guard in guards
        if guard.binds
    ]
    said = join("; ", [arbitration.reason, *acted, f"verdict {verdict}"])
    return cased(say("{}.", said))
