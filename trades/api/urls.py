from django.urls import path

from trades.api.views.cash_flows import CashFlowListView
from trades.api.views.changes import ChangeListView
from trades.api.views.comparisons import ComparisonView
from trades.api.views.decisions import (
    GoalSizingView,
    GoalStrategyView,
    NextTradeView,
    PortfolioSizingView,
)
from trades.api.views.imports import (
    ImportListView,
    ImportTradesView,
    UndoImportView,
)
from trades.api.views.jobs import CancelJobView, JobDetailView, JobListView
from trades.api.views.limits import (
    HaltWithLimitsView,
    LimitsView,
    PortfolioListWithLimitsView,
    ResumeWithLimitsView,
)
from trades.api.views.mappings import MappingDetailView, MappingListView
from trades.api.views.performance import PerformanceListView, PerformanceView
from trades.api.views.positions import MarkPositionsView, PositionListView
from trades.api.views.projection import FrontierView, ProjectionView
from trades.api.views.replays import (
    PortfolioWithDeletionView,
    ReplayDetailView,
    ReplayListView,
)
from trades.api.views.trades import (
    AddToTradeView,
    CloseTradeView,
    TradeDetailView,
    TradeListView,
    TradeNoteView,
    VoidTradeView,
)
from trades.api.views.webhooks import FreqtradeView, WebhookDetailView, WebhookListView

urlpatterns = [
    path(
        "portfolios/<int:portfolio_id>/cash-flows/",
        CashFlowListView.as_view(),
        name="cash-flows",
    ),
    path("goals/<int:goal_id>/sizing/", GoalSizingView.as_view(), name="goal-sizing"),
    path(
        "goals/<int:goal_id>/strategy/",
        GoalStrategyView.as_view(),
        name="goal-strategy",
    ),
    path(
        "goals/<int:goal_id>/projection/",
        ProjectionView.as_view(),
        name="goal-projection",
    ),
    path("goals/<int:goal_id>/frontier/", FrontierView.as_view(), name="goal-frontier"),
    path(
        "portfolios/<int:portfolio_id>/",
        PortfolioWithDeletionView.as_view(),
        name="portfolio",
    ),
    path("portfolios/", PortfolioListWithLimitsView.as_view(), name="portfolios"),
    path(
        "portfolios/<int:portfolio_id>/halt/",
        HaltWithLimitsView.as_view(),
        name="halt",
    ),
    path(
        "portfolios/<int:portfolio_id>/resume/",
        ResumeWithLimitsView.as_view(),
        name="resume",
    ),
    path(
        "portfolios/<int:portfolio_id>/limits/",
        LimitsView.as_view(),
        name="portfolio-limits",
    ),
    path("replays/", ReplayListView.as_view(), name="replays"),
    path("replays/<int:replay_id>/", ReplayDetailView.as_view(), name="replay"),
    path("comparisons/", ComparisonView.as_view(), name="comparisons"),
    path("jobs/", JobListView.as_view(), name="jobs"),
    path("jobs/<int:job_id>/", JobDetailView.as_view(), name="job"),
    path("jobs/<int:job_id>/cancel/", CancelJobView.as_view(), name="cancel-job"),
    path("sizing/", PortfolioSizingView.as_view(), name="sizing"),
    path("next-trade/", NextTradeView.as_view(), name="next-trade"),
    path(
        "strategies/performance/",
        PerformanceListView.as_view(),
        name="strategy-performances",
    ),
    path(
        "strategies/<text:strategy_id>/performance/",
        PerformanceView.as_view(),
        name="strategy-performance",
    ),
    path("trades/", TradeListView.as_view(), name="trades"),
    path("trades/import/", ImportTradesView.as_view(), name="import-trades"),
    path("trades/imports/", ImportListView.as_view(), name="imports"),
    path(
        "trades/imports/<int:import_id>/undo/",
        UndoImportView.as_view(),
        name="undo-import",
    ),
    path("trades/mappings/", MappingListView.as_view(), name="mappings"),
    path(
        "trades/mappings/<int:mapping_id>/", MappingDetailView.as_view(), name="mapping"
    ),
    path("trades/<int:trade_id>/", TradeDetailView.as_view(), name="trade"),
    path("trades/<int:trade_id>/close/", CloseTradeView.as_view(), name="close-trade"),
    path("trades/<int:trade_id>/add/", AddToTradeView.as_view(), name="add-to-trade"),
    path("trades/<int:trade_id>/note/", TradeNoteView.as_view(), name="trade-note"),
    path("trades/<int:trade_id>/void/", VoidTradeView.as_view(), name="void-trade"),
    path("positions/", PositionListView.as_view(), name="positions"),
    path("positions/marks/", MarkPositionsView.as_view(), name="marks"),
    path("changes/", ChangeListView.as_view(), name="changes"),
    path("webhooks/", WebhookListView.as_view(), name="webhooks"),
    path("webhooks/<int:webhook_id>/", WebhookDetailView.as_view(), name="webhook"),
    path(
        "webhooks/freqtrade/<text:token>/",
        FreqtradeView.as_view(),
        name="freqtrade-webhook",
    ),
]
