"""The ledger: a portfolio's trades, filtered, summed up, exported."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from goals.models import Portfolio
from mastertrade.site.shell import CHOSEN, choose_portfolio, page
from mastertrade.site.wording import kind_notice
from mastertrade.values.money import ZERO
from trades.enums import Side, TradeStatus
from trades.importing.export import write_listed
from trades.models import Trade

ON_A_PAGE = 50
# Of the newest so many the totals are, and the pages.
MOST_SUMMED = 100_000
DAY = timedelta(days=1)


class LedgerForm(forms.Form):
    """Which trades are listed; empty fields: all. Days are those of the user's zone."""

    symbol = forms.CharField(required=False, max_length=50)
    strategy = forms.CharField(required=False, max_length=100)
    side = forms.ChoiceField(
        required=False,
        choices=[("", "Both"), (Side.LONG, "Long"), (Side.SHORT, "Short")],
    )
    status = forms.ChoiceField(
        required=False,
        label="State",
        choices=[
            ("", "All"),
            (TradeStatus.OPEN, "Open"),
            (TradeStatus.CLOSED, "Closed"),
            (TradeStatus.VOID, "Void"),
        ],
    )
    since = forms.DateField(
        required=False,
        label="Opened from",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        required=False,
        label="to",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "Must not be before the first day.")
        return cleaned

    def choose(self, trades: QuerySet[Trade]) -> QuerySet[Trade]:
        """Those asked for; none where a field is wrong, which then says so."""
        if not self.is_valid():
            return trades.none()
        asked = self.cleaned_data
        exact = {
            "symbol": asked["symbol"].upper(),
            "strategy_id": asked["strategy"],
            "side": asked["side"],
            "status": asked["status"],
        }
        trades = trades.filter(**{name: one for name, one in exact.items() if one})
        if asked["since"]:
            trades = trades.filter(entry_time__gte=_midnight(asked["since"]))
        if asked["until"] and asked["until"] < date.max:
            trades = trades.filter(entry_time__lt=_midnight(asked["until"] + DAY))
        return trades


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_current_timezone())


@dataclass(frozen=True, slots=True)
class Totals:
    """Of closed trades, but for the counts; money in the portfolio's currency.

    A part that was closed before the rest is a row of its own, and no trade more.
    """

    open: int
    closed: int
    void: int
    parts: int
    wins: int
    losses: int
    gains: Decimal
    lost: Decimal

    @property
    def rows(self) -> int:
        return self.open + self.closed + self.void

    @property
    def trades(self) -> int:
        return self.rows - self.parts

    @property
    def profit(self) -> Decimal:
        return self.gains + self.lost

    @property
    def won_pct(self) -> Decimal | None:
        return Decimal(self.wins * 100) / self.closed if self.closed else None


def sum_up(trades: QuerySet[Trade]) -> tuple[Totals, bool]:
    """Of the newest `MOST_SUMMED`, and whether there are more: then put in order."""
    totals = _sum_up(trades.order_by()[: MOST_SUMMED + 1])
    if totals.rows <= MOST_SUMMED:
        return totals, False
    return _sum_up(trades[:MOST_SUMMED]), True


def _sum_up(trades: QuerySet[Trade]) -> Totals:
    closed = Q(status=TradeStatus.CLOSED)
    won, lost = closed & Q(profit_loss__gt=0), closed & Q(profit_loss__lt=0)
    return Totals(
        **trades.aggregate(
            open=Count("pk", Q(status=TradeStatus.OPEN)),
            closed=Count("pk", closed),
            void=Count("pk", Q(status=TradeStatus.VOID)),
            parts=Count("parent_trade"),
            wins=Count("pk", won),
            losses=Count("pk", lost),
            gains=Sum("profit_loss", filter=won, default=ZERO),
            lost=Sum("profit_loss", filter=lost, default=ZERO),
        )
    )


@require_safe
@page
def ledger(request: HttpRequest) -> HttpResponse:
    """GET, `?portfolio=ID` and the fields of `LedgerForm`; newest entries first."""
    portfolio, portfolios = choose_portfolio(request)
    if portfolio is None:
        return redirect("/welcome/")
    form, trades = _asked(request.GET, portfolio)
    totals, has_more = sum_up(trades)
    pages = Paginator(trades, ON_A_PAGE)
    pages.count = totals.rows  # it would count them again
    found = pages.get_page(request.GET.get("page"))
    asked = {name: request.GET[name] for name in form.fields if request.GET.get(name)}
    context = {
        "portfolio": portfolio,
        "portfolios": portfolios,
        "notice": kind_notice(portfolio),
        "form": form,
        "totals": totals,
        "page": found,
        "is_filtered": bool(asked),
        "query": urlencode({CHOSEN: str(portfolio.pk), **asked}),
        "most": MOST_SUMMED if has_more else None,
    }
    return render(request, "site/ledger.html", context)


@require_safe
@page
def export_ledger(request: HttpRequest) -> HttpResponse:
    """The trades that the same address would list, as a CSV; to its end, streamed."""
    portfolio, _ = choose_portfolio(request)
    if portfolio is None:
        return redirect("/welcome/")
    form, trades = _asked(request.GET, portfolio)
    if not form.is_valid():
        asked = urlencode({**request.GET.dict(), CHOSEN: str(portfolio.pk)})
        return redirect(f"../?{asked}")
    answer = StreamingHttpResponse(write_listed(trades), content_type="text/csv")
    name = f"trades-{portfolio.pk}-{timezone.localdate():%Y-%m-%d}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer  # type: ignore[return-value]


def _asked(
    given: Mapping[str, Any], portfolio: Portfolio
) -> tuple[LedgerForm, QuerySet[Trade]]:
    form = LedgerForm(given)
    mine = Trade.objects.filter(portfolio=portfolio)
    return form, form.choose(mine).order_by("-entry_time", "-trade_id")
