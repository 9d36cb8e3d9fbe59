"""Growth records brought up to the ledger before anybody asks for them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import connection

from goals.models import Portfolio
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import ComeAgain
from trades.sizing_calls.record_sql import newest_of
from trades.sizing_calls.records import RecordBehind, load_record

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Trades a transaction, which holds the portfolio for about half a second.
BATCH = 50_000
# The live portfolios whose records lack something that was booked, by the newest entry
# of each kind: an index finds both.
LACKING = f"""
SELECT p.portfolio_id
FROM portfolios p
LEFT JOIN LATERAL (
    SELECT exit_time, ledger_key FROM growth_records
    WHERE portfolio_id = p.portfolio_id AND strategy_id = ''
    ORDER BY block DESC LIMIT 1
) b ON true
{newest_of("p")}
WHERE p.kind = 'live' AND coalesce(p.portfolio_id = ANY(%(keys)s::bigint[]), true) AND (
    (b.exit_time IS NULL AND (t.exit_time IS NOT NULL OR f.flowed_at IS NOT NULL))
    OR (t.exit_time, t.ledger_key) > (b.exit_time, b.ledger_key)
    OR (f.flowed_at, f.ledger_key) > (b.exit_time, b.ledger_key))
ORDER BY p.portfolio_id
"""
# When the first trade behind the batch that follows what is kept was closed.
BEHIND_BATCH = """
SELECT t.exit_time
FROM (
    SELECT exit_time, ledger_key FROM growth_records
    WHERE portfolio_id = %(portfolio_id)s AND strategy_id = ''
    UNION ALL
    SELECT '-infinity', 0
    ORDER BY exit_time DESC, ledger_key DESC LIMIT 1
) b CROSS JOIN LATERAL (
    SELECT exit_time FROM trades
    WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
      AND (exit_time, ledger_key) > (b.exit_time, b.ledger_key)
      AND exit_time <= %(as_of)s
    ORDER BY exit_time, ledger_key OFFSET %(batch)s LIMIT 1
) t
"""


def find_stale(as_of: datetime, keys: Sequence[int] | None = None) -> list[int]:
    """The keys of live portfolios whose records are behind their ledgers at `as_of`.

    Of those named, or of all.
    """
    asked = {"as_of": as_of, "keys": None if keys is None else list(keys)}
    return [key for (key,) in _ask(LACKING, asked)]


def catching_up(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A service that reads records: where one is far behind, it brings a batch along.

    What it brought along stays, in a transaction of its own; whoever sends the same
    again, as `ComeAgain` asks for, goes on from there.
    """

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except RecordBehind as behind:
            if connection.in_atomic_block:
                raise
            _catch_up_batch(behind.portfolio_id, behind.as_of, BATCH)
            raise ComeAgain(
                "The record of this portfolio's trades is being recomputed after a "
                f"change in the past, {BATCH:,} trades per request. Nothing else was "
                "done: send it again, with the same id."
            ) from None

    return run


def catch_up(portfolio_id: int, as_of: datetime, *, batch: int = BATCH) -> None:
    """Bring a portfolio's records up to `as_of`, `batch` trades a transaction.

    So whoever wants to trade in it waits for one batch at most, and what is done stays
    done if this is killed.
    """
    while not _catch_up_batch(portfolio_id, as_of, batch):
        pass


@atomic
def _catch_up_batch(portfolio_id: int, as_of: datetime, batch: int) -> bool:
    """Whether it was the last."""
    portfolio = Portfolio.objects.locked().select_related("user").get(pk=portfolio_id)
    asked = {"portfolio_id": portfolio_id, "as_of": as_of, "batch": batch}
    following = _ask(BEHIND_BATCH, asked)
    until = following[0][0] if following else as_of
    load_record(portfolio.user, portfolio, until)
    return not following


def _ask(statement: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
