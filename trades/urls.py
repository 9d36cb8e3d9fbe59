from django.urls import path

from trades.views.decisions import (
    GoalSizingView,
    GoalStrategyView,
    NextTradeView,
    PortfolioSizingView,
)
from trades.views.trades import (
    CloseTradeView,
    PositionListView,
    TradeDetailView,
    TradeListView,
)

urlpatterns = [
    path("goals/<int:goal_id>/sizing/", GoalSizingView.as_view(), name="goal-sizing"),
    path(
        "goals/<int:goal_id>/strategy/",
        GoalStrategyView.as_view(),
        name="goal-strategy",
    ),
    path("sizing/", PortfolioSizingView.as_view(), name="sizing"),
    path("next-trade/", NextTradeView.as_view(), name="next-trade"),
    path("trades/", TradeListView.as_view(), name="trades"),
    path("trades/<int:trade_id>/", TradeDetailView.as_view(), name="trade"),
    path("trades/<int:trade_id>/close/", CloseTradeView.as_view(), name="close-trade"),
    path("positions/", PositionListView.as_view(), name="positions"),
]
