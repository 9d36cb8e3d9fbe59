"""The pages of the site."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from mastertrade.site.actions import (
    DEPOSIT,
    HALT,
    NEW_GOAL,
    RESUME,
    Action,
    act,
    project,
)
from mastertrade.site.settings.invitations import accept, open_link
from mastertrade.site.sign_in import ResetConfirmView, ResetView, reset_sent
from mastertrade.site.views import home

app_name = "site"
ACTIONS: dict[str, Action] = {
    "deposit": DEPOSIT,
    "new-goal": NEW_GOAL,
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
    # Of e-mails that were sent before the settings had pages.
    path(
        "portfolios/<int:portfolio_id>/limits/",
        RedirectView.as_view(pattern_name="site:portfolio"),
        name="limits",
    ),
    path("portfolios/<int:portfolio_id>/project/", project, name="project"),
    path("settings/", include("mastertrade.site.settings.urls")),
    path("password/", RedirectView.as_view(pattern_name="site:password")),
    path("reset/", ResetView.as_view(), name="reset"),
    path("reset/sent/", reset_sent, name="reset-sent"),
    path(
        "reset/<str:uidb64>/<str:token>/",
        ResetConfirmView.as_view(),
        name="reset-confirm",
    ),
    path("invitation/", accept, name="accept-invitation"),
    path("invitation/<str:token>/", open_link, name="invitation"),
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
