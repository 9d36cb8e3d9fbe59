"""The ledger: its entries, the figures of its days, cash flows, what was changed."""

from typing import Any, ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import Deed, ReadOnlyAdmin, RecordedAdmin
from goals.admin.filters import KindFilter, PortfolioFilter
from goals.admin.forms import CashFlowForm
from goals.admin.readable import readable
from goals.models import CashFlow, LedgerChange, LedgerDay, LedgerEntry
from mastertrade.values import in_text

# Columns whose own names say too little.
FIELD_LABELS = {
    "adjustment_id": "sizing decision",
    "entry_time": "opened",
    "exit_time": "closed",
    "exit_fee_fx_rate": "FX rate of the exit fees",
    "fee_fx_rate": "FX rate of the fees",
    "flowed_at": "time",
    "fx_rate": "FX rate",
    "ledger_key": "place in the ledger",
    "parent_trade_id": "part of trade",
    "profit_loss": "P&L after fees",
    "request_fingerprint": "fingerprint of the request",
    "source_import_id": "import",
    "stop_price": "stop",
    "unbooked_profit": "rounding carried forward",
    "voided_at": "void since",
}


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin[LedgerEntry]):
    list_display = ("time", "portfolio", "kind", "booked", "source")
    list_filter = (KindFilter, "kind", PortfolioFilter)
    list_select_related = ("portfolio", "cash_flow")
    search_fields = ("portfolio__user__username", "portfolio__name", "=trade_id")
    search_help_text = "Username, portfolio name or trade id"
    ordering = ("-entry_id",)
    fields = ("portfolio", "kind", "time", "booked", "trade_id", "cash_flow")

    @admin.display(description="took effect", ordering="effective_at")
    def time(self, row: LedgerEntry) -> SafeString:
        return figures.instant(row.effective_at)

    @admin.display(description="of")
    def source(self, row: LedgerEntry) -> str:
        return _source_of(row)

    @admin.display(description="amount", ordering="amount")
    def booked(self, row: LedgerEntry) -> SafeString:
        return figures.gain(row.amount, row.portfolio.currency)


@admin.register(LedgerDay)
class LedgerDayAdmin(ReadOnlyAdmin[LedgerDay]):
    list_display = ("day_shown", "portfolio", "entries", "equity_then", "rate_then")
    list_filter = (KindFilter, PortfolioFilter)
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name")
    search_help_text = "Username or portfolio name"
    ordering = ("-day", "-part", "-ledger_day_id")
    fields = (
        ("portfolio", "day_shown"),
        ("entries", "last_entry"),
        ("equity_then", "realized_then"),
        ("rate_then", "peak_then", "units_then"),
        ("highest_equity", "highest_rate"),
    )

    @admin.display(description="day", ordering="day")
    def day_shown(self, row: LedgerDay) -> str:
        return row.words

    @admin.display(description="newest entry", ordering="last_entry_at")
    def last_entry(self, row: LedgerDay) -> SafeString:
        return figures.instant(row.last_entry_at)

    @admin.display(description="equity after", ordering="equity")
    def equity_then(self, row: LedgerDay) -> SafeString:
        return figures.money(row.equity, row.portfolio.currency)

    @admin.display(description="realised P&L after")
    def realized_then(self, row: LedgerDay) -> SafeString:
        return figures.gain(row.realized_pnl, row.portfolio.currency)

    @admin.display(description="unit value after")
    def rate_then(self, row: LedgerDay) -> SafeString:
        return figures.unit_value(row.unit_value)

    @admin.display(description="peak unit value")
    def peak_then(self, row: LedgerDay) -> SafeString:
        return figures.unit_value(row.peak_unit_value)

    @admin.display(description="units after")
    def units_then(self, row: LedgerDay) -> str:
        return f"{in_text.quantity(row.units)} (run {row.unit_run})"

    @admin.display(description="highest equity of the day")
    def highest_equity(self, row: LedgerDay) -> SafeString:
        return figures.money(row.high_equity, row.portfolio.currency)

    @admin.display(description="highest unit value of the day")
    def highest_rate(self, row: LedgerDay) -> SafeString:
        return figures.unit_value(row.high_unit_value)


@admin.register(CashFlow)
class CashFlowAdmin(RecordedAdmin[CashFlow]):
    """Deposits and withdrawals: recorded, then looked at; the API voids them."""

    adding = Deed(
        "Deposit or withdraw",
        CashFlowForm,
        ("portfolio", "amount", "flowed_at", "form_id"),
    )
    autocomplete_fields = ("portfolio",)
    list_display = (
        "time",
        "portfolio",
        "flow",
        "valued",
        "created_by",
        "voided",
    )
    list_filter = (KindFilter, PortfolioFilter)
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name", "external_id")
    search_help_text = "Username, portfolio name or external id"
    ordering = ("-cash_flow_id",)
    fields = (
        ("portfolio", "time"),
        ("flow", "external_id"),
        ("units_bought", "valued"),
        ("recorded", "created_by"),
        ("voided", "void_reason"),
    )

    def page_after(self, row: CashFlow) -> str:
        return reverse("admin:goals_portfolio_change", args=[row.portfolio_id])

    @admin.display(ordering="flowed_at")
    def time(self, row: CashFlow) -> SafeString:
        return figures.instant(row.flowed_at)

    @admin.display(description="amount", ordering="amount")
    def flow(self, row: CashFlow) -> SafeString:
        return figures.gain(row.amount, row.portfolio.currency)

    @admin.display(description="units")
    def units_bought(self, row: CashFlow) -> str:
        return in_text.quantity(row.units)

    @admin.display(description="open trades")
    def valued(self, row: CashFlow) -> str:
        return "marks unknown" if row.marks_unknown else "at their marks"

    @admin.display(description="recorded")
    def recorded(self, row: CashFlow) -> SafeString:
        return figures.instant(row.created_at)

    @admin.display(description="void since", ordering="voided_at")
    def voided(self, row: CashFlow) -> SafeString:
        return figures.instant(row.voided_at)


@admin.register(LedgerChange)
class LedgerChangeAdmin(ReadOnlyAdmin[LedgerChange]):
    list_display = ("time", "what", "action_shown", "changed_by", "changed_fields")
    list_filter: ClassVar[tuple[Any, ...]] = ("action",)
    list_select_related = ("cash_flow",)
    search_fields = ("changed_by", "=trade_id", "=cash_flow__cash_flow_id")
    search_help_text = "Who changed it, trade id or cash flow id"
    ordering = ("-change_id",)
    fields = (("what", "action_shown"), ("time", "changed_by"), "changes")

    @admin.display(description="changed", ordering="changed_at")
    def time(self, row: LedgerChange) -> SafeString:
        return figures.instant(row.changed_at)

    @admin.display(description="of")
    def what(self, row: LedgerChange) -> str:
        return _source_of(row)

    @admin.display(description="change", ordering="action")
    def action_shown(self, row: LedgerChange) -> SafeString:
        return figures.badge(row.action)

    @admin.display(description="fields")
    def changed_fields(self, row: LedgerChange) -> str:
        return ", ".join(sorted(map(field_label, row.after)))

    @admin.display
    def changes(self, row: LedgerChange) -> SafeString:
        return what_changed(row)


def _source_of(row: LedgerEntry | LedgerChange) -> str:
    if row.trade_id is not None:
        return f"trade {row.trade_id}"
    return f"cash flow {row.cash_flow_id}"


def what_changed(change: LedgerChange) -> SafeString:
    """Each field of the trade or cash flow, before and after."""
    return readable(
        [
            {"field": field_label(name), "before": change.before.get(name), "after": it}
            for name, it in sorted(
                change.after.items(), key=lambda item: field_label(item[0])
            )
        ]
    )


def field_label(column: str) -> str:
    """What people call a column of a trade or cash flow."""
    return FIELD_LABELS.get(column) or figures.words(column.removesuffix("_id"))
