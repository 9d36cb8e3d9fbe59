"""What limits were from when on, and what a floor is measured from: dated rows.

None are written while the limits are those of the opening; the first change, or resume,
writes what was in force before it too. What is in force now is on the portfolio.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from goals.decisions.accounting import open_account
from goals.decisions.floor_reference import (
    GivenReference,
    adjust_reference,
    reference_in_money,
)
from goals.decisions.limits import (
    FloorReference,
    Limits,
    closed_value,
    first_reference,
    live_value,
    money_per_value,
    paid_in_at,
    raise_peak,
)
from goals.enums import LimitCause
from goals.models import LimitChange, Portfolio
from goals.services.floors import apply_reference, reference_at
from goals.services.risk_state import FiguresAt
from mastertrade.values.jsonable import to_plain
from mastertrade.values.money import ZERO

# Columns of a portfolio that say what its floor is measured from.
REFERENCE = (
    "floor_set_at",
    "floor_start_value",
    "floor_peak_value",
    "floor_locked",
    "floor_paid_in",
    "limits_changed_at",
)


def present_reference(figures: FiguresAt, limits: Limits) -> FloorReference:
    """Start and peak are the present value: live, or closed where that is lower."""
    account, floor_in = figures.account, limits.floor_in
    value = closed_value(floor_in, account)
    if figures.is_marked:
        value = min(value, live_value(floor_in, account, figures.unrealized_pnl))
    value = max(value, ZERO)
    reference = FloorReference(figures.at, value, value, account.run)
    return raise_peak(limits, reference, value)


def given_reference(
    figures: FiguresAt,
    limits: Limits,
    reference: FloorReference,
    given: GivenReference,
) -> FloorReference:
    """The reference with what a person says of it, money at the present units.

    Raises `InvalidInput` for `floor_reference`.
    """
    per_value = money_per_value(limits.floor_in, figures.account)
    return adjust_reference(limits, reference, given, per_value)


def floor_in_money(portfolio: Portfolio, now: datetime) -> GivenReference:
    """What the floor is measured from now, and where it is: money at these units."""
    limits = portfolio.limits
    per_value = money_per_value(limits.floor_in, portfolio.account)
    return reference_in_money(limits, reference_at(portfolio, now), per_value)


def write_change(
    portfolio: Portfolio,
    *,
    cause: LimitCause,
    before: Limits,
    now: datetime,
    by: str,
    reference: FloorReference | None = None,
    open_pnl: Decimal | None = None,
) -> LimitChange:
    """Write that the portfolio's limits of now are in force, and from what measured.

    `portfolio` is locked, carries its limits and is saved by the caller; `before` are
    those until now. A `reference` is applied to it; `open_pnl` is the unrealised profit
    it was made with, None where a person gave its values. It takes effect behind every
    entry and every change there is.
    """
    newest = (
        LimitChange.objects.filter(portfolio=portfolio)
        .order_by("-effective_at", "-limit_change_id")
        .exclude(effective_at=None)
        .first()
    )
    if newest is None:
        write_opening(portfolio, before)
    changed_at = None if newest is None else newest.effective_at
    times = (now, portfolio.last_entry_at, changed_at)
    at = max(one for one in times if one is not None)
    portfolio.limits_changed_at = at
    if reference is None:
        apply_reference(portfolio, reference_at(portfolio, at, before))
    else:
        paid_in = paid_in_at(portfolio.limits.floor_in, portfolio.account)
        apply_reference(portfolio, replace(reference, set_at=at, paid_in=paid_in))
    return _write(portfolio, cause, portfolio.limits, at, now, by, reference, open_pnl)


def write_opening(
    portfolio: Portfolio,
    limits: Limits,
    reference: FloorReference | None = None,
    by: str | None = None,
) -> None:
    """Write what was in force before any entry, unless it is written already."""
    if portfolio.limit_changes.filter(cause=LimitCause.OPENING).exists():
        return
    opened = open_account(portfolio.opening_balance)
    opening = reference or first_reference(limits, opened, None)
    made_at, owner = portfolio.created_at, portfolio.user_id
    _write(portfolio, LimitCause.OPENING, limits, None, made_at, by or owner, opening)


def _write(
    portfolio: Portfolio,
    cause: LimitCause,
    limits: Limits,
    at: datetime | None,
    now: datetime,
    by: str,
    reference: FloorReference | None = None,
    open_pnl: Decimal | None = None,
) -> LimitChange:
    return LimitChange.objects.create(
        portfolio=portfolio,
        cause=cause,
        effective_at=at,
        changed_at=now,
        changed_by=by,
        settings=to_plain(limits),
        start_value=None if reference is None else reference.start,
        peak_value=None if reference is None else reference.peak,
        unit_run=None if reference is None else reference.run,
        open_pnl=open_pnl,
    )
