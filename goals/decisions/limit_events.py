"""What happens to a portfolio's limits, trading day by trading day, in order. Pure.

Of one instant, entries come first, then marks, changes of the limits, resumes (after
the reference that they set), and marks that halted at once; what a close was judged
with comes first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

from goals.decisions.accounting import Account
from goals.decisions.limits import FloorReference, Limits
from goals.enums import MarkRole
from mastertrade.values.money import ZERO


@dataclass(frozen=True, slots=True)
class Entry:
    """A close or a cash flow, and the account after it.

    Or, without limits to be tested, all the entries of a `row` of the ledger.
    """

    at: datetime
    account: Account
    is_close: bool
    row: "DayRow | None" = None


@dataclass(frozen=True, slots=True)
class Marked:
    """Open positions at their marks. `by_trade`: what each had made, by its key.

    One that `waits` for a second mark may be gone later: closes are judged without it.
    """

    at: datetime
    open_pnl: Decimal
    role: MarkRole
    by_trade: Mapping[int, Decimal] = field(default_factory=dict)
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person ended halts (their keys): the day is measured anew.

    Its loss from the live value then, what closes earn in it from the closed one.

    Without a mark of then a unit was worth `unit_value`.
    """

    at: datetime
    keys: tuple[int, ...]
    unit_value: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Changed:
    """Limits in force from then on.

    A `reference` was set with them: by the value of then (`of_present`), or a person.
    """

    at: datetime
    key: int
    limits: Limits
    reference: FloorReference | None = None
    of_present: bool = False


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade was entered, or ended: then `made` is what all its parts made."""

    at: datetime
    made: Decimal | None = None


Event: TypeAlias = Entry | Traded | Marked | Resumed | Changed


class DayRow(Protocol):
    """The figures of a whole day, or a part of it, from the ledger."""

    last_entry_at: datetime
    high_unit_value: Decimal
    high_closed: Decimal | None
    high_realized_pnl: Decimal
    low_unit_value: Decimal
    low_closed: Decimal

    @property
    def account(self) -> Account: ...


@dataclass(frozen=True, slots=True)
class TradingDay:
    """A trading day: its ledger rows and what else happened in it.

    `is_cut`: its rows contain entries that are not to be looked at. `has_flows`: cash
    flows are among them, where floors are in money.
    """

    day: date
    began_at: datetime
    ends_at: datetime
    rows: Sequence[DayRow] = ()
    events: Sequence[Event] = ()
    is_cut: bool = False
    has_flows: bool = False

    @property
    def newest_at(self) -> datetime:
        """When the newest of it happened."""
        times = [event.at for event in self.events]
        times += [row.last_entry_at for row in self.rows]
        return max(times, default=self.began_at)


ORDER = {Entry: 1, Traded: 1, Marked: 2, Changed: 4, Resumed: 5}
ORDER_OF_MARKS = {
    MarkRole.CLOSE: 0,
    MarkRole.PENDING: 3,  # after the high that it confirms
    MarkRole.REFERENCE: 3,
    MarkRole.STOOD: 6,
}


def in_order(events: Iterable[Event]) -> list[Event]:
    """By time; of one instant as the module says."""
    return sorted(events, key=_place)


def _place(event: Event) -> tuple[datetime, int]:
    order = ORDER[type(event)]
    if isinstance(event, Marked):
        order = ORDER_OF_MARKS.get(event.role, order)
    return event.at, order
