"""The pages of the site."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
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
from mastertrade.site.alerts import alerts, mark_alert, mark_alerts
from mastertrade.site.channels import (
    change_channel,
    channel,
    channel_test,
    channels,
)
from mastertrade.site.sign_in import PasswordView
from mastertrade.site.views import home
from mastertrade.site.welcome import (
    SignInView,
    alert_result,
    import_file,
    job,
    load_demo,
    make_token,
    preview,
    remove_demo,
    save_goal,
    save_money,
    send_alert,
    take_challenge,
    welcome,
)

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
    path("portfolios/<int:portfolio_id>/project/", project, name="project"),
    path("alerts/", alerts, name="alerts"),
    *(
        route
        for action in ("read", "acknowledge")
        for route in (
            path(
                f"alerts/{action}/",
                mark_alerts,
                {"action": action},
                name=f"{action}_alerts",
            ),
            path(
                f"alerts/<int:alert_id>/{action}/",
                mark_alert,
                {"action": action},
                name=f"{action}_alert",
            ),
        )
    ),
    path("welcome/", welcome, name="welcome"),
    path("welcome/money/", save_money, name="welcome_money"),
    path("welcome/challenge/", take_challenge, name="welcome_challenge"),
    path("welcome/goal/", save_goal, name="welcome_goal"),
    path("welcome/goal/preview/", preview, name="welcome_preview"),
    path("welcome/import/", import_file, name="welcome_import"),
    path("welcome/demo/", load_demo, name="welcome_demo"),
    path("welcome/demo/remove/", remove_demo, name="welcome_remove_demo"),
    path("welcome/jobs/<int:job_id>/", job, name="welcome_job"),
    path("welcome/token/", make_token, name="welcome_token"),
    path("welcome/alert/", send_alert, name="welcome_alert"),
    path("welcome/alert/<int:channel_id>/", alert_result, name="welcome_alert_result"),
    path("settings/channels/", channels, name="channels"),
    path("settings/channels/<int:channel_id>/", channel, name="channel"),
    path("settings/channels/<int:channel_id>/test/", channel_test, name="channel_test"),
    *(
        path(
            f"settings/channels/<int:channel_id>/{action}/",
            change_channel,
            {"action": action},
            name=f"{action}_channel",
        )
        for action in ("pause", "resume", "delete", "retry")
    ),
    path("password/", login_required(PasswordView.as_view()), name="password"),
    path(
        "login/",
        SignInView.as_view(),
        name="login",
    ),
    path(
        "logout/",
        LogoutView.as_view(next_page="site:login"),
        name="logout",
    ),
]
