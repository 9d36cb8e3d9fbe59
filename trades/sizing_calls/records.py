"""What closed trades say about a strategy or a portfolio: growth records.

Closes never touch them. Who needs one under the portfolio's lock brings the kept sums
up to the ledger: new trades only, in one statement. What changes the past deletes them
in the database (a trigger on the ledger's days); two changes that leave the days alone
call `forget_records`: voiding an open trade whose parts are closed, and importing a
part of a trade that ended before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from goals.decisions.trade_record import NO_RECORD, GrowthRecord, make_record
from goals.models import Portfolio, User
from goals.projection.trade_sample import TradeSample
from mastertrade.db.raw_sql import execute, prepared_cursor
from trades.sizing_calls import record_sql as sql

WHOLE_PORTFOLIO = ""
# What a request walks to tell an edge; more would tell it no better.
MOST_GROWTHS = 20_000
# Samples of portfolios that a process keeps, half a megabyte each at most.
MOST_KEPT = 16
# What a request walks to bring a record along: some 0.35 s of one core.
MOST_AT_ONCE = 100_000
# The trades whose sums a row has: what is walked for a record of the past, at most.
MOST_IN_BLOCK = 10_000
# Of a row, before what is asked besides: three of what the records lack, the strategy,
# its sums.
WIDTH = 4 + len(sql.SUMS)


class RecordBehind(Exception):
    """So many trades are missing from a portfolio's record that no request walks them.

    `catch_up.catching_up` brings the record along, some trades a transaction.
    """

    def __init__(self, portfolio_id: int, as_of: datetime) -> None:
        super().__init__(f"The record of portfolio {portfolio_id} is far behind.")
        self.portfolio_id, self.as_of = portfolio_id, as_of


def load_record(
    user: User, portfolio: Portfolio, as_of: datetime, *, strategy_id: str | None = None
) -> GrowthRecord:
    """The record at `as_of` of a strategy, or without one of the portfolio.

    A strategy's counts its trades in all live portfolios of the user; for a simulation
    or a demo those in it alone. `portfolio` must be locked by the caller, in whose
    transaction its kept sums are brought up to `as_of`.
    One statement where nothing was booked since the last call, else two; of a past
    `as_of` that the stored sums are beyond, `MOST_IN_BLOCK` trades at most are walked.
    """
    of = WHOLE_PORTFOLIO if strategy_id is None else strategy_id
    return load_records(user, [of], as_of, locked=portfolio)[of]


def load_records(
    user: User, strategy_ids: Sequence[str], as_of: datetime, *, locked: Portfolio
) -> dict[str, GrowthRecord]:
    """The records of several strategies at `as_of`; `""` is the locked portfolio's.

    Every id asked for has one, if only of no trades. `RecordBehind` where more than
    `MOST_AT_ONCE` trades are missing. One statement or two; a third
    where others of the user's portfolios lack trades: they are brought along too,
    unless somebody holds them at this moment.
    """
    records, _ = ask_records(sql.READ, user, strategy_ids, as_of, locked=locked)
    return records


def ask_records(
    statement: str,
    user: User,
    strategy_ids: Sequence[str],
    as_of: datetime,
    *,
    locked: Portfolio,
    more: Mapping[str, Any] | None = None,
    is_locked: bool = True,
) -> tuple[dict[str, GrowthRecord], tuple[Any, ...]]:
    """`load_records`, by a statement like `record_sql.READ` that answers more.

    `more` are its further parameters; what it selects behind the sums comes second.
    Of a portfolio that is not locked, what is lacking is walked and not stored.
    """
    own, wanted = locked.portfolio_id, list(strategy_ids)
    is_alone = not locked.is_live or set(wanted) == {WHOLE_PORTFOLIO}
    values = {
        "user_id": user.username,
        "wanted": wanted,
        "as_of": as_of,
        "own": own,
        "at_once": MOST_AT_ONCE,
        "most_in_block": MOST_IN_BLOCK,
        "only": own if is_alone else None,
    }
    rows = _ask(statement, {**values, **(more or {})})
    is_behind, may_catch_up, far_behind = rows[0][:3]
    found, further = [row[3:WIDTH] for row in rows], rows[0][WIDTH:]
    if far_behind is not None:
        raise RecordBehind(far_behind, as_of)
    if is_behind:
        others = [key for key in may_catch_up or () if key != own]
        held = [own] if is_locked else []
        if is_locked and others:
            held += [key for (key,) in _ask(sql.HOLD, [others])]
        found = _ask(sql.CATCH_UP, {**values, "held": held})
    records = {row[0]: record_of(row[1:]) for row in found if row[0] is not None}
    return {name: records.get(name, NO_RECORD) for name in wanted}, further


def load_growths(
    portfolio: Portfolio, as_of: datetime, *, strategy_id: str | None = None
) -> NDArray[np.float64]:
    """The growths of `load_sample` alone, shape (trades,)."""
    return load_sample(portfolio, as_of, strategy_id=strategy_id).growths


def load_sample(
    portfolio: Portfolio, as_of: datetime, *, strategy_id: str | None = None
) -> TradeSample:
    """The growths themselves in the ledger's order, with each trade's times.

    Of the portfolio's trades; with a strategy of its trades in all live portfolios of
    the same user, or in this one where it is not live. Of a long ledger those of its
    last `MOST_GROWTHS` entries, of several ledgers an equal share of them each. One
    statement.
    """
    is_alone = strategy_id is None or not portfolio.is_live
    with connection.cursor() as cursor:
        cursor.execute(
            sql.GROWTHS,
            {
                "user_id": portfolio.user_id,
                "only": portfolio.portfolio_id if is_alone else None,
                "as_of": as_of,
                "strategy_id": strategy_id,
                "most": MOST_GROWTHS,
                "from_at": None,
            },
        )
        rows = cursor.fetchall()
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 3).T
    return TradeSample(*columns)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A record changes with each trade of a portfolio, so it stands for them."""

    portfolio_id: int
    record: GrowthRecord
    portfolio: Portfolio = field(compare=False)
    as_of: datetime = field(compare=False)


@lru_cache(maxsize=MOST_KEPT)
def _load_kept(asked: _Kept) -> TradeSample:
    return load_sample(asked.portfolio, asked.as_of)


def keep_sample(
    portfolio: Portfolio, as_of: datetime, record: GrowthRecord
) -> TradeSample:
    """The same of a portfolio, read once while its `record` as of then stays.

    For who looks and decides nothing; no statement where it is kept.
    """
    return _load_kept(_Kept(portfolio.pk, record, portfolio, as_of))


def forget_records(portfolio: Portfolio) -> None:
    """Delete what is kept of a locked portfolio; the next call makes it again."""
    execute(sql.FORGET, [portfolio.portfolio_id])


def find_record_drift(portfolio: Portfolio) -> Iterator[tuple[str, str, Any, Any]]:
    """What is kept and is not what the ledger says, of a locked portfolio.

    As (of, figure, cached, summed).
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.DRIFT, {"portfolio_id": portfolio.portfolio_id})
        rows = cursor.fetchall()
    for strategy_id, figure, cached, computed in rows:
        of = f"strategy {strategy_id}" if strategy_id else "all strategies"
        yield f"record of {of}", figure, cached, computed


def _ask(
    statement: str, values: Mapping[str, Any] | Sequence[Any]
) -> list[tuple[Any, ...]]:
    with prepared_cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def record_of(sums: Sequence[Any]) -> GrowthRecord:
    """From what `record_sql.SUMS` names, in that order."""
    computed = dict(zip(sql.SUMS, sums, strict=True))
    return make_record(
        trades=int(computed["trades"]),
        sum_growth=computed["sum_growth"],
        sum_squares=computed["sum_squares"],
        losses=int(computed["losses"]),
        sum_losses=computed["sum_losses"],
        sum_cubes=computed["sum_cubes"],
        best=computed["best_growth"] or Decimal(0),
        worst=computed["worst_growth"] or Decimal(0),
    )
