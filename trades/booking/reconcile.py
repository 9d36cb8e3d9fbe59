"""Proof that what is cached is what the ledger says, and mending where it is not."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from goals.decisions.alert_events import drift_found
from goals.models import Portfolio
from goals.services.alerts import write_alerts
from goals.services.reconciling import Drift, find_portfolio_drift, mend_portfolio
from mastertrade.db.transactions import atomic
from trades.booking.rows import NEW_POSITION, price_profit
from trades.sizing_calls.records import find_record_drift, forget_records

# What open trades hold, next to what their positions say of it, in one portfolio. Of a
# position that was never marked nothing is unrealised: it stands at its entry price.
POSITIONS = f"""
WITH held AS (
    SELECT t.trade_id, t.symbol, t.side, t.quantity, t.entry_price, t.status = 'open'
               AS is_open,
           o.position_id, o.symbol AS o_symbol, o.side AS o_side,
           o.quantity AS o_quantity, o.entry_price AS o_entry_price,
           o.unrealized_pnl AS o_unrealized, o.status AS o_status,
           CASE WHEN t.status = 'open' AND o.marked_at IS NOT NULL
               THEN {price_profit("o.current_price")} ELSE 0 END AS unrealized,
           CASE WHEN t.status = 'open' AND o.marked_at IS NOT NULL
               THEN open_pnl(t, o.current_price) ELSE 0 END AS open_pnl
    FROM trades t LEFT JOIN positions o USING (trade_id)
    WHERE t.portfolio_id = %(portfolio_id)s
      AND (t.status = 'open' OR o.status = 'open')
)
"""
DRIFT = (
    POSITIONS
    + """
SELECT trade_id, figure, cached, computed FROM held, LATERAL (VALUES
    ('status', coalesce(o_status, 'none'),
     CASE WHEN is_open THEN 'open' ELSE 'closed' END),
    ('symbol', o_symbol, symbol),
    ('side', o_side, side),
    ('quantity', trim_scale(o_quantity)::text, trim_scale(quantity)::text),
    ('entry_price', trim_scale(o_entry_price)::text, trim_scale(entry_price)::text),
    ('unrealized_pnl', trim_scale(o_unrealized)::text, trim_scale(unrealized)::text)
) AS f(figure, cached, computed)
WHERE (is_open OR figure = 'status') AND cached IS DISTINCT FROM computed
ORDER BY trade_id, figure
"""
)
UNREALIZED = POSITIONS + "SELECT coalesce(sum(open_pnl), 0) FROM held"
MEND = (
    POSITIONS
    + f"""
, changed AS (
    UPDATE positions o
    SET status = CASE WHEN h.is_open THEN 'open' ELSE 'closed' END, symbol = h.symbol,
        side = h.side, quantity = h.quantity, entry_price = h.entry_price,
        unrealized_pnl = h.unrealized, updated_at = %(now)s
    FROM held h WHERE o.position_id = h.position_id
)
{NEW_POSITION}FROM held h JOIN trades t USING (trade_id) WHERE h.position_id IS NULL
"""
)


def find_drift(portfolio_ids: list[int] | None = None) -> Iterator[Drift]:
    """Every figure that is not what the ledger says, portfolio by portfolio.

    Each portfolio is looked at in a transaction of its own, under its lock, so that
    nothing moves meanwhile. None: all portfolios.
    """
    for portfolio_id in _keys(portfolio_ids):
        yield from check_portfolio(portfolio_id)


@atomic
def check_portfolio(portfolio_id: int) -> list[Drift]:
    """The drift of one portfolio, its days, goals, positions and growth records."""
    portfolio = Portfolio.objects.locked().get(pk=portfolio_id)
    drift = []
    computed = _unrealized(portfolio)
    if computed != portfolio.unrealized_pnl:
        drift.append(
            Drift(
                portfolio_id,
                "itself",
                "unrealized_pnl",
                portfolio.unrealized_pnl,
                computed,
            )
        )
    drift += find_portfolio_drift(portfolio)
    for trade_id, figure, cached, expected in _ask(DRIFT, portfolio):
        of = f"position of trade {trade_id}"
        drift.append(Drift(portfolio_id, of, figure, cached, expected))
    drift += [Drift(portfolio_id, *row) for row in find_record_drift(portfolio)]
    return drift


@atomic
def report_drift(portfolio_id: int, now: datetime) -> list[Drift]:
    """The same, and alert the portfolio's owner of it; once for the same figures."""
    drift = check_portfolio(portfolio_id)
    portfolio = Portfolio.objects.get(pk=portfolio_id)
    if drift and portfolio.is_live:
        words = [str(row) for row in drift]
        alert = drift_found(portfolio_id, portfolio.name, words, now)
        write_alerts([alert], user_id=portfolio.user_id, now=now)
    return drift


@atomic
def mend_drift(portfolio_id: int, now: datetime) -> None:
    """Make positions, portfolio, days and goals again from trades and cash flows.

    Growth records are deleted: whoever needs one next makes it from the ledger.
    """
    portfolio = Portfolio.objects.locked().get(pk=portfolio_id)
    with connection.cursor() as cursor:
        cursor.execute(MEND, {"portfolio_id": portfolio_id, "now": now})
    portfolio.unrealized_pnl = _unrealized(portfolio)
    forget_records(portfolio)
    mend_portfolio(portfolio, now)


def _keys(portfolio_ids: list[int] | None) -> list[int]:
    portfolios = Portfolio.objects.order_by("pk")
    if portfolio_ids is not None:
        portfolios = portfolios.filter(pk__in=portfolio_ids)
    return list(portfolios.values_list("pk", flat=True))


def _unrealized(portfolio: Portfolio) -> Decimal:
    return Decimal(_ask(UNREALIZED, portfolio)[0][0])


def _ask(statement: str, portfolio: Portfolio) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"portfolio_id": portfolio.portfolio_id})
        return list(cursor.fetchall())
