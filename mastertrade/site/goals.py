"""The pages of goals: the list, one goal, and what a person does to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from goals.decisions.progress import Pace
from goals.enums import GoalStatus
from goals.models import FinancialGoal, Portfolio, User
from goals.services.goal_state import is_open
from goals.services.goals import cancel_goal, update_goal
from mastertrade.site import figures
from mastertrade.site.goal_chart import ends_at, read_chart, read_days
from mastertrade.site.goal_decisions import DecisionLine, read_decisions
from mastertrade.site.goal_find import find_goal
from mastertrade.site.goal_forms import (
    change_form,
    look_ahead,
    new_form,
    value_of,
)
from mastertrade.site.goal_lines import (
    GoalLine,
    read_lines,
    running_goals,
    short_date,
    title_of,
)
from mastertrade.site.goal_periods import read_periods
from mastertrade.site.sentences import GoalFigures, chance_and_band
from mastertrade.site.shell import choose_portfolio, page
from mastertrade.site.what_if import sliders_of
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import HUNDRED, exactly

MOST_ENDED = 20
DECISIONS = 8
MORE_DECISIONS = 50
MOST_ROWS = 60
MOST_DIGITS = 18
# What can be done to a goal besides changing it: the service's words for it.
STATUSES = {"pause": GoalStatus.PAUSED, "resume": GoalStatus.ACTIVE}
DONE = {
    "pause": "Paused: {}. It is measured and sizes no trade.",
    "resume": "Resumed: {}.",
    "cancel": "Cancelled: {}. It and its history stay readable.",
}


@dataclass(frozen=True, slots=True)
class StripFigure:
    """One of the four figures at the top of a goal's page."""

    label: str
    shown: SafeString | str
    unit: str
    note: SafeString | str


@require_safe
@page
def list_goals(request: HttpRequest) -> HttpResponse:
    """GET /goals/: those of the chosen portfolio; `?page=2` of those that ended."""
    user, now = cast(User, request.user), timezone.now()
    portfolio, switchable = choose_portfolio(request)
    context: dict[str, Any] = {"portfolio": portfolio, "portfolios": switchable}
    if portfolio is not None:
        goals = running_goals(portfolio, now)
        ended = portfolio.goals.filter(~is_open(now) | Q(status=GoalStatus.CANCELLED))
        shown = Paginator(ended.order_by("-period_ends_at", "-goal_id"), MOST_ENDED)
        page_of = shown.get_page(request.GET.get("page"))
        for goal in page_of:
            goal.portfolio = portfolio
        context |= {
            "lines": read_lines(user, portfolio, goals, now),
            "ended": [_ended_row(goal, now) for goal in page_of],
            "page": page_of,
        }
    return render(request, "site/goals.html", context)


def _ended_row(goal: FinancialGoal, now: datetime) -> dict[str, Any]:
    status = goal.status_at(now)
    return {
        "goal": goal,
        "title": title_of(goal),
        "status": "reached" if status is GoalStatus.ACHIEVED else status,
        "made": value_of(goal, goal.current_value, signed=True),
        "way": figures.percent(goal.progress_pct),
        "target": value_of(goal, goal.target_value),
        "ended": short_date(goal.target_date) if goal.target_date else "",
    }


@require_safe
@page
def show_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/"""
    goal, now = find_goal(request, goal_id), timezone.now()
    portfolio = goal.portfolio
    (line,) = read_lines(portfolio.user, portfolio, [goal], now)
    pace, status = goal.pace_at(now), goal.status_at(now)
    runs = status in {GoalStatus.ACTIVE, GoalStatus.PAUSED} and not goal.is_over(now)
    decisions, older = read_decisions(goal, DECISIONS)
    context = {
        "goal": goal,
        "portfolio": portfolio,
        "line": line,
        "strip": _strip(goal, line, pace, now),
        "settings": _settings(goal),
        "runs": runs,
        "projects": runs and goal.period_ends_at is not None,
        "can_change": runs or (status is GoalStatus.ACHIEVED and not goal.is_over(now)),
        "is_paused": status is GoalStatus.PAUSED,
        "conditions": _conditions(goal),
        "decisions": decisions,
        "older": older,
        "periods": read_periods(goal),
        "calendar": goal.kind.calendar,
        "what_if": sliders_of(goal) if runs and goal.target_date else None,
    }
    return render(request, "site/goal.html", context)


@exactly
def _strip(
    goal: FinancialGoal, line: GoalLine, pace: Pace, now: datetime
) -> list[StripFigure]:
    """Made so far, should be by now, needed from here, chance to arrive."""
    of = line.figures
    made = value_of(goal, goal.current_value, signed=True)
    target = value_of(goal, goal.target_value)
    way = f"{figures.percent(goal.progress_pct)} of the way"
    made_note = format_html("of {}; {}", target, way)
    if goal.target_in_force != goal.target_value:
        in_force = value_of(goal, goal.target_in_force)
        made_note = format_html("{}; {} in force by its best day", made_note, in_force)
    return [
        StripFigure("Made so far", made, "", made_note),
        _should_be(goal, pace),
        _needed(goal, pace, of),
        _chance(goal, of, now),
    ]


def _should_be(goal: FinancialGoal, pace: Pace) -> StripFigure:
    label = "Should be by now"
    expected = pace.expected_progress_pct
    if expected is None:
        return StripFigure(label, "no pace", "", "it has no deadline")
    way = goal.target_value - goal.start_value
    value = goal.start_value + way * expected / HUNDRED
    note = f"{figures.percent(expected)} of the time has passed"
    return StripFigure(label, value_of(goal, value, signed=True), "", note)


def _needed(goal: FinancialGoal, pace: Pace, of: GoalFigures) -> StripFigure:
    label = "Needed from here"
    if pace.required_per_day is None:
        over = "it has ended" if of.is_over else "it has no deadline"
        if of.status is GoalStatus.FAILED:
            over = "it has failed"
        return StripFigure(label, "nothing", "", over)
    if goal.current_value >= goal.target_value:
        return StripFigure(label, "nothing", "", "it is at its target")
    left = goal.target_value - goal.current_value
    shown = value_of(goal, pace.required_per_day)
    note = format_html("{} in all", value_of(goal, left))
    return StripFigure(label, shown, " a day", note)


def _chance(goal: FinancialGoal, of: GoalFigures, now: datetime) -> StripFigure:
    label = "Chance to arrive"
    if of.status is GoalStatus.ACHIEVED:
        at = format_html("reached {}", figures.when(goal.achieved_at, now))
        return StripFigure(label, "reached", "", at)
    if of.status in {GoalStatus.FAILED, GoalStatus.MISSED, GoalStatus.CANCELLED}:
        return StripFigure(label, "none", "", f"it {_ended_as(of.status)}")
    if of.odds is None:
        return StripFigure(label, "not known", "", "without a deadline there is none")
    if of.halted and of.halted_until is None:
        note = "trading is halted: without another trade it does not move"
        return StripFigure(label, "not while halted", "", note)
    if of.odds.probability is None:
        note = "not projected yet: the worker does it once a day"
        if of.odds.trades is not None:
            note = f"{of.odds.trades} of the 20 closed trades it needs"
        return StripFigure(label, "not yet", "", note)
    chance, _, band = chance_and_band(of.odds).partition("(")
    note = "touched in time inside every floor"
    if of.odds.trades is not None:
        note += f", from {figures.number(of.odds.trades)} trades"
    return StripFigure(label, chance.strip(), f" {band.rstrip(')')}", note)


def _ended_as(status: GoalStatus) -> str:
    return "was cancelled" if status is GoalStatus.CANCELLED else str(status)


def _settings(goal: FinancialGoal) -> str:
    """ "1 to 30 November · every month anew · ladder, 0.5 to 1.3 · priority 1"."""
    dates = f"from {short_date(goal.start_date)}"
    if goal.target_date is not None:
        dates = f"{short_date(goal.start_date)} to {short_date(goal.target_date)}"
    anew = ""
    if goal.recurring and goal.kind.calendar is not None:
        anew = f"every {goal.kind.calendar} anew"
    low, high = figures.number(goal.min_factor), figures.number(goal.max_factor)
    sizes = f"{goal.policy.replace('_', ' ')}, {low} to {high}"
    parts = [dates, anew, sizes, f"priority {goal.priority}"]
    return " \N{MIDDLE DOT} ".join(part for part in parts if part)


def _conditions(goal: FinancialGoal) -> list[dict[str, Any]]:
    """What it asks for besides its target, and how far each is."""
    names = {
        "min_trading_days": "Trading days with an entry",
        "best_day_max_pct": "Share of the best day in the profit",
    }
    return [
        {
            "name": names[one.name],
            "words": one.words,
            "met": one.met,
            "required": one.required,
            "current": one.current or 0,
        }
        for one in goal.conditions
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@page
def make_goal(request: HttpRequest) -> HttpResponse:
    """GET /goals/new/ asks, POST makes the goal."""
    user, now = cast(User, request.user), timezone.now()
    portfolio, switchable = choose_portfolio(request)
    if portfolio is None:
        raise Http404
    posted = request.POST if request.method == "POST" else None
    form = new_form(portfolio, now, user.username, posted)
    if posted is not None and form.is_valid():
        goal = form.instance
        messages.success(request, f"Created: {figures.plain(title_of(goal))}.")
        return redirect("site:goal", goal.pk)
    context = {
        "form": form,
        "portfolio": portfolio,
        "portfolios": switchable,
        "preview": reverse("site:goal-new-preview"),
        "back": reverse("site:goals"),
    }
    status = 200 if posted is None else 422
    return render(request, "site/goal_form.html", context, status=status)


@require_POST
@page
def preview_new(request: HttpRequest) -> HttpResponse:
    """POST /goals/new/preview/: required pace and chance; nothing is saved."""
    user, now = cast(User, request.user), timezone.now()
    portfolio, _ = choose_portfolio(request)
    if portfolio is None:
        raise Http404
    form = new_form(portfolio, now, user.username, request.POST)
    return _show_forecast(request, form, portfolio, now)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def change_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/edit/ asks, POST changes the goal."""
    goal, now = find_goal(request, goal_id), timezone.now()
    title = title_of(goal)
    posted = request.POST if request.method == "POST" else None
    form = change_form(goal, now, goal.user_id, posted)
    if posted is not None and form.is_valid():
        messages.success(request, "The goal is changed.")
        return redirect("site:goal", goal_id)
    context = {
        "form": form,
        "goal": goal,
        "title": title,
        "portfolio": goal.portfolio,
        "preview": reverse("site:goal-edit-preview", args=[goal_id]),
        "back": reverse("site:goal", args=[goal_id]),
    }
    status = 200 if posted is None else 422
    return render(request, "site/goal_form.html", context, status=status)


@require_POST
@page
def preview_change(request: HttpRequest, goal_id: int) -> HttpResponse:
    """POST /goals/{id}/edit/preview/: the same of a goal that would be changed."""
    goal, now = find_goal(request, goal_id), timezone.now()
    form = change_form(goal, now, goal.user_id, request.POST)
    return _show_forecast(request, form, goal.portfolio, now)


def _show_forecast(
    request: HttpRequest, form: Any, portfolio: Portfolio, now: datetime
) -> HttpResponse:
    forecast = look_ahead(form, now)
    context = {"forecast": forecast, "portfolio": portfolio}
    if forecast.goal is not None:
        context["title"] = title_of(forecast.goal)
        context["target"] = value_of(forecast.goal, forecast.goal.target_value)
    return render(request, "site/parts/goal_forecast.html", context)


@require_POST
@page
def act_on_goal(request: HttpRequest, goal_id: int, action: str) -> HttpResponse:
    """POST /goals/{id}/pause/, resume/ or cancel/, asked once on the page."""
    goal, now = find_goal(request, goal_id), timezone.now()
    user = goal.portfolio.user
    try:
        if action == "cancel":
            cancel_goal(user=user, goal_id=goal_id, as_of=now)
        else:
            status = STATUSES[action]
            update_goal(user=user, goal_id=goal_id, as_of=now, status=status)
    except DomainError as refused:
        messages.error(request, refused.on_page)
    else:
        title = figures.plain(title_of(goal))
        messages.success(request, DONE[action].format(title))
    return redirect("site:goal", goal_id)


@require_safe
@page
def chart_of_goal(request: HttpRequest, goal_id: int) -> JsonResponse:
    """GET /goals/{id}/chart/: the series of the chart, but for the fan."""
    goal, now = find_goal(request, goal_id), timezone.now()
    return JsonResponse(read_chart(goal, now))


@require_safe
@page
def table_of_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/table/: the chart's days as a table, the newest first."""
    goal, now = find_goal(request, goal_id), timezone.now()
    days = read_days(goal, now)[::-1]
    shown = Paginator(days, MOST_ROWS).get_page(request.GET.get("page"))
    rows = [
        {
            "at": day.at,
            "value": value_of(goal, day.value, signed=True),
            "pace": _pace_at(goal, day.at),
            "hard": None if day.hard is None else value_of(goal, day.hard, signed=True),
            "soft": None if day.soft is None else value_of(goal, day.soft, signed=True),
        }
        for day in shown
    ]
    context = {"goal": goal, "title": title_of(goal), "rows": rows, "page": shown}
    context["until"] = ends_at(goal, now)
    return render(request, "site/goal_table.html", context)


@exactly
def _pace_at(goal: FinancialGoal, at: datetime) -> SafeString | None:
    expected = goal.pace_at(at).expected_progress_pct
    if expected is None:
        return None
    way = goal.target_value - goal.start_value
    return value_of(goal, goal.start_value + way * expected / HUNDRED, signed=True)


@require_safe
@page
def decisions_of_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/decisions/: the log with every guard; `?before=ID` for older."""
    goal = find_goal(request, goal_id)
    before = request.GET.get("before", "")
    asked = int(before) if before.isascii() and before.isdigit() else None
    if asked is not None and len(before) > MOST_DIGITS:
        raise Http404
    found, older = read_decisions(goal, MORE_DECISIONS, before=asked)
    decisions: list[DecisionLine] = found
    context = {"goal": goal, "title": title_of(goal), "decisions": decisions}
    context |= {"older": older, "portfolio": goal.portfolio}
    return render(request, "site/goal_decisions.html", context)
