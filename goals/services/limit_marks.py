"""The marks that limits were judged by, stored so that a rebuild judges as then."""

from datetime import datetime
from decimal import Decimal

from goals.enums import MarkRole
from goals.models import LimitMark, Portfolio
from mastertrade.db.raw_sql import execute

# Of every open trade at its last mark; `trades` makes the view.
KEEP_MARK = """
INSERT INTO limit_marks (portfolio_id, role, at, open_pnl, by_trade)
SELECT %(portfolio_id)s, %(role)s, %(at)s, %(open_pnl)s,
       coalesce(jsonb_object_agg(trade_id, open_pnl::text)
                FILTER (WHERE trade_id IS NOT NULL), '{}')
FROM open_profits WHERE portfolio_id = %(portfolio_id)s
ON CONFLICT (portfolio_id, at) WHERE role = 'day_start'
DO UPDATE SET open_pnl = excluded.open_pnl
"""


def keep_mark(
    portfolio: Portfolio,
    role: MarkRole,
    at: datetime,
    open_pnl: Decimal | None = None,
) -> None:
    """Store what the open trades of a locked portfolio have made at their marks.

    `open_pnl`: what they had made together at an earlier mark (default: now).
    """
    execute(
        KEEP_MARK,
        {
            "portfolio_id": portfolio.portfolio_id,
            "role": str(role),
            "at": at,
            "open_pnl": portfolio.unrealized_pnl if open_pnl is None else open_pnl,
        },
    )


def newest_mark(portfolio: Portfolio, role: MarkRole) -> LimitMark | None:
    """The one that was stored last."""
    stored = LimitMark.objects.filter(portfolio=portfolio, role=role)
    return stored.order_by("-limit_mark_id").first()
