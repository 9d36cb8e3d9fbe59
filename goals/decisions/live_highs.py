"""Live highs: a mark above the peak that a second one confirms. Pure."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from goals.decisions.accounting import Account
from goals.decisions.breaches import SECOND_MARK_AFTER
from goals.decisions.limits import FloorReference, Limits, earned_value, raise_by


class Seen(NamedTuple):
    """What open trades had made at a mark."""

    at: datetime
    open_pnl: Decimal


class Followed(NamedTuple):
    """The reference after a mark, and the mark that waits for a second one, if any."""

    reference: FloorReference
    waiting: Seen | None


def follow_high(
    limits: Limits,
    reference: FloorReference,
    account: Account,
    waiting: Seen | None,
    seen: Seen,
) -> Followed:
    """Let the peak follow a mark, `waiting` being the one above it that came before.

    From a second mark above the peak on, at least 5 seconds later, the lower of the two
    counts; the second one waits where it is higher still. Nothing is booked between the
    two: an entry ends the wait.
    """
    live = earned_value(limits.floor_in, account, reference.paid_in, seen.open_pnl)
    if live <= reference.peak:
        return Followed(reference, None)
    if waiting is None:
        return Followed(reference, seen)
    if seen.at - waiting.at < SECOND_MARK_AFTER:
        return Followed(reference, waiting)
    lower_pnl = min(waiting.open_pnl, seen.open_pnl)
    raised = raise_by(limits, reference, account, lower_pnl)
    return follow_high(limits, raised, account, None, seen)
