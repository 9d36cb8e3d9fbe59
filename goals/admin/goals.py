"""Goals, to inspect: how far each is, how it got there and what was decided."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.db.models import DateTimeField, QuerySet, Value
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import Figure, Section, SectionsAdmin, Tool, now_of
from goals.admin.filters import (
    BandFilter,
    DeadlineFilter,
    HealthFilter,
    KindFilter,
    StatusFilter,
)
from goals.admin.forms import GoalForm
from goals.admin.logs import DECISIONS, HISTORY
from goals.admin.tools import deposit_address, lack_of
from goals.decisions.progress import Pace
from goals.enums import GoalStatus
from goals.models import FinancialGoal
from goals.services.failing import with_failure
from goals.services.funding import find_lack_of_money
from goals.services.goal_state import with_status
from goals.services.goals import cancel_goal, update_goal
from goals.services.snapshots import snapshot_goals
from mastertrade.values.exceptions import DomainError

Goals = QuerySet[FinancialGoal]
FIXED = ("owner", "portfolio", "goal_type", "start_value_shown", "starts")
ADDED = (
    ("portfolio", "goal_type"),
    ("target_value", "start_value"),
    ("start_date", "target_date"),
)
CHANGED = (
    ("owner", "portfolio", "goal_type"),
    ("target_value", "start_value_shown"),
    ("starts", "target_date"),
)
SHOWN = (
    ("owner", "portfolio", "goal_type"),
    ("target_value_shown", "start_value_shown"),
    ("starts", "ends"),
)
RULES = (
    ("policy", "after_achieved"),
    ("min_factor", "max_factor", "stop_penalty"),
    ("priority", "recurring"),
)
CONDITIONS = (("min_trading_days", "best_day_max_pct"),)
SETTLED = tuple(name for line in (*SHOWN, *CONDITIONS) for name in line)
SHOWN_RULES = (
    ("policy", "after_achieved"),
    ("factor_bounds", "stop_penalty"),
    ("priority", "recurring"),
)
# More refusals than these are only counted.
MOST_REFUSALS = 10


def clock_of(goal: FinancialGoal) -> datetime:
    """The request's clock, which the admin's queryset hands to every row."""
    return cast(datetime, goal.as_of)  # type: ignore[attr-defined]  # an annotation


def is_settled(goal: FinancialGoal) -> bool:
    """Achieved or failed: what it asks for can no longer be changed."""
    return goal.achieved_at is not None or goal.status == GoalStatus.FAILED


def _fieldsets(what: Any, rules: Any) -> Any:
    return (
        ("Goal", {"fields": what}),
        ("Conditions", {"fields": CONDITIONS}),
        ("Sizing rules", {"fields": rules}),
    )


def _pace(goal: FinancialGoal) -> Pace:
    return goal.pace_at(clock_of(goal))


@admin.register(FinancialGoal)
class FinancialGoalAdmin(SectionsAdmin[FinancialGoal]):
    form = GoalForm
    sections: ClassVar[list[Section]] = [HISTORY, DECISIONS]
    list_display = (
        "goal",
        "portfolio_shown",
        "progress_shown",
        "health",
        "probability_shown",
        "deadline",
        "status_and_band",
    )
    list_filter = (
        KindFilter,
        StatusFilter,
        BandFilter,
        HealthFilter,
        DeadlineFilter,
        "goal_type",
        "policy",
        "recurring",
    )
    list_select_related = ("portfolio",)
    search_fields = ("user__username", "portfolio__name", "=goal_id")
    search_help_text = "Username, portfolio name or goal id"
    ordering = ("-goal_id",)
    autocomplete_fields = ("portfolio",)
    tools: ClassVar[list[Tool]] = [
        Tool(
            "Deposit or withdraw",
            "goals.add_cashflow",
            lambda goal, now: deposit_address(goal.portfolio, now),
        )
    ]
    actions = ("snapshot_now", "pause", "resume", "cancel")

    def get_queryset(self, request: HttpRequest) -> Goals:
        clock = Value(now_of(request), DateTimeField())
        goals = super().get_queryset(request).annotate(as_of=clock)
        return with_failure(with_status(goals, now_of(request)))

    def get_fieldsets(
        self, request: HttpRequest, obj: FinancialGoal | None = None
    ) -> Any:
        if obj is None:
            return _fieldsets(ADDED, RULES)
        if self.has_change_permission(request, obj):
            return _fieldsets(SHOWN if is_settled(obj) else CHANGED, RULES)
        return _fieldsets(SHOWN, SHOWN_RULES)

    def get_readonly_fields(
        self, request: HttpRequest, obj: FinancialGoal | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return ()
        if self.has_change_permission(request, obj):
            return SETTLED if is_settled(obj) else FIXED
        return tuple(
            name for line in (*SHOWN, *CONDITIONS, *SHOWN_RULES) for name in line
        )

    def has_change_permission(
        self, request: HttpRequest, obj: FinancialGoal | None = None
    ) -> bool:
        """What is over stays as it was."""
        if obj is not None and obj.is_over(now_of(request)):
            return False
        return super().has_change_permission(request, obj)

    def save_model(
        self, request: HttpRequest, obj: FinancialGoal, form: Any, change: bool
    ) -> None:
        lack = find_lack_of_money(obj.portfolio)
        if lack is not None and not change:
            self.message_user(request, lack.detail, messages.WARNING)

    def notice(self, goal: FinancialGoal, now: datetime) -> SafeString:
        return SafeString("") if goal.is_over(now) else lack_of(goal.portfolio)

    def bar(self, goal: FinancialGoal, now: datetime) -> SafeString:
        expected = goal.pace_at(now).expected_progress_pct
        return figures.progress_bar(goal.progress_pct, expected)

    def headline(self, goal: FinancialGoal, now: datetime) -> Sequence[Figure]:
        pace = goal.pace_at(now)
        chance = figures.chance(goal, now)
        value = figures.in_measure(goal.current_value, goal)
        required = figures.in_measure(pace.required_per_day, goal)
        failure = figures.failure(goal, now)
        return (
            Figure(
                "Progress",
                figures.progress_percent(goal.progress_pct),
                figures.badge(goal.band_at(now)),
            ),
            Figure("Status", self.status_shown(goal), self._since(goal)),
            Figure("Value", value, figures.way(goal)),
            Figure("Health", figures.badge(pace.health), pace.reason),
            Figure("Pace gap", self.pace_gap(goal), "percentage points"),
            Figure("Expected by now", figures.percent(pace.expected_progress_pct)),
            *(
                [Figure("Failed", failure)]
                if failure
                else [
                    Figure("Probability", chance, self._projected(goal)),
                    Figure("Required per day", required),
                ]
            ),
            Figure("Deadline", self.deadline(goal)),
            *(
                Figure("Condition", words, badge)
                for words, badge in figures.conditions(goal)
            ),
        )

    def _projected(self, goal: FinancialGoal) -> SafeString | str:
        if goal.probability is None or goal.projected_at is None:
            return ""
        as_of = figures.instant(goal.projected_at)
        band = figures.chance_band(goal, clock_of(goal))
        return format_html("{}<br> {}", band, as_of)

    def _since(self, goal: FinancialGoal) -> SafeString | str:
        at = goal.ended_at or goal.achieved_at
        return figures.instant(at) if at else ""

    @admin.display(ordering="goal_id")
    def goal(self, goal: FinancialGoal) -> SafeString:
        return figures.goal_title(goal)

    @admin.display(ordering="user_id")
    def owner(self, goal: FinancialGoal) -> str:
        return goal.user_id

    @admin.display(description="portfolio", ordering="portfolio__name")
    def portfolio_shown(self, goal: FinancialGoal) -> str:
        return str(goal.portfolio)

    @admin.display(description="progress", ordering="progress_pct")
    def progress_shown(self, goal: FinancialGoal) -> SafeString:
        return figures.value_and_progress(goal, _pace(goal).expected_progress_pct)

    @admin.display(description="status, band", ordering="status_now")
    def status_and_band(self, goal: FinancialGoal) -> SafeString:
        band = goal.band_at(clock_of(goal))
        shown = figures.badge(band) if band else ""
        return format_html("{} {}", self.status_shown(goal), shown)

    @admin.display(description="probability", ordering="probability")
    def probability_shown(self, goal: FinancialGoal) -> SafeString:
        now = clock_of(goal)
        chance, band = figures.chance(goal, now), figures.chance_band(goal, now)
        return format_html("{}<br> <small>{}</small>", chance, band)

    @admin.display(description="health, pace gap")
    def health(self, goal: FinancialGoal) -> SafeString:
        pace = _pace(goal)
        return format_html(
            "{}<br> <small>{}</small>",
            figures.badge(pace.health),
            figures.points(pace.pace_gap_pct),
        )

    def pace_gap(self, goal: FinancialGoal) -> SafeString:
        return figures.points(_pace(goal).pace_gap_pct)

    @admin.display(ordering="period_ends_at")
    def deadline(self, goal: FinancialGoal) -> SafeString:
        return figures.deadline(goal.target_date, goal.period, clock_of(goal))

    @admin.display(description="status", ordering="status_now")
    def status_shown(self, goal: FinancialGoal) -> SafeString:
        return figures.badge(goal.status_at(clock_of(goal)))

    @admin.display(description="start value")
    def start_value_shown(self, goal: FinancialGoal) -> SafeString:
        return figures.in_measure(goal.start_value, goal)

    @admin.display(description="target value")
    def target_value_shown(self, goal: FinancialGoal) -> SafeString:
        return figures.in_measure(goal.target_value, goal)

    @admin.display(description="start date")
    def starts(self, goal: FinancialGoal) -> str:
        return goal.start_date.isoformat()

    @admin.display(description="target date")
    def ends(self, goal: FinancialGoal) -> str:
        return goal.target_date.isoformat() if goal.target_date else "none"

    @admin.display(description="factor: lowest … highest")
    def factor_bounds(self, goal: FinancialGoal) -> str:
        return f"{figures.number(goal.min_factor)} … {figures.number(goal.max_factor)}"

    @admin.action(description="Take a snapshot now", permissions=["change"])
    def snapshot_now(self, request: HttpRequest, queryset: Goals) -> None:
        goal_ids = list(queryset.values_list("pk", flat=True))
        taken = snapshot_goals(as_of=now_of(request), goal_ids=goal_ids)
        if taken:
            self.message_user(request, f"Snapshots taken: {taken}.", messages.SUCCESS)
        if taken < len(goal_ids):
            self.message_user(
                request,
                f"Goals skipped because they are not running: {len(goal_ids) - taken}.",
                messages.WARNING,
            )

    @admin.action(
        description="Pause: still measured, sizes no trades", permissions=["change"]
    )
    def pause(self, request: HttpRequest, queryset: Goals) -> None:
        self._each(request, queryset, "paused", self._set_status(GoalStatus.PAUSED))

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: Goals) -> None:
        self._each(request, queryset, "resumed", self._set_status(GoalStatus.ACTIVE))

    @admin.action(description="Cancel for good", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: Goals) -> None:
        self._each(request, queryset, "cancelled", cancel_goal)

    @staticmethod
    def _set_status(status: GoalStatus) -> Callable[..., FinancialGoal]:
        def change(**call: Any) -> FinancialGoal:
            return update_goal(status=status, **call)

        return change

    def _each(
        self,
        request: HttpRequest,
        queryset: Goals,
        done_word: str,
        service: Callable[..., FinancialGoal],
    ) -> None:
        """One transaction a goal: a refusal says why and leaves the others be."""
        now, done, refusals = now_of(request), 0, []
        for goal in queryset.select_related("user").order_by("pk"):
            try:
                service(user=goal.user, goal_id=goal.pk, as_of=now)
                done += 1
            except DomainError as error:
                refusals.append(f"Goal {goal.pk}: {error.detail}")
        if done:
            self.message_user(request, f"Goals {done_word}: {done}.", messages.SUCCESS)
        for refusal in refusals[:MOST_REFUSALS]:
            self.message_user(request, refusal, messages.ERROR)
        if len(refusals) > MOST_REFUSALS:
            more = f"{len(refusals) - MOST_REFUSALS} more were refused."
            self.message_user(request, more, messages.ERROR)
