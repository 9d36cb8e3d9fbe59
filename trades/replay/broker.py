"""What the replay asks of the side that decides, books and keeps the money.

The engine walks the bars; a broker answers. The real broker calls the same services as
live trading, a test's broker is a few dictionaries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from goals.enums import ProgressBand, Verdict
from trades.enums import Side


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """One question: which of these strategies trades now, and how large?

    `at` is the close of the bar that gave the signals and `price` its closing price;
    `base_size` is the notional before the goal's factor, in the portfolio's currency.
    `candidates` are the strategies with an entry signal, each with its side.
    `stop_price`: where the trade would be stopped, None without a stop; that of a SHORT
    where the sides differ.
    """

    at: datetime
    symbol: str
    candidates: Mapping[str, Side]  # strategy_id -> side, never empty
    price: Decimal
    base_size: Decimal
    stop_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The broker's answer: one strategy, one size and the reason for both."""

    strategy_id: str
    quantity: Decimal  # units of the instrument, 0 when blocked
    factor: Decimal  # multiplier of the base size, after the guards
    band: ProgressBand
    verdict: Verdict
    reason: str
    goal_id: int | None = None
    adjustment_id: int | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether nothing is to be traded."""
        return self.verdict is Verdict.BLOCK or self.quantity <= 0


class Broker(Protocol):
    """Decides, books and keeps the money. Times never decrease from call to call."""

    def advance(self, at: datetime) -> None:
        """The replay's clock now reads `at`: roll the goals whose period is over.

        Called before anything else happens at that time, twice a bar: at its open and
        at its close. Answer at once when no period has ended.
        """

    def halted_at(self) -> datetime | None:
        """Since when trading is halted until a person resumes it; None where it is not.

        Asked before every `advance`: answer at once.
        """

    def has_goal(self) -> bool:
        """Whether a goal runs that sizes trades; none does until the next period where
        it has failed.

        Asked at every signal: answer at once.
        """

    def resume(self, *, at: datetime, reason: str) -> None:
        """Resume trading, as a person would; only called while `halted_at` is set."""

    def equity(self) -> Decimal:
        """The realised equity: what closed trades have made of the opening balance.

        Asked at every bar: answer at once.
        """

    def plan(self, request: PlanRequest) -> Plan:
        """Choose one of the candidates and size it, in one decision."""

    def open(
        self,
        plan: Plan,
        *,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        at: datetime,
        fees: Decimal,
    ) -> int:
        """Book the entry and return the trade's key. `fees` are the entry's alone."""

    def close(
        self, trade_id: int, *, price: Decimal, at: datetime, fees: Decimal
    ) -> Decimal:
        """Book the exit and return the profit or loss after all fees of the trade.

        `fees` are the exit's alone.
        """
