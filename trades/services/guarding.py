"""The record that the edge guard judges, read for one decision."""

from collections.abc import Sequence
from datetime import datetime

from goals.models import Portfolio, User
from goals.records import NO_RECORD, GrowthRecord


def read_record(
    user: User, portfolio: Portfolio, as_of: datetime, strategy_id: str | None
) -> GrowthRecord:
    """The record that the edge guard judges: the strategy's, or the portfolio's."""
    return NO_RECORD


def read_records(
    user: User, strategy_ids: Sequence[str], as_of: datetime
) -> dict[str, GrowthRecord]:
    """The records of the strategies that compete."""
    return dict.fromkeys(strategy_ids, NO_RECORD)
