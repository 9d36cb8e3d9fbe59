"""Trades, what they hold open and add up to, and where they came from."""

from trades.models.fills import TradeFill
from trades.models.imports import TradeImport
from trades.models.jobs import JobError
from trades.models.mappings import ImportMapping, ImportUpload
from trades.models.notes import TradeNote
from trades.models.positions import Position
from trades.models.records import GrowthRecord
from trades.models.replays import ReplayRun
from trades.models.trades import Trade
from trades.models.user_jobs import UserJob
from trades.models.webhooks import WebhookFill, WebhookToken

__all__ = [
    "GrowthRecord",
    "ImportMapping",
    "ImportUpload",
    "JobError",
    "Position",
    "ReplayRun",
    "Trade",
    "TradeFill",
    "TradeImport",
    "TradeNote",
    "UserJob",
    "WebhookFill",
    "WebhookToken",
]
