"""Today: what stands, what needs care, and what a trader does next."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.safestring import SafeString
from django.views.decorators.http import conditional_page, require_POST, require_safe

from goals.models import (
    Portfolio,
    User,
)
from mastertrade.site.asking import choose_or_404, is_htmx
from mastertrade.site.day import read_today
from mastertrade.site.next_trade import NextTradeForm, show_answer
from mastertrade.site.shell import (
    CHOSEN,
    MOST_IN_SWITCH,
    choose_portfolio,
    order_switch,
    page,
    portfolios_of,
)


@require_safe
@page
def home(request: HttpRequest) -> HttpResponse:
    """GET /, `?portfolio=ID`"""
    chosen, mine = choose_portfolio(request)
    if chosen is None:
        return redirect("site:welcome")
    form = NextTradeForm(portfolio=chosen, now=timezone.now())
    return _show_page(request, chosen, mine, form)


def _show_page(
    request: HttpRequest,
    portfolio: Portfolio,
    mine: list[Portfolio],
    form: NextTradeForm,
    **panel: Any,
) -> HttpResponse:
    user, now = cast(User, request.user), form.now
    context = {**read_today(user, portfolio, mine, now), "form": form, **panel}
    return render(request, "site/today.html", context)


@require_safe
@conditional_page
@page
def live(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The parts of the page that move, each in the place of the old one."""
    user = cast(User, request.user)
    answer = _show_parts(request, choose_or_404(user, portfolio_id))
    patch_cache_control(answer, private=True, no_cache=True)
    return answer


def _show_parts(
    request: HttpRequest, portfolio: Portfolio, **more: Any
) -> HttpResponse:
    user, now = cast(User, request.user), timezone.now()
    mine = order_switch(portfolio, list(portfolios_of(user)[:MOST_IN_SWITCH]))
    context = {**read_today(user, portfolio, mine, now), "replaces": True, **more}
    return render(request, "site/parts/today_live.html", context)


def say_done(
    request: HttpRequest, portfolio: Portfolio, *words: str | SafeString
) -> HttpResponse:
    """Say on the first page what was done; to htmx, with the parts that moved."""
    if is_htmx(request):
        answer = _show_parts(
            request, choose_or_404(portfolio.user, portfolio.pk), said=words
        )
        answer["HX-Reswap"] = "none"
        answer["HX-Trigger"] = "done"  # closes the dialog
        return answer
    for one in words:
        messages.success(request, one)
    return redirect(f"{reverse('site:home')}?{CHOSEN}={portfolio.pk}")


@require_POST
@page
def next_trade(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Ask; to htmx the panel, else the whole page with the answer in it."""
    user, now = cast(User, request.user), timezone.now()
    portfolio = choose_or_404(user, portfolio_id)
    form = NextTradeForm(request.POST, portfolio=portfolio, now=now)
    decision = form.ask(user)
    panel = {
        "refusal": form.refusal,
        "answer": None if decision is None else show_answer(form, decision),
    }
    if is_htmx(request):
        status = 422 if decision is None else 200
        context = {"form": form, "portfolio": portfolio, "now": now, **panel}
        shown = render(request, "site/parts/next_trade.html", context, status=status)
        shown["HX-Trigger-After-Settle"] = "asked"  # it is in the list of decisions
        return shown
    mine = order_switch(portfolio, list(portfolios_of(user)[:MOST_IN_SWITCH]))
    return _show_page(request, portfolio, mine, form, **panel)
