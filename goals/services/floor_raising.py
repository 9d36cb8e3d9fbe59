"""What raises the reference of a portfolio's floor: entries, days that end, marks."""

from dataclasses import replace
from datetime import datetime

from goals.decisions.accounting import Account
from goals.decisions.limits import FloorReference, Limits, follow_entry
from goals.decisions.live_highs import Seen, follow_high
from goals.enums import DrawdownMode, MarkRole
from goals.models import Portfolio
from goals.services.floors import apply_reference, looks_at_day, reference_at
from goals.services.limit_marks import (
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

    A change, a resume or a halt, a mark of a live high, the start of the newest trading
    day on which positions moved, and with a limit of the day the day that is over. Of
    one instant, an entry comes first.
    """
    limits = portfolio.limits
    at_once = (portfolio.limits_changed_at, portfolio.last_halted_at)
    if any(at is not None and effective_at <= at for at in at_once):
        return True
    is_trailing = limits.drawdown_mode is DrawdownMode.TRAILING
    is_now = is_trailing and effective_at == portfolio.marked_at
    waits = effective_at == portfolio.pending_high_at
    if is_now and (waits or is_high(portfolio, effective_at)):
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
    portfolio.waiting_high = None
    keep_day_start(portfolio)


def follow_mark(portfolio: Portfolio, at: datetime, *, by_mark: bool) -> None:
    """Let the reference follow open positions at their marks of `at`. Unsaved.

    Both marks of a live high are stored, and what the day began with. A mark that is
    not later than the newest change, or resume, was before it.
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
    seen, waiting = Seen(at, portfolio.unrealized_pnl), portfolio.waiting_high
    followed = follow_high(limits, reference, portfolio.account, waiting, seen)
    if followed.reference is not reference:
        keep_mark(portfolio, MarkRole.HIGH, at)
        thin_highs(portfolio, at)
    if followed.waiting == seen:
        keep_mark(portfolio, MarkRole.PENDING, at)
    portfolio.waiting_high = followed.waiting
    return followed.reference
