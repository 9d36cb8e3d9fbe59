"""The pages of goals: the list, and one goal."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from goals.models import FinancialGoal, User
from mastertrade.site.goal_lines import read_goals, read_lines
from mastertrade.site.shell import page


def find_goal(request: HttpRequest, goal_id: int) -> FinancialGoal:
    """One of the user's own goals, as `read_goals` has it; else a 404."""
    user = cast(User, request.user)
    mine = FinancialGoal.objects.filter(user_id=user.username)
    goal = get_object_or_404(mine.select_related("portfolio__user"), pk=goal_id)
    portfolio = goal.portfolio
    (found,) = read_goals(portfolio.goals.filter(pk=goal_id), portfolio)
    return found


@require_safe
@page
def show_goal(request: HttpRequest, goal_id: int) -> HttpResponse:
    """GET /goals/{id}/"""
    goal, now = find_goal(request, goal_id), timezone.now()
    portfolio = goal.portfolio
    (line,) = read_lines(portfolio.user, portfolio, [goal], now)
    context = {"goal": goal, "line": line, "portfolio": portfolio}
    return render(request, "site/goal.html", context)
