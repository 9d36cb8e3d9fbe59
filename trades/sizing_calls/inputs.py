"""What a decision follows from, read after the lock; a limit that is reached halts.

All that trades say comes by one statement: records, trades a day, what is open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from django.db.models import Q

from goals.decisions.arbitration import GoalState
from goals.decisions.guards.base import (
    Exposure,
    LongsWithoutStop,
    OpenRisk,
    SizingInputs,
)
from goals.decisions.trade_record import GrowthRecord
from goals.enums import GoalStatus
from goals.models import FinancialGoal, Portfolio, User
from goals.services.decision_log import SizingCall
from goals.services.failing import describe_failure
from goals.services.figures_at import FiguresAt, read_figures
from goals.services.floors import limits_at
from goals.services.funding import find_lack_of_money
from goals.services.halts import halt_and_read_risk_state
from goals.services.trade_forecasts import (
    MOST_WORKED_OUT,
    TradeForecast,
    needs_forecast,
    read_goal_states,
)
from mastertrade.db.raw_sql import columns_of, load
from mastertrade.values import in_text
from mastertrade.values.exceptions import (
    GoalNotActive,
    NoActiveGoal,
    NotFound,
    StrategyNotActive,
)
from mastertrade.values.in_text import cased, instant, say
from strategies.decisions.selection import Candidate, attach_records
from strategies.enums import StrategyStatus
from strategies.models import StrategyInstance
from strategies.services import load_candidates, no_strategy
from trades.sizing_calls.record_sql import BASED, FOUND
from trades.sizing_calls.records import (
    WHOLE_PORTFOLIO,
    ask_records,
    keep_sample,
    load_sample,
)
from trades.sizing_calls.trade_frequency import RATE, per_day

TAKES_PART = (GoalStatus.ACTIVE, GoalStatus.ACHIEVED)
# SQL, because every sizing asks it and Django composes a query longer than this runs.
GOAL = f"""
SELECT {columns_of(FinancialGoal, "g")} FROM financial_goals g
WHERE goal_id = %s AND portfolio_id = %s
"""
# Entry notional of what is open at `as_of`, in the portfolio's currency: of the symbol
# asked about; without one, of the symbol that has the most.
NOTIONAL = """
    coalesce((
        SELECT sum(coalesce(entry_notional, quantity * entry_price) * fx_rate)
            AS notional
        FROM trades
        WHERE portfolio_id = %(portfolio_id)s
          AND (status = 'open' OR status = 'closed' AND exit_time > %(as_of)s)
          AND entry_time <= %(as_of)s
          AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
        GROUP BY symbol ORDER BY notional DESC LIMIT 1
    ), 0)
"""
STATUS = """
    (SELECT status FROM strategy_instances
     WHERE user_id = %(user_id)s AND strategy_id = %(strategy_id)s
       AND (kind = 'live' OR NOT %(is_live)s))
"""
# Of what is open at `as_of`: when the price it is valued at was seen.
OLDEST_MARK = """
    (SELECT min(coalesce(marked_at, opened_at)) FROM positions
     WHERE portfolio_id = %(portfolio_id)s AND status = 'open'
       AND opened_at <= %(as_of)s)
"""
# Base sizes by which LONGs are capped; those of larger ones lose as the worst did.
MOST_BASES = 100
# What is open at `as_of` may lose, as in `OpenRisk`. A trade without a stop of its own
# has that of its decision, unless it lies where the trade wins.
OPEN_RISK = f"""
    WITH open_trades AS (
        SELECT t.side, a.base_size,
               coalesce(t.entry_notional, t.quantity * t.entry_price) * t.fx_rate
                   AS notional,
               CASE WHEN o.trade_id IS NULL THEN 0
                    ELSE open_pnl(t, o.current_price) END AS at_mark,
               open_pnl(t, coalesce(t.stop_price, asked.stop_price)) AS at_stop
        FROM trades t
        LEFT JOIN positions o ON o.trade_id = t.trade_id AND o.status = 'open'
            AND o.marked_at IS NOT NULL AND %(is_marked)s
        LEFT JOIN goal_adjustment_log a ON a.adjustment_id = t.adjustment_id
        LEFT JOIN LATERAL (
            SELECT (a.inputs #>> '{{request,stop_price}}')::numeric AS stop_price
            WHERE t.stop_price IS NULL
        ) asked ON (asked.stop_price < t.entry_price) = (t.side = 'LONG')
        WHERE t.portfolio_id = %(portfolio_id)s
          AND (t.status = 'open' OR t.status = 'closed' AND t.exit_time > %(as_of)s)
          AND t.entry_time <= %(as_of)s
    ), without_stop AS (
        SELECT side, notional, greatest(1 + at_mark / notional, 1) AS rise,
               coalesce(base_size, notional) AS base_size,
               round(notional / coalesce(base_size, notional), 12) AS factor
        FROM open_trades WHERE at_stop IS NULL
    ), longs AS (
        -- What has risen may lose its open profit, too.
        SELECT round(base_size * rise, 8) AS base_size, sum(factor) AS factors
        FROM without_stop WHERE side = 'LONG'
        GROUP BY 1 ORDER BY 1 LIMIT {MOST_BASES}
    )
    SELECT coalesce(sum(greatest(-at_stop, 0)), 0),
           coalesce(sum(greatest(at_mark - at_stop, 0)), 0),
           (SELECT coalesce(sum(notional), 0) FROM without_stop),
           (SELECT coalesce(sum(factor), 0) FROM without_stop),
           ARRAY(SELECT base_size FROM longs ORDER BY base_size),
           ARRAY(SELECT factors FROM longs ORDER BY base_size)
    FROM open_trades
"""
NO_RISK = """
    SELECT NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric,
           NULL::numeric[], NULL::numeric[]
"""
SECOND = timedelta(seconds=1)
NO_RATE = "SELECT NULL::numeric AS seconds, NULL::numeric, NULL::bigint AS trades"


@cache
def _statement(*, rated: bool, limited: bool, shared: bool) -> str:
    """Only what is asked for: then PostgreSQL can keep one plan for all questions."""
    notional = NOTIONAL if limited else "NULL"
    return f"""
{BASED}
SELECT behind.*, sums.*, rate.*, {notional}, {STATUS}, {OLDEST_MARK}, open_risk.*
{FOUND}
LEFT JOIN ({RATE if rated else NO_RATE}) rate ON true
LEFT JOIN ({OPEN_RISK if shared else NO_RISK}) open_risk ON true
"""


def load_sizable_goal(
    portfolio: Portfolio, goal_id: int, as_of: datetime
) -> FinancialGoal:
    """One goal that may decide at `as_of`; `GoalNotActive` says why it may not."""
    found = load(FinancialGoal, GOAL, [goal_id, portfolio.portfolio_id])
    goal = found[0] if found else None
    if goal is None:
        raise NotFound(f"You have no goal {goal_id}.")
    if goal.status == GoalStatus.FAILED:
        raise GoalNotActive(say("{} It sizes no trade.", describe_failure(goal)))
    why: str | None = None
    if goal.status not in TAKES_PART or goal.ended_at is not None:
        why = f"is {goal.status}" + (" and has ended" if goal.ended_at else "")
    elif as_of < goal.period_starts_at:
        why = say("starts at {}", instant(goal.period_starts_at))
    elif goal.period.is_over(as_of):
        why = f"ended with {goal.target_date}"
    if why is not None:
        which = cased(in_text.goal(goal_id))
        raise GoalNotActive(say("{} {}, so it sizes no trade.", which, why))
    return goal


def find_participants(portfolio: Portfolio, as_of: datetime) -> list[FinancialGoal]:
    """The goals that take part in decisions at `as_of`, by key."""
    return list(
        FinancialGoal.objects.filter(
            Q(period_ends_at__gt=as_of) | Q(period_ends_at=None),
            portfolio=portfolio,
            status__in=TAKES_PART,
            ended_at=None,
            period_starts_at__lte=as_of,
        ).order_by("pk")
    )


def load_participants(portfolio: Portfolio, as_of: datetime) -> list[FinancialGoal]:
    """The same, at least one.

    Active, or achieved with their period still running; `NoActiveGoal` if none does.
    """
    goals = find_participants(portfolio, as_of)
    if not goals:
        raise NoActiveGoal(
            say(
                "No goal of portfolio {} is active at {}: create one{}, or resume a "
                "paused one.{}",
                portfolio.name,
                instant(as_of),
                in_text.call(" with POST /api/goals/"),
                _failed(portfolio),
            )
        )
    return goals


def _failed(portfolio: Portfolio) -> str:
    """Of the goals that run, why the newest that failed did."""
    failed = portfolio.goals.filter(status=GoalStatus.FAILED, ended_at=None)
    goal = failed.order_by("-failed_at", "-goal_id").first()
    return "" if goal is None else say(" {}", describe_failure(goal))


def load_sizing_inputs(
    user: User, portfolio: Portfolio, goals: Sequence[FinancialGoal], call: SizingCall
) -> SizingInputs:
    """What the size of one trade follows from; the portfolio must be locked.

    The strategy to trade must be the user's (else `InvalidInput`) and active (else
    `StrategyNotActive`).
    """
    figures = _read_funded(portfolio, call.as_of)
    of = WHOLE_PORTFOLIO if call.strategy_id is None else call.strategy_id
    inputs, records = read_inputs(user, figures, goals, call, strategy_ids=[of])
    risk_state = replace(
        inputs.risk_state, record=records[of], record_of=call.strategy_id
    )
    return replace(inputs, risk_state=risk_state)


def load_plan_inputs(
    user: User,
    portfolio: Portfolio,
    goals: Sequence[FinancialGoal],
    call: SizingCall,
    *,
    only: Sequence[str] | None,
    competing: tuple[Candidate, ...] | None,
) -> tuple[SizingInputs, tuple[Candidate, ...]]:
    """What the next trade follows from: the same, and the strategies that compete.

    Those `competing`, or the user's active ones, `only` some of them where named; each
    with its record. The portfolio must be locked.
    """
    figures = _read_funded(portfolio, call.as_of)
    competing = competing or load_candidates(portfolio, only)
    names = [one.strategy_id for one in competing]
    inputs, records = read_inputs(user, figures, goals, call, strategy_ids=names)
    return inputs, attach_records(competing, records)


def _read_funded(portfolio: Portfolio, at: datetime) -> FiguresAt:
    figures = read_figures(portfolio, at)
    lack = find_lack_of_money(portfolio, figures)
    if lack is not None:
        raise lack
    return figures


def read_inputs(
    user: User,
    figures: FiguresAt,
    goals: Sequence[FinancialGoal],
    call: SizingCall,
    *,
    strategy_ids: Sequence[str],
) -> tuple[SizingInputs, Mapping[str, GrowthRecord]]:
    """The inputs at the time of the figures, and the records of these strategies.

    The risk state has no record yet.
    """
    trades = read_trades(user, figures, goals, call, strategy_ids=strategy_ids)
    risk_state = halt_and_read_risk_state(figures, call.now)
    inputs = SizingInputs(
        call.request, trades.states, trades.exposure, risk_state, trades.tables
    )
    return inputs, trades.records


@dataclass(frozen=True, slots=True)
class TradesSay:
    """What the trades say at a time: records by strategy, and how goals stand by them.

    `oldest_mark_at`: when the oldest price that an open position is valued at was seen,
    None where none is open.
    """

    records: Mapping[str, GrowthRecord]
    states: tuple[GoalState, ...]
    exposure: Exposure
    tables: Mapping[str, Any]
    oldest_mark_at: datetime | None


def read_trades(
    user: User,
    figures: FiguresAt,
    goals: Sequence[FinancialGoal],
    call: SizingCall,
    *,
    strategy_ids: Sequence[str],
    is_locked: bool = True,
) -> TradesSay:
    """All that trades say for a decision at the time of the figures.

    As many statements as `load_records` takes; the trades themselves are walked only
    when a policy asks for them.
    """
    portfolio, at = figures.portfolio, figures.at
    rated = any(needs_forecast(goal, at) for goal in goals)
    wanted = {*strategy_ids, WHOLE_PORTFOLIO} if rated else {*strategy_ids}
    limited = portfolio.max_position_pct is not None
    limits, _ = limits_at(figures, call.now)
    shared = limits.headroom_share_pct is not None
    parameters = {
        "portfolio_id": portfolio.portfolio_id,
        "symbol": call.symbol,
        "strategy_id": call.strategy_id,
        "is_live": portfolio.is_live,
        "is_marked": figures.is_marked,
    }
    records, further = ask_records(
        _statement(rated=rated, limited=limited, shared=shared),
        user,
        sorted(wanted),
        at,
        locked=portfolio,
        more=parameters,
        is_locked=is_locked,
    )
    seconds, age, lately, open_notional, status, oldest_mark, *open_risk = further
    if call.strategy_id is not None and status != StrategyStatus.ACTIVE:
        if status is None:
            mine = StrategyInstance.objects.tradable_in(portfolio)
            raise no_strategy("strategy_id", mine, call.strategy_id)
        raise StrategyNotActive(f"Strategy {call.strategy_id} is {status}.")
    forecast = None
    if rated:
        record = records[WHOLE_PORTFOLIO]
        forecast = TradeForecast(
            portfolio=portfolio,
            record=record,
            trades_per_day=per_day(seconds, age, lately, record.trades),
            read_sample=lambda: (
                load_sample(portfolio, at)
                if is_locked
                else keep_sample(portfolio, at, record)
            ),
            now=call.now,
            # Who only looks needs no more than what the deciding goal asks for.
            most_worked_out=MOST_WORKED_OUT if is_locked else 1,
        )
    mark_seconds = None
    if oldest_mark is not None and figures.is_marked:  # else no mark can be too old
        mark_seconds = -((oldest_mark - at) // SECOND)  # rounded up
    exposure = Exposure(
        live_equity=figures.portfolio_figures.live_equity,
        currency=portfolio.currency,
        max_position_pct=portfolio.max_position_pct,
        open_notional=open_notional,
        symbol_assumed=limited and call.symbol is None,
        oldest_mark_seconds=mark_seconds,
        open_risk=_open_risk(*open_risk) if shared else None,
    )
    states = read_goal_states(goals, figures, forecast)
    tables = {} if forecast is None else forecast.tables
    return TradesSay(records, states, exposure, tables, oldest_mark)


def _open_risk(
    closed: Decimal,
    live: Decimal,
    notional: Decimal,
    factors: Decimal,
    base_sizes: Sequence[Decimal],
    factors_by_size: Sequence[Decimal],
) -> OpenRisk:
    longs = tuple(map(LongsWithoutStop, base_sizes, factors_by_size))
    return OpenRisk(closed, live, notional, factors, longs)
