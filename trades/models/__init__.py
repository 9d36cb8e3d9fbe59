"""Trades, what they hold open, where they came from, webhooks and replays."""

from trades.models.fills import TradeFill
from trades.models.imports import TradeImport
from trades.models.positions import Position
from trades.models.replays import ReplayRun
from trades.models.trades import Trade
from trades.models.webhooks import WebhookFill, WebhookToken

__all__ = [
    "Position",
    "ReplayRun",
    "Trade",
    "TradeFill",
    "TradeImport",
    "WebhookFill",
    "WebhookToken",
]
