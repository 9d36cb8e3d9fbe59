"""Portfolios, and what halted them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from goals.admin.base import NewestInline, ReadOnlyAdmin, ReasonForm, now_of
from goals.admin.filters import KindFilter, OwnKindFilter, WordFilter
from goals.enums import TradingState
from goals.models import LimitChange, Portfolio, TradingHalt
from goals.models.portfolios import LIMIT_KINDS
from goals.services.resuming import halt_anew, resume_trading
from goals.services.trading_state import trading_state_of, with_trading_state

Portfolios = QuerySet[Portfolio]


class TradingStateFilter(WordFilter):
    title, parameter_name = "trading state", "trading_state"
    words = tuple(TradingState)
    column = "state_now"


class HaltInline(NewestInline):
    model = TradingHalt
    verbose_name_plural = "newest halts"
    ordering = ("-halt_id",)
    fields = (
        "cause",
        "reason",
        "halted_at",
        "halted_until",
        "halted_by",
        "resumed_at",
        "resumed_by",
    )


class LimitInline(NewestInline):
    model = LimitChange
    verbose_name_plural = "newest changes of the limits"
    ordering = ("-limit_change_id",)
    fields = ("effective_at", "cause", "changed_by", "limits")

    @admin.display
    def limits(self, change: LimitChange) -> str:
        return change.words


@admin.register(Portfolio)
class PortfolioAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "user",
        "equity",
        "currency",
        "drawdown_pct",
        "realized_pnl",
        "state_now",
    )
    list_filter = (OwnKindFilter, TradingStateFilter, "currency")
    actions = ("halt", "resume")
    action_form = ReasonForm
    search_fields = ("user__username", "name", "=portfolio_id")
    search_help_text = "Username, portfolio name or id"
    ordering = ("user_id", "name")
    list_select_related = ("user",)
    inlines = (HaltInline, LimitInline)
    fields = (
        "user",
        "name",
        "kind",
        "finished_at",
        "successor",
        "currency",
        "time_zone",
        "opening_balance",
        "equity",
        "unrealized_pnl",
        "marked_at",
        "realized_pnl",
        "unit_value",
        "peak_unit_value",
        "drawdown_pct",
        "state_now",
        "suspected_at",
        "last_entry_at",
        *LIMIT_KINDS,
        "max_position_pct",
        "edge_guard",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> Portfolios:
        return with_trading_state(super().get_queryset(request), now_of(request))

    @admin.display(description="trading", ordering="state_now")
    def state_now(self, portfolio: Portfolio) -> str:
        return trading_state_of(portfolio)

    @admin.action(description="Halt trading (with a reason)", permissions=["act"])
    def halt(self, request: HttpRequest, queryset: Portfolios) -> None:
        self._change(request, queryset, "Halted", halt_anew)

    @admin.action(description="Resume trading", permissions=["act"])
    def resume(self, request: HttpRequest, queryset: Portfolios) -> None:
        self._change(request, queryset, "Resumed", resume_trading)

    def _change(
        self,
        request: HttpRequest,
        portfolios: Portfolios,
        done: str,
        service: Callable[..., object],
    ) -> None:
        call: dict[str, Any] = {
            "now": now_of(request),
            "by": request.user.get_username(),
            "reason": request.POST.get("reason", ""),
        }
        self.act_on_each(
            request,
            portfolios.select_related("user"),
            done,
            lambda one: service(user=one.user, portfolio_id=one.pk, **call),
        )


@admin.register(TradingHalt)
class TradingHaltAdmin(ReadOnlyAdmin):
    list_display = (
        "halted_at",
        "portfolio",
        "cause",
        "reason",
        "halted_until",
        "resumed_at",
        "withdrawn_at",
    )
    list_filter = (KindFilter, "cause")
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name", "halted_by")
    search_help_text = "Username, portfolio name or who halted it"
    ordering = ("-halt_id",)
