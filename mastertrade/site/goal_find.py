"""A goal of whoever asks."""

from typing import cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from goals.models import FinancialGoal, User
from mastertrade.site.goal_lines import read_goals


def find_goal(request: HttpRequest, goal_id: int) -> FinancialGoal:
    """One of the user's own goals, as `read_goals` has it; else a 404."""
    user = cast(User, request.user)
    mine = FinancialGoal.objects.filter(user_id=user.username)
    goal = get_object_or_404(mine.select_related("portfolio__user"), pk=goal_id)
    portfolio = goal.portfolio
    (found,) = read_goals(portfolio.goals.filter(pk=goal_id), portfolio)
    return found
