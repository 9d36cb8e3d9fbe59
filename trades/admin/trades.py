"""Trades and positions: recorded and closed by the services, and never edited."""

from decimal import Decimal
from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import (
    Deed,
    ReadOnlyAdmin,
    RecordedAdmin,
    Section,
    SectionsAdmin,
)
from goals.admin.filters import KindFilter, PortfolioFilter
from goals.admin.logs import decision_link
from mastertrade.values.money import PERCENT, exactly, round_to
from trades.admin.forms import CloseForm, TradeForm
from trades.models import Position, Trade


@exactly
def measure_r_multiple(trade: Trade) -> Decimal | None:
    """Profit in units of what the stop put at risk; None without profit or stop."""
    if trade.profit_loss is None or trade.stop_price is None:
        return None
    risk = abs(trade.entry_price - trade.stop_price) * trade.quantity * trade.fx_rate
    return round_to(trade.profit_loss / risk, PERCENT) if risk else None


def trade_link(trade: Trade) -> SafeString:
    address = reverse("admin:trades_trade_change", args=[trade.pk])
    return format_html('<a href="{}">{}</a>', address, describe(trade))


def describe(row: Trade | Position) -> SafeString:
    return format_html(
        '<span class="trade"><span class="side side-{}">{}</span> {} {}</span>',
        row.side,
        row.side,
        figures.quantity(row.quantity),
        row.symbol,
    )


def profit_of(trade: Trade) -> SafeString:
    return figures.gain(trade.profit_loss, trade.portfolio.currency)


def entry_of(trade: Trade) -> SafeString:
    return figures.price(trade.entry_price, trade.quote_currency)


def exit_of(trade: Trade) -> SafeString:
    return figures.price(trade.exit_price, trade.quote_currency)


@admin.register(Trade)
class TradeAdmin(RecordedAdmin[Trade], SectionsAdmin[Trade]):
    adding = Deed(
        "Record a trade",
        TradeForm,
        (
            ("portfolio", "strategy_id"),
            ("symbol", "side"),
            ("quantity", "entry_price"),
            ("entry_time", "stop_price"),
            ("fees", "adjustment_id"),
            ("exit_price", "exit_time"),
            "override",
            "form_id",
        ),
    )
    ending = Deed(
        "Close trade",
        CloseForm,
        (("exit_price", "quantity"), ("exit_time", "fees"), "form_id"),
    )
    autocomplete_fields = ("portfolio",)

    class Media:
        js = ("trades/portfolio.js",)

    sections: ClassVar[list[Section]] = []
    list_display = (
        "what",
        "portfolio",
        "strategy_id",
        "status_shown",
        "prices",
        "profit",
        "times",
    )
    list_filter = (KindFilter, "status", "side", PortfolioFilter)
    list_select_related = ("portfolio", "adjustment")
    search_fields = ("symbol", "user__username", "strategy_id", "=trade_id")
    search_help_text = "Symbol, username, strategy or trade id"
    ordering = ("-trade_id",)
    fieldsets = (
        (
            "Trade",
            {
                "fields": (
                    ("what", "status_shown"),
                    ("owner", "portfolio", "strategy_id"),
                    ("opened", "closed"),
                    ("void_since", "void_reason"),
                )
            },
        ),
        (
            "Figures",
            {
                "fields": (
                    ("entry", "exit", "stop"),
                    ("profit", "r_multiple"),
                    ("fees_shown", "rates"),
                    ("leverage_shown", "funding_shown"),
                )
            },
        ),
        (
            "Origin",
            {
                "fields": (
                    ("decision", "external_id"),
                    ("part_of", "source_import"),
                    ("recorded", "created_by"),
                )
            },
        ),
    )

    def may_end(self, request: HttpRequest, trade: Trade) -> bool:
        return trade.is_open

    @admin.display(description="trade", ordering="symbol")
    def what(self, trade: Trade) -> SafeString:
        return describe(trade)

    @admin.display(ordering="user_id")
    def owner(self, trade: Trade) -> str:
        return trade.user_id

    @admin.display(description="entry", ordering="entry_price")
    def entry(self, trade: Trade) -> SafeString:
        return entry_of(trade)

    @admin.display(description="exit", ordering="exit_price")
    def exit(self, trade: Trade) -> SafeString:
        return exit_of(trade)

    @admin.display(description="entry, exit", ordering="entry_price")
    def prices(self, trade: Trade) -> SafeString:
        return format_html("{}<br> {}", entry_of(trade), exit_of(trade))

    @admin.display(description="opened, closed (UTC)", ordering="entry_time")
    def times(self, trade: Trade) -> SafeString:
        opened, closed = trade.entry_time, trade.exit_time
        return format_html(
            "{}<br> {}", figures.instant(opened), figures.instant(closed)
        )

    @admin.display(description="stop", ordering="stop_price")
    def stop(self, trade: Trade) -> SafeString:
        return figures.price(trade.stop_price, trade.quote_currency)

    @admin.display(description="P&L after fees", ordering="profit_loss")
    def profit(self, trade: Trade) -> SafeString:
        return profit_of(trade)

    @admin.display(description="R")
    def r_multiple(self, trade: Trade) -> SafeString:
        multiple = measure_r_multiple(trade)
        return figures.NOTHING if multiple is None else figures.r(multiple)

    @admin.display(description="fees: entry, exit")
    def fees_shown(self, trade: Trade) -> SafeString:
        return format_html(
            "{}, {}",
            figures.money(trade.entry_fees, trade.fee_currency),
            figures.money(trade.exit_fees, trade.fee_currency),
        )

    @admin.display(description="rates: quote, fee")
    def rates(self, trade: Trade) -> str:
        return f"{figures.number(trade.fx_rate)}, {figures.number(trade.fee_fx_rate)}"

    @admin.display(description="leverage")
    def leverage_shown(self, trade: Trade) -> str:
        return f"{figures.number(trade.leverage)}"

    @admin.display(description="funding")
    def funding_shown(self, trade: Trade) -> SafeString:
        return figures.money(trade.funding, trade.quote_currency)

    @admin.display(description="a part of")
    def part_of(self, trade: Trade) -> SafeString:
        if trade.parent_trade is None:
            return figures.NOTHING
        return trade_link(trade.parent_trade)

    @admin.display(description="recorded", ordering="created_at")
    def recorded(self, trade: Trade) -> SafeString:
        return figures.instant(trade.created_at)

    @admin.display(description="void since", ordering="voided_at")
    def void_since(self, trade: Trade) -> SafeString:
        return figures.instant(trade.voided_at)

    @admin.display(description="opened", ordering="entry_time")
    def opened(self, trade: Trade) -> SafeString:
        return figures.instant(trade.entry_time)

    @admin.display(description="closed", ordering="exit_time")
    def closed(self, trade: Trade) -> SafeString:
        return figures.instant(trade.exit_time)

    @admin.display(description="status", ordering="status")
    def status_shown(self, trade: Trade) -> SafeString:
        return figures.badge(trade.status)

    @admin.display(description="sized by")
    def decision(self, trade: Trade) -> SafeString:
        if trade.adjustment is None:
            return figures.NOTHING
        return decision_link(trade.adjustment, trade.adjustment)


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin[Position]):
    list_display = (
        "what",
        "portfolio",
        "status_shown",
        "entry",
        "mark",
        "unrealized",
        "updated",
    )
    list_filter = (KindFilter, "status", "side", PortfolioFilter)
    list_select_related = ("portfolio", "trade")
    search_fields = ("symbol", "user__username", "=trade__trade_id")
    search_help_text = "Symbol, username or trade id"
    ordering = ("-position_id",)
    fields = (
        "what",
        "user_id",
        "portfolio",
        "of_trade",
        "status_shown",
        "entry",
        "mark",
        "unrealized",
        "opened",
        "updated",
    )

    @admin.display(description="position", ordering="symbol")
    def what(self, position: Position) -> SafeString:
        return describe(position)

    @admin.display(description="trade")
    def of_trade(self, position: Position) -> SafeString:
        return trade_link(position.trade)

    @admin.display(description="status", ordering="status")
    def status_shown(self, position: Position) -> SafeString:
        return figures.badge(position.status)

    @admin.display(ordering="entry_price")
    def entry(self, position: Position) -> SafeString:
        return figures.price(position.entry_price, position.trade.quote_currency)

    @admin.display(description="last mark", ordering="current_price")
    def mark(self, position: Position) -> SafeString:
        return figures.price(position.current_price, position.trade.quote_currency)

    @admin.display(description="unrealised P&L", ordering="unrealized_pnl")
    def unrealized(self, position: Position) -> SafeString:
        return figures.gain(position.unrealized_pnl, position.portfolio.currency)

    @admin.display(ordering="opened_at")
    def opened(self, position: Position) -> SafeString:
        return figures.instant(position.opened_at)

    @admin.display(ordering="updated_at")
    def updated(self, position: Position) -> SafeString:
        return figures.instant(position.updated_at)
