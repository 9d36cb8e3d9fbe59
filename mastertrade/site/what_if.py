"""What-if, frontier and fan of a goal's page: the engine's answers in its words."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import (
    require_http_methods,
    require_safe,
)

from goals.decisions.policies import PolicyName
from goals.models import FinancialGoal
from goals.services.goals import update_goal
from goals.services.portfolios import update_portfolio
from mastertrade.site import figures
from mastertrade.site.frontier_chart import FrontierView, show_frontier
from mastertrade.site.goal_chart import seconds
from mastertrade.site.goal_find import find_goal
from mastertrade.site.goal_forms import value_of
from mastertrade.site.goal_lines import short_date
from mastertrade.site.sentences import factor
from mastertrade.site.shell import page
from mastertrade.site.what_if_sliders import read_change
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.money import HUNDRED, round_to
from trades.sizing_calls.kept_forecasts import FRONTIER, PROJECTION, find_forecast
from trades.sizing_calls.what_if import Change, WhatIf, WhatIfOutcome, ask_what_if

# Points of chance below which nothing is gained or paid.
LEAST_POINTS = Decimal("0.5")


@require_http_methods(["GET", "HEAD", "POST"])
@page
def what_if(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/what-if/ answers, `rough=1` while a slider moves; POST saves."""
    goal, now = find_goal(request, goal_id), timezone.now()
    if request.method == "POST":
        return _save(request, goal, now)
    try:
        change = read_change(goal, request.GET)
    except InvalidInput as wrong:
        context: dict[str, Any] = {
            "goal": goal,
            "wrong": figures.show(wrong.on_page, now),
        }
        return render(request, "site/parts/what_if.html", context, status=422)
    found = ask_what_if(goal, change, now, rough="rough" in request.GET)
    context = {"goal": goal, "found": found, **_answer(goal, change, found)}
    return render(request, "site/parts/what_if.html", context)


def _save(request: HttpRequest, goal: FinancialGoal, now: datetime) -> HttpResponse:
    """The goal and the limits, both or neither."""
    user, to = goal.portfolio.user, redirect("site:goal", goal.pk)
    try:
        change = read_change(goal, request.POST)
        with transaction.atomic():
            if change.of_limits:
                update_portfolio(
                    user=user,
                    portfolio_id=goal.portfolio_id,
                    now=now,
                    **change.of_limits,
                )
            if change.of_goal:
                update_goal(user=user, goal_id=goal.pk, as_of=now, **change.of_goal)
    except DomainError as refused:
        messages.error(request, figures.show(refused.on_page, now))
        return to
    if not (change.of_goal or change.of_limits):
        messages.info(request, "Nothing was moved, so nothing is changed.")
        return to
    messages.success(request, "Saved as change.")
    if change.base_risk != 1:
        messages.info(request, _about_risk(change))
    return to


def _about_risk(change: Change) -> str:
    size = figures.number(change.base_risk)
    return (
        f"The size of a base trade is what you ask with, so it is not stored: ask with "
        f"{size} times as much."
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the answer: as it is, what if, what if at factor 1.0."""

    label: str
    now: SafeString | str
    then: SafeString | str
    at_one: SafeString | str


def _answer(goal: FinancialGoal, change: Change, found: WhatIf) -> dict[str, Any]:
    now, then, one = found.as_it_is, found.changed, found.at_one
    if now is None or then is None or one is None:
        required = None
        if found.required_per_day is not None:
            required = value_of(goal, found.required_per_day)
        saves = bool(change.of_goal or change.of_limits)
        changes = _changes(goal, change)
        return {"required": required, "changes": changes, "saves": saves}
    return {
        "rows": list(_rows(goal, now, then, one)),
        "price": price_of(now, then) if _is_other(change) else SafeString(""),
        "changes": _changes(goal, change),
        "risk": _about_risk(change) if change.base_risk != 1 else "",
        "saves": bool(change.of_goal or change.of_limits),
    }


def _is_other(change: Change) -> bool:
    return bool(change.of_goal or change.of_limits or change.base_risk != 1)


def _rows(
    goal: FinancialGoal, now: WhatIfOutcome, then: WhatIfOutcome, one: WhatIfOutcome
) -> list[Row]:
    every = (now, then, one)

    def row(label: str, *shown: SafeString | str) -> Row:
        return Row(label, *shown)

    currency = goal.portfolio.currency
    return [
        row("Chance to arrive", *(_with_band(each) for each in every)),
        row(
            "Chance of the floor",
            *(figures.small_chance(each.breach) for each in every),
        ),
        row(
            "Chance to fall more than 10 %",
            *(figures.small_chance(each.fall_10) for each in every),
        ),
        row("Days to arrive, at the middle", *(_days(each) for each in every)),
        row(
            f"Average losing trade, {currency}",
            *(figures.money(each.mean_loss, currency) for each in every),
        ),
        row("Losing trades to the nearest floor", *(_losing(each) for each in every)),
        row(
            "What the policy asks now, of base",
            *(factor(each.factor) for each in every),
        ),
    ]


def _with_band(outcome: WhatIfOutcome) -> SafeString:
    shown = figures.chance(outcome.probability)
    band = figures.chance_band(outcome.low, outcome.high)
    if not band:
        return format_html("{}", shown)
    return format_html('{}<span class="sub">{}</span>', shown, band)


def _days(outcome: WhatIfOutcome) -> str:
    if outcome.median_days is None:
        return "never"
    return figures.number(round_to(Decimal(outcome.median_days), (8, 0)))


def _losing(outcome: WhatIfOutcome) -> str:
    if outcome.losing_trades is None:
        return "no loss yet"
    return figures.decimals(outcome.losing_trades)


def price_of(now: WhatIfOutcome, then: WhatIfOutcome) -> SafeString:
    """ "+13 points to arrive. The price: the chance of the floor goes from …"."""
    gained = _points(then.probability - now.probability)
    said = format_html("{} to arrive.", _signed_points(gained))
    if abs(gained) < LEAST_POINTS:
        said = SafeString("No more and no less likely to arrive.")
    more = _points(then.breach - now.breach)
    before, after = figures.small_chance(now.breach), figures.small_chance(then.breach)
    if more >= LEAST_POINTS:
        price = "The price: the chance of the floor goes"
        said = format_html("{} {} from {} to {}", said, price, before, after)
    elif more <= -LEAST_POINTS:
        said = format_html(
            "{} The chance of the floor falls from {} to {}", said, before, after
        )
    else:
        said = format_html("{} The chance of the floor stays at {}", said, after)
    if now.losing_trades is None or then.losing_trades is None:
        return format_html("{}.", said)
    were, are = _losing(now), _losing(then)
    if were == are:
        return format_html("{}.", said)
    return format_html(
        "{}, and {} losing trades reach the nearest one instead of {}.", said, are, were
    )


def _points(ratio: float) -> Decimal:
    return round_to(Decimal(ratio) * HUNDRED, (8, 1))


def _signed_points(points: Decimal) -> str:
    sign = "+" if points > 0 else figures.MINUS if points < 0 else ""
    shown = round_to(points, (8, 0)) if abs(points) >= 1 else points
    return f"{sign}{figures.points(shown)}"


def _changes(goal: FinancialGoal, change: Change) -> list[str]:
    """What would be saved, in words."""
    found = []
    if change.target_value is not None:
        words = figures.plain(value_of(goal, change.target_value))
        found.append(f"the target becomes {words}")
    if change.target_date is not None:
        found.append(f"the deadline becomes {short_date(change.target_date)}")
    if change.policy is not None:
        found.append(f"the policy becomes {change.policy.replace('_', ' ')}")
    if change.stop_penalty is not None:
        cost = figures.number(change.stop_penalty)
        found.append(f"the cost of hitting a floor becomes {cost}")
    portfolio = goal.portfolio.name
    for name, what in (
        ("hard_drawdown_pct", "the hard floor"),
        ("daily_loss_limit_pct", "the daily loss limit"),
    ):
        value = getattr(change, name)
        if value is not None:
            shown = figures.percent(value)
            found.append(f"{what} of portfolio {portfolio} becomes {shown}")
    return found


@require_safe
@page
def fan_of_goal(request: HttpRequest, goal_id: int) -> JsonResponse:
    """GET /goals/{id}/fan/: where the ways from here may lead, for the chart."""
    goal, now = find_goal(request, goal_id), timezone.now()
    found = find_forecast(PROJECTION, goal, now)
    points = [
        [seconds(one.at), *(float(value) for value in one.values)] for one in found.fan
    ]
    left = found.trades_left
    return JsonResponse(
        {
            "fan": points,
            "reason": figures.plain(figures.show(found.words, now)),
            "trades_left": None if left is None else round(float(left)),
        }
    )


@require_safe
@page
def frontier_of_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/frontier/: what each size buys, and what it costs."""
    goal, now = find_goal(request, goal_id), timezone.now()
    found = find_forecast(FRONTIER, goal, now)
    view: FrontierView | None = None
    if found.frontier is not None:
        view = show_frontier(found.frontier, PolicyName(goal.policy))
    suggested = found.suggestions.target_value
    context = {
        "goal": goal,
        "found": found,
        "view": view,
        "reason": figures.show(found.words, now),
        "even_target": None if suggested is None else value_of(goal, suggested),
        "even_deadline": found.suggestions.deadline,
        "what_if": reverse("site:goal", args=[goal_id]) + "#h-what",
    }
    return render(request, "site/parts/goal_frontier.html", context)
