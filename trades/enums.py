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


class JobKind(StrEnum):
    """What a user may have done; how, is in `trades.jobs.kinds`."""

    IMPORT = "import"
    REPLAY = "replay"
    COMPARISON = "comparison"
    PROJECTION = "projection"
    FRONTIER = "frontier"
    DEMO = "demo"


class JobState(StrEnum):
    """How far a job of a user is; the last three are its end."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self not in (JobState.WAITING, JobState.RUNNING)


class DateOrder(StrEnum):
    """Where the year, the month and the day of a date stand."""

    YMD = "ymd"
    DMY = "dmy"
    MDY = "mdy"
