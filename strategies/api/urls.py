from django.urls import path

from strategies.api.views import StrategyDetailView, StrategyListView

urlpatterns = [
    path("strategies/", StrategyListView.as_view(), name="strategies"),
    path(
        "strategies/<text:strategy_id>/", StrategyDetailView.as_view(), name="strategy"
    ),
]
