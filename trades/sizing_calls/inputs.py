"""What a decision reads of trades, in one statement: records, rate, what is open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from goals.decisions.guards.base import Exposure
from goals.decisions.trade_record import GrowthRecord
from goals.models import FinancialGoal, User
from goals.services.risk_state import FiguresAt
from goals.services.trade_forecasts import TradeForecast, needs_forecast
from mastertrade.values.exceptions import InvalidInput, StrategyNotActive
from strategies.enums import StrategyStatus
from trades.sizing_calls.record_sql import BASED, FOUND
from trades.sizing_calls.records import WHOLE_PORTFOLIO, ask_records, load_growths
from trades.sizing_calls.trade_frequency import RATE, per_day

# Entry notional of what is open at `as_of`, in the portfolio's currency: of the symbol
# asked about; without one, of the symbol that has the most.
NOTIONAL = """
    coalesce((
        SELECT sum(quantity * entry_price * fx_rate) AS notional
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
SECOND = timedelta(seconds=1)
NO_RATE = "SELECT NULL::numeric AS seconds, NULL::bigint AS trades"


@cache
def _statement(*, rated: bool, limited: bool) -> str:
    """Only what is asked for: then PostgreSQL can keep one plan for all questions."""
    notional = NOTIONAL if limited else "NULL"
    return f"""
{BASED}
SELECT behind.*, sums.*, rate.*, {notional}, {STATUS}, {OLDEST_MARK}
{FOUND}
LEFT JOIN ({RATE if rated else NO_RATE}) rate ON true
"""


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """What trades say at the time of a decision.

    `records` by strategy, "" for the whole portfolio; `forecast` is None if none of the
    goals needs it.
    """

    records: Mapping[str, GrowthRecord]
    exposure: Exposure
    forecast: TradeForecast | None


def load_decision_inputs(
    user: User,
    figures: FiguresAt,
    goals: Sequence[FinancialGoal],
    now: datetime,
    *,
    strategy_ids: Sequence[str],
    strategy_id: str | None = None,
    symbol: str | None = None,
) -> DecisionInputs:
    """The evidence about a locked portfolio at the time of its figures.

    `strategy_ids`: whose records are wanted. `strategy_id`: the one to trade, which
    must be the user's (else `InvalidInput`) and active (else `StrategyNotActive`). As
    many statements as `load_records` takes; the trades themselves are walked only when
    a policy asks for them.
    """
    portfolio, at = figures.portfolio, figures.at
    rated = any(needs_forecast(goal, at) for goal in goals)
    wanted = {*strategy_ids, WHOLE_PORTFOLIO} if rated else {*strategy_ids}
    limited = portfolio.max_position_pct is not None
    asked = {
        "portfolio_id": portfolio.portfolio_id,
        "symbol": symbol,
        "strategy_id": strategy_id,
        "is_live": portfolio.is_live,
    }
    statement = _statement(rated=rated, limited=limited)
    records, (seconds, trades, open_notional, status, oldest_mark) = ask_records(
        statement, user, sorted(wanted), at, locked=portfolio, more=asked
    )
    if strategy_id is not None:
        _refuse_inactive(strategy_id, status)
    exposure = Exposure(
        live_equity=figures.portfolio_figures.live_equity,
        currency=portfolio.currency,
        max_position_pct=portfolio.max_position_pct,
        open_notional=open_notional,
        symbol_assumed=limited and symbol is None,
        oldest_mark_seconds=_seconds_since(oldest_mark, figures),
    )
    forecast = None
    if rated:
        forecast = TradeForecast(
            portfolio=portfolio,
            record=records[WHOLE_PORTFOLIO],
            trades_per_day=per_day(seconds, trades),
            read_growths=lambda: load_growths(portfolio, at),
            now=now,
        )
    return DecisionInputs(records, exposure, forecast)


def _seconds_since(oldest_mark: datetime | None, figures: FiguresAt) -> int | None:
    """Rounded up. Without marks among the figures no mark can be too old for them."""
    if oldest_mark is None or not figures.is_marked:
        return None
    return -((oldest_mark - figures.at) // SECOND)


def _refuse_inactive(strategy_id: str, status: str | None) -> None:
    if status is None:
        raise InvalidInput("strategy_id", f"You have no strategy {strategy_id}.")
    if status != StrategyStatus.ACTIVE:
        raise StrategyNotActive(f"Strategy {strategy_id} is {status}.")
