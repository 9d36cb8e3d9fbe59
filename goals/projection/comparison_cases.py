"""Named distributions of one trade's outcome, to compare policies on. Pure.

Outcomes are in R: multiples of what a trade at factor 1 risks. They are chosen to be
simple, not fitted to any market; costs are inside them.
"""

import re
from dataclasses import dataclass
from math import exp

from goals.projection.outcomes import Outcomes, take_outcomes
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import no_choice

# Share of equity that a trade at factor 1 risks: 1 R is 1 %.
BASE_RISK = 0.01


@dataclass(frozen=True, slots=True)
class Case:
    """A distribution by name: `outcomes` in R with their probabilities."""

    name: str
    meaning: str
    outcomes: tuple[float, ...]
    probabilities: tuple[float, ...]

    def at_risk(self, base_risk: float) -> Outcomes:
        """The distribution where a trade at factor 1 risks this share of equity."""
        return take_outcomes(self.outcomes, self.probabilities, base_risk)


def _win_two_or_lose_one(name: str, edge: float, meaning: str) -> Case:
    """Wins of 2 R and losses of 1 R; `edge` is their mean in R."""
    wins = (1 + edge) / 3
    return Case(name, meaning, (-1.0, 2.0), (1 - wins, wins))


def _two_outcomes(name: str, win: float, loss: float, edge: float) -> Case:
    if win == 0 or loss == 0 or not -loss < edge < win:
        raise InvalidInput(
            "case", f"{name}: win and loss are not 0, and the edge lies between them."
        )
    wins = (edge + loss) / (win + loss)
    meaning = f"wins {win:g} R or loses {loss:g} R, {edge:+g} R"
    return Case(name, meaning, (-loss, win), (1 - wins, wins))


def _bell(name: str, edge: float, meaning: str) -> Case:
    """A normal distribution of deviation 1 R, cut at 3 R to both sides of its mean."""
    places = [place / 10 for place in range(-30, 31, 3)]
    weights = [exp(-(place**2) / 2) for place in places]
    return Case(
        name,
        meaning,
        tuple(round(edge + place, 9) for place in places),
        tuple(weight / sum(weights) for weight in weights),
    )


CASES = {
    case.name: case
    for case in (
        _win_two_or_lose_one("strong-edge", 0.3, "wins 2 R or loses 1 R, +0.3 R"),
        _win_two_or_lose_one("modest-edge", 0.1, "wins 2 R or loses 1 R, +0.1 R"),
        _win_two_or_lose_one("no-edge", 0.0, "wins 2 R or loses 1 R, 0 R"),
        _win_two_or_lose_one("negative-edge", -0.1, "wins 2 R or loses 1 R, -0.1 R"),
        Case(
            "skewed",
            "many small losses, rarely 8 R: follows trends, +0.1 R",
            (-1.0, 1.0, 8.0),
            (0.8, 0.1, 0.1),
        ),
        Case(
            "skewed-losses",
            "many small wins, rarely -4 R: sells insurance, -0.1 R",
            (-4.0, -1.0, 0.5),
            (0.09, 0.13, 0.78),
        ),
        _bell("bell-negative-edge", -0.1, "normal, deviation 1 R, mean -0.1 R"),
    )
}


# A win, a loss, and their mean, all in R.
WRITTEN = "2R/-1R, edge 0.08"
TWO_OUTCOMES = re.compile(
    r"\s*\+?(?P<win>\d+(\.\d+)?)\s*R?\s*/\s*-(?P<loss>\d+(\.\d+)?)\s*R?\s*,"
    r"\s*edge\s*(?P<edge>[+-]?\d+(\.\d+)?)\s*R?\s*",
    re.IGNORECASE,
)


def find_case(name: str) -> Case:
    """The case of this name, or one written as `WRITTEN`."""
    written = TWO_OUTCOMES.fullmatch(name)
    if written is not None:
        return _two_outcomes(
            name, *(float(written[part]) for part in ("win", "loss", "edge"))
        )
    if name not in CASES:
        raise InvalidInput(
            "case",
            f"{no_choice(name, CASES)} Or a win, a loss and their mean, in R, written "
            f'as "{WRITTEN}".',
        )
    return CASES[name]
