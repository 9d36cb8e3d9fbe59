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
from mastertrade.site.goals import show_goal
from mastertrade.site.record import close, marks, new_trade
from mastertrade.site.sign_in import PasswordView
from mastertrade.site.today import home, live, next_trade

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
    path("goals/<int:goal_id>/", show_goal, name="goal"),
    path("portfolios/<int:portfolio_id>/live/", live, name="live"),
    path("portfolios/<int:portfolio_id>/next-trade/", next_trade, name="next_trade"),
    path("portfolios/<int:portfolio_id>/marks/", marks, name="marks"),
    path("trades/new/", new_trade, name="new_trade"),
    path("trades/<int:trade_id>/close/", close, name="close_trade"),
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
