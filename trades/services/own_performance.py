"""How a portfolio has done: from its stored days, and from its newest trades.

Days are sums the ledger has, one row a day; of trades the newest `MOST_WALKED` entries
are summed up by one statement. Nothing is locked or stored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from goals.decisions.periods import ONE_DAY, DayPart
from goals.decisions.trade_record import GrowthRecord
from goals.models import LedgerDay, Portfolio
from mastertrade.values.money import ZERO, exactly
from strategies.models import StrategyInstance
from trades.decisions.obedience import (
    TOLERANCE,
    ObedienceLine,
    Sized,
    SizedDay,
    measure_obedience,
)
from trades.decisions.returns import (
    DayProfit,
    DayValue,
    Flow,
    MoneyWeighted,
    money_weighted_return,
    profits_by_day,
    unit_return_pct,
)
from trades.decisions.streaks import EVEN, LOST, WON, Streaks, find_streaks
from trades.sizing_calls.record_sql import COUNTED, SUM_UP, SUMS, WALKED
from trades.sizing_calls.records import record_of

# Entries of the ledger whose trades are looked at: the newest.
MOST_WALKED = 12_000
MOST_STRATEGIES = 50
# With the row of the ledger's days that each belongs to.
FLOWS = """
SELECT (local.at)::date,
       CASE WHEN %(starts_at)s > '00:00' AND (local.at)::time >= %(starts_at)s
            THEN 1 ELSE 0 END,
       flowed_at, amount, marks_unknown
FROM cash_flows
CROSS JOIN LATERAL (SELECT flowed_at AT TIME ZONE %(time_zone)s AS at) local
WHERE portfolio_id = %(portfolio_id)s AND voided_at IS NULL AND flowed_at <= %(now)s
ORDER BY flowed_at, ledger_key
"""
# `how_sized` of a trade, and its result as `find_streaks` reads it.
HOW_SIZED = f"""CASE WHEN is_overridden THEN '{Sized.OVERRIDDEN}'
         WHEN advised IS NULL THEN '{Sized.WITHOUT_ASKING}'
         WHEN entered > advised * {1 + TOLERANCE} THEN '{Sized.LARGER}'
         WHEN entered < advised * {1 - TOLERANCE} THEN '{Sized.SMALLER}'
         ELSE '{Sized.AS_ADVISED}' END"""
RESULT = (
    f"CASE sign(g.profit) WHEN 1 THEN '{WON}' WHEN -1 THEN '{LOST}' ELSE '{EVEN}' END"
)
NO_SUMS = ", ".join(["NULL::numeric"] * len(SUMS))
# Trades that have wholly ended: all of them in one row, a row for each strategy, and
# one for each day and way of sizing.
ENDED = f"""
WITH ended AS MATERIALIZED (
    SELECT g.closed_at, g.ledger_key, g.strategy_id, g.profit, g.growth, before.cut_at,
           nullif(greatest(g.equity - g.profit, 0), 0) AS equity_before,
           {RESULT} AS result, g.entered, g.advised, g.is_overridden
    FROM portfolios p {WALKED}
    WHERE p.user_id = %(user_id)s AND {COUNTED} AND g.trade_id IS NOT NULL
)
SELECT 'all', a.results, NULL::date,
       CASE WHEN a.cut_at IS NOT NULL THEN a.first_at END, (
           SELECT closed_at FROM ended ORDER BY closed_at DESC, ledger_key DESC
           OFFSET length(a.results) - length(rtrim(a.results, right(a.results, 1))) - 1
           LIMIT 1
       ),
       NULL::bigint, NULL::bigint, NULL::numeric, NULL::bigint, NULL::numeric,
       {NO_SUMS}
FROM (
    SELECT string_agg(result, '' ORDER BY closed_at, ledger_key) AS results,
           min(closed_at) AS first_at, max(cut_at) AS cut_at
    FROM ended
) a
UNION ALL
SELECT 'strategy', strategy_id, NULL, NULL, NULL, count(*),
       count(*) FILTER (WHERE profit > 0), sum(profit), NULL, NULL, {SUM_UP}
FROM ended WHERE strategy_id IS NOT NULL GROUP BY strategy_id
UNION ALL
SELECT 'day', {HOW_SIZED}, (closed_at AT TIME ZONE %(time_zone)s)::date, NULL, NULL,
       count(*), NULL, sum(profit), count(equity_before),
       coalesce(sum(profit * 100 / equity_before), 0), {NO_SUMS}
FROM ended GROUP BY 2, 3
ORDER BY 3 NULLS FIRST, 1, 2
"""


@dataclass(frozen=True, slots=True)
class StrategyLine:
    """A strategy's trades in the portfolio; `profit` in its currency."""

    strategy: StrategyInstance
    trades: int
    wins: int
    profit: Decimal
    record: GrowthRecord


@dataclass(frozen=True, slots=True)
class OwnPerformance:
    """A portfolio's performance up to `now`. Money in its currency.

    `values` and `unit_return_pct` are of the run of units under way; `run_began` is its
    first day. `days` are trading days of all runs. `streaks`, `obedience` and
    `strategies` are of the trades from `since` on, None: of all. `strategies` are the
    `MOST_STRATEGIES` with most trades, and so many are `left_out`. `marks_unknown`: a
    flow was booked while trades were open and unmarked, so unit values are approximate.
    """

    began: date
    run_began: date
    unit_return_pct: Decimal
    money_made: Decimal
    money_weighted: MoneyWeighted
    values: Sequence[DayValue]
    days: Sequence[DayProfit]
    flows: Sequence[tuple[date, Decimal]]
    streaks: Streaks
    streak_began: datetime | None
    obedience: Sequence[ObedienceLine]
    strategies: Sequence[StrategyLine]
    left_out: int
    trades: int
    since: datetime | None
    marks_unknown: bool


class Row(NamedTuple):
    """A row of the ledger's days."""

    day: date
    part: int
    entries: int
    equity: Decimal
    unit_value: Decimal
    unit_run: int
    realized_pnl: Decimal
    peak_unit_value: Decimal


@exactly
def measure_performance(portfolio: Portfolio, now: datetime) -> OwnPerformance | None:
    """None while nothing was booked."""
    found = LedgerDay.objects.filter(portfolio=portfolio, last_entry_at__lte=now)
    rows = [*map(Row._make, found.order_by("day", "part").values_list(*Row._fields))]
    if not rows:
        return None
    flows = _read_flows(portfolio, now)
    first, newest = rows[0], rows[-1]
    run = [row for row in rows if row.unit_run == newest.unit_run]
    opened = Flow(_begin(portfolio, first), portfolio.opening_balance)
    booked = [Flow(one.at, one.amount) for one in flows]
    in_part = Counter(one.part for one in flows)
    of_day: dict[date, Decimal] = {}
    for one in flows:
        of_day[one.part.day] = of_day.get(one.part.day, ZERO) + one.amount
    ended = _read_ended(portfolio, now)
    strategies = _read_strategies(portfolio, ended.strategies)
    return OwnPerformance(
        began=_trading_day(portfolio, first),
        run_began=_trading_day(portfolio, run[0]),
        unit_return_pct=unit_return_pct(newest.unit_value),
        money_made=newest.realized_pnl,
        money_weighted=money_weighted_return([opened, *booked], newest.equity, now),
        values=[
            DayValue(row.day, row.unit_value, row.peak_unit_value)
            for row in _ends_of_days(run)
        ],
        days=profits_by_day(
            [
                (
                    _trading_day(portfolio, row),
                    row.realized_pnl,
                    row.entries - in_part[DayPart(row.day, row.part)],
                )
                for row in rows
            ]
        ),
        flows=list(of_day.items()),
        streaks=ended.streaks,
        streak_began=ended.streak_began if ended.streaks.now else None,
        obedience=measure_obedience(ended.days),
        strategies=strategies,
        left_out=len(ended.strategies) - len(strategies),
        trades=ended.streaks.trades,
        since=ended.since,
        marks_unknown=any(one.marks_unknown for one in flows),
    )


class BookedFlow(NamedTuple):
    part: DayPart
    at: datetime
    amount: Decimal
    marks_unknown: bool


def _read_flows(portfolio: Portfolio, now: datetime) -> list[BookedFlow]:
    parameters: dict[str, Any] = {
        "portfolio_id": portfolio.pk,
        "time_zone": portfolio.time_zone,
        "starts_at": portfolio.day_starts_at,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(FLOWS, parameters)
        rows = cursor.fetchall()
    return [BookedFlow(DayPart(day, part), *rest) for day, part, *rest in rows]


def _begin(portfolio: Portfolio, row: Row) -> datetime:
    return portfolio.part_start(DayPart(row.day, row.part))


def _trading_day(portfolio: Portfolio, row: Row) -> date:
    """The trading day that begins on D is (D, 1) and (D + 1, 0)."""
    is_split = portfolio.day_starts_at != time.min
    return row.day - ONE_DAY if is_split and not row.part else row.day


def _ends_of_days(rows: Sequence[Row]) -> list[Row]:
    return list({row.day: row for row in rows}.values())


class Made(NamedTuple):
    """What the trades of a strategy came to; `sums` are those of `SUMS`."""

    trades: int
    wins: int
    profit: Decimal
    sums: Sequence[Any]


@dataclass(slots=True)
class Ended:
    """The newest trades that ended; `since` None: all of them."""

    streaks: Streaks
    streak_began: datetime | None
    since: datetime | None
    days: list[SizedDay]
    strategies: dict[str, Made]


def _read_ended(portfolio: Portfolio, now: datetime) -> Ended:
    parameters: dict[str, Any] = {
        "user_id": portfolio.user_id,
        "only": portfolio.pk,
        "time_zone": portfolio.time_zone,
        "from_at": None,
        "as_of": now,
        "most": MOST_WALKED,
    }
    with connection.cursor() as cursor:
        cursor.execute(ENDED, parameters)
        rows = cursor.fetchall()
    days, strategies = [], {}
    for of, name, day, _, _, trades, wins, profit, counted, pct, *sums in rows:
        if of == "day":
            days.append(SizedDay(Sized(name), day, trades, profit, counted, pct))
        elif of == "strategy":
            strategies[name] = Made(trades, wins, profit, sums)
    (whole,) = (row for row in rows if row[0] == "all")
    _, results, _, since, streak_began, *_ = whole
    return Ended(
        streaks=find_streaks(results or ""),
        streak_began=streak_began,
        since=since,
        days=days,
        strategies=strategies,
    )


def _read_strategies(
    portfolio: Portfolio, made: Mapping[str, Made]
) -> list[StrategyLine]:
    """The strategies with most trades, the one that made most first."""
    most = sorted(made, key=lambda name: made[name].trades, reverse=True)
    mine = StrategyInstance.objects.filter(
        user_id=portfolio.user_id, strategy_id__in=most[:MOST_STRATEGIES]
    )
    lines = [_line(one, made[one.strategy_id]) for one in mine]
    return sorted(lines, key=lambda line: line.profit, reverse=True)


def _line(strategy: StrategyInstance, made: Made) -> StrategyLine:
    record = record_of(made.sums)
    return StrategyLine(strategy, made.trades, made.wins, made.profit, record)
