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
    measure_floor,
    money_per_value,
    paid_in_at,
    raise_peak,
    shows_floor,
)
from goals.decisions.periods import MICROSECOND
from goals.enums import LimitCause, MarkRole
from goals.models import LimitChange, Portfolio
from goals.services.figures_at import FiguresAt, read_figures
from goals.services.floors import apply_reference, reference_at
from goals.services.limit_marks import keep_mark, read_held
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import exact_money, say
from mastertrade.values.jsonable import to_plain
from mastertrade.values.money import MONEY, ZERO, exactly, round_to

# Columns of a portfolio that say what its floor is measured from.
REFERENCE = (
    "floor_set_at",
    "floor_start_value",
    "floor_peak_value",
    "floor_locked",
    "floor_paid_in",
    "floor_held_pnl",
    "limits_changed_at",
    "pending_high_at",
    "pending_high_pnl",
)


def effective_at(portfolio: Portfolio, now: datetime) -> datetime:
    """When a change or a resume takes effect: behind all that is in the figures.

    An entry, a mark or a change of a call that began later may have come first. What
    the floor is measured from is the value at this time. No two changes or resumes are
    of one instant: so their order is that of their times.
    """
    changed_at = portfolio.limits_changed_at
    after = None if changed_at is None else changed_at + MICROSECOND
    newest = (portfolio.last_entry_at, portfolio.marked_at, after)
    return max([now, *(at for at in newest if at is not None)])


def refuse_at_floor(
    figures: FiguresAt, limits: Limits, reference: FloorReference
) -> None:
    """Raise `InvalidInput` for a floor reference that would halt at once."""
    present = present_reference(figures, limits)
    floor = measure_floor(limits, reference)
    if floor < present.start:
        return
    per_value = money_per_value(limits.floor_in, figures.account)
    shown, equity = (
        exact_money(round_to(value * per_value, MONEY))
        for value in (floor, present.start)
    )
    raise InvalidInput(
        "floor_reference",
        say(
            "puts the floor at {}, not below the present equity of {}: trading would "
            "be halted at once. Give a lower one.",
            shown,
            equity,
        ),
    )


def present_reference(figures: FiguresAt, limits: Limits) -> FloorReference:
    """Start and peak are the present value: live, or closed where that is lower."""
    account, floor_in = figures.account, limits.floor_in
    live = live_value(floor_in, account, figures.unrealized_pnl)
    value = max(min(closed_value(floor_in, account), live), ZERO)
    reference = FloorReference(figures.at, value, value, account.run)
    return raise_peak(limits, reference, value)


@exactly
def present_floor(portfolio: Portfolio, now: datetime) -> Decimal:
    """Where the hard floor would be in money, measured from the present value."""
    limits, figures = portfolio.limits, read_figures(portfolio, now)
    floor = measure_floor(limits, present_reference(figures, limits))
    return round_to(floor * money_per_value(limits.floor_in, figures.account), MONEY)


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
    """What the floor is measured from now, and where it is: money at these units.

    `floor_equity` is None where there is none: before the first money and after ruin.
    """
    limits, account = portfolio.limits, portfolio.account
    reference = reference_at(portfolio, now)
    per_value = money_per_value(limits.floor_in, account)
    shown = reference_in_money(limits, reference, per_value)
    if shows_floor(limits, reference, account):
        return shown
    return replace(shown, floor_equity=None)


def write_change(
    portfolio: Portfolio,
    *,
    cause: LimitCause,
    before: Limits,
    now: datetime,
    by: str,
    reference: FloorReference | None = None,
    of_present: bool = False,
) -> LimitChange:
    """Write that the portfolio's limits of now are in force, and from what measured.

    `portfolio` is locked, carries its limits and is saved by the caller; `before` are
    those until now. A `reference` is applied to it; where it is `of_present`, what is
    open is stored for a late entry to make it again. Both are of `effective_at`.
    """
    write_opening(portfolio, before)
    at = effective_at(portfolio, now)
    portfolio.limits_changed_at = at
    if reference is None:
        apply_reference(portfolio, reference_at(portfolio, at, before))
    else:
        paid_in = paid_in_at(portfolio.limits.floor_in, portfolio.account)
        apply_reference(portfolio, replace(reference, set_at=at, paid_in=paid_in))
        # A live high of before it counts no more.
        portfolio.waiting_high = None
    if of_present:
        keep_mark(portfolio, MarkRole.REFERENCE, at)
        portfolio.floor_held_pnl = read_held(portfolio, at, at)
    limits = portfolio.limits
    return _write(portfolio, cause, limits, at, now, by, reference, of_present)


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
    opening = reference or first_reference(limits, opened)
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
    of_present: bool = False,
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
        of_present=of_present,
    )
