"""What closed trades add up to, and finished replays, which are deleted whole."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from goals.admin.base import NONE, ReadOnlyAdmin
from goals.admin.filters import KindFilter
from trades.models import GrowthRecord, ReplayRun
from trades.replay.wording import goal_words, halt_sentences, outcome_words
from trades.services.deleting import delete_replay
from trades.services.replay import read_report


@admin.register(GrowthRecord)
class GrowthRecordAdmin(ReadOnlyAdmin):
    """A cache of sums; growths are ratios of equity, at factor 1."""

    list_display = (
        "portfolio",
        "strategy_id",
        "block",
        "trades",
        "wins",
        "sum_growth",
        "exit_time",
    )
    list_filter = (KindFilter,)
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name", "strategy_id")
    search_help_text = "Username, portfolio or strategy"
    ordering = ("-growth_record_id",)


@admin.register(ReplayRun)
class ReplayRunAdmin(ReadOnlyAdmin):
    """With portfolios, goals, decisions and trades a replay is deleted, and its report
    if no other is in it."""

    list_display = (
        "run_id",
        "symbol",
        "user",
        "policy_portfolio__kind",
        "created_at",
    )
    list_select_related = ("user", "policy_portfolio")
    list_filter = ("policy_portfolio__kind", "symbol")
    search_fields = ("user__username", "symbol")
    search_help_text = "Username or symbol"
    ordering = ("-run_id",)
    fields = (
        "symbol",
        "user",
        "goal",
        "outcome",
        "halts",
        "policy_portfolio",
        "constant_portfolio",
        "page",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReplayRun]:
        return super().get_queryset(request).defer("report")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("trades.delete_replayrun")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with them is deleted by the service, without asking Django."""
        names = [
            f"{run} with its portfolios, goals, decisions and trades, of {run.user_id}"
            for run in objs
        ]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: ReplayRun) -> None:
        delete_replay(user=obj.user, run_id=obj.pk)

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[ReplayRun]
    ) -> None:
        for run in queryset.select_related("user"):
            self.delete_model(request, run)

    @admin.display
    def goal(self, run: ReplayRun) -> str:
        return goal_words(read_report(run))

    @admin.display
    def outcome(self, run: ReplayRun) -> str:
        return outcome_words(read_report(run))

    @admin.display
    def halts(self, run: ReplayRun) -> str:
        return "\n".join(halt_sentences(read_report(run))) or NONE
