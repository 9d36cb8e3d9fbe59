"""The words of the trades' tables."""

from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def sign(self) -> Decimal:
        """+1 where a rising price earns, -1 where a falling one does."""
        return Decimal(1) if self is Side.LONG else Decimal(-1)


class TradeStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    VOID = "void"


class FillKind(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    FUNDING = "funding"
