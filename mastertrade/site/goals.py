"""The pages of goals: the list, one goal, and what a person does to it."""

from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from goals.enums import GoalStatus
from goals.models import FinancialGoal, Portfolio, User
from goals.services.goal_state import is_open
from goals.services.goals import cancel_goal, update_goal
from mastertrade.site import figures
from mastertrade.site.goal_find import find_goal
from mastertrade.site.goal_forms import (
    GoalForm,
    NewGoalForm,
    look_ahead,
    make_form,
    value_of,
    wrong_in,
)
from mastertrade.site.goal_lines import (
    read_lines,
    running_goals,
    short_date,
    title_of,
)
from mastertrade.site.shell import choose_portfolio, page
from mastertrade.values.exceptions import DomainError

MOST_ENDED = 20
# What can be done to a goal besides changing it: the service's words for it.
STATUSES = {"pause": GoalStatus.PAUSED, "resume": GoalStatus.ACTIVE}
DONE = {
    "pause": "Paused: {}. It is measured and sizes no trade.",
    "resume": "Resumed: {}.",
    "cancel": "Cancelled: {}. It and its history stay readable.",
}


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


@require_http_methods(["GET", "HEAD", "POST"])
@page
def make_goal(request: HttpRequest) -> HttpResponse:
    """GET /goals/new/ asks, POST makes the goal."""
    now = timezone.now()
    portfolio, switchable = choose_portfolio(request)
    if portfolio is None:
        raise Http404
    posted = request.POST if request.method == "POST" else None
    form = make_form(NewGoalForm, FinancialGoal(portfolio=portfolio), now, posted)
    if posted is not None and form.is_valid():
        goal = form.instance
        messages.success(request, format_html("Created: {}.", title_of(goal)))
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
    portfolio, _ = choose_portfolio(request)
    if portfolio is None:
        raise Http404
    goal, now = FinancialGoal(portfolio=portfolio), timezone.now()
    form = make_form(NewGoalForm, goal, now, request.POST)
    return show_forecast(request, form, portfolio, now)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def change_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/edit/ asks, POST changes the goal."""
    goal, now = find_goal(request, goal_id), timezone.now()
    title = title_of(goal)
    posted = request.POST if request.method == "POST" else None
    form = make_form(GoalForm, goal, now, posted)
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
    form = make_form(GoalForm, goal, now, request.POST)
    return show_forecast(request, form, goal.portfolio, now)


def show_forecast(
    request: HttpRequest,
    form: GoalForm,
    portfolio: Portfolio,
    now: datetime,
    *,
    first: bool = False,
) -> HttpResponse:
    """What the form's goal asks for and may come to; of the `first` in its steps."""
    forecast = look_ahead(form, now)
    context: dict[str, Any] = {
        "forecast": forecast,
        "portfolio": portfolio,
        "first": first,
    }
    if forecast is None:
        context["wrong"] = wrong_in(form)
    else:
        context["title"] = title_of(forecast.goal)
        if (required := forecast.found.required_per_day) is not None:
            context["required"] = value_of(forecast.goal, required)
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
        messages.error(request, figures.show(refused.on_page))
    else:
        messages.success(request, format_html(DONE[action], title_of(goal)))
    return redirect("site:goal", goal_id)
