"""What a replay leaves behind: decisions, booked trades and the equity bar by bar."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trades.enums import Side
from trades.replay.broker import Plan
from trades.replay.halts import EntryStops, HaltSpan


class ExitCause(StrEnum):
    """Why a position was left."""

    SIGNAL = "signal"
    STOP = "stop"
    HOLDING_LIMIT = "holding_limit"
    END_OF_DATA = "end_of_data"


@dataclass(frozen=True, slots=True)
class Decision:
    """One question to the broker and its answer. `at` is the deciding bar's close."""

    at: datetime
    base_size: Decimal
    candidates: tuple[str, ...]
    signal: str  # the chosen strategy's signal in words
    plan: Plan


@dataclass(frozen=True, slots=True)
class BookedTrade:
    """A trade from its decision to its booked result. Prices are those executed."""

    trade_id: int
    decision: Decision
    side: Side
    opened_at: datetime
    entry_price: Decimal
    closed_at: datetime
    exit_price: Decimal
    fees: Decimal  # entry and exit together
    profit_loss: Decimal  # after fees, as the broker booked it
    cause: ExitCause
    exit_reason: str


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity at a bar's close: realised, and with the open position at that close."""

    at: datetime
    realised: Decimal
    live: Decimal


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What happened. `decisions` holds the blocked ones too; every other is a trade."""

    symbol: str
    bars: int
    opening_equity: Decimal
    decisions: tuple[Decision, ...]
    trades: tuple[BookedTrade, ...]
    equity: tuple[EquityPoint, ...]
    unfunded_signals: int  # entry signals with no equity left to trade
    halts: tuple[HaltSpan, ...] = ()
    stops: tuple[EntryStops, ...] = ()

    @property
    def blocked(self) -> int:
        """How many decisions were to trade nothing."""
        return sum(decision.plan.is_blocked for decision in self.decisions)
