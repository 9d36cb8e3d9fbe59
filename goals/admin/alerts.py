"""Alerts of all users, each with what became of sending it."""

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import ReadOnlyAdmin
from goals.enums import DeliveryState
from goals.models import AlertDelivery, GoalAlert
from goals.services.alert_texts import shown_figures, what_now
from goals.services.alerts import AlertState, of_states

MOST_DELIVERIES = 50
UNSENT = (DeliveryState.FAILED, DeliveryState.DEAD)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(
        self, request: HttpRequest, model_admin: object
    ) -> list[tuple[str, str]]:
        return [(str(state), str(state)) for state in AlertState]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[GoalAlert]
    ) -> QuerySet[GoalAlert]:
        if self.value() not in set(AlertState):
            return queryset
        return of_states(queryset, [AlertState(str(self.value()))])


@admin.register(GoalAlert)
class GoalAlertAdmin(ReadOnlyAdmin[GoalAlert]):
    list_display = ("time", "user_id", "kind_shown", "severity_shown", "title", "state")
    list_filter = (StateFilter, "severity", "kind")
    search_fields = ("user__username", "portfolio__name", "title", "cause")
    search_help_text = "Username, portfolio name, title or cause"
    ordering = ("-alert_id",)
    fieldsets = (
        (
            "Alert",
            {
                "fields": (
                    "title",
                    ("user_id", "portfolio", "goal"),
                    ("kind_shown", "severity_shown", "state"),
                    "text",
                    "now",
                    "figures_shown",
                    ("time", "created", "cause"),
                    ("read", "acknowledged", "repeats_on"),
                )
            },
        ),
        ("Deliveries", {"fields": ("deliveries_shown",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoalAlert]:
        failed = Count("deliveries", filter=Q(deliveries__state__in=UNSENT))
        return super().get_queryset(request).annotate(failed=failed)

    @admin.display(description="occurred", ordering="occurred_at")
    def time(self, alert: GoalAlert) -> SafeString:
        return figures.instant(alert.occurred_at)

    @admin.display(description="written")
    def created(self, alert: GoalAlert) -> SafeString:
        return figures.instant(alert.created_at)

    @admin.display(description="read")
    def read(self, alert: GoalAlert) -> SafeString:
        return figures.instant(alert.read_at)

    @admin.display(description="acknowledged")
    def acknowledged(self, alert: GoalAlert) -> SafeString:
        return figures.instant(alert.acknowledged_at)

    @admin.display(description="kind", ordering="kind")
    def kind_shown(self, alert: GoalAlert) -> str:
        return figures.words(alert.kind)

    @admin.display(description="severity", ordering="severity")
    def severity_shown(self, alert: GoalAlert) -> SafeString:
        return figures.badge(alert.severity)

    @admin.display(description="state")
    def state(self, alert: GoalAlert) -> SafeString:
        """Of the user, and how many of its deliveries have failed."""
        shown = figures.badge(AlertState.of(alert))
        failed: int = alert.failed  # type: ignore[attr-defined]  # an annotation
        if not failed:
            return shown
        return format_html("{} {} not delivered", shown, failed)

    @admin.display(description="now")
    def now(self, alert: GoalAlert) -> str:
        return what_now(alert)

    @admin.display(description="figures")
    def figures_shown(self, alert: GoalAlert) -> SafeString:
        return format_html_join(", ", "{}: {}", shown_figures(alert))

    @admin.display(description="newest")
    def deliveries_shown(self, alert: GoalAlert) -> SafeString:
        newest = alert.deliveries.select_related("channel").order_by("-delivery_id")
        rows = [_delivery(one) for one in newest[:MOST_DELIVERIES]]
        if not rows:
            return figures.NOTHING
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", rows))


def _delivery(delivery: AlertDelivery) -> tuple[SafeString]:
    tried = f", {delivery.attempts} attempts" if delivery.attempts > 1 else ""
    error = f": {delivery.last_error}" if delivery.last_error else ""
    return (
        format_html(
            "{} {}{}{}", delivery.channel, figures.badge(delivery.state), tried, error
        ),
    )
