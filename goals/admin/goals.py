"""Goals: how far each is and how it stands, its history, what was decided."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import DateTimeField, QuerySet, Value
from django.http import HttpRequest

from goals.admin.base import NONE, NewestInline, ReadOnlyAdmin, now_of
from goals.admin.filters import GoalKindFilter, KindFilter, WordFilter
from goals.decisions.progress import Pace
from goals.enums import GoalStatus
from goals.models import (
    FinancialGoal,
    GoalAdjustmentLog,
    GoalProgressHistory,
    PolicyTable,
)
from goals.models.goals import CONDITIONS, SIZED_BY
from goals.services.failing import with_failure
from goals.services.goal_state import with_status
from goals.services.goals import cancel_goal, update_goal
from goals.services.snapshots import snapshot_goals
from mastertrade.values.money import format_plain

Goals = QuerySet[FinancialGoal]
WHOSE = "Username, portfolio name or goal id"


class StatusFilter(WordFilter):
    title = parameter_name = "status"
    words = tuple(GoalStatus)
    column = "status_now"


class HistoryInline(NewestInline):
    model = GoalProgressHistory
    verbose_name_plural = "newest progress history"
    ordering = ("-effective_at", "-history_id")
    fields = ("effective_at", "kind", "progress_pct", "current_value", "note")


class DecisionInline(NewestInline):
    model = GoalAdjustmentLog
    verbose_name_plural = "newest decisions"
    ordering = ("-adjustment_id",)
    fields = ("as_of", "verdict", "base_size", "adjusted_size", "reason")


def _pace(goal: FinancialGoal) -> Pace:
    # The list's query hands every row the request's clock.
    return goal.pace_at(goal.as_of)  # type: ignore[attr-defined]


@admin.register(FinancialGoal)
class FinancialGoalAdmin(ReadOnlyAdmin):
    list_display = (
        "__str__",
        "portfolio",
        "progress_pct",
        "health",
        "status_now",
        "target_date",
    )
    list_filter = (
        KindFilter,
        StatusFilter,
        "goal_type",
        "policy",
        "recurring",
        "target_date",
    )
    list_select_related = ("portfolio",)
    search_fields = ("user__username", "portfolio__name", "=goal_id")
    search_help_text = WHOSE
    ordering = ("-goal_id",)
    actions = ("snapshot_now", "pause", "resume", "cancel")
    inlines = (HistoryInline, DecisionInline)
    fields = (
        "portfolio",
        "goal_type",
        "start_value",
        "target_value",
        "current_value",
        "progress_pct",
        "health",
        "pace",
        "required_per_day",
        "probability",
        "projected_trades",
        "projected_at",
        "status_now",
        "failure",
        "open_conditions",
        "start_date",
        "target_date",
        "achieved_at",
        "failed_at",
        "ended_at",
        *SIZED_BY,
        *CONDITIONS,
        "priority",
        "recurring",
        "previous_goal",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> Goals:
        clock = Value(now_of(request), DateTimeField())
        goals = super().get_queryset(request).annotate(as_of=clock)
        return with_failure(with_status(goals, now_of(request)))

    @admin.display
    def health(self, goal: FinancialGoal) -> str:
        health = _pace(goal).health
        return NONE if health is None else health.replace("_", " ")

    @admin.display
    def pace(self, goal: FinancialGoal) -> str:
        return _pace(goal).reason

    @admin.display
    def required_per_day(self, goal: FinancialGoal) -> str:
        required = _pace(goal).required_per_day
        return NONE if required is None else format_plain(required)

    @admin.display(description="status", ordering="status_now")
    def status_now(self, goal: FinancialGoal) -> str:
        return str(goal.status_now)  # type: ignore[attr-defined]  # an annotation

    @admin.display
    def failure(self, goal: FinancialGoal) -> str:
        return goal.failure or NONE  # type: ignore[attr-defined]  # an annotation

    @admin.display
    def open_conditions(self, goal: FinancialGoal) -> str:
        open_ones = (one.words for one in goal.conditions if not one.met)
        return "\n".join(open_ones) or NONE

    @admin.action(description="Take a snapshot now", permissions=["act"])
    def snapshot_now(self, request: HttpRequest, queryset: Goals) -> None:
        goal_ids = list(queryset.values_list("pk", flat=True))
        taken = snapshot_goals(as_of=now_of(request), goal_ids=goal_ids)
        words = f"Snapshots taken: {taken}."
        if taken < len(goal_ids):
            words += f" Not running, and skipped: {len(goal_ids) - taken}."
        self.message_user(request, words, messages.SUCCESS)

    @admin.action(
        description="Pause: still measured, sizes no trades", permissions=["act"]
    )
    def pause(self, request: HttpRequest, queryset: Goals) -> None:
        self._change(request, queryset, "Paused", status=GoalStatus.PAUSED)

    @admin.action(description="Resume", permissions=["act"])
    def resume(self, request: HttpRequest, queryset: Goals) -> None:
        self._change(request, queryset, "Resumed", status=GoalStatus.ACTIVE)

    @admin.action(description="Cancel for good", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: Goals) -> None:
        self._change(request, queryset, "Cancelled", service=cancel_goal)

    def _change(
        self,
        request: HttpRequest,
        goals: Goals,
        done: str,
        service: Any = update_goal,
        **changes: Any,
    ) -> None:
        now = now_of(request)
        self.act_on_each(
            request,
            goals.select_related("user"),
            done,
            lambda goal: service(user=goal.user, goal_id=goal.pk, as_of=now, **changes),
        )


@admin.register(GoalProgressHistory)
class GoalProgressHistoryAdmin(ReadOnlyAdmin):
    list_display = (
        "effective_at",
        "goal__portfolio",
        "goal_id",
        "kind",
        "progress_pct",
        "current_value",
    )
    list_filter = (GoalKindFilter, "kind")
    list_select_related = ("goal__portfolio",)
    search_fields = ("goal__user__username", "goal__portfolio__name", "=goal__goal_id")
    search_help_text = WHOSE
    ordering = ("-history_id",)


@admin.register(GoalAdjustmentLog)
class GoalAdjustmentLogAdmin(ReadOnlyAdmin):
    list_display = (
        "as_of",
        "portfolio",
        "goal_id",
        "verdict",
        "base_size",
        "adjusted_size",
        "reason",
    )
    list_filter = (KindFilter, "verdict", "band", "policy")
    list_select_related = ("portfolio",)
    search_fields = (
        "goal__user__username",
        "portfolio__name",
        "=goal__goal_id",
        "symbol",
        "strategy_id",
        "request_id",
    )
    search_help_text = "Username, portfolio, goal id, symbol, strategy or request id"
    ordering = ("-adjustment_id",)


@admin.register(PolicyTable)
class PolicyTableAdmin(ReadOnlyAdmin):
    """The cache of solved tables."""

    list_display = ("table_hash", "version", "created_at")
    list_filter = ("version",)
    search_fields = ("=table_hash",)
    ordering = ("-created_at",)
    fields = ("table_hash", "version", "created_at", "inputs")
