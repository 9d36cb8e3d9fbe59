"""Which limits were in force at past times: dated changes, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F, Q

from goals.decisions.accounting import Account, open_account
from goals.decisions.limit_events import Changed
from goals.decisions.limits import (
    FloorReference,
    Limits,
    first_reference,
    paid_in_at,
    raise_peak,
)
from goals.enums import DrawdownMode, FloorIn
from goals.models import LimitChange, Portfolio
from mastertrade.values.jsonable import from_plain
from mastertrade.values.money import ONE, ZERO


@dataclass(frozen=True, slots=True)
class LimitHistory:
    """Dated changes in order; the first is what was in force before any entry."""

    opening: Changed
    changes: Sequence[Changed]

    def newest_reference(self, before: datetime) -> Changed:
        """The change whose reference was in force right before then."""
        set_before = [
            change
            for change in self.changes
            if change.at < before and change.reference is not None
        ]
        return set_before[-1] if set_before else self.opening

    def limits_at(self, at: datetime) -> Limits:
        made = [change.limits for change in self.changes if change.at <= at]
        return made[-1] if made else self.opening.limits


def read_history(portfolio: Portfolio, until: datetime | None = None) -> LimitHistory:
    """The changes up to `until` (None: all); one statement, or none without changes."""
    if portfolio.limits_changed_at is None:
        return LimitHistory(_unchanged(portfolio), ())
    rows = LimitChange.objects.filter(portfolio=portfolio)
    if until is not None:
        rows = rows.filter(Q(effective_at=None) | Q(effective_at__lte=until))
    in_order = rows.order_by(F("effective_at").asc(nulls_first=True), "limit_change_id")
    opening, changes = None, []
    for row in in_order:
        change = _changed(row, portfolio)
        if row.effective_at is None:
            opening = change
        else:
            changes.append(change)
    return LimitHistory(opening or _unchanged(portfolio), changes)


def _unchanged(portfolio: Portfolio) -> Changed:
    limits, opened = portfolio.limits, open_account(portfolio.opening_balance)
    reference = first_reference(limits, opened)
    return Changed(portfolio.created_at, 0, limits, reference)


def _changed(row: LimitChange, portfolio: Portfolio) -> Changed:
    limits = from_plain(Limits, row.settings)
    limits = replace(limits, day_starts_at=portfolio.day_starts_at)
    opened, reference = open_account(portfolio.opening_balance), None
    if row.start_value is not None:
        reference = FloorReference(
            set_at=row.effective_at,
            start=row.start_value,
            peak=row.peak_value or ZERO,
            run=row.unit_run or 1,
            paid_in=paid_in_at(limits.floor_in, opened),
        )
        reference = raise_peak(limits, reference, reference.peak)
    at = row.effective_at or portfolio.created_at
    return Changed(at, row.limit_change_id, limits, reference, row.of_present)


def follows_peak(change: Changed, account: Account) -> bool:
    """Whether the reference is the peak of the ledger, as it is by default."""
    limits, reference = change.limits, change.reference
    return (
        reference is not None
        and (reference.set_at, reference.start, reference.peak) == (None, ONE, ONE)
        and limits.drawdown_mode is DrawdownMode.TRAILING_CLOSED
        and limits.floor_in is FloorIn.UNITS
        and limits.drawdown_locks_at is None
        and account.run == reference.run
    )
