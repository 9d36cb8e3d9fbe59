"""What closed trades add up to, and finished replays: looked at, and deleted whole."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import ReadOnlyAdmin
from goals.admin.filters import KindFilter, PortfolioFilter
from goals.enums import PortfolioKind
from goals.models import Portfolio
from mastertrade.values.money import PERCENT, exactly, round_to
from trades.admin.deleting import ask_first, delete_each
from trades.models import GrowthRecord, ReplayRun
from trades.replay.wording import goal_words, halt_sentences, outcome_words
from trades.services.deleting import delete_replay
from trades.services.replay import read_report


def portfolio_link(portfolio: Portfolio) -> SafeString:
    address = reverse("admin:goals_portfolio_change", args=[portfolio.pk])
    return format_html('<a href="{}">{}</a>', address, portfolio)


@exactly
def in_percent(ratio: Decimal | None) -> SafeString:
    """A growth as a percentage of equity."""
    if ratio is None:
        return figures.NOTHING
    return figures.percent(round_to(ratio * 100, PERCENT))


@admin.register(GrowthRecord)
class GrowthRecordAdmin(ReadOnlyAdmin[GrowthRecord]):
    """A cache of sums; growths are shown in percent of equity, at factor 1."""

    list_display = (
        "whose",
        "portfolio_shown",
        "trades",
        "wins_shown",
        "mean",
        "best",
        "time",
    )
    list_filter = (KindFilter, PortfolioFilter)
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name", "strategy_id")
    search_help_text = "Username, portfolio or strategy"
    ordering = ("-growth_record_id",)
    fields = (
        ("portfolio_shown", "whose"),
        ("trades", "wins_shown", "losses_shown"),
        ("mean", "mean_win", "mean_loss"),
        ("best", "worst"),
        ("equity_then", "time"),
    )

    @admin.display(description="of", ordering="strategy_id")
    def whose(self, row: GrowthRecord) -> str:
        return row.strategy_id or "all strategies"

    @admin.display(description="portfolio", ordering="portfolio__name")
    def portfolio_shown(self, row: GrowthRecord) -> SafeString:
        return portfolio_link(row.portfolio)

    @admin.display(description="wins")
    def wins_shown(self, row: GrowthRecord) -> str:
        return _count_of(row.wins, row.trades)

    @admin.display(description="losses")
    def losses_shown(self, row: GrowthRecord) -> str:
        return _count_of(row.losses, row.trades)

    @admin.display(description="mean growth per trade")
    def mean(self, row: GrowthRecord) -> SafeString:
        return in_percent(_mean(row.sum_growth, row.trades))

    @admin.display(description="mean win")
    def mean_win(self, row: GrowthRecord) -> SafeString:
        return in_percent(_mean(row.sum_wins, row.wins))

    @admin.display(description="mean loss")
    def mean_loss(self, row: GrowthRecord) -> SafeString:
        return in_percent(_mean(row.sum_losses, row.losses))

    @admin.display(description="best trade")
    def best(self, row: GrowthRecord) -> SafeString:
        return in_percent(row.best_growth)

    @admin.display(description="worst trade")
    def worst(self, row: GrowthRecord) -> SafeString:
        return in_percent(row.worst_growth)

    @admin.display(description="equity after the last trade")
    def equity_then(self, row: GrowthRecord) -> SafeString:
        return figures.money(row.equity, row.portfolio.currency)

    @admin.display(description="up to", ordering="exit_time")
    def time(self, row: GrowthRecord) -> SafeString:
        return figures.instant(row.exit_time)


class ReplayKindFilter(KindFilter):
    """The demo's replays, or those a person ran; all unless one is asked for."""

    title = "kind"
    DEFAULT = KindFilter.ALL

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = (PortfolioKind.SIMULATION, PortfolioKind.DEMO, self.ALL)
        return [(str(kind), str(kind)) for kind in kinds]

    def of_kind(self, queryset: QuerySet[Any], kind: str) -> QuerySet[Any]:
        return queryset.filter(policy_portfolio__kind=kind)


@admin.register(ReplayRun)
class ReplayRunAdmin(ReadOnlyAdmin[ReplayRun]):
    """Finished replays, with what they came to in words."""

    list_display = ("run", "kind", "owner", "goal", "outcome", "time")
    list_select_related = ("policy_portfolio",)
    actions = ("delete_whole",)
    list_filter = (ReplayKindFilter, "symbol")
    search_fields = ("user__username", "symbol")
    search_help_text = "Username or symbol"
    ordering = ("-run_id",)
    fields = (
        ("symbol", "kind", "owner", "goal"),
        ("policy_shown", "constant_shown"),
        "outcome",
        "halts",
        "time",
    )

    def has_delete_whole_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trades.delete_replayrun")

    @admin.action(
        description="Delete with portfolios, goals, decisions, trades, report",
        permissions=["delete_whole"],
    )
    def delete_whole(
        self, request: HttpRequest, queryset: QuerySet[ReplayRun]
    ) -> HttpResponse | None:
        """Asked first; then one transaction a replay."""
        runs = queryset.select_related("user", "policy_portfolio").defer("report")
        if "confirmed" not in request.POST:
            explanation = (
                "This deletes replays with both portfolios of each, their goals, "
                "decisions and trades, and the report if no other replay is in it."
            )
            lines = [_describe(run) for run in runs.order_by("pk")]
            return ask_first(self, request, explanation, lines)
        delete_each(
            self,
            request,
            runs,
            lambda run: delete_replay(user=run.user, run_id=run.pk),
        )
        return None

    @admin.display(ordering="policy_portfolio__kind")
    def kind(self, row: ReplayRun) -> SafeString:
        return figures.badge(row.policy_portfolio.kind)

    @admin.display(description="replay", ordering="run_id")
    def run(self, row: ReplayRun) -> str:
        return f"{row.pk}: {row.symbol}"

    @admin.display(ordering="user_id")
    def owner(self, row: ReplayRun) -> str:
        return row.user_id

    @admin.display(description="goal")
    def goal(self, row: ReplayRun) -> str:
        return goal_words(read_report(row))

    @admin.display(description="what happened in this run")
    def outcome(self, row: ReplayRun) -> SafeString:
        words = outcome_words(read_report(row))
        return format_html('<span class="reason">{}</span>', words)

    @admin.display(description="halts")
    def halts(self, row: ReplayRun) -> SafeString | str:
        return " ".join(halt_sentences(read_report(row))) or figures.NOTHING

    @admin.display(description="portfolio of the policy")
    def policy_shown(self, row: ReplayRun) -> SafeString:
        return portfolio_link(row.policy_portfolio)

    @admin.display(description="portfolio at factor 1.0")
    def constant_shown(self, row: ReplayRun) -> SafeString:
        return portfolio_link(row.constant_portfolio)

    @admin.display(description="finished", ordering="created_at")
    def time(self, row: ReplayRun) -> SafeString:
        return figures.instant(row.created_at)


def _describe(run: ReplayRun) -> str:
    return (
        f"Replay {run.pk} of {run.symbol} ({run.policy_portfolio.kind}), "
        f"{run.user_id}, {run.created_at:%Y-%m-%d %H:%M} UTC"
    )


def _count_of(part: int, whole: int) -> str:
    return f"{part} of {whole}"


@exactly
def _mean(total: Decimal, count: int) -> Decimal | None:
    return total / count if count else None
