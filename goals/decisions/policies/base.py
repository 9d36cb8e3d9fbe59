"""What a policy is, and what it may look at. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mastertrade.values import in_text
from mastertrade.values.in_text import Text, exact, say

Floats: TypeAlias = NDArray[np.float64]

NO_WORDS = Text("")
SMALLEST_EQUITY = 1e-300  # has a logarithm
# Fewer trades left are written as less than these.
LEAST_TRADES = Decimal("0.1")


class Needs(Enum):
    """What of the portfolio's trades is read for a policy."""

    NOTHING = auto()
    # Trades left, growth needed per trade, edge, whether the goal can be reached.
    FORECAST = auto()
    # That, and a table that is solved for the goal.
    SOLVED_TABLE = auto()


@dataclass(frozen=True, slots=True)
class SolvedFactor:
    """What a solved table answers: the factor, and the probability it comes with.

    `table` is the hash of all the table was solved from.
    """

    factor: Decimal
    probability: Decimal
    table: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInputs:
    """A goal as a policy sees it. None: not known.

    `trades_left` until the deadline, `need` the log-growth each of them must still
    bring, `edge` the shrunk mean growth per trade (ratios), `equity` today's in units
    of that at the goal's start, `solved` for a policy that needs a solved table.
    """

    progress_pct: Decimal
    min_factor: Decimal
    max_factor: Decimal
    time_left_ratio: Decimal = Decimal(1)
    need: Decimal | None = None
    edge: Decimal | None = None
    trades_left: Decimal | None = None
    equity: Decimal | None = None
    solved: SolvedFactor | None = None

    @property
    def trades_in_words(self) -> Text:
        left = self.trades_left or Decimal(0)
        if 0 < left < LEAST_TRADES:
            return say("less than {} trades left", exact(LEAST_TRADES))
        against = Decimal(1) if left < 1 else None
        shown = in_text.rounded(left, 1, against, digits=1)
        return say("{} trades left", exact(shown))


class SolvedTable(Protocol):
    """Factors by row (the trades left), equity, high water and profit of the day."""

    def factors_at(self, trades_left: int, equity: Floats, *seen: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayInputs:
    """The same for many equities at once, each with so many trades left.

    Equity 1 is that at the goal's start, the goal lies at 1 + `goal_return`. A row of
    `table` stands for `trades_a_row` trades. `seen` are high water and profit of the
    day, where they are known.
    """

    progress_pct: Floats
    equity: Floats
    trades_left: int
    goal_return: Decimal
    min_factor: Decimal
    max_factor: Decimal
    edge: Decimal | None
    table: SolvedTable | None
    trades_a_row: float
    seen: tuple[Floats, ...] = ()

    def need(self) -> Floats:
        """The log-growth that each trade left must bring."""
        left = np.log1p(float(self.goal_return))
        left = left - np.log(np.maximum(self.equity, SMALLEST_EQUITY))
        return np.asarray(left / max(self.trades_left, 1))


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """A factor, the version that gave it, and what it goes by in words."""

    version: str
    factor: Decimal
    why: Text = NO_WORDS


@dataclass(frozen=True, slots=True)
class Policy:
    """How a goal's progress scales the base size: one rule, in two forms.

    `ask` gives the factor of one goal, `ask_arrays` those of many equities for the
    projection; each None where what the policy needs is not known. A test holds the
    two together. `reads_time`: whether its factors depend on the trades left, and not
    on progress alone. Another `version` is due whenever a figure changes, so that a
    logged decision can be replayed.
    """

    version: str
    needs: Needs
    ask: Callable[[PolicyInputs], PolicyAnswer | None]
    ask_arrays: Callable[[ArrayInputs], Floats | None]
    reads_time: bool = True
