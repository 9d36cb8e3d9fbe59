"""What closed trades say about a strategy or a portfolio: growth records."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from goals.models import Portfolio, User
from goals.records import GrowthRecord


def load_record(
    user: User, portfolio: Portfolio, as_of: datetime, *, strategy_id: str | None = None
) -> GrowthRecord:
    """The record at `as_of` of a strategy (all the user's portfolios) or a portfolio.

    `portfolio` must be locked by the caller, in whose transaction its cached sums are
    brought up to `as_of`.
    """
    raise NotImplementedError


def load_records(
    user: User,
    strategy_ids: Sequence[str],
    as_of: datetime,
    *,
    locked: Portfolio | None = None,
) -> dict[str, GrowthRecord]:
    """The records of several strategies at `as_of`, in one statement.

    Every id asked for has one, if only of no trades. `locked`: a portfolio the caller
    holds the lock of, whose cached sums are brought along.
    """
    raise NotImplementedError


def load_growths(
    portfolio: Portfolio, as_of: datetime, *, strategy_id: str | None = None
) -> NDArray[np.float64]:
    """The growths themselves in the ledger's order, for projections."""
    raise NotImplementedError
