"""Halts of a replay: since when nothing is traded, and when somebody resumes. Pure.

Live trading stays halted at a hard drawdown until a person resumes it. A replay has no
such person, so the user says beforehand how many days one would wait; by default nobody
comes and the run stays halted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from trades.replay.broker import Broker


@dataclass(frozen=True, slots=True)
class HaltSpan:
    """A halt that only a person ends; `ended` is None where nobody did."""

    began: datetime
    ended: datetime | None

    def days(self, until: datetime) -> int:
        """Whole days it lasted; one that nobody ended lasts until then."""
        return ((self.ended or until) - self.began).days


class HaltWatch:
    """Keeps the broker's clock, and resumes what has been halted long enough."""

    def __init__(self, broker: Broker, resume_after_days: int | None) -> None:
        self.broker = broker
        self.resume_after_days = resume_after_days
        self.ended: list[HaltSpan] = []

    def advance(self, at: datetime) -> None:
        """The clock reads `at`; what was due before then is resumed at its own time.

        Prices pause over a weekend, a person does not: the halt ends to the day, not at
        the next bar. The goals are rolled first, as the daily run does live.
        """
        halted_at = self.broker.halted_at()
        if halted_at is not None and self.resume_after_days is not None:
            due_at = halted_at + timedelta(days=self.resume_after_days)
            if due_at <= at:
                self.broker.advance(due_at)
                self.broker.resume(at=due_at, reason=self._reason())
                self.ended.append(HaltSpan(halted_at, due_at))
        self.broker.advance(at)

    def spans(self) -> tuple[HaltSpan, ...]:
        """Every halt so far, oldest first; the last one may still stand."""
        halted_at = self.broker.halted_at()
        standing = () if halted_at is None else (HaltSpan(halted_at, None),)
        return (*self.ended, *standing)

    def _reason(self) -> str:
        days = self.resume_after_days
        plural = "" if days == 1 else "s"
        return f"{days} day{plural} after the halt, as set for the replay"
