"""Trades and positions: looked at, and voided."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from goals.admin.base import NewestInline, ReadOnlyAdmin, ReasonForm, now_of
from goals.admin.filters import KindFilter
from trades.booking.void import void_trade
from trades.models import Position, Trade, TradeFill


class PartInline(NewestInline):
    model = Trade
    verbose_name_plural = "newest closed parts"
    ordering = ("-exit_time", "-trade_id")
    fields = ("status", "quantity", "exit_price", "exit_time", "profit_loss")


class FillInline(NewestInline):
    model = TradeFill
    verbose_name_plural = "newest fills"
    ordering = ("-filled_at", "-fill_id")
    fields = ("kind", "quantity", "price", "fees", "fee_currency", "filled_at")


@admin.register(Trade)
class TradeAdmin(ReadOnlyAdmin):
    list_display = (
        "trade_id",
        "portfolio",
        "symbol",
        "side",
        "status",
        "profit_loss",
        "strategy_id",
    )
    list_filter = (KindFilter, "status", "side")
    list_select_related = ("portfolio",)
    search_fields = ("symbol", "user__username", "strategy_id", "=trade_id")
    search_help_text = "Symbol, username, strategy or trade id"
    ordering = ("-trade_id",)
    actions = ("void",)
    action_form = ReasonForm
    inlines = (PartInline, FillInline)

    @admin.action(description="Void (with a reason)", permissions=["act"])
    def void(self, request: HttpRequest, queryset: QuerySet[Trade]) -> None:
        self.act_on_each(
            request,
            queryset.select_related("user"),
            "Voided",
            lambda trade: void_trade(
                user=trade.user,
                trade_id=trade.pk,
                reason=request.POST.get("reason", ""),
                now=now_of(request),
                by=request.user.get_username(),
            ),
        )


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    list_display = (
        "position_id",
        "portfolio",
        "symbol",
        "side",
        "status",
        "current_price",
        "unrealized_pnl",
    )
    list_filter = (KindFilter, "status", "side")
    list_select_related = ("portfolio",)
    search_fields = ("symbol", "user__username", "=trade__trade_id")
    search_help_text = "Symbol, username or trade id"
    ordering = ("-position_id",)
