"""What the guards need to know of open trades and of the strategy asked about."""

from datetime import datetime

from django.db import connection

from goals.guards import Exposure
from goals.models import Portfolio, User
from goals.progress import Reading
from mastertrade.exceptions import InvalidInput, StrategyNotActive
from strategies.enums import StrategyStatus

# Entry notional of what is open at `as_of`, in the portfolio's currency: of the symbol
# asked about; without one, of the symbol that has the most. And the strategy's status.
# SQL, because a decision asks it every time and composing it took longer than asking.
CONTEXT = """
SELECT
    CASE WHEN %(limited)s THEN coalesce((
        SELECT sum(quantity * entry_price * fx_rate) AS notional
        FROM trades
        WHERE portfolio_id = %(portfolio_id)s
          AND (status = 'open' OR exit_time > %(as_of)s) AND entry_time <= %(as_of)s
          AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
        GROUP BY symbol ORDER BY notional DESC LIMIT 1
    ), 0) END,
    (SELECT status FROM strategy_instances
     WHERE user_id = %(user_id)s AND strategy_id = %(strategy_id)s)
"""


def load_exposure(
    user: User,
    portfolio: Portfolio,
    reading: Reading,
    as_of: datetime,
    *,
    symbol: str | None = None,
    strategy_id: str | None = None,
) -> Exposure:
    """Read the open notional and the strategy's status in one statement.

    Raises `InvalidInput` for a strategy that is not the user's, `StrategyNotActive`
    for a paused or retired one.
    """
    limited = portfolio.max_position_pct is not None
    if strategy_id is None and not limited:
        return Exposure(reading.live_equity, None, None)
    with connection.cursor() as cursor:
        cursor.execute(
            CONTEXT,
            {
                "limited": limited,
                "portfolio_id": portfolio.portfolio_id,
                "as_of": as_of,
                "symbol": symbol,
                "user_id": user.username,
                "strategy_id": strategy_id,
            },
        )
        open_notional, status = cursor.fetchone()
    if strategy_id is not None:
        _refuse_inactive(strategy_id, status)
    return Exposure(
        live_equity=reading.live_equity,
        max_position_pct=portfolio.max_position_pct,
        open_notional=open_notional,
        symbol_assumed=symbol is None,
    )


def _refuse_inactive(strategy_id: str, status: str | None) -> None:
    if status is None:
        raise InvalidInput("strategy_id", f"You have no strategy {strategy_id}.")
    if status != StrategyStatus.ACTIVE:
        raise StrategyNotActive(f"Strategy {strategy_id} is {status}.")
