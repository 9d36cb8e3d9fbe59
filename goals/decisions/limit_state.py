"""What a walk over trading days knows of marks and halts. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from goals.decisions.breaches import (
    BY_FLOORS,
    CONFIRMED_AFTER,
    SECOND_MARK_AFTER,
    Breach,
    confirm_by_second,
)
from goals.decisions.limit_events import Marked
from goals.enums import HaltCause
from mastertrade.values.money import ZERO


@dataclass
class OpenProfits:
    """What open trades had made at their marks.

    `at_day_start`: at the mark a trading day began with, if one is known. `ended_at`:
    when trades ended that marks are of.
    """

    at_day_start: Callable[[date], Marked | None]
    ended_at: Mapping[int, datetime] = field(default_factory=dict)
    newest: Marked | None = None
    of_reference: Marked | None = None  # of the newest change, or resume

    def begin_day(self, day: date) -> None:
        self.newest = self.at_day_start(day) or self.newest

    def follow(self, mark: Marked) -> None:
        # Without the trades it is of, nobody knows how long it counts.
        if not mark.waits and (mark.by_trade or mark.open_pnl == 0):
            self.newest = mark

    def at(self, at: datetime, mark: Marked | None = None) -> Decimal:
        """Of a mark (default: the newest), without trades that have ended."""
        mark = mark or self.newest
        if mark is None:
            return ZERO
        gone = [
            made
            for trade_id, made in mark.by_trade.items()
            if trade_id in self.ended_at and self.ended_at[trade_id] <= at
        ]
        if gone and len(gone) == len(mark.by_trade):
            return ZERO
        return mark.open_pnl - sum(gone, ZERO)

    def at_reference(self, at: datetime) -> Decimal | None:
        """At a change, or a resume; None: not known."""
        mark = self.of_reference
        return self.at(at, mark) if mark is not None and mark.at == at else None


@dataclass
class Suspicion:
    """The floors that a mark has reached, until a second mark, or time, confirms it."""

    mark: Marked | None = None
    breaches: Sequence[Breach] = ()

    def begin_day(self) -> None:
        """A day's floor that is not confirmed before the day ends halts nothing."""
        daily = HaltCause.DAILY_LOSS
        self.breaches = [one for one in self.breaches if one.cause is not daily]

    def see(self, mark: Marked, reached: Sequence[Breach]) -> Sequence[Breach]:
        """The breaches that this mark confirms."""
        if self.mark is None:
            self.mark, self.breaches = mark, reached
        elif mark.at - self.mark.at >= SECOND_MARK_AFTER:
            return self._end(confirm_by_second(self.breaches, reached, mark.at))
        return ()

    def stand_until(self, at: datetime | None) -> Sequence[Breach]:
        """The breaches that nothing contradicted for long enough (None: ever)."""
        if self.mark is None:
            return ()
        confirmed_at = self.mark.at + CONFIRMED_AFTER
        if at is not None and at < confirmed_at:
            return ()
        return self._end([replace(one, at=confirmed_at) for one in self.breaches])

    def _end(self, confirmed: Sequence[Breach]) -> Sequence[Breach]:
        self.mark, self.breaches = None, ()
        return confirmed


@dataclass
class Halts:
    """The breaches that were found, and which of them still stop entries."""

    breaches: list[Breach] = field(default_factory=list)
    # By the floors; until when (None: until a resume).
    by_floors: dict[HaltCause, datetime | None] = field(default_factory=dict)
    # The newest of each rule of the day, by its place among the breaches.
    by_rules: dict[HaltCause, int] = field(default_factory=dict)

    def begin_day(self) -> None:
        halts = self.by_floors.items()
        self.by_floors = {cause: until for cause, until in halts if until is None}

    def resume(self) -> None:
        self.by_floors.clear()
        self.by_rules.clear()

    def add(self, reached: Iterable[Breach]) -> None:
        for breach in reached:
            if breach.until is not None and breach.until <= breach.at:
                continue  # its day was over first
            if breach.cause in BY_FLOORS:
                self.by_floors[breach.cause] = breach.until
            elif self._lasts_longer(breach):
                continue
            else:
                self.by_rules[breach.cause] = len(self.breaches)
            self.breaches.append(breach)

    def _lasts_longer(self, breach: Breach) -> bool:
        """Whether its rule stops entries; a loss in a pause makes it last longer."""
        place = self.by_rules.get(breach.cause)
        if place is None:
            return False
        known = self.breaches[place]
        assert known.until is not None  # each rule of the day ends by itself
        assert breach.until is not None
        if known.until <= breach.at:
            return False
        self.breaches[place] = replace(known, until=max(known.until, breach.until))
        return True
