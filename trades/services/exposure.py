"""What the guards need to know of open trades and of the strategy asked about."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import DecimalField, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from goals.guards import Exposure
from goals.models import Portfolio, User
from goals.progress import Reading
from mastertrade.exceptions import InvalidInput, StrategyNotActive
from strategies.enums import StrategyStatus
from strategies.models import StrategyInstance
from trades.enums import TradeStatus
from trades.models import OPEN_NOTIONAL, Trade

NOTIONAL: "DecimalField[Decimal, Decimal]" = DecimalField(
    max_digits=96, decimal_places=36
)


@dataclass(frozen=True, slots=True)
class TradingContext:
    """What a decision looks at on the trades' side, as of its time."""

    exposure: Exposure


def load_context(
    user: User,
    portfolio: Portfolio,
    reading: Reading,
    as_of: datetime,
    *,
    symbol: str | None = None,
    strategy_id: str | None = None,
) -> TradingContext:
    """Read the open notional and the strategy's status in one statement.

    Raises `InvalidInput` for a strategy that is not the user's, `StrategyNotActive`
    for a paused or retired one.
    """
    limited = portfolio.max_position_pct is not None
    if strategy_id is None and not limited:
        return TradingContext(Exposure(reading.live_equity, None, None))
    found = Portfolio.objects.filter(pk=portfolio.pk).values_list(
        _open_notional(portfolio, as_of, symbol), _strategy_status(user, strategy_id)
    )
    open_notional, status = found.get()
    if strategy_id is not None:
        _refuse_inactive(strategy_id, status)
    return TradingContext(
        Exposure(
            live_equity=reading.live_equity,
            max_position_pct=portfolio.max_position_pct,
            open_notional=open_notional if limited else None,
            symbol_assumed=symbol is None,
        )
    )


def _open_notional(
    portfolio: Portfolio, as_of: datetime, symbol: str | None
) -> Coalesce:
    """Entry notional of what is open at `as_of`, in the portfolio's currency.

    Of the symbol asked about; without one, of the symbol that has the most.
    """
    open_then: QuerySet[Trade] = Trade.objects.filter(
        Q(status=TradeStatus.OPEN) | Q(exit_time__gt=as_of),
        portfolio=portfolio,
        entry_time__lte=as_of,
    )
    if symbol is not None:
        open_then = open_then.filter(symbol=symbol)
    by_symbol = (
        open_then.values("symbol")
        .annotate(notional=Sum(OPEN_NOTIONAL, output_field=NOTIONAL))
        .order_by("-notional")
        .values("notional")
    )
    nothing = Value(Decimal(0), output_field=NOTIONAL)
    return Coalesce(Subquery(by_symbol[:1], output_field=NOTIONAL), nothing)


def _strategy_status(user: User, strategy_id: str | None) -> Subquery:
    mine = StrategyInstance.objects.filter(
        user_id=user.username, strategy_id=strategy_id
    )
    return Subquery(mine.values("status")[:1])


def _refuse_inactive(strategy_id: str, status: str | None) -> None:
    if status is None:
        raise InvalidInput("strategy_id", f"You have no strategy {strategy_id}.")
    if status != StrategyStatus.ACTIVE:
        raise StrategyNotActive(f"Strategy {strategy_id} is {status}.")
