"""The logs of a goal: looked at, never edited."""

from decimal import Decimal

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import ReadOnlyAdmin, Section
from goals.admin.filters import GoalKindFilter, KindFilter
from goals.admin.readable import guards_table, readable
from goals.models import (
    FinancialGoal,
    GoalAdjustmentLog,
    GoalProgressHistory,
    PolicyTable,
)
from mastertrade.values.money import PERCENT, format_plain, round_to


def goal_link(goal: FinancialGoal) -> SafeString:
    address = reverse("admin:goals_financialgoal_change", args=[goal.pk])
    return format_html('<a href="{}">{}</a>', address, goal)


def decision_link(decision: GoalAdjustmentLog, label: object) -> SafeString:
    address = reverse("admin:goals_goaladjustmentlog_change", args=[decision.pk])
    return format_html('<a href="{}">{}</a>', address, label)


def factors(decision: GoalAdjustmentLog) -> SafeString:
    """The policy's factor, and what the guards left of it."""
    return format_html(
        '<span class="figure">{} → <b>{}</b></span>',
        format_plain(decision.policy_factor),
        format_plain(decision.adjustment_factor),
    )


def lowering_guards(decision: GoalAdjustmentLog) -> SafeString:
    """Which guards moved the factor; all of them are on the decision's page."""
    moved = [
        f"{guard['name']}: {guard['reason']}"
        for guard in decision.guards
        if guard["factor_before"] != guard["factor_after"]
    ]
    return format_html("{}", "; ".join(moved)) if moved else figures.NOTHING


def warnings_shown(decision: GoalAdjustmentLog) -> SafeString:
    """What the caller was warned of, one a line."""
    if not decision.warnings:
        return figures.NOTHING
    lines = ((warning["message"],) for warning in decision.warnings)
    return format_html_join("", '<p class="warned">{}</p>', lines)


def _sizes(decision: GoalAdjustmentLog) -> SafeString:
    currency = decision.portfolio.currency
    return format_html(
        "{} → {}",
        figures.money(decision.base_size, currency),
        figures.money(decision.adjusted_size, currency),
    )


def _decisions_of(goal: FinancialGoal) -> QuerySet[GoalAdjustmentLog]:
    return goal.adjustments.select_related("portfolio").order_by("-adjustment_id")


def _history_of(goal: FinancialGoal) -> QuerySet[GoalProgressHistory]:
    return goal.history.select_related("goal__portfolio").order_by(
        "-effective_at", "-history_id"
    )


HISTORY = Section(
    key="history",
    title="Progress history",
    model=GoalProgressHistory,
    rows=_history_of,
    columns=[
        ("Took effect", lambda row: figures.instant(row.effective_at)),
        ("By", lambda row: figures.words(row.kind)),
        ("Progress", lambda row: figures.progress(row.progress_pct, None)),
        ("Value", lambda row: figures.in_measure(row.current_value, row.goal)),
        ("Target", lambda row: figures.in_measure(row.target_value, row.goal)),
        ("Recorded", lambda row: figures.instant(row.recorded_at)),
    ],
)
DECISIONS = Section(
    key="decisions",
    title="Sizing decisions",
    model=GoalAdjustmentLog,
    rows=_decisions_of,
    columns=[
        ("Time", lambda row: decision_link(row, figures.instant(row.as_of))),
        ("Factor", factors),
        ("Size", _sizes),
        ("Verdict", lambda row: figures.badge(row.verdict)),
        ("Guards", lowering_guards),
        ("Reason", lambda row: row.reason),
        ("Warnings", warnings_shown),
    ],
)


@admin.register(GoalProgressHistory)
class GoalProgressHistoryAdmin(ReadOnlyAdmin[GoalProgressHistory]):
    list_display = ("time", "goal_shown", "kind", "progress", "value", "target")
    list_filter = (GoalKindFilter, "kind")
    list_select_related = ("goal__portfolio",)
    search_fields = ("goal__user__username", "goal__portfolio__name", "=goal__goal_id")
    search_help_text = "Username, portfolio name or goal id"
    ordering = ("-history_id",)
    fields = ("goal_shown", "kind", "time", "recorded", "progress", "value", "target")

    @admin.display(description="took effect", ordering="effective_at")
    def time(self, row: GoalProgressHistory) -> SafeString:
        return figures.instant(row.effective_at)

    @admin.display(description="recorded")
    def recorded(self, row: GoalProgressHistory) -> SafeString:
        return figures.instant(row.recorded_at)

    @admin.display(description="goal")
    def goal_shown(self, row: GoalProgressHistory) -> SafeString:
        return goal_link(row.goal)

    @admin.display(ordering="progress_pct")
    def progress(self, row: GoalProgressHistory) -> SafeString:
        return figures.progress(row.progress_pct, None)

    @admin.display
    def value(self, row: GoalProgressHistory) -> SafeString:
        return figures.in_measure(row.current_value, row.goal)

    @admin.display
    def target(self, row: GoalProgressHistory) -> SafeString:
        return figures.in_measure(row.target_value, row.goal)


@admin.register(GoalAdjustmentLog)
class GoalAdjustmentLogAdmin(ReadOnlyAdmin[GoalAdjustmentLog]):
    list_display = ("time", "goal_shown", "factor", "sizes", "verdict_shown", "why")
    list_filter = (KindFilter, "verdict", "band", "policy")
    list_select_related = ("goal", "portfolio")
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
    fieldsets = (
        (
            "Decision",
            {
                "fields": (
                    "goal_shown",
                    "time",
                    "verdict_shown",
                    "factor",
                    "sizes",
                    "reason",
                    "warnings",
                )
            },
        ),
        ("Guards, in order", {"fields": ("guards_shown",)}),
        (
            "Inputs of the decision",
            {
                "fields": (
                    "progress",
                    "portfolio_equity",
                    "policy_shown",
                    "about",
                    "inputs_shown",
                )
            },
        ),
        ("Answer", {"fields": ("answer_shown",)}),
        ("Request", {"fields": ("request", "created")}),
    )

    @admin.display(description="time", ordering="adjustment_id")
    def time(self, row: GoalAdjustmentLog) -> SafeString:
        return figures.instant(row.as_of)

    @admin.display(description="goal")
    def goal_shown(self, row: GoalAdjustmentLog) -> SafeString:
        return format_html("{} <small>{}</small>", goal_link(row.goal), row.portfolio)

    @admin.display(description="factor: policy → final", ordering="adjustment_factor")
    def factor(self, row: GoalAdjustmentLog) -> SafeString:
        return factors(row)

    @admin.display(description="size: base → adjusted", ordering="adjusted_size")
    def sizes(self, row: GoalAdjustmentLog) -> SafeString:
        return _sizes(row)

    @admin.display(description="verdict", ordering="verdict")
    def verdict_shown(self, row: GoalAdjustmentLog) -> SafeString:
        return figures.badge(row.verdict)

    @admin.display(description="reason")
    def why(self, row: GoalAdjustmentLog) -> SafeString:
        return format_html('<span class="reason">{}</span>', row.reason)

    @admin.display
    def warnings(self, row: GoalAdjustmentLog) -> SafeString:
        return warnings_shown(row)

    @admin.display(description="guards")
    def guards_shown(self, row: GoalAdjustmentLog) -> SafeString:
        return guards_table(row.guards)

    @admin.display
    def progress(self, row: GoalAdjustmentLog) -> SafeString:
        return format_html(
            "{} {}",
            figures.progress(row.progress_pct, None),
            figures.badge(row.band),
        )

    @admin.display(description="portfolio's live equity")
    def portfolio_equity(self, row: GoalAdjustmentLog) -> SafeString:
        return figures.money(row.portfolio_value, row.portfolio.currency)

    @admin.display(description="policy")
    def policy_shown(self, row: GoalAdjustmentLog) -> str:
        return f"{figures.words(row.policy)} ({row.policy_version})"

    @admin.display(description="symbol, strategy")
    def about(self, row: GoalAdjustmentLog) -> str:
        return f"{row.symbol or '—'}, {row.strategy_id or '—'}"

    @admin.display(description="inputs")
    def inputs_shown(self, row: GoalAdjustmentLog) -> SafeString:
        return readable(row.inputs)

    @admin.display(description="answer")
    def answer_shown(self, row: GoalAdjustmentLog) -> SafeString:
        return readable(row.answer)

    @admin.display(description="request id")
    def request(self, row: GoalAdjustmentLog) -> str:
        return row.request_id or "—"

    @admin.display(description="logged")
    def created(self, row: GoalAdjustmentLog) -> SafeString:
        return figures.instant(row.created_at)


@admin.register(PolicyTable)
class PolicyTableAdmin(ReadOnlyAdmin[PolicyTable]):
    """The cache of solved tables: looked at only."""

    list_display = ("hash_shown", "version", "goal_shown", "trades_shown", "time")
    list_filter = ("version",)
    search_fields = ("=table_hash",)
    search_help_text = "Hash"
    ordering = ("-created_at",)
    fieldsets = (
        ("Table", {"fields": ("table_hash", "version", "time")}),
        (
            "Solved for",
            {
                "fields": (
                    "goal_shown",
                    "stop_shown",
                    "trades_shown",
                    "factors_shown",
                    "outcomes_shown",
                )
            },
        ),
        (
            "Inputs, exact",
            {"classes": ("collapse",), "fields": ("inputs_shown",)},
        ),
    )

    @admin.display(description="hash", ordering="table_hash")
    def hash_shown(self, row: PolicyTable) -> SafeString:
        return format_html(
            '<code title="{}">{}</code>', row.table_hash, row.table_hash[:12]
        )

    @admin.display(description="solved", ordering="created_at")
    def time(self, row: PolicyTable) -> SafeString:
        return figures.instant(row.created_at)

    @admin.display(description="goal, as a return")
    def goal_shown(self, row: PolicyTable) -> SafeString:
        return _percent_of(row.inputs["goal_return"])

    @admin.display(description="stop, as a loss")
    def stop_shown(self, row: PolicyTable) -> SafeString:
        return _percent_of(row.inputs["stop_loss"])

    @admin.display(description="trades left, at most")
    def trades_shown(self, row: PolicyTable) -> int:
        return int(row.inputs["trades_left"])

    @admin.display(description="factors")
    def factors_shown(self, row: PolicyTable) -> str:
        factors = row.inputs["factors"]
        return f"{len(factors)} from {min(factors):g} to {max(factors):g}"

    @admin.display(description="outcomes per trade at factor 1")
    def outcomes_shown(self, row: PolicyTable) -> SafeString:
        growths = row.inputs["growths"]
        return format_html(
            "{}, from {} to {}",
            len(growths),
            _percent_of(min(growths)),
            _percent_of(max(growths)),
        )

    @admin.display(description="inputs")
    def inputs_shown(self, row: PolicyTable) -> SafeString:
        return readable(row.inputs)


def _percent_of(ratio: float) -> SafeString:
    return figures.percent(round_to(Decimal(str(ratio)) * 100, PERCENT))
