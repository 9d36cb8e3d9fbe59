"""Strategies, and the log of which one was chosen when."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from goals.admin.base import ReadOnlyAdmin, now_of
from goals.admin.filters import GoalKindFilter, OwnKindFilter
from strategies.enums import StrategyStatus
from strategies.models import StrategyInstance, StrategySelectionLog
from strategies.services import update_strategy

Strategies = QuerySet[StrategyInstance]


@admin.register(StrategyInstance)
class StrategyAdmin(ReadOnlyAdmin):
    list_display = (
        "strategy_id",
        "user",
        "strategy_name",
        "strategy_type",
        "risk_profile",
        "status",
    )
    list_filter = (OwnKindFilter, "status", "risk_profile", "strategy_type")
    list_select_related = ("user",)
    search_fields = ("user__username", "strategy_id", "strategy_name")
    search_help_text = "Username, strategy id or name"
    ordering = ("user_id", "strategy_id")
    actions = ("activate", "pause")

    @admin.action(description="Activate", permissions=["act"])
    def activate(self, request: HttpRequest, queryset: Strategies) -> None:
        self._set_status(request, queryset, StrategyStatus.ACTIVE)

    @admin.action(description="Pause: no longer selected", permissions=["act"])
    def pause(self, request: HttpRequest, queryset: Strategies) -> None:
        self._set_status(request, queryset, StrategyStatus.PAUSED)

    def _set_status(
        self, request: HttpRequest, strategies: Strategies, status: StrategyStatus
    ) -> None:
        self.act_on_each(
            request,
            strategies.select_related("user"),
            f"Now {status}",
            lambda one: update_strategy(
                user=one.user,
                strategy_id=one.strategy_id,
                now=now_of(request),
                status=status,
            ),
        )


@admin.register(StrategySelectionLog)
class StrategySelectionLogAdmin(ReadOnlyAdmin):
    list_display = (
        "as_of",
        "goal__portfolio",
        "goal_id",
        "strategy_id",
        "stance",
        "reason",
    )
    list_filter = (GoalKindFilter, "stance")
    list_select_related = ("goal__portfolio",)
    search_fields = ("goal__user__username", "=goal__goal_id", "strategy_id")
    search_help_text = "Username, goal id or strategy id"
    ordering = ("-selection_id",)
