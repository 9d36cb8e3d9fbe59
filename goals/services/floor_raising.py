"""What raises the reference of a portfolio's floor: entries, days that end, marks."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from goals.decisions.accounting import Account
from goals.decisions.breaches import SECOND_MARK_AFTER
from goals.decisions.limits import (
    FloorReference,
    Limits,
    earned_value,
    follow_entry,
    raise_peak,
)
from goals.enums import DrawdownMode, MarkRole
from goals.models import Portfolio
from goals.services.floors import apply_reference, looks_at_day, reference_at
from goals.services.limit_marks import (
    confirm_pending,
    is_high,
    keep_day_start,
    keep_mark,
    read_held,
    thin_highs,
)


def is_judged_later(
    portfolio: Portfolio, effective_at: datetime, recorded_at: datetime
) -> bool:
    """Whether something was judged behind the newest entry, without one of then.

    A change, a resume or a halt, a live high, the start of the newest trading day on
    which positions moved, and with a limit of the day the day that is over. Of one
    instant, an entry comes first.
    """
    limits = portfolio.limits
    at_once = (portfolio.limits_changed_at, portfolio.last_halted_at)
    if any(at is not None and effective_at <= at for at in at_once):
        return True
    is_trailing = limits.drawdown_mode is DrawdownMode.TRAILING
    is_now = is_trailing and effective_at == portfolio.marked_at
    if is_now and is_high(portfolio, effective_at):
        return True
    judged: list[datetime | None] = []
    if is_trailing:
        judged.append(portfolio.marked_at)
    if portfolio.revalued_day is not None:
        judged.append(portfolio.day_start(portfolio.revalued_day))
    if looks_at_day(limits):
        judged.append(portfolio.day_start(portfolio.trading_day(recorded_at)))
    return any(at is not None and effective_at < at for at in judged)


def follow_booking(
    portfolio: Portfolio,
    before: Account,
    reference: FloorReference,
    at: datetime,
    *,
    is_close: bool,
) -> None:
    """Let the reference follow an entry at `at` that the figures contain. Unsaved.

    `before` and `reference` are the account and the reference of right before it.
    """
    limits = portfolio.limits
    if is_close and reference.held is not None and reference.set_at is not None:
        held = read_held(portfolio, reference.set_at, at)
        reference = replace(reference, held=held)
    followed = follow_entry(
        limits, reference, before, portfolio.account, at, is_close=is_close
    )
    apply_reference(portfolio, followed)
    portfolio.pending_high_at = portfolio.pending_high_pnl = None
    keep_day_start(portfolio)


def follow_mark(portfolio: Portfolio, at: datetime, *, by_mark: bool) -> None:
    """Let the reference follow open positions at their marks of `at`. Unsaved.

    A live high counts once a second mark, at least 5 seconds later, is above the peak
    too: the lower one of the two. That one is stored, and what the day began with. A
    mark that is not later than the newest change, or resume, was before it.
    """
    limits, reference = portfolio.limits, reference_at(portfolio, at)
    changed_at = portfolio.limits_changed_at
    is_before = changed_at is not None and at <= changed_at
    if by_mark and not is_before and limits.drawdown_mode is DrawdownMode.TRAILING:
        reference = _confirm_high(portfolio, limits, reference, at)
    apply_reference(portfolio, reference)
    keep_day_start(portfolio)


def _confirm_high(
    portfolio: Portfolio, limits: Limits, reference: FloorReference, at: datetime
) -> FloorReference:
    def live(open_pnl: Decimal) -> Decimal:
        account, paid_in = portfolio.account, reference.paid_in
        return earned_value(limits.floor_in, account, paid_in, open_pnl)

    open_pnl = portfolio.unrealized_pnl
    waiting = portfolio.pending_high_at
    is_above = live(open_pnl) > reference.peak
    if is_above and waiting is not None and at - waiting >= SECOND_MARK_AFTER:
        lower_pnl = min(portfolio.pending_high_pnl, open_pnl)
        if lower_pnl == open_pnl:
            keep_mark(portfolio, MarkRole.HIGH, at)
        else:
            confirm_pending(portfolio)
        thin_highs(portfolio, at)
        reference = raise_peak(limits, reference, live(lower_pnl))
        is_above, waiting = live(open_pnl) > reference.peak, None
    if not is_above:
        portfolio.pending_high_at = portfolio.pending_high_pnl = None
    elif waiting is None:
        portfolio.pending_high_at, portfolio.pending_high_pnl = at, open_pnl
        keep_mark(portfolio, MarkRole.PENDING, at)
    return reference
