"""The operator's view of trades, and of trades on the pages of the floors below."""

from trades.admin import sections
from trades.admin.imports_webhooks import (
    TradeFillAdmin,
    TradeImportAdmin,
    WebhookTokenAdmin,
)
from trades.admin.queue import QueueAdmin
from trades.admin.records import GrowthRecordAdmin, ReplayRunAdmin
from trades.admin.strategies import StrategyWithTradesAdmin
from trades.admin.trades import PositionAdmin, TradeAdmin

__all__ = [
    "GrowthRecordAdmin",
    "PositionAdmin",
    "QueueAdmin",
    "ReplayRunAdmin",
    "StrategyWithTradesAdmin",
    "TradeAdmin",
    "TradeFillAdmin",
    "TradeImportAdmin",
    "WebhookTokenAdmin",
    "sections",
]
