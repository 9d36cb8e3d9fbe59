"""Live portfolios that are valued at prices which nobody has sent for long."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.db.models.functions import Coalesce

from goals.decisions.size_warnings import STALE_MARKS_HOURS
from goals.enums import PortfolioKind
from trades.enums import TradeStatus
from trades.models import Position

STALE_AFTER = timedelta(hours=STALE_MARKS_HOURS)


@dataclass(frozen=True, slots=True)
class StaleMarks:
    """How many open positions of a portfolio, and when the oldest price was seen."""

    portfolio_id: int
    user_id: str
    positions: int
    oldest_mark_at: datetime


def find_stale_marks(as_of: datetime) -> list[StaleMarks]:
    """By portfolio, those whose marks (else entries) are as old as sizing warns of."""
    opened = Position.objects.filter(
        status=TradeStatus.OPEN, portfolio__kind=PortfolioKind.LIVE
    ).annotate(seen_at=Coalesce("marked_at", "opened_at"))
    rows = (
        opened.filter(seen_at__lte=as_of - STALE_AFTER)
        .values_list("portfolio_id", "portfolio__user_id")
        .annotate(Count("pk"), Min("seen_at"))
        .order_by("portfolio_id")
    )
    return [StaleMarks(*row) for row in rows]
