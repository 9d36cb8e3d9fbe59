"""Position sizing: policy, guards, rounding, verdict. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from goals.decisions.arbitration import Arbitration, GoalState, arbitrate
from goals.decisions.guards import (
    Exposure,
    GuardResult,
    RiskState,
    SizeCap,
    cap_by_max_size,
    cap_by_position,
    guard_bounds,
    guard_drawdown,
    guard_edge,
    guard_exposure,
)
from goals.decisions.size_warnings import SizeWarning, find_warnings
from goals.enums import Verdict
from mastertrade.values.money import (
    MONEY,
    PRICE,
    exactly,
    format_plain,
    quantum,
    round_down,
    round_down_to_step,
)

ZERO = Decimal(0)
# A ratio of min_size.
LARGEST_ROUNDING = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class SizeRequest:
    """What the caller asks about. Sizes are notional, in the portfolio's currency.

    `price` per unit of the symbol; `lot_step` in units of the symbol.
    """

    base_size: Decimal
    price: Decimal | None = None
    max_size: Decimal | None = None
    min_size: Decimal | None = None
    lot_step: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SizingInputs:
    """All that a size follows from; the log stores it, and it is decided again from it.

    `goals` must not be empty. `tables`: by its hash, what each solved table that a goal
    looked at was solved from, as plain JSON.
    """

    request: SizeRequest
    goals: tuple[GoalState, ...]
    exposure: Exposure
    risk_state: RiskState
    tables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SizingDecision:
    """How large to trade, and why.

    `adjustment_factor` is the multiplier after every guard, `adjusted_size` the
    notional to trade (what `quantity` costs, where a price was given).
    """

    arbitration: Arbitration
    adjustment_factor: Decimal
    adjusted_size: Decimal
    quantity: Decimal | None
    verdict: Verdict
    guards: tuple[GuardResult, ...]
    reason: str
    warnings: tuple[SizeWarning, ...] = ()


def decide(inputs: SizingInputs) -> SizingDecision:
    """The size for these inputs: live, in a replay, and again from the log."""
    return decide_size(inputs.request, inputs.goals, inputs.exposure, inputs.risk_state)


@exactly
def decide_size(
    request: SizeRequest,
    goals: tuple[GoalState, ...],
    exposure: Exposure,
    risk_state: RiskState,
) -> SizingDecision:
    """Scale the base size by the deciding goal's policy, inside every limit.

    `goals` must not be empty. The limits come last, so being behind a goal can never
    raise one of them, and nothing is rounded up.
    """
    arbitration = arbitrate(goals)
    own = arbitration.deciding_factor
    bounds = guard_bounds(own, goals)
    drawdown = guard_drawdown(bounds.factor_after, risk_state)
    edge = guard_edge(drawdown.factor_after, risk_state)
    caps = _collect_caps(request, exposure)
    capped = guard_exposure(edge.factor_after, request.base_size, caps)
    wanted = request.base_size * edge.factor_after
    allowed = min([wanted, *(cap.size for cap in caps)])
    size, quantity = _round_size(request, allowed)
    too_small = _find_too_small(request, allowed, size, quantity)
    if edge.factor_after > 0 and too_small:
        capped = replace(capped, factor_after=ZERO, reason=too_small)
        size, quantity = ZERO, None if quantity is None else ZERO
    verdict = _judge(size, capped.factor_after, own.policy_factor)
    guards = (bounds, drawdown, edge, capped)
    return SizingDecision(
        arbitration=arbitration,
        adjustment_factor=capped.factor_after,
        adjusted_size=size,
        quantity=quantity,
        verdict=verdict,
        guards=guards,
        reason=_explain(arbitration, guards, verdict),
        warnings=find_warnings(size, capped.factor_after, exposure, risk_state),
    )


def _collect_caps(request: SizeRequest, exposure: Exposure) -> tuple[SizeCap, ...]:
    caps = (cap_by_position(exposure), cap_by_max_size(request.max_size))
    return tuple(cap for cap in caps if cap is not None)


def _round_size(
    request: SizeRequest, notional: Decimal
) -> tuple[Decimal, Decimal | None]:
    """Notional and quantity, both rounded down; the notional is the quantity's cost."""
    if request.price is None:
        return round_down(notional, MONEY), None
    step = request.lot_step or quantum(PRICE)
    quantity = round_down_to_step(notional / request.price, step)
    return round_down(quantity * request.price, MONEY), quantity


def _find_too_small(
    request: SizeRequest, allowed: Decimal, size: Decimal, quantity: Decimal | None
) -> str | None:
    if size == 0:
        return "nothing is left after the limits and rounding down"
    least = request.min_size
    if least is None or size >= least:
        return None
    if request.lot_step is None and allowed >= least:
        # The last place of a quantity may cost that little, a lot nothing.
        cost = size if quantity is None else quantity * (request.price or ZERO)
        if least - cost <= least * LARGEST_ROUNDING:
            return None
    return f"{format_plain(size)} is below min_size {format_plain(least)}"


def _judge(size: Decimal, factor: Decimal, policy_factor: Decimal) -> Verdict:
    if size == 0:
        return Verdict.BLOCK
    if factor < policy_factor or factor < 1:
        return Verdict.REDUCE
    return Verdict.ALLOW


def _explain(
    arbitration: Arbitration, guards: tuple[GuardResult, ...], verdict: Verdict
) -> str:
    """One sentence for people: the policy, each guard that acted, the verdict."""
    acted = [
        f"{guard.name} {format_plain(guard.factor_before)} → "
        f"{format_plain(guard.factor_after)}: {guard.reason}"
        for guard in guards
        if guard.factor_after != guard.factor_before
    ]
    reason = "; ".join([arbitration.reason, *acted, f"verdict {verdict}"])
    return reason[0].upper() + reason[1:] + "."
