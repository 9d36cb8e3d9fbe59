"""What a user does to an own portfolio on the site: forms, saved by services."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST

from goals.enums import GoalStatus
from goals.models import CashFlow, Portfolio, TradingHalt, User
from goals.services.risk_state import find_halt
from mastertrade.site import figures
from mastertrade.site.asking import Asking, answer_asking, bind, choose_or_404
from mastertrade.site.service_forms import (
    CashFlowForm,
    HaltForm,
    ResumeForm,
    ServiceForm,
)
from mastertrade.site.shell import page
from mastertrade.site.today import say_done
from mastertrade.site.wording import waiting_words
from trades.sizing_calls.limits import measure_limits
from trades.sizing_calls.stored_chances import is_projectable, refresh_projections


@dataclass(frozen=True, slots=True)
class Action:
    """`start` gives the row the form is about, None where there is `nothing` to do."""

    title: str
    button: str
    explanation: str
    form: type[ServiceForm[Any]]
    fields: tuple[str, ...]
    start: Callable[[Portfolio, datetime], Any]
    done: Callable[[Any], str | SafeString]
    nothing: str = ""
    shows_floors: bool = False


def _booked(flow: CashFlow) -> SafeString:
    amount = figures.signed_amount(flow.amount, flow.portfolio.currency)
    return format_html("Booked on {}: {}.", flow.portfolio.name, amount)


DEPOSIT = Action(
    title="Deposit or withdraw",
    button="Book it",
    explanation="It moves no money at your broker: it records what you paid in or out.",
    form=CashFlowForm,
    fields=("amount",),
    start=lambda portfolio, now: CashFlow(portfolio=portfolio),
    done=_booked,
)
HALT = Action(
    title="Halt trading",
    button="Halt trading",
    explanation="Entries stop until trading is resumed; exits, stops and imports go "
    "on.",
    form=HaltForm,
    fields=("reason",),
    start=lambda portfolio, now: TradingHalt(portfolio=portfolio),
    done=lambda halt: f"Trading in {halt.portfolio.name} is halted.",
)
RESUME = Action(
    title="Resume trading",
    button="Resume trading",
    explanation="Every halt of the portfolio ends; entries go on.",
    form=ResumeForm,
    fields=("reason",),
    start=find_halt,
    done=lambda halt: f"Trading in {halt.portfolio.name} is resumed.",
    nothing="Trading in portfolio {} is not halted; there is nothing to resume.",
    shows_floors=True,
)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def act(request: HttpRequest, portfolio_id: int, action: Action) -> HttpResponse:
    """GET asks, POST does it once; another user's portfolio is a 404.

    Where there is nothing to do, the first page says why.
    """
    portfolio, now = (
        choose_or_404(cast(User, request.user), portfolio_id),
        timezone.now(),
    )
    row = action.start(portfolio, now)
    if row is None:
        messages.info(request, action.nothing.format(portfolio.name))
        return redirect("site:home")
    asked = modelform_factory(type(row), form=action.form, fields=action.fields)
    form = bind(asked, request, now, instance=row)
    if request.method == "POST" and form.is_valid():
        notes = (figures.show(note, now) for note in form.notes())
        return say_done(request, portfolio, action.done(form.instance), *notes)
    equity = figures.amount(portfolio.live_equity, portfolio.currency)
    asking = Asking(
        title=action.title,
        button=action.button,
        explanation=action.explanation,
        is_danger=action is HALT,
        facts=[format_html("Portfolio {}, which has {}.", portfolio.name, equity)],
    )
    more = {
        "failed": _count_failed(portfolio) if action is RESUME else 0,
        **(_standing_of(portfolio, now) if action.shows_floors else {}),
    }
    return answer_asking(request, asking, form, portfolio, **more)


@require_POST
@page
def project_portfolio(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Project a portfolio's goals where one is not yet, as the daily run does."""
    portfolio = choose_or_404(cast(User, request.user), portfolio_id)
    now = timezone.now()
    if portfolio.goals.filter(is_projectable(now), projected_at=None).exists():
        refresh_projections(as_of=now, portfolio_id=portfolio.pk)
    messages.success(request, f"The goals of {portfolio.name} are projected.")
    return redirect("site:home")


def _standing_of(portfolio: Portfolio, now: datetime) -> dict[str, Any]:
    """The floors now, and what stops entries."""
    found = measure_limits(user=portfolio.user, portfolio_id=portfolio.pk, now=now)
    waits = [waiting_words(portfolio)] if found.waiting else []
    return {
        "floors": found.floors,
        "no_floor": not found.has_floor,
        "stops": [figures.show(halt.words, now) for halt in found.halts] or waits,
    }


def _count_failed(portfolio: Portfolio) -> int:
    """Goals that failed in a period that is not over."""
    failed = portfolio.goals.filter(status=GoalStatus.FAILED, ended_at=None)
    return int(failed.count())
