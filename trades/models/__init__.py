"""Trades, what they hold open, where they came from, and replays."""

from trades.models.fills import TradeFill
from trades.models.imports import TradeImport
from trades.models.positions import Position
from trades.models.replays import ReplayRun
from trades.models.trades import Trade

__all__ = ["Position", "ReplayRun", "Trade", "TradeFill", "TradeImport"]
