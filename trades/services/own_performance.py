"""How a portfolio has done: from its stored days, and from its newest trades.

Days and cash flows are sums the ledger has, one row a day; of trades the newest
`MOST_WALKED` are read. Nothing is locked or stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from goals.decisions.periods import DayPart
from goals.models import LedgerDay, Portfolio
from mastertrade.values.money import ZERO, exactly
from strategies.models import StrategyInstance
from trades.decisions.obedience import ObedienceLine, Sizing, measure_obedience
from trades.decisions.performance import Performance
from trades.decisions.returns import (
    DayProfit,
    DayValue,
    Flow,
    MoneyWeighted,
    money_weighted_return,
    profits_by_day,
    unit_return_pct,
)
from trades.decisions.streaks import Streaks, find_streaks
from trades.services.performance import Span, load_performances
from trades.sizing_calls.record_sql import COUNTED, WALKED

# Trades whose sizes and order are looked at: the newest.
MOST_WALKED = 20_000
MOST_STRATEGIES = 50
# Flows of a day together, as its row of the ledger has them.
FLOWS = """
SELECT (local.at)::date AS day,
       CASE WHEN %(starts_at)s > '00:00' AND (local.at)::time >= %(starts_at)s
            THEN 1 ELSE 0 END AS part,
       min(flowed_at), sum(amount), count(*), bool_or(marks_unknown)
FROM cash_flows
CROSS JOIN LATERAL (SELECT flowed_at AT TIME ZONE %(time_zone)s AS at) local
WHERE portfolio_id = %(portfolio_id)s AND voided_at IS NULL AND flowed_at <= %(now)s
GROUP BY 1, 2 ORDER BY 3
"""
# Trades that have wholly ended; what was entered is asked for only where it was
# advised. A trade that was split has its decision from the trade it was split from.
ENDED = f"""
SELECT g.closed_at, g.strategy_id, g.profit, g.equity, advice.adjusted_size,
       root.override_halt_id IS NOT NULL,
       CASE WHEN advice.adjustment_id IS NOT NULL THEN (
           SELECT sum(coalesce(part.entry_notional, part.quantity * part.entry_price)
                      * part.fx_rate)
           FROM trades part
           WHERE part.status = 'closed' AND (part.trade_id = root.trade_id
                 OR part.parent_trade_id = root.trade_id)
       ) END
FROM portfolios p {WALKED}
JOIN trades t ON t.trade_id = g.trade_id
JOIN trades root ON root.trade_id = coalesce(t.parent_trade_id, t.trade_id)
LEFT JOIN goal_adjustment_log advice ON advice.adjustment_id = root.adjustment_id
WHERE p.user_id = %(user_id)s AND {COUNTED}
ORDER BY g.closed_at, g.ledger_key
"""


@dataclass(frozen=True, slots=True)
class StrategyLine:
    strategy: StrategyInstance
    performance: Performance


@dataclass(frozen=True, slots=True)
class OwnPerformance:
    """A portfolio's performance up to `now`. Money in its currency.

    `values` and `unit_return_pct` are of the run of units under way; `run_began` is its
    first day. `days` are trading days of all runs. `streaks` and `obedience` are of the
    trades from `since` on, None: of all. `marks_unknown`: a flow was booked while
    trades were open and unmarked, so unit values are approximate.
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
    trades: int
    since: datetime | None
    marks_unknown: bool


@exactly
def measure_performance(portfolio: Portfolio, now: datetime) -> OwnPerformance | None:
    """None while nothing was booked."""
    rows = list(
        LedgerDay.objects.filter(portfolio=portfolio, last_entry_at__lte=now)
        .order_by("day", "part")
        .only(
            "day",
            "part",
            "entries",
            "equity",
            "unit_value",
            "unit_run",
            "realized_pnl",
            "peak_unit_value",
        )
    )
    if not rows:
        return None
    flows = _read_flows(portfolio, now)
    first, newest = rows[0], rows[-1]
    run = [row for row in rows if row.unit_run == newest.unit_run]
    opened = Flow(portfolio.part_start(first.day_part), portfolio.opening_balance)
    booked = [Flow(one.at, one.amount) for one in flows.values()]
    ended = _read_ended(portfolio, now)
    streaks = find_streaks([one.sizing.profit for one in ended])
    return OwnPerformance(
        began=_trading_day(portfolio, first.day_part),
        run_began=_trading_day(portfolio, run[0].day_part),
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
                    _trading_day(portfolio, row.day_part),
                    row.realized_pnl,
                    row.entries - _count(flows, row.day_part),
                )
                for row in rows
            ]
        ),
        flows=[(part.day, one.amount) for part, one in flows.items()],
        streaks=streaks,
        streak_began=None if streaks.began is None else ended[streaks.began].at,
        obedience=measure_obedience(one.sizing for one in ended),
        strategies=_read_strategies(portfolio, ended, now),
        trades=len(ended),
        since=ended[0].at if len(ended) >= MOST_WALKED else None,
        marks_unknown=any(one.marks_unknown for one in flows.values()),
    )


@dataclass(frozen=True, slots=True)
class FlowsOfDay:
    at: datetime
    amount: Decimal
    count: int
    marks_unknown: bool


def _read_flows(portfolio: Portfolio, now: datetime) -> dict[DayPart, FlowsOfDay]:
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "portfolio_id": portfolio.pk,
            "time_zone": portfolio.time_zone,
            "starts_at": portfolio.day_starts_at,
            "now": now,
        }
        cursor.execute(FLOWS, parameters)
        return {
            DayPart(day, part): FlowsOfDay(*rest)
            for day, part, *rest in cursor.fetchall()
        }


def _count(flows: dict[DayPart, FlowsOfDay], part: DayPart) -> int:
    found = flows.get(part)
    return 0 if found is None else found.count


def _trading_day(portfolio: Portfolio, part: DayPart) -> date:
    return portfolio.trading_day(portfolio.part_start(part))


def _ends_of_days(rows: Sequence[LedgerDay]) -> list[LedgerDay]:
    return list({row.day: row for row in rows}.values())


@dataclass(frozen=True, slots=True)
class Ended:
    at: datetime
    strategy_id: str | None
    sizing: Sizing


def _read_ended(portfolio: Portfolio, now: datetime) -> list[Ended]:
    """The newest trades that ended, in order."""
    zone = ZoneInfo(portfolio.time_zone)
    parameters: dict[str, Any] = {
        "user_id": portfolio.user_id,
        "only": portfolio.pk,
        "from_at": None,
        "as_of": now,
        "most": MOST_WALKED,
    }
    with connection.cursor() as cursor:
        cursor.execute(ENDED, parameters)
        rows = cursor.fetchall()
    return [
        Ended(
            at,
            strategy_id,
            Sizing(
                day=at.astimezone(zone).date(),
                profit=profit,
                equity=equity - profit,
                notional=notional,
                advised=advised,
                overridden=overridden,
            ),
        )
        for at, strategy_id, profit, equity, advised, overridden, notional in rows
    ]


def _read_strategies(
    portfolio: Portfolio, ended: Sequence[Ended], now: datetime
) -> list[StrategyLine]:
    """The strategies of these trades, the one that made most first."""
    named = sorted({one.strategy_id for one in ended if one.strategy_id})
    kept = StrategyInstance.objects.filter(
        user_id=portfolio.user_id, strategy_id__in=named[:MOST_STRATEGIES]
    )
    strategies = {one.strategy_id: one for one in kept}
    span = Span(until_at=now, portfolio_id=portfolio.pk)
    found = load_performances(portfolio.user, list(strategies), span)
    lines = [StrategyLine(one, found[name]) for name, one in strategies.items()]
    return sorted(lines, key=_made, reverse=True)


def _made(line: StrategyLine) -> Decimal:
    return sum((one.profit_loss for one in line.performance.money), ZERO)
