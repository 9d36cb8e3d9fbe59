"""Floors, their references and halts made again from a ledger that was rebuilt."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Min

from goals.decisions.limit_walk import LimitWalk
from goals.decisions.live_highs import Seen
from goals.enums import HaltCause, MarkRole
from goals.models import LedgerDay, LimitChange, Portfolio, TradingHalt
from goals.services.floors import apply_reference
from goals.services.ledger import GoalMove
from goals.services.limit_history import LimitHistory, follows_peak
from goals.services.limit_marks import keep_mark
from goals.services.limit_walks import walk_limits
from goals.services.restating import apply_breaches

FLOOR_COLUMNS = (
    "floor_set_at",
    "floor_start_value",
    "floor_peak_value",
    "floor_locked",
    "floor_paid_in",
    "floor_held_pnl",
)
PENDING = ("pending_high_at", "pending_high_pnl")


def follow_ledger_peak(portfolio: Portfolio, history: LimitHistory) -> None:
    """Measure the floor from the ledger's peak, where nothing else was ever set.

    Unsaved: so that it is written with the other figures.
    """
    opening = history.opening.reference
    is_set = any(change.reference is not None for change in history.changes)
    if (
        opening is None
        or is_set
        or not follows_peak(history.opening, portfolio.account)
    ):
        return
    apply_reference(portfolio, replace(opening, peak=portfolio.peak_unit_value))
    portfolio.waiting_high = None


def restate_limits(
    portfolio: Portfolio,
    history: LimitHistory,
    *,
    since: datetime | None,
    now: datetime,
    reason: str,
    moves: Sequence[GoalMove] = (),
    days: Sequence[LedgerDay] = (),
) -> list[GoalMove]:
    """Make again what the limits say of the trading day of `since` and later.

    The portfolio is locked; its ledger's days and figures are written. References that
    were taken from the value of then, what days were measured from after a resume, the
    portfolio's reference of now, and its halts follow; returns goals that turned.
    """
    since = _with_pause(portfolio, since)
    walk = walk_limits(portfolio, history, since=since, finds=True, days=days)
    _save_references(walk)
    before = [getattr(portfolio, name) for name in (*FLOOR_COLUMNS, *PENDING)]
    apply_reference(portfolio, walk.reference)
    _wait_on(portfolio, walk.waiting_high)
    if before != [getattr(portfolio, name) for name in (*FLOOR_COLUMNS, *PENDING)]:
        portfolio.save(update_fields=[*FLOOR_COLUMNS, *PENDING])
    breaches = walk.halts.breaches
    if portfolio.last_halted_at is None and not breaches:
        return []
    began_at = None
    if since is not None:
        began_at = portfolio.day_start(portfolio.trading_day(since))
    return apply_breaches(
        portfolio, breaches, since=began_at, now=now, reason=reason, moves=moves
    )


def _wait_on(portfolio: Portfolio, waiting: Seen | None) -> None:
    """Let a mark wait for a second one, unless a later one has ended that. Unsaved."""
    if waiting is not None and waiting.at != portfolio.pending_high_at:
        if waiting.at == portfolio.marked_at:
            keep_mark(portfolio, MarkRole.PENDING, waiting.at)
        else:
            waiting = None
    portfolio.waiting_high = waiting


def _with_pause(portfolio: Portfolio, since: datetime | None) -> datetime | None:
    """From then on; from the day on in which a pause began that lasted until that day.

    Losses of the day may have made it last longer.
    """
    if since is None or portfolio.last_halted_at is None:
        return since
    began_at = portfolio.day_start(portfolio.trading_day(since))
    pauses = portfolio.halts.filter(
        cause=HaltCause.LOSSES_IN_A_ROW,
        withdrawn_at=None,
        halted_at__lt=began_at,
        halted_until__gt=began_at,
    )
    first: datetime | None = pauses.aggregate(first=Min("halted_at"))["first"]
    return first or since


def _save_references(walk: LimitWalk) -> None:
    if walk.references:
        rows = LimitChange.objects.filter(pk__in=walk.references)
        changed = []
        for row in rows:
            reference = walk.references[row.pk]
            found = reference.start, reference.peak, reference.run
            if (row.start_value, row.peak_value, row.unit_run) != found:
                row.start_value, row.peak_value, row.unit_run = found
                changed.append(row)
        names = ["start_value", "peak_value", "unit_run"]
        LimitChange.objects.bulk_update(changed, names)
    if walk.anchors:
        halts = TradingHalt.objects.filter(pk__in=walk.anchors)
        stale = [one for one in halts if one.resumed_unit_value != walk.anchors[one.pk]]
        for halt in stale:
            halt.resumed_unit_value = walk.anchors[halt.pk]
        TradingHalt.objects.bulk_update(stale, ["resumed_unit_value"])
