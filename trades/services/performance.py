"""How well strategies have done: all that are asked about, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection

from goals.decisions.trade_record import make_record
from goals.models import User
from goals.projection.kelly import measure_kelly
from mastertrade.values.money import exactly
from trades.decisions.performance import MoneyFigures, Performance, sort_money
from trades.sizing_calls.record_sql import COUNTED, SUM_UP, SUMS, WALKED

# Each strategy's ended trades in each currency. The running profit is that of the
# strategy alone: from 0 on, in the order in which its trades ended.
PERFORMANCE = f"""
WITH ended AS (
    SELECT p.currency, g.strategy_id, g.closed_at, g.ledger_key, g.profit, g.growth,
           before.cut_at
    FROM portfolios p {WALKED}
    WHERE p.user_id = %(user_id)s
      AND {COUNTED}
      AND g.trade_id IS NOT NULL AND g.strategy_id = ANY(%(wanted)s::text[])
      AND (%(from_at)s::timestamptz IS NULL OR g.closed_at >= %(from_at)s)
), running AS (
    SELECT *, sum(profit) OVER along AS made
    FROM ended WINDOW along AS (
        PARTITION BY strategy_id, currency ORDER BY closed_at, ledger_key
        ROWS UNBOUNDED PRECEDING)
), fallen AS (
    SELECT *, greatest(0, max(made) OVER along) - made AS fall
    FROM running WINDOW along AS (
        PARTITION BY strategy_id, currency ORDER BY closed_at, ledger_key
        ROWS UNBOUNDED PRECEDING)
)
SELECT strategy_id, currency, count(*), count(*) FILTER (WHERE profit > 0),
       count(*) FILTER (WHERE profit < 0),
       coalesce(sum(profit) FILTER (WHERE profit > 0), 0),
       coalesce(sum(profit) FILTER (WHERE profit < 0), 0), max(fall),
       min(cut_at),
       coalesce(array_agg(growth::float8) FILTER (WHERE growth IS NOT NULL), '{{}}'),
       {SUM_UP}
FROM fallen GROUP BY strategy_id, currency
"""
WIDTH_OF_MONEY = 8
GROWTHS = WIDTH_OF_MONEY + 1
# Entries that one request walks; of a longer record, its last ones.
MOST_WALKED = 50_000


@dataclass(frozen=True, slots=True)
class Span:
    """Which trades: of one portfolio, ended from `from_at` to `until_at`.

    None for the portfolio: of all live ones. Both ends are included; `from_at` None is
    the beginning.
    """

    until_at: datetime
    from_at: datetime | None = None
    portfolio_id: int | None = None


def load_performances(
    user: User, strategy_ids: Sequence[str], span: Span
) -> dict[str, Performance]:
    """The performance of each of the user's strategies asked for, traded or not.

    Walks the last `MOST_WALKED` entries up to `span.until_at`, of several portfolios
    an equal share each; nothing is locked or kept.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            PERFORMANCE,
            {
                "user_id": user.username,
                "wanted": list(strategy_ids),
                "only": span.portfolio_id,
                "from_at": span.from_at,
                "as_of": span.until_at,
                "most": MOST_WALKED,
            },
        )
        rows = cursor.fetchall()
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in strategy_ids}
    for row in rows:
        found[row[0]].append(row)
    return {name: _sum_up(name, rows) for name, rows in found.items()}


@exactly
def _sum_up(strategy_id: str, rows: Sequence[tuple[Any, ...]]) -> Performance:
    """One row a currency; growths of all of them are one sample."""
    sums = [
        dict(zip(SUMS, row[GROWTHS + 1 :], strict=True))
        for row in rows
        if len(row[GROWTHS])
    ]
    if not sums:
        return Performance(strategy_id, _money(rows), since=_since(rows))
    growths = np.concatenate([np.array(row[GROWTHS], float) for row in rows])
    return Performance(
        strategy_id=strategy_id,
        money=_money(rows),
        record=make_record(
            trades=sum(one["trades"] for one in sums),
            sum_growth=sum((one["sum_growth"] for one in sums), Decimal(0)),
            sum_squares=sum((one["sum_squares"] for one in sums), Decimal(0)),
            losses=sum(one["losses"] for one in sums),
            sum_losses=sum((one["sum_losses"] for one in sums), Decimal(0)),
            sum_cubes=sum((one["sum_cubes"] for one in sums), Decimal(0)),
            best=max(one["best_growth"] for one in sums),
            worst=min(one["worst_growth"] for one in sums),
        ),
        kelly=measure_kelly(growths),
        since=_since(rows),
    )


def _since(rows: Sequence[tuple[Any, ...]]) -> datetime | None:
    """The first instant from which trades are counted, where not all are."""
    return min(
        (row[WIDTH_OF_MONEY] for row in rows if row[WIDTH_OF_MONEY]), default=None
    )


def _money(rows: Sequence[tuple[Any, ...]]) -> tuple[MoneyFigures, ...]:
    return sort_money([MoneyFigures(*row[1:WIDTH_OF_MONEY]) for row in rows])
