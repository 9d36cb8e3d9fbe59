"""The pages of the site."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from mastertrade.site.actions import (
    DEPOSIT,
    HALT,
    LIMITS,
    NEW_GOAL,
    RESUME,
    Action,
    act,
    project,
)
from mastertrade.site.goal_page import (
    chart_of_goal,
    decisions_of_goal,
    head_of_goal,
    show_goal,
    table_of_goal,
)
from mastertrade.site.goals import (
    act_on_goal,
    change_goal,
    list_goals,
    make_goal,
    preview_change,
    preview_new,
)
from mastertrade.site.sign_in import PasswordView
from mastertrade.site.views import home
from mastertrade.site.what_if import fan_of_goal, frontier_of_goal, what_if

app_name = "site"
ACTIONS: dict[str, Action] = {
    "deposit": DEPOSIT,
    "new-goal": NEW_GOAL,
    "limits": LIMITS,
    "halt": HALT,
    "resume": RESUME,
}
urlpatterns = [
    path("", home, name="home"),
    *(
        path(
            f"portfolios/<int:portfolio_id>/{name}/", act, {"action": action}, name=name
        )
        for name, action in ACTIONS.items()
    ),
    path("goals/", list_goals, name="goals"),
    path("goals/new/", make_goal, name="goal-new"),
    path("goals/new/preview/", preview_new, name="goal-new-preview"),
    path("goals/<int:goal_id>/", show_goal, name="goal"),
    path("goals/<int:goal_id>/edit/", change_goal, name="goal-edit"),
    path("goals/<int:goal_id>/edit/preview/", preview_change, name="goal-edit-preview"),
    path("goals/<int:goal_id>/head/", head_of_goal, name="goal-head"),
    path("goals/<int:goal_id>/chart/", chart_of_goal, name="goal-chart"),
    path("goals/<int:goal_id>/fan/", fan_of_goal, name="goal-fan"),
    path("goals/<int:goal_id>/frontier/", frontier_of_goal, name="goal-frontier"),
    path("goals/<int:goal_id>/what-if/", what_if, name="goal-what-if"),
    path("goals/<int:goal_id>/table/", table_of_goal, name="goal-table"),
    path("goals/<int:goal_id>/decisions/", decisions_of_goal, name="goal-decisions"),
    *(
        path(
            f"goals/<int:goal_id>/{action}/",
            act_on_goal,
            {"action": action},
            name=f"goal-{action}",
        )
        for action in ("pause", "resume", "cancel")
    ),
    path("portfolios/<int:portfolio_id>/project/", project, name="project"),
    path("password/", login_required(PasswordView.as_view()), name="password"),
    path(
        "login/",
        LoginView.as_view(
            template_name="site/login.html", redirect_authenticated_user=True
        ),
        name="login",
    ),
    path(
        "logout/",
        LogoutView.as_view(next_page="site:login"),
        name="logout",
    ),
]
