"""The lists on pages: trades on those of goals and portfolios, a trade's history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin import FinancialGoalAdmin, PortfolioAdmin, figures
from goals.admin.base import Section, Tool
from goals.admin.filters import KindFilter, is_shown_as
from goals.admin.ledger import LedgerChangeAdmin, what_changed
from goals.admin.tools import for_portfolio
from goals.models import FinancialGoal, LedgerChange, Portfolio
from trades.admin.trades import TradeAdmin, entry_of, exit_of, profit_of, trade_link
from trades.enums import TradeStatus
from trades.models import Trade, TradeFill
from trades.sizing_calls.limits import FloorNow, measure_limits


def _trades_of_goal(goal: FinancialGoal) -> QuerySet[Trade]:
    """The trades that moved it: those whose exit lies in its period.

    A cancelled goal ended before its period did.
    """
    trades = Trade.objects.filter(
        portfolio_id=goal.portfolio_id, exit_time__gte=goal.period_starts_at
    )
    ends_at = goal.ended_at or goal.period_ends_at
    if ends_at is not None:
        trades = trades.filter(exit_time__lt=ends_at)
    return trades.select_related("portfolio").order_by("-exit_time", "-trade_id")


def _open_trades_of(portfolio: Portfolio) -> QuerySet[Trade]:
    return (
        Trade.objects.filter(portfolio=portfolio, status=TradeStatus.OPEN)
        .select_related("portfolio", "position")
        .order_by("-entry_time", "-trade_id")
    )


def _parts_of(trade: Trade) -> QuerySet[Trade]:
    parts = Trade.objects.filter(parent_trade=trade).select_related("portfolio")
    return parts.order_by("-exit_time", "-trade_id")


def _fills_of(trade: Trade) -> QuerySet[TradeFill]:
    fills = TradeFill.objects.filter(trade=trade).select_related("trade")
    return fills.order_by("-filled_at", "-fill_id")


def _changes_of(trade: Trade) -> QuerySet[LedgerChange]:
    changes = LedgerChange.objects.filter(trade_id=trade.trade_id)
    return changes.order_by("-change_id")


class ChangeKindFilter(KindFilter):
    """By the portfolio of the trade or of the cash flow that was changed."""

    NAMING = ("trade_id", "cash_flow_id")

    def of_kind(self, queryset: QuerySet[Any], kind: str) -> QuerySet[Any]:
        trades = Trade.objects.filter(is_shown_as(kind, "portfolio__"))
        return queryset.filter(
            Q(trade_id__in=trades.values("trade_id"))
            | is_shown_as(kind, "cash_flow__portfolio__")
        )


@dataclass(slots=True)
class FloorRow:
    """A floor of a portfolio now; the page sets `shown_at`."""

    floor: FloorNow
    currency: str
    shown_at: datetime | None = None


def _floors_of(portfolio: Portfolio) -> list[FloorRow]:
    found = measure_limits(
        user=portfolio.user, portfolio_id=portfolio.pk, now=timezone.now()
    )
    return [FloorRow(floor, portfolio.currency) for floor in found.floors]


def _distance_to(row: FloorRow) -> SafeString:
    floor, currency = row.floor, row.currency
    if not floor.reached:
        return figures.money(floor.headroom, currency)
    return format_html("reached, {} under it", figures.money(floor.shortfall, currency))


def _record_address(portfolio: Portfolio, now: datetime) -> str | None:
    return for_portfolio("admin:trades_trade_add", portfolio)


PortfolioAdmin.tools.append(Tool("Record a trade", "trades.add_trade", _record_address))
LedgerChangeAdmin.list_filter = (ChangeKindFilter, *LedgerChangeAdmin.list_filter)
FinancialGoalAdmin.sections.append(
    Section(
        key="trades",
        title="Trades in its period",
        model=Trade,
        rows=_trades_of_goal,
        columns=[
            ("Closed", lambda trade: figures.instant(trade.exit_time)),
            ("Trade", trade_link),
            ("Strategy", lambda trade: trade.strategy_id or figures.NOTHING),
            ("Entry", entry_of),
            ("Exit", exit_of),
            ("P&L after fees", profit_of),
        ],
    )
)
PortfolioAdmin.sections.insert(
    0,
    Section(
        key="floors",
        title="Floors now",
        model=Portfolio,
        rows=_floors_of,
        columns=[
            ("Limit", lambda row: figures.words(row.floor.limit)),
            ("Floor", lambda row: figures.money(row.floor.floor_equity, row.currency)),
            ("Equity above it", _distance_to),
            ("Of live equity", lambda row: figures.percent(row.floor.headroom_pct)),
            (
                "Mean losing trades",
                lambda row: figures.losing_trades(row.floor.losing_trades),
            ),
            ("Checked", lambda row: figures.badge(row.floor.checked)),
        ],
    ),
)
PortfolioAdmin.sections.append(
    Section(
        key="open",
        title="Open trades",
        model=Trade,
        rows=_open_trades_of,
        columns=[
            ("Opened", lambda trade: figures.instant(trade.entry_time)),
            ("Trade", trade_link),
            ("Strategy", lambda trade: trade.strategy_id or figures.NOTHING),
            ("Entry", entry_of),
            (
                "Last mark",
                lambda trade: figures.price(
                    trade.position.current_price, trade.quote_currency
                ),
            ),
            (
                "Unrealised P&L",
                lambda trade: figures.gain(
                    trade.position.unrealized_pnl, trade.portfolio.currency
                ),
            ),
        ],
    )
)
TradeAdmin.sections += [
    Section(
        key="parts",
        title="Closed parts",
        model=Trade,
        rows=_parts_of,
        columns=[
            ("Closed", lambda part: figures.instant(part.exit_time)),
            ("Part", trade_link),
            ("Status", lambda part: figures.badge(part.status)),
            ("Exit", exit_of),
            ("P&L after fees", profit_of),
        ],
    ),
    Section(
        key="fills",
        title="Fills",
        model=TradeFill,
        rows=_fills_of,
        columns=[
            ("Filled", lambda fill: figures.instant(fill.filled_at)),
            ("Kind", lambda fill: figures.badge(fill.kind)),
            ("Quantity", lambda fill: figures.quantity(fill.quantity)),
            (
                "Price",
                lambda fill: figures.price(fill.price, fill.trade.quote_currency),
            ),
            ("Fees", lambda fill: figures.money(fill.fees, fill.fee_currency)),
        ],
    ),
    Section(
        key="changes",
        title="What was changed since it was recorded",
        model=LedgerChange,
        rows=_changes_of,
        columns=[
            ("When", lambda change: figures.instant(change.changed_at)),
            ("Change", lambda change: figures.badge(change.action)),
            ("By", lambda change: change.changed_by),
            ("What", what_changed),
        ],
    ),
]
