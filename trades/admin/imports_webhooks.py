"""Where trades came from: imported files, single fills, bots' webhooks."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin.base import ReadOnlyAdmin
from goals.admin.filters import KindFilter
from trades.models import TradeFill, TradeImport, WebhookToken


@admin.register(TradeImport)
class TradeImportAdmin(ReadOnlyAdmin):
    list_display = (
        "file_name",
        "format",
        "portfolio",
        "created_count",
        "known_count",
        "refused_count",
        "created_at",
    )
    list_filter = (KindFilter, "format")
    list_select_related = ("portfolio",)
    search_fields = ("file_name", "user__username", "content_sha256")
    search_help_text = "File name, username or SHA-256 of the file"
    ordering = ("-import_id",)
    fields = (
        "file_name",
        "format",
        "portfolio",
        "created_count",
        "known_count",
        "refused_count",
        "created_at",
        "created_by",
        "undone_at",
        "content_sha256",
        "its_trades",
    )

    @admin.display(description="trades")
    def its_trades(self, row: TradeImport) -> SafeString:
        address = reverse("admin:trades_trade_changelist")
        query = f"source_import={row.import_id}"
        return format_html('<a href="{}?{}">those it made</a>', address, query)


@admin.register(TradeFill)
class TradeFillAdmin(ReadOnlyAdmin):
    list_display = (
        "filled_at",
        "portfolio",
        "trade_id",
        "symbol",
        "kind",
        "quantity",
        "price",
    )
    list_filter = (KindFilter, "kind")
    list_select_related = ("portfolio",)
    search_fields = ("symbol", "external_id", "=trade__trade_id")
    search_help_text = "Symbol, external id or trade id"
    ordering = ("-fill_id",)


@admin.register(WebhookToken)
class WebhookTokenAdmin(ReadOnlyAdmin):
    """Of a token only its beginning is shown."""

    list_display = (
        "bot",
        "portfolio",
        "strategy_id",
        "token_key",
        "created_at",
        "last_used_at",
    )
    list_filter = (KindFilter,)
    list_select_related = ("portfolio",)
    search_fields = ("bot", "user__username", "strategy_id", "token_key")
    search_help_text = "Bot, username, strategy or the token's beginning"
    ordering = ("-webhook_id",)
    fields = list_display
