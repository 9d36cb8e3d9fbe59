"""Halts: who or what stopped trading, why, and how it went on.

A person halts trading by adding one, and resumes it on the page of one in force.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.contrib import admin
from django.db.models import DateTimeField, QuerySet, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.admin import figures
from goals.admin.base import Deed, RecordedAdmin, now_of
from goals.admin.filters import KindFilter, PortfolioFilter
from goals.admin.forms import HaltForm, ResumeForm, fields_to_resume, in_page_words
from goals.enums import TradingState
from goals.models import Portfolio, TradingHalt

MAY_HALT = "goals.change_portfolio"


def _figure(halt: TradingHalt, name: str) -> Decimal | None:
    value = halt.figures.get(name)
    return None if value is None else Decimal(value)


def past_halt_words(halt: TradingHalt) -> str:
    """Why trading was halted, and who resumed it when, or that its day ended it."""
    reason = in_page_words(halt.reason.rstrip("."))
    began = f"Halted on {halt.halted_at:%Y-%m-%d}: {reason}."
    if halt.withdrawn_at is not None:
        return f"{began} Withdrawn: {halt.withdrawn_reason.rstrip('.')}."
    if halt.resumed_at is None:
        return f"{began} Ended by itself at {halt.halted_until:%Y-%m-%d %H:%M} UTC."
    why = f": {halt.resume_reason.rstrip('.')}" if halt.resume_reason else ""
    return f"{began} Resumed on {halt.resumed_at:%Y-%m-%d} by {halt.resumed_by}{why}."


def trading_badge(portfolio: Portfolio, state: str) -> SafeString:
    """Its state, or that a mark keeps entries waiting, where the state is active."""
    waits = state == TradingState.ACTIVE and portfolio.suspected_at is not None
    return figures.badge("waiting" if waits else state)


def waiting_words(portfolio: Portfolio) -> str:
    """What a floor that one mark shows waits for; empty where nothing waits."""
    if portfolio.suspected_at is None:
        return ""
    return (
        f"Entries wait since {portfolio.suspected_at:%Y-%m-%d %H:%M:%S} UTC: one mark "
        "is at or below a floor. A second one at least 5 seconds later, or 60 seconds "
        "without a better one, halts trading. Exits, stops and imports go on."
    )


@admin.register(TradingHalt)
class TradingHaltAdmin(RecordedAdmin[TradingHalt]):
    """Who may change a portfolio may halt and resume it."""

    adding = Deed("Halt trading", HaltForm, ("portfolio", "reason"))
    ending = Deed(
        "Resume trading",
        ResumeForm,
        ("reason", "from_present", "floor_equity", "start_equity", "peak_equity"),
    )
    autocomplete_fields = ("portfolio",)
    list_display = (
        "time",
        "portfolio_shown",
        "cause_shown",
        "why",
        "state",
        "resumed",
    )
    list_filter = (KindFilter, "cause", PortfolioFilter)
    list_select_related = ("portfolio",)
    search_fields = ("portfolio__user__username", "portfolio__name", "halted_by")
    search_help_text = "Username, portfolio name or who halted it"
    ordering = ("-halt_id",)
    fieldsets = (
        (
            "Halt",
            {
                "fields": (
                    "portfolio_shown",
                    ("time", "until"),
                    ("cause_shown", "who"),
                    "why",
                    ("drawdown_then", "daily_loss_then"),
                    ("equity_then", "unrealized_then"),
                    ("rate_then", "live_rate_then"),
                )
            },
        ),
        (
            "Resuming",
            {"fields": ("state", ("resumed", "resumed_who"), "because", "reference")},
        ),
        ("Withdrawing", {"fields": (("withdrawn", "withdrawn_because"),)}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_HALT)

    def has_change_permission(
        self, request: HttpRequest, obj: TradingHalt | None = None
    ) -> bool:
        in_force = obj is None or not _has_ended(obj, now_of(request))
        return in_force and request.user.has_perm(MAY_HALT)

    def deed_on(self, request: HttpRequest, obj: TradingHalt | None) -> Deed | None:
        """With what the floor is measured from only where a resume takes it."""
        deed = super().deed_on(request, obj)
        if deed is self.ending and obj is not None:
            return replace(deed, fields=fields_to_resume(obj))
        return deed

    def page_after(self, halt: TradingHalt) -> str:
        return reverse("admin:goals_portfolio_change", args=[halt.portfolio_id])

    def get_queryset(self, request: HttpRequest) -> QuerySet[TradingHalt]:
        clock = Value(now_of(request), DateTimeField())
        return super().get_queryset(request).annotate(as_of=clock)

    @admin.display(description="halted", ordering="halt_id")
    def time(self, halt: TradingHalt) -> SafeString:
        return figures.instant(halt.halted_at)

    @admin.display(description="portfolio", ordering="portfolio__name")
    def portfolio_shown(self, halt: TradingHalt) -> SafeString:
        address = reverse("admin:goals_portfolio_change", args=[halt.portfolio_id])
        return format_html('<a href="{}">{}</a>', address, halt.portfolio)

    @admin.display(description="cause", ordering="cause")
    def cause_shown(self, halt: TradingHalt) -> str:
        return figures.words(halt.cause)

    @admin.display(description="why")
    def why(self, halt: TradingHalt) -> SafeString:
        return format_html('<span class="reason">{}</span>', in_page_words(halt.reason))

    @admin.display(description="halted by")
    def who(self, halt: TradingHalt) -> str:
        return halt.who

    @admin.display(description="until", ordering="halted_until")
    def until(self, halt: TradingHalt) -> SafeString | str:
        if halt.halted_until is None:
            return "a person resumes trading"
        return figures.instant(halt.halted_until)

    @admin.display(description="resumed", ordering="resumed_at")
    def resumed(self, halt: TradingHalt) -> SafeString:
        return figures.instant(halt.resumed_at)

    @admin.display(description="resumed by")
    def resumed_who(self, halt: TradingHalt) -> SafeString | str:
        return halt.resumed_by or figures.NOTHING

    @admin.display(description="because")
    def because(self, halt: TradingHalt) -> SafeString | str:
        return halt.resume_reason or figures.NOTHING

    @admin.display(description="withdrawn", ordering="withdrawn_at")
    def withdrawn(self, halt: TradingHalt) -> SafeString:
        return figures.instant(halt.withdrawn_at)

    @admin.display(description="because")
    def withdrawn_because(self, halt: TradingHalt) -> SafeString | str:
        return halt.withdrawn_reason or figures.NOTHING

    @admin.display(description="unit value on resuming")
    def reference(self, halt: TradingHalt) -> SafeString:
        if halt.resumed_unit_value is None:
            return figures.NOTHING
        return figures.unit_value(halt.resumed_unit_value)

    @admin.display(description="drawdown at the halt")
    def drawdown_then(self, halt: TradingHalt) -> SafeString:
        return figures.percent(_figure(halt, "drawdown_pct"))

    @admin.display(description="loss of the day at the halt")
    def daily_loss_then(self, halt: TradingHalt) -> SafeString:
        return figures.percent(_figure(halt, "daily_loss_pct"))

    @admin.display(description="equity at the halt")
    def equity_then(self, halt: TradingHalt) -> SafeString:
        return figures.money(_figure(halt, "equity"), halt.portfolio.currency)

    @admin.display(description="unrealised P&L at the halt")
    def unrealized_then(self, halt: TradingHalt) -> SafeString:
        return figures.gain(_figure(halt, "unrealized_pnl"), halt.portfolio.currency)

    @admin.display(description="unit value at the halt")
    def rate_then(self, halt: TradingHalt) -> SafeString:
        value = _figure(halt, "unit_value")
        return figures.NOTHING if value is None else figures.unit_value(value)

    @admin.display(description="live unit value at the halt")
    def live_rate_then(self, halt: TradingHalt) -> SafeString:
        value = _figure(halt, "live_unit_value")
        return figures.NOTHING if value is None else figures.unit_value(value)

    @admin.display(description="state")
    def state(self, halt: TradingHalt) -> SafeString:
        now: datetime = halt.as_of  # type: ignore[attr-defined]  # an annotation
        if halt.withdrawn_at is not None:
            return figures.badge("withdrawn")
        ended = _has_ended(halt, now)
        return figures.badge("ended" if ended else TradingState.HALTED)


def _has_ended(halt: TradingHalt, now: datetime) -> bool:
    over = halt.halted_until is not None and halt.halted_until <= now
    return over or halt.resumed_at is not None or halt.withdrawn_at is not None
