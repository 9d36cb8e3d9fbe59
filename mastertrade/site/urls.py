"""The pages of the site."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from mastertrade.site.actions import (
    DEPOSIT,
    HALT,
    RESUME,
    Action,
    act,
    project_portfolio,
)
from mastertrade.site.alerts import alerts, mark_alert, mark_alerts
from mastertrade.site.channels import (
    change_channel,
    channel,
    channel_test,
    channels,
)
from mastertrade.site.closing import add, close, marks
from mastertrade.site.goal_decisions import show_decision
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
from mastertrade.site.importing import (
    check_file,
    choose_file,
    forget_mapping,
    import_job,
    import_progress,
    undo,
)
from mastertrade.site.ledger import export_ledger, ledger
from mastertrade.site.performance import performance
from mastertrade.site.record import new_trade
from mastertrade.site.replays import (
    cancel,
    compare_policies,
    delete,
    download_replay,
    draw_replay,
    follow_job,
    list_runs,
    new_replay,
    show_beside,
    show_progress,
    show_replay,
)
from mastertrade.site.settings.invitations import accept, open_link
from mastertrade.site.sign_in import (
    ResetConfirmView,
    ResetView,
    reset_sent,
)
from mastertrade.site.strategies import (
    act_on_strategy,
    change_strategy,
    list_strategies,
    make_strategy,
)
from mastertrade.site.today import home, live, next_trade
from mastertrade.site.trade import remark, trade, void
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
from mastertrade.site.what_if import fan_of_goal, frontier_of_goal, what_if

app_name = "site"
ACTIONS: dict[str, Action] = {
    "deposit": DEPOSIT,
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
    path(
        "goals/<int:goal_id>/decisions/<int:adjustment_id>/",
        show_decision,
        name="goal-decision",
    ),
    *(
        path(
            f"goals/<int:goal_id>/{action}/",
            act_on_goal,
            {"action": action},
            name=f"goal-{action}",
        )
        for action in ("pause", "resume", "cancel")
    ),
    path("portfolios/<int:portfolio_id>/live/", live, name="live"),
    path("portfolios/<int:portfolio_id>/next-trade/", next_trade, name="next-trade"),
    path("portfolios/<int:portfolio_id>/marks/", marks, name="marks"),
    path("trades/", ledger, name="trades"),
    path("trades/export/", export_ledger, name="trades-export"),
    path("trades/<int:trade_id>/", trade, name="trade"),
    path("trades/<int:trade_id>/note/", remark, name="trade-note"),
    path("trades/<int:trade_id>/void/", void, name="trade-void"),
    path("trades/new/", new_trade, name="trade-new"),
    path("trades/<int:trade_id>/close/", close, name="trade-close"),
    path("trades/<int:trade_id>/add/", add, name="trade-add"),
    path("trades/import/", choose_file, name="import"),
    path("trades/import/<int:upload_id>/", check_file, name="import-check"),
    path("trades/import/jobs/<int:job_id>/", import_job, name="import-job"),
    path(
        "trades/import/jobs/<int:job_id>/progress/",
        import_progress,
        name="import-progress",
    ),
    path("trades/import/undo/<int:import_id>/", undo, name="import-undo"),
    path(
        "trades/import/mappings/<int:mapping_id>/delete/",
        forget_mapping,
        name="mapping-delete",
    ),
    path("performance/", performance, name="performance"),
    path("strategies/", list_strategies, name="strategies"),
    path("strategies/new/", make_strategy, name="strategy-new"),
    path("strategies/<int:strategy_pk>/edit/", change_strategy, name="strategy-edit"),
    *(
        path(
            f"strategies/<int:strategy_pk>/{action}/",
            act_on_strategy,
            {"action": action},
            name=f"strategy-{action}",
        )
        for action in ("pause", "activate")
    ),
    path("replays/", list_runs, name="replays"),
    path("replays/new/", new_replay, name="replay-new"),
    path("replays/compare/", compare_policies, name="replays-compare"),
    path("replays/beside/", show_beside, name="replays-beside"),
    path("replays/jobs/<int:job_id>/", follow_job, name="replay-job"),
    path("replays/jobs/<int:job_id>/progress/", show_progress, name="replay-progress"),
    path("replays/jobs/<int:job_id>/cancel/", cancel, name="job-cancel"),
    path("replays/<int:replay_id>/", show_replay, name="replay"),
    path("replays/<int:replay_id>/chart/", draw_replay, name="replay-chart"),
    path("replays/<int:replay_id>/file/", download_replay, name="replay-file"),
    path("replays/<int:replay_id>/delete/", delete, name="replay-delete"),
    path("alerts/", alerts, name="alerts"),
    *(
        route
        for action in ("read", "acknowledge")
        for route in (
            path(
                f"alerts/{action}/",
                mark_alerts,
                {"action": action},
                name=f"alerts-{action}",
            ),
            path(
                f"alerts/<int:alert_id>/{action}/",
                mark_alert,
                {"action": action},
                name=f"alert-{action}",
            ),
        )
    ),
    path("welcome/", welcome, name="welcome"),
    path("welcome/money/", save_money, name="welcome-money"),
    path("welcome/challenge/", take_challenge, name="welcome-challenge"),
    path("welcome/goal/", save_goal, name="welcome-goal"),
    path("welcome/goal/preview/", preview, name="welcome-preview"),
    path("welcome/import/", import_file, name="welcome-import"),
    path("welcome/demo/", load_demo, name="welcome-demo"),
    path("welcome/demo/remove/", remove_demo, name="welcome-remove-demo"),
    path("welcome/jobs/<int:job_id>/", job, name="welcome-job"),
    path("welcome/token/", make_token, name="welcome-token"),
    path("welcome/alert/", send_alert, name="welcome-alert"),
    path("welcome/alert/<int:channel_id>/", alert_result, name="welcome-alert-result"),
    path("settings/channels/", channels, name="channels"),
    path("settings/channels/<int:channel_id>/", channel, name="channel"),
    path("settings/channels/<int:channel_id>/test/", channel_test, name="channel-test"),
    *(
        path(
            f"settings/channels/<int:channel_id>/{action}/",
            change_channel,
            {"action": action},
            name=f"channel-{action}",
        )
        for action in ("pause", "resume", "delete", "retry")
    ),
    # Of e-mails that were sent before the settings had pages.
    path(
        "portfolios/<int:portfolio_id>/limits/",
        RedirectView.as_view(pattern_name="site:portfolio"),
        name="limits",
    ),
    path("portfolios/<int:portfolio_id>/project/", project_portfolio, name="project"),
    path("settings/", include("mastertrade.site.settings.urls")),
    path("password/", RedirectView.as_view(pattern_name="site:password")),
    path("reset/", ResetView.as_view(), name="reset"),
    path("reset/sent/", reset_sent, name="reset-sent"),
    path(
        "reset/<text:uidb64>/<text:token>/",
        ResetConfirmView.as_view(),
        name="reset-confirm",
    ),
    path("invitation/", accept, name="invitation-accept"),
    path("invitation/<text:token>/", open_link, name="invitation"),
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
