"""The guards of a sizing decision, in their order. Pure.

Each can only lower the factor, and says why. What a guard needs and cannot be read is
an error, never a guess: fail closed.
Adding one: docs/architecture.md, "Which files you touch".
"""

from decimal import Decimal

from goals.decisions.guards.base import Guard, GuardResult, SizingInputs
from goals.decisions.guards.bounds import guard_bounds
from goals.decisions.guards.day_rules import guard_day_rules
from goals.decisions.guards.drawdown import guard_drawdown
from goals.decisions.guards.edge import guard_edge
from goals.decisions.guards.exposure import guard_exposure
from goals.decisions.guards.headroom import guard_headroom

# The last one also answers for a size that rounding leaves too small.
GUARDS: dict[str, Guard] = {
    "bounds": guard_bounds,
    "drawdown": guard_drawdown,
    "day_rules": guard_day_rules,
    "edge": guard_edge,
    "headroom": guard_headroom,
    "exposure": guard_exposure,
}


def apply_guards(
    factor: Decimal, inputs: SizingInputs, base_size: Decimal
) -> tuple[tuple[GuardResult, ...], Decimal]:
    """What each guard did to the factor, and the notional that all of them leave."""
    size = base_size * factor
    results = []
    for name, guard in GUARDS.items():
        answer = guard(factor, inputs)
        results.append(GuardResult(name, factor, answer.factor, answer.reason))
        if answer.largest_size is not None:
            size = min(size, answer.largest_size)
        elif answer.factor < factor:
            size = min(size, base_size * answer.factor)
        factor = answer.factor
    return tuple(results), size
