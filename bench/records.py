"""Growth records after 100,000 trades: kept, one trade behind, made from nothing."""

from collections.abc import Callable, Iterator
from datetime import datetime
from time import perf_counter
from typing import Any

from django.db import connection
from django.utils import timezone

from bench.history import MANY, TABLES
from bench.people import (
    EVEN_TRADES,
    POSITIONS,
    Trader,
    fill,
    make_trader,
    vacuum,
)
from bench.rows import Row, Target
from bench.timing import in_turn, show
from goals.models import Portfolio
from trades.models import GrowthRecord, Trade
from trades.sizing_calls.records import forget_records, load_record

CALLS = 100
COLD_CALLS = 3
WARM_UP = 20
WARM = Target(4.0, at_least=False)
BEHIND = Target(30.0, at_least=False)
COLD = Target(100.0, at_least=False)
# What a warm load could cost at best: the row of sums, read by its key.
BARE = "SELECT * FROM growth_records WHERE portfolio_id = %s AND strategy_id = %s"
# And one from nothing: the ledger's profits, added up in its order.
SUM = """
SELECT max(made) FROM (
    SELECT sum(profit_loss) OVER (ORDER BY exit_time, ledger_key) AS made
    FROM trades WHERE portfolio_id = %s AND status = 'closed') running
"""


def measure(trades: int = MANY) -> Iterator[Row]:
    now = timezone.now()
    trader = trader_with(trades, now)
    portfolio = Portfolio.objects.get(pk=trader.portfolio.pk)

    def load() -> float:
        return _timed(lambda: load_record(trader.user, portfolio, now))

    def from_nothing() -> float:
        forget_records(portfolio)
        return load()

    def one_behind() -> float:
        _step_back(portfolio)
        return load()

    def bare() -> float:
        return _timed(lambda: _ask(BARE, [portfolio.pk, ""]))

    cold = in_turn(
        from_nothing,
        lambda: _timed(lambda: _ask(SUM, [portfolio.pk])),
        times=COLD_CALLS,
    )
    warm = in_turn(load, bare, times=CALLS, warm_up=WARM_UP)
    assert load_record(trader.user, portfolio, now).trades == trades
    behind = in_turn(one_behind, bare, times=CALLS, warm_up=WARM_UP)
    for what, pair, target in (
        (f"record of {trades:,} trades, nothing new", warm, WARM),
        (f"record of {trades:,} trades, one new", behind, BEHIND),
        (f"record of {trades:,} trades, from nothing", cold, COLD),
    ):
        yield Row(what, show(pair.ours), show(pair.floor), pair.cost, target)


def trader_with(trades: int, now: datetime) -> Trader:
    trader = make_trader("recorded", since=now)
    fill(trader, EVEN_TRADES, POSITIONS, trades=trades, until=now)
    vacuum(*TABLES)
    return trader


def _step_back(portfolio: Portfolio) -> None:
    """As if the newest trade had come after the record was last asked for.

    It counts again then; the sums no longer matter here.
    """
    last, before = Trade.objects.filter(portfolio=portfolio).order_by(
        "-exit_time", "-ledger_key"
    )[:2]
    GrowthRecord.objects.filter(portfolio=portfolio).update(
        exit_time=before.exit_time,
        ledger_key=before.ledger_key,
        equity=portfolio.equity - (last.profit_loss or 0),
    )


def _timed(what: Callable[[], object]) -> float:
    begin = perf_counter()
    what()
    return perf_counter() - begin


def _ask(statement: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        cursor.fetchall()
