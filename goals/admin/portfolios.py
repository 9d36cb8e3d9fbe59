"""Portfolios."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import Figure, Section, SectionsAdmin, Tool, now_of
from goals.admin.filters import OwnKindFilter
from goals.admin.forms import PortfolioForm, halt_anew, in_page_words
from goals.admin.halts import trading_badge, waiting_words
from goals.admin.logs import goal_link
from goals.admin.tools import PORTFOLIO_TOOLS, ReasonForm, lack_of
from goals.enums import TradingState
from goals.models import (
    CashFlow,
    FinancialGoal,
    LedgerDay,
    LedgerEntry,
    LimitChange,
    Portfolio,
    TradingHalt,
)
from goals.services.resuming import resume_trading
from goals.services.trading_state import trading_state_of, with_trading_state
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.jsonable import to_plain

MAY = ["change"]
DRAWDOWN = (
    ("soft_drawdown_pct", "hard_drawdown_pct"),
    ("drawdown_mode", "end_of_day_of"),
    ("drawdown_of", "drawdown_locks_at"),
    ("floor_in", "on_breach"),
    ("start_equity", "peak_equity", "floor_equity"),
)
DAILY = (
    ("daily_loss_limit_pct", "daily_on_breach"),
    ("daily_loss_of", "daily_loss_anchor"),
    ("daily_profit_lock_pct", "max_trades_per_day"),
    ("pause_after_losses", "pause_minutes"),
)
SIZES = (("max_position_pct", "headroom_share_pct"), ("edge_guard",))
PHASES = (("successor",),)
SHOWN_LIMITS = (("drawdown_limits", "other_limits"), ("limits_shown",), ("edge_guard",))
FROZEN = ("currency", "time_zone", "opening_balance_shown", "day_start_shown")
# What makes the currency, time zone, opening balance and the day's start frozen.
USED_BY = ("ledger_entries", "goals", "trades")


def _entries_of(portfolio: Portfolio) -> QuerySet[LedgerEntry]:
    return portfolio.ledger_entries.select_related("portfolio").order_by(
        "-effective_at", "-entry_id"
    )


def _days_of(portfolio: Portfolio) -> QuerySet[LedgerDay]:
    return portfolio.ledger_days.select_related("portfolio").order_by("-day", "-part")


def _cash_flows_of(portfolio: Portfolio) -> QuerySet[CashFlow]:
    return portfolio.cash_flows.select_related("portfolio").order_by(
        "-flowed_at", "-cash_flow_id"
    )


def _halts_of(portfolio: Portfolio) -> QuerySet[TradingHalt]:
    return portfolio.halts.order_by("-halt_id")


def _goals_of(portfolio: Portfolio) -> QuerySet[FinancialGoal]:
    return portfolio.goals.select_related("portfolio").order_by("-goal_id")


GOALS = Section(
    key="goals",
    title="Goals",
    model=FinancialGoal,
    rows=_goals_of,
    columns=[
        ("Goal", goal_link),
        ("Progress", lambda goal: figures.progress(goal.progress_pct, None)),
        ("Band", lambda goal: figures.badge(goal.band_at(goal.shown_at))),
        ("Status", lambda goal: figures.badge(goal.status_at(goal.shown_at))),
        ("From", lambda goal: goal.start_date.isoformat()),
        ("To", lambda goal: goal.target_date and goal.target_date.isoformat()),
    ],
)
DAYS = Section(
    key="days",
    title="Local days",
    model=LedgerDay,
    rows=_days_of,
    columns=[
        ("Day", lambda row: row.words),
        ("Entries", lambda row: row.entries),
        ("Equity", lambda row: figures.money(row.equity, row.portfolio.currency)),
        ("Unit value", lambda row: figures.unit_value(row.unit_value)),
        (
            "Realised",
            lambda row: figures.gain(row.realized_pnl, row.portfolio.currency),
        ),
    ],
)
LEDGER = Section(
    key="ledger",
    title="Ledger",
    model=LedgerEntry,
    rows=_entries_of,
    columns=[
        ("Took effect", lambda row: figures.instant(row.effective_at)),
        ("Booked", lambda row: figures.words(row.kind)),
        ("Amount", lambda row: figures.gain(row.amount, row.portfolio.currency)),
    ],
)
CASH_FLOWS = Section(
    key="cash",
    title="Cash flows",
    model=CashFlow,
    rows=_cash_flows_of,
    columns=[
        ("Time", lambda row: figures.instant(row.flowed_at)),
        ("Amount", lambda row: figures.gain(row.amount, row.portfolio.currency)),
        ("External id", lambda row: row.external_id or figures.NOTHING),
        ("Recorded by", lambda row: row.created_by or figures.NOTHING),
        ("Void", lambda row: row.void_reason or figures.NOTHING),
    ],
)
HALTS = Section(
    key="halts",
    title="Halts",
    model=TradingHalt,
    rows=_halts_of,
    columns=[
        ("Halted", lambda row: figures.instant(row.halted_at)),
        ("Cause", lambda row: figures.words(row.cause)),
        ("Why", lambda row: in_page_words(row.reason)),
        ("By", lambda row: row.who),
        ("Until", lambda row: figures.instant(row.halted_until)),
        ("Resumed", lambda row: figures.instant(row.resumed_at)),
        ("Resumed by", lambda row: row.resumed_by or figures.NOTHING),
        ("Because", lambda row: row.resume_reason or figures.NOTHING),
    ],
)


LIMITS = Section(
    key="limits",
    title="Limits over time",
    model=LimitChange,
    rows=lambda portfolio: portfolio.limit_changes.order_by("-limit_change_id"),
    columns=[
        ("In force from", lambda row: figures.instant(row.effective_at)),
        ("Because", lambda row: figures.words(row.cause)),
        ("By", lambda row: row.changed_by),
        ("Limits", lambda row: row.words),
        ("Start", lambda row: _value(row.start_value)),
        ("Peak", lambda row: _value(row.peak_value)),
    ],
)


def _value(value: Any) -> Any:
    return figures.NOTHING if value is None else figures.unit_value(value)


class TradingStateFilter(admin.SimpleListFilter):
    """By the clock, as it is shown."""

    title = "trading state"
    parameter_name = "trading_state"

    def lookups(
        self, request: HttpRequest, model_admin: object
    ) -> list[tuple[str, str]]:
        return [(state.value, figures.words(state)) for state in TradingState]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Portfolio]
    ) -> QuerySet[Portfolio]:
        wanted = self.value()
        if wanted is None:
            return queryset
        return queryset.filter(Q(**{"state_now": wanted}))  # annotated by the list


@admin.register(Portfolio)
class PortfolioAdmin(SectionsAdmin[Portfolio]):
    form = PortfolioForm
    sections: ClassVar[list[Section]] = [GOALS, HALTS, LIMITS, DAYS, LEDGER, CASH_FLOWS]
    list_display = (
        "name",
        "kind_shown",
        "owner",
        "equity_shown",
        "drawdown",
        "realized",
        "state",
        "goals_count",
    )
    list_filter = (OwnKindFilter, TradingStateFilter, "currency")
    actions = ("halt", "resume")
    action_form = ReasonForm
    tools: ClassVar[list[Tool]] = [*PORTFOLIO_TOOLS]
    search_fields = ("user__username", "name", "=portfolio_id")
    search_help_text = "Username, portfolio name or id"
    ordering = ("user_id", "name")
    autocomplete_fields = ("user", "successor")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Portfolio]:
        goals = (
            FinancialGoal.objects.filter(portfolio=OuterRef("pk"))
            .order_by()
            .values("portfolio")
            .annotate(count=Count("pk"))
        )
        count = Coalesce(Subquery(goals.values("count")), 0)
        portfolios = super().get_queryset(request).annotate(goals_count=count)
        return with_trading_state(portfolios, now_of(request))

    def get_fieldsets(self, request: HttpRequest, obj: Portfolio | None = None) -> Any:
        editable = obj is None or self.has_change_permission(request, obj)
        frozen = FROZEN if obj is not None and _is_frozen(obj, editable) else None
        who = ("user", "name") if obj is None else ("owner", "name")
        money = frozen or ("currency", "time_zone", "opening_balance", "day_starts_at")
        portfolio = ("Portfolio", {"fields": (who, money)})
        if not editable:
            return (portfolio, ("Limits", {"fields": SHOWN_LIMITS}))
        limits = (
            ("Limits of the drawdown", {"fields": DRAWDOWN}),
            ("Limits of the day", {"fields": DAILY}),
            ("Limits of sizes", {"fields": SIZES}),
        )
        if obj is None:  # only an older portfolio can name a new one
            return (portfolio, *limits)
        return (portfolio, *limits, ("Phases of a challenge", {"fields": PHASES}))

    def get_readonly_fields(
        self, request: HttpRequest, obj: Portfolio | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return ()
        if not self.has_change_permission(request, obj):
            limits = [name for line in SHOWN_LIMITS for name in line]
            return ("owner", "name", *FROZEN, *limits)
        return ("owner", *FROZEN) if _is_frozen(obj, True) else ("owner",)

    def notice(self, portfolio: Portfolio, now: datetime) -> SafeString:
        return format_html("{}{}", lack_of(portfolio), _halted(portfolio, now))

    def headline(self, portfolio: Portfolio, now: datetime) -> Sequence[Figure]:
        currency = portfolio.currency
        return (
            Figure("Kind", self.kind_shown(portfolio)),
            Figure("Equity", figures.money(portfolio.equity, currency)),
            Figure("Live equity", figures.money(portfolio.live_equity, currency)),
            Figure("Realised P&L", figures.gain(portfolio.realized_pnl, currency)),
            Figure("Unrealised P&L", figures.gain(portfolio.unrealized_pnl, currency)),
            Figure(
                "Unit value",
                figures.unit_value(portfolio.unit_value),
                f"peak {in_text.unit_value(portfolio.peak_unit_value)}",
            ),
            Figure("Drawdown", figures.percent(portfolio.drawdown_pct)),
            Figure("Trading", trading_badge(portfolio, trading_state_of(portfolio))),
            Figure("Newest entry", figures.instant(portfolio.last_entry_at)),
            *_phases(portfolio),
        )

    @admin.action(description="Halt trading (with a reason)", permissions=MAY)
    def halt(self, request: HttpRequest, queryset: QuerySet[Portfolio]) -> None:
        self._each(request, queryset, "halted", halt_anew)

    @admin.action(description="Resume trading", permissions=MAY)
    def resume(self, request: HttpRequest, queryset: QuerySet[Portfolio]) -> None:
        self._each(request, queryset, "resumed", resume_trading)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Portfolio],
        done_word: str,
        service: Callable[..., object],
    ) -> None:
        """One transaction a portfolio: a refusal says why, the others go on."""
        call = {
            "now": now_of(request),
            "by": request.user.get_username(),
            "reason": request.POST.get("reason", ""),
        }
        for portfolio in queryset.select_related("user").order_by("pk"):
            try:
                service(user=portfolio.user, portfolio_id=portfolio.pk, **call)
                words = f"{portfolio} {done_word}."
                self.message_user(request, words, messages.SUCCESS)
            except DomainError as error:
                words = in_page_words(error.on_page)
                self.message_user(request, words, messages.ERROR)

    @admin.display(description="kind", ordering="kind")
    def kind_shown(self, portfolio: Portfolio) -> SafeString:
        return figures.badge(portfolio.shown_kind)

    @admin.display(ordering="user_id")
    def owner(self, portfolio: Portfolio) -> str:
        return portfolio.user_id

    @admin.display(description="equity", ordering="equity")
    def equity_shown(self, portfolio: Portfolio) -> SafeString:
        return figures.money(portfolio.equity, portfolio.currency)

    @admin.display(ordering="drawdown_pct")
    def drawdown(self, portfolio: Portfolio) -> SafeString:
        return figures.percent(portfolio.drawdown_pct)

    @admin.display(description="realised P&L", ordering="realized_pnl")
    def realized(self, portfolio: Portfolio) -> SafeString:
        return figures.gain(portfolio.realized_pnl, portfolio.currency)

    @admin.display(description="trading", ordering="state_now")
    def state(self, portfolio: Portfolio) -> SafeString:
        return trading_badge(portfolio, trading_state_of(portfolio))

    @admin.display(description="goals", ordering="goals_count")
    def goals_count(self, portfolio: Portfolio) -> int:
        return int(portfolio.goals_count)  # type: ignore[attr-defined]  # annotated

    @admin.display(description="opening balance")
    def opening_balance_shown(self, portfolio: Portfolio) -> SafeString:
        return figures.money(portfolio.opening_balance, portfolio.currency)

    @admin.display(description="day starts at")
    def day_start_shown(self, portfolio: Portfolio) -> str:
        return f"{portfolio.day_starts_at:%H:%M}"

    @admin.display(description="other than by default")
    def limits_shown(self, portfolio: Portfolio) -> str:
        return LimitChange(settings=to_plain(portfolio.limits)).words

    @admin.display(description="drawdown: soft, hard")
    def drawdown_limits(self, portfolio: Portfolio) -> str:
        soft, hard = portfolio.soft_drawdown_pct, portfolio.hard_drawdown_pct
        return f"{figures.number(soft)} %, {figures.number(hard)} %"

    @admin.display(description="daily loss, position")
    def other_limits(self, portfolio: Portfolio) -> str:
        limits = (portfolio.daily_loss_limit_pct, portfolio.max_position_pct)
        return ", ".join(
            "off" if limit is None else f"{figures.number(limit)} %" for limit in limits
        )


def _phases(portfolio: Portfolio) -> Sequence[Figure]:
    """Where the challenge goes on, and where it came from; nothing outside one."""
    others = (
        ("Next phase", portfolio.successor),
        ("Phase before", portfolio.predecessors.first()),
    )
    return [Figure(title, format_html("{}", one.name)) for title, one in others if one]


def _halted(portfolio: Portfolio, now: datetime) -> SafeString:
    """Why nothing is traded, and where to resume; empty while it is."""
    halts = list(portfolio.halts.in_force(now).order_by("halt_id"))
    words = format_html_join(
        "", "{}<br>", ((in_page_words(halt.words),) for halt in halts)
    )
    if not words:
        return format_html("{}", waiting_words(portfolio))
    how = "Resume it with"
    if all(halt.halted_until is not None for halt in halts):
        how = "Entries go on by themselves then. To resume them before, use"
    return format_html(
        "{}{} “Resume trading” on this page.",
        words,
        how,
    )


def _is_frozen(portfolio: Portfolio, editable: bool) -> bool:
    if not editable:
        return True
    return any(getattr(portfolio, name).exists() for name in USED_BY)
