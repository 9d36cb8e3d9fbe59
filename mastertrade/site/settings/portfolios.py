"""Portfolios and their limits: listed, made, changed, a demo deleted."""

from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import F
from django.forms import modelform_factory
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from goals.models import Portfolio, User
from goals.projection.presets import PRESETS, Preset, find_preset
from goals.services.portfolio_settings import time_zones
from mastertrade.site.figures import show
from mastertrade.site.limit_words import (
    BASICS,
    IN_A_DAY,
    IN_A_TRADE,
    IN_ALL,
    OF_THE_FLOOR,
    limit_sentences,
    limits_in_money,
    phase_sentence,
)
from mastertrade.site.settings.portfolio_forms import ChallengeForm, PortfolioForm
from mastertrade.site.shell import page, portfolios_of
from mastertrade.values.exceptions import PortfolioIsLive
from trades.services.deleting import delete_simulation
from trades.sizing_calls.limits import measure_limits

A_PAGE = 50
GROUPS = (
    ("In all", IN_ALL),
    ("In a day", IN_A_DAY),
    ("In one trade", IN_A_TRADE),
)


@require_safe
@page
def portfolios(request: HttpRequest) -> HttpResponse:
    mine = portfolios_of(cast(User, request.user))
    shown = Paginator(mine, A_PAGE).get_page(request.GET.get("page"))
    context = {"portfolios": shown, "presets": _presets()}
    return render(request, "site/settings/portfolios.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def new_portfolio(request: HttpRequest) -> HttpResponse:
    """With limits of one's own, or (`?preset=`) with those of a firm's challenge."""
    user = cast(User, request.user)
    preset, now = _asked_preset(request), timezone.now()
    if preset is None:
        new = Portfolio(user=user)
        form: Any = _form_class(request)(request.POST or None, instance=new)
    else:
        form = ChallengeForm(request.GET["preset"], request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = form.save(user=user, now=now) if preset else form.instance
        if made is not None:
            messages.success(request, f"The portfolio {made.name} is made.")
            return redirect("site:portfolio", made.pk)
    context = {
        "form": form,
        "preset": preset and explain(preset),
        "presets": _presets(),
        "time_zones": sorted(time_zones()),
    }
    status = 422 if form.errors else 200
    return render(request, "site/settings/new_portfolio.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def portfolio(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """`?preset=` fills in a firm's limits, which are saved by the form alone."""
    mine, now = _mine(request, portfolio_id), timezone.now()
    form = _form_of(request, mine)
    if request.method == "POST" and form.is_valid():
        messages.success(request, f"Saved: {form.instance.name}.")
        for words in form.notes():
            messages.info(request, show(words, now))
        return redirect("site:portfolio", mine.pk)
    stored = _mine(request, portfolio_id)  # a refused form has changed its own
    preset = _asked_preset(request)
    if preset is not None:
        form.show_preset(preset)
    names = {field.name for field in form.visible_fields()}
    context = {
        "portfolio": stored,
        "form": form,
        "basics": [form[name] for name in BASICS if name in names],
        "groups": [
            (title, [form[name] for name in group if name in names])
            for title, group in GROUPS
        ],
        "of_the_floor": [form[name] for name in OF_THE_FLOOR if name in names],
        "preset": preset and explain(preset),
        "presets": _presets(),
        "time_zones": sorted(time_zones()),
        **_in_money(stored),
    }
    status = 422 if form.errors else 200
    return render(request, "site/settings/portfolio.html", context, status=status)


@require_POST
@page
def preview(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """What the limits of the form come to now: saved, measured, and undone."""
    mine = _mine(request, portfolio_id)
    with transaction.atomic():
        form = _form_of(request, mine)
        is_valid = form.is_valid()
        changed = is_valid and bool(form.changed_data)
        shown = _in_money(_mine(request, portfolio_id))
        transaction.set_rollback(True)
    context = {"portfolio": mine, "unsaved": changed, "form": form, **shown}
    part = "site/parts/limits_in_money.html"
    return render(request, part, context, status=200 if is_valid else 422)


@require_POST
@page
def delete_portfolio(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """A demo, whole. A live one stays: it is a record."""
    mine = _mine(request, portfolio_id)
    try:
        deleted = delete_simulation(user=mine.user, portfolio_id=mine.pk)
    except PortfolioIsLive as error:
        messages.error(request, show(error.on_page))
        return redirect("site:portfolio", mine.pk)
    names = " and ".join(deleted.portfolios)
    messages.success(request, f"Deleted: {names}, with {deleted.trades} trades.")
    return redirect("site:portfolios")


def explain(preset: Preset) -> dict[str, Any]:
    """A preset as a page shows it, before anything is done."""
    return {
        "preset": preset,
        "limits": list(
            limit_sentences(
                preset.limits,
                preset.currency,
                preset.opening_balance,
                preset.time_zone,
            )
        ),
        "phases": [phase_sentence(one, preset) for one in preset.phases],
    }


def _presets() -> list[tuple[str, Preset]]:
    return [(name, find_preset(name)) for name in PRESETS]


def _asked_preset(request: HttpRequest) -> Preset | None:
    name = request.GET.get("preset")
    if name is None:
        return None
    if name not in PRESETS:
        raise Http404
    return find_preset(name)


def _mine(request: HttpRequest, portfolio_id: int) -> Portfolio:
    mine = portfolios_of(cast(User, request.user)).select_related("user", "successor")
    mine = mine.annotate(phase_before=F("predecessors__name"))
    return get_object_or_404(mine, pk=portfolio_id)


def _form_of(request: HttpRequest, mine: Portfolio) -> Any:
    return _form_class(request)(request.POST or None, instance=mine)


def _form_class(request: HttpRequest) -> Any:
    """The form's class with this request's clock, and who asks."""
    call = {"now": timezone.now(), "by": request.user.get_username()}
    made = modelform_factory(Portfolio, form=PortfolioForm)
    return type("PortfolioForm", (made,), call)


def _in_money(mine: Portfolio) -> dict[str, Any]:
    """Where the limits are; what stops entries already."""
    now = timezone.now()
    found = measure_limits(user=mine.user, portfolio_id=mine.pk, now=now)
    return {
        "equity": mine.live_equity,
        "lines": limits_in_money(mine, found),
        "has_floor": found.has_floor,
        "at_closes": any(one.checked == "closes" for one in found.floors),
        "stops": [show(halt.words, now) for halt in found.halts],
    }
