"""Where trades came from: imported files, single fills, bots' webhooks."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import ReadOnlyAdmin
from goals.admin.filters import KindFilter, PortfolioFilter
from trades.models import TradeFill, TradeImport, WebhookToken


@admin.register(TradeImport)
class TradeImportAdmin(ReadOnlyAdmin[TradeImport]):
    list_display = (
        "file_name",
        "format",
        "portfolio",
        "created_count",
        "known_count",
        "refused_count",
        "time",
    )
    list_filter = (KindFilter, "format", PortfolioFilter)
    list_select_related = ("portfolio",)
    search_fields = ("file_name", "user__username", "content_sha256")
    search_help_text = "File name, username or SHA-256 of the file"
    ordering = ("-import_id",)
    fields = (
        ("file_name", "format"),
        ("portfolio", "owner"),
        ("created_count", "known_count", "refused_count"),
        ("time", "created_by"),
        "content_sha256",
        "its_trades",
    )

    @admin.display(description="imported", ordering="created_at")
    def time(self, row: TradeImport) -> SafeString:
        return figures.instant(row.created_at)

    @admin.display(ordering="user_id")
    def owner(self, row: TradeImport) -> str:
        return row.user_id

    @admin.display(description="trades")
    def its_trades(self, row: TradeImport) -> SafeString:
        address = reverse("admin:trades_trade_changelist")
        query = f"source_import__import_id={row.import_id}"
        return format_html('<a href="{}?{}">those it made</a>', address, query)


@admin.register(TradeFill)
class TradeFillAdmin(ReadOnlyAdmin[TradeFill]):
    list_display = (
        "what",
        "size",
        "at_price",
        "fees_shown",
        "time",
        "portfolio",
        "trade_id",
    )
    list_filter = (KindFilter, "kind", PortfolioFilter)
    list_select_related = ("portfolio", "trade")
    search_fields = ("symbol", "external_id", "=trade__trade_id")
    search_help_text = "Symbol, external id or trade id"
    ordering = ("-fill_id",)
    fields = (
        ("kind", "symbol"),
        ("size", "at_price", "fees_shown"),
        ("time", "recorded", "created_by"),
        ("portfolio", "trade", "source_import"),
        "external_id",
    )

    @admin.display(description="fill", ordering="symbol")
    def what(self, row: TradeFill) -> SafeString:
        return format_html("{} {}", figures.badge(row.kind), row.symbol)

    @admin.display(description="quantity", ordering="quantity")
    def size(self, row: TradeFill) -> SafeString:
        return figures.quantity(row.quantity)

    @admin.display(description="price", ordering="price")
    def at_price(self, row: TradeFill) -> SafeString:
        currency = row.trade.quote_currency if row.trade else ""
        return figures.price(row.price, currency)

    @admin.display(description="fees", ordering="fees")
    def fees_shown(self, row: TradeFill) -> SafeString:
        return figures.money(row.fees, row.fee_currency)

    @admin.display(description="filled", ordering="filled_at")
    def time(self, row: TradeFill) -> SafeString:
        return figures.instant(row.filled_at)

    @admin.display(description="recorded", ordering="created_at")
    def recorded(self, row: TradeFill) -> SafeString:
        return figures.instant(row.created_at)


@admin.register(WebhookToken)
class WebhookTokenAdmin(ReadOnlyAdmin[WebhookToken]):
    list_display = ("bot", "portfolio", "strategy_id", "key", "made", "used")
    list_filter = (KindFilter, PortfolioFilter)
    list_select_related = ("portfolio",)
    search_fields = ("bot", "user__username", "strategy_id", "token_key")
    search_help_text = "Bot, username, strategy or the token's beginning"
    ordering = ("-webhook_id",)
    fields = (("bot", "key"), ("owner", "portfolio", "strategy_id"), ("made", "used"))

    @admin.display(ordering="user_id")
    def owner(self, row: WebhookToken) -> str:
        return row.user_id

    @admin.display(description="token begins", ordering="token_key")
    def key(self, row: WebhookToken) -> str:
        return f"{row.token_key}…"

    @admin.display(description="issued", ordering="created_at")
    def made(self, row: WebhookToken) -> SafeString:
        return figures.instant(row.created_at)

    @admin.display(description="last used", ordering="last_used_at")
    def used(self, row: WebhookToken) -> SafeString:
        return figures.instant(row.last_used_at)
