"""The operator's view of trades, where they came from, replays and jobs."""

from trades.admin import imports_webhooks, jobs, records, trades

__all__ = ["imports_webhooks", "jobs", "records", "trades"]
