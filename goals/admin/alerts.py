"""Alerts of all users, each with what became of sending it."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from goals.admin.base import NewestInline, ReadOnlyAdmin
from goals.admin.filters import WordFilter
from goals.enums import DeliveryState
from goals.models import AlertDelivery, GoalAlert
from goals.services.alerts import AlertState, of_states

UNSENT = (DeliveryState.FAILED, DeliveryState.DEAD)


class StateFilter(WordFilter):
    title = parameter_name = "state"
    words = tuple(AlertState)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in set(AlertState):
            return queryset
        return of_states(queryset, [AlertState(str(self.value()))])


class DeliveryInline(NewestInline):
    model = AlertDelivery
    verbose_name_plural = "newest deliveries"
    ordering = ("-delivery_id",)
    fields = ("channel", "state", "attempts", "next_try_at", "sent_at", "last_error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertDelivery]:
        return super().get_queryset(request).select_related("channel")


@admin.register(GoalAlert)
class GoalAlertAdmin(ReadOnlyAdmin):
    list_display = (
        "occurred_at",
        "user",
        "kind",
        "severity",
        "title",
        "state",
        "not_delivered",
    )
    list_filter = (StateFilter, "severity", "kind")
    list_select_related = ("user",)
    search_fields = ("user__username", "portfolio__name", "title", "cause")
    search_help_text = "Username, portfolio name, title or cause"
    ordering = ("-alert_id",)
    inlines = (DeliveryInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoalAlert]:
        failed = Count("deliveries", filter=Q(deliveries__state__in=UNSENT))
        alerts: QuerySet[GoalAlert] = super().get_queryset(request)
        return alerts.annotate(failed=failed)

    @admin.display
    def state(self, alert: GoalAlert) -> str:
        return str(AlertState.of(alert))

    @admin.display(ordering="failed")
    def not_delivered(self, alert: GoalAlert) -> int:
        return int(alert.failed)  # type: ignore[attr-defined]  # an annotation
