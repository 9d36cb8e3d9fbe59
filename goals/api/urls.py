from django.urls import path

from goals.api.views.alerts import (
    AcknowledgeAlertView,
    AlertDetailView,
    AlertListView,
    ReadAlertView,
)
from goals.api.views.channels import (
    ChannelDeliveryListView,
    ChannelDetailView,
    ChannelListView,
    ChannelRetryView,
    ChannelTestView,
)
from goals.api.views.goals import (
    GoalAdjustmentView,
    GoalDetailView,
    GoalListView,
    GoalProgressView,
)
from goals.api.views.halts import HaltListView
from goals.api.views.portfolios import VoidCashFlowView
from goals.api.views.tokens import TokenDetailView, TokenListView

urlpatterns = [
    path(
        "portfolios/<int:portfolio_id>/cash-flows/<int:cash_flow_id>/void/",
        VoidCashFlowView.as_view(),
        name="void-cash-flow",
    ),
    path("portfolios/<int:portfolio_id>/halts/", HaltListView.as_view(), name="halts"),
    path("goals/", GoalListView.as_view(), name="goals"),
    path("goals/<int:goal_id>/", GoalDetailView.as_view(), name="goal"),
    path(
        "goals/<int:goal_id>/progress/",
        GoalProgressView.as_view(),
        name="goal-progress",
    ),
    path(
        "goals/<int:goal_id>/adjustments/",
        GoalAdjustmentView.as_view(),
        name="goal-adjustments",
    ),
    path("alerts/", AlertListView.as_view(), name="alerts"),
    path("alerts/<int:alert_id>/", AlertDetailView.as_view(), name="alert"),
    path("alerts/<int:alert_id>/read/", ReadAlertView.as_view(), name="read-alert"),
    path(
        "alerts/<int:alert_id>/acknowledge/",
        AcknowledgeAlertView.as_view(),
        name="acknowledge-alert",
    ),
    path("channels/", ChannelListView.as_view(), name="channels"),
    path("channels/<int:channel_id>/", ChannelDetailView.as_view(), name="channel"),
    path(
        "channels/<int:channel_id>/test/",
        ChannelTestView.as_view(),
        name="channel-test",
    ),
    path(
        "channels/<int:channel_id>/retry/",
        ChannelRetryView.as_view(),
        name="channel-retry",
    ),
    path(
        "channels/<int:channel_id>/deliveries/",
        ChannelDeliveryListView.as_view(),
        name="channel-deliveries",
    ),
    path("tokens/", TokenListView.as_view(), name="tokens"),
    path("tokens/<text:token_key>/", TokenDetailView.as_view(), name="token"),
]
