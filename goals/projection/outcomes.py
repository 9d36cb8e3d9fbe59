"""The outcomes of one trade, as a discrete distribution. Pure."""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from goals.projection.types import Floats, Numbers
from mastertrade.values.exceptions import InvalidInput

SUM_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One trade's outcomes, their probabilities, and the share of equity at risk.

    A trade at `factor` multiplies equity by 1 + base_risk · factor · outcome. With
    outcomes in R (multiples of what is risked) `base_risk` is the risk of a trade at
    factor 1; with growths themselves it is 1.
    """

    values: Floats
    probabilities: Floats
    base_risk: float

    def log_steps(self, factors: Floats) -> Floats:
        """ln of what a trade multiplies equity by, shape (factors, outcomes).

        Minus infinity where nothing is left.
        """
        growth = 1 + self.base_risk * np.multiply.outer(factors, self.values)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.maximum(growth, 0.0)))

    def reach(self, factor: float, trades: int, deviations: float) -> float:
        """Log-growth of n trades that is passed only by luck of `deviations`."""
        return self._travel(factor, trades, deviations, 1.0)

    def fall(self, factor: float, trades: int, deviations: float) -> float:
        """The same downwards, as a positive number; infinity where all may be lost."""
        if not np.isfinite(self.log_steps(np.array([factor]))).all():
            return float("inf")
        return self._travel(factor, trades, deviations, -1.0)

    def _travel(
        self, factor: float, trades: int, deviations: float, path: float
    ) -> float:
        steps = self.log_steps(np.array([factor]))[0]
        with np.errstate(invalid="ignore"):
            steps = path * np.where(np.isfinite(steps), steps, 0.0)
        mean = float(self.probabilities @ steps)
        spread = float(np.sqrt(self.probabilities @ steps**2))
        best = float(max(steps.max(), 0.0)) * trades
        likely = max(mean, 0.0) * trades + deviations * spread * trades**0.5
        return float(min(best, likely))

    def typical_step(self, factor: float) -> float:
        """Root of the mean squared log-growth of one trade; 0 if all are 0."""
        steps = self.log_steps(np.array([factor]))[0]
        steps = np.where(np.isfinite(steps), steps, -1.0)
        return float(np.sqrt(self.probabilities @ steps**2))


def take_outcomes(
    outcomes: Numbers, probabilities: Numbers, base_risk: float
) -> Outcomes:
    """Check a distribution; `InvalidInput` names what is wrong with it.

    Outcomes of probability 0 are dropped.
    """
    values = _take("outcomes", outcomes)
    weights = _take("probabilities", probabilities)
    if values.shape != weights.shape:
        raise InvalidInput(
            "probabilities", f"are {weights.size}, the outcomes {values.size}."
        )
    if (weights < 0).any() or abs(float(weights.sum()) - 1) > SUM_TOLERANCE:
        raise InvalidInput("probabilities", "must be at least 0 and sum to 1.")
    require("base_risk", base_risk, above=0.0)
    possible = weights > 0
    return Outcomes(values[possible], weights[possible], float(base_risk))


def take_factors(factors: Numbers) -> Floats:
    """Check a policy's choices; returns them ascending, each once."""
    taken = np.unique(_take("factors", factors))
    if taken[0] < 0:
        raise InvalidInput("factors", "must not be negative.")
    return taken


def require(
    name: str, value: float, *, above: float, below: float | None = None
) -> float:
    """A finite number above (and below) a bound; `InvalidInput` names it otherwise."""
    number = read_number(value)
    if not isfinite(number) or number <= above or (below or float("inf")) <= number:
        upper = "" if below is None else f" and below {below:g}"
        raise InvalidInput(name, f"must be a number above {above:g}{upper}.")
    return number


def read_number(value: object) -> float:
    """A number as a float; what is none as NaN."""
    try:
        return float("nan") if isinstance(value, (str, bool)) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _take(name: str, values: Numbers) -> Floats:
    try:
        taken = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        taken = np.empty(0)
    if taken.ndim != 1 or not taken.size or not np.isfinite(taken).all():
        raise InvalidInput(name, "must be numbers, at least one, and finite.")
    return taken
