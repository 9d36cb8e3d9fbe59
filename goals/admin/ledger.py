"""The ledger: its entries, the figures of its days, cash flows, what was changed."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from goals.admin.base import ReadOnlyAdmin, ReasonForm, now_of
from goals.admin.filters import KindFilter
from goals.models import CashFlow, LedgerChange, LedgerDay, LedgerEntry
from goals.services.voids import void_cash_flow


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = (
        "effective_at",
        "portfolio",
        "kind",
        "amount",
        "portfolio__currency",
        "trade_id",
        "cash_flow_id",
    )
    list_filter = (KindFilter, "kind")
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name", "=trade_id")
    search_help_text = "Username, portfolio name or trade id"
    ordering = ("-entry_id",)


@admin.register(LedgerDay)
class LedgerDayAdmin(ReadOnlyAdmin):
    list_display = (
        "day",
        "part",
        "portfolio",
        "entries",
        "equity",
        "portfolio__currency",
        "unit_value",
    )
    list_filter = (KindFilter,)
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name")
    search_help_text = "Username or portfolio name"
    ordering = ("-day", "-part", "-ledger_day_id")


@admin.register(CashFlow)
class CashFlowAdmin(ReadOnlyAdmin):
    list_display = (
        "flowed_at",
        "portfolio",
        "amount",
        "portfolio__currency",
        "created_by",
        "voided_at",
    )
    list_filter = (KindFilter,)
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name", "external_id")
    search_help_text = "Username, portfolio name or external id"
    ordering = ("-cash_flow_id",)
    actions = ("void",)
    action_form = ReasonForm

    @admin.action(description="Void (with a reason)", permissions=["act"])
    def void(self, request: HttpRequest, queryset: QuerySet[CashFlow]) -> None:
        self.act_on_each(
            request,
            queryset.select_related("portfolio__user"),
            "Voided",
            lambda flow: void_cash_flow(
                user=flow.portfolio.user,
                portfolio_id=flow.portfolio_id,
                cash_flow_id=flow.pk,
                reason=request.POST.get("reason", ""),
                now=now_of(request),
                by=request.user.get_username(),
            ),
        )


@admin.register(LedgerChange)
class LedgerChangeAdmin(ReadOnlyAdmin):
    list_display = (
        "changed_at",
        "portfolio",
        "trade_id",
        "cash_flow_id",
        "action",
        "changed_by",
    )
    list_filter = (KindFilter, "action")
    list_select_related = ("portfolio",)
    search_fields = ("changed_by", "=trade_id", "=cash_flow__cash_flow_id")
    search_help_text = "Who changed it, trade id or cash flow id"
    ordering = ("-change_id",)
