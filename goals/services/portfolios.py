"""Portfolios and cash flows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.db import connection
from django.db.models import Q, QuerySet

from goals.decisions.accounting import OpenTrade, open_account
from goals.decisions.floor_reference import GivenReference
from goals.decisions.limits import SETS_REFERENCE, Limits, first_reference
from goals.enums import (
    EntryKind,
    FloorIn,
    GoalStatus,
    LimitCause,
    OnBreach,
    PortfolioKind,
)
from goals.models import CashFlow, FinancialGoal, LedgerEntry, Portfolio, User
from goals.models.users import MAIN_PORTFOLIO
from goals.services.booking import book_entry
from goals.services.figures_at import read_figures
from goals.services.floors import apply_reference, reference_at
from goals.services.halts import enforce_limits
from goals.services.ledger import Flow
from goals.services.limit_changes import (
    effective_at,
    given_reference,
    present_reference,
    refuse_at_floor,
    write_change,
    write_opening,
)
from goals.services.portfolio_settings import (
    FROZEN_ONCE_USED,
    SETTINGS,
    WORDS,
    require_settings,
    wrong_in_portfolio,
    wrong_renaming,
)
from mastertrade.db.raw_sql import columns_of, load
from mastertrade.db.transactions import atomic
from mastertrade.values import in_text
from mastertrade.values.exceptions import (
    CashFlowRefused,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    PortfolioFinished,
    PortfolioFrozen,
)
from mastertrade.values.in_text import say
from mastertrade.values.messages import (
    MOST_LISTED,
    MOST_OWN_LISTED,
    did_you_mean,
    list_names,
)
from mastertrade.values.money import MONEY
from mastertrade.values.validation import (
    fingerprint,
    is_whole_number,
    refuse,
    require_decimal,
    require_not_future,
    require_visible,
    require_word,
)


@atomic
def create_portfolio(
    *,
    user: User,
    name: str,
    now: datetime,
    kind: PortfolioKind = PortfolioKind.LIVE,
    floor_reference: GivenReference | None = None,
    changed_by: str | None = None,
    **fields: Any,
) -> Portfolio:
    """Create a portfolio; `fields` as in the table, the opening balance among them.

    Its kind stays what it is; only a replay and the demo make one that is not live.
    `floor_reference` is what its floor is measured from, where that is not the opening
    balance; `changed_by` is the user unless somebody else does it for them.
    """
    portfolio = Portfolio(
        user=user, name=name, kind=kind, created_at=now, updated_at=now
    )
    _set(portfolio, {"name": name, **fields}, now)
    _open(portfolio)
    if floor_reference is not None:
        limits, figures = portfolio.limits, read_figures(portfolio, now)
        opening = portfolio.floor_reference
        reference = given_reference(figures, limits, opening, floor_reference)
        refuse_at_floor(figures, limits, reference)
        apply_reference(portfolio, reference)
        portfolio.limits_changed_at = now
    portfolio.save()
    if floor_reference is not None:
        write_opening(portfolio, limits, reference, changed_by)
    return portfolio


@atomic
def update_portfolio(
    *,
    portfolio_id: int,
    user: User,
    now: datetime,
    floor_reference: GivenReference | None = None,
    changed_by: str | None = None,
    **fields: Any,
) -> Portfolio:
    """Change settings; what is frozen once the portfolio is used raises then.

    A change of the limits is a dated row. Where it changes what a floor is measured
    by, it is measured from the present value, or from `floor_reference`. A limit that
    the portfolio has fallen to already halts trading at once. `successor` names the
    portfolio of a challenge's next phase, None none. `changed_by` is the user unless
    somebody else does it for them.
    """
    portfolio = lock_portfolio(user=user, portfolio=portfolio_id)
    frozen = [
        name
        for name in FROZEN_ONCE_USED
        if name in fields and fields[name] != getattr(portfolio, name)
    ]
    if frozen and is_used(portfolio):
        raise PortfolioFrozen(
            f"{', '.join(frozen)} cannot be changed: portfolio {portfolio.name} is "
            "already used by a goal, a trade or a cash flow."
        )
    refuse(wrong_renaming(portfolio, fields))
    before = portfolio.limits
    balance_before = portfolio.opening_balance
    if "successor" in fields:
        _name_successor(portfolio, fields.pop("successor"))
    _set(portfolio, fields, now)
    if portfolio.opening_balance != balance_before:
        _open(portfolio)
    _change_limits(portfolio, before, floor_reference, now, changed_by)
    portfolio.save()
    enforce_limits(portfolio, max(now, portfolio.limits_changed_at or now))
    return portfolio


def _set(portfolio: Portfolio, fields: Mapping[str, Any], now: datetime) -> None:
    for name, value in fields.items():
        if name not in (*FROZEN_ONCE_USED, *SETTINGS):
            raise InvalidInput(name, "cannot be set.")
        words = WORDS.get(name)
        given = value if words is None else require_word(name, value, words)
        setattr(portfolio, name, given)
    require_settings(portfolio)
    refuse(wrong_in_portfolio(portfolio))
    portfolio.updated_at = now


def _open(portfolio: Portfolio) -> None:
    """Begin with the opening balance: its figures, and what the floor is below."""
    opened = open_account(portfolio.opening_balance)
    portfolio.apply_figures(opened)
    apply_reference(portfolio, first_reference(portfolio.limits, opened))


def _change_limits(
    portfolio: Portfolio,
    before: Limits,
    given: GivenReference | None,
    now: datetime,
    changed_by: str | None,
) -> None:
    """Write the limits' change, if there is one; the portfolio's new ones are set."""
    limits = portfolio.limits
    if given is None and limits == before:
        return
    reference, of_present = None, False
    is_anew = any(
        getattr(limits, one) != getattr(before, one) for one in SETS_REFERENCE
    )
    if is_anew or given is not None:
        at = effective_at(portfolio, now)
        figures = read_figures(portfolio, at)
        reference = reference_at(portfolio, at)
        if is_anew:
            reference = present_reference(figures, limits)
            of_present = given is None
        if given is not None:
            reference = given_reference(figures, limits, reference, given)
    write_change(
        portfolio,
        cause=LimitCause.CHANGE,
        before=before,
        now=now,
        by=changed_by or portfolio.user_id,
        reference=reference,
        of_present=of_present,
    )


def _name_successor(portfolio: Portfolio, reference: int | str | None) -> None:
    """The next phase begins on a later portfolio in which nothing was booked yet."""
    if reference is None:
        portfolio.successor = None
        return
    mine = Portfolio.objects.locked().filter(pk__gt=portfolio.pk)
    try:
        successor = _find(mine, portfolio.user, reference)
    except InvalidInput:
        raise InvalidInput(
            "successor",
            f"must be a portfolio of yours made after {portfolio.name}, by key or by "
            f"name; {reference} is none. A phase begins on a fresh portfolio: make one "
            "and name it.",
        ) from None
    if portfolio.successor_id == successor.pk:
        return
    before = successor.predecessors.first()
    if before is not None:
        raise InvalidInput(
            "successor",
            f"{successor.name} follows {before.name} already: a phase has one before "
            "it. Name another portfolio.",
        )
    if successor.ledger_entries.exists() or successor.trades.exists():
        raise InvalidInput(
            "successor",
            f"{successor.name} has trades or cash flows: a phase begins on a fresh "
            "portfolio. Make one and name it.",
        )
    if PortfolioKind(successor.kind) is not PortfolioKind(portfolio.kind):
        raise InvalidInput(
            "successor", f"must be {portfolio.kind}, as {portfolio.name} is."
        )
    portfolio.successor = successor


def is_used(portfolio: Portfolio) -> bool:
    """Whether a goal, a cash flow or a trade (closed, or open) refers to it."""
    return (
        LedgerEntry.objects.filter(portfolio=portfolio).exists()
        or FinancialGoal.objects.filter(portfolio=portfolio).exists()
        or portfolio.trades.exists()  # trades live a floor above
    )


def lock_portfolio(*, user: User, portfolio: int | str | None = None) -> Portfolio:
    """Lock one of the user's portfolios, by key or by name; left out it is `main`.

    Raises `InvalidInput` for `portfolio` when the user has no such one, and
    `PortfolioFinished` for that of a finished replay.
    """
    locked = _find(Portfolio.objects.locked(), user, portfolio)
    refuse_finished(locked)
    return locked


def refuse_finished(portfolio: Portfolio) -> None:
    """Nothing is booked, decided or changed in the portfolio of a finished replay."""
    if portfolio.finished_at is not None:
        raise PortfolioFinished(
            f"Portfolio {portfolio.name} is the record of a finished replay: nothing "
            "is booked, decided or changed in it. Name a live portfolio, or delete the "
            "replay whole."
        )


def find_portfolio(user: User, portfolio: int | str | None = None) -> Portfolio:
    """The same without locking it."""
    return _find(Portfolio.objects.all(), user, portfolio)


def _find(
    portfolios: QuerySet[Portfolio], user: User, portfolio: int | str | None
) -> Portfolio:
    mine = portfolios.filter(user_id=user.username)
    reference = MAIN_PORTFOLIO if portfolio is None else portfolio
    is_key = isinstance(reference, int) or is_whole_number(reference)
    found = mine.filter(pk=int(reference)) if is_key else mine.filter(name=reference)
    first = found.first()
    if first is None:
        live = Portfolio.objects.filter(user_id=user.username, kind=PortfolioKind.LIVE)
        in_order = live.order_by("portfolio_id").values_list("name", flat=True)
        names = list(in_order[:MOST_LISTED])
        hint = did_you_mean(str(reference), names)
        known = list_names(names, MOST_OWN_LISTED, of=live.count())
        raise InvalidInput(
            "portfolio", f"You have no portfolio {reference}.{hint} Yours are {known}."
        )
    return first


# SQL, because every sizing asks it and Django composes a query longer than this runs.
PORTFOLIO_OF_GOAL = f"""
SELECT {columns_of(Portfolio, "p")}
FROM portfolios p JOIN financial_goals g USING (portfolio_id)
WHERE g.goal_id = %s AND p.user_id = %s FOR NO KEY UPDATE OF p
"""


def lock_portfolio_of_goal(*, user: User, goal_id: int) -> Portfolio:
    """Lock the portfolio of one of the user's goals; `NotFound` if it is not theirs."""
    mine = load(Portfolio, PORTFOLIO_OF_GOAL, [goal_id, user.username])
    if not mine:
        raise NotFound(f"You have no goal {goal_id}.")
    refuse_finished(mine[0])
    return mine[0]


def newest(portfolio: Portfolio, now: datetime) -> datetime:
    """The time of an entry whose caller gave none: never before the newest entry."""
    return max(now, portfolio.last_entry_at or now)


@dataclass(frozen=True, slots=True)
class ValuedTrade:
    """How much of a trade is open at a cash flow, and what that has made by then."""

    trade_id: int
    quantity: Decimal
    open_pnl: Decimal


class ValueTrades(Protocol):
    """Values open trades of a locked portfolio by what its caller knows of them."""

    def __call__(self, portfolio: Portfolio, at: datetime) -> Sequence[ValuedTrade]: ...


@atomic
def record_cash_flow(
    *,
    user: User,
    amount: Decimal,
    now: datetime,
    at: datetime | None = None,
    portfolio: int | str | None = None,
    external_id: str | None = None,
    recorded_by: str | None = None,
    given: Mapping[str, Any] | None = None,
    value_trades: ValueTrades | None = None,
) -> tuple[CashFlow, bool]:
    """Book a deposit or a withdrawal; returns it, and whether it is new.

    Open trades are valued at their marks, or by `value_trades` where it knows better;
    `given` is what it knows, as part of the request. The same `external_id` with the
    same figures returns the first one. One that is dated before the newest entry
    rebuilds what it touches. `recorded_by` is the user unless somebody else does it
    for them.
    """
    if require_decimal("amount", amount, MONEY) == 0:
        raise InvalidInput("amount", "must not be 0.")
    require_visible("external_id", external_id)
    digest = fingerprint({"amount": amount, "at": at, **(given or {})})
    locked = lock_portfolio(user=user, portfolio=portfolio)
    known = _find_known(locked, external_id, digest)
    if known is not None:
        return known, False
    flowed_at = newest(locked, now) if at is None else require_not_future("at", at, now)
    _refuse_moved_value(locked, flowed_at)
    valued = value_trades(locked, flowed_at) if value_trades else ()
    flow = CashFlow(
        portfolio=locked,
        amount=amount,
        flowed_at=flowed_at,
        external_id=external_id,
        request_fingerprint=digest,
        created_at=now,
        created_by=recorded_by or user.username,
    )
    book_entry(
        portfolio=locked,
        entry=_insert_flow(flow, valued),
        effective_at=flowed_at,
        recorded_at=now,
        what=f"Cash flow {flow.cash_flow_id}",
    )
    return flow, True


def _refuse_moved_value(portfolio: Portfolio, at: datetime) -> None:
    """A flow moves the value and not a floor in money: no goal may fail by one."""
    limits = portfolio.limits
    can_fail = OnBreach.FAIL in (limits.on_breach, limits.daily_on_breach)
    is_funded = portfolio.units != 0 or portfolio.last_entry_at is not None
    if limits.floor_in is not FloorIn.MONEY or not can_fail or not is_funded:
        return
    running = FinancialGoal.objects.filter(
        Q(period_ends_at=None) | Q(period_ends_at__gt=at),
        portfolio=portfolio,
        status__in=(GoalStatus.ACTIVE, GoalStatus.PAUSED),
        period_starts_at__lte=at,
    )
    goal = running.order_by("goal_id").first()
    if goal is None:
        return
    raise CashFlowRefused(
        say(
            "Portfolio {} takes no cash flow while {} runs: the goal fails where a "
            "floor is breached, and the floor stays where it is in money ({}). Wait "
            "until the goal has ended, cancel it, or set {} to units.",
            portfolio.name,
            in_text.goal(goal.goal_id),
            in_text.name("floor_in"),
            in_text.name("floor_in"),
        )
    )


# The flow, and beside it what open trades had made when it came.
INSERT_FLOW = """
WITH flow AS (
    INSERT INTO cash_flows
        (portfolio_id, amount, flowed_at, external_id, request_fingerprint, created_at,
         created_by, updated_by, void_reason)
    VALUES (%(portfolio_id)s, %(amount)s, %(flowed_at)s, %(external_id)s, %(digest)s,
            %(created_at)s, %(created_by)s, '', '')
    RETURNING cash_flow_id, ledger_key
), given AS (
    SELECT * FROM unnest(
        %(trade_ids)s::bigint[], %(quantities)s::numeric[], %(open_pnls)s::numeric[]
    ) AS m(trade_id, quantity, open_pnl)
), valued AS (
    SELECT * FROM given
    UNION ALL
    SELECT v.* FROM flow CROSS JOIN LATERAL valued_trades(
        %(portfolio_id)s::bigint, %(flowed_at)s::timestamptz, flow.ledger_key) v
    WHERE v.trade_id <> ALL (%(trade_ids)s::bigint[])
), carried AS (
    INSERT INTO carried_profits
        (portfolio_id, cash_flow_id, trade_id, quantity, open_pnl)
    SELECT %(portfolio_id)s::bigint, flow.cash_flow_id, v.trade_id, v.quantity,
           v.open_pnl
    FROM flow, valued v
)
SELECT flow.cash_flow_id, flow.ledger_key, v.trade_id, v.open_pnl, coalesce((
           SELECT sum(c.change) FROM carried_profits c WHERE c.trade_id = v.trade_id
       ), 0)
FROM flow LEFT JOIN valued v ON true ORDER BY v.trade_id
"""


def _insert_flow(flow: CashFlow, valued: Sequence[ValuedTrade]) -> Flow:
    values = {
        "portfolio_id": flow.portfolio_id,
        "amount": flow.amount,
        "flowed_at": flow.flowed_at,
        "external_id": flow.external_id,
        "digest": flow.request_fingerprint,
        "created_at": flow.created_at,
        "created_by": flow.created_by,
        "trade_ids": [trade.trade_id for trade in valued],
        "quantities": [trade.quantity for trade in valued],
        "open_pnls": [trade.open_pnl for trade in valued],
    }
    with connection.cursor() as cursor:
        cursor.execute(INSERT_FLOW, values)
        rows = cursor.fetchall()
    flow.cash_flow_id, flow.ledger_key = rows[0][:2]
    flow._state.adding = False
    marked = [OpenTrade(*row[2:]) for row in rows if row[2] is not None]
    return Flow(flow, marked)


def _find_known(
    portfolio: Portfolio, external_id: str | None, digest: str
) -> CashFlow | None:
    if external_id is None:
        return None
    known = CashFlow.objects.filter(
        portfolio=portfolio, external_id=external_id
    ).first()
    if known is not None and known.request_fingerprint != digest:
        raise IdempotencyConflict.of(EntryKind.CASH_FLOW, external_id)
    return known
