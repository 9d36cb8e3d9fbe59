"""Strategies, and the log of which one was chosen when."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin import FinancialGoalAdmin, figures
from goals.admin.base import ReadOnlyAdmin, Section, ServiceAdmin, now_of
from goals.admin.filters import GoalKindFilter, KindFilter
from goals.admin.forms import ServiceForm
from goals.admin.logs import goal_link
from goals.admin.readable import readable
from goals.models import FinancialGoal
from mastertrade.values.exceptions import DomainError
from strategies.enums import StrategyStatus
from strategies.models import StrategyInstance, StrategySelectionLog
from strategies.services import create_strategy, update_strategy

Strategies = QuerySet[StrategyInstance]


class StrategyForm(ServiceForm[StrategyInstance]):
    class Meta:
        model = StrategyInstance
        fields = (
            "user",
            "strategy_id",
            "strategy_name",
            "strategy_type",
            "risk_profile",
            "parameters",
            "status",
        )
        help_texts = {
            "strategy_id": "The user's own name for it; it cannot be changed later.",
            "strategy_name": "Default: the strategy id.",
            "strategy_type": "Lower-case letters, digits and _, as in mean_reversion.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "strategy_name" in self.fields:
            self.fields["strategy_name"].required = not self.is_new

    def clean_parameters(self) -> dict[str, Any]:
        parameters = self.cleaned_data["parameters"]
        if parameters is None:
            return {}
        if not isinstance(parameters, dict):
            raise forms.ValidationError("Enter a JSON object, such as {}.")
        return parameters

    def call_service(self) -> StrategyInstance:
        if self.is_new:
            return create_strategy(now=self.now, **self.cleaned_data)
        return update_strategy(
            user=self.instance.user,
            strategy_id=self.instance.strategy_id,
            now=self.now,
            **self.changes,
        )


class StrategyKindFilter(KindFilter):
    """By the strategy's own kind."""

    title = "kind"

    def of_kind(self, queryset: QuerySet[Any], kind: str) -> QuerySet[Any]:
        return queryset.filter(kind=kind)


@admin.register(StrategyInstance)
class StrategyAdmin(ServiceAdmin[StrategyInstance]):
    form = StrategyForm
    list_display: tuple[str, ...] = (
        "strategy_id",
        "owner",
        "strategy_name",
        "strategy_type",
        "risk_profile",
        "status_shown",
    )
    list_filter = (StrategyKindFilter, "status", "risk_profile", "strategy_type")
    search_fields = ("user__username", "strategy_id", "strategy_name")
    search_help_text = "Username, strategy id or name"
    ordering = ("user_id", "strategy_id")
    autocomplete_fields = ("user",)
    actions = ("activate", "pause")

    def get_readonly_fields(
        self, request: HttpRequest, obj: StrategyInstance | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("user", "strategy_id")

    @admin.display(ordering="user_id")
    def owner(self, strategy: StrategyInstance) -> str:
        return strategy.user_id

    @admin.display(description="status", ordering="status")
    def status_shown(self, strategy: StrategyInstance) -> SafeString:
        return figures.badge(strategy.status)

    @admin.action(description="Activate", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: Strategies) -> None:
        self._set_status(request, queryset, StrategyStatus.ACTIVE)

    @admin.action(description="Pause: no longer selected", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: Strategies) -> None:
        self._set_status(request, queryset, StrategyStatus.PAUSED)

    def _set_status(
        self, request: HttpRequest, queryset: Strategies, status: StrategyStatus
    ) -> None:
        """One transaction a strategy: a refusal says why and leaves the others be."""
        now, done = now_of(request), 0
        for strategy in queryset.select_related("user").order_by("pk"):
            try:
                update_strategy(
                    user=strategy.user,
                    strategy_id=strategy.strategy_id,
                    now=now,
                    status=status,
                )
                done += 1
            except DomainError as error:
                refusal = f"{strategy}: {error.detail}"
                self.message_user(request, refusal, messages.ERROR)
        if done:
            text = f"Strategies {status} now: {done}."
            self.message_user(request, text, messages.SUCCESS)


@admin.register(StrategySelectionLog)
class StrategySelectionLogAdmin(ReadOnlyAdmin[StrategySelectionLog]):
    list_display = ("time", "goal_shown", "strategy_id", "stance", "progress", "why")
    list_filter = (GoalKindFilter, "stance")
    list_select_related = ("goal",)
    search_fields = ("goal__user__username", "=goal__goal_id", "strategy_id")
    search_help_text = "Username, goal id or strategy id"
    ordering = ("-selection_id",)
    fields = (
        "goal_shown",
        "time",
        "strategy_id",
        "stance",
        "progress",
        "reason",
        "ranking_shown",
    )

    @admin.display(ordering="selection_id")
    def time(self, row: StrategySelectionLog) -> SafeString:
        return figures.instant(row.as_of)

    @admin.display(description="goal")
    def goal_shown(self, row: StrategySelectionLog) -> SafeString:
        return goal_link(row.goal)

    @admin.display(ordering="progress_pct")
    def progress(self, row: StrategySelectionLog) -> SafeString:
        return figures.progress(row.progress_pct, None)

    @admin.display(description="reason")
    def why(self, row: StrategySelectionLog) -> SafeString:
        return format_html('<span class="reason">{}</span>', row.reason)

    @admin.display(description="ranking")
    def ranking_shown(self, row: StrategySelectionLog) -> SafeString:
        return readable(row.ranking)


def _selections_of(goal: FinancialGoal) -> QuerySet[StrategySelectionLog]:
    return StrategySelectionLog.objects.filter(goal=goal).order_by("-selection_id")


FinancialGoalAdmin.sections.append(
    Section(
        key="selections",
        title="Strategy selections",
        model=StrategySelectionLog,
        rows=_selections_of,
        columns=[
            ("Time", lambda row: figures.instant(row.as_of)),
            ("Strategy", lambda row: row.strategy_id),
            ("Stance", lambda row: figures.words(row.stance)),
            ("Progress", lambda row: figures.progress_percent(row.progress_pct)),
            ("Reason", lambda row: row.reason),
        ],
    )
)
