"""Portfolios and cash flows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Protocol
from zoneinfo import available_timezones

from django.db import connection
from django.db.models import QuerySet

from goals.decisions.accounting import OpenTrade, open_account
from goals.enums import EdgeGuard, EntryKind, PortfolioKind
from goals.models import CashFlow, FinancialGoal, LedgerEntry, Portfolio, User
from goals.models.users import MAIN_PORTFOLIO
from goals.services.booking import book_entry
from goals.services.halts import enforce_limits
from goals.services.ledger import Flow
from mastertrade.db.raw_sql import columns_of, load
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import (
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    PortfolioFinished,
    PortfolioFrozen,
)
from mastertrade.values.messages import (
    MOST_LISTED,
    MOST_OWN_LISTED,
    did_you_mean,
    list_names,
)
from mastertrade.values.money import MONEY, PERCENT, format_plain
from mastertrade.values.validation import (
    CURRENCY_PATTERN,
    fingerprint,
    refuse,
    require_decimal,
    require_not_future,
    require_not_negative,
    require_positive,
    require_visible,
    require_word,
)

FROZEN_ONCE_USED = ("currency", "time_zone", "opening_balance")
SETTINGS = (
    "name",
    "soft_drawdown_pct",
    "hard_drawdown_pct",
    "daily_loss_limit_pct",
    "max_position_pct",
    "edge_guard",
)
# Files beside the time zones on some machines; the database does not know them.
NOT_TIME_ZONES = {"localtime", "posixrules", "Factory"}
LARGEST_DRAWDOWN_PCT = Decimal(100)
DRAWDOWN_LIMITS = ("soft_drawdown_pct", "hard_drawdown_pct", "daily_loss_limit_pct")
OPTIONAL_LIMITS = ("daily_loss_limit_pct",)


@atomic
def create_portfolio(
    *,
    user: User,
    name: str,
    now: datetime,
    kind: PortfolioKind = PortfolioKind.LIVE,
    **fields: Any,
) -> Portfolio:
    """Create a portfolio; `fields` as in the table, the opening balance among them.

    Its kind stays what it is; only a replay and the demo make one that is not live.
    """
    portfolio = Portfolio(
        user=user, name=name, kind=kind, created_at=now, updated_at=now
    )
    return _change(portfolio, {"name": name, **fields}, now)


@atomic
def update_portfolio(
    *, portfolio_id: int, user: User, now: datetime, **fields: Any
) -> Portfolio:
    """Change settings; what is frozen once the portfolio is used raises then.

    A limit that the portfolio has fallen to already halts trading at once.
    """
    portfolio = lock_portfolio(user=user, portfolio=portfolio_id)
    frozen = [
        name
        for name in FROZEN_ONCE_USED
        if name in fields and fields[name] != getattr(portfolio, name)
    ]
    if frozen and _is_used(portfolio):
        raise PortfolioFrozen(
            f"{', '.join(frozen)} cannot be changed: portfolio {portfolio.name} is "
            "already used by a goal, a trade or a cash flow."
        )
    refuse(_wrong_renaming(portfolio, fields))
    changed = _change(portfolio, fields, now)
    enforce_limits(changed, now)
    return changed


def _change(portfolio: Portfolio, fields: dict[str, Any], now: datetime) -> Portfolio:
    balance_before = portfolio.opening_balance
    for name, value in fields.items():
        if name not in (*FROZEN_ONCE_USED, *SETTINGS):
            raise InvalidInput(name, "cannot be set.")
        setattr(portfolio, name, value)
    _validate(portfolio)
    refuse(wrong_in_portfolio(portfolio))
    if portfolio.pk is None or portfolio.opening_balance != balance_before:
        portfolio.apply_figures(open_account(portfolio.opening_balance))
    portfolio.updated_at = now
    portfolio.save()
    return portfolio


def _validate(portfolio: Portfolio) -> None:
    require_not_negative("opening_balance", portfolio.opening_balance, MONEY)
    require_word("edge_guard", portfolio.edge_guard, EdgeGuard)
    for name in DRAWDOWN_LIMITS:
        if getattr(portfolio, name) is not None or name not in OPTIONAL_LIMITS:
            require_decimal(name, getattr(portfolio, name), PERCENT)
    if portfolio.max_position_pct is not None:
        require_positive("max_position_pct", portfolio.max_position_pct, PERCENT)


def wrong_in_portfolio(portfolio: Portfolio) -> Iterator[InvalidInput]:
    """What a portfolio's settings say that cannot be; asks for its owner's others."""
    yield from _wrong_name(portfolio)
    if not re.fullmatch(CURRENCY_PATTERN, portfolio.currency):
        yield InvalidInput("currency", "must be 2 to 10 capital letters or digits.")
    if portfolio.time_zone not in _time_zones():
        yield _no_time_zone(portfolio.time_zone)
    for name in DRAWDOWN_LIMITS:
        limit = getattr(portfolio, name)
        if limit is not None and not 0 < limit <= LARGEST_DRAWDOWN_PCT:
            yield InvalidInput(name, "must be above 0 and at most 100.")
    if portfolio.soft_drawdown_pct > portfolio.hard_drawdown_pct:
        yield InvalidInput(
            "soft_drawdown_pct",
            f"{format_plain(portfolio.soft_drawdown_pct)} must not be above "
            f"hard_drawdown_pct, {format_plain(portfolio.hard_drawdown_pct)}.",
        )


def find_wrong_settings(
    user: User, portfolio_id: int | None, fields: Mapping[str, Any]
) -> Iterator[InvalidInput]:
    """What creating a portfolio, or changing one, would refuse in `fields`.

    Some may be missing: those of a new portfolio then have their defaults.
    """
    portfolio = Portfolio(user=user, name="name")
    if portfolio_id is not None:
        portfolio = Portfolio.objects.get(user_id=user.username, pk=portfolio_id)
        yield from _wrong_renaming(portfolio, fields)
    for name in (*FROZEN_ONCE_USED, *SETTINGS):
        if name in fields:
            setattr(portfolio, name, fields[name])
    wrong = wrong_in_portfolio(portfolio)
    yield from (one for one in wrong if one.field != "name" or "name" in fields)


def _wrong_renaming(
    portfolio: Portfolio, fields: Mapping[str, Any]
) -> Iterator[InvalidInput]:
    is_main = portfolio.name == MAIN_PORTFOLIO
    if is_main and fields.get("name", MAIN_PORTFOLIO) != MAIN_PORTFOLIO:
        yield InvalidInput("name", "The portfolio main cannot be renamed.")


def _wrong_name(portfolio: Portfolio) -> Iterator[InvalidInput]:
    if not portfolio.name.strip():
        yield InvalidInput("name", "must not be empty.")
    elif portfolio.name.isdecimal():
        yield InvalidInput("name", "must not be a number: numbers are keys.")
    others = Portfolio.objects.filter(user_id=portfolio.user_id, name=portfolio.name)
    if others.exclude(pk=portfolio.pk).exists():
        yield InvalidInput("name", f"You already have a portfolio {portfolio.name}.")


def require_time_zone(name: str) -> None:
    """Refuse what is no name of a time zone."""
    if name not in _time_zones():
        raise _no_time_zone(name)


def _no_time_zone(name: str) -> InvalidInput:
    hint = did_you_mean(name, _time_zones()) or " Write it like Europe/Vienna."
    return InvalidInput("time_zone", f"There is no time zone {name}.{hint}")


@cache
def _time_zones() -> frozenset[str]:
    """The names that are accepted; finding them reads hundreds of files, so once."""
    return frozenset(available_timezones() - NOT_TIME_ZONES)


def _is_used(portfolio: Portfolio) -> bool:
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
    is_key = isinstance(reference, int) or reference.isdecimal()
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


# The flow, and beside it what open trades had made when it came.
INSERT_FLOW = """
WITH flow AS (
    INSERT INTO cash_flows
        (portfolio_id, amount, flowed_at, external_id, request_fingerprint, created_at,
         created_by, updated_by, void_reason)
    VALUES (%(portfolio_id)s, %(amount)s, %(flowed_at)s, %(external_id)s, %(digest)s,
            %(created_at)s, %(created_by)s, '', '')
    RETURNING cash_flow_id, ledger_key
), told AS (
    SELECT * FROM unnest(
        %(trade_ids)s::bigint[], %(quantities)s::numeric[], %(open_pnls)s::numeric[]
    ) AS m(trade_id, quantity, open_pnl)
), valued AS (
    SELECT * FROM told
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
        raise IdempotencyConflict(
            f"{EntryKind.CASH_FLOW} {external_id} was recorded with other figures. "
            "Use another external_id for another one."
        )
    return known
